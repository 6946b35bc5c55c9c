//! Text made comparable: named normalisers, folding, words.

use unicode_normalization::UnicodeNormalization;

/// How two texts are made equal before they are compared; part of the metric's signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normaliser {
    /// White space at the ends goes.
    Strict,
    /// NFKC, case folded, runs of white space become one space.
    #[default]
    NfkcCasefoldWs,
    /// As SQuAD's script: folded, without punctuation and English articles.
    Squad,
    /// The first word of the answer (folded, punctuation off its ends).
    Label,
}

impl Normaliser {
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::NfkcCasefoldWs => "nfkc_casefold_ws",
            Self::Squad => "squad",
            Self::Label => "label",
        }
    }

    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Strict => text.trim().to_owned(),
            Self::NfkcCasefoldWs => fold(text),
            Self::Squad => squad(text),
            Self::Label => fold(text)
                .split(' ')
                .next()
                .unwrap_or_default()
                .trim_matches(|c: char| !c.is_alphanumeric() && c != '_')
                .to_owned(),
        }
    }
}

/// NFKC, case folded, white space runs to one space, ends trimmed.
pub fn fold(text: &str) -> String {
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    // Lower-casing is not yet folding where one letter has two lower forms, or folds to two letters.
    let folded: String = lower.replace('ß', "ss").replace('ς', "σ").nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn squad(text: &str) -> String {
    let plain: String = fold(text).chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).collect();
    plain.split_whitespace().filter(|w| !matches!(*w, "a" | "an" | "the")).collect::<Vec<_>>().join(" ")
}

/// Folded runs of letters and digits.
pub(super) fn words(text: &str) -> Vec<String> {
    fold(text).split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalisers_do_what_their_names_say() {
        assert_eq!(fold("  ＡＢ\u{a0}c\n\tStraße ΣΟΦΌΣ "), "ab c strasse σοφόσ");
        assert_eq!(Normaliser::Strict.apply(" A b "), "A b");
        assert_eq!(Normaliser::Squad.apply("The Eiffel  Tower!"), "eiffel tower");
        assert_eq!(Normaliser::Label.apply("**Billing**, because"), "billing");
        assert_eq!(words("Привет, мир! x_y"), ["привет", "мир", "x", "y"]);
    }
}
