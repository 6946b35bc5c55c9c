//! Tokens one by one: sampling, stop texts, whole characters, log-probabilities.

use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};
use serde_json::{Map, Value};

use super::answer::option;
use super::engine::Loaded;
use super::reply::Fault;
use crate::ollama::wire::{Logprob, TopLogprob};

/// A request's options, Ollama's defaults where it is silent (api/types.go DefaultOptions, v0.34.4).
#[derive(Debug)]
pub struct Settings {
    pub temperature: f64,
    pub seed: u64,
    pub top_k: usize,
    pub top_p: f64,
    pub min_p: f64,
    pub repeat_penalty: f64,
    pub num_predict: i64,
    pub num_ctx: usize,
    pub stop: Vec<String>,
    /// Some(n): report log-probabilities, the n likeliest beside each.
    pub top_logprobs: Option<usize>,
}

impl Settings {
    pub fn read(
        own: &[(String, String)],
        asked: &Map<String, Value>,
        top_logprobs: Option<usize>,
    ) -> Result<Self, Fault> {
        let number = |name: &str, default: f64| -> Result<f64, Fault> {
            match option(own, asked, name) {
                None | Some(Value::Null) => Ok(default),
                Some(v) => {
                    v.as_f64().ok_or_else(|| Fault::internal(format!("option \"{name}\" must be of type number")))
                }
            }
        };
        let mut stop: Vec<String> = own.iter().filter(|(n, _)| n == "stop").map(|(_, v)| v.clone()).collect();
        if let Some(list) = asked.get("stop").and_then(Value::as_array) {
            stop = list.iter().filter_map(|s| s.as_str().map(str::to_owned)).collect();
        }
        Ok(Self {
            temperature: number("temperature", 0.8)?,
            seed: number("seed", 0.0)? as i64 as u64,
            top_k: number("top_k", 40.0)?.max(0.0) as usize,
            top_p: number("top_p", 0.9)?,
            min_p: number("min_p", 0.0)?,
            repeat_penalty: number("repeat_penalty", 1.0)?,
            num_predict: number("num_predict", -1.0)? as i64,
            num_ctx: number("num_ctx", 4096.0)?.clamp(1.0, 1e7) as usize,
            stop,
            top_logprobs,
        })
    }
}

/// An answer as it grows.
#[derive(Debug)]
pub struct Stream<'s> {
    settings: &'s Settings,
    limit: usize,
    pub text: String,
    pub ids: Vec<u32>,
    pub count: usize,
    pub logprobs: Vec<Logprob>,
    pub reason: &'static str,
    pub prompt_took: Duration,
    pub took: Duration,
}

impl<'s> Stream<'s> {
    pub fn new(settings: &'s Settings, prompt: usize, context: usize) -> Self {
        let room = settings.num_ctx.min(context).saturating_sub(prompt).max(1);
        // Ollama: 0 and below mean until the model ends; its own bound is ten contexts.
        let limit = if settings.num_predict > 0 { (settings.num_predict as usize).min(room) } else { room };
        Self {
            settings,
            limit,
            text: String::new(),
            ids: Vec::new(),
            count: 0,
            logprobs: Vec::new(),
            reason: "length",
            prompt_took: Duration::ZERO,
            took: Duration::ZERO,
        }
    }

    /// `emit(text, logprobs)` gets what can no longer change; false ends the answer.
    pub fn run(
        &mut self,
        model: &mut Loaded,
        prompt: &[u32],
        emit: &mut dyn FnMut(&str, Vec<Logprob>) -> bool,
    ) -> Result<(), Fault> {
        let mut chooser = chooser(self.settings);
        model.clear();
        let started = Instant::now();
        let mut logits = model.forward(prompt, 0)?;
        self.prompt_took = started.elapsed();
        let begun = Instant::now();
        let (mut bytes, mut sent, mut reported) = (Vec::new(), 0, 0);
        for at in prompt.len()..prompt.len() + self.limit {
            let id = choose(&mut chooser, self.settings, &logits, prompt, &self.ids)?;
            if model.tokenizer.is_end(id) {
                self.reason = "stop";
                break;
            }
            if let Some(n) = self.settings.top_logprobs {
                self.logprobs.push(report(model, &logits, id, n));
            }
            self.ids.push(id);
            self.count += 1;
            bytes.extend(model.tokenizer.token_bytes(id).unwrap_or_default());
            let whole = whole_characters(&bytes);
            if let Some(cut) =
                self.settings.stop.iter().filter(|s| !s.is_empty()).filter_map(|s| whole.find(s.as_str())).min()
            {
                self.text = whole[..cut].to_owned();
                self.reason = "stop";
                break;
            }
            self.text = whole.to_owned();
            let safe = self.text.len() - held_back(&self.text, &self.settings.stop);
            if safe > sent || self.logprobs.len() > reported {
                let piece = self.text[sent.min(safe)..safe].to_owned();
                let new = self.logprobs[reported..].to_vec();
                (sent, reported) = (safe.max(sent), self.logprobs.len());
                if !emit(&piece, new) {
                    break;
                }
            }
            logits = model.forward(&[id], at)?;
        }
        self.took = begun.elapsed();
        if sent < self.text.len() || reported < self.logprobs.len() {
            emit(&self.text[sent.min(self.text.len())..], self.logprobs[reported..].to_vec());
        }
        Ok(())
    }
}

