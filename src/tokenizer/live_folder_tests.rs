//! Tokenizers of Hugging Face folders.

use super::*;

#[test]
fn a_folder_without_its_parts_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let say = || Tokenizer::from_folder(dir.path()).unwrap_err().to_string();
    assert!(say().contains("no tokenizer.json"));
    std::fs::write(dir.path().join("tokenizer.model"), "x").unwrap();
    assert!(say().contains("tokenizer.model alone"));
    let write = |json: Json| std::fs::write(dir.path().join("tokenizer.json"), json.to_string()).unwrap();
    write(json!({"model": {"type": "Unigram"}}));
    assert!(say().contains("Unigram"));
    write(json!({"model": {"type": "BPE", "vocab": {"a": u64::MAX}, "merges": []}}));
    assert!(say().contains("small number"));
    write(json!({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}}));
    assert!(say().contains("pairs"));
    write(json!({"model": {"type": "BPE", "vocab": {"aa": 0, "bb": 1}, "merges": ["aa bb"]}}));
    assert!(say().contains("the merge \"aa\" \"bb\" makes none of its tokens"));
    write(json!({"model": {"type": "BPE", "vocab": {"aa": 0}, "merges": [], "continuing_subword_prefix": "###"}}));
    assert!(say().contains("continuing_subword_prefix"));
    write(json!({"model": {"type": "BPE", "vocab": {"aa": 0}, "merges": [], "end_of_word_suffix": "</w>"}}));
    assert!(say().contains("end_of_word_suffix"));
    let mut breaks: Json =
        serde_json::from_str(&Tokenizer::from_metadata(&small(), "small").unwrap().to_json().unwrap()).unwrap();
    let first = json!({"type": "FixedLength", "length": 0});
    breaks["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [first, breaks["pre_tokenizer"]]});
    write(breaks);
    let e = say();
    assert!(e.contains("a rule that a GGUF can't hold") && e.contains("the pre-tokenizer FixedLength"), "{e}");
    write(json!({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}));
    assert!(say().contains("byte-level"));
}

/// A folder whose tokenizer.json is that of [`small`], changed.
pub(super) fn folder_with(change: impl FnOnce(&mut Json)) -> tempfile::TempDir {
    let t = Tokenizer::from_metadata(&small(), "small").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut json: Json = serde_json::from_str(&t.to_json().unwrap()).unwrap();
    change(&mut json);
    std::fs::write(dir.path().join("tokenizer.json"), json.to_string()).unwrap();
    dir
}

#[test]
fn a_folders_tokenizer_is_that_of_llama_cpp() {
    let dir = folder_with(|json| json["normalizer"] = json!({"type": "NFC"}));
    std::fs::write(dir.path().join("special_tokens_map.json"), r#"{"eos_token": {"content": "<s>"}}"#).unwrap();
    std::fs::write(dir.path().join("generation_config.json"), r#"{"eos_token_id": [3, 4]}"#).unwrap();
    let known = Tokenizer::from_folder(dir.path()).unwrap();
    // Its hash is no published one, but its words are those of gpt-2.
    assert_eq!(known.to_gguf_metadata().unwrap()["tokenizer.ggml.pre"], Value::String("gpt-2".into()));
    assert_eq!(known.eos(), known.id("<s>"));
    assert!(known.is_end(3) && known.is_end(4) && !known.is_end(5));
    // Lengths to cut and to fill to are those of the texts that somebody had when the file was saved; masks of merges, too.
    let text = "hello ".repeat(40);
    let other = folder_with(|json| {
        json["truncation"] = json!({"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
        json["padding"] = json!({"strategy": {"Fixed": 500}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "!"});
        json["model"]["dropout"] = json!(0.9);
    });
    assert_eq!(ids(&Tokenizer::from_folder(other.path()).unwrap(), &text), ids(&known, &text));
}

#[test]
fn rules_that_a_gguf_cannot_hold_are_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Json)| {
        let dir = folder_with(change);
        match Tokenizer::from_folder(dir.path()) {
            Err(e @ TokenizerError::Unkept { .. }) => format!("{e}; {}", e.remedy().unwrap()),
            other => panic!("{other:?}"),
        }
    };
    let step = |regex: &str| {
        let split = json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
        let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
        json!({"type": "Sequence", "pretokenizers": [split, bytes]})
    };
    for rule in ["rstrip", "lstrip", "single_word"] {
        let e = refused(&|json| json["added_tokens"][1][rule] = json!(true));
        assert!(e.contains(rule) && e.contains("<|im_end|>") && e.contains("use the base's GGUF"), "{e}");
    }
    for kind in ["NFKC", "Lowercase", "StripAccents"] {
        let e = refused(&|json| json["normalizer"] = json!({"type": kind}));
        assert!(e.contains("the normalizer") && e.contains(kind), "{e}");
    }
    let empty = json!({"type": "Replace", "pattern": {"String": ""}, "content": "a"});
    assert!(refused(&|json| json["normalizer"] = empty.clone()).contains("the normalizer Replace"));
    let e = refused(&|json| json["pre_tokenizer"] = step("\\d{1,2}|\\D+"));
    assert!(e.contains("the pre-tokenizer Split") && e.contains("\\d{1,2}"), "{e}");
    let e = refused(&|json| json["pre_tokenizer"]["add_prefix_space"] = json!(true));
    assert!(e.contains("add_prefix_space true"), "{e}");
}

/// Folders as transformers 5 saves them, with its ids (tests/oracles/tokenizers_tiny.py); then as a GGUF and back.
#[test]
fn folders_of_every_kind_give_the_ids_of_transformers_and_keep_them_in_a_gguf() {
    let all = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers");
    let mut n = 0;
    for folder in std::fs::read_dir(all).unwrap() {
        let folder = folder.unwrap().path();
        let kind = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let t = Tokenizer::from_folder(&folder).unwrap();
        let keys = t.to_gguf_metadata().unwrap();
        let pre = if kind.starts_with("spm") { "default" } else { &kind };
        assert_eq!(keys["tokenizer.ggml.pre"], Value::String(pre.into()));
        let again = Tokenizer::from_metadata(&keys, &kind).unwrap();
        let cases: Vec<Json> =
            serde_json::from_str(&std::fs::read_to_string(folder.join("cases.json")).unwrap()).unwrap();
        for case in cases {
            let text = case["text"].as_str().unwrap();
            let expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            assert_eq!(ids(&t, text), expected, "{kind}: {text:?}");
            assert_eq!(ids(&again, text), expected, "{kind} as a GGUF: {text:?}");
            check_spans(&t, text);
            assert_eq!(t.decode(&expected).unwrap(), text, "{kind}");
            n += 1;
        }
        assert_eq!(t.adds_bos(), matches!(kind.as_str(), "llama-bpe" | "spm"), "{kind}");
        assert!(t.beyond_embedding().is_empty());
        assert_eq!((t.bos(), t.eos()), (t.id("<bos>"), t.id("<eot>")));
        assert!(t.is_end(t.eos().unwrap()));
    }
    assert!(n > 60, "{n}");
}
