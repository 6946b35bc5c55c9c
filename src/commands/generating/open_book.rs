//! Training examples with extracts before the question, as `rag` puts them there: they teach to answer from what is retrieved,
//! and to say so where it does not hold the answer (RAFT, arXiv 2403.10131).

use std::collections::{BTreeMap, BTreeSet};

use super::material::Material;
use crate::chat::{Message, Role};
use crate::commands::Failure;
use crate::commands::query::CONTEXT_TOKENS;
use crate::corpus::{Fact, Unit, estimated_tokens};
use crate::eval;
use crate::generate::{self, Draft, Method, Part, Plan, Shape};
use crate::rag::{Chunk, ChunkOptions, Index, IndexPlan, PromptStyle, Retriever, Search};
use crate::store::Digest;

/// Of five open-book examples whose question the documents answer, those whose extracts hold the answer.
const WITH_ANSWER: usize = 4;
/// Chunks that are found for a question, besides those with its answer; the first of them that may be shown are.
const FOUND: usize = 12;
/// Tokens of an answer that the prompt leaves room for.
const ANSWER_TOKENS: usize = 256;

/// How many examples were to get extracts, and how many did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) wanted: usize,
    pub(super) made: usize,
}

/// Puts extracts before the question of a share (0 to 1) of the training examples. Every item keeps one example without them,
/// so that what is tested without extracts is taught without them.
pub(super) fn open_book(plan: &mut Plan, material: &Material, share: f64, seed: u64) -> Result<Opened, Failure> {
    let taught: Vec<usize> = (0..plan.examples.len()).filter(|i| plan.examples[*i].part == Part::Train).collect();
    let mut count = Opened { wanted: (share * taught.len() as f64).round() as usize, made: 0 };
    if count.wanted == 0 {
        return Ok(count);
    }
    let excluded: BTreeSet<String> = plan.unseen_sources.iter().map(|source| source.to_string()).collect();
    let index_plan = IndexPlan {
        corpus: &material.corpus,
        chunker: ChunkOptions::default(),
        excluded: &excluded,
        size: &estimated_tokens,
    };
    let index = Index::build(&index_plan, None)?;
    let mut closed: BTreeMap<Digest, usize> = BTreeMap::new();
    taught.iter().for_each(|i| *closed.entry(plan.examples[*i].draft.item).or_default() += 1);
    let drafts: Vec<&Draft> = taught.iter().map(|i| &plan.examples[*i].draft).collect();
    let order = generate::ranked(&drafts, seed, |draft| draft.turns.len() == 2);
    let mut book = Book {
        retriever: Retriever::lexical(&index),
        index: &index,
        by_unit: index.chunks_by_unit(),
        facts: &material.facts.facts,
        units: &material.corpus.units,
    };
    let mut answerable = 0;
    for place in order {
        if count.made == count.wanted || material.interrupt.raised() {
            break;
        }
        let Some(planned) = taught.get(place).and_then(|i| plan.examples.get_mut(*i)) else { continue };
        let draft = &mut planned.draft;
        let Some(left) = closed.get_mut(&draft.item).filter(|left| **left > 1 || draft.shape == Shape::Unanswerable)
        else {
            continue;
        };
        if let Some(opened) = book.opened(draft, answerable % 5 < WITH_ANSWER)? {
            answerable += usize::from(draft.shape != Shape::Unanswerable);
            *draft = opened;
            *left -= 1;
            count.made += 1;
        }
    }
    Ok(count)
}

struct Book<'a> {
    retriever: Retriever<'a>,
    index: &'a Index,
    by_unit: BTreeMap<Digest, BTreeSet<usize>>,
    facts: &'a [Fact],
    units: &'a [Unit],
}

