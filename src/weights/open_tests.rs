use ::safetensors::{Dtype, serialize, tensor::TensorView};
use serde_json::{Value as Json, json};

use super::*;
use crate::gguf::{GgufError, Metadata, PlannedTensor, Value, write};
use crate::weights::{Family, RopeScaling, Site, families};

#[path = "open_folder_tests.rs"]
mod folders;
#[path = "open_length_tests.rs"]
mod length;
#[path = "open_mutated_tests.rs"]
mod mutated;

/// hidden 32, 2 heads of 24 sharing one key/value head: nothing equals anything else.
fn config(family: &'static Family, tied: bool) -> ModelConfig {
    ModelConfig {
        family,
        hidden: 32,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        head_dim: 24,
        ff: 40,
        vocab: 7,
        rms_eps: 1e-5,
        rope_theta: 5e5,
        rope_factors: None,
        rope_scaling: None,
        context: 64,
        tied,
    }
}

fn floats(n: usize, seed: usize) -> Vec<u8> {
    (0..n).flat_map(|i| ((i * 31 + seed) as f32 / 64.0).sin().to_le_bytes()).collect()
}

fn planned(c: &ModelConfig) -> (Metadata, Vec<PlannedTensor>) {
    let plan = |p: &Part| PlannedTensor {
        name: p.gguf.clone(),
        ne: p.shape().iter().rev().map(|&n| n as u64).collect(),
        ty: GgmlType::F32,
    };
    (c.to_gguf_metadata(), layout::parts(&c.spec()).iter().map(plan).collect())
}

fn gguf_of(metadata: &Metadata, tensors: &[PlannedTensor], path: &Path) -> Gguf {
    write::<GgufError>(path, metadata, tensors, |i, out| {
        let bytes = tensors[i].bytes().unwrap() as usize;
        let mut data = floats(bytes.div_ceil(4), i);
        data.truncate(bytes);
        out.extend(data);
        Ok(())
    })
    .unwrap();
    Gguf::open(path).unwrap()
}

fn hf_json(c: &ModelConfig) -> Json {
    let mut json = c.to_hf_json("float32", None, None).unwrap();
    if c.family.gguf == "qwen3" {
        json["attention_bias"] = json!(false);
    }
    json
}

/// Tensors of a folder as (name, shape, bytes).
type Tensors = Vec<(String, Vec<usize>, Vec<u8>)>;

fn tensors_of(c: &ModelConfig) -> Tensors {
    let one = |(i, p): (usize, Part)| (p.hf.clone(), p.shape(), floats(p.shape().iter().product(), i));
    layout::parts(&c.spec()).into_iter().enumerate().map(one).collect()
}

fn save(path: &Path, tensors: &[(String, Vec<usize>, Vec<u8>)], dtype: Dtype) {
    let views = tensors.iter().map(|(n, s, b)| (n.clone(), TensorView::new(dtype, s.clone(), b).unwrap()));
    std::fs::write(path, serialize(views, None).unwrap()).unwrap();
}

fn folder_of(json: &Json, tensors: &Tensors) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.json"), json.to_string()).unwrap();
    save(&dir.path().join("model.safetensors"), tensors, Dtype::F32);
    dir
}

fn says<T: std::fmt::Debug>(result: Result<T, WeightsError>, words: &[&str]) {
    let e = result.unwrap_err().to_string();
    for word in words {
        assert!(e.contains(word), "{word:?} is not in: {e}");
    }
}

#[test]
fn a_gguf_of_every_family_opens_and_a_folder_of_it_has_the_same_shape() {
    let dir = tempfile::tempdir().unwrap();
    for family in families() {
        for tied in [false, true] {
            let c = config(family, tied);
            let (metadata, tensors) = planned(&c);
            let w = Weights::from_gguf(gguf_of(&metadata, &tensors, &dir.path().join("m.gguf"))).unwrap();
            assert_eq!(w.config(), &c);
            let q = w.linear(LinearId { layer: 1, site: Site::Q });
            assert_eq!((q.rows, q.cols, q.bytes.len()), (48, 32, 48 * 32 * 4));
            assert_eq!(q.row_order, if family.gguf == "llama" { RowOrder::Ggml } else { RowOrder::Hf });
            assert_eq!(w.linear(LinearId { layer: 1, site: Site::V }).row_order, RowOrder::Hf);
            assert_eq!(std::ptr::eq(w.head().bytes, w.embedding().bytes), tied);
            assert_eq!(w.tensor_names().len(), tensors.len());
            let total: u64 = tensors.iter().map(|t| t.ne.iter().product::<u64>()).sum();
            assert_eq!(w.parameters(), total);

            let folder = folder_of(&hf_json(&c), &tensors_of(&c));
            let h = Weights::from_hf(folder.path()).unwrap();
            assert_eq!(h.config(), &c);
            assert_eq!(h.parameters(), total);
            assert_eq!(h.tensor_names(), w.tensor_names());
            for name in h.tensor_names() {
                let (a, b) = (h.tensor(&name).unwrap(), w.tensor(&name).unwrap());
                assert_eq!((a.bytes, a.rows, a.cols, a.row_order), (b.bytes, b.rows, b.cols, RowOrder::Hf), "{name}");
            }
        }
    }
}

