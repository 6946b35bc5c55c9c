//! Chunks and questions to vectors, with every answer of the embedder checked.

use serde::{Deserialize, Serialize};

use crate::eval::{Embedder, cosine};

use super::chunk::Chunk;
use super::error::RagError;
use super::prefixes::Prefixes;
use super::vectors::{Vectors, is_unit, length};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Texts of one request.
const BATCH: usize = 16;
/// The least cosine of two vectors of one text. Kernels differ with the size of a batch, so they need not be equal bit for bit.
const SAME: f64 = 0.9999;

/// What the vectors of an index depend on: kept in its manifest and compared before vectors are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderIdentity {
    pub model: String,
    /// Of the model's weights, as the caller knows it.
    pub digest: String,
    pub prefixes: Prefixes,
}

/// How far embedding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub of: usize,
}

/// An embedder with its identity.
pub struct Embedding<'a> {
    embedder: &'a mut dyn Embedder,
    identity: EmbedderIdentity,
    on_progress: Option<&'a mut dyn FnMut(Progress) -> bool>,
}

impl<'a> Embedding<'a> {
    pub fn new(embedder: &'a mut dyn Embedder, identity: EmbedderIdentity) -> Self {
        Self { embedder, identity, on_progress: None }
    }

    /// `on_progress` is called after each batch of chunks; once it returns false, embedding ends with
    /// [`RagError::Interrupted`].
    pub fn with_progress(mut self, on_progress: &'a mut dyn FnMut(Progress) -> bool) -> Self {
        self.on_progress = Some(on_progress);
        self
    }

    pub fn identity(&self) -> &EmbedderIdentity {
        &self.identity
    }

    /// What is sent for a chunk.
    pub(super) fn document(&self, chunk: &Chunk) -> String {
        self.identity.prefixes.of_document(chunk.title.as_deref(), &chunk.indexed())
    }

    /// The vector of a question; `dims`: of the index.
    pub(super) fn query(&mut self, question: &str, dims: usize) -> Result<Vec<f32>, RagError> {
        let text = self.identity.prefixes.of_query(question);
        self.request(&[text], Some(dims))?.pop().ok_or_else(|| self.count(0, 1))
    }

    /// The vectors of `texts`, which hold their prefixes.
    ///
    /// 1. The longest text is sent alone and anew: one that is too long for the model fails before the others are embedded, and
    ///    vectors that were kept are compared with what the embedder says now.
    /// 2. All texts are sent in batches.
    /// 3. The longest text's two vectors have to be the same, or the embedder is no function of the text.
    pub(super) fn documents(&mut self, texts: &[String], dims: Option<usize>) -> Result<Vectors, RagError> {
        let Some(longest) = (0..texts.len()).max_by_key(|&i| texts[i].len()) else {
            return Ok(Vectors::new(dims.unwrap_or(0)));
        };
        let alone = texts.get(longest).map(|text| self.embedder.embed_anew(std::slice::from_ref(text)));
        let alone =
            self.checked(1, alone.unwrap_or_else(|| Ok(Vec::new())), dims)?.pop().ok_or_else(|| self.count(0, 1))?;
        let mut vectors = Vectors::new(alone.len());
        for batch in texts.chunks(BATCH) {
            for vector in self.request(batch, Some(alone.len()))? {
                vectors.push(&vector);
            }
            let progress = Progress { done: vectors.rows(), of: texts.len() };
            if self.on_progress.as_mut().is_some_and(|on| !on(progress)) {
                return Err(RagError::Interrupted { done: progress.done, of: progress.of });
            }
        }
        let cosine = cosine(&alone, vectors.row(longest).unwrap_or_default());
        let model = self.identity.model.clone();
        if cosine >= SAME { Ok(vectors) } else { Err(RagError::Unequal { model, cosine }) }
    }

    fn request(&mut self, texts: &[String], dims: Option<usize>) -> Result<Vec<Vec<f32>>, RagError> {
        let got = self.embedder.embed(texts);
        self.checked(texts.len(), got, dims)
    }

    /// The vectors of `count` texts.
    fn checked(
        &self,
        count: usize,
        got: Result<Vec<Vec<f32>>, Cause>,
        dims: Option<usize>,
    ) -> Result<Vec<Vec<f32>>, RagError> {
        let model = || self.identity.model.clone();
        let got = got.map_err(|source| RagError::Embedder { model: model(), source })?;
        if got.len() != count {
            return Err(self.count(got.len(), count));
        }
        let expected = dims.or(got.first().map(Vec::len)).unwrap_or(0);
        for vector in &got {
            if vector.len() != expected || expected == 0 {
                return Err(RagError::Dimensions { model: model(), found: vector.len(), expected });
            }
            if !is_unit(vector) {
                return Err(RagError::NotUnit { model: model(), length: length(vector) });
            }
        }
        Ok(got)
    }

