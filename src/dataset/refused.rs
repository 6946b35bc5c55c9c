//! Records that mean something else than a text to be learned: preferences, images, tool definitions.

use serde_json::{Map, Value};

use super::findings::Findings;
use super::json::plain;

const PREFERENCE_PAIRS: &[&str] = &[
    "chosen",
    "rejected",
    "chosen_messages",
    "rejected_messages",
    "chosen_response",
    "rejected_response",
    "rejected_answer",
    "preferred_output",
    "non_preferred_output",
];
const PREFERENCE_LABELS: &[&str] = &["label", "kto_tag", "kto_label", "preference"];
/// What the keys of media have in their names: `images`, `image_path`, `imageUrl`, `pixel_values`, `input_audio` …
const MEDIA: &[&str] = &["image", "video", "audio", "pixel"];
/// Keys with such a name whose value is a text to read, which [`super::turns`] refuses in its own words.
const TEXTS: &[&str] = &["audio_transcript"];
/// Keys of media that one fault names, at most.
const MAX_KEYS: usize = 5;

/// Every key of a record that this module reads.
pub fn known(key: &str) -> bool {
    key == "tools" || key == "functions" || PREFERENCE_PAIRS.contains(&key) || is_media(key)
}

fn is_media(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    !TEXTS.contains(&key) && (lower == "media" || MEDIA.iter().any(|word| lower.contains(word)))
}

/// Faults of a whole record.
pub fn check(object: &Map<String, Value>, faults: &mut Findings) {
    let pairs: Vec<&str> = PREFERENCE_PAIRS.iter().copied().filter(|k| given(object.get(*k))).collect();
    if let Some(first) = pairs.first() {
        let good = if first.contains("reject") || first.contains("non_") { "the good answer" } else { first };
        faults.push(format!(
            "has {}: preference data cannot be trained on (answers are learned as they stand); keep the prompt with {good} as the completion",
            pairs.join(" and ")
        ));
    }
    for key in PREFERENCE_LABELS {
        if let Some(good) = object.get(*key).and_then(good_verdict) {
            faults.push(format!(
                "has {key}: preference data cannot be trained on (a bad answer would be learned like a good one); \
                 keep the records with good answers and remove the key: jq -c 'select(.{key} == {good}) | del(.{key})'"
            ));
        }
    }
    media(object, "", faults);
}

/// Tool definitions beside a conversation; a plain text has its own in it.
pub fn tools(object: &Map<String, Value>, faults: &mut Findings) {
    for key in ["tools", "functions"] {
        if given(object.get(key)) {
            faults.push(format!("has {key}, which cannot be trained on: the served prompt has no tool definitions"));
        }
    }
}

/// Faults of what an object (a record or a turn) carries beside its text.
pub fn media(object: &Map<String, Value>, name: &str, faults: &mut Findings) {
    let holding = object.iter().filter(|(key, value)| is_media(key) && given(Some(*value)) && **value != 0);
    let keys: Vec<String> = holding.map(|(key, _)| plain(key)).collect();
    if keys.is_empty() {
        return;
    }
    let place = if name.is_empty() { String::new() } else { format!("{name} ") };
    let more = keys.len().saturating_sub(MAX_KEYS);
    let shown = keys[..keys.len() - more].join(" and ");
    let shown = if more == 0 { shown } else { format!("{shown} and {more} more such keys") };
    let (it, its) = if keys.len() == 1 { ("it", "its") } else { ("them", "their") };
    faults.push(format!(
        "{place}has {shown}: only text is trained; take out the examples that need {it}, or {shown} and {its} placeholders in the text"
    ));
}

/// Null, empty lists, empty objects and empty texts mean nothing, also when they are written as a text.
pub fn given(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !matches!(text.trim(), "" | "[]" | "{}" | "null" | "None"),
        Some(Value::Array(list)) => list.iter().any(|item| given(Some(item))),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(_) => true,
    }
}

/// The words for a good and a bad answer.
const VERDICTS: &[(&str, &str)] =
    &[("true", "false"), ("1", "0"), ("good", "bad"), ("chosen", "rejected"), ("desirable", "undesirable")];

/// Where a value is a verdict, good or bad, as KTO's data write it: the good one in its form, as JSON. A category that is
/// named `label` is none.
fn good_verdict(value: &Value) -> Option<String> {
    match value {
        Value::Bool(_) => Some("true".to_owned()),
        Value::Number(n) if [0.0, 1.0, -1.0].iter().any(|v| n.as_f64() == Some(*v)) => Some("1".to_owned()),
        Value::String(text) => {
            let said = text.trim();
            let lower = said.to_ascii_lowercase();
            let (good, _) = VERDICTS.iter().find(|(good, bad)| [*good, *bad].contains(&lower.as_str()))?;
            Some(Value::from(text.replace(said, &in_case_of(said, good))).to_string())
        }
        _ => None,
    }
}

