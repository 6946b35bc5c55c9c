//! The Levenshtein distance (Levenshtein 1966) in grapheme clusters (UAX #29), which readers take for characters: insertions,
//! deletions and substitutions, by the crate `strsim`. Texts are compared as they are written: `é` in one code point and in two
//! are different clusters.

use unicode_segmentation::UnicodeSegmentation;

use super::vocabulary::Vocabulary;

/// The least number of edits that make the answer one of the references; 0 for equal texts. Without a reference it is the
/// distance from the empty text.
pub(crate) fn levenshtein(answer: &str, references: &[&str]) -> f64 {
    let least = references.iter().map(|reference| edits(answer, reference).distance).min();
    least.unwrap_or_else(|| edits(answer, "").distance) as f64
}

/// 1 − distance / length of the longer text, of the most similar reference; 1 for equal texts.
pub(crate) fn levenshtein_similarity(answer: &str, references: &[&str]) -> f64 {
    let similarities = references.iter().map(|reference| {
        let Edits { distance, longer } = edits(answer, reference);
        1.0 - distance as f64 / longer.max(1) as f64
    });
    similarities.fold(0.0, f64::max)
}

/// In grapheme clusters.
struct Edits {
    distance: usize,
    /// The length of the longer text.
    longer: usize,
}

fn edits(a: &str, b: &str) -> Edits {
    let mut vocabulary = Vocabulary::default();
    let (a, b) = (vocabulary.ids(a.graphemes(true)), vocabulary.ids(b.graphemes(true)));
    Edits { distance: strsim::generic_levenshtein(&a, &b), longer: a.len().max(b.len()) }
}
