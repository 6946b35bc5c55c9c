use super::*;
use crate::lora::Pattern;
use crate::lora::tests::{adapter, any_model, model};
use crate::weights::{LinearSpec, ModelConfig};
use proptest::prelude::*;

fn saved() -> (tempfile::TempDir, ModelConfig, Adapter<Hf>) {
    let folder = tempfile::tempdir().unwrap();
    let model = model(2, 1, 16, 24);
    let (adapter, _) = adapter(&model, 3, 6.0, 1, true);
    adapter.save(folder.path(), "a/base").unwrap();
    (folder, model, adapter)
}

fn edit_config(folder: &Path, change: serde_json::Value) {
    let path = folder.join(CONFIG);
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    fields.extend(change.as_object().unwrap().clone());
    std::fs::write(path, serde_json::to_vec(&fields).unwrap()).unwrap();
}

/// The adapter's tensors in another dtype, under other names.
fn rewrite(folder: &Path, dtype: Dtype, rename: impl Fn(&str) -> Option<String>, encode: impl Fn(f32) -> Vec<u8>) {
    let path = folder.join(TENSORS);
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let data: Vec<_> = file
        .iter()
        .filter_map(|(name, t)| {
            let values = floats(name, &t).unwrap();
            Some((rename(name)?, t.shape().to_vec(), values.into_iter().flat_map(&encode).collect::<Vec<u8>>()))
        })
        .collect();
    let views = data.iter().map(|(n, s, d)| (n.clone(), TensorView::new(dtype, s.clone(), d).unwrap()));
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, ..ProptestConfig::default() })]
    #[test]
    fn what_is_saved_is_loaded(model in any_model(), rank in 1usize..5, alpha in 0.25f64..99.0, rslora: bool, some in 1usize..128, seed: u64) {
        let folder = tempfile::tempdir().unwrap();
        let (mut adapter, _) = adapter(&model, rank, alpha, seed, true);
        adapter.config.rslora = rslora;
        // Any set of sites, and one layer without its Q.
        let sites: Vec<Site> = Site::ALL.into_iter().enumerate().filter(|(i, _)| some >> i & 1 == 1).map(|(_, s)| s).collect();
        adapter.pairs.retain(|id, _| sites.contains(&id.site) && (some % 3 != 0 || sites.len() == 1 || id.layer != 0 || id.site != Site::Q));
        adapter.config.targets = TargetModules::Names(adapter.pairs.keys().map(|id| module(*id)).collect());
        adapter.save(folder.path(), "base").unwrap();
        prop_assert_eq!(Adapter::load(folder.path(), &model.spec()).unwrap(), adapter);
    }

    #[test]
    fn mutated_files_never_panic(at in any::<prop::sample::Index>(), with: u8, cut in any::<prop::sample::Index>(), config: bool) {
        let (folder, model, _) = saved();
        let path = folder.path().join(if config { CONFIG } else { TENSORS });
        let mut bytes = std::fs::read(&path).unwrap();
        let header = if config { bytes.len() } else { 4000 };
        bytes[at.index(header)] = with;
        std::fs::write(&path, &bytes).unwrap();
        let _ = Adapter::load(folder.path(), &model.spec());
        bytes.truncate(cut.index(bytes.len()));
        std::fs::write(&path, &bytes).unwrap();
        prop_assert!(Adapter::load(folder.path(), &model.spec()).is_err());
    }
}

#[test]
fn half_precision_and_default_keys_are_read() {
    for bf16 in [false, true] {
        let (folder, model, adapter) = saved();
        let narrow = |v: f32| if bf16 { half::bf16::from_f32(v).to_f32() } else { half::f16::from_f32(v).to_f32() };
        let rename = |n: &str| Some(n.replace("base_model.model.", "").replace(".weight", ".default.weight"));
        if bf16 {
            rewrite(folder.path(), Dtype::BF16, rename, |v| half::bf16::from_f32(v).to_le_bytes().to_vec());
        } else {
            rewrite(folder.path(), Dtype::F16, rename, |v| half::f16::from_f32(v).to_le_bytes().to_vec());
        }
        let loaded = Adapter::load(folder.path(), &model.spec()).unwrap();
        for (id, pair) in &adapter.pairs {
            assert!(pair.a.iter().zip(&loaded.pairs[id].a).all(|(x, y)| narrow(*x) == *y));
            assert!(pair.b.iter().zip(&loaded.pairs[id].b).all(|(x, y)| narrow(*x) == *y));
        }
    }
}

