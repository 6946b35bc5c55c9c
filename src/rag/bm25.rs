//! BM25 over words and character trigrams, in one index.
//!
//! The variant is Lucene's, which bm25s calls `method="lucene"`: the score of a term that `n` of `N` documents hold, `f` times in a
//! document of `l` terms (the mean is `m`), is `ln(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * l / m))`. There is no
//! factor `k1 + 1`. A term that a query holds twice counts twice.

use std::collections::{BTreeMap, HashMap};

use super::error::RagError;
use super::postings::{Postings, PostingsBuilder};
use super::ranked::{Ranked, best};
use super::terms::{TermSet, for_each_word, trigram_term, trigrams};

pub(super) const K1: f64 = 1.2;
pub(super) const B: f64 = 0.75;

/// The lexical index of a list of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Bm25 {
    pub(super) set: TermSet,
    /// Terms of each document.
    pub(super) lengths: Vec<u32>,
    /// Every term, sorted, one after the other.
    pub(super) terms: Vec<u8>,
    /// Of each term.
    pub(super) entries: Vec<Entry>,
    pub(super) postings: Vec<u8>,
    /// `k1 * (1 - b + b * l / m)` of each document.
    norms: Vec<f32>,
}

/// A term's place: it starts where the entry before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// In `terms`.
    pub(super) term_end: u32,
    /// How many documents hold it.
    pub(super) documents: u32,
    /// In `postings`.
    pub(super) postings_end: u64,
}

/// What a [`Bm25`] stores: everything but what follows from it.
pub(super) struct Parts {
    pub(super) set: TermSet,
    pub(super) lengths: Vec<u32>,
    pub(super) terms: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    pub(super) postings: Vec<u8>,
}

