//! Why a run trains although its model was trained before: what of its inputs changed.

use super::state::Inputs;
use crate::commands::Failure;
use crate::config::RunConfig;
use crate::events::Note;
use crate::store::{Identity, RunDir, StepRecord};

/// A note where another run of this model has trained already; `prefix` is what the folders of its runs begin with.
pub(super) fn since_last(config: &RunConfig, prefix: &str, inputs: &Inputs) -> Result<Option<Note>, Failure> {
    let Ok(entries) = std::fs::read_dir(&config.runs_dir) else { return Ok(None) };
    let mut last: Option<(std::path::PathBuf, StepRecord)> = None;
    for path in entries.flatten().map(|e| e.path()) {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let digest = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        if digest.len() != 12 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            continue;
        }
        // A manifest that can't be read is that other run's trouble.
        let Ok(Some(record)) = RunDir::recorded(&path, "train") else { continue };
        if last.as_ref().is_none_or(|(_, newest)| newest.finished_at < record.finished_at) {
            last = Some((path, record));
        }
    }
    Ok(last.map(|(run, record)| Note::TrainedAgain { changed: parts(&record, inputs), run }))
}

/// `the base's chat template and tokenizer, the training options`
pub(super) fn words(record: &StepRecord, inputs: &Inputs) -> String {
    parts(record, inputs).join(", ")
}

/// What changed, one thing each.
fn parts(record: &StepRecord, inputs: &Inputs) -> Vec<String> {
    let changed = record.changed(inputs);
    let base: Vec<&str> = changed.iter().filter_map(|name| name.strip_prefix("base/")).collect();
    let mut words = Vec::new();
    // Earlier builds recorded the digest of the weights alone, as `base`.
    let old = !record.inputs.keys().any(|name| name.starts_with("base/"));
    if old {
        let same = record.inputs.get("base") == inputs.get(&format!("base/{}", Identity::WEIGHTS));
        words.push(match same {
            true => {
                "what is recorded of the base (an earlier build left out config, tokenizer and template)".to_owned()
            }
            false => "the base's weight file".to_owned(),
        });
    } else if !base.is_empty() {
        words.push(format!("the base's {}", Identity::list(&base)));
    }
    // Earlier builds recorded all options at once, as `config`: what changed of them can't be told.
    let older = record.inputs.contains_key("config");
    if older {
        words.push("how training options are recorded (that run is of an older version of tunesmith)".to_owned());
    }
    // The examples are recorded as they are served: with the base's SYSTEM.
    let system = base.contains(&Identity::SYSTEM);
    for (name, what) in [
        ("options", "the training options"),
        ("dataset", "the dataset's files"),
        ("trained", "the training data"),
        ("held_out", "the held-out data"),
        ("replay", "the replay file"),
        ("from_adapter", "the adapter that training begins from"),
    ] {
        let it = changed.iter().any(|c| c.split('/').next() == Some(name));
        if it && !(system && matches!(name, "trained" | "held_out")) && !(older && name == "options") {
            words.push(what.to_owned());
        }
    }
    if words.is_empty() {
        words.push("its inputs".to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn inputs(pairs: &[(&str, &str)]) -> Inputs {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn record(inputs: Inputs) -> StepRecord {
        StepRecord { inputs, outputs: BTreeMap::new(), seconds: 1.0, finished_at: String::new() }
    }

    #[test]
    fn what_changed_is_named_part_by_part() {
        let before =
            [("base", "1"), ("base/chat_template", "t"), ("base/weights", "w"), ("options", "c"), ("trained", "d")];
        let said = |change: &[(&str, &str)]| {
            let mut now = inputs(&before);
            now.extend(inputs(change));
            words(&record(inputs(&before)), &now)
        };
        assert_eq!(said(&[("base", "2"), ("base/chat_template", "u")]), "the base's chat template");
        assert_eq!(
            said(&[("base/chat_template", "u"), ("base/tokenizer", "k"), ("options", "e")]),
            "the base's chat template and tokenizer, the training options"
        );
        assert_eq!(said(&[("base/system", "s"), ("trained", "with s")]), "the base's SYSTEM prompt");
        assert_eq!(
            said(&[("trained", "e"), ("from_adapter/adapter_config.json", "a")]),
            "the training data, the adapter that training begins from"
        );
        let old = |base| words(&record(inputs(&[("base", base)])), &inputs(&[("base", "1"), ("base/weights", "w")]));
        assert!(old("w").contains("an earlier build"), "{}", old("w"));
        assert_eq!(old("v"), "the base's weight file");
        let base = [("base", "1"), ("base/weights", "w")];
        let (mut before, mut now) = (inputs(&base), inputs(&base));
        before.extend(inputs(&[("config", "c")]));
        now.extend(inputs(&[("options", "o")]));
        let words = words(&record(before), &now);
        assert_eq!(words, "how training options are recorded (that run is of an older version of tunesmith)");
    }
}
