//! What of a tune is left after export, on SmolLM2-135M-Instruct, and the memory that export takes.
//!
//! The table of docs/survival.md: `cargo test --test it survival::the_table -- --ignored --nocapture`

use tunesmith::batch::Example;
use tunesmith::export::{self, Floor, Quant, Rounding};
use tunesmith::gguf::Gguf;
use tunesmith::lora::{Adapter, Stored};
use tunesmith::model::{Model, Sampling};
use tunesmith::ops::{self, WeightRef};
use tunesmith::weights::Weights;

use crate::program::Place;
use crate::tune::{self, Recipe, To, Tune};

/// The demo's first 30 held-out prompts with their answers.
fn held_out(tune: &Tune) -> Vec<Example> {
    let system = include_str!("../../data/demo/system.txt").trim_end();
    let conversation = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let turn = |role: &str, content: &serde_json::Value| serde_json::json!({"role": role, "content": content});
        let turns =
            [turn("system", &system.into()), turn("user", &row["prompt"]), turn("assistant", &row["expected"][0])];
        serde_json::json!({ "messages": turns }).to_string()
    };
    let lines = include_str!("../../data/demo/suite.jsonl").lines().step_by(2).take(30);
    let records = tunesmith::dataset::parse(&lines.map(conversation).collect::<Vec<_>>().join("\n")).unwrap();
    tune::encoded(&tune.base, &records)
}

/// Log-probabilities at every trained position, and how many of the answers come out whole, greedily.
fn answers(weights: &Weights, adapter: Option<&Adapter<Stored>>, held_out: &[Example]) -> (Vec<Vec<f32>>, usize) {
    let model = Model::new(weights, 0).unwrap();
    let (mut rows, mut right) = (Vec::new(), 0);
    for example in held_out {
        let positions: Vec<usize> = (1..example.ids.len()).filter(|p| example.mask[*p]).map(|p| p - 1).collect();
        let (prompt, answer) = example.ids.split_at(positions[0] + 1);
        rows.push(model.log_probs_at(adapter, &[(&example.ids, &positions)]).unwrap());
        let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: answer.len(), seed: 0 };
        let given = model.generate(adapter, prompt, &sampling, &|_| false, &mut |_| true).unwrap();
        right += usize::from(given == answer);
    }
    (rows, right)
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

fn middle_and_least(mut slopes: Vec<f64>) -> (f64, f64) {
    slopes.sort_by(f64::total_cmp);
    (slopes[slopes.len() / 2], slopes[0])
}

/// What rounding to nearest in the base's own type would leave: (median, least) slope over the touched tensors.
fn nearest(weights: &Weights, adapter: &Adapter<Stored>) -> (f64, f64) {
    let slope = |id| {
        let w: WeightRef<'_> = weights.linear(id);
        let delta = adapter.delta(id)?;
        let mut base = vec![0.0; w.rows * w.cols];
        ops::decode(w.encoding, w.bytes, &mut base);
        let wanted: Vec<f32> = base.iter().zip(&delta).map(|(w, d)| w + d).collect();
        let mut bytes = Vec::new();
        ops::encode_nearest(w.encoding, &wanted, &mut bytes).unwrap();
        let mut written = vec![0.0; wanted.len()];
        ops::decode(w.encoding, &bytes, &mut written);
        let sum = |f: &dyn Fn(usize) -> f64| (0..delta.len()).map(f).sum::<f64>();
        let cross = sum(&|i| f64::from(written[i] - base[i]) * f64::from(delta[i]));
        Some(cross / sum(&|i| f64::from(delta[i]).powi(2)))
    };
    middle_and_least(adapter.pairs.keys().filter_map(|id| slope(*id)).collect())
}

fn row(words: &str, slopes: (f64, f64), kl: f64, right: usize) {
    println!("| {words} | {:.3} ({:.3}) | {kl:.5} | {right} |", slopes.0, slopes.1);
}

#[test]
#[ignore = "prints the table of docs/survival.md"]
fn the_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(format!("{name}.gguf"));
    let recipes = [
        Recipe { name: "43 steps at 5e-4", rank: 16, steps: 43, batch_size: 8, learning_rate: 5e-4 },
        Recipe { name: "43 steps at 1e-4", rank: 16, steps: 43, batch_size: 8, learning_rate: 1e-4 },
        Recipe { name: "8 steps at 2e-4", rank: 16, steps: 8, batch_size: 8, learning_rate: 2e-4 },
    ];
    for recipe in recipes {
        let tune = Tune::new(recipe);
        let held_out = held_out(&tune);
        let vocab = tune.base.weights.config().vocab;
        let mut zero = tune.adapter.clone();
        zero.pairs.values_mut().for_each(|p| p.b.fill(0.0));
        let bases = [("Q4_1", None), ("Q8_0", Some(Quant::Q8_0)), ("BF16", Some(Quant::Bf16))];
        for (name, as_type) in bases {
            let other = as_type.map(|quant| tune.merged(&zero, quant, path(name)));
            let opened = other.map(|file| Weights::from_gguf(Gguf::open(file).unwrap()).unwrap());
            let weights = opened.as_ref().unwrap_or(&tune.base.weights);
            let adapter = tune.adapter.to_stored(weights);
            let (tuned, right) = answers(weights, Some(&adapter), &held_out);
            let (untuned, base_right) = answers(weights, None, &held_out);
            println!(
                "\n{} on {name}: base → target | survival median (least) | KL(tuned‖exported) | of {}",
                recipe.name,
                held_out.len()
            );
            row(&format!("{name} + adapter, f32"), (1.0, 1.0), 0.0, right);
            row(&format!("{name}, untouched"), (0.0, 0.0), mean_kl(&tuned, &untuned, vocab), base_right);
            let (median, least) = nearest(weights, &adapter);
            println!("| {name} → {name}, to nearest (not ours) | {median:.3} ({least:.3}) | | |");
            let targets = [
                ("F16", Quant::F16, Floor::Q8_0),
                ("BF16", Quant::Bf16, Floor::Q8_0),
                ("Q8_0", Quant::Q8_0, Floor::Q8_0),
                (name, Quant::Keep, Floor::Same),
            ];
            for (target, quant, floor) in targets {
                if quant == Quant::Keep && name != "Q4_1" {
                    continue; // is one of the others
                }
                let to = To { quant, floor, seed: 1, path: &path("exported") };
                let exported = tune.export(weights, &tune.adapter, to);
                let file = Weights::from_gguf(Gguf::open(to.path).unwrap()).unwrap();
                let (rows, right) = answers(&file, None, &held_out);
                let slopes = middle_and_least(exported.survival.iter().map(|s| s.slope).collect());
                let dithered = if exported.survival.iter().all(|s| s.rounding != Some(Rounding::Nearest)) {
                    "dithered"
                } else {
                    "by the rule"
                };
                row(&format!("{name} → {target}, {dithered}"), slopes, mean_kl(&tuned, &rows, vocab), right);
            }
        }
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
            let (median, least) = middle_and_least(exported.survival.iter().map(|s| s.slope).collect());
            assert!((median - 1.0).abs() < off, "{} {quant:?}: survival {median}, least {least}", tune.name);
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