impl Bm25 {
    /// The index of `texts`; their order gives the documents' numbers.
    pub fn build<'t>(texts: impl IntoIterator<Item = &'t str>, set: TermSet) -> Result<Self, RagError> {
        let mut builder =
            Builder { set, words: HashMap::new(), trigrams: HashMap::new(), of_words: Vec::new(), terms: Vec::new() };
        let mut counts = Counts::default();
        let mut lengths = Vec::new();
        for text in texts {
            let document = u32::try_from(lengths.len())
                .map_err(|_| RagError::TooLarge { what: "chunks", limit: u64::from(u32::MAX) })?;
            lengths.push(builder.add(document, text, &mut counts));
        }
        builder.finish(lengths)
    }

    pub(super) fn from_parts(parts: Parts) -> Self {
        let total: u64 = parts.lengths.iter().map(|l| u64::from(*l)).sum();
        let mean = (total as f64 / parts.lengths.len().max(1) as f64).max(f64::MIN_POSITIVE);
        let norms = parts.lengths.iter().map(|l| (K1 * (1.0 - B + B * f64::from(*l) / mean)) as f32).collect();
        let Parts { set, lengths, terms, entries, postings } = parts;
        Self { set, lengths, terms, entries, postings, norms }
    }

    pub fn documents(&self) -> usize {
        self.lengths.len()
    }

    /// How many different terms there are.
    pub fn terms(&self) -> usize {
        self.entries.len()
    }

    /// The `k` best documents that hold a term of the query, best first.
    pub fn top(&self, query: &str, k: usize) -> Vec<Ranked> {
        let scores = self.scores(query);
        let found = scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0);
        best(found.map(|(document, score)| Ranked { document, score }).collect(), k)
    }

    /// Of every document.
    pub fn scores(&self, query: &str) -> Vec<f32> {
        let mut wanted: BTreeMap<usize, u32> = BTreeMap::new();
        for_each_word(query, &mut |word| {
            for term in self.set.of_word(word) {
                if let Some(entry) = self.find(term.as_bytes()) {
                    *wanted.entry(entry).or_default() += 1;
                }
            }
        });
        let mut scores = vec![0.0f32; self.lengths.len()];
        for (entry, times) in wanted {
            self.add_scores(entry, times, &mut scores);
        }
        scores
    }

    fn add_scores(&self, entry: usize, times: u32, scores: &mut [f32]) {
        let Some(bytes) = self.postings_of(entry) else { return };
        let (all, with) = (self.lengths.len() as f64, f64::from(self.entries[entry].documents));
        let weight = (f64::from(times) * (1.0 + (all - with + 0.5) / (with + 0.5)).ln()) as f32;
        for posting in Postings::new(bytes) {
            let (document, frequency) = (posting.document as usize, posting.frequency as f32);
            if let (Some(score), Some(norm)) = (scores.get_mut(document), self.norms.get(document)) {
                *score += weight * frequency / (frequency + norm);
            }
        }
    }

    pub(super) fn term(&self, entry: usize) -> Option<&[u8]> {
        let start = entry.checked_sub(1).map_or(0, |before| self.entries[before].term_end);
        self.terms.get(start as usize..self.entries.get(entry)?.term_end as usize)
    }

    pub(super) fn postings_of(&self, entry: usize) -> Option<&[u8]> {
        let start = entry.checked_sub(1).map_or(0, |before| self.entries[before].postings_end);
        let end = self.entries.get(entry)?.postings_end;
        self.postings.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    fn find(&self, term: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.term(middle)?.cmp(term) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

/// Collects postings. Terms have numbers in the order in which they come; a word's terms are made once.
struct Builder {
    set: TermSet,
    words: HashMap<String, Place>,
    trigrams: HashMap<[char; 3], u32>,
    /// The terms of each word, one word after the other; the word itself is the first.
    of_words: Vec<u32>,
    terms: Vec<PostingsBuilder>,
}

/// Of a word's terms in [`Builder::of_words`].
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
}

/// How often each term is in the present document.
#[derive(Default)]
struct Counts {
    of: Vec<u32>,
    /// Terms whose count is not 0.
    present: Vec<u32>,
}

impl Builder {
    /// The number of its terms.
    fn add(&mut self, document: u32, text: &str, counts: &mut Counts) -> u32 {
        let mut length = 0u32;
        for_each_word(text, &mut |word| {
            let place = self.word(word);
            counts.of.resize(self.terms.len(), 0);
            for &term in &self.of_words[place.start..place.end] {
                let count = &mut counts.of[term as usize];
                if *count == 0 {
                    counts.present.push(term);
                }
                *count = count.saturating_add(1);
                length = length.saturating_add(1);
            }
        });
        for term in counts.present.drain(..) {
            let count = std::mem::take(&mut counts.of[term as usize]);
            self.terms[term as usize].add(document, count);
        }
        length
    }

    fn word(&mut self, word: &str) -> Place {
        if let Some(&known) = self.words.get(word) {
            return known;
        }
        let start = self.of_words.len();
        if self.set.has_words() {
            self.of_words.push(self.terms.len() as u32);
            self.terms.push(PostingsBuilder::default());
        }
        if self.set.has_trigrams() {
            for trigram in trigrams(word) {
                let next = self.terms.len() as u32;
                let id = *self.trigrams.entry(trigram).or_insert(next);
                if id == next {
                    self.terms.push(PostingsBuilder::default());
                }
                self.of_words.push(id);
            }
        }
        let place = Place { start, end: self.of_words.len() };
        self.words.insert(word.to_owned(), place);
        place
    }

    fn finish(self, lengths: Vec<u32>) -> Result<Bm25, RagError> {
        let mut sorted: Vec<(String, u32)> = self.trigrams.into_iter().map(|(t, id)| (trigram_term(t), id)).collect();
        if self.set.has_words() {
            sorted.extend(self.words.into_iter().map(|(word, place)| (word, self.of_words[place.start])));
        }
        sorted.sort_unstable();
        let (mut terms, mut entries, mut postings) = (Vec::new(), Vec::with_capacity(sorted.len()), Vec::new());
        for (term, id) in sorted {
            let of_term = &self.terms[id as usize];
            terms.extend_from_slice(term.as_bytes());
            postings.extend_from_slice(&of_term.bytes);
            let term_end = u32::try_from(terms.len())
                .map_err(|_| RagError::TooLarge { what: "bytes of different terms", limit: u64::from(u32::MAX) })?;
            entries.push(Entry { term_end, documents: of_term.documents, postings_end: postings.len() as u64 });
        }
        Ok(Bm25::from_parts(Parts { set: self.set, lengths, terms, entries, postings }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Fixture {
        texts: Vec<String>,
        queries: Vec<String>,
        words: Vec<Row>,
        trigrams: Vec<Row>,
    }

    /// How many documents have a score, and the best with theirs.
    #[derive(serde::Deserialize)]
    struct Row {
        found: usize,
        scores: Vec<(usize, f32)>,
    }

    #[test]
    fn scores_are_those_of_bm25s() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/rag/bm25.json");
        let fixture: Fixture = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!((fixture.texts.len(), fixture.words.len()), (200, fixture.queries.len()));
        for (set, rows) in [(TermSet::Words, &fixture.words), (TermSet::Trigrams, &fixture.trigrams)] {
            let index = Bm25::build(fixture.texts.iter().map(String::as_str), set).unwrap();
            for (query, row) in fixture.queries.iter().zip(rows) {
                let scores = index.scores(query);
                assert_eq!(scores.iter().filter(|s| **s > 0.0).count(), row.found, "{set:?} {query}");
                for &(document, expected) in &row.scores {
                    let score = scores[document];
                    assert!(
                        (score - expected).abs() <= 1e-4 * expected.abs(),
                        "{set:?} {query} {document}: {score} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn both_kinds_of_terms_share_one_index() {
        let texts = ["GIDAF gère les dossiers", "GADIF gère les congés", "six"];
        let index = Bm25::build(texts, TermSet::Both).unwrap();
        assert_eq!(index.lengths[2], 1 + 3);
        let top: Vec<usize> = index.top("gidaff gere", 10).iter().map(|r| r.document).collect();
        assert_eq!(top, [0, 1]);
        assert!(index.top("xyz", 10).is_empty() && index.top("", 10).is_empty());
        assert_eq!(index.top("les", 10).iter().map(|r| r.document).collect::<Vec<_>>(), [1, 0]);
        let empty = Bm25::build([], TermSet::Both).unwrap();
        assert!(empty.top("les", 3).is_empty() && empty.documents() == 0);
    }
}
