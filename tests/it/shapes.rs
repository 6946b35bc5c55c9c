//! Datasets as people have them, through the program: what is read, what is refused, and how it is said.

use std::io::Write;

use crate::program::{Ended, Place};
use crate::tiny;

const GOOD: &str =
    r#"{"messages": [{"role": "user", "content": "lamp on"}, {"role": "assistant", "content": "lamp_on()"}]}"#;

fn bytes(place: &Place, name: &str, bytes: &[u8]) {
    std::fs::write(place.path(name), bytes).unwrap();
}

fn gz(text: &str) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(text.as_bytes()).unwrap();
    to.finish().unwrap()
}

/// The texts of a preview's tokens, trained ones in brackets.
fn preview(place: &Place, file: &str, base: &str) -> Vec<String> {
    let ended = place.run(&["--json", "data", "preview", file, "--base-model", base, "--limit", "9"]);
    ended.says(0, &[]);
    let examples = ended.json();
    let text = |example: &serde_json::Value| -> String {
        let tokens = example["tokens"].as_array().unwrap();
        tokens
            .iter()
            .map(|t| match (t[0].as_str().unwrap(), t[1].as_bool().unwrap()) {
                (text, true) => format!("[{text}]"),
                (text, false) => text.to_owned(),
            })
            .collect()
    };
    examples.as_array().unwrap().iter().map(text).collect()
}

