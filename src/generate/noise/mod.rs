//! Noise in users' turns: wrong keys, sounds, case, accents, punctuation and short forms. Answers are never changed.

mod casing;
mod draw;
mod fold;
mod names;
mod noisy;
mod phrases;
mod protect;
mod sentence;
mod share;
mod sound;
mod sound_rules;
mod surface;
mod typing;

pub(crate) use draw::{below, choose, seeded, shuffle};
pub(crate) use fold::{fold, words_of};
pub use names::EntityNames;
pub use noisy::{NoiseContext, noisy};
pub use share::{add_noise, ranked};
pub(crate) use share::{change_share, draw_kinds, key};
