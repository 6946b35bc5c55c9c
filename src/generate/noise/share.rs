//! Noise in a share of the examples.

use std::borrow::{Borrow, BorrowMut};

use rand_chacha::ChaCha8Rng;

use crate::chat::Role;
use crate::generate::{Draft, Method, Noise, Shape};

use super::draw::{below, seeded};
use super::noisy::{NoiseContext, noisy_sentence};
use super::sentence::Sentence;

/// How often each kind is drawn.
const WEIGHTS: [(Noise, usize); 10] = [
    (Noise::Keyboard, 3),
    (Noise::Drop, 2),
    (Noise::Double, 2),
    (Noise::Swap, 2),
    (Noise::Sound, 4),
    (Noise::Case, 3),
    (Noise::Accents, 2),
    (Noise::Punctuation, 3),
    (Noise::Abbreviation, 2),
    (Noise::Sms, 1),
];
/// Draws of kinds until one of them finds something to change; then each kind is tried alone.
const ATTEMPTS: usize = 4;

/// Puts noise into one user turn of a share (0 to 1) of the drafts that have none, and returns how many have it now.
///
/// Which drafts and what noise depends on the seed and the drafts, not on their order. The language of `context` is replaced
/// by each draft's.
pub fn add_noise<D: BorrowMut<Draft>>(drafts: &mut [D], share: f64, context: &NoiseContext<'_>, seed: u64) -> usize {
    let is_clean = |draft: &Draft| draft.noise.is_empty();
    change_share(drafts, share, seed, is_clean, |draft| {
        let mut rng = seeded(seed, &["noise", &key(draft)]);
        add_to(draft, context, &mut rng)
    })
}

/// Changes a share (0 to 1) of the drafts that are candidates, in the order of [`ranked`], and returns how many. `change` says
/// whether it changed a draft; one that it could not is not counted.
pub(crate) fn change_share<D: BorrowMut<Draft>>(
    drafts: &mut [D],
    share: f64,
    seed: u64,
    is_candidate: impl Fn(&Draft) -> bool,
    mut change: impl FnMut(&mut Draft) -> bool,
) -> usize {
    let order = ranked(drafts, seed, is_candidate);
    let wanted = (order.len() as f64 * share.clamp(0.0, 1.0)).round() as usize;
    let mut done = 0;
    for i in order {
        if done == wanted {
            break;
        }
        if let Some(draft) = drafts.get_mut(i) {
            done += usize::from(change(draft.borrow_mut()));
        }
    }
    done
}

/// The places of the drafts that `is_wanted`, in an order that the seed and the drafts decide.
pub fn ranked<D: Borrow<Draft>>(drafts: &[D], seed: u64, is_wanted: impl Fn(&Draft) -> bool) -> Vec<usize> {
    let wanted = drafts.iter().map(Borrow::borrow).enumerate().filter(|(_, d)| is_wanted(d));
    let rank = |d: &Draft| *blake3::hash(format!("{seed} {}", key(d)).as_bytes()).as_bytes();
    let mut order: Vec<([u8; 32], usize)> = wanted.map(|(i, d)| (rank(d), i)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, i)| i).collect()
}

/// What tells a draft from all others.
pub(crate) fn key(draft: &Draft) -> String {
    let turns: Vec<&str> = draft.turns.iter().map(|t| t.content.as_str()).collect();
    let parts = [draft.group.to_string(), draft.item.to_string(), draft.template.to_string(), turns.join("\u{1f}")];
    blake3::hash(parts.join("\u{1e}").as_bytes()).to_string()
}

fn add_to(draft: &mut Draft, context: &NoiseContext<'_>, rng: &mut ChaCha8Rng) -> bool {
    let context = NoiseContext { language: draft.language, ..*context };
    let asked: Vec<usize> = (0..draft.turns.len()).filter(|i| is_asked(draft, *i)).collect();
    let Some(turn) = asked.get(below(rng, asked.len())).and_then(|i| draft.turns.get_mut(*i)) else { return false };
    let clean = Sentence::new(&turn.content, context.entities);
    // A name that no entity has is not known to be one, and must not come near one that is.
    let is_invented = draft.shape == Shape::Unanswerable && !clean.has_mentions();
    for attempt in 0..ATTEMPTS + WEIGHTS.len() {
        let alone = attempt.checked_sub(ATTEMPTS).and_then(|kind| WEIGHTS.get(kind));
        let mut kinds = alone.map_or_else(|| draw_kinds(rng), |(kind, _)| vec![*kind]);
        if is_invented {
            kinds.retain(|k| matches!(k, Noise::Case | Noise::Accents | Noise::Punctuation));
        }
        if let Some((text, kinds)) = noisy_sentence(&clean, &kinds, &context, rng) {
            turn.content = text;
            draft.noise = kinds;
            draft.method = Method::Augmented;
            return true;
        }
    }
    false
}

fn is_asked(draft: &Draft, turn: usize) -> bool {
    draft.turns.get(turn).is_some_and(|t| t.role == Role::User)
}

/// One kind, often two, seldom three.
pub(crate) fn draw_kinds(rng: &mut ChaCha8Rng) -> Vec<Noise> {
    let count = match below(rng, 6) {
        0..3 => 1,
        3..5 => 2,
        _ => 3,
    };
    let all: Vec<Noise> = WEIGHTS.iter().flat_map(|(kind, weight)| std::iter::repeat_n(*kind, *weight)).collect();
    (0..count).filter_map(|_| all.get(below(rng, all.len())).copied()).collect()
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
