//! What is found for a question: the lexical list, or it and the vector list as one.

use std::collections::{BTreeMap, BTreeSet};

use super::chunk::Chunk;
use super::embed::Embedding;
use super::error::RagError;
use super::fusion::{CANDIDATES, fuse};
use super::index::Index;
use super::ranked::Ranked;

/// A chunk that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its place in [`Search::chunks`].
    pub chunk: usize,
    /// 0 to 1; what the list was sorted by.
    pub score: f32,
}

/// Finds chunks for a question.
pub trait Search {
    fn chunks(&self) -> &[Chunk];
    /// The `k` best chunks, best first.
    fn find(&mut self, question: &str, k: usize) -> Result<Vec<Hit>, RagError>;
}

/// An index that is searched.
#[derive(Debug)]
pub struct Retriever<'a> {
    index: &'a Index,
    vectors: Option<VectorSearch<'a>>,
}

#[derive(Debug)]
struct VectorSearch<'a> {
    embedding: Embedding<'a>,
    dims: usize,
    /// Of the vector list; 0: the embedder is not asked.
    weight: f64,
}

/// A question whose relevant chunks are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledQuestion {
    /// What is searched.
    pub text: String,
    pub relevant: BTreeSet<usize>,
}

impl<'a> Retriever<'a> {
    /// Searches words and trigrams alone.
    pub fn lexical(index: &'a Index) -> Self {
        Self { index, vectors: None }
    }

    /// Searches vectors too; `weight`: of their list, 0 to 1. The embedder has to be the one that the index was made with.
    pub fn with_vectors(index: &'a Index, embedding: Embedding<'a>, weight: f64) -> Result<Self, RagError> {
        index.manifest().check_embedder(embedding.identity())?;
        if !(0.0..=1.0).contains(&weight) {
            return Err(RagError::Weight(weight));
        }
        let dims = index.vectors().ok_or(RagError::NoVectors)?.dims();
        Ok(Self { index, vectors: Some(VectorSearch { embedding, dims, weight }) })
    }

    /// Of the vector list; 0 without an embedder.
    pub fn weight(&self) -> f64 {
        self.vectors.as_ref().map_or(0.0, |v| v.weight)
    }

    fn vector_list(&mut self, question: &str) -> Result<Vec<Ranked>, RagError> {
        let (Some(search), Some(vectors)) = (&mut self.vectors, self.index.vectors()) else { return Ok(Vec::new()) };
        let query = search.embedding.query(question, search.dims)?;
        Ok(vectors.top(&query, CANDIDATES))
    }
}

impl Search for Retriever<'_> {
    fn chunks(&self) -> &[Chunk] {
        self.index.chunks()
    }

    fn find(&mut self, question: &str, k: usize) -> Result<Vec<Hit>, RagError> {
        let weight = self.weight();
        let lexical = self.index.bm25().top(question, CANDIDATES);
        let vector = if weight > 0.0 { self.vector_list(question)? } else { Vec::new() };
        let fused = fuse(&lexical, &vector, weight);
        Ok(fused.into_iter().take(k).map(|r| Hit { chunk: r.document, score: r.score }).collect())
    }
}

/// Finds the chunks that are known to be relevant: with it a model shows how well it reads, whatever retrieval finds.
#[derive(Clone, Debug)]
pub struct GoldSearch<'a> {
    index: &'a Index,
    relevant: BTreeMap<String, BTreeSet<usize>>,
}

impl<'a> GoldSearch<'a> {
    pub fn new(index: &'a Index, questions: &[LabelledQuestion]) -> Self {
        let mut relevant: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for question in questions {
            relevant.entry(question.text.clone()).or_default().extend(&question.relevant);
        }
        Self { index, relevant }
    }
}

impl Search for GoldSearch<'_> {
    fn chunks(&self) -> &[Chunk] {
        self.index.chunks()
    }

    fn find(&mut self, question: &str, k: usize) -> Result<Vec<Hit>, RagError> {
        let known = self.relevant.get(question).into_iter().flatten();
        Ok(known.take(k).map(|&chunk| Hit { chunk, score: 1.0 }).collect())
    }
}
