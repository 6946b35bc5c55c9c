//! Records that mean something else than a text to be learned: preferences, images, tool definitions.

use serde_json::{Map, Value};

use super::findings::Findings;

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
const MEDIA: &[&str] = &[
    "image",
    "images",
    "image_path",
    "image_url",
    "pixel_values",
    "video",
    "videos",
    "video_url",
    "audio",
    "audios",
    "audio_url",
    "input_audio",
];

/// Every key of a record that this module reads.
pub fn known(key: &str) -> bool {
    key == "tools" || key == "functions" || PREFERENCE_PAIRS.contains(&key) || MEDIA.contains(&key)
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
        if object.get(*key).is_some_and(is_verdict) {
            faults.push(format!(
                "has {key}: preference data cannot be trained on (a bad answer would be learned like a good one); \
                 keep the records with good answers and remove the key: jq -c 'select(.{key} == true) | del(.{key})'"
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
    for key in MEDIA {
        if given(object.get(*key)) {
            let place = if name.is_empty() { String::new() } else { format!("{name} ") };
            faults.push(format!(
                "{place}has {key}: only text is trained; take out the examples that need it, or {key} and its placeholders in the text"
            ));
        }
    }
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

/// Good or bad, as KTO's data write it; a category that is named `label` is not.
fn is_verdict(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Number(n) => matches!(n.as_f64(), Some(v) if v == 0.0 || v == 1.0 || v == -1.0),
        Value::String(text) => matches!(
            text.trim().to_ascii_lowercase().as_str(),
            "true" | "false" | "0" | "1" | "good" | "bad" | "chosen" | "rejected" | "desirable" | "undesirable"
        ),
        _ => false,
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
        for json in [
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
}
