//! Held-out examples, and what is odd about a dataset without being a fault.

use std::collections::{HashMap, HashSet};

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::{Content, Record, RecordPlace};
use crate::chat::Role;
use crate::store::Digest;

/// (train, held out): by a hash of what is asked, so that no question stands on both sides, whatever its answer, case
/// or spacing. `share` (0 to 1) of the different questions is held out: at least one of two, never all. An example
/// keeps its side when others are added, but for those at the edge. Both sides keep the file's order.
pub fn split(records: Vec<Record>, share: f64, seed: u64) -> (Vec<Record>, Vec<Record>) {
    let keys: Vec<Digest> =
        records.iter().map(|r| Digest::of_bytes(format!("{seed}\0{}", asked(r)).as_bytes())).collect();
    let mut distinct: Vec<String> = keys.iter().map(Digest::hex).collect::<HashSet<_>>().into_iter().collect();
    distinct.sort();
    let n = distinct.len();
    let held = if share > 0.0 && n > 1 { ((share * n as f64).round() as usize).clamp(1, n - 1) } else { 0 };
    let held: HashSet<String> = distinct.into_iter().take(held).collect();
    let (mut train, mut out) = (Vec::new(), Vec::new());
    for (record, key) in records.into_iter().zip(keys) {
        if held.contains(&key.hex()) { &mut out } else { &mut train }.push(record);
    }
    (train, out)
}

/// The words of everyone but the assistant, in lower case and without spacing; a text as a whole.
fn asked(record: &Record) -> String {
    let words = |text: &str| {
        let composed: String = text.nfc().collect();
        composed.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    match &record.content {
        Content::Text(text) => format!("text\0{}", words(text)),
        Content::Chat(messages) => {
            messages.iter().filter(|m| m.role != Role::Assistant).map(|m| format!("{}\0", words(&m.content))).collect()
        }
    }
}

/// What a user should see before training; nothing is refused for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// The same example as an earlier one.
    Duplicate { place: RecordPlace, first: RecordPlace },
    /// The same question as an earlier one, with another answer.
    OtherAnswer { place: RecordPlace, first: RecordPlace },
    /// U+FFFD: a text that was read in the wrong encoding.
    Replacement { place: RecordPlace },
    /// Decomposed characters: they are trained as they are, and look like others that have other tokens.
    NotComposed { place: RecordPlace },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Duplicate { place, first } => write!(f, "{place}: the same example as {first}"),
            Self::OtherAnswer { place, first } => {
                write!(f, "{place}: the question of {first} with another answer")
            }
            Self::Replacement { place } => {
                write!(f, "{place}: holds U+FFFD, the mark of a text read in the wrong encoding")
            }
            Self::NotComposed { place } => write!(
                f,
                "{place}: is not in Unicode's composed form (NFC); it is trained as written, with other tokens than the \
                 composed text"
            ),
        }
    }
}

/// Duplicates, contradictions and broken characters, in the order of lines.
pub fn warnings(records: &[Record]) -> Vec<Warning> {
    let mut out = Vec::new();
    let mut seen: HashMap<String, Vec<&Record>> = HashMap::new();
    for record in records {
        let place = || record.place.clone();
        let same = seen.entry(asked(record)).or_default();
        match (same.iter().find(|r| r.content == record.content), same.first()) {
            (Some(equal), _) => out.push(Warning::Duplicate { place: place(), first: equal.place.clone() }),
            (None, Some(first)) => out.push(Warning::OtherAnswer { place: place(), first: first.place.clone() }),
            (None, None) => {}
        }
        same.push(record);
        if record.texts().any(|text| text.contains('\u{fffd}')) {
            out.push(Warning::Replacement { place: place() });
        }
        if record.texts().any(|text| !is_nfc(text)) {
            out.push(Warning::NotComposed { place: place() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::parse;

    fn many(n: usize) -> Vec<Record> {
        let lines: Vec<String> = (0..n)
            .map(|i| format!(r#"{{"prompt":"question {}","completion":"answer {i}"}}"#, i % (n - n / 10)))
            .collect();
        parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn no_question_stands_on_both_sides_and_the_share_is_kept() {
        let (train, held) = split(many(200), 0.1, 7);
        assert_eq!(train.len() + held.len(), 200);
        let questions: HashSet<String> = train.iter().map(asked).collect();
        assert!(held.iter().all(|r| !questions.contains(&asked(r))));
        assert_eq!(held.iter().map(asked).collect::<HashSet<_>>().len(), 18, "a tenth of the 180 different questions");
        assert!(train.windows(2).all(|w| w[0].place.number < w[1].place.number), "the order is the file's");
        assert_eq!(split(many(200), 0.1, 7).1, held);
        assert_ne!(split(many(200), 0.1, 8).1, held);
    }

    #[test]
    fn the_ends_of_the_share() {
        assert_eq!(split(many(20), 0.0, 1).1.len(), 0);
        assert_eq!(split(many(20), 1.0, 1).0.iter().map(asked).collect::<HashSet<_>>().len(), 1);
        assert_eq!(split(parse(r#"{"text":"one"}"#).unwrap(), 0.5, 1).1.len(), 0);
        assert_eq!(split(parse("{\"text\":\"one\"}\n{\"text\":\"two\"}").unwrap(), 0.01, 1).1.len(), 1);
    }

    #[test]
    fn duplicates_and_contradictions_are_seen() {
        let text = "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"A \",\"completion\":\"c\"}\n{\"text\":\"\u{fffd}\"}";
        let found = warnings(&parse(text).unwrap());
        let expected = [
            Warning::Duplicate { place: RecordPlace::line(2), first: RecordPlace::line(1) },
            Warning::OtherAnswer { place: RecordPlace::line(3), first: RecordPlace::line(1) },
            Warning::Replacement { place: RecordPlace::line(4) },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_composed_is_kept_and_warned_of() {
        let text = "{\"prompt\":\"caf\u{e9}\",\"completion\":\"e\u{301} \u{2126}\"}\n{\"prompt\":\"cafe\u{301}\",\"completion\":\"x\"}";
        let records = parse(text).unwrap();
        let Content::Chat(messages) = &records[0].content else { panic!("a conversation") };
        assert_eq!(messages[1].content, "e\u{301} \u{2126}");
        let expected = [
            Warning::NotComposed { place: RecordPlace::line(1) },
            Warning::OtherAnswer { place: RecordPlace::line(2), first: RecordPlace::line(1) },
            Warning::NotComposed { place: RecordPlace::line(2) },
        ];
        assert_eq!(warnings(&records), expected);
    }
}