/// The text up to the last whole character.
fn whole_characters(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
    }
}

/// Bytes at the end that may be the beginning of a stop text.
fn held_back(text: &str, stops: &[String]) -> usize {
    let tail = |s: &str| (1..s.len()).rev().find(|n| s.is_char_boundary(*n) && text.ends_with(&s[..*n])).unwrap_or(0);
    stops.iter().map(|s| tail(s)).max().unwrap_or(0)
}

fn chooser(s: &Settings) -> LogitsProcessor {
    let temperature = s.temperature;
    let sampling = if temperature < 1e-7 || s.top_k == 1 {
        Sampling::ArgMax
    } else if s.top_k == 0 {
        Sampling::TopP { p: s.top_p, temperature }
    } else {
        Sampling::TopKThenTopP { k: s.top_k, p: s.top_p, temperature }
    };
    LogitsProcessor::from_sampling(s.seed, sampling)
}

fn choose(
    chooser: &mut LogitsProcessor,
    s: &Settings,
    logits: &[f32],
    prompt: &[u32],
    ids: &[u32],
) -> Result<u32, Fault> {
    let mut logits = logits.to_vec();
    if s.repeat_penalty != 1.0 {
        // llama.cpp's repeat_last_n: the last 64 tokens, each once.
        let mut last: Vec<u32> = prompt.iter().chain(ids).rev().take(64).copied().collect();
        last.sort_unstable();
        last.dedup();
        for id in last {
            let l = &mut logits[id as usize];
            *l = if *l > 0.0 { *l / s.repeat_penalty as f32 } else { *l * s.repeat_penalty as f32 };
        }
    }
    if s.min_p > 0.0 && s.temperature >= 1e-7 {
        let floor = logits.iter().copied().fold(f32::MIN, f32::max) + (s.min_p.ln() as f32);
        logits.iter_mut().filter(|l| **l < floor).for_each(|l| *l = f32::NEG_INFINITY);
    }
    let n = logits.len();
    let tensor = Tensor::from_vec(logits, n, &Device::Cpu).map_err(Fault::internal)?;
    chooser.sample(&tensor).map_err(Fault::internal)
}

/// Raw log-probabilities, before temperature and penalties, as Ollama reports them.
fn report(model: &Loaded, logits: &[f32], id: u32, top: usize) -> Logprob {
    let max = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f64 = logits.iter().map(|l| f64::from(l - max).exp()).sum();
    let of = |i: usize| f64::from(logits[i] - max) - sum.ln();
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let k = top.min(order.len());
    if k > 0 && k < order.len() {
        order.select_nth_unstable_by(k - 1, |a, b| logits[*b].total_cmp(&logits[*a]));
    }
    order.truncate(k);
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
    let text = |i: usize| {
        let bytes = model.tokenizer.token_bytes(i as u32).unwrap_or_default();
        (String::from_utf8_lossy(&bytes).into_owned(), bytes)
    };
    let entry = |i: usize| {
        let (token, bytes) = text(i);
        TopLogprob { token, logprob: of(i), bytes }
    };
    let (token, bytes) = text(id as usize);
    Logprob { token, logprob: of(id as usize), bytes, top_logprobs: order.into_iter().map(entry).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_become_a_stop_text_is_held_back() {
        let stops = vec!["<|im_end|>".to_owned(), "\n\n".to_owned()];
        assert_eq!(held_back("hello <|im", &stops), 4);
        assert_eq!(held_back("hello\n", &stops), 1);
        assert_eq!(held_back("hello", &stops), 0);
        assert_eq!(whole_characters("é".as_bytes()), "é");
        assert_eq!(whole_characters(&"aé".as_bytes()[..2]), "a");
    }
}
