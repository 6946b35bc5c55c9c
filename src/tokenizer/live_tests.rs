use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::gguf::Value;

#[path = "live_folder_tests.rs"]
mod folders;

use folders::folder_with;

fn need(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests by scripts/test"))
}

fn smollm2() -> Tokenizer {
    Tokenizer::from_gguf(&Gguf::open(need("TUNESMITH_SMOLLM2")).unwrap()).unwrap()
}

fn ids(t: &Tokenizer, text: &str) -> Vec<u32> {
    t.encode(text).unwrap().iter().map(|t| t.id).collect()
}

/// The spans lie one after the other and cover the text; every token's bytes are those of its span.
fn check_spans(t: &Tokenizer, text: &str) {
    let mut at = 0;
    for token in t.encode(text).unwrap() {
        assert_eq!(token.span.start, at, "{text:?}");
        at = token.span.end;
        let bytes = t.token_bytes(token.id).unwrap();
        let own = &text.as_bytes()[token.span];
        assert!(bytes == own || bytes.strip_prefix(b" ") == Some(own), "{text:?}: {bytes:?} for {own:?}");
    }
    assert_eq!(at, text.len(), "{text:?}");
}

#[test]
fn smollm2_gives_the_ids_of_llama_cpp() {
    let t = smollm2();
    let cases: Vec<Json> = serde_json::from_str(include_str!("../../tests/fixtures/tokens_smollm2.json")).unwrap();
    assert!(cases.len() > 30);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(ids(&t, text), expected, "{text:?}");
        check_spans(&t, text);
        assert_eq!(t.decode(&expected).unwrap(), text);
    }
    assert_eq!((t.bos(), t.eos(), t.adds_bos(), t.vocab_size()), (Some(1), Some(2), false, 49152));
    assert!(t.is_end(2) && t.is_end(0) && !t.is_end(1));
    assert_eq!(t.token_text(2), Some("<|im_end|>"));
    assert_eq!(t.id("<|im_start|>"), Some(1));
    assert_eq!(t.token_bytes(49152), None);
    assert!(t.decode(&[49152]).unwrap_err().to_string().contains("49152"));
}

/// What is built from a vocabulary is what the library makes of the file written from it.
#[test]
fn the_tokenizer_at_work_is_that_of_the_file() {
    let folder = std::path::PathBuf::from(need("TUNESMITH_LLAMA_CPP")).join("models");
    for name in ["llama-bpe", "qwen2", "llama-spm"] {
        let gguf = Gguf::open(folder.join(format!("ggml-vocab-{name}.gguf"))).unwrap();
        let t = Tokenizer::from_gguf(&gguf).unwrap();
        let read = tokenizers::Tokenizer::from_bytes(t.to_json().unwrap()).unwrap();
        let of = |engine: &tokenizers::Tokenizer| serde_json::to_value(engine).unwrap();
        assert!(of(&t.0.engine) == of(&read), "{name}");
    }
}

/// llama.cpp's own truth: 46 strings for each vocabulary.
#[test]
fn real_vocabularies_give_the_ids_of_llama_cpp() {
    let folder = std::path::PathBuf::from(need("TUNESMITH_LLAMA_CPP")).join("models");
    for name in ["llama-bpe", "qwen2", "gpt-2", "llama-spm", "phi-3", "starcoder", "refact", "command-r", "qwen35"] {
        let file = |ext: &str| folder.join(format!("ggml-vocab-{name}.gguf{ext}"));
        let t = Tokenizer::from_gguf(&Gguf::open(file("")).unwrap()).unwrap();
        let inputs = std::fs::read_to_string(file(".inp")).unwrap();
        let outputs = std::fs::read_to_string(file(".out")).unwrap();
        let inputs: Vec<&str> = inputs.split("\n__ggml_vocab_test__\n").collect();
        let outputs: Vec<&str> = outputs.lines().collect();
        let mut n = 0;
        for (text, line) in inputs.iter().zip(&outputs) {
            let expected: Vec<u32> = line.split_whitespace().map(|n| n.parse().unwrap()).collect();
            assert_eq!(ids(&t, text), expected, "{name}: {text:?}");
            check_spans(&t, text);
            assert_eq!(&t.decode(&expected).unwrap(), text, "{name}");
            n += 1;
        }
        assert!(n >= 46, "{name}: {n}");
    }
}