#[test]
fn containers_are_read_or_named_and_never_flood_the_terminal() {
    let place = Place::new();
    let lines = format!("{GOOD}\n").repeat(50);
    bytes(&place, "a.jsonl.gz", &gz(&lines));
    place.write("a.json", &format!("[{}]", vec![GOOD; 50].join(", ")));
    let utf16: Vec<u8> = format!("\u{feff}{lines}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes(&place, "a16.jsonl", &utf16);
    let rows: String = (0..50).map(|n| format!("do {n},done {n}\r\n")).collect();
    place.write("a.csv", &format!("\u{feff}instruction,output\r\n{rows}"));
    for file in ["a.jsonl.gz", "a.json", "a16.jsonl", "a.csv"] {
        place.run(&["data", "check", file]).says(0, &["50 records: 50 conversations"]);
    }
    place.run(&["data", "check", "a.json", "*.gz", "a.csv"]).says(0, &["150 records"]);
    place.write("noise.jsonl", &"not json\n".repeat(1000));
    bytes(&place, "no-bom.jsonl", &utf16[2..]);
    bytes(&place, "a.zip", b"PK\x03\x04 whatever follows");
    for (file, words) in [
        ("noise.jsonl", &["noise.jsonl has 1000 faults", "line 20:", "and 980 more"][..]),
        ("no-bom.jsonl", &["UTF-16LE without a byte order mark", "iconv -f UTF-16LE"]),
        ("a.zip", &["a ZIP archive", "unzip"]),
        ("/dev/zero", &["expected a regular file"]),
        ("*.parquet", &["*.parquet matches no file"]),
    ] {
        let ended = place.run(&["data", "check", file]);
        ended.says(3, words);
        assert!(ended.err.lines().count() < 30 && !ended.err.contains("line 21:"), "{}", ended.err);
    }
}

#[test]
fn what_would_be_trained_in_another_sense_is_refused_by_name() {
    let place = Place::new();
    let talk = |more: &str, beside: &str| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": "a"}}, {{"role": "assistant", "content": "b"{more}}}]{beside}}}"#
        )
    };
    for (line, words) in [
        (talk(r#", "weight": 0.5"#, ""), &["line 1", "messages[1].weight is 0.5"][..]),
        (talk(r#", "train_detail": [{}]"#, ""), &["messages[1].train_detail"]),
        (talk(r#", "content": "c""#, ""), &["line 1: messages[1]: the key \"content\" is given twice"]),
        (talk("", r#", "images": ["cat.png"]"#), &["has images"]),
        (talk("", r#", "prompt": "a""#), &["messages and prompt", "--shape messages"]),
        (r#"{"prompt": "a", "completion": "b", "label": false}"#.into(), &["has label: preference data"]),
        (r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#.into(), &["chosen and rejected"]),
        (
            r#"{"conversations": [{"from": "human", "value": "a"}, {"from": "observation", "value": "b"}]}"#.into(),
            &["\"observation\"", "cannot be trained on"],
        ),
    ] {
        place.write("d.jsonl", &line);
        place.run(&["data", "check", "d.jsonl"]).says(3, words);
    }
    place.write("d.jsonl", &talk("", r#", "prompt": "a", "id": 7"#));
    place.run(&["data", "check", "d.jsonl", "--shape", "messages"]).says(0, &["ignored keys", "id (1)", "prompt (1)"]);
    place.run(&["data", "check", "d.jsonl", "--shape", "mesages"]).says(2, &["messages"]);
    place.write("c.yaml", "model_to_fine_tune: x\ndataset_path: d.jsonl\nshape: messages\n");
    place.run(&["train", "--config", "c.yaml", "--base-model", "no/such.gguf"]).says(3, &["no/such.gguf"]);
}

#[test]
fn masks_history_and_special_tokens_reach_the_tokens() {
    let base = tiny::LLAMA3.folder();
    let base = base.path().to_str().unwrap();
    let place = Place::new();
    place.write(
        "masked.jsonl",
        r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "bad", "train": false}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "good", "train": true}]}"#,
    );
    let found = preview(&place, "masked.jsonl", base);
    let trained = |text: &str| -> String {
        text.split('[').filter_map(|part| part.split_once(']')).map(|(inside, _)| inside).collect()
    };
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("bad") || found[0].contains('b'), "{found:?}");
    assert_eq!(trained(&found[0]), "good<|eot_id|>");
    place.write("history.jsonl", r#"{"instruction": "y", "output": "z", "history": [["w", "x"]]}"#);
    assert_eq!(trained(&preview(&place, "history.jsonl", base)[0]), "x<|eot_id|>z<|eot_id|>");
    // Of BOS and EOS, what the text has is not written again.
    let plain = {
        place.write("plain.jsonl", r#"{"text": "on"}"#);
        preview(&place, "plain.jsonl", base).remove(0)
    };
    let (bos, _) = plain.split_once('[').unwrap();
    assert!(!bos.is_empty() && plain.ends_with("[<|eot_id|>]"), "{plain}");
    for text in [format!("{bos}on"), "on<|eot_id|>".to_owned(), format!("{bos}on<|eot_id|>")] {
        place.write("special.jsonl", &serde_json::json!({"text": text}).to_string());
        assert_eq!(preview(&place, "special.jsonl", base), std::slice::from_ref(&plain), "{text}");
    }
    // As written: decomposed characters stay what they are.
    place.write("nfd.jsonl", &serde_json::json!({"text": "e\u{301}"}).to_string());
    assert_eq!(trained(&preview(&place, "nfd.jsonl", base)[0]), "e\u{301}<|eot_id|>");
    place.run(&["data", "check", "nfd.jsonl"]).says(0, &["line 1", "NFC"]);
}

#[test]
fn hostile_configs_and_suites_end_at_once_with_a_reason() {
    let place = Place::new();
    place.write("deep.yaml", &format!("model_to_fine_tune: {}", "[".repeat(30_000)));
    place.write("big.yaml", "epochs: 1000000000\nmodel_to_fine_tune: x\ndataset_path: d.jsonl\n");
    for (config, words) in [
        ("deep.yaml", &["30000 brackets"][..]),
        ("big.yaml", &["epochs: 1000000000 is invalid; expected a number above 0 and at most 1000000"]),
        ("/dev/zero", &["expected a regular file"]),
    ] {
        place.run(&["train", "--config", config]).says(3, words);
    }
    // The home folder is the place itself.
    place.write("c.yaml", "model_to_fine_tune: x\ndataset_path: ~/d.jsonl\noutput: ~/o\n");
    place.write("d.jsonl", "nothing");
    let said = place.path("d.jsonl").display().to_string();
    place.run(&["run", "c.yaml"]).says(3, &["output_model_name is missing"]);
    place.write("c.yaml", "model_to_fine_tune: x\noutput_model_name: y\ndataset_path: [~/d.jsonl]\n");
    place.run(&["run", "c.yaml"]).says(3, &[&said, "line 1: is not JSON"]);
}

#[test]
fn a_dataset_that_is_edited_during_training_keeps_the_digest_of_what_was_read() {
    let base = tiny::LLAMA3.folder();
    let place = Place::new();
    let line = |n: usize| format!("{{\"prompt\": \"w{n}\", \"completion\": \"x\"}}\n");
    let text: String = (0..8).map(line).collect();
    let path = place.write("d.jsonl", &text);
    let read = tunesmith::store::Digest::of_bytes(text.as_bytes()).to_string();
    let mut command = place.command(&["run", "--embedded", "--until", "export", "--dataset", "d.jsonl"]);
    command.args(["--base-model", base.path().to_str().unwrap(), "--output-model-name", "tuned:v1"]);
    command.args(["--max-steps", "300", "--batch-size", "1", "--replay", "off"]);
    let running = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let metrics = || {
        let runs = std::fs::read_dir(place.path("runs")).ok()?;
        runs.flatten().map(|run| run.path().join("metrics.jsonl")).find(|path| path.is_file())
    };
    let started = std::time::Instant::now();
    while metrics().is_none() && started.elapsed().as_secs() < 120 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let run = metrics().expect("a training that has begun");
    let run = run.parent().unwrap();
    assert!(!run.join("gguf").join("model-keep.gguf").exists(), "it was exported before the dataset could be edited");
    std::fs::write(&path, line(99)).unwrap();
    let ended = Ended::of(&running.wait_with_output().unwrap());
    ended.says(0, &[]);
    let file = tunesmith::gguf::Gguf::open(run.join("gguf/model-keep.gguf")).unwrap();
    assert_eq!(file.str("tunesmith.dataset").unwrap(), read);
    let manifest = std::fs::read_to_string(run.join("manifest.json")).unwrap();
    assert!(manifest.contains(&read), "{manifest}");
}
