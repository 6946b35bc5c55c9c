//! SmolLM2 exported by us: what of a tune survives, that the right file is never refused, and the memory it takes.

use std::path::Path;

use tunesmith::export::{self, Exported, Floor, Quant, Request};
use tunesmith::gguf::Gguf;
use tunesmith::lora::{Adapter, Hf, LoraConfig};
use tunesmith::store::Interrupt;
use tunesmith::tokenizer::Tokenizer;
use tunesmith::weights::{Site, Weights};

use crate::oracle::{smollm2, values};

/// Rank 16 on all linear layers; B so large that the median ‖ΔW‖/‖W‖ is about `relative` (gguf.md §8: .0055 after 43
/// steps at 5e-4, .0011 after 8 at 2e-4).
fn adapter(weights: &Weights, relative: f32) -> Adapter<Hf> {
    let config = LoraConfig { rank: 16, alpha: 32.0, dropout: 0.0, targets: Site::ALL.to_vec(), rslora: false };
    let mut adapter = Adapter::fresh(config, weights.config(), 5).expect("an adapter");
    for (id, pair) in &mut adapter.pairs {
        pair.b = values(&format!("{id:?}"), pair.b.len(), 0.0, relative * 2.5);
    }
    adapter
}

fn open() -> (Weights, Tokenizer) {
    let gguf = Gguf::open(smollm2()).expect("the model");
    let tokenizer = Tokenizer::from_gguf(&gguf).expect("its tokenizer");
    (Weights::from_gguf(gguf).expect("its weights"), tokenizer)
}

fn request<'a>(base: &'a (Weights, Tokenizer), adapter: &'a Adapter<Hf>, output: &'a Path, seed: u64) -> Request<'a> {
    let interrupt = Interrupt::default();
    Request { weights: &base.0, tokenizer: &base.1, chat_template: None, adapter, lineage: &[], seed, output, interrupt }
}

/// (median, least) slope.
fn slopes(exported: &Exported) -> (f64, f64) {
    let mut slopes: Vec<f64> = exported.survival.iter().map(|s| s.slope).collect();
    slopes.sort_by(f64::total_cmp);
    (slopes[slopes.len() / 2], slopes[0])
}

#[test]
fn a_tune_of_smollm2_survives_in_every_type() {
    let base = open();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    for (name, relative) in [("strong", 0.0055), ("weak", 0.0011), ("of a whisper", 0.0002)] {
        let adapter = adapter(&base.0, relative);
        for (quant, floor, least_median) in [
            (Quant::F16, Floor::Q8_0, 0.999),
            (Quant::Keep, Floor::Q8_0, 0.98),
            (Quant::Keep, Floor::Same, 0.9),
        ] {
            let began = std::time::Instant::now();
            let request = request(&base, &adapter, &path, 1);
            let exported = export::merged_gguf(&request, quant, floor, &mut |_, _| {}).expect("exported");
            let took = began.elapsed().as_secs_f64();
            let (median, least) = slopes(&exported);
            let relative = exported.survival[exported.survival.len() / 2].relative_delta;
            let checks = export::verify(&path, &base.0, &adapter).expect("verified");
            let residual = exported.survival.iter().map(|s| s.residual).fold(0.0, f64::max);
            println!("survival: {name} ({relative:.4}) {quant:?} floor {floor:?}: median {median:.4}, least {least:.3}, worst residual {residual:.2}, {took:.1} s, verified in {:.1} s", began.elapsed().as_secs_f64() - took);
            let faults: Vec<_> = checks.into_iter().filter_map(|c| c.fault).collect();
            assert!(faults.is_empty(), "{name} {quant:?} {floor:?}: {faults:?}");
            assert!((median - 1.0).abs() < 1.0 - least_median, "{name} {quant:?} {floor:?}: {median}");
        }
    }
}
