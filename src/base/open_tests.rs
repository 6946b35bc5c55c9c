use std::path::PathBuf;

use super::*;
use crate::gguf::{GgmlType, GgufError, Metadata, PlannedTensor, write};

fn smollm2() -> PathBuf {
    std::env::var("TUNESMITH_SMOLLM2").expect("TUNESMITH_SMOLLM2: run the tests by scripts/test").into()
}

/// One layer of the smallest size, with a tokenizer of seven tokens.
fn tiny(arch: &str, template: Option<&str>) -> (Metadata, Vec<PlannedTensor>) {
    let key = |k: &str| format!("{arch}.{k}");
    let text = |s: &str| Value::String(s.into());
    let strings = |l: &[&str]| Value::Strings(l.iter().map(|s| (*s).to_owned()).collect());
    let mut m = Metadata::from([
        ("general.architecture".into(), text(arch)),
        ("general.license".into(), text("mit")),
        (key("block_count"), Value::U32(1)),
        (key("context_length"), Value::U32(32)),
        (key("embedding_length"), Value::U32(8)),
        (key("feed_forward_length"), Value::U32(4)),
        (key("attention.head_count"), Value::U32(2)),
        (key("attention.layer_norm_rms_epsilon"), Value::F32(1e-5)),
        ("tokenizer.ggml.model".into(), text("gpt2")),
        ("tokenizer.ggml.pre".into(), text("gpt-2")),
        ("tokenizer.ggml.tokens".into(), strings(&["a", "b", "Ċ", "Ġ", "<|im_start|>", "<|im_end|>", "s"])),
        ("tokenizer.ggml.token_type".into(), Value::I32s(vec![1, 1, 1, 1, 3, 3, 1])),
        ("tokenizer.ggml.merges".into(), strings(&[])),
        ("tokenizer.ggml.eos_token_id".into(), Value::U32(5)),
    ]);
    m.extend(template.map(|t| ("tokenizer.chat_template".to_owned(), text(t))));
    let square = ["attn_q", "attn_k", "attn_v", "attn_output"].map(|n| (n, vec![8, 8]));
    let block = square.into_iter().chain([
        ("attn_norm", vec![8]),
        ("ffn_norm", vec![8]),
        ("ffn_gate", vec![8, 4]),
        ("ffn_up", vec![8, 4]),
        ("ffn_down", vec![4, 8]),
    ]);
    let named = block.map(|(n, ne)| (format!("blk.0.{n}.weight"), ne));
    let all = named.chain([("token_embd.weight".into(), vec![8, 7]), ("output_norm.weight".into(), vec![8])]);
    (m, all.map(|(name, ne)| PlannedTensor { name, ne, ty: GgmlType::F32 }).collect())
}

const CHATML: &str = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

fn save(path: &Path, metadata: &Metadata, tensors: &[PlannedTensor]) -> Digest {
    let fill = |i: usize, out: &mut Vec<u8>| {
        out.resize(tensors[i].bytes().unwrap() as usize, 0);
        Ok::<(), GgufError>(())
    };
    write(path, metadata, tensors, fill).unwrap().0
}

