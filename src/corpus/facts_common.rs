//! Titles that are common phrases and no names: `Mineur de moins de 15 ans`, `Adulte`, `400 à 799`.

use std::collections::HashSet;

use super::Corpus;
use super::kind_date::is_weekday;
use super::kind_fold::folded;

/// Which titles of a corpus say nothing without what stands above them.
pub(super) struct CommonTitles {
    /// Words that are titles alone, in lower case, and that the corpus also writes in lower case.
    words: HashSet<String>,
}

impl CommonTitles {
    /// `titles`: those that will be asked about.
    pub(super) fn new<'a>(corpus: &Corpus, titles: impl Iterator<Item = &'a str>) -> Self {
        let asked: HashSet<String> = titles.filter(|title| is_capitalised(title)).map(str::to_lowercase).collect();
        let mut words = HashSet::new();
        if asked.is_empty() {
            return Self { words };
        }
        let texts = corpus.units.iter().flat_map(|unit| unit.path.iter().chain([&unit.text]));
        for word in texts.flat_map(|text| lower_words(text)) {
            for form in [word, word.strip_suffix('s').unwrap_or(word)] {
                if asked.contains(form) && !words.contains(form) {
                    words.insert(form.to_owned());
                }
            }
        }
        Self { words }
    }

    /// A phrase of lower-case words after its first, a word that is written in lower case elsewhere, a day of the week, or
    /// numbers only.
    pub(super) fn has(&self, title: &str) -> bool {
        is_weekday(&folded(title))
            || is_phrase(title)
            || is_numbers(title)
            || (is_capitalised(title) && self.words.contains(&title.to_lowercase()))
    }
}

/// `Adulte`: a single word with one capital letter, the first.
fn is_capitalised(title: &str) -> bool {
    let mut chars = title.chars();
    let capital = chars.next().is_some_and(char::is_uppercase);
    capital && title.chars().count() > 1 && chars.all(char::is_lowercase)
}

/// `Mineur de moins de 15 ans`. `GIDAF mobile` begins with a name, `Windows 10` and `Harbour Museum` are names.
fn is_phrase(title: &str) -> bool {
    let Some((first, rest)) = title.split_once(char::is_whitespace) else { return false };
    rest.contains(char::is_lowercase) && !rest.contains(char::is_uppercase) && !is_code(first)
}

/// `GIDAF`, `7Symisdel`, `R-1003`.
fn is_code(word: &str) -> bool {
    let later_capital = word.chars().skip(1).any(char::is_uppercase);
    let digits = word.contains(|c: char| c.is_ascii_digit());
    later_capital || (digits && word.contains(char::is_uppercase))
}

/// `400-799`, `> 800 €`, `2024`.
fn is_numbers(title: &str) -> bool {
    title.contains(|c: char| c.is_ascii_digit()) && !title.contains(char::is_alphabetic)
}

/// Words of running text in lower case. Parts of addresses, of paths and of code are no words.
fn lower_words(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    let lines = text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    });
    lines.flat_map(str::split_whitespace).filter(|word| is_written(word)).flat_map(|word| {
        let parts = word.split(|c: char| !c.is_alphabetic());
        parts.filter(|part| part.starts_with(char::is_lowercase) && part.chars().all(char::is_lowercase))
    })
}

/// Whether a word of a text is none of `https://gidaf.example`, `gidaf.example`, `docs/gidaf`, `gidaf_v2`, `` `gidaf` ``.
fn is_written(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    !word.contains('`') && !inner.contains(['/', '\\', '@', '_', '=', '.', ':']) && !inner.contains(char::is_numeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Language, Span, Unit};
    use crate::store::Digest;

    fn corpus(text: &str) -> Corpus {
        let unit = Unit {
            id: Digest::of_bytes(b"unit"),
            document: 0,
            source: "a.md".into(),
            title: None,
            path: Vec::new(),
            span: Span::default(),
            text: text.to_owned(),
            language: Some(Language::Fr),
            fields: Vec::new(),
        };
        Corpus { documents: Vec::new(), units: vec![unit] }
    }

    #[test]
    fn common_phrases_are_told_from_names() {
        let text = "Le tarif des adultes et l'inscription. https://propif.example gidaf_v2 docs/nimo `zora`\n\
            ```\nbraude\n```\nvoir lipa.example";
        let common = [
            "Mineur de moins de 15 ans",
            "Majeur (18 ans et plus)",
            "Carte d'identité",
            "Passeport biométrique",
            "1er enfant",
            "Adulte",
            "Inscription",
            "400 à 799",
            "400-799",
            "> 800 €",
            "2024",
            "Monday",
            "Lundi",
        ];
        let names = [
            "GIDAF",
            "GIDAF mobile",
            "7Symisdel",
            "7Symisdel de test",
            "Mirabrume",
            "Harbour Museum",
            "R-1003",
            "Windows 10",
            "Propif",
            "Nimo",
            "Zora",
            "Braude",
            "Lipa",
            "Agathe Quildognac",
            "Mairie de Brest",
        ];
        let titles = CommonTitles::new(&corpus(text), common.into_iter().chain(names));
        for title in common {
            assert!(titles.has(title), "{title}");
        }
        for title in names {
            assert!(!titles.has(title), "{title}");
        }
    }
}
