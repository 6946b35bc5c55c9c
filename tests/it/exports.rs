//! Exports that are right, and exports that went wrong, told from each other by the files alone.

use std::path::{Path, PathBuf};

use tunesmith::export::{self, Floor, Quant};
use tunesmith::lora::{Adapter, Hf, LoraConfig};
use tunesmith::weights::{LinearId, Site, Weights};

use crate::oracle::values;
use crate::tune::{To, Tune};

pub const TYPES: [(Quant, Floor); 5] = [
    (Quant::Keep, Floor::Q8_0),
    (Quant::Keep, Floor::Same),
    (Quant::Q8_0, Floor::Q8_0),
    (Quant::F16, Floor::Q8_0),
    (Quant::Bf16, Floor::Q8_0),
];

/// What is wrong with a file, held against the tune.
pub fn faults(tune: &Tune, file: &Path) -> Vec<String> {
    export::verify(file, &tune.base.weights, &tune.adapter).unwrap().faults()
}

fn changed(tune: &Tune, change: impl FnOnce(&mut Adapter<Hf>)) -> Adapter<Hf> {
    let mut adapter = tune.adapter.clone();
    change(&mut adapter);
    adapter
}

fn neighbours(adapter: &Adapter<Hf>) -> Adapter<Hf> {
    let layers = adapter.pairs.keys().map(|id| id.layer).max().unwrap() + 1;
    let mut moved = adapter.clone();
    for (id, pair) in &adapter.pairs {
        moved.pairs.insert(LinearId { layer: (id.layer + 1) % layers, ..*id }, pair.clone());
    }
    moved
}

/// What an exporter can get wrong: (what, the least number of faults, the adapter that is merged instead).
fn wrong_adapters(tune: &Tune, alpha_seen: usize) -> Vec<(&'static str, usize, Adapter<Hf>)> {
    let config = tune.base.weights.config();
    let rank = tune.adapter.config.rank;
    let touched = tune.adapter.pairs.len();
    let reordered = |a: &mut Adapter<Hf>| {
        for (id, pair) in &mut a.pairs {
            match id.site {
                Site::Q => pair.b = tunesmith::lora::unpermute_rows(&pair.b, config.heads, rank),
                Site::K => pair.b = tunesmith::lora::unpermute_rows(&pair.b, config.kv_heads, rank),
                _ => {}
            }
        }
    };
    let zero = |a: &mut Adapter<Hf>| a.pairs.values_mut().for_each(|p| p.b.fill(0.0));
    vec![
        ("alpha × 1.2", alpha_seen, changed(tune, |a| a.config.alpha *= 1.2)),
        ("a zero adapter", touched, changed(tune, zero)),
        ("q/k of ΔW in the other order", config.layers, changed(tune, reordered)),
        ("the neighbouring layer's ΔW", touched, neighbours(&tune.adapter)),
    ]
}

pub fn right_files(tune: &Tune) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    for (i, (quant, floor)) in TYPES.into_iter().enumerate() {
        let to = To { quant, floor, seed: i as u64, path: &path };
        tune.export(&tune.base.weights, &tune.adapter, to);
        let found = faults(tune, &path);
        assert!(found.is_empty(), "{} {quant:?} {floor:?}: the right file is refused: {found:?}", tune.name);
    }
}

/// `alpha_seen`: in how many tensors α × 1.2 must be seen at least. On the base's own grid the standard errors of single
/// tensors are wide, so that in a weak tune some do not show it.
pub fn wrong_files(tune: &Tune, floor: Floor, alpha_seen: usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    for (what, least, adapter) in wrong_adapters(tune, alpha_seen) {
        tune.export(&tune.base.weights, &adapter, To { quant: Quant::Keep, floor, seed: 1, path: &path });
        let found = faults(tune, &path);
        println!("{} {floor:?}: {what}: {} faults", tune.name, found.len());
        assert!(found.len() >= least, "{} {floor:?}: {what}: {found:?}", tune.name);
    }
}

/// Another base of the same shape: this one, tuned for something else.
pub fn another_base(tune: &Tune, path: PathBuf) -> Weights {
    let base = &tune.base;
    let lora = LoraConfig { rank: 4, alpha: 8.0, ..LoraConfig::default() };
    let mut other = Adapter::fresh(lora, base.weights.spec(), 11).unwrap();
    for (id, pair) in &mut other.pairs {
        pair.b = values(&format!("{id:?}"), pair.b.len(), 0.0, 0.02);
    }
    let path = tune.merged(&other, Quant::F16, path);
    Weights::from_gguf(tunesmith::gguf::Gguf::open(path).unwrap()).unwrap()
}

/// The file, asking for a BOS that the template writes too.
pub fn double_bos(file: &Path, to: PathBuf) -> PathBuf {
    let mut bytes = std::fs::read(file).unwrap();
    let key = b"tokenizer.ggml.add_bos_token";
    let at = bytes.windows(key.len()).position(|w| w == key).expect("the key") + key.len();
    // A bool is type 7 and one byte.
    assert_eq!(bytes[at..at + 5], [7, 0, 0, 0, 0]);
    bytes[at + 4] = 1;
    std::fs::write(&to, bytes).unwrap();
    to
}