/// A store as Ollama lays it out, with one model.
fn store(root: &Path, name: &str, model: &Path, layers: &[(&str, &str)]) {
    let blobs = root.join("blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let mut list = Vec::new();
    let add = |kind: &str, bytes: &[u8]| {
        let digest = Digest::of_bytes(bytes);
        std::fs::write(blobs.join(digest.blob_name()), bytes).unwrap();
        serde_json::json!({"mediaType": format!("application/vnd.ollama.image.{kind}"), "digest": digest.to_string(), "size": bytes.len()})
    };
    list.push(add("model", &std::fs::read(model).unwrap()));
    for (kind, text) in layers {
        list.push(add(kind, text.as_bytes()));
    }
    let config = add("config", br#"{"model_format":"gguf"}"#);
    let folder = root.join("manifests/registry.example/library").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = serde_json::json!({"schemaVersion": 2, "config": config, "layers": list});
    std::fs::write(folder.join("latest"), manifest.to_string()).unwrap();
}

#[test]
fn the_real_model_opens_by_path_with_all_that_a_run_needs() {
    let path = smollm2();
    let base = Resolver::default().open(&path.display().to_string()).unwrap();
    assert_eq!(base.source, Source::GgufFile(path));
    // As its registry entry says; two sources for one number.
    assert_eq!(base.weights_digest().hex(), crate::base::SHORTCUTS[0].package.as_ref().unwrap().sha256);
    assert_eq!(base.weights.config().layers, 30);
    assert_eq!(base.tokenizer.vocab_size(), 49152);
    assert!(base.template.source().contains("<|im_start|>"));
    assert_eq!(base.license, ["apache-2.0"]);
    assert_eq!(base.go_template, None);
}

#[test]
fn a_folder_with_config_json_is_a_base_and_others_say_what_they_lack() {
    let dir = tempfile::tempdir().unwrap();
    let name = dir.path().display().to_string();
    let say = || Resolver::default().open(&name).unwrap_err().to_string();
    assert!(say().contains("no config.json"));
    std::fs::write(dir.path().join("adapter_config.json"), "{}").unwrap();
    assert!(say().contains("it holds an adapter"));
    std::fs::write(dir.path().join("config.json"), r#"{"architectures": ["GemmaForCausalLM"]}"#).unwrap();
    assert!(say().contains("GemmaForCausalLM") && say().contains("qwen3"), "{}", say());
    std::fs::write(dir.path().join("model.safetensors"), "").unwrap();
    let e = Resolver::default().open(&format!("{name}/model.safetensors")).unwrap_err().to_string();
    assert!(e.contains("give the folder"), "{e}");
    let e = Resolver::default().open("./absent.gguf").unwrap_err().to_string();
    assert!(e.contains("no file or folder is there"), "{e}");
}

#[test]
fn a_tiny_gguf_opens_and_its_faults_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tiny.gguf");
    let open = |model: &(Metadata, Vec<PlannedTensor>)| {
        save(&path, &model.0, &model.1);
        Resolver::default().open(&path.display().to_string())
    };
    let base = open(&tiny("llama", Some(CHATML))).unwrap();
    assert_eq!((base.license, base.weights.config().tied), (vec!["mit".to_owned()], true));
    let e = open(&tiny("llama", None)).unwrap_err().to_string();
    assert!(e.contains("no chat template") && e.contains("chat_template.jinja"), "{e}");
    let e = open(&tiny("phi3", Some(CHATML))).unwrap_err().to_string();
    assert!(e.contains("\"phi3\"") && e.contains("qwen2"), "{e}");
}

#[test]
fn a_name_in_the_store_brings_what_the_store_says_and_an_adapter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tiny.gguf");
    let (metadata, tensors) = tiny("llama", Some(CHATML));
    let digest = save(&path, &metadata, &tensors);
    let root = dir.path().join("models");
    std::fs::create_dir_all(root.join("manifests")).unwrap();
    let extras =
        [("template", "{{ .Prompt }}"), ("system", "Be kind."), ("license", "MIT"), ("params", r#"{"stop":["x"]}"#)];
    store(&root, "mine", &path, &extras);
    store(&root, "tuned", &path, &[("adapter", "an adapter")]);
    // Ollama's own host is what a bare name means; the test's store must not spell it, so the name is given in full.
    let resolver = Resolver { store_roots: vec![root.clone()], cache: dir.path().join("cache"), ..Resolver::default() };
    let base = resolver.open("registry.example/library/mine").unwrap();
    let Source::Ollama { name, gguf } = &base.source else { panic!("{:?}", base.source) };
    assert!(name.contains("mine") && gguf.starts_with(&root));
    assert_eq!(base.weights_digest(), digest);
    assert_eq!(base.go_template.as_deref(), Some("{{ .Prompt }}"));
    assert_eq!(base.system.as_deref(), Some("Be kind."));
    assert_eq!((base.license, base.parameters), (vec!["MIT".to_owned()], vec![("stop".to_owned(), "x".to_owned())]));
    let e = resolver.open("registry.example/library/tuned").unwrap_err().to_string();
    assert!(e.contains("ADAPTER") && e.contains("sha256-"), "{e}");
}

#[test]
fn an_unknown_name_is_told_where_it_was_looked_for_and_what_to_do() {
    let resolver = Resolver { store_roots: vec!["/srv/models-of-ollama".into()], ..Resolver::default() };
    let say = |name: &str| {
        let e = resolver.open(name).unwrap_err();
        format!("{e}; {}", e.remedy().unwrap_or_default())
    };
    let e = say("llama3.2:1b");
    assert!(
        e.contains("ollama pull llama3.2:1b") && e.contains("not pulled yet") && e.contains("/srv/models-of-ollama"),
        "{e}"
    );
    let e = say("my-own-model:v3");
    assert!(e.contains("smollm2:135m") && e.contains("another host"), "{e}");
    let e = say("phi3");
    assert!(e.contains("phi3") && e.contains("can't train") && e.contains("llama"), "{e}");
}
