//! Rules of a `tokenizer.json` that a GGUF can't hold: the model that is served would make other tokens than were trained.
//! They are looked for by name here, in the file, before the library runs anything of it; `probe` looks for what is left.

use serde_json::Value as Json;

/// The first rule that a GGUF can't hold, as `the normalizer Lowercase`. `byte_level`: GPT-2's kind, not SentencePiece's.
pub(super) fn unkept(json: &Json, byte_level: bool) -> Option<String> {
    added_tokens(json)
        .or_else(|| normalizer(json, byte_level))
        .or_else(|| if byte_level { unknown_token(json) } else { pre_tokenizer(json) })
}

fn added_tokens(json: &Json) -> Option<String> {
    let tokens = json["added_tokens"].as_array()?;
    tokens.iter().find_map(|token| {
        let rule = ["lstrip", "rstrip", "single_word"].into_iter().find(|rule| token[*rule] == true)?;
        Some(format!("{rule} of the added token {}", token["content"]))
    })
}

/// A section's steps, where it is a sequence of them; its only one else. None of nothing.
fn steps<'j>(section: &'j Json, list: &str) -> Vec<&'j Json> {
    match section[list].as_array() {
        Some(steps) => steps.iter().flat_map(|step| self::steps(step, list)).collect(),
        None if section.is_null() => Vec::new(),
        None => vec![section],
    }
}

fn named(step: &Json) -> String {
    let name = step["type"].as_str().unwrap_or("without a type");
    match (&step["pattern"]["Regex"], &step["pattern"]["String"]) {
        (Json::String(regex), _) => format!("{name} ({})", cut(regex)),
        (_, Json::String(text)) => format!("{name} ({:?})", cut(text)),
        _ => name.to_owned(),
    }
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// llama.cpp normalises nothing; SentencePiece's mark for spaces is put in by its own rule.
fn normalizer(json: &Json, byte_level: bool) -> Option<String> {
    let kept = |step: &Json| match step["type"].as_str() {
        Some("Prepend") => !byte_level && step["prepend"] == "▁",
        Some("Replace") => !byte_level && step["pattern"]["String"] == " " && step["content"] == "▁",
        _ => false,
    };
    let steps = steps(&json["normalizer"], "normalizers");
    steps.into_iter().find(|step| !kept(step)).map(|step| format!("the normalizer {}", named(step)))
}

/// SentencePiece's rule in llama.cpp merges over all of a text.
fn pre_tokenizer(json: &Json) -> Option<String> {
    let kept = |step: &Json| match step["type"].as_str() {
        Some("Metaspace") => step["replacement"] == "▁",
        // Spaces are replaced before.
        Some("Split") => step["pattern"]["String"] == " " && step["behavior"] != "Removed",
        _ => false,
    };
    let steps = steps(&json["pre_tokenizer"], "pretokenizers");
    steps.into_iter().find(|step| !kept(step)).map(|step| format!("the pre-tokenizer {}", named(step)))
}

/// What is in no token is an unknown token here, and nothing in llama.cpp.
fn unknown_token(json: &Json) -> Option<String> {
    let unknown = json["model"]["unk_token"].as_str()?;
    let vocab = json["model"]["vocab"].as_object()?;
    let missing = (0..=255).any(|byte| !vocab.contains_key(super::pieces::stand_in(byte).to_string().as_str()));
    missing.then(|| format!("the unknown token {unknown:?} for bytes that are no tokens"))
}

/// The pre-tokenizer of a file, for a message.
pub(super) fn pre_tokenizer_words(json: &Json) -> String {
    let steps: Vec<String> = steps(&json["pre_tokenizer"], "pretokenizers")
        .into_iter()
        .map(|step| {
            // The settings by which a known step becomes another rule.
            let settings = ["add_prefix_space", "use_regex", "individual_digits", "behavior", "invert"];
            let said = settings.into_iter().filter(|key| !step[*key].is_null());
            let said: Vec<String> = said.map(|key| format!("{key} {}", step[key])).collect();
            if said.is_empty() { named(step) } else { format!("{} with {}", named(step), said.join(", ")) }
        })
        .collect();
    steps.join(", then ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes() -> Json {
        let all = (0..=255).map(|b| (crate::tokenizer::pieces::stand_in(b).to_string(), json!(b)));
        Json::Object(all.collect())
    }

    #[test]
    fn every_rule_is_named() {
        let plain = json!({"added_tokens": [{"content": "<a>", "lstrip": false}], "model": {"vocab": bytes()}});
        let with = |path: &str, value: Json| {
            let mut json = plain.clone();
            let (section, key) = path.split_once('.').unwrap_or((path, ""));
            if key.is_empty() {
                json[section] = value
            } else {
                json[section][key] = value
            }
            json
        };
        assert_eq!(unkept(&plain, true), None);
        for rule in ["lstrip", "rstrip", "single_word"] {
            for byte_level in [true, false] {
                let found = unkept(&with("added_tokens", json!([{"content": "<a>", rule: true}])), byte_level).unwrap();
                assert!(found.contains(rule) && found.contains("<a>"), "{found}");
            }
        }
        for kind in ["NFKC", "NFD", "Lowercase", "Strip", "StripAccents", "BertNormalizer", "Precompiled"] {
            for byte_level in [true, false] {
                let found = unkept(&with("normalizer", json!({"type": kind})), byte_level).unwrap();
                assert!(found.contains("normalizer") && found.contains(kind), "{found}");
            }
        }
        let space = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let prepend = json!({"type": "Prepend", "prepend": "▁"});
        let both = with("normalizer", json!({"type": "Sequence", "normalizers": [prepend, space]}));
        assert_eq!(unkept(&both, false), None);
        assert!(unkept(&both, true).unwrap().contains("Prepend"));
        let regex = json!({"type": "Sequence", "normalizers": [space, {"type": "Replace", "pattern": {"Regex": "(a*)*"}, "content": ""}]});
        assert!(unkept(&with("normalizer", regex), false).unwrap().contains("(a*)*"));
        for (pre, kept) in [
            (json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}), true),
            (json!({"type": "Metaspace", "replacement": "_"}), false),
            (json!({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}]}), false),
            (json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}), true),
        ] {
            assert_eq!(unkept(&with("pre_tokenizer", pre.clone()), false).is_none(), kept, "{pre}");
        }
        assert!(unkept(&with("model.unk_token", json!("<a>")), true).is_none());
        let few = json!({"model": {"vocab": {"a": 0}, "unk_token": "<a>"}});
        assert!(unkept(&few, true).unwrap().contains("unknown token"));
    }
}
