//! Questions of evaluation suites: what they ask is not generated.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Item;
use super::identity_key::identity_key;

/// Words of a run.
const GRAM: usize = 8;
const LIMIT: f64 = 0.7;
/// Words of the longest entity that is looked for in a question.
const ENTITY_WORDS: usize = 12;

/// A question that a suite asks.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedQuestion {
    pub text: String,
    /// What an answer has to equal or hold.
    pub expected: Vec<String>,
    /// Texts of which an answer has to hold at least one.
    pub keywords: Vec<String>,
}

/// Suites' questions, to be looked up.
#[derive(Debug, Default)]
pub(super) struct Asked {
    keys: HashSet<String>,
    /// Questions by each run of words in them.
    phrases: HashMap<String, Vec<u32>>,
    /// Folded, with a space at both ends.
    expected: Vec<Vec<String>>,
    keywords: Vec<Vec<String>>,
    grams: HashMap<String, Vec<u32>>,
    /// Different runs of eight words of each question.
    sizes: Vec<usize>,
}

impl Asked {
    pub(super) fn new(questions: &[AskedQuestion]) -> Self {
        let mut asked = Self::default();
        for (i, question) in (0u32..).zip(questions) {
            let key = identity_key(&question.text);
            let words: Vec<&str> = key.split(' ').collect();
            for length in 1..=ENTITY_WORDS.min(words.len()) {
                for phrase in words.windows(length) {
                    let questions = asked.phrases.entry(phrase.join(" ")).or_default();
                    if questions.last() != Some(&i) {
                        questions.push(i);
                    }
                }
            }
            let grams = grams(&key);
            asked.sizes.push(grams.len());
            grams.into_iter().for_each(|gram| asked.grams.entry(gram).or_default().push(i));
            let folded = |texts: &[String]| texts.iter().map(|text| padded(&identity_key(text))).collect();
            asked.expected.push(folded(&question.expected));
            asked.keywords.push(folded(&question.keywords));
            asked.keys.insert(key);
        }
        asked
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The facts that a suite asks for, of those that an item asks for alone. Nothing that states one of them is taught, whatever
    /// its shape.
    pub(super) fn facts(&self, items: &[Item]) -> BTreeSet<usize> {
        let asked = items.iter().filter(|item| !self.is_empty() && item.shape.is_direct() && self.asks_value(item));
        asked.flat_map(|item| &item.facts).copied().collect()
    }

    /// Whether a suite asks for what the item states: a question holds the entity, and what it expects holds a value.
    pub(super) fn asks_value(&self, item: &Item) -> bool {
        let Some(questions) = self.phrases.get(&identity_key(&item.entity)) else { return false };
        let values: Vec<String> = item.values.iter().map(|value| padded(&identity_key(value))).collect();
        let values = || values.iter().filter(|value| !value.trim().is_empty());
        let holds = |expected: &String| values().any(|value| expected.contains(value.as_str()));
        // A keyword may be a part of the value.
        let has = |keyword: &String| {
            values().any(|value| keyword.contains(value.as_str()) || value.contains(keyword.as_str()))
        };
        let is_asked = |i: usize| self.expected[i].iter().any(holds) || self.keywords[i].iter().any(has);
        questions.iter().any(|i| is_asked(*i as usize))
    }

    /// Whether a suite has this question (folded), or one whose runs of eight words are more than 0.7 alike.
    pub(super) fn asks(&self, key: &str) -> bool {
        if self.keys.contains(key) {
            return true;
        }
        let own = grams(key);
        let mut common: BTreeMap<u32, usize> = BTreeMap::new();
        own.iter().filter_map(|gram| self.grams.get(gram)).flatten().for_each(|i| *common.entry(*i).or_default() += 1);
        common.iter().any(|(i, n)| *n as f64 / (own.len() + self.sizes[*i as usize] - n) as f64 > LIMIT)
    }
}

fn padded(key: &str) -> String {
    format!(" {key} ")
}

fn grams(key: &str) -> HashSet<String> {
    let words: Vec<&str> = key.split(' ').collect();
    words.windows(GRAM).map(|gram| gram.join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Language;
    use crate::generate::Shape;
    use crate::store::Digest;

    fn item(entity: &str, value: &str) -> Item {
        Item {
            id: Digest::of_bytes(entity.as_bytes()),
            shape: Shape::Value,
            facts: vec![0],
            entity: entity.into(),
            attribute: "host".into(),
            source: "s".into(),
            language: Language::En,
            values: vec![value.into()],
            wordings: Vec::new(),
            low_information: false,
        }
    }

    #[test]
    fn what_a_suite_asks_is_found_by_its_words_and_by_its_fact() {
        let long = "please look at the attached report of the third quarter and tell me which region lost most money";
        let question = |text: &str, expected: &[&str], keywords: &[&str]| {
            let texts = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect();
            AskedQuestion { text: text.into(), expected: texts(expected), keywords: texts(keywords) }
        };
        let asked = Asked::new(&[
            question("Qui héberge GIDAF ?", &["GIDAF est hébergé par la DSI."], &[]),
            question(long, &["North"], &[]),
            question("Qui pilote Adatir ?", &[], &["dupont", "martin"]),
        ]);
        assert!(asked.asks("qui heberge gidaf") && !asked.asks("qui administre gidaf"));
        assert!(asked.asks(&format!("{} now", identity_key(long))));
        assert!(!asked.asks(&identity_key(&long[..60])));
        assert!(asked.asks_value(&item("GIDAF", "DSI")));
        // Another value, a part of a word, another entity, a part of the entity's name.
        for (entity, value) in
            [("GIDAF", "PostgreSQL"), ("GIDAF", "DS"), ("6Tzen", "DSI"), ("GID", "DSI"), ("GIDAF", "")]
        {
            assert!(!asked.asks_value(&item(entity, value)), "{entity} {value}");
        }
        // Of keywords one is enough, and a part of the value.
        assert!(asked.asks_value(&item("Adatir", "Jeanne Martin")) && !asked.asks_value(&item("Adatir", "Jeanne")));
        assert!(Asked::new(&[]).is_empty() && !asked.is_empty());
    }
}
