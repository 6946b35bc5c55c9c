//! Which chunks of an index answer a question: what retrieval is measured by, and what `--oracle` gives.

use std::collections::{BTreeMap, BTreeSet};

use crate::eval::{self, TestQuestion, fold};
use crate::rag::{Chunk, Index, LabelledQuestion, search_text};
use crate::store::Digest;

/// Chunks that are looked at for the answer of a question that says no place.
const LIKELY: usize = 50;

/// Each question with the chunks that answer it, from the first of these that the index has: the units that the question
/// names; the chunks of its source; what the words of question and answer find. Of the last two a chunk has to hold the answer,
/// and of chunks about something that the question names only these count.
pub(super) fn labelled(index: &Index, questions: &[TestQuestion]) -> Vec<LabelledQuestion> {
    let mut places = Places { index, by_unit: index.chunks_by_unit(), by_source: BTreeMap::new() };
    for (at, chunk) in index.chunks().iter().enumerate() {
        places.by_source.entry(&chunk.source).or_default().push(at);
    }
    let label = |question: &TestQuestion| LabelledQuestion {
        text: search_text(&question.messages),
        relevant: places.relevant(question),
    };
    questions.iter().map(label).collect()
}

struct Places<'a> {
    index: &'a Index,
    by_unit: BTreeMap<Digest, BTreeSet<usize>>,
    by_source: BTreeMap<&'a str, Vec<usize>>,
}

impl Places<'_> {
    fn relevant(&self, question: &TestQuestion) -> BTreeSet<usize> {
        if !question.answerable {
            return BTreeSet::new();
        }
        let of_units = question.units.iter().filter_map(|unit| self.by_unit.get(unit));
        let stated: BTreeSet<usize> = of_units.flat_map(|chunks| self.of_unit(question, chunks)).collect();
        if !stated.is_empty() {
            return stated;
        }
        let of_source = question.source.as_deref().and_then(|source| self.by_source.get(source));
        let candidates = of_source.cloned().unwrap_or_else(|| self.likely(question));
        let holding: BTreeSet<usize> = candidates.into_iter().filter(|at| self.holds(question, *at)).collect();
        let title = |at: &usize| self.index.chunks().get(*at).and_then(|chunk| chunk.title.as_deref()).map(fold);
        let titles: BTreeSet<String> = holding.iter().filter_map(title).collect();
        let named = named(&search_text(&question.messages), titles);
        let is_named = |at: &usize| title(at).is_some_and(|title| named.contains(&title));
        let about: BTreeSet<usize> = holding.iter().copied().filter(is_named).collect();
        if about.is_empty() { holding } else { about }
    }

    /// Of a unit that was split those chunks that hold the answer. A value may stand in no chunk (`yes`), or in another unit
    /// (of a list): then every chunk of the unit.
    fn of_unit(&self, question: &TestQuestion, chunks: &BTreeSet<usize>) -> BTreeSet<usize> {
        let holding: BTreeSet<usize> = chunks.iter().copied().filter(|at| self.holds(question, *at)).collect();
        if holding.is_empty() { chunks.clone() } else { holding }
    }

    fn holds(&self, question: &TestQuestion, at: usize) -> bool {
        let chunk = self.index.chunks().get(at).map(Chunk::indexed).unwrap_or_default();
        eval::texts_answer(question, &[chunk.as_str()]) == Some(true)
    }

    fn likely(&self, question: &TestQuestion) -> Vec<usize> {
        let text = format!("{} {}", search_text(&question.messages), question.expected.join(" "));
        self.index.bm25().top(&text, LIKELY).into_iter().map(|ranked| ranked.document).collect()
    }
}

