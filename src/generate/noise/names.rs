//! The names of a corpus, prepared for two questions: which names a text holds, and which name is nearest to a spelling.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use crate::generate::damerau;

use super::fold::{Folded, fold};

/// Longer texts are no names.
const LONGEST: usize = 200;

/// All entities' names; for noise also the values that questions hold (`Is GIDAF hosted by OVH?`), so that none turns into
/// another.
#[derive(Debug, Default)]
pub struct EntityNames {
    /// Index into `names`, by the folded name.
    by_folded: HashMap<String, usize>,
    /// What folded names begin with, to their first boundary.
    first_words: HashSet<String>,
    names: Vec<Name>,
    by_length: BTreeMap<usize, Vec<Entry>>,
    /// Bytes of the longest folded name.
    longest: usize,
}

#[derive(Debug)]
struct Name {
    folded: Vec<char>,
    /// Several names differ only in case and accents.
    shared: bool,
}

#[derive(Debug)]
struct Entry {
    letters: u64,
    name: usize,
}

/// A name in a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mention {
    pub(crate) range: Range<usize>,
    /// Names one of [`EntityNames`].
    pub(crate) name: usize,
}

impl EntityNames {
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.into_iter().map(str::trim).filter(|n| !n.is_empty()).collect();
        let mut all = Self::default();
        for name in names {
            let folded = fold(name);
            let chars: Vec<char> = folded.chars().collect();
            if chars.len() > LONGEST {
                continue;
            }
            if let Some(known) = all.by_folded.get(&folded).and_then(|i| all.names.get_mut(*i)) {
                known.shared = true;
                continue;
            }
            let name = all.names.len();
            let entry = Entry { letters: letters(&chars), name };
            all.by_length.entry(chars.len()).or_default().push(entry);
            all.longest = all.longest.max(folded.len());
            all.first_words.insert(first_word(&folded).to_owned());
            all.by_folded.insert(folded, name);
            all.names.push(Name { folded: chars, shared: false });
        }
        all
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names that stand in a text as whole words, whatever their case and accents; of overlapping ones the first, and
    /// of those the longest.
    pub(crate) fn mentions(&self, text: &str) -> Vec<Mention> {
        let folded = Folded::new(text);
        let places = folded.boundaries();
        let mut found: Vec<Mention> = Vec::new();
        let mut done = 0;
        for (i, start) in places.iter().enumerate() {
            let Some(first) = places.get(i + 1).and_then(|end| folded.text.get(*start..*end)) else { break };
            if *start < done || !self.first_words.contains(first) {
                continue;
            }
            let ends = places.iter().skip(i + 1).take_while(|end| *end - start <= self.longest);
            let names = ends.filter_map(|end| Some((*end, *self.by_folded.get(folded.text.get(*start..*end)?)?)));
            if let Some((end, name)) = names.last() {
                found.push(Mention { range: folded.original(*start..end), name });
                done = end;
            }
        }
        found
    }

    /// Whether a spelling says the name and no other: no other name is as near to it.
    pub(crate) fn is_nearest(&self, name: usize, spelling: &str) -> bool {
        let Some(own) = self.names.get(name) else { return false };
        let spelling: Vec<char> = fold(spelling).chars().collect();
        let distance = damerau::distance(&own.folded, &spelling);
        !own.shared && !self.any_within(&spelling, distance, Some(name))
    }

    /// Whether a name lies within `limit` edits of a spelling.
    pub(crate) fn is_near(&self, spelling: &str, limit: usize) -> bool {
        self.any_within(&fold(spelling).chars().collect::<Vec<_>>(), limit, None)
    }

    fn any_within(&self, spelling: &[char], limit: usize, except: Option<usize>) -> bool {
        let own = letters(spelling);
        let lengths = spelling.len().saturating_sub(limit)..=spelling.len() + limit;
        // An edit changes the count of at most two letters by one, and so two bits.
        let is_alike = |e: &&Entry| (e.letters ^ own).count_ones() as usize <= 2 * limit && Some(e.name) != except;
        let entries = self.by_length.range(lengths).flat_map(|(_, entries)| entries);
        let names = entries.filter(is_alike).filter_map(|e| self.names.get(e.name));
        names.into_iter().any(|n| damerau::within(&n.folded, spelling, limit).is_some())
    }
}

/// To the first boundary.
fn first_word(folded: &str) -> &str {
    let places = Folded::new(folded).boundaries();
    places.get(1).and_then(|end| folded.get(..*end)).unwrap_or(folded)
}

/// Which of 32 classes of characters a text holds once, and which twice or more.
fn letters(text: &[char]) -> u64 {
    text.iter().fold(0, |bits, c| {
        let class = 1u64 << (u32::from(*c) % 32);
        bits | class | if bits & class == 0 { 0 } else { class << 32 }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_as_whole_words() {
        let names = EntityNames::new(["GIDAF", "GIDAF Mobile", "Éole", "C++", "libpng-dev", ".NET"]);
        let text = "GIDAF mobile, gidafs, eole, C++ et libpng-dev; gidaf : .net";
        let found: Vec<&str> = names.mentions(text).into_iter().map(|m| &text[m.range]).collect();
        assert_eq!(found, ["GIDAF mobile", "eole", "C++", "libpng-dev", "gidaf", ".net"]);
        assert!(names.mentions("").is_empty() && EntityNames::default().mentions("GIDAF").is_empty());
    }

    #[test]
    fn a_spelling_between_two_names_says_neither() {
        let names = EntityNames::new(["app 1", "app 2", "GIDAF", "Eole", "Éole"]);
        let index = |text: &str| names.mentions(text)[0].name;
        assert!(names.is_nearest(index("GIDAF"), "gdiaf"));
        assert!(!names.is_nearest(index("app 1"), "app"), "as near to `app 2`");
        assert!(names.is_nearest(index("app 1"), "ap 1"));
        assert!(!names.is_nearest(index("eole"), "eole"), "two names that differ in an accent");
        assert!(names.is_near("gidfa", 1) && !names.is_near("gidfax", 1));
    }

    proptest! {
        /// The filters lose no name.
        #[test]
        fn nearness_is_that_of_all_distances(all in proptest::collection::vec("[a-eé]{1,6}", 1..12), text in "[a-e]{0,7}", limit in 0usize..4) {
            let names = EntityNames::new(all.iter().map(String::as_str));
            let spelling: Vec<char> = text.chars().collect();
            let near = all.iter().any(|n| damerau::distance(&fold(n).chars().collect::<Vec<_>>(), &spelling) <= limit);
            prop_assert_eq!(names.is_near(&text, limit), near);
        }
    }
}
