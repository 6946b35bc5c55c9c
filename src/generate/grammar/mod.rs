//! The grammar that wordings need: French elision, articles, dates and gender, English number, lists, attribute names as words.

mod dates;
mod elision;
mod english;
mod french;
mod text;

pub(super) use dates::is_day;
pub(super) use elision::{de, elides, que};
pub(super) use english::{EnglishNoun, plural as english_plural};
pub use french::{Gender, LexiconError};
pub(super) use french::{Lexicon, Noun};
pub(super) use text::{capitalised, folded, joined, lowered, shown};

#[cfg(test)]
mod tests;