#[test]
fn faults_of_a_gguf_name_the_tensor_what_was_found_and_what_was_expected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let c = config(&families()[1], false);
    let open = |change: &dyn Fn(&mut Metadata, &mut Vec<PlannedTensor>)| {
        let (mut metadata, mut tensors) = planned(&c);
        change(&mut metadata, &mut tensors);
        Weights::from_gguf(gguf_of(&metadata, &tensors, &path))
    };
    let at = |t: &[PlannedTensor], name: &str| t.iter().position(|t| t.name == name).unwrap();
    says(open(&|_, t| t[3].ne = vec![32, 47]), &["m.gguf", "blk.0.attn_q.weight", "[32, 47]", "expected [32, 48]"]);
    says(open(&|_, t| drop(t.remove(at(t, "blk.1.attn_v.bias")))), &["m.gguf", "blk.1.attn_v.bias", "missing"]);
    says(open(&|_, t| t[3].ty = GgmlType(20)), &["blk.0.attn_q.weight", "IQ4_NL", "Q8_0"]);
    let extra = PlannedTensor { name: "blk.0.attn_sinks".into(), ne: vec![2], ty: GgmlType::F32 };
    says(open(&|_, t| t.push(extra.clone())), &["blk.0.attn_sinks"]);
    let set = |key: &'static str, value: Value| {
        move |m: &mut Metadata, _: &mut Vec<PlannedTensor>| {
            m.insert(key.to_owned(), value.clone());
        }
    };
    says(open(&set("general.architecture", Value::String("gemma3".into()))), &["gemma3", "qwen3"]);
    says(open(&set("general.type", Value::String("adapter".into()))), &["adapter"]);
    says(open(&set("split.count", Value::U16(3))), &["3 parts", "llama-gguf-split --merge"]);
    says(open(&set("qwen2.rope.scaling.type", Value::String("longrope".into()))), &["longrope"]);
    says(open(&set("qwen2.expert_count", Value::U32(8))), &["experts", "qwen2.expert_count"]);
    says(open(&set("qwen2.attention.value_length", Value::U32(8))), &["value heads"]);
    says(open(&set("qwen2.attention.head_count_kv", Value::I32s(vec![1, 2]))), &["different shapes"]);
    says(open(&set("qwen2.attention.head_count", Value::U32(0))), &["heads"]);
    says(open(&set("qwen2.block_count", Value::U32(u32::MAX))), &["layers"]);
    says(open(&set("qwen2.block_count", Value::String("2".into()))), &["qwen2.block_count", "string"]);
    says(open(&set("tokenizer.ggml.tokens", Value::Strings(vec!["a".into()]))), &["1 tokens", "7 rows"]);
    says(open(&|m, _| drop(m.remove("qwen2.context_length"))), &["qwen2.context_length", "missing"]);
    assert_eq!(open(&set("qwen2.attention.head_count_kv", Value::I32s(vec![1, 1]))).unwrap().config(), &c);
    assert_eq!(open(&set("qwen2.attention.sliding_window", Value::U32(16))).unwrap().config().context, 16);
    let linear = open(&set("qwen2.rope.scaling.factor", Value::F32(4.0))).unwrap();
    assert_eq!(linear.config().rope_scaling, Some(RopeScaling::Linear { factor: 4.0 }));
    assert!(
        linear.config().spec().rope.frequencies().iter().zip(c.spec().rope.frequencies()).all(|(a, b)| *a == b / 4.0)
    );
}

