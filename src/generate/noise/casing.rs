//! The case of replaced letters.

use crate::generate::grammar::capitalised;

/// `new` in the case of what it replaces: capitals for capitals, a capital first for a capital first.
pub(crate) fn like(old: &[char], new: &str) -> String {
    let capitals = old.iter().filter(|c| c.is_uppercase()).count();
    let letters = old.iter().filter(|c| c.is_alphabetic()).count();
    match old.first().is_some_and(|c| c.is_uppercase()) {
        true if capitals == letters && letters > 1 => new.to_uppercase(),
        true => capitalised(new),
        false => new.to_owned(),
    }
}

/// A single letter in the case of another.
pub(crate) fn letter_like(old: char, new: char) -> char {
    let cased = if old.is_uppercase() { new.to_uppercase().next() } else { new.to_lowercase().next() };
    cased.unwrap_or(new)
}
