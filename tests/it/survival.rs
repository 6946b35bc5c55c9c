//! What of a tune is left after export, and the memory that export takes.
//!
//! The tables of docs/benchmarks/survival.md: `scripts/test --test it survival::the_table -- --ignored --nocapture`, with the
//! TUNESMITH_LLAMA_TOOLS that `scripts/ollama --tools` prints.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tunesmith::batch::Example;
use tunesmith::export::{self, Floor, Quant, Rounding};
use tunesmith::gguf::Gguf;
use tunesmith::lora::{Adapter, Stored};
use tunesmith::model::Model;
use tunesmith::ops::{self, Encoding, WeightRef};
use tunesmith::weights::Weights;

use crate::exports::TYPES;
use crate::program::Place;
use crate::served::qwen;
use crate::tune::{self, To, Tune};

/// Conversations that were not trained on: the prompts of a suite with their first right answers.
fn held_out(tune: &Tune, system: &str, suite: &str) -> Vec<Example> {
    let conversation = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let turn = |role: &str, content: &serde_json::Value| serde_json::json!({"role": role, "content": content});
        let turns =
            [turn("system", &system.into()), turn("user", &row["prompt"]), turn("assistant", &row["expected"][0])];
        serde_json::json!({ "messages": turns }).to_string()
    };
    let lines = suite.lines().step_by(2).take(20);
    let records = tunesmith::dataset::parse(&lines.map(conversation).collect::<Vec<_>>().join("\n")).unwrap();
    tune::encoded(&tune.base, &records)
}

/// Log-probabilities at every position of an answer.
fn log_probs(weights: &Weights, adapter: Option<&Adapter<Stored>>, held_out: &[Example]) -> Vec<Vec<f32>> {
    let model = Model::new(weights, 0).unwrap();
    let of = |example: &Example| {
        let positions: Vec<usize> = (1..example.ids.len()).filter(|p| example.mask[*p]).map(|p| p - 1).collect();
        model.log_probs_at(adapter, &[(&example.ids, &positions)]).unwrap()
    };
    held_out.iter().map(of).collect()
}

/// Σ p (log p − log q).
fn kl(p: &[f32], q: &[f32]) -> f64 {
    p.iter().zip(q).map(|(p, q)| f64::from(*p).exp() * (f64::from(*p) - f64::from(*q))).sum()
}

fn mean_kl(p: &[Vec<f32>], q: &[Vec<f32>], vocab: usize) -> f64 {
    let rows = p.iter().flat_map(|r| r.chunks_exact(vocab)).zip(q.iter().flat_map(|r| r.chunks_exact(vocab)));
    let each: Vec<f64> = rows.map(|(p, q)| kl(p, q)).collect();
    each.iter().sum::<f64>() / each.len() as f64
}

/// Survival over the touched tensors.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} ({:.3} to {:.3})", self.median, self.least, self.most)
    }
}

impl Spread {
    fn of(mut slopes: Vec<f64>) -> Self {
        slopes.sort_by(f64::total_cmp);
        Self { median: slopes[slopes.len() / 2], least: slopes[0], most: slopes[slopes.len() - 1] }
    }

    /// By the proof's own count, whoever wrote the file.
    fn of_file(file: &Path, weights: &Weights, tune: &Tune) -> Self {
        let checks = export::verify(file, weights, &tune.adapter).unwrap().checks;
        let slopes: Vec<f64> = checks.iter().filter_map(|c| Some(c.survival.as_ref()?.slope)).collect();
        assert_eq!(slopes.len(), tune.adapter.pairs.len());
        Self::of(slopes)
    }

    /// What rounding every touched tensor to nearest would leave, in one encoding or in each tensor's own.
    fn to_nearest(weights: &Weights, adapter: &Adapter<Stored>, target: Option<Encoding>) -> Self {
        let slope = |id| {
            let w: WeightRef<'_> = weights.linear(id);
            let encoding = target.unwrap_or(w.encoding);
            let delta = adapter.delta(id)?;
            let mut base = vec![0.0; w.rows * w.cols];
            ops::decode(w.encoding, w.bytes, &mut base);
            let wanted: Vec<f32> = base.iter().zip(&delta).map(|(w, d)| w + d).collect();
            let mut bytes = Vec::new();
            // Of K-quants there is no encoder.
            ops::encode_nearest(encoding, &wanted, &mut bytes).ok()?;
            let mut written = vec![0.0; wanted.len()];
            ops::decode(encoding, &bytes, &mut written);
            let sum = |f: &dyn Fn(usize) -> f64| (0..delta.len()).map(f).sum::<f64>();
            let cross = sum(&|i| f64::from(written[i] - base[i]) * f64::from(delta[i]));
            Some(cross / sum(&|i| f64::from(delta[i]).powi(2)))
        };
        Self::of(adapter.pairs.keys().filter_map(|id| slope(*id)).collect())
    }
}

