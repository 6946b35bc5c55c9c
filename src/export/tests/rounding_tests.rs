//! The rounding rule and the proof's statistics, over seeded exports of every type: no right file is refused, each
//! planted fault is seen.

use super::*;
use crate::ops::{encode_on_grid, levels};

/// Columns in whole super-blocks for the k-quants.
pub(super) fn shape_for(encoding: Encoding) -> ModelConfig {
    match encoding {
        Encoding::Q4K | Encoding::Q5K | Encoding::Q6K => ModelConfig { head_dim: 32, ..model(8, 2, 256, 256) },
        _ => shape(),
    }
}

fn seeded(model: &ModelConfig, size: f64, seed: u64) -> Adapter<Hf> {
    let (mut a, _) = adapter(model, 4, 8.0, seed, true);
    a.pairs.values_mut().for_each(|p| p.b.iter_mut().for_each(|b| *b *= size as f32));
    a
}

/// A file of `adapter` over the bench's base, held against the bench's own adapter.
fn faults_of(bench: &Bench, adapter: &Adapter<Hf>, quant: Quant, floor: Floor, seed: u64) -> Vec<String> {
    let path = bench.dir.path().join("seeded.gguf");
    let request = Request { adapter, seed, ..bench.request(&path) };
    merged_gguf(&request, quant, floor, &mut |_, _| {}).unwrap();
    bench.faults(&path)
}

const OWN: (Quant, Floor) = (Quant::Keep, Floor::Same);
const EIGHT: (Quant, Floor) = (Quant::Q8_0, Floor::Q8_0);

/// Base, target, and the size of a ΔW that is weak there: of its elements, less than a tenth of a step.
const PAIRS: &[(Encoding, (Quant, Floor), f64)] = &[
    (Encoding::Q8_0, OWN, 0.004),
    (Encoding::Q4_0, OWN, 0.04),
    (Encoding::Q4_1, OWN, 0.04),
    (Encoding::Q5_0, OWN, 0.02),
    (Encoding::Q5_1, OWN, 0.02),
    (Encoding::Q4K, OWN, 0.04),
    (Encoding::Q5K, OWN, 0.02),
    (Encoding::Q6K, OWN, 0.01),
    (Encoding::BF16, OWN, 0.004),
    (Encoding::F16, OWN, 0.002),
    (Encoding::Q5_0, EIGHT, 0.004),
    (Encoding::Q4K, EIGHT, 0.004),
    (Encoding::F32, EIGHT, 0.004),
    (Encoding::Q4_1, (Quant::Bf16, Floor::Q8_0), 0.004),
    (Encoding::Q4_1, (Quant::F16, Floor::Q8_0), 0.002),
];

/// 15 files of 14 tensors: 210 tensors of each pair and each strength.
#[test]
fn no_right_file_is_refused() {
    for &(encoding, target, weak) in PAIRS {
        for size in [weak, 5.0 * weak] {
            let mut bench = Bench::gguf(encoding, size);
            for seed in 0..15 {
                bench.adapter = seeded(bench.weights.config(), size, 100 + seed);
                let faults = faults_of(&bench, &bench.adapter, target.0, target.1, seed);
                assert!(faults.is_empty(), "{encoding:?} -> {target:?}, {size}, seed {seed}: {faults:?}");
            }
        }
    }
}

/// A tune too large for the base's scales gets new ones.
#[test]
fn a_tune_that_leaves_its_grid_gets_a_new_one() {
    for encoding in Encoding::ALL.into_iter().filter(|e| e.block().0 > 1) {
        let mut bench = Bench::gguf(encoding, 0.1);
        bench.adapter = seeded(bench.weights.config(), 20.0, 4);
        let (path, exported) = bench.merged(Quant::Keep, Floor::Same);
        assert!(exported.survival.iter().all(|s| s.gain.is_none()), "{encoding:?}");
        assert_eq!(bench.faults(&path), Vec::<String>::new(), "{encoding:?}");
    }
}

fn neighbours(adapter: &Adapter<Hf>) -> Adapter<Hf> {
    let mut moved = adapter.clone();
    for (id, pair) in &adapter.pairs {
        moved.pairs.insert(LinearId { layer: 1 - id.layer, ..*id }, pair.clone());
    }
    moved
}

fn scaled(adapter: &Adapter<Hf>, factor: f32) -> Adapter<Hf> {
    let mut a = adapter.clone();
    a.pairs.values_mut().for_each(|p| p.b.iter_mut().for_each(|b| *b *= factor));
    a
}

