//! Choices that are named by a word.

use std::str::FromStr;

use super::nearest::nearest;

/// The variant of this name, in any case; the error lists the names and the nearest one.
pub fn word<T: FromStr + strum::VariantNames>(text: &str) -> Result<T, String> {
    let word = text.trim().to_ascii_lowercase();
    word.parse().map_err(|_| none_of(&word, T::VARIANTS))
}

/// The message that `word` is none of `words`.
pub fn none_of(word: &str, words: &[&str]) -> String {
    let word: String = word.chars().take(60).collect();
    let hint = nearest(&word, words).map(|n| format!("; did you mean {n:?}?")).unwrap_or_default();
    format!("{word:?} is invalid; expected one of {}{hint}", words.join(", "))
}