/// A type that a file can be exported to, with its name for llama-quantize.
struct Target {
    quant: Quant,
    floor: Floor,
    encoding: Option<Encoding>,
    llama: &'static str,
}

/// Every target of one tune over one base, beside rounding to nearest and beside llama-quantize of the exact F16 file.
fn rows_of_the_table(tune: &Tune, weights: &Weights, own: &'static str, held_out: &[Example]) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let vocab = weights.config().vocab;
    let adapter = tune.adapter.to_stored(weights);
    let tuned = log_probs(weights, Some(&adapter), held_out);
    let opened = |file: &Path| Weights::from_gguf(Gguf::open(file).unwrap()).unwrap();
    let distance = |file: &Path| mean_kl(&tuned, &log_probs(&opened(file), None, held_out), vocab);
    let untouched = mean_kl(&tuned, &log_probs(weights, None, held_out), vocab);
    println!("| {own} | the base, without the tune | 0 | {untouched:.5} | | | |");
    let exact = path("exact.gguf");
    tune.export(weights, &tune.adapter, To { quant: Quant::F16, floor: Floor::Q8_0, seed: 1, path: &exact });
    let quantize = PathBuf::from(std::env::var_os("TUNESMITH_LLAMA_TOOLS").expect("scripts/ollama --tools says it"));
    let in_type = |quant, encoding, llama| Target { quant, floor: Floor::Q8_0, encoding: Some(encoding), llama };
    let targets = [
        Target { quant: Quant::Keep, floor: Floor::Same, encoding: None, llama: own },
        in_type(Quant::Q8_0, Encoding::Q8_0, "Q8_0"),
        in_type(Quant::F16, Encoding::F16, "F16"),
        in_type(Quant::Bf16, Encoding::BF16, "BF16"),
    ];
    for Target { quant, floor, encoding, llama } in targets {
        if encoding.is_some() && llama == own {
            continue; // The base's own type has its row.
        }
        let file = path("exported.gguf");
        tune.export(weights, &tune.adapter, To { quant, floor, seed: 1, path: &file });
        let (ours, kl) = (Spread::of_file(&file, weights, tune), distance(&file));
        let nearest = Spread::to_nearest(weights, &adapter, encoding);
        let theirs = path("theirs.gguf");
        let mut command = std::process::Command::new(quantize.join("llama-quantize"));
        let done = command.arg(&exact).arg(&theirs).arg(llama).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let (spread, their_kl) = (Spread::of_file(&theirs, weights, tune), distance(&theirs));
        println!("| {own} | {llama} | {ours} | {kl:.5} | {nearest} | {spread} | {their_kl:.5} |");
    }
}

const HEAD: &str = "| base | target | survival, median (least to most) | KL | to nearest, survival | llama-quantize, survival | KL |\n\
                    | --- | --- | --- | --: | --- | --- | --: |";

#[test]
#[ignore = "prints a table of docs/benchmarks/survival.md"]
fn the_table_of_smollm2() {
    for tune in [tune::strong(), tune::weak()] {
        println!("\n{}\n\n{HEAD}", tune.name);
        let suite = include_str!("../../data/demo/suite.jsonl");
        let held_out = held_out(tune, include_str!("../../data/demo/system.txt").trim_end(), suite);
        rows_of_the_table(tune, &tune.base.weights, "Q4_1", &held_out);
        let mut zero = tune.adapter.clone();
        zero.pairs.values_mut().for_each(|p| p.b.fill(0.0));
        for (own, quant) in [("Q8_0", Quant::Q8_0), ("BF16", Quant::Bf16)] {
            let dir = tempfile::tempdir().unwrap();
            let file = tune.merged(&zero, quant, dir.path().join("base.gguf"));
            rows_of_the_table(tune, &Weights::from_gguf(Gguf::open(file).unwrap()).unwrap(), own, &held_out);
        }
    }
}

#[test]
#[ignore = "prints a table of docs/benchmarks/survival.md"]
fn the_table_of_qwen() {
    for tune in [qwen::strong(), qwen::weak()] {
        println!("\n{}\n\n{HEAD}", tune.name);
        let suite = include_str!("../fixtures/tickets_fr/suite.jsonl");
        rows_of_the_table(tune, &tune.base.weights, "Q4_K_M", &held_out(tune, qwen::SYSTEM, suite));
    }
}