impl Book<'_> {
    /// The draft with extracts, with or without those that state its facts; None: these do not fit, or no extract holds what
    /// the answer says.
    fn opened(&mut self, draft: &Draft, with_answer: bool) -> Result<Option<Draft>, Failure> {
        let [question, answer] = draft.turns.as_slice() else { return Ok(None) };
        let style = PromptStyle::new(draft.language);
        let is_refusal = draft.shape == Shape::Unanswerable;
        let gold = match self.stating(draft) {
            Some(gold) => gold,
            None if is_refusal => BTreeSet::new(),
            None => return Ok(None),
        };
        if !is_refusal && (gold.is_empty() || gold.len() > style.k) {
            return Ok(None);
        }
        let with_answer = with_answer && !is_refusal;
        let hits = self.retriever.find(&question.content, FOUND + gold.len())?;
        let found: Vec<usize> = hits.into_iter().map(|hit| hit.chunk).collect();
        // What is refused must not stand in another extract.
        let may_answer = |chunk: &usize| !with_answer && !is_refusal && self.may_answer(draft, *chunk);
        let others = found.iter().copied().filter(|chunk| !gold.contains(chunk) && !may_answer(chunk));
        let mut ranked: Vec<usize> = if with_answer {
            let first: BTreeSet<usize> = others.take(style.k - gold.len()).chain(gold.iter().copied()).collect();
            // In the order of the search; what it did not find comes last.
            let found_first = found.iter().copied().filter(|chunk| first.contains(chunk));
            found_first.chain(gold.iter().copied().filter(|chunk| !found.contains(chunk))).collect()
        } else {
            others.collect()
        };
        ranked.truncate(style.k);
        let chunks: Vec<_> = ranked.iter().filter_map(|chunk| self.index.chunks().get(*chunk)).collect();
        let prompt = style.assemble(&question.content, &chunks, CONTEXT_TOKENS - ANSWER_TOKENS, &estimated_tokens);
        let mut numbers = Vec::new();
        for (at, place) in prompt.used.iter().enumerate() {
            if ranked.get(*place).is_some_and(|chunk| gold.contains(chunk)) {
                numbers.push(format!("[{}]", at + 1));
            }
        }
        if with_answer && numbers.len() != gold.len() {
            return Ok(None);
        }
        let answer = if with_answer { cited(&answer.content, &numbers.concat()) } else { style.refusal.clone() };
        let turns = vec![
            Message::new(Role::System, prompt.system),
            Message::new(Role::User, prompt.user),
            Message::new(Role::Assistant, answer.as_str()),
        ];
        let expected = vec![answer];
        Ok(Some(Draft { turns, expected, shape: Shape::OpenBook, method: Method::Augmented, ..draft.clone() }))
    }

    /// Chunks that hold the values of the draft's facts, and those with the unit that a model asked about. None: a value stands
    /// in no chunk.
    fn stating(&self, draft: &Draft) -> Option<BTreeSet<usize>> {
        let facts = draft.facts.iter().filter_map(|fact| self.facts.get(*fact));
        let of_facts: Vec<Vec<usize>> = facts.map(|fact| self.holding(fact)).collect::<Option<_>>()?;
        let of_model = draft.record.iter().flat_map(|record| self.chunks_of(record.unit));
        Some(of_facts.into_iter().flatten().chain(of_model).collect())
    }

    /// Of the chunks with a fact's unit, those that hold its values; where none does alone, all of them.
    fn holding(&self, fact: &Fact) -> Option<Vec<usize>> {
        let chunks = self.chunks_of(fact.unit);
        let alone: Vec<usize> = chunks.iter().copied().filter(|chunk| self.hold(&[*chunk], &fact.values)).collect();
        if alone.is_empty() { self.hold(&chunks, &fact.values).then_some(chunks) } else { Some(alone) }
    }

    fn chunks_of(&self, unit: usize) -> Vec<usize> {
        let chunks = self.units.get(unit).and_then(|unit| self.by_unit.get(&unit.id));
        chunks.into_iter().flatten().copied().collect()
    }

    /// Whether the chunks together hold all values, as written or in another notation.
    fn hold(&self, chunks: &[usize], values: &[String]) -> bool {
        let texts: Vec<String> =
            chunks.iter().filter_map(|at| self.index.chunks().get(*at)).map(Chunk::indexed).collect();
        let text = texts.join("\n");
        values.iter().all(|value| text.contains(value.as_str())) || eval::holds_all(&text, values)
    }

    /// Whether a chunk holds all values of one of the draft's facts, or a model's answer, in any notation and whatever it says
    /// of them.
    fn may_answer(&self, draft: &Draft, chunk: usize) -> bool {
        let Some(text) = self.index.chunks().get(chunk).map(Chunk::indexed) else { return false };
        let facts = draft.facts.iter().filter_map(|fact| self.facts.get(*fact));
        let values: Vec<&[String]> = match draft.facts.is_empty() {
            true => vec![&draft.expected],
            false => facts.map(|fact| fact.values.as_slice()).collect(),
        };
        values.into_iter().any(|values| eval::holds_all(&text, values))
    }
}

