//! A text as a hasty or a spoken user would write it.

use rand_chacha::ChaCha8Rng;

use crate::corpus::Language;
use crate::generate::Noise;

use super::names::EntityNames;
use super::phrases::{abbreviate, shorten_as_sms};
use super::sentence::Sentence;
use super::sound::mishear;
use super::surface::{change_case, strip_accents, strip_punctuation};
use super::typing::mistype;

/// What noise has to know of the text and its corpus.
#[derive(Clone, Copy, Debug)]
pub struct NoiseContext<'a> {
    /// Of the text: its keyboard, its sounds, its short forms.
    pub language: Language,
    /// No changed name is as near to another of these as to itself. Values that questions hold belong to them too.
    pub entities: &'a EntityNames,
    /// Long forms, each with its abbreviation.
    pub glossary: &'a [(String, String)],
}

/// Attempts to find a change that leaves the names unambiguous.
const ATTEMPTS: usize = 8;

/// The text with noise of the kinds that found something to change, and these kinds; None if all attempts left the text as it
/// is or made a name ambiguous. Code, URLs, quoted text and numbers stay.
pub fn noisy(
    text: &str,
    kinds: &[Noise],
    context: &NoiseContext<'_>,
    rng: &mut ChaCha8Rng,
) -> Option<(String, Vec<Noise>)> {
    let clean = Sentence::new(text, context.entities);
    noisy_sentence(&clean, kinds, context, rng)
}

pub(super) fn noisy_sentence(
    clean: &Sentence,
    kinds: &[Noise],
    context: &NoiseContext<'_>,
    rng: &mut ChaCha8Rng,
) -> Option<(String, Vec<Noise>)> {
    let mut kinds = kinds.to_vec();
    kinds.sort();
    kinds.dedup();
    let text = clean.text();
    for _ in 0..ATTEMPTS {
        let mut changed = clean.clone();
        // Whole words first: their short forms are not found any more once letters have changed.
        let is_phrase = |kind: &&Noise| matches!(kind, Noise::Abbreviation | Noise::Sms);
        let order = kinds.iter().filter(is_phrase).chain(kinds.iter().filter(|k| !is_phrase(k)));
        let mut done: Vec<Noise> = order.copied().filter(|k| apply(*k, &mut changed, context, rng)).collect();
        let new = changed.text();
        if new != text && !new.trim().is_empty() && changed.is_unambiguous(clean, context.entities) {
            done.sort();
            return Some((new, done));
        }
    }
    None
}

/// Whether the kind changed the sentence.
fn apply(kind: Noise, sentence: &mut Sentence, context: &NoiseContext<'_>, rng: &mut ChaCha8Rng) -> bool {
    match kind {
        Noise::Keyboard | Noise::Drop | Noise::Double | Noise::Swap => mistype(sentence, kind, context.language, rng),
        Noise::Sound => mishear(sentence, context.language, rng),
        Noise::Case => change_case(sentence, rng),
        Noise::Accents => strip_accents(sentence),
        Noise::Punctuation => strip_punctuation(sentence, rng),
        Noise::Abbreviation => abbreviate(sentence, context.glossary, rng),
        Noise::Sms => shorten_as_sms(sentence, context.language),
    }
}

#[cfg(test)]
#[path = "noisy_tests.rs"]
mod tests;
