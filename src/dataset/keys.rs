//! Keys of records, read word by word: `completion_mask`, `lossMask` and `is-train` say what they are about.

/// The words of a key, in lower case and with blanks between them. A word ends at whatever is no letter, and before a
/// capital that follows a small letter (`lossMask`) or begins a word after an acronym (`TRLMask`).
fn words(key: &str) -> String {
    let mut words = String::with_capacity(key.len());
    let mut before = ' ';
    let mut letters = key.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins_word = letters.peek().is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && begins_word) {
            words.push(' ');
        }
        match letter.is_alphabetic() {
            true => words.extend(letter.to_lowercase()),
            false => words.push(' '),
        }
        before = letter;
    }
    words
}

/// Whether one of the key's words is in the list.
pub(super) fn has_word(key: &str, list: &[&str]) -> bool {
    words(key).split(' ').any(|word| list.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_divided_at_whatever_is_no_letter_and_at_capitals() {
        for (key, expected) in [
            ("completion_mask", "completion mask"),
            ("loss-mask.b", "loss mask b"),
            ("lossMask", "loss mask"),
            ("TRLMask", "trl mask"),
            ("LOSS_MASK", "loss mask"),
            ("Train", "train"),
            ("2nd_img", "nd img"),
            ("photosynthesis", "photosynthesis"),
            ("Größe", "größe"),
            ("", ""),
        ] {
            assert_eq!(words(key).trim(), expected, "{key}");
        }
        assert!(has_word("userPhoto", &["photo"]) && !has_word("photosynthesis", &["photo"]));
    }
}
