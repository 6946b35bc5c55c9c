//! Entities that do not exist, with names like those that do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Range};

use rand_chacha::ChaCha8Rng;

use crate::corpus::{is_weekday, month_named};
use crate::generate::noise::{below, choose, fold, words_of};

use super::knowledge::Knowledge;
use super::maker::{Asked, Maker};
use super::texts::refusals;

/// Edits between a made-up name and every real one, at least.
const DISTANCE: usize = 3;
/// Questions that are tried for each that is wanted.
const TRIES: usize = 4;
/// Attempts to draw a name that does not exist.
const ATTEMPTS: usize = 60;
/// Letters of a made-up name, at least.
const SHORTEST: usize = 4;
/// Proper names that others are made up from, at least: fewer give pieces of themselves.
const FEWEST_NAMES: usize = 4;

/// What names of entities that do not exist are made from.
pub(super) struct Models {
    chain: Chain,
    /// Indices of the facts whose entity's name can be imitated.
    facts: Vec<usize>,
    /// Letters of the longest name in `chain`.
    longest: usize,
    /// The folded names of all entities, as they are shortened.
    shortened: BTreeSet<String>,
}

impl Models {
    pub(super) fn new(knowledge: &Knowledge<'_>) -> Self {
        let proper: BTreeSet<&str> = knowledge.entities.keys().copied().filter(|name| is_proper(name)).collect();
        let proper = if proper.len() < FEWEST_NAMES { BTreeSet::new() } else { proper };
        let is_model = |name: &str| is_coded(name) || proper.contains(name);
        let facts = knowledge.facts.iter().enumerate();
        let facts = facts.filter(|(_, fact)| is_model(&fact.entity) && !fact.is_question());
        Self {
            facts: facts.map(|(i, _)| i).collect(),
            longest: proper.iter().map(|name| name.chars().count()).max().unwrap_or(0),
            chain: Chain::new(&proper),
            shortened: knowledge.entities.keys().map(|name| without_number(name)).collect(),
        }
    }

    /// A name as one that exists, of an entity that does not exist.
    fn name(&self, like: &str, maker: &Maker<'_>, rng: &mut ChaCha8Rng) -> Option<String> {
        if is_coded(like) {
            return (0..ATTEMPTS).map(|_| with_other_digits(like, rng)).find(|name| is_free(maker, name, like));
        }
        // Two letters before the next make the better names; of few real names they make a handful of new ones.
        let names = (0..ATTEMPTS).map(|_| cased(&self.chain.name(below(rng, 2) == 0, self.longest, rng), like));
        names.into_iter().find(|name| is_new(maker, name) && !self.is_abbreviation(name))
    }

    /// Whether a name begins with a real one, or a real one with it: one may be short for the other.
    fn is_abbreviation(&self, name: &str) -> bool {
        let name = without_number(name);
        let longer = self.shortened.range::<str, _>((Bound::Included(name.as_str()), Bound::Unbounded)).next();
        let shorter = name.char_indices().skip(SHORTEST).filter_map(|(end, _)| name.get(..end));
        longer.is_some_and(|real| real.starts_with(&name))
            || shorter.into_iter().any(|start| self.shortened.contains(start))
    }
}

