//! Items: what can be asked about facts, in every shape, and its wordings.
//!
//! The order: [`groups`] merges facts that say the same and finds what belongs together, [`subject`] and the files of the
//! shapes list what can be asked, [`item`] words it, [`outline`] holds the list.

mod boolean;
mod comparison;
mod groups;
mod holders;
mod item;
mod options;
mod outline;
mod parts;
mod quantity;
mod single;
mod subject;

#[cfg(test)]
mod own_words_tests;
#[cfg(test)]
mod scale_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording_tests;

pub use options::{AnswerStyle, ItemOptions};
pub use outline::{Outline, items};
