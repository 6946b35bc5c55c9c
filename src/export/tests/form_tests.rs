//! Adapters as GGUF, and merged Hugging Face folders.

use super::*;

/// llama.cpp's factor is alpha / (the pair's own rank): times B · A it must be ΔW, whatever the patterns say.
#[test]
fn an_adapter_gguf_says_delta_w_where_patterns_differ() {
    let mut bench = Bench::hf(0.1);
    let pattern = |key: &str, value| Pattern::new([(key.to_owned(), value)]).unwrap();
    let (rank_pattern, alpha_pattern) = (pattern("mlp.*", 2.0), pattern("1.*q_proj", 3.0));
    let config = LoraConfig { rank: 4, alpha: 8.0, rslora: true, rank_pattern, alpha_pattern, ..LoraConfig::default() };
    bench.adapter = Adapter::fresh(config, bench.weights.spec(), 3).unwrap();
    bench
        .adapter
        .pairs
        .values_mut()
        .for_each(|p| p.b.iter_mut().enumerate().for_each(|(i, b)| *b = (i % 7) as f32 - 3.0));
    let path = bench.dir.path().join("adapter.gguf");
    adapter_gguf(&bench.request(&path)).unwrap();
    let gguf = Gguf::open(&path).unwrap();
    let alpha = gguf.f64("adapter.lora.alpha").unwrap();
    let ggml = bench.adapter.to_ggml(bench.weights.spec());
    for (layer, site, rank) in [(0, Site::Q, 4), (1, Site::Q, 4), (1, Site::Down, 2)] {
        let id = LinearId { layer, site };
        let of = |half| values(&gguf, &format!("blk.{layer}.{}.weight.lora_{half}", site.gguf()));
        let ((a, b), delta) = ((of('a'), of('b')), ggml.delta(id).unwrap());
        let cols = a.len() / rank;
        for (i, expected) in delta.iter().enumerate() {
            let dot: f64 =
                (0..rank).map(|k| f64::from(b[i / cols * rank + k]) * f64::from(a[k * cols + i % cols])).sum();
            let found = alpha / rank as f64 * dot;
            assert!(
                (found - f64::from(*expected)).abs() <= 1e-5 * found.abs().max(1.0),
                "{id:?}: {found} is not {expected}"
            );
        }
    }
    assert_eq!(bench.faults(&path), Vec::<String>::new());
}

#[test]
fn an_adapter_gguf_holds_the_pairs_exactly() {
    let bench = Bench::hf(0.1);
    let path = bench.dir.path().join("adapter.gguf");
    adapter_gguf(&bench.request(&path)).unwrap();
    let gguf = Gguf::open(&path).unwrap();
    assert_eq!(gguf.f64("adapter.lora.alpha").unwrap(), 8.0);
    assert_eq!((gguf.str("general.type").unwrap(), gguf.architecture().unwrap()), ("adapter", "llama"));
    let id = LinearId { layer: 1, site: Site::Q };
    let pair = &bench.adapter.pairs[&id];
    let b = values(&gguf, "blk.1.attn_q.weight.lora_b");
    let map = hf_row_of_ggml(64, 4);
    assert!(b.chunks(4).zip(&map).all(|(row, hf)| row == &pair.b[hf * 4..hf * 4 + 4]));
    assert_eq!(values(&gguf, "blk.1.attn_q.weight.lora_a"), pair.a);
    assert_eq!(gguf.tensor("blk.1.attn_q.weight.lora_b").unwrap().ne, [4, 64]);
    assert_eq!(bench.faults(&path), Vec::<String>::new());
    let other = Bench { adapter: trained(&shape(), 0.2), ..bench };
    assert_eq!(other.faults(&path).len(), 14, "every B differs");
}

#[test]
fn a_merged_folder_opens_and_is_base_plus_delta_in_hugging_faces_order() {
    for bench in [Bench::hf(0.1), Bench::gguf(Encoding::Q4_1, 0.1)] {
        let out = bench.dir.path().join("merged");
        // Twice, so that the second lies down over the first.
        for _ in 0..2 {
            let exported = merged_hf(&bench.request(&out), Quant::F32, &mut |_, _| {}).unwrap();
            assert!(exported.survival.iter().all(|s| (s.slope - 1.0).abs() < 1e-3));
        }
        let merged = Weights::from_hf(&out).unwrap();
        for id in linears(merged.config()) {
            let (base, got) = (bench.weights.linear(id), merged.linear(id));
            let adapter = bench.adapter.to_stored(&bench.weights);
            let mut expected = vec![0.0; base.rows * base.cols];
            decode(base.encoding, base.bytes, &mut expected);
            expected.iter_mut().zip(adapter.delta(id).unwrap()).for_each(|(e, d)| *e += d);
            if base.row_order == crate::ops::RowOrder::Ggml && matches!(id.site, Site::Q | Site::K) {
                let heads = if id.site == Site::Q { 4 } else { 2 };
                expected = crate::lora::unpermute_rows(&expected, heads, base.cols);
            }
            let mut found = vec![0.0; expected.len()];
            decode(got.encoding, got.bytes, &mut found);
            assert_eq!(found, expected, "{id:?}");
        }
        let names: Vec<_> = std::fs::read_dir(bench.dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(!names.iter().any(|n| n.starts_with('.')), "{names:?}");
    }
    let bench = Bench::gguf(Encoding::Q4_1, 0.1);
    let out = bench.dir.path().join("merged");
    merged_hf(&bench.request(&out), Quant::Keep, &mut |_, _| {}).unwrap();
    let merged = Weights::from_hf(&out).unwrap();
    assert_eq!(merged.embedding().encoding, Encoding::F16);
    assert!(out.join("tokenizer.json").is_file());
    let e = merged_hf(&bench.request(&out), Quant::Q8_0, &mut |_, _| {}).unwrap_err().to_string();
    assert!(e.contains("Q8_0"), "{e}");
}

/// A folder that is there already: weights of an earlier export make way, all else stays the user's.
#[test]
fn a_merged_folder_takes_away_only_earlier_weights() {
    let bench = Bench::hf(0.1);
    let out = bench.dir.path().join("merged");
    std::fs::create_dir(&out).unwrap();
    let own = ["model_v1.safetensors", "models-old.safetensors.bak", "model-1-of-2.safetensors", "notes.txt"];
    let earlier = ["model-00001-of-00002.safetensors", "model.safetensors.index.json", "model.safetensors"];
    own.iter().chain(&earlier).for_each(|name| std::fs::write(out.join(name), name).unwrap());
    merged_hf(&bench.request(&out), Quant::Keep, &mut |_, _| {}).unwrap();
    for name in own {
        assert_eq!(std::fs::read_to_string(out.join(name)).unwrap(), name);
    }
    assert!(!out.join(earlier[0]).exists() && !out.join(earlier[1]).exists());
    assert_eq!(Weights::from_hf(&out).unwrap().config().layers, shape().layers);
}

/// A file of somebody else's whose untouched tensors are coarser than any export makes them: a fault, not an error.
#[test]
fn a_type_that_no_export_makes_is_a_fault_of_the_tensor() {
    for encoding in [Encoding::Q6K, Encoding::Q4_0, Encoding::Q5_1] {
        let file = Bench::gguf(encoding, 0.1);
        let base = Bench::hf_of(&rounding_tests::shape_for(encoding), 0.1);
        let faults = base.faults(file.weights.path());
        let said = |fault: &&String| fault.starts_with("token_embd.weight is Q") && fault.contains("coarser than Q8_0");
        assert_eq!(faults.iter().filter(said).count(), 1, "{encoding:?}: {faults:?}");
    }
}
