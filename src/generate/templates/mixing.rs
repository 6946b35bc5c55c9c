//! Whether a question would hold words of two languages.

use crate::corpus::{Fact, Kind, Language, language_of_name};

use super::set::Speech;

/// Words within names that are written small.
const PARTICLES: [&str; 17] = [
    "aux", "chez", "dal", "das", "del", "della", "den", "der", "des", "las", "les", "los", "sur", "the", "und", "van",
    "von",
];
/// Letters of a word; shorter ones are particles and units of measurement (`de`, `of`, `kg`).
const WORD: usize = 3;

impl Speech<'_> {
    /// Whether a question would hold words of two languages: a text, a described thing or a number of a document in another
    /// language, or the name of an attribute in another language that no entry translates. Names, codes and whole numbers are
    /// the same in both.
    pub(in crate::generate) fn mixes_languages(&self, fact: &Fact) -> bool {
        // One column of a table may be in another language than the others.
        let named = || language_of_name(&fact.attribute).or(fact.language);
        (!self.has_entry() && named().is_some_and(|of| of != self.language)) || has_foreign_words(fact, self.language)
    }
}

/// Whether the entity or a value is in words, or written as numbers are, of a document in another language.
pub(in crate::generate) fn has_foreign_words(fact: &Fact, language: Language) -> bool {
    let Some(of) = fact.language.filter(|of| *of != language) else { return false };
    // The values of a column are in its language.
    let is_own = language_of_name(&fact.attribute) == Some(language);
    let is_text = matches!(fact.kind, Kind::Definition | Kind::Text);
    is_described(&fact.entity, of)
        || ((is_text || !is_own) && fact.values.iter().any(|value| is_foreign(value, fact, of)))
}

fn is_foreign(value: &str, fact: &Fact, of: Language) -> bool {
    match fact.kind {
        Kind::Definition | Kind::Text => true,
        Kind::Boolean | Kind::Enumeration => small_words(value).next().is_some() || is_described(value, of),
        Kind::List => is_described(value, of),
        Kind::Number | Kind::Money => {
            let measure = fact.measure.as_deref().unwrap_or_default();
            has_decimals(value) || small_words(value).chain(small_words(measure)).next().is_some()
        }
        Kind::Date => value.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().count() >= WORD),
        Kind::Person | Kind::Organisation | Kind::Version | Kind::Url | Kind::Contact | Kind::Identifier => false,
    }
}

/// Whether a name is in words of a language, as headings and rows of tables are: `Update the price list`, `Sports (Benefits)`.
/// One word alone, such as `npm`, may be a name.
fn is_described(name: &str, of: Language) -> bool {
    let is_of = |name: &str| language_of_name(name) == Some(of);
    let heading = name.strip_suffix(')').and_then(|name| name.rsplit_once(" ("));
    // An acronym in brackets is no heading.
    let is_below_heading = heading.is_some_and(|(_, heading)| heading.contains(char::is_lowercase));
    let several = name.split_whitespace().nth(1).is_some();
    is_of(name) || is_below_heading || (several && small_words(name).next().is_some())
}

/// Words that are written small, as those of sentences are.
fn small_words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "'’()[],;:/«»\"".contains(c));
    let is_small = |word: &&str| word.chars().count() >= WORD && word.chars().all(|c| c.is_lowercase() || c == '-');
    words.filter(is_small).filter(|word| !PARTICLES.contains(word))
}

/// Whether a number has a mark that French and English use for different things: `13,2`, `1,200`, `4.5`.
fn has_decimals(value: &str) -> bool {
    let chars: Vec<char> = value.chars().collect();
    chars.windows(3).any(|of| of[0].is_ascii_digit() && matches!(of[1], '.' | ',') && of[2].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_told_from_names() {
        for (name, of, described) in [
            ("Test the new glue at −5 °C (Actions)", Language::En, true),
            ("Sports (Benefits)", Language::En, true),
            ("Annual leave", Language::En, true),
            ("Sac étanche 90 L", Language::Fr, true),
            ("Permis de construire", Language::Fr, true),
            ("Lofoten Junior", Language::Fr, false),
            ("Atelier du Lac", Language::Fr, false),
            ("Sea School Oban", Language::En, false),
            ("Système d'Information (SIG)", Language::Fr, false),
            ("npm", Language::En, false),
            ("GIDAF", Language::Fr, false),
        ] {
            assert_eq!(is_described(name, of), described, "{name}");
        }
    }

    #[test]
    fn numbers_are_written_by_language() {
        for (value, marked) in [("13,2 kg", true), ("1,200", true), ("4.5", true), ("1 200 €", false), ("87", false)]
        {
            assert_eq!(has_decimals(value), marked, "{value}");
        }
        assert_eq!(small_words("10 ans").collect::<Vec<_>>(), ["ans"]);
        assert_eq!(small_words("32 GB, 13 kg").count(), 0);
    }
}
