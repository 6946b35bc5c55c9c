//! Records that mean something else than a text to be learned: preferences, images, tool definitions.

use serde_json::{Map, Value};

use super::findings::Findings;
use super::json::plain;
use super::keys::has_word;

/// Keys of a good and a bad answer, also where they say only which of them the record's answer is (`"chosen": false`).
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
/// Keys whose value may be a verdict on the record's answer.
const PREFERENCE_LABELS: &[&str] =
    &[LABEL, "kto_tag", "kto_label", "preference", "preferred", "is_preferred", "desirable", "accepted", "feedback"];
/// Names the class of a text as often as it judges an answer.
const LABEL: &str = "label";
/// What the keys of media have in their names: `images`, `image_path`, `imageUrl`, `pixel_values`, `input_audio` …
const MEDIA: &[&str] = &["image", "video", "audio", "pixel"];
/// Words of their names: other words begin in the same way (`photosynthesis`).
const MEDIA_WORDS: &[&str] =
    &["img", "imgs", "picture", "pictures", "photo", "photos", "wav", "wavs", "speech", "frames"];
/// Keys with such a name whose value is a text to read. The first is refused by [`super::turns`], in its own words.
const TEXTS: &[&str] = &["audio_transcript", "part_of_speech", "parts_of_speech"];
/// Keys of media that one fault names, at most.
const MAX_KEYS: usize = 5;

/// Every key of a record that this module reads.
pub(super) fn known(key: &str) -> bool {
    key == "tools" || key == "functions" || PREFERENCE_PAIRS.contains(&key) || is_media(key)
}

fn is_media(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let names_media = || MEDIA.iter().any(|part| lower.contains(part)) || has_word(key, MEDIA_WORDS);
    !TEXTS.contains(&key) && (lower == "media" || names_media())
}

/// Faults of a whole record.
pub(super) fn check(object: &Map<String, Value>, faults: &mut Findings) {
    let is_pair = |key: &&str| given(object.get(*key)) && good_flag(key, &object[*key]).is_none();
    let pairs: Vec<&str> = PREFERENCE_PAIRS.iter().copied().filter(is_pair).collect();
    if let Some(first) = pairs.first() {
        let good = if is_of_bad_answers(first) { "the good answer" } else { first };
        faults.push(format!(
            "has {}: preference data cannot be trained on (answers are learned as they stand); keep the prompt with {good} as the completion",
            pairs.join(" and ")
        ));
    }
    for key in PREFERENCE_LABELS.iter().chain(PREFERENCE_PAIRS) {
        let good = object.get(*key).map_or(Vec::new(), |value| good_verdicts(key, value));
        if good.is_empty() {
            continue;
        }
        let good: Vec<_> = good.iter().map(|value| format!(".{key} == {value}")).collect();
        faults.push(format!(
            "has {key}: preference data cannot be trained on (a bad answer would be learned like a good one); \
             keep the records with good answers and remove the key: jq -c 'select({}) | del(.{key})'",
            good.join(" or ")
        ));
    }
    media(object, "", faults);
}

/// Tool definitions beside a conversation; a plain text has its own in it.
pub(super) fn tools(object: &Map<String, Value>, faults: &mut Findings) {
    for key in ["tools", "functions"] {
        if given(object.get(key)) {
            faults.push(format!("has {key}, which cannot be trained on: the served prompt has no tool definitions"));
        }
    }
}

/// Faults of what an object (a record or a turn) carries beside its text.
pub(super) fn media(object: &Map<String, Value>, name: &str, faults: &mut Findings) {
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
pub(super) fn given(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !matches!(text.trim(), "" | "[]" | "{}" | "null" | "None"),
        Some(Value::Array(list)) => list.iter().any(|item| given(Some(item))),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(_) => true,
    }
}

/// The words for a good and a bad answer.
const VERDICTS: &[(&str, &str)] = &[
    ("true", "false"),
    ("1", "0"),
    ("good", "bad"),
    ("chosen", "rejected"),
    ("accepted", "rejected"),
    ("desirable", "undesirable"),
    ("thumbs_up", "thumbs_down"),
];
/// Words that are verdicts, but as a [`LABEL`] also classes of texts: of a sentiment, of a question.
const VERDICTS_BUT_CLASSES: &[(&str, &str)] = &[("positive", "negative"), ("yes", "no")];

