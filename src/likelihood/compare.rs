//! Two models read the same passages.

use super::LikelihoodError;
use super::passages::{Passage, Passages};
use super::result::TextLikelihood;
use super::sums::Sums;
use crate::lora::{Adapter, Stored};
use crate::model::Model;

/// A model that reads.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// For messages.
    pub name: &'a str,
    pub model: &'a Model,
    pub adapter: Option<&'a Adapter<Stored>>,
}

/// Tokens that one pass takes, at most, unless a single passage has more.
pub(super) const PASS: usize = 2048;
/// Log-probabilities of a model that are held at once: 16 MiB.
const HELD: usize = 1 << 22;

/// Log-probabilities of both models at each scored token of the text; `progress` gets the tokens that both have read.
///
/// # Errors
/// A model can't compute, was stopped, or gives what is no number.
pub fn compare(
    v1: Subject<'_>,
    v2: Subject<'_>,
    text: &Passages,
    progress: &mut dyn FnMut(u64),
) -> Result<TextLikelihood, LikelihoodError> {
    let (mut sums, mut read) = (Sums::default(), 0);
    let mut rest = text.passages.as_slice();
    while !rest.is_empty() {
        let mut tokens = 0;
        let fit = rest.iter().take_while(|p| {
            tokens += p.ids.len();
            tokens <= PASS
        });
        let (pass, later) = rest.split_at(fit.count().max(1));
        pair(v1, v2, Pass { passages: pass, text: text.name }, &mut sums)?;
        read += pass.iter().map(|p| p.ids.len() as u64).sum::<u64>();
        progress(read);
        rest = later;
    }
    Ok(sums.of(text))
}

/// Passages that are read together, the weights once for all.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub passages: &'a [Passage],
    /// For messages.
    pub text: &'static str,
}

impl Pass<'_> {
    /// The last hidden states of the positions that foresee a scored token.
    fn states(self, of: Subject<'_>) -> Result<Vec<f32>, LikelihoodError> {
        let positions = |p: &Passage| p.scored.iter().map(|i| i - 1).collect::<Vec<_>>();
        let positions: Vec<Vec<usize>> = self.passages.iter().map(positions).collect();
        let asked: Vec<_> =
            self.passages.iter().zip(&positions).map(|(p, at)| (p.ids.as_slice(), at.as_slice())).collect();
        Ok(of.model.states_at(of.adapter, &asked)?)
    }

    fn log_probs(self, of: Subject<'_>, states: &[f32]) -> Result<Vec<f32>, LikelihoodError> {
        let rows = of.model.log_probs_of(states)?;
        if rows.iter().any(|lp| !lp.is_finite()) {
            return Err(LikelihoodError::NotFinite { model: of.name.to_owned(), text: self.text });
        }
        Ok(rows)
    }

    fn targets(self) -> Vec<u32> {
        self.passages.iter().flat_map(|p| p.scored.iter().map(|&i| p.ids[i])).collect()
    }

    /// Of each passage: Σ log p of its scored tokens, in nats.
    pub(super) fn log_likelihoods(self, of: Subject<'_>) -> Result<Vec<f64>, LikelihoodError> {
        let (targets, states, vocab) = (self.targets(), self.states(of)?, of.model.vocab());
        let held = (HELD / vocab).max(1);
        let width = (states.len() / targets.len().max(1)).max(1);
        let mut of_tokens = Vec::with_capacity(targets.len());
        for (states, targets) in states.chunks(held * width).zip(targets.chunks(held)) {
            let rows = self.log_probs(of, states)?;
            of_tokens.extend(rows.chunks_exact(vocab).zip(targets).map(|(row, &id)| f64::from(row[id as usize])));
        }
        let mut of_tokens = of_tokens.into_iter();
        Ok(self.passages.iter().map(|p| of_tokens.by_ref().take(p.scored.len()).sum()).collect())
    }
}

fn pair(v1: Subject<'_>, v2: Subject<'_>, pass: Pass<'_>, sums: &mut Sums) -> Result<(), LikelihoodError> {
    let targets = pass.targets();
    let [first, second] = [pass.states(v1)?, pass.states(v2)?];
    let vocab = v1.model.vocab();
    let held = (HELD / vocab).max(1);
    // The two may differ in the width of their hidden states.
    let rows = |states: &[f32]| held * (states.len() / targets.len().max(1)).max(1);
    let parts = first.chunks(rows(&first)).zip(second.chunks(rows(&second))).zip(targets.chunks(held));
    for ((first, second), targets) in parts {
        let [p, q] = [pass.log_probs(v1, first)?, pass.log_probs(v2, second)?];
        for ((p, q), &target) in p.chunks_exact(vocab).zip(q.chunks_exact(vocab)).zip(targets) {
            sums.add(p, q, target);
        }
    }
    Ok(())
}
