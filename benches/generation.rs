//! How fast the native decoder reads a prompt and writes an answer, for scripts/bench-vs-peft:
//!
//!     cargo bench --bench generation -- MODEL THREADS PROMPT NEW      {"prompt": tokens/s, "new": tokens/s}
//!
//! The mean of three after a warm-up that is not counted, as llama-bench has it; as a base is asked in evaluation: greedy,
//! one sequence.
#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::time::Instant;

use tunesmith::base::Resolver;
use tunesmith::model::{Model, Sampling};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let args: Vec<_> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    // `cargo test --benches` and its like ask for nothing.
    let [name, threads, prompt, new] = &args[..] else { return Ok(()) };
    let base = Resolver::default().open(name)?;
    let model = Model::new(&base.weights, threads.parse()?)?;
    let (prompt, new) = (prompt.parse()?, new.parse()?);
    round(&model, prompt, new)?;
    let rounds: Vec<_> = (0..3).map(|_| round(&model, prompt, new)).collect::<Fallible<_>>()?;
    let mean = |of: fn(&(f64, f64)) -> f64| rounds.iter().map(of).sum::<f64>() / rounds.len() as f64;
    println!("{{\"prompt\": {:.2}, \"new\": {:.2}}}", mean(|r| r.0), mean(|r| r.1));
    Ok(())
}

/// Tokens a second of the prompt (until the first new token is there) and of new tokens after one token.
fn round(model: &Model, prompt: usize, new: usize) -> Fallible<(f64, f64)> {
    let (reading, _) = times(model, prompt, 1)?;
    let (_, writing) = times(model, 1, new + 1)?;
    Ok((prompt as f64 / reading, new as f64 / writing))
}

/// Seconds until the first new token, and from it to the last.
fn times(model: &Model, prompt: usize, new: usize) -> Fallible<(f64, f64)> {
    let ids: Vec<u32> = (0..prompt).map(|i| 100 + (i * 7919 % 8000) as u32).collect();
    let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: new, seed: 0 };
    let began = Instant::now();
    let mut first = None;
    model.generate(None, &ids, &sampling, &|_| false, &mut |_| {
        first.get_or_insert_with(Instant::now);
        true
    })?;
    let first = first.ok_or("nothing was generated")?;
    Ok(((first - began).as_secs_f64(), first.elapsed().as_secs_f64()))
}
