//! Measurements on SmolLM2-135M.

use std::time::Instant;

use super::*;
use crate::ops::{Compute, Cpu};

/// CPU seconds of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn say(line: String) {
    std::io::Write::write_all(&mut std::io::stderr(), (line + "\n").as_bytes()).unwrap();
}

fn smollm2() -> Weights {
    let path = std::env::var_os("TUNESMITH_SMOLLM2").expect("TUNESMITH_SMOLLM2 names the model's GGUF");
    Weights::from_gguf(Gguf::open(path).unwrap()).unwrap()
}

/// `TUNESMITH_SMOLLM2=… cargo test --release --lib model::tests::speed_tests::training_speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, on SmolLM2-135M"]
fn training_speed() {
    let w = smollm2();
    let a = adapter(&w, 16, &Site::ALL);
    // The last so many tokens are trained.
    let texts = |trained: usize| {
        let mut d = data(&w, &[54; 8]);
        for (s, (ids, targets)) in d.iter_mut().enumerate() {
            let n = ids.len();
            let id = |i: usize| (uniform_at(9 + s as u64, i as u64) * 49_000.0) as u32;
            *targets = (0..n).map(|i| (i + trained >= n && i + 1 < n).then(|| id(i))).collect();
        }
        d
    };
    let (whole, d) = (texts(54), texts(14));
    let mut alike = d.clone();
    for (ids, _) in &mut alike {
        ids[..30].copy_from_slice(&d[0].0[..30]);
    }
    let decoders = Cpu::all(0).into_iter().map(|cpu| Model::of(cpu, &w, MemoryBudget::default()).unwrap());
    let rounded = [Compute::Bf16, Compute::Int8].into_iter().flat_map(|c| Model::new(&w, 0).unwrap().computing(c));
    for model in decoders.chain(rounded) {
        for (what, d, rows, trained) in [
            ("every token trained", &whole, 424.0, 424.0),
            ("nothing in common", &d, 424.0, 104.0),
            ("30 tokens in common", &alike, 214.0, 104.0),
        ] {
            let mut g = grads(&model, &a, &sequences(d), None).1;
            let (mut walls, mut cpus) = (Vec::new(), Vec::new());
            for _ in 0..5 {
                let (wall, cpu) = (Instant::now(), cpu_seconds());
                model.loss_and_grads(&a, &sequences(d), 0.01, None, &mut g).unwrap();
                walls.push(wall.elapsed().as_secs_f64());
                cpus.push(cpu_seconds() - cpu);
            }
            walls.sort_by(f64::total_cmp);
            cpus.sort_by(f64::total_cmp);
            // Base products forwards and back, low-rank ones, the head where something is trained.
            let flop = rows * (2.0 * 2.0 * 106.17e6 + 3.0 * 2.0 * 4.88e6) + trained * 4.0 * 28.3e6;
            say(format!(
                "{}, {what}: {:.3} s wall, {:.3} s CPU a step of 432 tokens; {:.1} useful GFLOP a CPU second",
                model.route(),
                walls[2],
                cpus[2],
                flop / cpus[2] / 1e9
            ));
        }
    }
}

/// `TUNESMITH_SMOLLM2=… cargo test --release --lib model::tests::speed_tests::generation_speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, on SmolLM2-135M"]
fn generation_speed() {
    let w = smollm2();
    let model = Model::new(&w, 0).unwrap();
    let (a, d) = (adapter(&w, 16, &Site::ALL), data(&w, &[40]));
    for adapter in [None, Some(&a)] {
        let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: 64, seed: 0 };
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        let mut first = None;
        let new = model
            .generate(adapter, &d[0].0[..40], &sampling, &|_| false, &mut |_| {
                first.get_or_insert_with(|| (Instant::now(), cpu_seconds()));
                true
            })
            .unwrap();
        let (at, at_cpu) = first.unwrap();
        let n = new.len() as f64 - 1.0;
        say(format!(
            "decode (adapter {}): {:.1} tokens/s wall, {:.1} per CPU second; prompt of 40: {:.3} s",
            adapter.is_some(),
            n / at.elapsed().as_secs_f64(),
            n / (cpu_seconds() - at_cpu),
            (at - wall).as_secs_f64(),
        ));
        assert!(cpu_seconds() >= cpu);
    }
    // As replay does: prompts of 45 tokens, 48 new ones each.
    let d = data(&w, &[45; 70]);
    let prompts: Vec<&[u32]> = d.iter().map(|(ids, _)| &ids[..]).collect();
    let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: 48, seed: 0 };
    let measure = |what: &str, n: usize, run: &mut dyn FnMut()| {
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        run();
        let (wall, cpu, n) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu, n as f64);
        say(format!("{what}: a prompt and its 48 tokens in {:.3} s wall, {:.3} s CPU", wall / n, cpu / n));
    };
    for _ in 0..2 {
        measure("70 together", 70, &mut || {
            model.generate_batch(None, &prompts, &sampling, &|_| false, &mut |_, _| true).unwrap();
        });
        measure("one by one", 5, &mut || {
            for prompt in &prompts[..5] {
                model.generate(None, prompt, &sampling, &|_| false, &mut |_| true).unwrap();
            }
        });
    }
}