#[test]
fn rotary_scalings_are_the_same_in_both_kinds_of_files() {
    let usual = (0.1 * 4f64.ln() + 1.0) as f32;
    let yarn =
        |original_context, attention_factor| RopeScaling::Yarn { factor: 4.0, original_context, attention_factor };
    let dir = tempfile::tempdir().unwrap();
    for family in families() {
        for (json, expected) in [
            (json!({"type": "linear", "factor": 4.0}), RopeScaling::Linear { factor: 4.0 }),
            (json!({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}), yarn(16, usual)),
            (json!({"rope_type": "yarn", "factor": 4.0, "beta_fast": 32, "finetuned": true}), yarn(64, usual)),
            (json!({"rope_type": "yarn", "factor": 4.0, "attention_factor": 0.5}), yarn(64, 0.5)),
            (json!({"rope_type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 1.0}), yarn(64, 1.0)),
        ] {
            let mut hf = hf_json(&config(family, true));
            hf["rope_scaling"] = json;
            let read = config_hf::read(Path::new("config.json"), &hf.to_string()).unwrap();
            assert_eq!(read.rope_scaling, Some(expected));
            let (metadata, tensors) = planned(&read);
            let gguf = gguf_of(&metadata, &tensors, &dir.path().join("m.gguf"));
            let again = Weights::from_gguf(gguf).unwrap().config().clone();
            let (a, b) = (read.spec().rope.attention_factor(), again.spec().rope.attention_factor());
            assert!((a - b).abs() <= 1e-6 * b, "{a} {b}");
            assert_eq!(again.spec().rope.frequencies(), read.spec().rope.frequencies());
            let back = config_hf::read(Path::new("config.json"), &hf_json(&again).to_string()).unwrap();
            assert_eq!(back.rope_scaling, again.rope_scaling);
        }
    }
    let read = |json: Json| {
        let mut hf = hf_json(&config(&families()[1], true));
        hf["rope_scaling"] = json;
        config_hf::read(Path::new("config.json"), &hf.to_string())
    };
    for (json, words) in [
        (json!({"type": "yarn"}), ["rope_scaling.factor", "missing"]),
        (json!({"type": "yarn", "factor": -4.0}), ["rope_scaling.factor", "-4"]),
        (json!({"type": "yarn", "factor": 0.5}), ["factor", "1 or more"]),
        (json!({"type": "yarn", "factor": 4.0, "beta_fast": 16}), ["beta_fast 16", "llama.cpp"]),
        (json!({"type": "yarn", "factor": 4.0, "truncate": false}), ["truncate", "llama.cpp"]),
        (json!({"type": "dynamic", "factor": 4.0}), ["dynamic", "linear and yarn"]),
        (json!({"type": "llama3", "factor": 4.0}), ["llama3", "linear and yarn"]),
        (json!({"type": "longrope", "factor": 4.0}), ["longrope", "another base"]),
    ] {
        says(read(json), &words);
    }
}

/// Numbers of the header that the tensors do not confirm, each of which some reader would take memory by.
#[test]
fn every_count_of_the_header_is_checked_against_the_tensors() {
    let dir = tempfile::tempdir().unwrap();
    for family in families() {
        let c = config(family, false);
        let check = |key: &str, n: u32| {
            let (mut metadata, tensors) = planned(&c);
            let key = format!("{}.{key}", family.gguf);
            metadata.insert(key.clone(), Value::U32(n));
            let checked = crate::weights::check_gguf(&gguf_of(&metadata, &tensors, &dir.path().join("m.gguf")));
            (key, checked.map_err(|e| e.to_string()))
        };
        assert_eq!(check("context_length", 64).1.unwrap(), c);
        for key in [
            "block_count",
            "embedding_length",
            "feed_forward_length",
            "attention.head_count",
            "attention.head_count_kv",
            "attention.key_length",
            "attention.value_length",
            "rope.dimension_count",
            "vocab_size",
            "context_length",
        ] {
            for n in [0, 3, 3000, i32::MAX as u32, u32::MAX] {
                if (key, n) == ("context_length", 3) || (key, n) == ("context_length", 3000) {
                    continue;
                }
                let (key, checked) = check(key, n);
                assert!(checked.as_ref().is_err_and(|e| e.contains("m.gguf")), "{key} = {n}: {checked:?}");
            }
        }
        assert!(check("block_count", 1).1.unwrap_err().contains("block_count is 1"));
        assert!(check("block_count", 5).1.unwrap_err().contains("2 blocks"));
        assert!(check("vocab_size", 8).1.unwrap_err().contains("vocab_size is 8"));
    }
    // The embedded server reads types that can't be trained.
    let c = ModelConfig { hidden: 256, head_dim: 128, ff: 256, ..config(&families()[0], true) };
    let (metadata, mut tensors) = planned(&c);
    let q = tensors.iter().position(|t| t.name == "blk.0.attn_q.weight").unwrap();
    tensors[q].ty = GgmlType(10);
    let gguf = gguf_of(&metadata, &tensors, &dir.path().join("q2.gguf"));
    assert_eq!(crate::weights::check_gguf(&gguf).unwrap(), c);
    says(Weights::from_gguf(gguf), &["Q2_K"]);
}

#[test]
fn rotary_factors_come_from_their_tensor() {
    let dir = tempfile::tempdir().unwrap();
    let c = config(&families()[0], true);
    let open = |n: u64| {
        let (metadata, mut tensors) = planned(&c);
        tensors.insert(0, PlannedTensor { name: "rope_freqs.weight".into(), ne: vec![n], ty: GgmlType::F32 });
        write::<GgufError>(&dir.path().join("m.gguf"), &metadata, &tensors, |i, out| {
            let n = tensors[i].bytes().unwrap() as usize / 4;
            out.extend((0..n).flat_map(|i| (1.0 + i as f32).to_le_bytes()));
            Ok(())
        })
        .unwrap();
        Weights::from_gguf(Gguf::open(dir.path().join("m.gguf")).unwrap())
    };
    let w = open(12).unwrap();
    assert_eq!(w.config().rope_factors, Some((1..=12).map(|i| i as f32).collect()));
    assert!(!w.tensor_names().contains(&"rope_freqs.weight".to_owned()));
    says(open(16), &["rope_freqs.weight", "[16]", "[12]"]);
}

#[test]
fn norms_and_biases_are_decoded_and_nan_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let c = config(&families()[1], true);
    let (metadata, mut tensors) = planned(&c);
    tensors[0].ty = GgmlType::F16;
    let w = Weights::from_gguf(gguf_of(&metadata, &tensors, &path)).unwrap();
    let expected = |name: &str| -> Vec<f32> {
        let i = tensors.iter().position(|t| t.name == name).unwrap();
        let bytes = floats(tensors[i].ne.iter().product::<u64>() as usize, i);
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    assert_eq!(w.norm(1, Norm::Ffn).unwrap(), expected("blk.1.ffn_norm.weight"));
    assert_eq!(w.norm(9, Norm::Output).unwrap(), expected("output_norm.weight"));
    assert_eq!(w.norm(0, Norm::Q), None);
    assert_eq!(w.bias(LinearId { layer: 1, site: Site::K }).unwrap(), expected("blk.1.attn_k.bias"));
    assert_eq!(w.bias(LinearId { layer: 1, site: Site::Up }), None);
    let spoil = |name: &str, at: usize, bytes: &[u8]| {
        let mut file = std::fs::read(&path).unwrap();
        let start = w.gguf().unwrap().tensor(name).unwrap().offset as usize + at;
        file[start..start + bytes.len()].copy_from_slice(bytes);
        let other = dir.path().join("spoilt.gguf");
        std::fs::write(&other, file).unwrap();
        Weights::from_gguf(Gguf::open(other).unwrap()).unwrap().check_finite()
    };
    // The embedding's bytes, read as f16, may hold anything: give it zeros first.
    let zeros = vec![0; 7 * 32 * 2];
    spoil("token_embd.weight", 0, &zeros).unwrap();
    let mut embedding = zeros;
    embedding[2 * (3 * 32 + 5)..][..2].copy_from_slice(&[0x00, 0x7c]); // f16 infinity
    says(spoil("token_embd.weight", 0, &embedding), &["spoilt.gguf", "token_embd.weight", "inf", "row 3, column 5"]);
}

#[test]
fn the_real_model_has_its_shape() {
    let path = std::env::var("TUNESMITH_SMOLLM2").expect("TUNESMITH_SMOLLM2: run the tests by scripts/test");
    let w = Weights::from_gguf(Gguf::open(path).unwrap()).unwrap();
    // config.json of HuggingFaceTB/SmolLM2-135M-Instruct.
    let expected = ModelConfig {
        family: &families()[0],
        hidden: 576,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        ff: 1536,
        vocab: 49152,
        rms_eps: 1e-5,
        rope_theta: 1e5,
        rope_factors: None,
        rope_scaling: None,
        context: 8192,
        tied: true,
    };
    assert_eq!(w.config(), &expected);
    assert_eq!(w.parameters(), 134_515_008);
    w.check_finite().unwrap();
}