fn unpermuted(bench: &Bench) -> Adapter<Hf> {
    let (mut a, config) = (bench.adapter.clone(), bench.weights.config());
    for (id, pair) in &mut a.pairs {
        let heads = match id.site {
            Site::Q => config.heads,
            Site::K => config.kv_heads,
            _ => continue,
        };
        pair.b = crate::lora::unpermute_rows(&pair.b, heads, 4);
    }
    a
}

#[test]
fn each_planted_fault_is_caught() {
    for &(encoding, target, weak) in PAIRS {
        let mut bench = Bench::gguf(encoding, weak);
        for seed in 0..5 {
            // On 4096 elements of a tune a tenth of a step in size α × 1.2 shows over all tensors together.
            bench.adapter = seeded(bench.weights.config(), 2.0 * weak, 200 + seed);
            let wrong: [(&str, usize, Adapter<Hf>); 4] = [
                ("alpha x 1.2", 1, scaled(&bench.adapter, 1.2)),
                ("a zero adapter", 14, scaled(&bench.adapter, 0.0)),
                ("q and k unpermuted", 4, unpermuted(&bench)),
                ("the neighbouring layer's ΔW", 14, neighbours(&bench.adapter)),
            ];
            for (what, least, adapter) in wrong {
                let faults = faults_of(&bench, &adapter, target.0, target.1, seed);
                assert!(faults.len() >= least, "{encoding:?} -> {target:?}, seed {seed}: {what}: {faults:?}");
            }
        }
    }
}

#[test]
fn another_base_is_caught() {
    for &(encoding, target, weak) in PAIRS {
        let bench = Bench::gguf(encoding, weak);
        // The same file's weights moved by many steps, as those of another training of the same shape are.
        let path = bench.dir.path().join("other.gguf");
        let moved = seeded(bench.weights.config(), 3.0, 77);
        let request = Request { adapter: &moved, ..bench.request(&path) };
        merged_gguf(&request, Quant::F32, Floor::Q8_0, &mut |_, _| {}).unwrap();
        let other = Weights::from_gguf(Gguf::open(&path).unwrap()).unwrap();
        let out = bench.dir.path().join("wrong.gguf");
        let request = Request { weights: &other, ..bench.request(&out) };
        merged_gguf(&request, if target == OWN { Quant::Q8_0 } else { target.0 }, target.1, &mut |_, _| {}).unwrap();
        assert!(bench.faults(&out).len() >= 14, "{encoding:?} -> {target:?}");
    }
}

/// Codes move by the nearest whole number of steps: what merging and quantising on the same scales does.
#[test]
fn nearest_on_the_bases_own_grid_is_caught() {
    for &(encoding, target, weak) in PAIRS.iter().filter(|p| p.1 == OWN && p.0.block().0 > 1) {
        let bench = Bench::gguf(encoding, weak);
        let (path, _) = bench.merged(target.0, target.1);
        let nearest = bench.dir.path().join("nearest.gguf");
        let ggml = bench.adapter.to_ggml(bench.weights.spec());
        spoiled(&path, &nearest, |name, row, out| {
            let ids = linears(bench.weights.config());
            let of = |id: &&LinearId| name == format!("blk.{}.{}.weight", id.layer, id.site.gguf());
            let Some(id) = ids.iter().find(of) else { return false };
            let w = bench.weights.linear(*id);
            let (mut delta, mut grid) = (vec![0.0; w.cols], vec![crate::ops::Levels::default(); w.cols]);
            ggml.delta_rows(*id, row..row + 1, &mut delta);
            levels(w.encoding, w.row(row), &mut grid);
            let whole =
                |(d, l): (&f32, &crate::ops::Levels)| if l.step > 0.0 { (d / l.step).round() * l.step } else { 0.0 };
            let moves: Vec<f32> = delta.iter().zip(&grid).map(whole).collect();
            encode_on_grid(w.encoding, w.row(row), &moves, 1.0, 0, out).unwrap();
            true
        });
        let faults = bench.faults(&nearest);
        assert!(
            faults.len() >= 14 && faults.iter().any(|f| f.contains("of the tune is in the file")),
            "{encoding:?}: {faults:?}"
        );
    }
}

#[test]
fn bytes_depend_on_the_seed_and_nothing_else() {
    let bench = Bench::gguf(Encoding::Q4_1, 0.04);
    let bytes = |seed: u64, name: &str| {
        let path = bench.dir.path().join(name);
        let request = Request { seed, ..bench.request(&path) };
        merged_gguf(&request, Quant::Keep, Floor::Same, &mut |_, _| {}).unwrap();
        std::fs::read(path).unwrap()
    };
    assert!(bytes(1, "a") == bytes(1, "b"));
    assert!(bytes(1, "a") != bytes(2, "b"));
}
