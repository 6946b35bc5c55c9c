//! What a base is, and which adapter belongs to it: nothing is used again, merged or overwritten that should not be.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tunesmith::store::Digest;

use crate::program::{Ended, Place};
use crate::tiny::{self, GQA8, QWEN2, Tiny};

const DATA: &str = concat!(
    r#"{"messages":[{"role":"user","content":"Who are you?"},{"role":"assistant","content":"A test."}]}"#,
    "\n",
    r#"{"messages":[{"role":"user","content":"What now?"},{"role":"assistant","content":"Now it ends."}]}"#,
    "\n",
);

/// One step of training in the place's folder.
fn train(place: &Place, base: &str, output: &str, more: &[&str]) -> Ended {
    let args = ["train", "--base-model", base, "--dataset", "d.jsonl", "--output", output, "--max-steps", "1"];
    let small = ["--lora-rank", "2", "--replay", "off", "--threads", "1", "--force-cpu", "--compute", "f32"];
    place.run(&[&args[..], &small[..], more].concat())
}

fn copied(from: &Path, to: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    to
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value =
        if path.exists() { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() } else { json!({}) };
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

/// A place with a dataset, a tiny base in `base/` and an adapter trained on it in `o/final`.
fn trained(tiny: &Tiny) -> Place {
    let place = Place::new();
    place.write("d.jsonl", DATA);
    copied(tiny.folder().path(), place.path("base"));
    train(&place, "base", "o", &[]).says(0, &["o/final"]);
    place
}

fn shown(place: &Place, base: &str) -> Value {
    place.run(&["bases", "show", base, "--json"]).json()
}

#[test]
fn a_folders_identity_is_every_part_that_changes_a_result() {
    let place = Place::new();
    let original = copied(QWEN2.folder().path(), place.path("base"));
    let before = shown(&place, "base");
    type Change = fn(&Path);
    let changes: [(&str, Change); 8] = [
        ("config", |f| edit(&f.join("config.json"), |c| c["rope_theta"] = json!(500_000.0))),
        ("config", |f| edit(&f.join("config.json"), |c| c["rms_norm_eps"] = json!(1e-5))),
        ("config", |f| edit(&f.join("generation_config.json"), |c| c["eos_token_id"] = json!([1, 2]))),
        ("tokenizer", |f| edit(&f.join("tokenizer_config.json"), |c| c["clean_up_tokenization_spaces"] = json!(true))),
        ("tokenizer", |f| std::fs::write(f.join("special_tokens_map.json"), r#"{"pad_token": "<|im_end|>"}"#).unwrap()),
        ("tokenizer", |f| {
            edit(&f.join("tokenizer.json"), |t| {
                let added = t["added_tokens"].as_array_mut().unwrap();
                let mut token = added.last().unwrap().clone();
                token["id"] = json!(token["id"].as_u64().unwrap() + 1);
                token["content"] = json!("<|extra|>");
                added.push(token);
            });
        }),
        ("chat_template", |f| {
            let path = f.join("chat_template.jinja");
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, text.replace("answer questions", "know things")).unwrap();
        }),
        ("weights", |f| {
            let path = f.join("model.safetensors");
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
    ];
    for (i, (part, change)) in changes.into_iter().enumerate() {
        let name = format!("changed-{i}");
        change(&copied(&original, place.path(&name)));
        let after = shown(&place, &name);
        assert_ne!(after["digest"], before["digest"], "{part} {i}");
        for (of, digest) in before["parts"].as_object().unwrap() {
            assert_eq!(&after["parts"][of] != digest, of == part, "{of} of {i}");
        }
    }
    // Who wrote a file changes nothing.
    let same = copied(&original, place.path("same"));
    edit(&same.join("config.json"), |c| c["transformers_version"] = json!("9.0"));
    assert_eq!(shown(&place, "same")["digest"], before["digest"]);
}

#[test]
fn an_adapter_is_used_on_its_own_base_only() {
    let place = trained(&QWEN2);
    let origin: Value = serde_json::from_str(&place.read("o/final/tunesmith.json")).unwrap();
    assert_eq!(origin["base_digest"], shown(&place, "base")["digest"]);
    assert_eq!(origin["architecture"], "qwen2");
    // PEFT reads adapter_config.json with its own keys only.
    let config: Value = serde_json::from_str(&place.read("o/final/adapter_config.json")).unwrap();
    assert!(config.as_object().unwrap().keys().all(|key| !key.contains("tunesmith")));

    let theta = copied(&place.path("base"), place.path("theta"));
    edit(&theta.join("config.json"), |c| c["rope_theta"] = json!(1_000_000.0));
    // The same shapes and names under another architecture.
    let llama = Tiny { class: "LlamaForCausalLM", model_type: "llama", ..QWEN2 };
    copied(llama.folder().path(), place.path("llama"));
    let export = |base: &str, more: &[&str]| {
        let args = ["export", "--base", base, "--adapter", "o/final", "-o", "x.gguf", "--quant", "keep"];
        place.run(&[&args[..], more].concat())
    };
    export("theta", &[]).says(3, &["another base", "another config", "--force"]);
    export("llama", &[]).says(3, &["its architecture is llama, not qwen2"]);
    assert!(!place.path("x.gguf").exists());
    export("theta", &["--force"]).says(0, &["warning", "another config", "--force"]);
    export("base", &[]).says(0, &["x.gguf"]);
    let hf = ["merge", "--base", "llama", "--adapter", "o/final", "--output", "m"];
    place.run(&hf).says(3, &["another base"]);
    let query = ["query", "hello", "--model", "o/final", "--max-tokens", "2", "--threads", "1", "--base-model"];
    place.run(&[&query[..], &["theta"]].concat()).says(3, &["another base", "another config"]);
    place.run(&[&query[..], &["theta", "--force"]].concat()).says(0, &["warning"]);
    let from = ["--from-adapter", "o/final"];
    train(&place, "theta", "p", &from).says(3, &["another base", "another config"]);
    assert!(!place.path("p/final").exists());
    train(&place, "theta", "p", &[&from[..], &["--force"]].concat()).says(0, &["warning"]);
    train(&place, "base", "q", &from).says(0, &["q/final"]);
}

#[test]
fn an_adapter_that_records_no_base_is_used_with_a_notice() {
    let place = trained(&QWEN2);
    std::fs::remove_file(place.path("o/final/tunesmith.json")).unwrap();
    copied(&place.path("base"), place.path("zebra"));
    let export = |base: &str, adapter: &str| {
        place.run(&["export", "--base", base, "--adapter", adapter, "-o", "x.gguf", "--quant", "keep"])
    };
    // As 0.1.0 left it: the manifest of the run has the digest of the base's weights.
    let weights = shown(&place, "base")["parts"]["weights"].clone();
    edit(&place.path("o/manifest.json"), |m| m["steps"]["train"]["inputs"] = json!({"base": weights}));
    export("base", "o/final").says(0, &["x.gguf"]);
    let bytes = std::fs::read(place.path("zebra/model.safetensors")).unwrap();
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    std::fs::write(place.path("zebra/model.safetensors"), other).unwrap();
    export("zebra", "o/final").says(3, &["another base", "another weight file"]);
    // As PEFT leaves it.
    copied(&place.path("o/final"), place.path("elsewhere/a"));
    export("base", "elsewhere/a").says(0, &["can't be verified", "shapes and module names are checked"]);
    edit(&place.path("elsewhere/a/adapter_config.json"), |c| c["base_model_name_or_path"] = json!("org/other-model"));
    export("zebra", "elsewhere/a").says(0, &["warning", "can't be verified", "org/other-model"]);
    // Other shapes are refused, whatever is said.
    copied(GQA8.folder().path(), place.path("gqa8"));
    place
        .run(&["export", "--base", "gqa8", "--adapter", "elsewhere/a", "-o", "y.gguf", "--force"])
        .says(3, &["belongs to another base"]);
}

#[test]
fn an_adapter_finds_its_base_from_any_folder() {
    let place = trained(&QWEN2);
    let config: Value = serde_json::from_str(&place.read("o/final/adapter_config.json")).unwrap();
    let named = config["base_model_name_or_path"].as_str().unwrap();
    assert_eq!(Path::new(named), place.path("base").canonicalize().unwrap());
    std::fs::create_dir(place.path("deep")).unwrap();
    let mut query = place.command(&["query", "hello", "--model", "../o/final", "--max-tokens", "2", "--threads", "1"]);
    Ended::of(&query.current_dir(place.path("deep")).output().unwrap()).says(0, &[]);
    // Where it was moved, the remedy is one that helps.
    std::fs::rename(place.path("base"), place.path("moved")).unwrap();
    let query = ["query", "hello", "--model", "o/final", "--max-tokens", "2", "--threads", "1"];
    place.run(&query).says(3, &["its base", "not found", "--base-model"]);
    place.run(&[&query[..], &["--base-model", "moved"]].concat()).says(0, &[]);
}

/// Every file of a folder, by its path, with its bytes.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(everything(&path)),
            false => all.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    all.sort();
    all
}

#[test]
fn no_command_overwrites_what_it_reads() {
    let place = trained(&QWEN2);
    let merged = ["export", "--base", "base", "--adapter", "o/final", "-o", "base.gguf", "--quant", "keep"];
    place.run(&merged).says(0, &[]);
    std::fs::hard_link(place.path("base.gguf"), place.path("hard.gguf")).unwrap();
    std::os::unix::fs::symlink("base.gguf", place.path("soft.gguf")).unwrap();
    std::os::unix::fs::symlink("base", place.path("folder")).unwrap();
    std::os::unix::fs::symlink(place.path("base/model.safetensors"), place.path("m.safetensors")).unwrap();
    std::fs::create_dir(place.path("linked")).unwrap();
    std::fs::hard_link(place.path("base/model.safetensors"), place.path("linked/model.safetensors")).unwrap();
    std::fs::create_dir_all(place.path("store/manifests")).unwrap();
    std::fs::create_dir_all(place.path("store/blobs")).unwrap();
    std::fs::write(place.path("store/blobs/sha256-0"), "a blob").unwrap();
    let files = || everything(place.path(".").canonicalize().unwrap().as_path());
    let before = files();
    for (command, base, output) in [
        ("gguf", "base.gguf", "base.gguf"),
        ("gguf", "base.gguf", "./o/../base.gguf"),
        ("gguf", "base.gguf", "hard.gguf"),
        ("gguf", "hard.gguf", "base.gguf"),
        ("gguf", "base.gguf", "soft.gguf"),
        ("gguf", "soft.gguf", "base.gguf"),
        ("adapter", "base.gguf", "base.gguf"),
        ("adapter", "base", "o/final/adapter_model.safetensors"),
        ("gguf", "base", "o/final/adapter_config.json"),
        ("gguf", "base", "m.safetensors"),
        ("gguf", "base", "store/blobs/sha256-0"),
        ("gguf", "base", "store/blobs/new"),
        ("hf", "base", "base"),
        ("hf", "base", "folder"),
        ("hf", "folder", "base/."),
        ("hf", "base", "o/final"),
        ("hf", "base", "linked"),
        ("hf", "base", "store/manifests"),
    ] {
        // (An adapter of the folder is another base's for the GGUF.)
        let command = match command {
            "hf" => vec!["merge", "--format", "hf"],
            format => vec!["export", "--format", format],
        };
        let rest = ["--base", base, "--adapter", "o/final", "--output", output, "--force"];
        let ended = place.run(&[&command[..], &rest[..]].concat());
        ended.says(3, &["give another output"]);
        assert!(files() == before, "{base} -> {output}");
    }
    for output in ["base", "folder", "store/blobs"] {
        train(&place, "base", output, &[]).says(3, &["give another output"]);
        assert!(files() == before, "train into {output}");
    }
    // A dataset that has the name of a file that training writes.
    for file in ["p/metrics.jsonl", "p/events.jsonl"] {
        place.write(file, DATA);
        let args = ["train", "--base-model", "base", "--dataset", file, "--output", "p", "--max-steps", "1"];
        place.run(&args).says(3, &["is the dataset", "give another output"]);
        assert_eq!(place.read(file), DATA);
    }
}

#[test]
fn an_adapter_of_mlx_lm_is_exported() {
    let place = Place::new();
    copied(QWEN2.folder().path(), place.path("base"));
    // lora_a is (in, rank), lora_b (rank, out); the tune is scale · lora_bᵀ · lora_aᵀ.
    let (a, b): (Vec<u8>, Vec<u8>) =
        ([0.5f32; 128].map(f32::to_le_bytes).concat(), [0.25f32; 128].map(f32::to_le_bytes).concat());
    let name = |half: &str| format!("model.layers.1.self_attn.q_proj.lora_{half}");
    let view = |shape: Vec<usize>, bytes| {
        safetensors::tensor::TensorView::new(safetensors::tensor::Dtype::F32, shape, bytes).unwrap()
    };
    let file = safetensors::serialize([(name("a"), view(vec![64, 2], &a)), (name("b"), view(vec![2, 64], &b))], None);
    std::fs::create_dir(place.path("mlx")).unwrap();
    std::fs::write(place.path("mlx/adapters.safetensors"), file.unwrap()).unwrap();
    let config = json!({"fine_tune_type": "lora", "num_layers": 2, "model": "base",
        "lora_parameters": {"rank": 2, "scale": 20.0, "dropout": 0.0}});
    place.write("mlx/adapter_config.json", &config.to_string());
    let args = ["export", "--base", "base", "--adapter", "mlx", "-o", "x.gguf", "--format", "adapter"];
    place.run(&args).says(0, &["x.gguf"]);
    let gguf = tunesmith::gguf::Gguf::open(place.path("x.gguf")).unwrap();
    assert_eq!(gguf.f64("adapter.lora.alpha").unwrap(), 40.0);
    assert_eq!(gguf.tensor("blk.1.attn_q.weight.lora_a").unwrap().ne, [64, 2]);
    assert_eq!(gguf.tensor("blk.1.attn_q.weight.lora_b").unwrap().ne, [2, 64]);
    place.write("mlx/adapter_config.json", &json!({"fine_tune_type": "dora", "num_layers": 2}).to_string());
    place.run(&args).says(3, &["mlx-lm", "\"dora\"", "mlx_lm.fuse"]);
}

#[test]
fn a_hugging_face_id_is_looked_for_in_the_hubs_cache() {
    let place = Place::new();
    place.write("d.jsonl", DATA);
    let check = |id: &str| place.run(&["data", "check", "d.jsonl", "--base-model", id]);
    let unknown = check("unsloth/X");
    unknown.says(3, &["unsloth/X", "Hugging Face id", ".cache/huggingface/hub"]);
    assert!(!unknown.err.contains("ollama pull unsloth/X"), "{}", unknown.err);
    for id in ["Qwen/Qwen2.5-1.5B-Instruct", "unsloth/Qwen2.5-1.5B-Instruct-bnb-4bit"] {
        check(id).says(3, &["`ollama pull qwen2.5:1.5b`"]);
    }
    let snapshot = ".cache/huggingface/hub/models--Qwen--Qwen2.5-1.5B-Instruct";
    place.write(&format!("{snapshot}/refs/main"), "0123abc");
    copied(QWEN2.folder().path(), place.path(&format!("{snapshot}/snapshots/0123abc")));
    check("Qwen/Qwen2.5-1.5B-Instruct").says(0, &["the hub's cache"]);
    train(&place, "Qwen/Qwen2.5-1.5B-Instruct", "o", &[]).says(0, &[]);
    let config: Value = serde_json::from_str(&place.read("o/final/adapter_config.json")).unwrap();
    assert_eq!(config["base_model_name_or_path"], "Qwen/Qwen2.5-1.5B-Instruct");
    let elsewhere = place.path("cache");
    std::fs::rename(place.path(".cache/huggingface/hub"), &elsewhere).unwrap();
    let mut moved = place.command(&["data", "check", "d.jsonl", "--base-model", "Qwen/Qwen2.5-1.5B-Instruct"]);
    Ended::of(&moved.env("HF_HUB_CACHE", &elsewhere).output().unwrap()).says(0, &["the hub's cache"]);
}

/// A store of Ollama with one model, `registry.example/library/jnt`, of these layers beside its weights.
fn store(place: &Place, gguf: &Path, layers: &[(&str, &str)]) {
    let blobs = place.path("models/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let add = |kind: &str, bytes: &[u8]| {
        let digest = Digest::of_bytes(bytes);
        std::fs::write(blobs.join(digest.blob_name()), bytes).unwrap();
        let media = format!("application/vnd.ollama.image.{kind}");
        json!({"mediaType": media, "digest": digest.to_string(), "size": bytes.len()})
    };
    let mut all = vec![add("model", &std::fs::read(gguf).unwrap())];
    all.extend(layers.iter().map(|(kind, text)| add(kind, text.as_bytes())));
    let manifest = json!({"schemaVersion": 2, "config": add("config", b"{\"model_format\":\"gguf\"}"), "layers": all});
    place.write("models/manifests/registry.example/library/jnt/latest", &manifest.to_string());
}

const STORED: &str = "registry.example/library/jnt";

fn chatml(assistant: &str) -> String {
    "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ if .Prompt }}<|im_start|>user\n\
     {{ .Prompt }}<|im_end|>\n{{ end }}<|im_start|>ASSISTANT\n{{ .Response }}<|im_end|>\n"
        .replace("ASSISTANT", assistant)
}

/// The tiny base as a GGUF, with or without the Jinja template in it.
fn gguf(place: &Place, jinja: bool) -> PathBuf {
    let place = (place.path("base.gguf"), place.path("plain.gguf"));
    if !place.0.exists() {
        let folder = GQA8.folder();
        let base = Tiny::open(folder.path());
        let adapter = tunesmith::lora::Adapter::fresh(Default::default(), base.weights.spec(), 1).unwrap();
        let request = tunesmith::export::Request {
            weights: &base.weights,
            tokenizer: &base.tokenizer,
            chat_template: Some(base.template.source()),
            adapter: &adapter,
            lineage: &[],
            seed: 1,
            output: &place.0,
            interrupt: Default::default(),
        };
        tunesmith::export::merged_gguf(&request, tunesmith::export::Quant::Keep, Default::default(), &mut |_, _| {})
            .unwrap();
    }
    if jinja {
        return place.0;
    }
    tiny::changed(&place.0, place.1, |metadata, _| {
        metadata.remove("tokenizer.chat_template").unwrap();
    })
}

#[test]
fn the_same_weights_with_another_entry_in_the_store_are_another_base() {
    let place = Place::new();
    let place = {
        let models = place.path("models");
        place.with("OLLAMA_MODELS", models)
    };
    let file = gguf(&place, true);
    let of = |layers: &[(&str, &str)]| {
        store(&place, &file, layers);
        shown(&place, STORED)
    };
    let (a, b) = (chatml("assistant"), chatml("ROBOT"));
    let before = of(&[("template", &a)]);
    for (part, layers) in [
        ("ollama_template", vec![("template", b.as_str())]),
        ("system", vec![("template", &a), ("system", "Be kind.")]),
        ("parameters", vec![("template", &a), ("params", r#"{"temperature": 0.5}"#)]),
        ("parameters", vec![("template", &a), ("messages", r#"[{"role": "user", "content": "hi"}]"#)]),
    ] {
        let after = of(&layers);
        assert_eq!(after["parts"]["weights"], before["parts"]["weights"]);
        assert_ne!(after["digest"], before["digest"], "{part}");
        assert_ne!(after["parts"][part], before["parts"][part], "{part}");
        assert_eq!(after["parts"]["chat_template"], before["parts"]["chat_template"]);
    }
    assert_eq!(of(&[("template", &a)])["digest"], before["digest"]);
}

#[test]
fn a_template_that_changed_is_named_and_trained_again() {
    let place = Place::new();
    let place = {
        let models = place.path("models");
        place.with("OLLAMA_MODELS", models)
    };
    place.write("d.jsonl", DATA);
    let file = gguf(&place, false);
    let config = format!(
        "model_to_fine_tune: {STORED}\ndataset_path: d.jsonl\noutput_model_name: t-jnt\nmax_steps: 1\nlora_rank: 2\n\
         replay: \"off\"\ngeneral: \"off\"\nthreads: 1\nforce_cpu: true\n"
    );
    place.write("c.yaml", &config);
    let run = || place.run(&["run", "c.yaml", "--embedded", "--until", "export"]);
    store(&place, &file, &[("template", &chatml("assistant"))]);
    run().says(0, &["train"]);
    run().says(0, &["trained already", "exported already"]);
    store(&place, &file, &[("template", &chatml("ROBOT"))]);
    let again = run();
    again.says(0, &["the base's chat template and Ollama TEMPLATE changed since the last training"]);
    assert!(!again.err.contains("trained already") && !again.err.contains("exported already"), "{}", again.err);
    run().says(0, &["trained already", "exported already"]);
    store(&place, &file, &[("template", &chatml("ROBOT")), ("system", "Be kind.")]);
    run().says(0, &["the base's SYSTEM prompt changed"]);
}

#[test]
fn a_template_of_ollama_that_differs_from_the_files_is_said() {
    let place = Place::new();
    let place = {
        let models = place.path("models");
        place.with("OLLAMA_MODELS", models)
    };
    place.write("d.jsonl", DATA);
    let file = gguf(&place, true);
    let preview = || place.run(&["data", "preview", "d.jsonl", "--base-model", STORED]);
    store(&place, &file, &[("template", &chatml("ROBOT"))]);
    let said = [
        "trained and served with the chat template of the base's file",
        "Ollama's TEMPLATE of the base renders another prompt",
    ];
    // Nothing is trained or served: one short line.
    let previewed = preview();
    previewed.says(0, &["base: its file's chat template makes the prompts; Ollama's differs"]);
    assert!(!previewed.err.contains("renders another prompt"), "{}", previewed.err);
    let config = format!(
        "model_to_fine_tune: {STORED}\ndataset_path: d.jsonl\noutput_model_name: t\nmax_steps: 1\nlora_rank: 2\n\
         replay: \"off\"\ngeneral: \"off\"\nthreads: 1\nforce_cpu: true\n"
    );
    place.write("c.yaml", &config);
    place.run(&["plan", "c.yaml"]).says(0, &said);
    place.run(&["run", "c.yaml", "--embedded", "--until", "data"]).says(0, &said);
    store(&place, &file, &[("template", &chatml("assistant"))]);
    assert!(!preview().err.contains("differs"), "equal templates need no note");
}
