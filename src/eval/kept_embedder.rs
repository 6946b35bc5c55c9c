//! Vectors of texts, kept beside the answers: a text is embedded once by a model, not again by a second run.

use super::answerer::Embedder;
use super::cache::AnswerCache;
use super::kept_file::KeptFile;
use crate::store::{Digest, StoreError};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An embedder that is asked only for what it was not asked before.
pub struct KeptEmbedder<'a> {
    embedder: &'a mut dyn Embedder,
    vectors: KeptFile<Vec<f32>>,
}

impl<'a> KeptEmbedder<'a> {
    /// `identity`: what the vectors depend on beside the text: the model's digest and the version that computes it.
    pub fn new(embedder: &'a mut dyn Embedder, cache: &AnswerCache, identity: &str) -> Result<Self, StoreError> {
        let vectors = cache.kept_file(&name(identity))?;
        Ok(Self { embedder, vectors })
    }

    /// Removes what was kept, which now stands elsewhere.
    pub fn forget(cache: &AnswerCache, identity: &str) -> Result<(), StoreError> {
        cache.remove_kept(&name(identity))
    }
}

fn name(identity: &str) -> String {
    format!("embedding v1\n{identity}")
}

impl Embedder for KeptEmbedder<'_> {
    fn name(&self) -> String {
        self.embedder.name()
    }

    fn embed_anew(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
        self.embedder.embed(texts)
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
        let keys: Vec<Digest> = texts.iter().map(|text| Digest::of_bytes(text.as_bytes())).collect();
        let mut new: Vec<(Digest, String)> = Vec::new();
        for (key, text) in keys.iter().zip(texts) {
            if self.vectors.get(key).is_none() && new.iter().all(|(known, _)| known != key) {
                new.push((*key, text.clone()));
            }
        }
        if !new.is_empty() {
            let asked: Vec<String> = new.iter().map(|(_, text)| text.clone()).collect();
            let vectors = self.embedder.embed(&asked)?;
            if vectors.len() != asked.len() {
                return Err(format!("{} texts gave {} vectors", asked.len(), vectors.len()).into());
            }
            for ((key, _), vector) in new.into_iter().zip(vectors) {
                self.vectors.put(key, vector)?;
            }
        }
        let known = |key: &Digest| self.vectors.get(key).cloned().ok_or_else(|| Cause::from("a text got no vector"));
        keys.iter().map(known).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lengths(Vec<String>);

    impl Embedder for Lengths {
        fn name(&self) -> String {
            "lengths".into()
        }
        fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
            self.0.extend_from_slice(texts);
            Ok(texts.iter().map(|text| vec![text.len() as f32 / 3.0, 0.1]).collect())
        }
    }

    #[test]
    fn a_text_is_embedded_once_by_a_model() {
        let dir = tempfile::tempdir().unwrap();
        let embed = |identity: &str, texts: &[&str]| {
            let (mut lengths, cache) = (Lengths(Vec::new()), AnswerCache::open(dir.path()).unwrap());
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let vectors = KeptEmbedder::new(&mut lengths, &cache, identity).unwrap().embed(&texts).unwrap();
            (vectors, lengths.0)
        };
        let (first, asked) = embed("m 1", &["a", "bb", "a"]);
        assert_eq!((asked, first.len(), &first[0]), (vec!["a".to_owned(), "bb".to_owned()], 3, &first[2]));
        let (second, asked) = embed("m 1", &["bb", "ccc", "a"]);
        assert_eq!((asked, &second[0], &second[2]), (vec!["ccc".to_owned()], &first[1], &first[0]));
        // Other weights, or another version of the program that computes them.
        assert_eq!(embed("m 2", &["a"]).1, ["a"]);
        let (mut lengths, cache) = (Lengths(Vec::new()), AnswerCache::open(dir.path()).unwrap());
        KeptEmbedder::new(&mut lengths, &cache, "m 1").unwrap().embed_anew(&["a".to_owned()]).unwrap();
        assert_eq!(lengths.0, ["a"], "asked again, though it is kept");
        KeptEmbedder::forget(&cache, "m 1").unwrap();
        assert_eq!(embed("m 1", &["a"]).1, ["a"]);
    }
}
