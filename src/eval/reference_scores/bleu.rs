//! BLEU (Papineni, Roukos, Ward and Zhu 2002) from 0 to 100, equal to sacreBLEU 2.6.0 (Post 2018) with `smooth:exp`, which is
//! method 3 of Chen and Cherry 2014.
//!
//! Python 3.12 and newer add the four logarithms with compensation, Python 3.11 and this module do not: the last bits of a
//! score differ between versions of Python. Above 100, which sacreBLEU's rounding exceeds by 4e-14, a score is cut.

use super::ngrams::{NgramCounts, ngram_total};
use super::segment::Segment;
use super::tokens::{BleuTokenizer, split_python};

/// Of the longest n-gram.
const MAX_ORDER: usize = 4;

/// sacreBLEU's logarithm of zero.
const LOG_OF_ZERO: f64 = -9_999_999_999.0;

/// `eff:yes`: one answer. Orders for which the answer is too short are left out of the mean.
pub(crate) fn sentence_bleu(tokenizer: BleuTokenizer, answer: &str, references: &[&str]) -> f64 {
    Statistics::of(tokenizer, Segment { answer, references }).score(OrdersInMean::Effective)
}

/// `eff:no`: all answers of a corpus; the counts of the answers are added, not their scores.
pub(crate) fn corpus_bleu(tokenizer: BleuTokenizer, segments: &[Segment<'_>]) -> f64 {
    let mut sum = Statistics::default();
    segments.iter().for_each(|segment| sum.add(&Statistics::of(tokenizer, *segment)));
    sum.score(OrdersInMean::All)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OrdersInMean {
    /// Up to the last order of which the answer has an n-gram.
    Effective,
    All,
}

/// What a score is computed from. Lengths are in tokens.
#[derive(Default)]
struct Statistics {
    answer_length: usize,
    /// Of each answer's reference of the nearest length.
    reference_length: usize,
    /// By order: n-grams of the answer that a reference has, and all.
    matched: [usize; MAX_ORDER],
    total: [usize; MAX_ORDER],
}

impl Statistics {
    fn of(tokenizer: BleuTokenizer, segment: Segment<'_>) -> Self {
        let answer = tokenizer.tokenize(segment.answer);
        let references: Vec<String> = segment.references.iter().map(|text| tokenizer.tokenize(text)).collect();
        let answer: Vec<&str> = split_python(&answer).collect();
        let references: Vec<Vec<&str>> = references.iter().map(|text| split_python(text).collect()).collect();

        let lengths = references.iter().map(Vec::len);
        // Of equally near lengths the shorter one.
        let nearest = lengths.min_by_key(|length| (length.abs_diff(answer.len()), *length));
        let mut statistics = Self {
            answer_length: answer.len(),
            reference_length: nearest.unwrap_or(0),
            total: std::array::from_fn(|i| ngram_total(answer.len(), i + 1)),
            ..Self::default()
        };
        for (order, matched) in (1..).zip(&mut statistics.matched) {
            let mut wanted = NgramCounts::new(&[], order);
            references.iter().for_each(|reference| wanted.take_larger(NgramCounts::new(reference, order)));
            *matched = NgramCounts::new(&answer, order).matched(&wanted);
        }
        statistics
    }

    fn add(&mut self, other: &Self) {
        self.answer_length += other.answer_length;
        self.reference_length += other.reference_length;
        self.matched.iter_mut().zip(other.matched).for_each(|(sum, n)| *sum += n);
        self.total.iter_mut().zip(other.total).for_each(|(sum, n)| *sum += n);
    }

    fn score(&self, orders: OrdersInMean) -> f64 {
        if self.matched == [0; MAX_ORDER] {
            return 0.0;
        }
        let mut precisions = [0.0; MAX_ORDER];
        let mut in_mean = MAX_ORDER;
        // Of the n-th order without a match, one n-gram counts as 1 / 2^n of a match.
        let mut smoothing = 1.0;
        for (i, precision) in precisions.iter_mut().enumerate() {
            let (matched, total) = (self.matched[i] as f64, self.total[i] as f64);
            if self.total[i] == 0 {
                break;
            }
            if orders == OrdersInMean::Effective {
                in_mean = i + 1;
            }
            *precision = if self.matched[i] == 0 {
                smoothing *= 2.0;
                100.0 / (smoothing * total)
            } else {
                100.0 * matched / total
            };
        }
        let log = |p: &f64| if *p == 0.0 { LOG_OF_ZERO } else { p.ln() };
        let mean = precisions.iter().take(in_mean).map(log).sum::<f64>() / in_mean as f64;
        (self.brevity_penalty() * mean.exp()).min(100.0)
    }

    /// Below 1 for an answer that is shorter than its reference.
    fn brevity_penalty(&self) -> f64 {
        match self.answer_length {
            0 if self.reference_length > 0 => 0.0,
            length if length < self.reference_length => (1.0 - self.reference_length as f64 / length as f64).exp(),
            _ => 1.0,
        }
    }
}
