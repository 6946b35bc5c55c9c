use super::*;
use crate::lora::tests::{adapter, any_model, model};
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
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_saved_is_loaded(model in any_model(), rank in 1usize..5, alpha in 0.25f64..99.0, rslora: bool, some in 1usize..128, seed: u64) {
        let folder = tempfile::tempdir().unwrap();
        let (mut adapter, _) = adapter(&model, rank, alpha, seed, true);
        adapter.config.rslora = rslora;
        // Any set of sites, and one layer without its Q: the names are then written in full.
        adapter.config.targets = Site::ALL.into_iter().enumerate().filter(|(i, _)| some >> i & 1 == 1).map(|(_, s)| s).collect();
        let targets = adapter.config.targets.clone();
        adapter.pairs.retain(|id, _| targets.contains(&id.site) && (some % 3 != 0 || targets.len() == 1 || id.layer != 0 || id.site != Site::Q));
        adapter.save(folder.path(), "base").unwrap();
        prop_assert_eq!(Adapter::load(folder.path(), &model).unwrap(), adapter);
    }

    #[test]
    fn mutated_files_never_panic(at in any::<prop::sample::Index>(), with: u8, cut in any::<prop::sample::Index>(), config: bool) {
        let (folder, model, _) = saved();
        let path = folder.path().join(if config { CONFIG } else { TENSORS });
        let mut bytes = std::fs::read(&path).unwrap();
        let header = if config { bytes.len() } else { 4000 };
        bytes[at.index(header)] = with;
        std::fs::write(&path, &bytes).unwrap();
        let _ = Adapter::load(folder.path(), &model);
        bytes.truncate(cut.index(bytes.len()));
        std::fs::write(&path, &bytes).unwrap();
        prop_assert!(Adapter::load(folder.path(), &model).is_err());
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
        let loaded = Adapter::load(folder.path(), &model).unwrap();
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
        Adapter::load(folder.path(), &model).unwrap_err().to_string()
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
    assert!(e.contains("want"), "{e}");
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
fn patterns_are_folded_into_one_rank_and_scale() {
    let (folder, model, adapter) = saved();
    edit_config(folder.path(), serde_json::json!({"alpha_pattern": {"layers.0.self_attn.q_proj": 12}}));
    let loaded = Adapter::load(folder.path(), &model).unwrap();
    for id in adapter.pairs.keys() {
        let factor = if id.layer == 0 && id.site == Site::Q { 2.0 } else { 1.0 };
        let expected: Vec<f32> = adapter.delta(*id).unwrap().iter().map(|v| v * factor).collect();
        assert_eq!(loaded.delta(*id).unwrap(), expected);
    }
}

#[test]
fn shorter_pairs_get_zero_rows() {
    let (folder, model, adapter) = saved();
    // The up projections keep their first two ranks of three; alpha 4 of 2 is the scale of 6 of 3.
    let path = folder.path().join(TENSORS);
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut data = Vec::new();
    for (name, t) in file.iter() {
        let mut values = floats(name, &t).unwrap();
        let mut shape = t.shape().to_vec();
        if name.contains("up_proj.lora_A") {
            values.truncate(2 * shape[1]);
            shape[0] = 2;
        } else if name.contains("up_proj.lora_B") {
            values = values.chunks(3).flat_map(|row| row[..2].to_vec()).collect();
            shape[1] = 2;
        }
        data.push((name.to_owned(), shape, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()));
    }
    let views = data.iter().map(|(n, s, d)| (n.clone(), TensorView::new(Dtype::F32, s.clone(), d).unwrap()));
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    edit_config(folder.path(), serde_json::json!({"rank_pattern": {"up_proj": 2}, "alpha_pattern": {"up_proj": 4}}));
    let loaded = Adapter::load(folder.path(), &model).unwrap();
    for (id, pair) in &adapter.pairs {
        let mut expected = Adapter::<Hf>::from_pairs(adapter.config.clone(), BTreeMap::from([(*id, pair.clone())]));
        if id.site == Site::Up {
            expected.pairs.get_mut(id).unwrap().b.chunks_mut(3).for_each(|row| row[2] = 0.0);
        }
        assert_eq!(loaded.delta(*id), expected.delta(*id), "{id:?}");
    }
}