/// GGUF → tokenizer.json in a folder → GGUF: the same keys, found by the same hash as llama.cpp's converter's.
#[test]
fn a_folder_made_of_a_gguf_becomes_the_same_gguf() {
    let folder = std::path::PathBuf::from(need("TUNESMITH_LLAMA_CPP")).join("models");
    let text = "Hello  wörld 123\n I'll <|eot_id|></s> 🚀";
    for (name, pre) in [("llama-bpe", "llama-bpe"), ("qwen2", "qwen2"), ("llama-spm", "default")] {
        let gguf = Gguf::open(folder.join(format!("ggml-vocab-{name}.gguf"))).unwrap();
        let first = Tokenizer::from_gguf(&gguf).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tokenizer.json"), first.to_json().unwrap()).unwrap();
        std::fs::write(dir.path().join("tokenizer_config.json"), first.to_config_json().to_string()).unwrap();
        let second = Tokenizer::from_folder(dir.path()).unwrap();
        assert_eq!(second.to_json().unwrap(), first.to_json().unwrap());
        assert_eq!(ids(&second, text), ids(&first, text), "{name}");
        assert_eq!((second.bos(), second.eos(), second.adds_bos()), (first.bos(), first.eos(), first.adds_bos()));
        let keys = second.to_gguf_metadata().unwrap();
        assert_eq!(keys["tokenizer.ggml.pre"], Value::String(pre.into()));
        assert_eq!(keys["tokenizer.ggml.tokens"], Value::Strings(first.0.vocab.tokens.clone()), "{name}");
        let found = keys["tokenizer.ggml.token_type"].to_i64s().unwrap();
        for (i, kind) in first.0.vocab.kinds.iter().enumerate() {
            assert_eq!(found[i], i64::from(kind.number()), "{name}: token {i} {:?}", first.token_text(i as u32));
        }
        let merges = |m: &Metadata| m.get("tokenizer.ggml.merges").cloned();
        assert_eq!(merges(&keys), merges(gguf.metadata()), "{name}");
        let third = Tokenizer::from_metadata(&keys, "again").unwrap();
        assert_eq!(ids(&third, text), ids(&first, text), "{name}");
    }
}

#[test]
fn a_ggufs_own_keys_are_given_back_unchanged() {
    let gguf = Gguf::open(need("TUNESMITH_SMOLLM2")).unwrap();
    let keys = Tokenizer::from_gguf(&gguf).unwrap().to_gguf_metadata().unwrap();
    assert!(keys.len() >= 6);
    for (key, value) in keys {
        assert_eq!(gguf.metadata().get(&key), Some(&value));
    }
}

/// A small byte-level vocabulary.
fn small() -> Metadata {
    let mut tokens: Vec<String> = (b'!'..=b'~').map(|b| char::from(b).to_string()).collect();
    tokens
        .extend(["Ġ", "Ċ", "Ã", "©", "he", "llo", "ll", "Ġhe", "<|im_start|>", "<|im_end|>", "<s>"].map(str::to_owned));
    let n = tokens.len();
    let mut types = vec![1; n];
    types[n - 3..].copy_from_slice(&[3, 1, 3]);
    Metadata::from(
        [
            ("model", Value::String("gpt2".into())),
            ("pre", Value::String("gpt-2".into())),
            ("tokens", Value::Strings(tokens)),
            ("token_type", Value::I32s(types)),
            ("merges", Value::Strings(["h e", "l l", "ll o", "Ġ he"].map(str::to_owned).to_vec())),
            ("bos_token_id", Value::U32(n as u32 - 1)),
            ("eos_token_id", Value::U32(n as u32 - 1)),
            ("padding_token_id", Value::U32(u32::MAX)),
        ]
        .map(|(k, v)| (format!("tokenizer.ggml.{k}"), v)),
    )
}

fn with(key: &str, value: Option<Value>) -> Metadata {
    let mut m = small();
    m.remove(&format!("tokenizer.ggml.{key}"));
    m.extend(value.map(|v| (format!("tokenizer.ggml.{key}"), v)));
    m
}

#[test]
fn characters_of_several_tokens_have_exact_spans() {
    let t = Tokenizer::from_metadata(&small(), "small").unwrap();
    let tokens = t.encode("hello é<|im_end|>").unwrap();
    let spans: Vec<_> = tokens.iter().map(|t| t.span.clone()).collect();
    assert_eq!(spans, [0..2, 2..5, 5..6, 6..7, 7..8, 8..18]);
    // `<|im_end|>` has the wrong type in the file; llama.cpp overrides it, so it is cut out all the same.
    assert_eq!(t.token_text(tokens[5].id), Some("<|im_end|>"));
    assert!(t.is_end(tokens[5].id) && t.is_end(t.bos().unwrap()) && !t.is_end(0));
    assert_eq!(t.decode(&[tokens[3].id]).unwrap(), "\u{fffd}");
    assert!(!t.adds_bos());
    let yes = Tokenizer::from_metadata(&with("add_bos_token", Some(Value::Bool(true))), "x").unwrap();
    assert!(yes.adds_bos());
    // Without a token for a character nothing is lost silently: its offsets are those of the rest.
    check_spans(&t, "he said: hello hello");
}

