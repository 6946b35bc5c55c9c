//! The gender and number of French attribute nouns, from `templates/nouns.fr.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::elision::elides;
use super::text::folded;

/// Of a French noun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    Masculine,
    Feminine,
}

/// What articles and verbs agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generate) struct Noun {
    pub(in crate::generate) gender: Gender,
    pub(in crate::generate) plural: bool,
}

impl Noun {
    /// `l'hébergeur`, `la version`, `les technologies`.
    pub(in crate::generate) fn le(self, words: &str) -> String {
        match (self.plural, self.gender) {
            (true, _) => format!("les {words}"),
            (false, _) if elides(words) => format!("l'{words}"),
            (false, Gender::Masculine) => format!("le {words}"),
            (false, Gender::Feminine) => format!("la {words}"),
        }
    }

    /// `de l'hébergeur`, `du responsable`, `de la version`, `des technologies`.
    pub(in crate::generate) fn du(self, words: &str) -> String {
        match (self.plural, self.gender) {
            (true, _) => format!("des {words}"),
            (false, Gender::Masculine) if !elides(words) => format!("du {words}"),
            (false, _) => format!("de {}", self.le(words)),
        }
    }

    /// `quel hébergeur`, `quelle version`, `quelles technologies`.
    pub(in crate::generate) fn quel(self, words: &str) -> String {
        format!("{} {words}", self.which())
    }

    /// `quel est l'hébergeur`, `quelles sont les technologies`.
    pub(in crate::generate) fn quel_est(self, words: &str) -> String {
        format!("{} {} {}", self.which(), self.est(), self.le(words))
    }

    pub(in crate::generate) fn est(self) -> &'static str {
        if self.plural { "sont" } else { "est" }
    }

    fn which(self) -> &'static str {
        match (self.gender, self.plural) {
            (Gender::Masculine, false) => "quel",
            (Gender::Masculine, true) => "quels",
            (Gender::Feminine, false) => "quelle",
            (Gender::Feminine, true) => "quelles",
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("nouns.fr.yaml: {0}")]
pub struct LexiconError(#[from] serde_yaml::Error);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    masculine: Vec<String>,
    feminine: Vec<String>,
    /// Singular to plural, where [`regular_plural`] is wrong.
    irregular: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Form {
    noun: Noun,
    /// With its accents.
    spelling: String,
    /// Of a singular.
    plural: Option<String>,
}

/// Attribute nouns by their folded singular and plural.
#[derive(Clone, Debug)]
pub(in crate::generate) struct Lexicon {
    forms: BTreeMap<String, Form>,
}

/// Words behind a noun that show an English or a compound name, which French articles cannot stand before.
const ENGLISH: &[&str] =
    &["of", "the", "by", "for", "to", "in", "at", "and", "date", "name", "id", "number", "size", "type", "count"];
/// Words that join a complement to its noun; the noun alone takes the plural.
const JOINING: &[&str] = &["de", "d", "du", "des", "en", "a", "au", "aux", "par", "pour"];

impl Lexicon {
    pub(in crate::generate) fn parse(text: &str) -> Result<Self, LexiconError> {
        let written: Written = serde_yaml::from_str(text)?;
        let mut forms = BTreeMap::new();
        for (gender, nouns) in [(Gender::Masculine, written.masculine), (Gender::Feminine, written.feminine)] {
            for noun in nouns {
                let plural = written.irregular.get(&noun).cloned().unwrap_or_else(|| regular_plural(&noun));
                let form = |plural| Noun { gender, plural };
                // A singular that looks as its plural (`accès`) stays a singular.
                let several = Form { noun: form(true), spelling: plural.clone(), plural: None };
                forms.entry(folded(&plural)).or_insert(several);
                forms.insert(folded(&noun), Form { noun: form(false), spelling: noun, plural: Some(plural) });
            }
        }
        Ok(Self { forms })
    }

    /// Of an attribute's words, by the first of them: `date de création` is as `date`. None: the noun is not known, or the
    /// words are English.
    pub(in crate::generate) fn noun(&self, words: &str) -> Option<Noun> {
        let fold = folded(words);
        if let Some(whole) = self.forms.get(&fold) {
            return Some(whole.noun);
        }
        let mut parts = fold.split(' ');
        let first = self.forms.get(parts.next()?)?;
        (!parts.any(|word| ENGLISH.contains(&word))).then_some(first.noun)
    }

    /// The words with the accents of their first, which keys of records often lack.
    pub(in crate::generate) fn spelt(&self, words: &str) -> String {
        let (head, rest) = words.split_once(' ').map_or((words, ""), |(head, rest)| (head, rest));
        let spelling = self.forms.get(&folded(head)).map(|form| form.spelling.as_str());
        match spelling.filter(|_| head.is_ascii()) {
            Some(head) if rest.is_empty() => head.to_owned(),
            Some(head) => format!("{head} {rest}"),
            None => words.to_owned(),
        }
    }

    /// Whether the second word joins a complement to the first: `date de création`, not `date création`.
    pub(in crate::generate) fn has_complement(words: &str) -> bool {
        folded(words).split(' ').nth(1).is_some_and(|word| JOINING.contains(&word))
    }

    /// The plural of a singular that is known, with its complement: `langages de programmation`. None: adjectives would
    /// have to agree.
    pub(in crate::generate) fn plural(&self, words: &str) -> Option<String> {
        if let Some(whole) = self.forms.get(&folded(words)) {
            return whole.plural.clone();
        }
        let (head, rest) = words.split_once([' ', '\u{a0}']).map_or((words, None), |(head, rest)| (head, Some(rest)));
        let plural = self.forms.get(&folded(head))?.plural.as_deref()?;
        match rest {
            None => Some(plural.to_owned()),
            Some(rest) => Self::has_complement(words).then(|| format!("{plural} {rest}")),
        }
    }

    #[cfg(test)]
    pub(in crate::generate) fn len(&self) -> usize {
        self.forms.values().filter(|form| !form.noun.plural).count()
    }
}

fn regular_plural(noun: &str) -> String {
    if noun.ends_with(['s', 'x', 'z']) {
        noun.to_owned()
    } else if let Some(stem) = noun.strip_suffix("al") {
        format!("{stem}aux")
    } else if ["au", "eu"].iter().any(|end| noun.ends_with(end)) {
        format!("{noun}x")
    } else {
        format!("{noun}s")
    }
}
