//! Wordings: template files, and sentences made of them.
//!
//! The order: [`slot`] cuts a template into literals and slots, [`read`] reads a file of them, [`set`] holds the shipped and
//! the user's entries and finds the one for a fact, [`mixing`] tells where it would mix languages, [`unused`] tells which of the user's entries are for none, [`write`] fills a template in.

mod asking;
mod entry;
mod mixing;
mod own_sentence;
mod read;
mod set;
mod slot;
mod unused;
mod write;

#[cfg(test)]
mod tests;

pub use asking::TemplateQuestions;
pub(super) use entry::{Class, Frame, Template, is_remark};
pub(super) use mixing::has_foreign_words;
pub use set::Templates;
pub(super) use set::{Speech, measured, measured_value};
pub(super) use slot::Argument;
pub use unused::{UnusedCause, UnusedEntry};
pub(super) use write::Terms;
