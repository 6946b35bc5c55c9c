//! Folders and files of bases as strangers make them: read as transformers does, or refused in words, before anything runs.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::program::{Ended, Place};
use crate::tiny;

/// The folder of a small base, its tokenizer.json changed.
fn changed(change: impl FnOnce(&mut Json)) -> tempfile::TempDir {
    let folder = tiny::QWEN2.folder();
    edit(folder.path(), "tokenizer.json", change);
    folder
}

fn edit(folder: &Path, name: &str, change: impl FnOnce(&mut Json)) {
    let path = folder.join(name);
    let mut json: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(path, json.to_string()).unwrap();
}

fn show(folder: &tempfile::TempDir) -> Ended {
    Place::new().run(&["bases", "show", folder.path().to_str().unwrap()])
}

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hello"},{"role":"assistant","content":"the answer"}]}"#;

#[test]
fn a_tokenizer_that_a_gguf_cannot_hold_is_refused_when_the_base_is_opened() {
    show(&changed(|_| {})).says(0, &["family qwen2"]);
    let end = "<|im_end|>";
    let flag = |json: &mut Json, rule: &str| {
        let tokens = json["added_tokens"].as_array_mut().unwrap();
        tokens.iter_mut().find(|t| t["content"] == end).unwrap()[rule] = json!(true);
    };
    for rule in ["rstrip", "lstrip", "single_word"] {
        show(&changed(|json| flag(json, rule))).says(3, &["GGUF", rule, end, "hint:"]);
    }
    for (normalizer, word) in [
        (json!({"type": "NFKC"}), "NFKC"),
        (json!({"type": "Lowercase"}), "Lowercase"),
        (json!({"type": "Replace", "pattern": {"String": ""}, "content": "a"}), "Replace"),
        (json!({"type": "Replace", "pattern": {"Regex": "(a*)*"}, "content": "a"}), "(a*)*"),
    ] {
        show(&changed(|json| json["normalizer"] = normalizer)).says(3, &["the normalizer", word]);
    }
    let split =
        |json: &mut Json| json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = json!("\\d{1,2}|\\D+");
    show(&changed(split)).says(3, &["the pre-tokenizer Split", "\\d{1,2}"]);
}

#[test]
fn added_tokens_that_only_stand_beside_tokenizer_json_are_read() {
    let mut taken = Vec::new();
    let folder = changed(|json| {
        let tokens = json["added_tokens"].as_array_mut().unwrap();
        let is_own = |t: &Json| tiny::QWEN2.specials.contains(&t["content"].as_str().unwrap());
        taken = tokens.iter().filter(|t| is_own(t)).cloned().collect();
        tokens.retain(|t| !is_own(t));
    });
    assert_eq!(taken.len(), 2);
    let place = Place::new();
    place.write("d.jsonl", CHAT);
    let preview = ["data", "preview", "d.jsonl", "--base-model", folder.path().to_str().unwrap()];
    let decoder: serde_json::Map<_, _> = taken.iter().map(|t| (t["id"].to_string(), t.clone())).collect();
    edit(folder.path(), "tokenizer_config.json", |json| json["added_tokens_decoder"] = Json::Object(decoder));
    place.run(&preview).says(0, &["<|im_end|>"]);
    let tokens = place.run(&[&preview[..], &["--json"]].concat()).json().to_string();
    assert!(tokens.contains("\"<|im_end|>\"") && tokens.contains("\"<|im_start|>\""), "{tokens}");
    edit(folder.path(), "tokenizer_config.json", |json| {
        let decoder = json["added_tokens_decoder"].as_object_mut().unwrap();
        let id = taken[1]["id"].to_string();
        let token = decoder.remove(&id).unwrap();
        decoder.insert("900".to_owned(), token);
    });
    place.run(&preview).says(3, &[taken[1]["content"].as_str().unwrap(), "the id 900"]);
}

