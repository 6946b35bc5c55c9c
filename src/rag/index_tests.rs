//! Indexes made, written, read and damaged.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::test_catalogue::{Catalogue, WordEmbedder, catalogue};
use super::*;
use crate::corpus::Corpus;
use crate::store::Digest;

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn identity() -> EmbedderIdentity {
    let prefixes = Prefixes { query: "query: ".into(), document: "passage: ".into() };
    EmbedderIdentity { model: "words".into(), digest: "sha256:1".into(), prefixes }
}

fn plan<'a>(corpus: &'a Corpus, excluded: &'a BTreeSet<String>) -> IndexPlan<'a> {
    IndexPlan { corpus, chunker: ChunkOptions::default(), excluded, size: &words }
}

/// With vectors, in a folder.
fn written(catalogue: &Catalogue, folder: &Path) -> Index {
    let mut embedder = WordEmbedder { sent: 0 };
    let mut embedding = Embedding::new(&mut embedder, identity());
    let index = Index::build(&plan(&catalogue.corpus, &BTreeSet::new()), Some(&mut embedding)).unwrap();
    index.write(folder).unwrap();
    index
}

#[test]
fn an_index_comes_back_and_equal_input_gives_equal_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let catalogue = catalogue(20, 1);
    let index = written(&catalogue, &at("a"));
    written(&catalogue, &at("b"));
    let mut read = Index::read(&at("a")).unwrap();
    assert_eq!(read.manifest().files.len(), 3);
    read.manifest.files.clear();
    assert_eq!(read, index);
    for name in ["manifest.json", "chunks.jsonl", "bm25.bin", "vectors.f32"] {
        assert_eq!(std::fs::read(at("a").join(name)).unwrap(), std::fs::read(at("b").join(name)).unwrap(), "{name}");
    }
    // An index replaces an index, without what the new one has not; nothing else is replaced, nothing else is left.
    let lexical = Index::build(&plan(&catalogue.corpus, &BTreeSet::new()), None).unwrap();
    lexical.write(&at("a")).unwrap();
    assert!(Index::read(&at("a")).unwrap().vectors().is_none() && !at("a").join("vectors.f32").exists());
    std::fs::write(at("b").join("notes.txt"), "mine").unwrap();
    assert!(lexical.write(&at("b")).unwrap_err().to_string().contains("\"notes.txt\", which is no part of an index"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    assert!(Index::read(&at("c")).unwrap_err().to_string().contains("there is no index in"));
}

#[test]
fn excluded_sources_are_not_indexed() {
    let catalogue = catalogue(10, 2);
    let excluded = BTreeSet::from([catalogue.names[3].clone()]);
    let index = Index::build(&plan(&catalogue.corpus, &excluded), None).unwrap();
    assert_eq!((index.chunks().len(), index.manifest().counts.units), (9, 9));
    assert!(index.chunks().iter().all(|c| c.source != catalogue.names[3]));
    assert_eq!(index.manifest().excluded, [catalogue.names[3].clone()]);
    let all: BTreeSet<String> = catalogue.names.iter().cloned().collect();
    let e = Index::build(&plan(&catalogue.corpus, &all), None).unwrap_err().to_string();
    assert_eq!(e, "the corpus has no text to index (10 units, 10 of them excluded)");
    assert_eq!(index.chunks_by_unit()[&catalogue.corpus.units[9].id], BTreeSet::from([8]));
    // What the documents are not named is not said to be left out.
    let named_otherwise = (0..7).map(|i| format!("docs/a{i}.md")).chain([catalogue.names[3].clone()]).collect();
    let e = Index::build(&plan(&catalogue.corpus, &named_otherwise), None).unwrap_err().to_string();
    let expected = "sources that are to be left out are in none of the documents: docs/a0.md, docs/a1.md, docs/a2.md, \
        docs/a3.md, docs/a4.md and 2 more; name the documents as they were named for `data generate`";
    assert_eq!(e, expected);
}

#[test]
fn an_update_embeds_only_what_is_new() {
    let catalogue = catalogue(30, 3);
    let none = BTreeSet::new();
    let mut embedder = WordEmbedder { sent: 0 };
    let before =
        Index::build(&plan(&catalogue.corpus, &none), Some(&mut Embedding::new(&mut embedder, identity()))).unwrap();
    let mut changed = catalogue.corpus.clone();
    changed.units.remove(4);
    changed.units[7].text.push_str("\nNote : remplacée");
    changed.units[7].id = Digest::of_bytes(b"changed");
    embedder.sent = 0;
    let (after, update) =
        before.update(&plan(&changed, &none), Some(&mut Embedding::new(&mut embedder, identity()))).unwrap();
    assert_eq!(update, Update { kept: 28, embedded: 1, removed: 2 });
    // Alone first, then in its batch.
    assert_eq!(embedder.sent, 2);
    let whole = Index::build(&plan(&changed, &none), Some(&mut Embedding::new(&mut embedder, identity()))).unwrap();
    assert_eq!(after, whole);
    let other = EmbedderIdentity { digest: "sha256:2".into(), ..identity() };
    let e = before.update(&plan(&changed, &none), Some(&mut Embedding::new(&mut embedder, other))).unwrap_err();
    assert!(matches!(e, RagError::EmbedderDiffers { .. }));
    let (_, update) = before.update(&plan(&catalogue.corpus, &none), None).unwrap();
    assert_eq!(update, Update::default());
}

#[test]
fn stale_sources_and_other_embedders_are_refused() {
    let catalogue = catalogue(5, 4);
    let dir = tempfile::tempdir().unwrap();
    let index = written(&catalogue, &dir.path().join("i"));
    let file = dir.path().join("docs").join("applications.jsonl");
    std::fs::create_dir(dir.path().join("docs")).unwrap();
    for (named, path) in [("docs/", dir.path().join("docs")), ("applications.jsonl", file.clone())] {
        let root = SourceRoot { named: named.to_owned(), path };
        std::fs::write(&file, "text").unwrap();
        let mut index = index.clone().with_origin(Origin::new(vec![root], Vec::new()).unwrap());
        index.manifest.documents[0].digest = Digest::of_bytes(b"text");
        assert!(index.manifest().check_sources("x").unwrap());
        std::fs::write(&file, "other").unwrap();
        let e = index.manifest().check_sources("tunesmith rag index data -o i").unwrap_err().to_string();
        let expected =
            "the index does not fit its sources: applications.jsonl has changed; run: tunesmith rag index data -o i";
        assert_eq!(e, expected);
        // In a folder, what was there before is known, a document or not; what is new is seen, but for code.
        let beside = ["notes.md", "tool.py"].map(|name| dir.path().join("docs").join(name));
        beside.iter().for_each(|path| std::fs::write(path, "x").unwrap());
        let e = index.manifest().check_sources("x").unwrap_err().to_string();
        assert_eq!(e.contains("applications.jsonl has changed, notes.md is new; run: x"), named == "docs/", "{e}");
        assert!(!e.contains("tool.py"), "{e}");
        let roots = index.manifest().origin.roots.clone();
        index.manifest.origin = Origin::new(roots, Vec::new()).unwrap();
        assert!(!index.manifest().check_sources("x").unwrap_err().to_string().contains("notes.md"));
        // A file without text, which is no document of the index, gets some.
        std::fs::write(&beside[0], "some text").unwrap();
        let e = index.manifest().check_sources("x").unwrap_err().to_string();
        assert_eq!(e.contains("notes.md has changed"), named == "docs/", "{e}");
        beside.iter().for_each(|path| std::fs::remove_file(path).unwrap());
        std::fs::remove_file(&file).unwrap();
        let found = index.manifest().check_sources("x").map_err(|e| e.to_string());
        // Where the very file that was named is not there, the index may be on another machine.
        match named {
            "docs/" => assert!(found.unwrap_err().contains("applications.jsonl is gone")),
            _ => assert_eq!(found, Ok(false)),
        }
    }

    let mut embedder = WordEmbedder { sent: 0 };
    let mut refused = |identity| {
        Retriever::with_vectors(&index, Embedding::new(&mut embedder, identity), 0.5).unwrap_err().to_string()
    };
    let e = refused(EmbedderIdentity { model: "bge-m3".into(), ..identity() });
    assert!(e.contains("embedder words (sha256:1), and the present one is bge-m3 (sha256:1)"), "{e}");
    let e = refused(EmbedderIdentity { prefixes: Prefixes::default(), ..identity() });
    assert!(e.contains("with the prefixes \"\" and \"\""), "{e}");
    let weight = Retriever::with_vectors(&index, Embedding::new(&mut embedder, identity()), 1.5).unwrap_err();
    assert_eq!(weight.to_string(), "the weight of the vector list is 1.5; expected 0 to 1");
    let lexical = Index::build(&plan(&catalogue.corpus, &BTreeSet::new()), None).unwrap();
    let none = Retriever::with_vectors(&lexical, Embedding::new(&mut embedder, identity()), 0.5).unwrap_err();
    assert!(matches!(none, RagError::NoVectors));
}

#[test]
fn the_lists_are_searched_that_have_a_weight() {
    let catalogue = catalogue(60, 5);
    let dir = tempfile::tempdir().unwrap();
    let index = written(&catalogue, &dir.path().join("i"));
    let questions: Vec<LabelledQuestion> = (0..20)
        .map(|i| LabelledQuestion {
            text: format!("Qui est responsable de {} ?", catalogue.names[i]),
            relevant: index.chunks_by_unit()[&catalogue.corpus.units[i].id].clone(),
        })
        .collect();
    let mut embedder = WordEmbedder { sent: 0 };
    let mut found = |weight: f64, question: usize| {
        let embedding = Embedding::new(&mut embedder, identity());
        let mut retriever = Retriever::with_vectors(&index, embedding, weight).unwrap();
        assert_eq!(retriever.weight(), weight);
        retriever.find(&questions[question].text, 10).unwrap()
    };
    for question in 0..20 {
        let hits = found(0.0, question);
        assert!(hits[0].chunk == question && hits[0].score == 1.0 && hits.len() == 10);
    }
    let hits = found(0.0, 7);
    assert!(found(1.0, 7).iter().any(|h| h.chunk == 7) && found(0.5, 7).iter().any(|h| h.chunk == 7));
    // Without weight the embedder is not asked.
    assert_eq!(embedder.sent, 2);
    let mut lexical = Retriever::lexical(&index);
    assert_eq!(lexical.find(&questions[7].text, 10).unwrap(), hits);
    let mut gold = GoldSearch::new(&index, &questions);
    assert_eq!(gold.find(&questions[7].text, 3).unwrap(), [Hit { chunk: 7, score: 1.0 }]);
    assert!(gold.find("?", 3).unwrap().is_empty());
}

#[test]
fn a_manifest_that_lies_is_one_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("i");
    let index = written(&catalogue(5, 6), &folder);
    let path = folder.join("manifest.json");
    let good: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        change(&mut value);
        std::fs::write(&path, value.to_string()).unwrap();
        Index::read(&folder).unwrap_err().to_string()
    };
    for (pointer, value, expected) in [
        ("/format", serde_json::json!("x"), "manifest.json: it is not the manifest of an index"),
        ("/version", serde_json::json!(9), "it has format version 9; this program reads version 3"),
        ("/version", serde_json::json!(1), "it has format version 1; this program reads version 3"),
        ("/tokenizer", serde_json::json!("x"), "its terms were made by \"x\""),
        ("/counts/chunks", serde_json::json!(6), "chunks.jsonl: it holds 5 chunks; the manifest says 6"),
        ("/counts/terms", serde_json::json!(1), "bm25.bin: it holds"),
        ("/embedder/dims", serde_json::json!(u64::MAX), "vectors.f32: the number of dimensions is invalid"),
        ("/embedder/dims", serde_json::json!(63), "vectors.f32: it has 1280 bytes; the manifest says 1260"),
        ("/files/bm25.bin/bytes", serde_json::json!(u64::MAX), "bytes; the manifest says 18446744073709551615"),
        ("/embedder", serde_json::Value::Null, "the manifest lists the files"),
        ("/documents", serde_json::json!([]), "chunks.jsonl: line 1: the manifest has no document"),
        ("/counts", serde_json::json!(3), "it is not JSON of an index's manifest"),
    ] {
        let e = refused(&|v| *v.pointer_mut(pointer).unwrap() = value.clone());
        assert!(e.contains(expected), "{pointer}: {e}");
        assert!(e.contains("make the index again with `tunesmith rag index`"), "{e}");
    }
    index.write(&folder).unwrap();
    std::fs::remove_file(folder.join("bm25.bin")).unwrap();
    assert!(Index::read(&folder).unwrap_err().to_string().contains("bm25.bin"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn no_changed_byte_goes_unnoticed(file in 0usize..3, at in any::<prop::sample::Index>(), with in 1u8.., cut in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("i");
        written(&catalogue(3, 7), &folder);
        let path = folder.join(["chunks.jsonl", "bm25.bin", "vectors.f32"][file]);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= with }
        std::fs::write(&path, bytes).unwrap();
        let damaged = matches!(Index::read(&folder), Err(RagError::Damaged { .. }));
        prop_assert!(damaged);
    }

    #[test]
    fn any_manifest_is_read_without_panic(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("i");
        written(&catalogue(3, 7), &folder);
        let path = folder.join("manifest.json");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = with;
        std::fs::write(&path, bytes).unwrap();
        if let Ok(index) = Index::read(&folder) {
            prop_assert!(Retriever::lexical(&index).find("version", 2).is_ok());
        }
    }
}