#[test]
fn faults_are_named() {
    let say = |m: Metadata| Tokenizer::from_metadata(&m, "m.gguf").unwrap_err().to_string();
    let text = |s: &str| Some(Value::String(s.into()));
    assert!(say(with("pre", text("brand-new"))).contains("brand-new"));
    assert!(say(with("pre", None)).contains("default"));
    assert!(say(with("model", text("t5"))).contains("t5"));
    assert!(say(with("model", Some(Value::U8(1)))).contains("u8"));
    assert!(say(with("tokens", None)).contains("m.gguf"));
    assert!(say(with("tokens", Some(Value::Strings(vec![])))).contains("tokens"));
    assert!(say(with("token_type", Some(Value::I32s(vec![1])))).contains("1 token types"));
    assert!(say(with("token_type", Some(Value::I32s(vec![9])))).contains("1 to 6"));
    assert!(say(with("bos_token_id", Some(Value::U32(1 << 20)))).contains("bos"));
    assert!(say(with("merges", Some(Value::Strings(vec!["ab".into()])))).contains("\"ab\""));
    assert!(say(with("merges", Some(Value::Strings(vec!["é".into()])))).contains("é"));
    say(with("merges", Some(Value::Strings(vec!["x yz".into()]))));
    let e = say(with("merges", Some(Value::Strings(vec!["<|im_start|> <|im_end|>".into()]))));
    assert!(e.contains("makes none of its tokens"), "{e}");
    let mut spm = with("model", text("llama"));
    assert!(say(spm.clone()).contains("scores"));
    let n = small()["tokenizer.ggml.tokens"].as_strings().unwrap().len();
    spm.insert("tokenizer.ggml.scores".into(), Value::F32s(vec![-1000.; n]));
    let e = say(spm);
    assert!(e.contains("-1000") && e.contains("tokenizer.json"), "{e}");
}