    fn count(&self, found: usize, expected: usize) -> RagError {
        RagError::VectorCount { model: self.identity.model.clone(), found, expected }
    }
}

impl std::fmt::Debug for Embedding<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedding").field("identity", &self.identity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{AnswerCache, KeptEmbedder};

    /// Vectors of three numbers by the text's first letter.
    struct Letters {
        calls: usize,
        fault: &'static str,
    }

    impl Embedder for Letters {
        fn name(&self) -> String {
            "letters".into()
        }
        fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
            self.calls += 1;
            let angle = |t: &String| match self.fault {
                "unequal" => self.calls as f32,
                _ => f32::from(t.bytes().next().unwrap_or(0)),
            };
            let mut all: Vec<Vec<f32>> = texts.iter().map(|t| vec![angle(t).cos(), angle(t).sin(), 0.0]).collect();
            match self.fault {
                "fails" => return Err("gone".into()),
                "few" => drop(all.pop()),
                "short" if self.calls > 1 => drop(all[0].pop()),
                "long" => all[0][0] += 3.0,
                "nan" => all[0][0] = f32::NAN,
                "empty" => all.iter_mut().for_each(Vec::clear),
                _ => {}
            }
            Ok(all)
        }
    }

    fn identity() -> EmbedderIdentity {
        EmbedderIdentity { model: "letters".into(), digest: "d".into(), prefixes: Prefixes::default() }
    }

    fn embedded(fault: &'static str, limit: usize) -> Result<(Vectors, usize), RagError> {
        let texts: Vec<String> =
            (0..40u8).map(|i| format!("{}{}", char::from(b'A' + i), "x".repeat(i.into()))).collect();
        let mut embedder = Letters { calls: 0, fault };
        let mut goes_on = |p: Progress| p.done < limit;
        let vectors = Embedding::new(&mut embedder, identity()).with_progress(&mut goes_on).documents(&texts, None)?;
        Ok((vectors, embedder.calls))
    }

    #[test]
    fn texts_are_sent_in_batches_and_the_longest_alone_first() {
        let (vectors, calls) = embedded("", usize::MAX).unwrap();
        assert_eq!((vectors.rows(), vectors.dims(), calls), (40, 3, 4));
        assert!((vectors.row(1).unwrap()[0] - 66f32.cos()).abs() < 1e-6);
        assert!(matches!(embedded("", 32).unwrap_err(), RagError::Interrupted { done: 32, of: 40 }));
        let mut embedder = Letters { calls: 0, fault: "" };
        assert_eq!(Embedding::new(&mut embedder, identity()).documents(&[], None).unwrap().rows(), 0);
    }

    #[test]
    fn an_interrupted_embedding_goes_on_where_it_was_and_notices_another_embedder() {
        let dir = tempfile::tempdir().unwrap();
        let cache = AnswerCache::open(dir.path()).unwrap();
        let texts: Vec<String> = (0..40u8).map(|i| format!("{}{i}", char::from(b'A' + i))).collect();
        let embed = |whose: &str, fault: &'static str, limit: usize| {
            let mut letters = Letters { calls: 0, fault };
            let mut kept = KeptEmbedder::new(&mut letters, &cache, whose).unwrap();
            let mut goes_on = |p: Progress| p.done < limit;
            let made = Embedding::new(&mut kept, identity()).with_progress(&mut goes_on).documents(&texts, None);
            (made.map(|vectors| vectors.rows()), letters.calls)
        };
        for whose in ["a", "b"] {
            assert!(matches!(embed(whose, "", 32), (Err(RagError::Interrupted { done: 32, of: 40 }), 3)));
        }
        assert!(matches!(embed("a", "", usize::MAX), (Ok(40), 2)), "the longest alone, and what is left");
        assert!(matches!(embed("a", "", usize::MAX), (Ok(40), 1)));
        assert!(matches!(embed("b", "unequal", usize::MAX), (Err(RagError::Unequal { .. }), _)), "not what was kept");
    }

    #[test]
    fn every_fault_of_an_embedder_is_an_error() {
        let faults = [
            ("fails", "embedding with letters: gone"),
            ("few", "letters gave 0 vectors for 1 texts"),
            ("short", "letters gave a vector of 2 numbers; expected 3"),
            ("long", "expected length 1"),
            ("nan", "expected length 1"),
            ("empty", "letters gave a vector of 0 numbers; expected 0"),
            ("unequal", "two different vectors for one text"),
        ];
        for (fault, expected) in faults {
            let message = embedded(fault, usize::MAX).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