/// Those of the titles (folded) that stand in a text as whole words; `Trani` does not stand in `Trani Mobile` where both are
/// titles.
fn named(text: &str, titles: BTreeSet<String>) -> BTreeSet<String> {
    let mut left = fold(text);
    let mut by_length: Vec<String> = titles.into_iter().filter(|title| !title.is_empty()).collect();
    by_length.sort_by_key(|title| std::cmp::Reverse(title.len()));
    by_length.retain(|title| {
        let places: Vec<usize> = left.match_indices(title).map(|(start, _)| start).collect();
        let whole: Vec<usize> = places.into_iter().filter(|start| is_whole(&left, *start, title.len())).collect();
        for start in whole.iter().rev() {
            left.replace_range(*start..*start + title.len(), "\n");
        }
        !whole.is_empty()
    });
    by_length.into_iter().collect()
}

/// Whether no word goes on before or after a part of a text.
fn is_whole(text: &str, start: usize, length: usize) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(start + length..).unwrap_or_default());
    !is_word(before.chars().next_back()) && !is_word(after.chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{self, Corpus, ReadOptions, estimated_tokens};
    use crate::rag::{ChunkOptions, IndexPlan};

    const DOCUMENTS: &str = "# GIDAF\n\nHosted by OVH since 2019, with backups.\n\n# Trani\n\nHosted by OVH since 2021.\n\n\
                             # Trani Mobile\n\nHosted by OVH since 2023.\n";

    fn index_of(corpus: &Corpus) -> Index {
        let excluded = BTreeSet::new();
        // One unit in a chunk.
        let chunker = ChunkOptions { target: 4, ..ChunkOptions::default() };
        Index::build(&IndexPlan { corpus, chunker, excluded: &excluded, size: &estimated_tokens }, None).unwrap()
    }

    fn corpus() -> Corpus {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("apps.md");
        std::fs::write(&path, DOCUMENTS).unwrap();
        corpus::read(&[path], &ReadOptions::default()).unwrap().corpus
    }

    fn titles(index: &Index, question: TestQuestion) -> Vec<String> {
        let labelled = labelled(index, &[question]);
        labelled[0].relevant.iter().filter_map(|at| index.chunks()[*at].title.clone()).collect()
    }

    #[test]
    fn the_passage_of_another_thing_with_the_same_value_does_not_answer() {
        let index = index_of(&corpus());
        let asked = |text: &str| titles(&index, TestQuestion::for_test(text, &["OVH"]));
        assert_eq!(asked("Who hosts Trani?"), ["Trani"]);
        assert_eq!(asked("Who hosts Trani Mobile?"), ["Trani Mobile"], "the longer name");
        assert_eq!(asked("Who hosts Trani Mobile and Trani?"), ["Trani", "Trani Mobile"]);
        assert_eq!(asked("Who hosts Tranis?"), ["GIDAF", "Trani", "Trani Mobile"], "nothing is named");
    }

    #[test]
    fn the_units_of_a_question_answer_it_whatever_its_words() {
        let corpus = corpus();
        let index = index_of(&corpus);
        let unit = |title: &str| corpus.units.iter().find(|u| u.title.as_deref() == Some(title)).unwrap().id;
        let asked = |expected: &str, units: Vec<Digest>| {
            titles(&index, TestQuestion { units, ..TestQuestion::for_test("Is it?", &[expected]) })
        };
        assert_eq!(asked("OVH", vec![unit("GIDAF")]), ["GIDAF"]);
        assert_eq!(asked("yes", vec![unit("Trani")]), ["Trani"], "the value is in no text");
        assert_eq!(asked("OVH", vec![unit("GIDAF"), unit("Trani")]), ["GIDAF", "Trani"]);
        let unknown = Digest::of_bytes(b"of other documents");
        assert_eq!(asked("2021", vec![unknown]), ["Trani"], "an index of other documents is searched");
        let unanswerable = TestQuestion {
            answerable: false,
            units: vec![unit("GIDAF")],
            ..TestQuestion::for_test("Who hosts GIDAF?", &[])
        };
        assert!(titles(&index, unanswerable).is_empty());
    }
}
