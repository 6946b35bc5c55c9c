//! Whatever bytes a model's files hold.

use proptest::prelude::*;

use super::*;

proptest! {
    /// Any change of any bytes of the weights or of config.json: an error, or tensors of the right size. Never a panic.
    #[test]
    fn mutated_folders_are_refused_or_safe(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5), which in any::<bool>(), cut in prop::option::of(any::<prop::sample::Index>())) {
        let c = config(&families()[1], true);
        let dir = folder_of(&hf_json(&c), &tensors_of(&c));
        let path = dir.path().join(if which { "model.safetensors" } else { "config.json" });
        let mut bytes = std::fs::read(&path).unwrap();
        // Most of the file is payload; its header is what can break.
        let reach = bytes.len().min(2500);
        for (at, value) in &edits {
            bytes[at.index(reach)] = *value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(w) = Weights::from_hf(dir.path()) {
            for name in w.tensor_names() {
                let t = w.tensor(&name).unwrap();
                let (block, size) = match t.encoding { Encoding::F32 => (1, 4), _ => (1, 2) };
                prop_assert_eq!(t.bytes.len(), t.rows * t.cols / block * size);
            }
        }
    }
    /// Whatever numbers the keys of a GGUF hold: an error, or a model whose tensors have their sizes. Never a panic.
    #[test]
    fn mutated_keys_are_refused_or_safe(edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..9, any::<u32>()), 1..4)) {
        let c = config(&families()[0], false);
        let (mut metadata, tensors) = planned(&c);
        metadata.insert("llama.rope.scaling.factor".into(), Value::F32(0.0));
        for (at, kind, n) in edits {
            let key = metadata.keys().nth(at.index(metadata.len())).unwrap().clone();
            let value = match kind {
                0 => Value::U32(n),
                1 => Value::U32(n % 64),
                2 => Value::I32(n as i32),
                3 => Value::F32(f32::from_bits(n)),
                4 => Value::U64(u64::from(n) << 32),
                5 => Value::Bool(n % 2 == 0),
                6 => Value::I32s(vec![n as i32; (n % 3) as usize]),
                7 => Value::F64(f64::NAN),
                _ => Value::String("x".into()),
            };
            metadata.insert(key, value);
        }
        let dir = tempfile::tempdir().unwrap();
        if let Ok(w) = Weights::from_gguf(gguf_of(&metadata, &tensors, &dir.path().join("m.gguf"))) {
            for name in w.tensor_names() {
                let t = w.tensor(&name).unwrap();
                prop_assert_eq!(t.bytes.len(), t.rows * t.cols * 4);
            }
        }
    }
}
