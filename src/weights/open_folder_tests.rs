//! Folders of Hugging Face: their config.json, shards and faults.

use super::*;

#[test]
fn config_json_is_read_as_transformers_4_and_5_write_it() {
    let base = config(&families()[0], false);
    let read = |change: &dyn Fn(&mut Json)| {
        let mut json = hf_json(&base);
        change(&mut json);
        config_hf::read(Path::new("config.json"), &json.to_string())
    };
    let scaling = json!({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192});
    let four = read(&|j| j["rope_scaling"] = scaling.clone()).unwrap();
    let five = read(&|j| {
        j.as_object_mut().unwrap().retain(|k, _| !k.starts_with("rope"));
        j["rope_parameters"] = scaling.clone();
        j["rope_parameters"]["rope_theta"] = json!(5e5);
    })
    .unwrap();
    assert_eq!(four, five);
    assert_eq!(four.rope_factors.as_ref().unwrap().len(), 12);
    assert_eq!(hf_json(&four)["rope_scaling"]["factor"], 32.0);
    let old = read(&|j| {
        let o = j.as_object_mut().unwrap();
        o.retain(|k, _| {
            !["head_dim", "num_key_value_heads", "rope_theta", "tie_word_embeddings"].contains(&k.as_str())
        });
    })
    .unwrap();
    assert_eq!((old.head_dim, old.kv_heads, old.rope_theta, old.tied), (16, 2, 1e4, false));
    assert_eq!(read(&|j| j["sliding_window"] = json!(48)).unwrap().context, 48);
    let off = |j: &mut Json| {
        j["sliding_window"] = json!(48);
        j["use_sliding_window"] = json!(false);
    };
    assert_eq!(read(&off).unwrap().context, 64);

    says(
        read(&|j| j["rope_scaling"] = json!({"type": "dynamic", "factor": 4.0})),
        &["config.json", "dynamic", "rope_scaling", "llama3"],
    );
    says(read(&|j| j["rope_scaling"] = json!({"rope_type": "llama3"})), &["rope_scaling.factor", "missing"]);
    says(read(&|j| j["rope_parameters"] = json!({"full_attention": {}})), &["differs between layers"]);
    says(read(&|j| j["attention_bias"] = json!(true)), &["attention_bias"]);
    says(read(&|j| j["hidden_act"] = json!("gelu")), &["hidden_act", "gelu"]);
    says(read(&|j| j["num_local_experts"] = json!(8)), &["experts"]);
    says(read(&|j| j["quantization_config"] = json!({"quant_method": "gptq"})), &["gptq"]);
    says(read(&|j| j["hidden_size"] = json!(-1)), &["hidden_size", "-1"]);
    says(read(&|j| j["hidden_size"] = json!(null)), &["hidden_size", "missing"]);
    says(read(&|j| j["num_attention_heads"] = json!(0)), &["heads"]);
    says(read(&|j| j["rms_norm_eps"] = json!("small")), &["rms_norm_eps"]);
    says(read(&|j| j["architectures"] = json!(["Phi3ForCausalLM"])), &["Phi3ForCausalLM", "Qwen2ForCausalLM"]);
    says(config_hf::read(Path::new("config.json"), "[]"), &["JSON object"]);
}

#[test]
fn a_sharded_folder_opens_and_its_faults_are_named() {
    let c = config(&families()[2], false);
    let tensors = tensors_of(&c);
    let dir = folder_of(&hf_json(&c), &tensors);
    let at = |name: &str| dir.path().join(name);
    std::fs::remove_file(at("model.safetensors")).unwrap();
    says(Weights::from_hf(dir.path()), &["model.safetensors.index.json"]);
    std::fs::write(at("pytorch_model.bin"), "").unwrap();
    says(Weights::from_hf(dir.path()), &["pytorch_model.bin", "safe_serialization"]);
    let (a, b) = tensors.split_at(9);
    save(&at("model-1.safetensors"), a, Dtype::F32);
    save(&at("model-2.safetensors"), b, Dtype::F32);
    let index = |file: &str| {
        let of = |part: &[(String, Vec<usize>, Vec<u8>)], file: &str| -> Vec<(String, Json)> {
            part.iter().map(|t| (t.0.clone(), json!(file))).collect()
        };
        let map: serde_json::Map<_, _> = of(a, "model-1.safetensors").into_iter().chain(of(b, file)).collect();
        std::fs::write(at("model.safetensors.index.json"), json!({"weight_map": map}).to_string()).unwrap();
        Weights::from_hf(dir.path())
    };
    let w = index("model-2.safetensors").unwrap();
    assert_eq!(w.files().len(), 2);
    let up = w.linear(LinearId { layer: 1, site: Site::Up });
    assert_eq!(up.bytes, &tensors.iter().find(|t| t.0.contains("1.mlp.up_proj")).unwrap().2);
    says(index("../model-2.safetensors"), &["../model-2.safetensors", "plain file name"]);
    says(index("model-3.safetensors"), &["model-3.safetensors"]);
    says(index("model-1.safetensors"), &["model-1.safetensors", "not there"]);
    std::fs::write(at("model.safetensors.index.json"), "{}").unwrap();
    says(Weights::from_hf(dir.path()), &["index.json", "weight_map"]);
}

#[test]
fn faults_of_a_folders_tensors_are_named() {
    let c = config(&families()[0], false);
    let open = |change: &dyn Fn(&mut Tensors, &mut Json)| {
        let (mut tensors, mut json) = (tensors_of(&c), hf_json(&c));
        change(&mut tensors, &mut json);
        Weights::from_hf(folder_of(&json, &tensors).path())
    };
    let q = "model.layers.0.self_attn.q_proj.weight";
    let wrong = |t: &mut Tensors, _: &mut Json| t.iter_mut().find(|t| t.0 == q).unwrap().1 = vec![32, 48];
    says(open(&wrong), &[q, "[32, 48]", "expected [48, 32]", "model.safetensors"]);
    says(open(&|t, _| t.retain(|t| t.0 != q)), &[q]);
    says(open(&|t, _| t.retain(|t| t.0 != "lm_head.weight")), &["lm_head.weight", "tie_word_embeddings"]);
    says(open(&|_, j| j["tie_word_embeddings"] = json!(true)), &["lm_head.weight", "differs"]);
    says(open(&|_, j| j["vocab_size"] = json!(8)), &["model.embed_tokens.weight", "[7, 32]", "expected [8, 32]"]);
    says(
        open(&|t, _| t.push(("model.layers.0.self_attn.q_proj.bias".into(), vec![48], floats(48, 0)))),
        &["q_proj.bias"],
    );
    open(&|t, _| t.push(("model.layers.0.self_attn.rotary_emb.inv_freq".into(), vec![12], floats(12, 0)))).unwrap();

    let dir = folder_of(&hf_json(&c), &tensors_of(&c));
    let path = dir.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    says(Weights::from_hf(dir.path()), &["model.safetensors", "whole", "fetch it again"]);
    let doubles: Tensors = tensors_of(&c).into_iter().map(|(n, s, b)| (n, s, b.repeat(2))).collect();
    save(&path, &doubles, Dtype::F64);
    says(Weights::from_hf(dir.path()), &["model.embed_tokens.weight", "F64", "BF16"]);
    std::fs::remove_file(dir.path().join("config.json")).unwrap();
    says(Weights::from_hf(dir.path()), &["config.json"]);
}