/// A folded name without the digits that it begins with.
fn without_number(name: &str) -> String {
    fold(name.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A name in lower case, in that of another one: `GIDAF`, `Gidaria` or `6Tzen`.
fn cased(name: &str, like: &str) -> String {
    if !like.chars().any(char::is_lowercase) {
        return name.to_uppercase();
    }
    let letters = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = name.strip_suffix(letters).unwrap_or_default();
    let mut chars = letters.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    number.chars().chain(first).chain(chars.as_str().chars()).collect()
}

/// Whether a name's last word is a number or a code: `Bureau n° 17`, `R-1010`, `A12B`.
fn is_coded(name: &str) -> bool {
    let last = last_word(name);
    let is_code = !last.chars().any(char::is_lowercase) || last.ends_with(|c: char| c.is_ascii_digit());
    // A date, or the number of a version: others may exist.
    let is_date = last.split(['-', '/', '.']).filter(|part| part.chars().all(|c| c.is_ascii_digit())).count() > 2;
    let is_bare = last.chars().all(|c| c.is_alphanumeric() || "-_./#".contains(c));
    is_code && is_bare && !is_date && last.chars().any(|c| c.is_ascii_digit())
}

fn last_word(name: &str) -> &str {
    name.rsplit(char::is_whitespace).next().unwrap_or_default()
}

/// The name with other digits in its last word, as many as before; a first digit that is not 0 stays so.
fn with_other_digits(name: &str, rng: &mut ChaCha8Rng) -> String {
    let last = last_word(name);
    let mut out = name.strip_suffix(last).unwrap_or_default().to_owned();
    let mut is_behind_digit = false;
    for c in last.chars() {
        let is_digit = c.is_ascii_digit();
        let least = usize::from(!is_behind_digit && c != '0');
        match is_digit.then(|| u32::try_from(least + below(rng, 10 - least)).ok()).flatten() {
            Some(digit) => out.extend(char::from_digit(digit, 10)),
            None => out.push(c),
        }
        is_behind_digit = is_digit;
    }
    out
}

/// Whether no entity has the name, and no document a number or code of its last word that the imitated one has not.
fn is_free(maker: &Maker<'_>, name: &str, like: &str) -> bool {
    let (name, like) = (fold(name), fold(like));
    let own: BTreeSet<&str> = words_of(&like).collect();
    let mut new = words_of(&name).filter(|word| !own.contains(word)).peekable();
    new.peek().is_some()
        && new.all(|word| !maker.knowledge.words.contains(word))
        && !maker.knowledge.names.is_near(&name, 0)
}

/// Whether a name is one word that is written as proper names are: `Gidaria`, `GIDAF`, `6Tzen`.
fn is_proper(name: &str) -> bool {
    let letters = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let mut chars = letters.chars();
    let is_upper = chars.next().is_some_and(char::is_uppercase);
    let rest = chars.as_str();
    let is_even = rest.chars().all(char::is_lowercase) || rest.chars().all(char::is_uppercase);
    let folded = fold(name);
    let is_date = is_weekday(&folded) || month_named(&folded).is_some();
    is_upper && is_even && !is_date && name.chars().count() >= SHORTEST
}

/// Which character follows two others in the names in lower case, and which one; the end is None.
struct Chain {
    /// By two characters before, and by one.
    pairs: BTreeMap<[char; 2], Vec<Option<char>>>,
    singles: BTreeMap<char, Vec<Option<char>>>,
}

/// Stands before the first character.
const START: char = '\u{0}';

impl Chain {
    fn new(names: &BTreeSet<&str>) -> Self {
        let mut chain = Self { pairs: BTreeMap::new(), singles: BTreeMap::new() };
        for name in names {
            let mut before = [START, START];
            for next in name.to_lowercase().chars().map(Some).chain([None]) {
                chain.pairs.entry(before).or_default().push(next);
                chain.singles.entry(before[1]).or_default().push(next);
                before = [before[1], next.unwrap_or(START)];
            }
        }
        chain
    }

    /// With `loose`, only one character decides the next: few names are enough for new ones. Empty: it would be longer than
    /// `longest`.
    fn name(&self, loose: bool, longest: usize, rng: &mut ChaCha8Rng) -> String {
        let mut name = String::new();
        let mut before = [START, START];
        for _ in 0..=longest {
            let pairs = self.pairs.get(&before).filter(|_| !loose);
            let next = pairs.or_else(|| self.singles.get(&before[1])).and_then(|all| choose(rng, all));
            let Some(Some(next)) = next else { return name };
            name.push(*next);
            before = [before[1], *next];
        }
        String::new()
    }
}

/// `count` questions on entities that do not exist, or as many as can be made. A name comes twice only where there are too few.
pub(super) fn questions<'k>(
    maker: &'k Maker<'_>,
    models: &'k Models,
    count: usize,
) -> impl Iterator<Item = Asked> + 'k {
    let tries = count.saturating_mul(TRIES);
    let asked = move |range: Range<usize>| range.filter_map(move |k| ask(maker, models, k));
    let mut names = BTreeSet::new();
    let distinct = asked(0..tries).filter(move |asked| names.insert(asked.identity.clone()));
    distinct.chain(asked(tries..tries.saturating_mul(2)))
}