#[test]
fn faults_are_named() {
    let said = |spoil: &dyn Fn(&Path)| {
        let (folder, model, _) = saved();
        spoil(folder.path());
        Adapter::load(folder.path(), &model.spec()).unwrap_err().to_string()
    };
    let f32s = |v: f32| v.to_le_bytes().to_vec();
    let keep = |n: &str| Some(n.to_owned());
    let e =
        said(&|f| rewrite(f, Dtype::F32, |n| (!n.contains("layers.1.mlp.up_proj.lora_B")).then(|| n.to_owned()), f32s));
    assert!(e.contains("model.layers.1.mlp.up_proj has only one"), "{e}");
    let e = said(&|f| rewrite(f, Dtype::F32, |n| (!n.contains("layers.1.mlp.up_proj")).then(|| n.to_owned()), f32s));
    assert!(e.contains("target_modules names model.layers.1.mlp.up_proj"), "{e}");
    let e = said(&|f| rewrite(f, Dtype::F32, |n| Some(n.replace("layers.1.", "layers.7.")), f32s));
    assert!(e.contains("layers.7."), "{e}");
    let e = said(&|f| rewrite(f, Dtype::F32, |n| Some(n.replace("lora_B", "lora_magnitude_vector")), f32s));
    assert!(e.contains("lora_magnitude_vector"), "{e}");
    let e = said(&|f| rewrite(f, Dtype::F32, keep, |v| if v < -0.2 { f32::NAN } else { v }.to_le_bytes().to_vec()));
    assert!(e.contains("NaN") && e.contains("lora_"), "{e}");
    let e = said(&|f| rewrite(f, Dtype::I32, keep, |v| (v as i32).to_le_bytes().to_vec()));
    assert!(e.contains("I32"), "{e}");
    let e = said(&|f| edit_config(f, serde_json::json!({"r": 4})));
    assert!(e.contains("need"), "{e}");
    let e = said(&|f| std::fs::remove_file(f.join(CONFIG)).unwrap());
    assert!(e.contains(CONFIG), "{e}");
    let e = said(&|f| std::fs::rename(f.join(TENSORS), f.join("adapter_model.bin")).unwrap());
    assert!(e.contains("pickle"), "{e}");
}

#[test]
fn not_finite_is_not_saved() {
    let (folder, _, mut adapter) = saved();
    adapter.pairs.values_mut().next().unwrap().b[1] = f32::INFINITY;
    let e = adapter.save(folder.path(), "base").unwrap_err().to_string();
    assert!(e.contains("inf") && e.contains("layers.0.self_attn.q_proj.lora_B"), "{e}");
}

#[test]
fn pairs_of_other_ranks_and_scales_are_saved_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(2, 1, 16, 24);
    let pattern = |entries: &[(&str, f64)]| Pattern::new(entries.iter().map(|(k, v)| ((*k).to_owned(), *v))).unwrap();
    let config = LoraConfig {
        rank: 3,
        alpha: 6.0,
        rank_pattern: pattern(&[("up_proj", 2.0), (r".*\.layers\.1\.mlp\.\w+", 5.0)]),
        alpha_pattern: pattern(&[("layers.0.self_attn.q_proj", 12.0)]),
        ..LoraConfig::default()
    };
    let mut adapter = Adapter::fresh(config, &model.spec(), 4).unwrap();
    adapter.pairs.values_mut().for_each(|p| p.b.iter_mut().enumerate().for_each(|(i, b)| *b = i as f32));
    adapter.config.targets = TargetModules::Names(adapter.pairs.keys().map(|id| module(*id)).collect());
    adapter.save(folder.path(), "a/base").unwrap();
    assert_eq!(Adapter::load(folder.path(), &model.spec()).unwrap(), adapter);
    let id = |layer, site| LinearId { layer, site };
    for (id, rank, scale) in [(id(1, Site::Up), 2, 3.0), (id(1, Site::Down), 5, 1.2), (id(0, Site::Q), 3, 4.0)] {
        let LinearSpec { rows, cols, .. } = *model.spec().linear(id).unwrap();
        let Pair { a, b } = &adapter.pairs[&id];
        assert_eq!((a.len(), b.len()), (rank * cols, rows * rank), "{id:?}");
        let exact: f64 = (0..rank).map(|k| f64::from(b[rank + k]) * f64::from(a[k * cols + 1])).sum();
        let found = f64::from(adapter.delta(id).unwrap()[cols + 1]);
        assert!((found - scale * exact).abs() < 1e-4, "{id:?}: {found} is not {}", scale * exact);
    }
}

#[test]
fn an_adapter_of_mlx_lm_is_the_same_adapter() {
    let (folder, model, adapter) = saved();
    let peft = std::fs::read(folder.path().join(TENSORS)).unwrap();
    let mlx = tempfile::tempdir().unwrap();
    let file = SafeTensors::deserialize(&peft).unwrap();
    let tensors: Vec<_> = file
        .iter()
        .map(|(name, tensor)| {
            let [rows, columns] = *tensor.shape() else { panic!("{name}") };
            let values = floats(name, &tensor).unwrap();
            let name = name.replace("base_model.model.", "").replace(".lora_A.weight", ".lora_a");
            let values = mlx::transposed(&values, rows, columns);
            (name.replace(".lora_B.weight", ".lora_b"), Floats { values: values.into(), shape: vec![columns, rows] })
        })
        .collect();
    save_floats(&mlx.path().join("adapters.safetensors"), tensors, None).unwrap();
    let config = serde_json::json!({"fine_tune_type": "lora", "model": "org/base", "num_layers": 2, "lora_parameters":
        {"rank": adapter.config.rank, "scale": adapter.config.scale(), "dropout": 0.0}});
    std::fs::write(mlx.path().join(CONFIG), config.to_string()).unwrap();
    let loaded = Adapter::load(mlx.path(), &model.spec()).unwrap();
    assert_eq!(loaded.pairs, adapter.pairs);
    assert_eq!((loaded.config.rank, loaded.config.alpha), (adapter.config.rank, adapter.config.alpha));
    assert_eq!(base_name(mlx.path()).unwrap(), "org/base");
    // A PEFT layout under that config is not taken for one.
    std::fs::write(mlx.path().join("adapters.safetensors"), peft).unwrap();
    let e = Adapter::load(mlx.path(), &model.spec()).unwrap_err().to_string();
    assert!(e.contains("lora_") && e.contains("adapters.safetensors"), "{e}");
}
