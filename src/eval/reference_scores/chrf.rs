//! chrF2 (Popović 2015) from 0 to 100: the F-score (beta 2) of character n-grams of 1 to 6 characters, equal to sacreBLEU
//! 2.6.0. White space does not count. Needs no tokenizer, so it suits every language and short answers.

use super::ngrams::{NgramCounts, ngram_total};
use super::segment::Segment;
use super::tokens::is_python_space;

/// Of the longest n-gram.
const MAX_ORDER: usize = 6;
/// Recall counts so many times as much as precision.
const BETA: f64 = 2.0;

/// One answer: against the reference that gives the best score.
pub(crate) fn sentence_chrf(answer: &str, references: &[&str]) -> f64 {
    Statistics::of(Segment { answer, references }).score()
}

/// All answers of a corpus; the counts of the answers are added, not their scores.
pub(crate) fn corpus_chrf(segments: &[Segment<'_>]) -> f64 {
    let mut sum = Statistics::default();
    segments.iter().for_each(|segment| sum.add(&Statistics::of(*segment)));
    sum.score()
}

/// N-grams of one order.
#[derive(Clone, Copy, Default)]
struct OrderCounts {
    /// Of the answer; none where the reference has no n-gram of the order.
    answer: usize,
    reference: usize,
    matched: usize,
}

#[derive(Clone, Copy, Default)]
struct Statistics([OrderCounts; MAX_ORDER]);

impl Statistics {
    fn of(segment: Segment<'_>) -> Self {
        let answer = characters(segment.answer);
        let given: Vec<_> = (1..=MAX_ORDER).map(|order| NgramCounts::new(&answer, order)).collect();
        let mut best: Option<Self> = None;
        for reference in segment.references {
            let reference = characters(reference);
            let statistics = Self(std::array::from_fn(|i| {
                let wanted = ngram_total(reference.len(), i + 1);
                OrderCounts {
                    answer: if wanted == 0 { 0 } else { ngram_total(answer.len(), i + 1) },
                    reference: wanted,
                    matched: given[i].matched(&NgramCounts::new(&reference, i + 1)),
                }
            }));
            // Of equals the first, whose counts go into the corpus' score.
            if best.is_none_or(|best| statistics.score() > best.score()) {
                best = Some(statistics);
            }
        }
        best.unwrap_or_default()
    }

    fn add(&mut self, other: &Self) {
        for (sum, counts) in self.0.iter_mut().zip(other.0) {
            sum.answer += counts.answer;
            sum.reference += counts.reference;
            sum.matched += counts.matched;
        }
    }

    /// The F-score of mean precision and mean recall, over the orders of which both texts have an n-gram.
    fn score(&self) -> f64 {
        let counted: Vec<_> = self.0.iter().filter(|counts| counts.answer > 0 && counts.reference > 0).collect();
        let mean = |of: fn(&OrderCounts) -> usize| {
            let ratios = counted.iter().map(|counts| counts.matched as f64 / of(counts) as f64);
            ratios.sum::<f64>() / counted.len().max(1) as f64
        };
        let (precision, recall) = (mean(|counts| counts.answer), mean(|counts| counts.reference));
        if precision + recall <= 0.0 {
            return 0.0;
        }
        let factor = BETA * BETA;
        100.0 * ((1.0 + factor) * precision * recall / (factor * precision + recall))
    }
}

fn characters(text: &str) -> Vec<char> {
    text.chars().filter(|c| !is_python_space(*c)).collect()
}
