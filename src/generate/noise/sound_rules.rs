//! What is written for the same or nearly the same sound.

use crate::corpus::Language;

/// Where a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    End,
    /// Between two vowels.
    Within,
    /// Before `a`, `o`, `u`, a consonant or the end.
    Hard,
    /// Before `e`, `i` or `y`.
    Soft,
    /// Before a consonant.
    Consonant,
    /// At the end, behind a consonant.
    AfterConsonant,
}

pub(super) struct Rule {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) place: Place,
}

const fn rule(from: &'static str, to: &'static str, place: Place) -> Rule {
    Rule { from, to, place }
}

/// The ear of a French speaker, for French and English words.
const FRENCH: &[Rule] = &[
    rule("c", "k", Place::Hard),
    rule("k", "c", Place::Hard),
    rule("k", "qu", Place::Soft),
    rule("qu", "k", Place::Anywhere),
    rule("qu", "c", Place::Hard),
    rule("ch", "c", Place::Consonant),
    rule("ch", "k", Place::Anywhere),
    rule("ch", "sh", Place::Anywhere),
    rule("sh", "ch", Place::Anywhere),
    rule("c", "ch", Place::Consonant),
    rule("c", "s", Place::Soft),
    rule("ç", "s", Place::Anywhere),
    rule("s", "c", Place::Soft),
    rule("ss", "ç", Place::Hard),
    rule("ck", "k", Place::Anywhere),
    rule("ck", "c", Place::Anywhere),
    rule("x", "ks", Place::Anywhere),
    rule("x", "cs", Place::Anywhere),
    rule("ks", "x", Place::Anywhere),
    rule("s", "z", Place::Within),
    rule("z", "s", Place::Anywhere),
    rule("s", "", Place::Consonant),
    rule("ph", "f", Place::Anywhere),
    rule("f", "ph", Place::Anywhere),
    rule("th", "t", Place::Anywhere),
    rule("g", "j", Place::Soft),
    rule("j", "g", Place::Soft),
    rule("gu", "g", Place::Soft),
    rule("y", "i", Place::Anywhere),
    rule("i", "y", Place::Anywhere),
    rule("eau", "o", Place::Anywhere),
    rule("au", "o", Place::Anywhere),
    rule("o", "au", Place::Anywhere),
    rule("ai", "è", Place::Anywhere),
    rule("ei", "è", Place::Anywhere),
    rule("en", "an", Place::Consonant),
    rule("an", "en", Place::Consonant),
    rule("ain", "in", Place::Anywhere),
    rule("in", "ain", Place::End),
    rule("tion", "sion", Place::Anywhere),
    rule("é", "er", Place::End),
    rule("é", "ez", Place::End),
    rule("er", "é", Place::End),
    rule("er", "ez", Place::End),
    rule("ez", "é", Place::End),
    rule("ez", "er", Place::End),
    rule("ée", "é", Place::End),
    rule("és", "é", Place::End),
    rule("er", "eur", Place::End),
    rule("eur", "er", Place::End),
    rule("oo", "ou", Place::Anywhere),
    rule("ee", "i", Place::Anywhere),
    rule("w", "v", Place::Anywhere),
    // Endings that are not heard, off or on.
    rule("e", "", Place::End),
    rule("es", "e", Place::End),
    rule("s", "", Place::End),
    rule("t", "", Place::End),
    rule("d", "", Place::End),
    rule("p", "", Place::End),
    rule("x", "", Place::End),
    rule("ent", "e", Place::End),
    rule("e", "es", Place::End),
    rule("e", "ent", Place::End),
    rule("", "e", Place::AfterConsonant),
];

const ENGLISH: &[Rule] = &[
    rule("c", "k", Place::Hard),
    rule("k", "c", Place::Hard),
    rule("ck", "k", Place::Anywhere),
    rule("ch", "k", Place::Anywhere),
    rule("qu", "kw", Place::Anywhere),
    rule("c", "s", Place::Soft),
    rule("s", "c", Place::Soft),
    rule("x", "ks", Place::Anywhere),
    rule("x", "cs", Place::Anywhere),
    rule("ks", "x", Place::Anywhere),
    rule("s", "z", Place::Within),
    rule("z", "s", Place::Anywhere),
    rule("ph", "f", Place::Anywhere),
    rule("f", "ph", Place::Anywhere),
    rule("th", "t", Place::Anywhere),
    rule("wh", "w", Place::Anywhere),
    rule("w", "wh", Place::Soft),
    rule("kn", "n", Place::Anywhere),
    rule("gh", "", Place::Anywhere),
    rule("g", "j", Place::Soft),
    rule("j", "g", Place::Soft),
    rule("ee", "ea", Place::Anywhere),
    rule("ea", "ee", Place::Anywhere),
    rule("ie", "ei", Place::Anywhere),
    rule("ei", "ie", Place::Anywhere),
    rule("oo", "u", Place::Anywhere),
    rule("ou", "ow", Place::Anywhere),
    rule("ai", "ay", Place::Anywhere),
    rule("y", "i", Place::Anywhere),
    rule("i", "y", Place::Anywhere),
    rule("tion", "shun", Place::End),
    rule("er", "or", Place::End),
    rule("or", "er", Place::End),
    rule("er", "a", Place::End),
    rule("ant", "ent", Place::End),
    rule("ent", "ant", Place::End),
    rule("able", "ible", Place::End),
    rule("ible", "able", Place::End),
    rule("ing", "in", Place::End),
    rule("ed", "t", Place::End),
    rule("e", "", Place::End),
    rule("s", "", Place::End),
    rule("", "e", Place::AfterConsonant),
];

/// Words that sound alike.
const FRENCH_WORDS: &[&[&str]] = &[
    &["ou", "où"],
    &["a", "à"],
    &["ces", "ses", "c'est", "s'est"],
    &["et", "est"],
    &["on", "ont"],
    &["son", "sont"],
    &["sa", "ça"],
    &["ce", "se"],
    &["la", "là"],
    &["du", "dû"],
    &["sur", "sûr"],
    &["leur", "leurs"],
    &["mes", "mais"],
    &["peut", "peux"],
    &["quel", "quelle", "quels", "quelles", "qu'elle"],
    &["quand", "quant", "qu'en"],
];

const ENGLISH_WORDS: &[&[&str]] = &[
    &["their", "there", "they're"],
    &["to", "too"],
    &["your", "you're"],
    &["its", "it's"],
    &["than", "then"],
    &["whose", "who's"],
    &["by", "buy"],
    &["know", "no"],
    &["where", "wear"],
    &["which", "witch"],
    &["write", "right"],
    &["our", "hour"],
];

pub(super) fn rules(language: Language) -> &'static [Rule] {
    match language {
        Language::Fr => FRENCH,
        Language::En => ENGLISH,
    }
}

pub(super) fn homophones(language: Language) -> &'static [&'static [&'static str]] {
    match language {
        Language::Fr => FRENCH_WORDS,
        Language::En => ENGLISH_WORDS,
    }
}