/// Where the value of a key is a verdict, good or bad, as KTO's data write it: the good ones in its form, as JSON. A text
/// is one under [`PREFERENCE_LABELS`] only; a category that is named `label` is none.
fn good_verdicts(key: &str, value: &Value) -> Vec<String> {
    let text = match value {
        Value::String(text) if PREFERENCE_LABELS.contains(&key) => text,
        other => return good_flag(key, other).into_iter().collect(),
    };
    let said = text.trim();
    let lower = said.to_ascii_lowercase();
    let classes: &[_] = if key == LABEL { &[] } else { VERDICTS_BUT_CLASSES };
    let verdicts = VERDICTS.iter().chain(classes).filter(|(good, bad)| [*good, *bad].contains(&lower.as_str()));
    let in_its_form = |good: &str| if lower == good { said.to_owned() } else { in_case_of(said, good) };
    verdicts.map(|(good, _)| Value::from(text.replace(said, &in_its_form(good))).to_string()).collect()
}

/// Where the value of a key says yes or no to a good answer, or to a bad one: what it is of good answers, as JSON.
fn good_flag(key: &str, value: &Value) -> Option<String> {
    let good = !is_of_bad_answers(key);
    match value {
        Value::Bool(_) => Some(good.to_string()),
        Value::Number(n) if [0.0, 1.0, -1.0].iter().any(|v| n.as_f64() == Some(*v)) => Some(u8::from(good).to_string()),
        _ => None,
    }
}

fn is_of_bad_answers(key: &str) -> bool {
    key.contains("reject") || key.contains("non_")
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
            (r#"{"prompt":"p","completion":"c","chosen":false}"#, "has chosen: preference data"),
            (r#"{"chosen":true}"#, "select(.chosen == true)"),
            (r#"{"chosen":0}"#, "select(.chosen == 1)"),
            (r#"{"rejected":true}"#, "select(.rejected == false)"),
            (r#"{"rejected":0}"#, "select(.rejected == 0)"),
            (r#"{"desirable":false}"#, "has desirable"),
            (r#"{"is_preferred":0}"#, "has is_preferred"),
            (r#"{"preferred":"no"}"#, r#"select(.preferred == "yes")"#),
            (r#"{"accepted":"False"}"#, r#"select(.accepted == "True")"#),
            (r#"{"feedback":"Negative"}"#, r#"select(.feedback == "Positive")"#),
            (r#"{"feedback":"thumbs_down"}"#, r#"select(.feedback == "thumbs_up")"#),
            (r#"{"feedback":"Thumbs_Up"}"#, r#"select(.feedback == "Thumbs_Up")"#),
            (r#"{"label":"rejected"}"#, r#"select(.label == "chosen" or .label == "accepted")"#),
            (r#"{"chosen":"a","rejected":"b"}"#, "has chosen and rejected: preference data"),
            (r#"{"rejected_response":"b"}"#, "has rejected_response"),
            (r#"{"chosen":"Yes","rejected":"No"}"#, "has chosen and rejected: preference data"),
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
            (r#"{"img":"x.png"}"#, "has img: only text is trained"),
            (r#"{"img_path":"x.png"}"#, "has img_path"),
            (r#"{"userPhoto":"x.png"}"#, "has userPhoto"),
            (r#"{"pictures":["x.png"]}"#, "has pictures"),
            (r#"{"wav":"x.wav"}"#, "has wav"),
            (r#"{"speech":{"path":"x.flac"}}"#, "has speech"),
            (r#"{"frames":["x.png"]}"#, "has frames"),
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
            r#"{"photosynthesis":"p","photography":1,"pictured":1,"timeframes":1,"waves":1,"part_of_speech":"noun","img":""}"#,
            r#"{"label":"weather","labels":null,"chosen":null,"rejected":""}"#,
            // Classes of texts.
            r#"{"label":"positive","preference":"vegetarian","feedback":"It is cold.","accepted":"2024-05-01"}"#,
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
            (r#"{"kto_label":"REJECTED"}"#, r#".kto_label == "CHOSEN" or "#),
            (r#"{"preference":" undesirable "}"#, r#".preference == " desirable ")"#),
            (r#"{"label":"0"}"#, r#".label == "1")"#),
        ] {
            let found = faults(json);
            assert!(found.len() == 1 && found[0].contains(kept), "{json}: {found:?}");
        }
    }
}
