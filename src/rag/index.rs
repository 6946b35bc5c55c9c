//! An index of a corpus: chunks, their lexical index and, with an embedder, their vectors.

use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::Corpus;
use crate::store::Digest;

use super::bm25::Bm25;
use super::chunk::{Chunk, ChunkOptions, chunks};
use super::embed::Embedding;
use super::error::RagError;
use super::manifest::{Counts, EmbedderRecord, FORMAT, Manifest, SourceDigest, VERSION};
use super::origin::Origin;
use super::terms::{TOKENIZER, TermSet};
use super::vectors::Vectors;

/// What is indexed, and how.
pub struct IndexPlan<'a> {
    pub corpus: &'a Corpus,
    pub chunker: ChunkOptions,
    /// Sources that stay out, such as those whose questions are to be unanswerable. Each has to be in the corpus: what is named
    /// otherwise would be indexed all the same.
    pub excluded: &'a BTreeSet<String>,
    /// Counts the tokens of a text, at best with the embedder's tokenizer.
    pub size: &'a dyn Fn(&str) -> usize,
}

impl std::fmt::Debug for IndexPlan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexPlan").field("chunker", &self.chunker).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub(super) manifest: Manifest,
    pub(super) chunks: Vec<Chunk>,
    pub(super) bm25: Bm25,
    /// One for each chunk.
    pub(super) vectors: Option<Vectors>,
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Chunks whose vectors were kept.
    pub kept: usize,
    /// Chunks that were embedded.
    pub embedded: usize,
    /// Chunks of the earlier index that are in the new one no more.
    pub removed: usize,
}

impl Index {
    /// Without `embedding` the index is lexical.
    pub fn build(plan: &IndexPlan<'_>, embedding: Option<&mut Embedding<'_>>) -> Result<Self, RagError> {
        Ok(Self::make(plan, embedding, None)?.0)
    }

    /// The index that [`Self::build`] would make. What is sent to the embedder unchanged is not sent again: its vector is taken
    /// from this index, which has to be of the same embedder.
    pub fn update(
        &self,
        plan: &IndexPlan<'_>,
        embedding: Option<&mut Embedding<'_>>,
    ) -> Result<(Self, Update), RagError> {
        if let (Some(embedding), Some(_)) = (&embedding, &self.manifest.embedder) {
            self.manifest.check_embedder(embedding.identity())?;
        }
        Self::make(plan, embedding, Some(self))
    }

    fn make(
        plan: &IndexPlan<'_>,
        embedding: Option<&mut Embedding<'_>>,
        before: Option<&Self>,
    ) -> Result<(Self, Update), RagError> {
        let known: BTreeSet<&str> = plan.corpus.units.iter().map(|u| &*u.source).collect();
        let sources: Vec<String> = plan.excluded.iter().filter(|s| !known.contains(s.as_str())).cloned().collect();
        if !sources.is_empty() {
            return Err(RagError::NotExcluded { sources });
        }
        let chunks = chunks(plan.corpus, plan.excluded, &plan.chunker, plan.size);
        let units = plan.corpus.units.len();
        let excluded = plan.corpus.units.iter().filter(|u| plan.excluded.contains(&*u.source)).count();
        if chunks.is_empty() {
            return Err(RagError::Empty { units, excluded });
        }
        let texts: Vec<String> = chunks.iter().map(Chunk::indexed).collect();
        let bm25 = Bm25::build(texts.iter().map(String::as_str), TermSet::Both)?;
        drop(texts);
        let mut update = Update::default();
        let mut embedder = None;
        let mut vectors = None;
        if let Some(embedding) = embedding {
            let made = embedded(&chunks, embedding, before, &mut update)?;
            embedder = Some(EmbedderRecord { identity: embedding.identity().clone(), dims: made.dims() });
            vectors = Some(made);
        }
        if let Some(before) = before {
            let ids: BTreeSet<Digest> = chunks.iter().map(|c| c.id).collect();
            update.removed = before.chunks.iter().filter(|c| !ids.contains(&c.id)).count();
        }
        let documents = SourceDigest::of_corpus(plan.corpus);
        let counts =
            Counts { documents: documents.len(), units: units - excluded, chunks: chunks.len(), terms: bm25.terms() };
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            documents,
            origin: Origin::default(),
            excluded: plan.excluded.iter().cloned().collect(),
            chunker: plan.chunker,
            tokenizer: TOKENIZER.to_owned(),
            embedder,
            counts,
            files: BTreeMap::new(),
        };
        Ok((Self { manifest, chunks, bm25, vectors }, update))
    }

    /// With what was asked for, so that it can be seen later whether the documents have changed.
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.manifest.origin = origin;
        self
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    pub fn bm25(&self) -> &Bm25 {
        &self.bm25
    }

    pub fn vectors(&self) -> Option<&Vectors> {
        self.vectors.as_ref()
    }

    /// The chunks that hold each unit: what is relevant to a question about a fact of that unit.
    pub fn chunks_by_unit(&self) -> BTreeMap<Digest, BTreeSet<usize>> {
        let mut by_unit: BTreeMap<Digest, BTreeSet<usize>> = BTreeMap::new();
        for (at, chunk) in self.chunks.iter().enumerate() {
            for unit in &chunk.units {
                by_unit.entry(*unit).or_default().insert(at);
            }
        }
        by_unit
    }
}

/// The vectors of `chunks`: those of `before` where the same text was embedded, the others by the embedder.
fn embedded(
    chunks: &[Chunk],
    embedding: &mut Embedding<'_>,
    before: Option<&Index>,
    update: &mut Update,
) -> Result<Vectors, RagError> {
    let mut known: BTreeMap<String, &[f32]> = BTreeMap::new();
    if let Some((before, vectors)) = before.and_then(|b| Some((b, b.vectors.as_ref()?))) {
        for (at, chunk) in before.chunks.iter().enumerate() {
            known.extend(vectors.row(at).map(|row| (embedding.document(chunk), row)));
        }
    }
    let texts: Vec<String> = chunks.iter().map(|chunk| embedding.document(chunk)).collect();
    let new: BTreeSet<&String> = texts.iter().filter(|text| !known.contains_key(*text)).collect();
    let new: Vec<String> = new.into_iter().cloned().collect();
    let dims = known.values().next().map(|row| row.len());
    let made = embedding.documents(&new, dims)?;
    update.kept = texts.iter().filter(|text| known.contains_key(*text)).count();
    update.embedded = texts.len() - update.kept;
    known.extend(new.iter().enumerate().filter_map(|(at, text)| Some((text.clone(), made.row(at)?))));
    let rows: Vec<&[f32]> = texts.iter().filter_map(|text| known.get(text).copied()).collect();
    if rows.len() != texts.len() {
        let model = embedding.identity().model.clone();
        return Err(RagError::VectorCount { model, found: rows.len(), expected: texts.len() });
    }
    let mut vectors = Vectors::new(made.dims());
    rows.into_iter().for_each(|row| vectors.push(row));
    Ok(vectors)
}