/// Regexes that take exponential time or memory are refused before the library runs or compiles them on a text.
#[test]
fn a_regex_without_an_end_neither_hangs_nor_panics() {
    for regex in ["(a*)*", "(a*)*b", "(a|a)*\\1$", "(?:(?:a{1,1000}){1,1000}){1,1000}", "(", "(?=(a+)+$)x"] {
        for place in ["normalizer", "pre_tokenizer"] {
            let dir = folder_with(|json| {
                json[place] = if place == "normalizer" {
                    json!({"type": "Replace", "pattern": {"Regex": regex}, "content": "x"})
                } else {
                    let split =
                        json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
                    json!({"type": "Sequence", "pretokenizers": [split, {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]})
                };
            });
            let began = std::time::Instant::now();
            let e = Tokenizer::from_folder(dir.path()).unwrap_err().to_string();
            assert!(
                e.contains("Replace") || e.contains("Split") || e.contains("regex") || e.contains("Parsing"),
                "{regex}: {e}"
            );
            assert!(began.elapsed().as_secs() < 5, "{regex}: {:?}", began.elapsed());
        }
    }
}

#[test]
fn added_tokens_beside_the_file_are_tokens() {
    let text = "hello<|tool|><|end_turn|>";
    let plain = folder_with(|_| {});
    let n = Tokenizer::from_folder(plain.path()).unwrap().vocab_size() as u32;
    let dir = folder_with(|_| {});
    let decoder = json!({n.to_string(): {"content": "<|tool|>", "special": false, "normalized": false},
        (n + 1).to_string(): {"content": "<|end_turn|>", "special": true, "normalized": false}});
    let config = json!({"added_tokens_decoder": decoder, "eos_token": "<|end_turn|>"});
    std::fs::write(dir.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let t = Tokenizer::from_folder(dir.path()).unwrap();
    assert_eq!(ids(&t, text)[2..], [n, n + 1]);
    assert_eq!((t.eos(), t.vocab_size() as u32), (Some(n + 1), n + 2));
    check_spans(&t, text);
    // The GGUF of it, and the tokenizer.json laid beside an adapter, have them too.
    let keys = t.to_gguf_metadata().unwrap();
    assert_eq!(ids(&Tokenizer::from_metadata(&keys, "again").unwrap(), text), ids(&t, text));
    let library = tokenizers::Tokenizer::from_bytes(t.to_json().unwrap()).unwrap();
    assert_eq!(library.encode(text, false).unwrap().get_ids(), ids(&t, text));
    // Of older versions.
    std::fs::remove_file(dir.path().join("tokenizer_config.json")).unwrap();
    let old = json!({"<|tool|>": n, "<|end_turn|>": n + 1});
    std::fs::write(dir.path().join("added_tokens.json"), old.to_string()).unwrap();
    assert_eq!(ids(&Tokenizer::from_folder(dir.path()).unwrap(), text), ids(&t, text));
    let wrong = json!({"<|tool|>": n + 7});
    std::fs::write(dir.path().join("added_tokens.json"), wrong.to_string()).unwrap();
    let e = Tokenizer::from_folder(dir.path()).unwrap_err().to_string();
    assert!(e.contains("<|tool|>") && e.contains(&format!("the id {}", n + 7)), "{e}");
}

#[test]
fn a_pad_token_beyond_the_embedding_is_refused_only_where_a_text_holds_it() {
    let n = small()["tokenizer.ggml.tokens"].as_strings().unwrap().len();
    let pad = json!({"id": n, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    let dir = folder_with(|json| json["added_tokens"].as_array_mut().unwrap().push(pad));
    let config = |eos: &str| {
        let json = json!({"pad_token": "[PAD]", "eos_token": eos});
        std::fs::write(dir.path().join("tokenizer_config.json"), json.to_string()).unwrap();
    };
    config("<s>");
    let t = Tokenizer::from_folder_for(dir.path(), n).unwrap();
    assert_eq!((t.vocab_size(), t.beyond_embedding()), (n, &["[PAD]".to_owned()][..]));
    assert!(!t.encode("hello").unwrap().is_empty());
    let e = t.encode("hello[PAD]").unwrap_err().to_string();
    assert!(e.contains("[PAD]") && e.contains(&format!("whose id is {n}")) && e.contains(&format!("{n} rows")), "{e}");
    let keys = t.to_gguf_metadata().unwrap();
    assert_eq!(keys["tokenizer.ggml.tokens"].as_strings().unwrap().len(), n);
    assert!(!keys.contains_key("tokenizer.ggml.padding_token_id"));
    // With a row it is a token as others are.
    let whole = Tokenizer::from_folder_for(dir.path(), n + 1).unwrap();
    assert_eq!(whole.encode("[PAD]").unwrap()[0].id, n as u32);
    // A token that ends texts needs its row; ordinary tokens beyond are another model's.
    config("[PAD]");
    let e = Tokenizer::from_folder_for(dir.path(), n).unwrap_err().to_string();
    assert!(e.contains("eos") && e.contains("[PAD]") && e.contains("not resized"), "{e}");
    let e = Tokenizer::from_folder_for(dir.path(), 50).unwrap_err().to_string();
    assert!(e.contains("different models") && e.contains("50 rows"), "{e}");
}

proptest! {
    #[test]
    fn any_text_goes_there_and_back(text in "\\PC{0,40}", tail in "[ \n\t<|im_end>aé🚀\u{300}]{0,20}") {
        thread_local!(static T: Tokenizer = smollm2());
        let text = text + &tail;
        T.with(|t| {
            check_spans(t, &text);
            prop_assert_eq!(t.decode(&ids(t, &text)).unwrap(), text);
            Ok(())
        })?;
    }

    /// Whatever the keys hold, there is an error or a tokenizer that works; never a panic.
    #[test]
    fn mutated_metadata_is_refused_or_safe(types in prop::collection::vec(-1i32..8, 105), tokens in prop::collection::vec("[ab▁Ġ<0xE2>é ]{0,5}", 105), merges in prop::collection::vec("[ab ▁Ġ]{0,5}", 0..6), scores in prop::collection::vec(-9f32..0., 105), spm in any::<bool>(), ids in prop::collection::vec(0u32..120, 3), prefix in any::<bool>(), text in "[ab é▁<0xE2>]{0,12}") {
        let m = Metadata::from([
            ("model", Value::String(if spm { "llama" } else { "gpt2" }.into())),
            ("pre", Value::String("smollm".into())),
            ("tokens", Value::Strings(tokens)),
            ("token_type", Value::I32s(types.iter().map(|t| if (1..=6).contains(t) { *t } else { 1 }).collect())),
            ("merges", Value::Strings(merges)),
            ("scores", Value::F32s(scores)),
            ("bos_token_id", Value::U32(ids[0])),
            ("eos_token_id", Value::U32(ids[1])),
            ("unknown_token_id", Value::U32(ids[2])),
            ("add_space_prefix", Value::Bool(prefix)),
            ("add_bos_token", Value::Bool(true)),
        ].map(|(k, v)| (format!("tokenizer.ggml.{k}"), v)));
        if let Ok(t) = Tokenizer::from_metadata(&m, "mutated")
            && let Ok(found) = t.encode(&text)
        {
            for token in &found {
                prop_assert!(token.span.end <= text.len() && token.span.start <= token.span.end);
            }
            t.decode(&found.iter().map(|t| t.id).collect::<Vec<_>>()).unwrap();
        }
    }
}