#[test]
fn a_pad_token_for_which_the_embedding_has_no_row_is_named_where_a_text_holds_it() {
    let folder = tiny::QWEN2.folder();
    let mut rows = 0;
    edit(folder.path(), "config.json", |json| rows = json["vocab_size"].as_u64().unwrap());
    edit(folder.path(), "tokenizer.json", |json| {
        let size = json["model"]["vocab"].as_object().unwrap().len() as u64;
        let tokens = json["added_tokens"].as_array_mut().unwrap();
        let first = tokens.iter().filter_map(|t| t["id"].as_u64()).max().unwrap().max(size - 1) + 1;
        // Reserved ones up to the last row, then the pad token.
        for id in first..=rows {
            let mut token = tokens[0].clone();
            token["id"] = json!(id);
            token["content"] = if id == rows { json!("[PAD]") } else { json!(format!("<|reserved_{id}|>")) };
            tokens.push(token);
        }
    });
    edit(folder.path(), "tokenizer_config.json", |json| json["pad_token"] = json!("[PAD]"));
    show(&folder).says(0, &["[PAD]", "not resized"]);
    let place = Place::new();
    place.write("d.jsonl", CHAT);
    place.write("pad.jsonl", &CHAT.replace("hello", "hello[PAD]"));
    let preview = |file: &str| place.run(&["data", "preview", file, "--base-model", folder.path().to_str().unwrap()]);
    preview("d.jsonl").says(0, &["<|im_end|>"]);
    preview("pad.jsonl").says(3, &["[PAD]", &format!("{rows} rows"), "not resized"]);
    edit(folder.path(), "tokenizer_config.json", |json| json["eos_token"] = json!("[PAD]"));
    show(&folder).says(3, &["the eos token \"[PAD]\"", "not resized"]);
}

#[test]
fn a_training_of_one_step_trains() {
    let folder = tiny::QWEN2.folder();
    let place = Place::new();
    place.write("d.jsonl", &format!("{CHAT}\n").repeat(4));
    let base = folder.path().to_str().unwrap();
    let args = ["train", "--base-model", base, "--dataset", "d.jsonl", "--threads", "1", "--lora-rank", "4", "--json"];
    let trained = place.run(&[&args[..], &["--epochs", "1", "--batch-size", "4", "--output", "o"]].concat()).json();
    assert_eq!(trained["summary"]["steps"], 1);
    let step: Json = serde_json::from_str(place.read("o/metrics.jsonl").lines().next().unwrap()).unwrap();
    assert!(step["learning_rate"].as_f64().unwrap() > 0.0, "{step}");
    let file = std::fs::read(place.path("o/final/adapter_model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let changed =
        tensors.tensors().into_iter().any(|(name, t)| name.contains("lora_B") && t.data().iter().any(|b| *b != 0));
    assert!(changed);
}

#[test]
fn a_modelfile_is_decoded_and_all_of_its_faults_are_listed() {
    let place = Place::new();
    let text = "\u{feff}FROM ./m.gguf\r\nSYSTEM \"Grüezi\"\r\nPARAMETER num_ctx 4096\r\n";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(place.path("utf16"), bytes).unwrap();
    place
        .run(&["modelfile", "--check", "utf16"])
        .says(0, &["FROM ./m.gguf", "SYSTEM of 7 bytes", "PARAMETER num_ctx 4096"]);
    std::fs::write(place.path("latin1"), b"FROM x\nSYSTEM \"Gr\xfcezi\"\n").unwrap();
    place.run(&["modelfile", "--check", "latin1"]).says(3, &["latin1", "not valid UTF-8"]);
    place.write("faults", "FROM x\nFORM y\nPARAMETER num_ctx many\nMESSAGE robot hi\nPARAMETER nmu_ctx 1\nSYSTEM ok\n");
    let words = ["line 2: \"FORM\"", "line 3: PARAMETER num_ctx", "line 4: MESSAGE", "line 5: PARAMETER nmu_ctx"];
    let ended = place.run(&["modelfile", "--check", "faults"]);
    ended.says(3, &words);
    assert!(!ended.err.contains("line 6"), "{}", ended.err);
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf_8_is_an_error_of_usage() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.write("d.jsonl", &format!("{CHAT}\n").repeat(4));
    let name = std::ffi::OsStr::from_bytes(b"f\xff.jsonl");
    std::fs::copy(place.path("d.jsonl"), place.path("").join(name)).unwrap();
    for args in [
        &["--json", "data", "split", "--output", "out"][..],
        &["data", "check"],
        &["eval", "--model", "m", "--suite"],
        &["modelfile", "--check"],
        &["--models-yaml"],
        &["bases", "show"],
    ] {
        let output = place.command(args).arg(name).output().unwrap();
        Ended::of(&output).says(2, &["not valid UTF-8", "hint:"]);
    }
    // A folder of such a name is worked in all the same.
    let folder = place.path("").join(std::ffi::OsStr::from_bytes(b"in\xff"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(place.path("d.jsonl"), folder.join("d.jsonl")).unwrap();
    let output = place.command(&["--json", "data", "check", "d.jsonl"]).current_dir(&folder).output().unwrap();
    Ended::of(&output).says(0, &["4"]);
}