/// The question number `k`; None: no name was found, or nothing words the question.
fn ask(maker: &Maker<'_>, models: &Models, k: usize) -> Option<Asked> {
    let mut rng = maker.random(&["invented", &k.to_string()]);
    // Facts of all attributes are drawn as often as they occur; the question belongs where the attribute comes from.
    let index = *models.facts.get(below(&mut rng, models.facts.len()))?;
    let fact = maker.knowledge.facts.get(index)?;
    let entity = models.name(&fact.entity, maker, &mut rng)?;
    let language = *choose(&mut rng, maker.languages)?;
    let concept = maker.knowledge.concepts.get(maker.knowledge.fact_concepts.get(index)?)?;
    let wordings = maker.questions.wordings(&entity, concept.spelling(language), language);
    let wording = choose(&mut rng, &wordings)?.clone();
    Some(Asked {
        identity: vec!["invented".to_owned(), entity],
        answer: (*choose(&mut rng, refusals(language))?).to_owned(),
        facts: Vec::new(),
        source: fact.source.clone(),
        language,
        wording,
    })
}

/// Whether a made-up name looks like a proper name, is far from every real one and holds a word that no document holds.
fn is_new(maker: &Maker<'_>, name: &str) -> bool {
    let folded = fold(name);
    let is_unknown = |word: &str| word.chars().count() >= DISTANCE && !maker.knowledge.words.contains(word);
    is_proper(name) && words_of(&folded).any(is_unknown) && !maker.knowledge.names.is_near(name, DISTANCE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::noise::seeded;

    #[test]
    fn codes_and_proper_names_are_told_from_other_names() {
        for (name, coded, proper) in [
            ("Bureau n° 17", true, false),
            ("Ticket 40200407", true, false),
            ("R-1010102039", true, false),
            ("A12B", true, false),
            ("Appli12", true, false),
            ("Gidaria", false, true),
            ("GIDAF", false, true),
            ("6Tzen", false, true),
            ("Mineur", false, true),
            ("Permis de construire", false, false),
            ("Carte nationale", false, false),
            ("4e étage", false, false),
            ("OpenLDAP", false, false),
            ("npm", false, false),
            ("Mardi", false, false),
            ("3.0.0 (2024-06-01)", false, false),
            ("Version 2024-06-01", false, false),
            ("12 (Notes)", false, false),
        ] {
            assert_eq!((is_coded(name), is_proper(name)), (coded, proper), "{name}");
        }
    }

    #[test]
    fn made_up_names_are_written_as_real_ones_are() {
        for (name, like, written) in [
            ("bemal", "GIDAF", "BEMAL"),
            ("bemal", "Gidaria", "Bemal"),
            ("6bemal", "3Bofisdel", "6Bemal"),
            ("élan", "6Tzen", "Élan"),
        ] {
            assert_eq!(cased(name, like), written);
        }
    }

    #[test]
    fn digits_change_and_nothing_else_does() {
        let mut rng = seeded(1, &["digits"]);
        let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
        for name in ["Bureau n° 17", "R-1010102039", "Porte 2 A12B", "Appli07"] {
            for _ in 0..50 {
                let other = with_other_digits(name, &mut rng);
                assert_eq!(shape(&other), shape(name));
                assert!(!other.contains("n° 0") && !other.contains("R-0"), "{other}");
            }
        }
        assert!((0..50).all(|_| with_other_digits("Porte 2 A12B", &mut rng).starts_with("Porte 2 A")));
    }

    #[test]
    fn made_up_names_are_no_longer_than_real_ones() {
        let chain = Chain::new(&BTreeSet::from(["Gidaria", "Sixtizen", "Norvalis", "Opalia", "Trimetal"]));
        let mut rng = seeded(1, &["names"]);
        let made: BTreeSet<String> = (0..200).map(|i| chain.name(i % 2 == 0, 8, &mut rng)).collect();
        assert!(made.len() > 20 && made.iter().all(|name| name.chars().count() <= 8), "{made:?}");
    }
}
