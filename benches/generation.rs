//! Prompt and decoding speed, in llama-bench's terms: 512 tokens of a prompt in one go, and 128 tokens one by one.
//!
//! `cargo bench --bench generation -- [--threads N] [--repeat N] MODEL.gguf …` prints a line of JSON for each model and
//! test: the median of the repeats, and the CPU time of a token, which other programs on the machine disturb less.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::time::Instant;

use anyhow::{Context, Result};
use tunesmith::gguf::Gguf;
use tunesmith::model::{Model, Sampling};
use tunesmith::weights::Weights;

const PROMPT: usize = 512;
const NEW: usize = 128;

/// CPU seconds of this process, where the system says.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// (wall, CPU) seconds of `prompt` tokens and then up to `new` more.
fn run(model: &Model, prompt: usize, new: usize) -> Result<(f64, Option<f64>)> {
    let ids: Vec<u32> = (0..prompt as u32).map(|i| i * 37 % 1000).collect();
    let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: new, seed: 0 };
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    model.generate(None, &ids, &sampling, &|_| false, &mut |_| true)?;
    Ok((wall.elapsed().as_secs_f64(), cpu.and_then(|cpu| Some(cpu_seconds()? - cpu))))
}

fn main() -> Result<()> {
    let (mut threads, mut repeat, mut models) = (0, 5, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|n| n.parse().ok()).with_context(|| format!("{arg} takes a number"));
        match arg.as_str() {
            "--threads" => threads = number()?,
            "--repeat" => repeat = number()?.max(1),
            // What `cargo bench` adds.
            "--bench" => {}
            _ => models.push(arg),
        }
    }
    for path in models {
        let weights = Weights::from_gguf(Gguf::open(&path)?)?;
        let model = Model::new(&weights, threads)?;
        for (test, prompt, new) in [("pp512", PROMPT, 1), ("tg128", 1, NEW)] {
            run(&model, prompt, 1)?;
            let mut runs = (0..repeat).map(|_| run(&model, prompt, new)).collect::<Result<Vec<_>>>()?;
            runs.sort_by(|a, b| a.0.total_cmp(&b.0));
            let tokens = (prompt + new - 1) as f64;
            let line = serde_json::json!({
                "model": path,
                "test": test,
                "tokens_per_second": tokens / runs[repeat / 2].0,
                "best": tokens / runs[0].0,
                "cpu_ms_per_token": runs.iter().map(|r| r.1).sum::<Option<f64>>().map(|s| 1e3 * s / tokens / repeat as f64),
                "threads": model.threads(),
                "route": model.route(),
            });
            println!("{line}");
        }
    }
    Ok(())
}
