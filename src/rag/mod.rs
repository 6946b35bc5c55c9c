//! Retrieval-augmented generation as a baseline: chunks of a corpus, an index of them, prompts that hold what was found.
//!
//! The order: [`chunks`] merges units; [`Index`] holds the chunks with [`Bm25`] over words and character trigrams and, with an
//! embedder, [`Vectors`]; [`Retriever`] asks both and fuses the two lists; [`PromptStyle`] writes the prompt; [`Retrieving`] does all
//! of this before each question to an [`Answerer`](crate::eval::Answerer); [`citations`] reads the answer.

mod bm25;
mod bm25_file;
mod chunk;
mod citation;
mod disk;
mod embed;
mod error;
mod fusion;
mod index;
mod manifest;
mod metrics;
mod origin;
mod postings;
mod prefixes;
mod prompt;
mod ranked;
mod retrieving;
mod retriever;
mod terms;
mod vectors;

#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod retrieval_tests;
#[cfg(test)]
mod retrieving_tests;
#[cfg(test)]
mod test_catalogue;

pub use bm25::Bm25;
pub use chunk::{Chunk, ChunkOptions, chunks};
pub use citation::{Citations, citations};
pub use disk::check_replaceable;
pub use embed::{EmbedderIdentity, Embedding, Progress};
pub use error::{Damage, RagError};
pub use fusion::{CANDIDATES, fuse};
pub use index::{Index, IndexPlan, Update};
pub use manifest::{Counts, EmbedderRecord, FileRecord, MANIFEST, Manifest, SourceDigest};
pub use metrics::{RetrievalScores, hit_at, mean_scores, ndcg_at, reciprocal_rank_at, retrieval_scores};
pub use origin::{Origin, SourceRoot};
pub use prefixes::{FoundPrefixes, Prefixes, prefixes_of};
pub use prompt::{Assembled, PromptStyle};
pub use ranked::Ranked;
pub use retriever::{GoldSearch, Hit, LabelledQuestion, Retriever, Search};
pub use retrieving::{RagPrompt, Retrieved, Retrieving, search_text};
pub use terms::{TOKENIZER, TermSet};
pub use vectors::Vectors;