/// `It is hosted by OVH [2].`
fn cited(answer: &str, numbers: &str) -> String {
    match answer.strip_suffix('.') {
        Some(sentence) => format!("{sentence} {numbers}."),
        None => format!("{answer} {numbers}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{self, FactOptions, Language, ReadOptions};
    use crate::generate::{ItemOptions, PlanInput, PlanOptions, Templates};
    use crate::store::Interrupt;

    /// Twelve records whose text repeats nothing of their metadata.
    fn material() -> Material {
        let names = [
            "Adatir", "Belom", "Cirux", "Dorval", "Elmis", "Fanor", "Gidaf", "Hulot", "Imezen", "Jarvil", "Kobra",
            "Lumen",
        ];
        let mut text = String::new();
        for (i, name) in names.into_iter().enumerate() {
            let host = ["OVH", "Datavelle", "Ferme Kellian"][i % 3];
            let metadata = serde_json::json!({
                "title": name, "hebergeur": host, "version": format!("{i}.7"), "utilisateurs": 1210 + 37 * i, "critique": i % 2 == 0,
            });
            let said = format!("{name} est une application du ministère, ouverte à tous les agents depuis des années.");
            text.push_str(&serde_json::json!({"page_content": said, "metadata": metadata}).to_string());
            text.push('\n');
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        std::fs::write(&path, text).unwrap();
        let corpus = corpus::read(&[path], &ReadOptions::default()).unwrap().corpus;
        let facts = corpus::facts(&corpus, &FactOptions::default());
        let templates = Templates::builtin().unwrap();
        Material {
            corpus,
            facts,
            languages: vec![Language::Fr],
            own_languages: Vec::new(),
            templates,
            interrupt: Interrupt::default(),
        }
    }

    fn planned(material: &Material) -> Plan {
        let options = ItemOptions { languages: vec![Language::Fr], ..ItemOptions::new(&material.templates) };
        let (facts, units) = (&material.facts.facts, &material.corpus.units);
        let items = generate::items(facts, &options);
        let input = PlanInput { items: &items, facts, units, asked: &[], interrupt: &material.interrupt };
        generate::plan(input, &PlanOptions::default()).unwrap()
    }

    /// The number of answers with citations, all of whose values stand in the extracts.
    fn cited_answers(plan: &Plan, material: &Material) -> usize {
        let mut cited = 0;
        for planned in plan.examples.iter().filter(|example| example.draft.shape == Shape::OpenBook) {
            let [_, extracts, answer] = planned.draft.turns.as_slice() else { panic!("{:?}", planned.draft) };
            if !answer.content.contains('[') {
                continue;
            }
            cited += 1;
            for fact in planned.draft.facts.iter().map(|fact| &material.facts.facts[*fact]) {
                let held = fact.values.iter().all(|value| extracts.content.contains(value.as_str()));
                assert!(held, "{fact:?}\n{}", extracts.content);
            }
        }
        cited
    }

    #[test]
    fn what_is_answered_stands_in_the_extracts() {
        let mut material = material();
        let mut plan = planned(&material);
        let opened = open_book(&mut plan, &material, 0.5, 42).unwrap();
        assert!(opened.made >= 40, "{opened:?}");
        let cited = cited_answers(&plan, &material);
        assert_eq!(cited, (0..opened.made).filter(|made| made % 5 < WITH_ANSWER).count());
        // Facts whose values are in no extract are not answered from one.
        let mut plan = planned(&material);
        material.corpus.units.iter_mut().for_each(|unit| unit.fields.clear());
        open_book(&mut plan, &material, 0.5, 42).unwrap();
        assert!(cited_answers(&plan, &material) < cited / 2);
    }

    #[test]
    fn a_citation_stands_before_the_full_stop() {
        assert_eq!(cited("It is hosted by OVH.", "[2]"), "It is hosted by OVH [2].");
        assert_eq!(cited("OVH", "[1][3]"), "OVH [1][3]");
    }
}
