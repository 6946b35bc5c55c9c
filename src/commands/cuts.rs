//! What `max_seq_len` took away is never silent.

use super::Context;
use crate::batch::{Cut, Encoded};
use crate::events::{Part, Warning};

/// Places that are named in a warning.
const SHOWN: usize = 20;

/// Says what was cut of the sequences of a part: rows, tokens, ends of turns.
pub(super) fn warn(context: &mut Context<'_>, part: Part, encoded: &Encoded, limit: usize) {
    warnings(part, encoded, limit).into_iter().for_each(|warning| context.report.warn(warning));
}

fn warnings(part: Part, encoded: &Encoded, limit: usize) -> Vec<Warning> {
    let (out, cut): (Vec<&Cut>, Vec<&Cut>) = encoded.cuts.iter().partition(|cut| cut.left_out);
    let mut warnings = Vec::new();
    if !cut.is_empty() {
        let sum = |of: fn(&Cut) -> usize| cut.iter().map(|c| of(c)).sum::<usize>();
        warnings.push(Warning::SequencesCut {
            part,
            sequences: cut.len(),
            of: encoded.examples.len(),
            max_seq_len: limit,
            tokens: sum(|c| c.tokens),
            trained: sum(|c| c.trained),
            turns: sum(|c| c.ends),
            places: places(&cut),
        });
    }
    if !out.is_empty() {
        let (sequences, places) = (out.len(), places(&out));
        warnings.push(Warning::SequencesLeftOut { part, sequences, max_seq_len: limit, places });
    }
    warnings
}

fn places(cuts: &[&Cut]) -> Vec<String> {
    cuts.iter().take(SHOWN).map(|c| c.place.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::RecordPlace;

    #[test]
    fn rows_tokens_and_ends_are_counted() {
        let cut = |line, left_out| Cut { place: RecordPlace::line(line), tokens: 10, trained: 4, ends: 2, left_out };
        let example =
            crate::batch::Example { ids: vec![1, 2], mask: vec![false, true], line: 1, cut: 0, distilled: false };
        let encoded = Encoded { examples: vec![example; 30], cuts: (1..=25).map(|n| cut(n, n > 23)).collect() };
        let [cut, left_out] = &warnings(Part::Training, &encoded, 64)[..] else { panic!("two warnings") };
        let line = |n: usize| format!("line {n}");
        let expected = Warning::SequencesCut {
            part: Part::Training,
            sequences: 23,
            of: 30,
            max_seq_len: 64,
            tokens: 230,
            trained: 92,
            turns: 46,
            places: (1..=20).map(line).collect(),
        };
        assert_eq!(*cut, expected);
        let places = vec![line(24), line(25)];
        assert_eq!(
            *left_out,
            Warning::SequencesLeftOut { part: Part::Training, sequences: 2, max_seq_len: 64, places }
        );
        assert!(warnings(Part::Replay, &Encoded { cuts: vec![], ..encoded }, 64).is_empty());
    }
}
