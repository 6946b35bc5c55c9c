//! How many of the corpus' facts the training examples teach, and how many examples it would take to teach all of them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::parts::{Part, Planned};

/// What the examples teach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// Training, validation and test.
    pub examples: usize,
    pub train: usize,
    /// Training examples that state the value of one fact, and of nothing else.
    pub train_facts: usize,
    /// Different facts that these state.
    pub facts_taught: usize,
    /// Of the corpus.
    pub facts_all: usize,
    /// Of sources that are set aside.
    pub facts_unseen: usize,
    /// Facts with a usable question of their own, without those of sources that are set aside.
    pub facts_teachable: usize,
    /// Training wordings of a fact that were wanted.
    pub wordings: usize,
    /// The count, over all parts, whose training examples teach all teachable facts; None: no count does.
    pub count_for_all: Option<usize>,
}

/// What could be taught.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Teachable {
    pub facts_all: usize,
    pub facts_unseen: usize,
    pub facts_teachable: usize,
    pub count_for_all: Option<usize>,
    pub wordings: usize,
}

impl Coverage {
    pub(super) fn measure(examples: &[Planned], teachable: Teachable) -> Self {
        let counted = examples.iter().filter(|example| example.part != Part::Unseen).count();
        let train = examples.iter().filter(|example| example.part == Part::Train);
        let facts = || train.clone().filter(|example| example.draft.teaches());
        let taught: BTreeSet<usize> = facts().flat_map(|example| &example.draft.facts).copied().collect();
        Self {
            examples: counted,
            train: train.clone().count(),
            train_facts: facts().count(),
            facts_taught: taught.len(),
            facts_all: teachable.facts_all,
            facts_unseen: teachable.facts_unseen,
            facts_teachable: teachable.facts_teachable,
            wordings: teachable.wordings,
            count_for_all: teachable.count_for_all,
        }
    }

    /// Of the corpus' facts, in percent.
    pub fn percent(&self) -> f64 {
        percent(self.facts_taught, self.facts_all)
    }

    /// Whether every fact with a question of its own is taught.
    pub fn teaches_all(&self) -> bool {
        self.facts_taught >= self.facts_teachable
    }

    /// For people: `1,000 examples teach 200 of 6,048 facts at 4 wordings (3 %), or about 800 at one …`.
    pub fn sentence(&self) -> String {
        let examples = grouped(self.examples);
        if self.facts_all == 0 {
            return format!("{examples} examples; the documents state no facts whose coverage could be counted");
        }
        if self.train_facts == 0 {
            return format!("{examples} examples, none of which teaches one of the {} facts", grouped(self.facts_all));
        }
        let (taught, all) = (grouped(self.facts_taught), grouped(self.facts_all));
        let mean = self.train_facts as f64 / self.facts_taught.max(1) as f64;
        let wordings = match mean {
            mean if (mean - self.wordings as f64).abs() < 0.05 && self.wordings == 1 => "one wording".to_owned(),
            mean if (mean - self.wordings as f64).abs() < 0.05 => format!("{} wordings", self.wordings),
            mean => format!("{mean:.1} wordings on average"),
        };
        let share = rounded(self.percent());
        let mut sentence = format!("{examples} examples teach {taught} of {all} facts at {wordings} ({share} %)");
        if !self.teaches_all() {
            let single = self.train_facts.min(self.facts_teachable);
            if self.wordings > 1 && single > self.facts_taught {
                let share = rounded(percent(single, self.facts_all));
                let at_one =
                    format!(", or about {} at one ({share} %, hardly learnable; `--wordings 1`)", grouped(single));
                sentence.push_str(&at_one);
            }
            if let Some(count) = self.count_for_all {
                sentence.push_str(&format!("; `--count {count}` teaches all that have a question of their own"));
            }
        }
        if self.facts_unseen > 0 {
            sentence.push_str(&format!("; {} facts are of sources set aside as unseen", grouped(self.facts_unseen)));
        }
        sentence
    }
}

/// Of the test questions about one fact, the share whose fact a training example states; None without such questions.
pub(super) fn taught_test_share(examples: &[Planned]) -> Option<f64> {
    let of = |part: Part| examples.iter().filter(move |e| e.part == part && e.draft.teaches());
    let taught: BTreeSet<usize> = of(Part::Train).flat_map(|example| &example.draft.facts).copied().collect();
    let known = of(Part::Test).filter(|example| example.draft.facts.iter().all(|fact| taught.contains(fact))).count();
    let all = of(Part::Test).count();
    (all > 0).then(|| known as f64 / all as f64)
}

fn percent(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { 100.0 * part as f64 / all as f64 }
}

/// Whole percents, but never 0 or 100 where that is not so.
fn rounded(percent: f64) -> String {
    match percent {
        p if p > 0.0 && p < 0.5 => "<1".into(),
        p if p > 99.5 && p < 100.0 => ">99".into(),
        p => format!("{p:.0}"),
    }
}

/// With a comma before each third digit from the right.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_is_taught_and_what_it_would_take() {
        let coverage = Coverage {
            examples: 1000,
            train: 800,
            train_facts: 800,
            facts_taught: 200,
            facts_all: 6048,
            facts_unseen: 0,
            facts_teachable: 6048,
            wordings: 4,
            count_for_all: Some(35_240),
        };
        assert_eq!(
            coverage.sentence(),
            "1,000 examples teach 200 of 6,048 facts at 4 wordings (3 %), or about 800 at one (13 %, hardly learnable; \
             `--wordings 1`); `--count 35240` teaches all that have a question of their own"
        );
        let all = Coverage { train_facts: 26_000, facts_taught: 6048, ..coverage.clone() };
        assert_eq!(all.sentence(), "1,000 examples teach 6,048 of 6,048 facts at 4.3 wordings on average (100 %)");
        let none = Coverage { facts_all: 0, facts_taught: 0, facts_teachable: 0, ..coverage };
        assert!(none.sentence().contains("no facts"));
    }

    #[test]
    fn numbers_are_grouped_and_shares_never_say_none_or_all_where_it_is_not_so() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.2, 12.6, 99.7, 100.0].map(rounded), ["0", "<1", "13", ">99", "100"]);
    }
}