/// In every type, of a strong and of a weak tune: as much as rounding lets through, and no right file is refused.
#[test]
fn a_tune_survives_in_every_type() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    for tune in [tune::strong(), tune::weak()] {
        for (quant, floor, off) in [
            (Quant::F16, Floor::Q8_0, 0.002),
            (Quant::Bf16, Floor::Q8_0, 0.01),
            (Quant::Q8_0, Floor::Q8_0, 0.02),
            (Quant::Keep, Floor::Same, 0.08),
        ] {
            let exported = tune.export(&tune.base.weights, &tune.adapter, To { quant, floor, seed: 1, path: &path });
            let survival = Spread::of(exported.survival.iter().map(|s| s.slope).collect());
            assert!((survival.median - 1.0).abs() < off, "{} {quant:?}: {survival}", tune.name);
            let faults = export::verify(&path, &tune.base.weights, &tune.adapter).unwrap().faults();
            assert!(faults.is_empty(), "{} {quant:?} {floor:?}: {faults:?}", tune.name);
        }
    }
}

/// The most memory a process had (`VmHWM`), asked until it ends.
#[cfg(target_os = "linux")]
fn peak_of(child: &mut std::process::Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(high.unwrap_or(0) * 1024);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    peak
}

/// At most three times the largest tensor in f32 and 200 MiB, the mapped pages of the base counted too.
/// What is left when the training is taken away: the tensors and types of the tune's file, rounded as they were, and nothing of ΔW.
#[test]
fn a_control_is_the_base_in_the_types_of_the_tunes_file() {
    let dir = tempfile::tempdir().unwrap();
    let [of_tune, of_control] = ["tune.gguf", "control.gguf"].map(|name| dir.path().join(name));
    let tune = tune::strong();
    for (i, (quant, floor)) in TYPES.into_iter().enumerate() {
        let to = |path| To { quant, floor, seed: i as u64, path };
        let exported = tune.export(&tune.base.weights, &tune.adapter, to(&of_tune));
        tune.control(&exported, to(&of_control));
        let [tuned, control] = [&of_tune, &of_control].map(|path| Gguf::open(path).unwrap());
        let touched: BTreeSet<&str> = exported.survival.iter().map(|s| s.tensor.as_str()).collect();
        assert_eq!((touched.len(), tuned.tensors().len()), (tune.adapter.pairs.len(), control.tensors().len()));
        for (a, b) in tuned.tensors().iter().zip(control.tensors()) {
            assert_eq!((&a.name, a.ty, &a.ne), (&b.name, b.ty, &b.ne), "{quant:?} {floor:?}");
            let is_touched = touched.contains(a.name.as_str());
            assert_eq!(tuned.bytes(a) != control.bytes(b), is_touched, "{quant:?} {floor:?}: {}", a.name);
        }
        let (base, control) = (&tune.base.weights, Weights::from_gguf(control).unwrap());
        let mut kept = 0;
        for id in tune.adapter.pairs.keys() {
            let (of_base, of_control) = (base.linear(*id), control.linear(*id));
            let off = distance(&values(of_base), &values(of_control));
            assert!(off < 0.01, "{quant:?} {floor:?}: {id:?} is {off} off");
            kept += usize::from(of_base.bytes == of_control.bytes);
        }
        // On the base's own grid the scales and codes are the base's.
        let on_own_grid = exported.survival.iter().filter(|s| s.rounding == Some(Rounding::OwnGrid)).count();
        assert_eq!(kept, on_own_grid, "{quant:?} {floor:?}");
    }
}

fn values(weight: WeightRef<'_>) -> Vec<f32> {
    let mut values = vec![0.0; weight.rows * weight.cols];
    ops::decode(weight.encoding, weight.bytes, &mut values);
    values
}

/// ‖a − b‖ / ‖a‖.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x).powi(2);
    let off: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
    (off / a.iter().copied().map(square).sum::<f64>()).sqrt()
}

#[test]
#[cfg(target_os = "linux")]
fn export_streams() {
    let tune = tune::weak();
    let place = Place::new();
    tune.adapter.save(&place.path("adapter"), "smollm2").unwrap();
    let model = tune.base.weights.path().to_str().unwrap();
    let largest = tune.base.weights.config().vocab * tune.base.weights.config().hidden * 4;
    for quant in ["f16", "q8_0", "keep"] {
        let args =
            ["export", "--adapter", "adapter", "--base", model, "--quant", quant, "--output", "out.gguf", "--quiet"];
        let mut child = place.command(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
        let peak = peak_of(&mut child);
        assert!(child.wait().unwrap().success(), "{quant}");
        let limit = 3 * largest as u64 + (200 << 20);
        println!("export to {quant}: peak {} MiB, limit {} MiB", peak >> 20, limit >> 20);
        assert!(peak > 1 << 20 && peak <= limit, "{quant}: {peak} bytes, {limit} allowed");
        std::fs::remove_file(place.path("out.gguf")).unwrap();
    }
}
