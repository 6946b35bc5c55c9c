//! Questions that the corpus does not answer, with refusals: an attribute that other entities have, an entity that does not
//! exist, a premise that is false.

mod draft;
mod input;
mod invented;
mod knowledge;
mod maker;
mod missing;
mod premise;
mod texts;

pub use draft::unanswerable;
pub use input::{QuestionWording, Questions, UnansweredCorpus};
