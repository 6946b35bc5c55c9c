//! What `max_seq_len` took away is never silent.

use super::Context;
use crate::batch::{Cut, Encoded};

/// Places that are named in a message.
const SHOWN: usize = 20;

/// Says what was cut of `whose` sequences: rows, tokens, ends of turns.
pub(super) fn warn(context: &mut Context<'_>, whose: &str, encoded: &Encoded, limit: usize) {
    said(whose, encoded, limit).iter().for_each(|line| context.report.warn(line));
}

fn said(whose: &str, encoded: &Encoded, limit: usize) -> Vec<String> {
    let (out, cut): (Vec<&Cut>, Vec<&Cut>) = encoded.cuts.iter().partition(|cut| cut.left_out);
    let mut lines = Vec::new();
    if !cut.is_empty() {
        let sum = |of: fn(&Cut) -> usize| cut.iter().map(|c| of(c)).sum::<usize>();
        let all = encoded.examples.len();
        lines.push(format!(
            "{whose}: {} of {all} sequences are longer than max_seq_len {limit}: {} tokens are cut, {} of them trained, \
             and with them the end of {} turns ({}); a larger max_seq_len keeps them",
            cut.len(),
            sum(|c| c.tokens),
            sum(|c| c.trained),
            sum(|c| c.ends),
            listed(&cut)
        ));
    }
    if !out.is_empty() {
        lines.push(format!(
            "{whose}: {} sequences are left out: nothing that is trained is left of them within max_seq_len {limit} ({})",
            out.len(),
            listed(&out)
        ));
    }
    lines
}

fn listed(cuts: &[&Cut]) -> String {
    let mut words: Vec<String> = cuts.iter().take(SHOWN).map(|c| c.place.to_string()).collect();
    if cuts.len() > SHOWN {
        words.push(format!("and {} more", cuts.len() - SHOWN));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Place;

    #[test]
    fn rows_tokens_and_ends_are_counted() {
        let cut = |line, left_out| Cut { place: Place::line(line), tokens: 10, trained: 4, ends: 2, left_out };
        let example =
            crate::batch::Example { ids: vec![1, 2], mask: vec![false, true], line: 1, cut: 0, distilled: false };
        let encoded = Encoded { examples: vec![example; 30], cuts: (1..=25).map(|n| cut(n, n > 23)).collect() };
        let lines = said("training", &encoded, 64);
        for words in [
            "23 of 30 sequences",
            "max_seq_len 64",
            "230 tokens",
            "92 of them trained",
            "46 turns",
            "line 20, and 3 more",
        ] {
            assert!(lines[0].contains(words), "{words} not in {}", lines[0]);
        }
        assert!(
            lines[1].contains("2 sequences are left out") && lines[1].contains("(line 24, line 25)"),
            "{}",
            lines[1]
        );
        assert!(said("x", &Encoded { cuts: vec![], ..encoded }, 64).is_empty());
    }
}