/// `word`, which is written small, in the letters of `model`: `true`, `True` or `TRUE`.
fn in_case_of(model: &str, word: &str) -> String {
    let capital = |c: Option<char>| c.is_some_and(|c| c.is_ascii_uppercase());
    match (capital(model.chars().next()), capital(model.chars().last())) {
        (true, true) => word.to_ascii_uppercase(),
        (true, false) => word[..1].to_ascii_uppercase() + &word[1..],
        (false, _) => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Vec<String> {
        let Value::Object(object) = serde_json::from_str(json).unwrap() else { panic!("{json}") };
        let mut faults = Findings::default();
        check(&object, &mut faults);
        tools(&object, &mut faults);
        faults.faults
    }

    #[test]
    fn preferences_media_and_tools_are_named() {
        for (json, part) in [
            (r#"{"label":false}"#, "has label: preference data"),
            (r#"{"label":1}"#, "has label"),
            (r#"{"kto_tag":"True"}"#, "has kto_tag"),
            (r#"{"chosen":"a","rejected":"b"}"#, "has chosen and rejected: preference data"),
            (r#"{"rejected_response":"b"}"#, "has rejected_response"),
            (r#"{"images":["a.png"]}"#, "has images"),
            (r#"{"video":"a.mp4"}"#, "has video"),
            (r#"{"audio":{"path":"a.wav"}}"#, "has audio"),
            (r#"{"tools":[{"type":"function"}]}"#, "has tools"),
            (r#"{"tools":"[{}, 1]"}"#, "has tools"),
        ] {
            let found = faults(json);
            assert!(found.len() == 1 && found[0].contains(part), "{json}: {found:?}");
        }
        for (json, part) in [
            (r#"{"image_paths":["x.png"]}"#, "has image_paths: only text is trained"),
            (r#"{"image_file":"x.png"}"#, "has image_file"),
            (r#"{"video_path":"x.mp4"}"#, "has video_path"),
            (r#"{"imageUrl":{"url":"x"}}"#, "has imageUrl"),
            (r#"{"media":["x"]}"#, "has media"),
            (r#"{"has_image":true}"#, "has has_image"),
            (
                r#"{"image":"a","audio_path":"b"}"#,
                "has image and audio_path: only text is trained; take out the examples that need them",
            ),
            (
                r#"{"i1image":1,"i2image":1,"i3image":1,"i4image":1,"i5image":1,"i6image":1}"#,
                "and i5image and 1 more such keys",
            ),
        ] {
            let found = faults(json);
            assert!(found.len() == 1 && found[0].contains(part), "{json}: {found:?}");
        }
        for json in [
            r#"{"image_count":0,"has_image":false,"image_paths":[],"pixel_values":null,"media":"","audio_transcript":"t"}"#,
            r#"{"mediator":"m","imaginary":1}"#,
            r#"{"label":"weather","labels":null,"chosen":null,"rejected":""}"#,
            r#"{"images":[],"image":"","video":null,"audios":[null]}"#,
            r#"{"tools":""}"#,
            r#"{"tools":"[]"}"#,
            r#"{"tools":" [] "}"#,
            r#"{"tools":[]}"#,
            r#"{"tools":null}"#,
            r#"{"tools":{}}"#,
        ] {
            assert_eq!(faults(json), Vec::<String>::new(), "{json}");
        }
    }

    #[test]
    fn the_remedy_compares_with_the_verdicts_own_form() {
        for (json, kept) in [
            (r#"{"label":true}"#, ".label == true)"),
            (r#"{"label":false}"#, ".label == true)"),
            (r#"{"label":1}"#, ".label == 1)"),
            (r#"{"label":-1}"#, ".label == 1)"),
            (r#"{"label":0.0}"#, ".label == 1)"),
            (r#"{"label":"good"}"#, r#".label == "good")"#),
            (r#"{"label":"bad"}"#, r#".label == "good")"#),
            (r#"{"kto_tag":"False"}"#, r#".kto_tag == "True")"#),
            (r#"{"kto_label":"REJECTED"}"#, r#".kto_label == "CHOSEN")"#),
            (r#"{"preference":" undesirable "}"#, r#".preference == " desirable ")"#),
            (r#"{"label":"0"}"#, r#".label == "1")"#),
        ] {
            let found = faults(json);
            assert!(found.len() == 1 && found[0].contains(kept), "{json}: {found:?}");
        }
    }
}
