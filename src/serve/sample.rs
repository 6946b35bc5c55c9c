//! Tokens one by one: sampling, stop texts, whole characters, log-probabilities.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};
use serde_json::{Map, Value};

use super::reply::Fault;
use crate::ollama::wire::{Logprob, TopLogprob};
use crate::tokenizer::Tokenizer;

/// Options that would choose other tokens and are not computed here: their values that change nothing.
const NOT_COMPUTED: [(&str, f64); 2] = [("typical_p", 1.0), ("mirostat", 0.0)];

/// What makes tokens that were there less likely (llama.cpp's sampler `penalties`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Penalties {
    /// Tokens that are looked back at.
    last: usize,
    repeat: f32,
    frequency: f32,
    presence: f32,
}

impl Penalties {
    fn change_nothing(&self) -> bool {
        self.last == 0 || (self.repeat == 1.0 && self.frequency == 0.0 && self.presence == 0.0)
    }

    fn apply(&self, recent: &[u32], logits: &mut [f32]) {
        let mut counts = BTreeMap::new();
        for id in &recent[recent.len().saturating_sub(self.last)..] {
            *counts.entry(*id as usize).or_insert(0_u32) += 1;
        }
        for (id, count) in counts {
            let Some(logit) = logits.get_mut(id) else { continue };
            *logit = if *logit > 0.0 { *logit / self.repeat } else { *logit * self.repeat };
            *logit -= count as f32 * self.frequency + self.presence;
        }
    }
}

/// A request's options, Ollama's defaults where it is silent (api/types.go DefaultOptions, v0.34.4).
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub temperature: f64,
    pub seed: u64,
    pub top_k: usize,
    pub top_p: f64,
    pub min_p: f64,
    pub penalties: Penalties,
    pub num_predict: i64,
    pub num_ctx: usize,
    pub stop: Vec<String>,
    /// Some(n): report log-probabilities, the n likeliest beside each.
    pub top_logprobs: Option<usize>,
}

impl Settings {
    pub(super) fn read(
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
        match asked.get("stop") {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) => stop = list.iter().filter_map(|s| s.as_str().map(str::to_owned)).collect(),
            Some(_) => return Err(Fault::internal("option \"stop\" must be of type array")),
        }
        for (name, neutral) in NOT_COMPUTED {
            if number(name, neutral)? != neutral {
                let remedy = "leave it out, or ask an Ollama daemon";
                return Err(Fault::bad(format!("the embedded server does not compute the option {name}: {remedy}")));
            }
        }
        // Below 0: as far as there is something.
        let last = number("repeat_last_n", 64.0)?;
        let penalties = Penalties {
            last: if last < 0.0 { usize::MAX } else { last as usize },
            repeat: number("repeat_penalty", 1.0)? as f32,
            frequency: number("frequency_penalty", 0.0)? as f32,
            presence: number("presence_penalty", 0.0)? as f32,
        };
        stop.retain(|s| !s.is_empty());
        Ok(Self {
            temperature: number("temperature", 0.8)?,
            seed: number("seed", 0.0)? as i64 as u64,
            top_k: number("top_k", 40.0)?.max(0.0) as usize,
            top_p: number("top_p", 0.9)?,
            min_p: number("min_p", 0.0)?,
            penalties,
            num_predict: number("num_predict", -1.0)? as i64,
            num_ctx: number("num_ctx", 4096.0)?.clamp(1.0, 1e7) as usize,
            stop,
            top_logprobs,
        })
    }

    fn greedy(&self) -> bool {
        self.temperature < 1e-7 || self.top_k == 1
    }
}

/// What follows a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This token was chosen; the logits after it are needed.
    Token(u32),
    Done,
}

/// Text that can no longer change, and the log-probabilities of its tokens.
#[derive(Debug)]
pub(super) struct Piece {
    pub text: String,
    pub logprobs: Vec<Logprob>,
}

/// An answer as it grows.
#[derive(Debug)]
pub(super) struct Writing {
    settings: Settings,
    chooser: Chooser,
    /// The prompt's last tokens and the answer's.
    recent: Vec<u32>,
    limit: usize,
    pub text: String,
    pub ids: Vec<u32>,
    pub count: usize,
    pub logprobs: Vec<Logprob>,
    pub reason: &'static str,
    /// Bytes of a character that is not whole yet.
    broken: Vec<u8>,
    /// Bytes of `text` that were given away.
    sent: usize,
}

struct Chooser(LogitsProcessor);

impl std::fmt::Debug for Chooser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chooser")
    }
}

impl Writing {
    pub(super) fn new(settings: Settings, prompt: &[u32], context: usize) -> Self {
        let space = settings.num_ctx.min(context).saturating_sub(prompt.len()).max(1);
        // Ollama: 0 and below mean until the model ends; its own bound is ten contexts.
        let limit = if settings.num_predict > 0 { (settings.num_predict as usize).min(space) } else { space };
        Self {
            chooser: Chooser(chooser(&settings)),
            recent: prompt[prompt.len().saturating_sub(settings.penalties.last)..].to_vec(),
            limit,
            text: String::new(),
            ids: Vec::new(),
            count: 0,
            logprobs: Vec::new(),
            // An empty prompt ends at once, as in llama-server.
            reason: "stop",
            broken: Vec::new(),
            sent: 0,
            settings,
        }
    }

    /// Tokens that it takes at most.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Chooses a token by the logits after the last one.
    pub(super) fn take(&mut self, tokenizer: &Tokenizer, logits: &[f32]) -> Result<Next, Fault> {
        let id = self.choose(logits)?;
        if tokenizer.is_end(id) {
            self.reason = "stop";
            return Ok(Next::Done);
        }
        if let Some(n) = self.settings.top_logprobs {
            self.logprobs.push(report(tokenizer, logits, id, n));
        }
        self.ids.push(id);
        self.recent.push(id);
        self.count += 1;
        let old = self.text.len();
        self.broken.extend(tokenizer.token_bytes(id).unwrap_or_default());
        take_characters(&mut self.broken, &mut self.text);
        if let Some(cut) = find_stop(&self.text, old, &self.settings.stop) {
            self.text.truncate(cut);
            self.reason = "stop";
            return Ok(Next::Done);
        }
        if self.count >= self.limit {
            self.reason = "length";
            return Ok(Next::Done);
        }
        Ok(Next::Token(id))
    }

    /// What can be given away now and was not yet; at the end, everything.
    pub(super) fn piece(&mut self, end: bool) -> Option<Piece> {
        let held = if end { 0 } else { held_back(&self.text, &self.settings.stop) };
        let safe = (self.text.len() - held).max(self.sent.min(self.text.len()));
        if safe <= self.sent && self.logprobs.is_empty() {
            return None;
        }
        let text = self.text[self.sent.min(safe)..safe].to_owned();
        self.sent = safe;
        Some(Piece { text, logprobs: std::mem::take(&mut self.logprobs) })
    }

    fn choose(&mut self, logits: &[f32]) -> Result<u32, Fault> {
        let s = &self.settings;
        let best =
            argmax(logits).ok_or_else(|| Fault::internal("the logits are not numbers: the model's file is damaged"))?;
        if s.greedy() && s.penalties.change_nothing() {
            return Ok(best);
        }
        let mut logits = logits.to_vec();
        if !s.penalties.change_nothing() {
            s.penalties.apply(&self.recent, &mut logits);
        }
        let damaged = || Fault::bad("no token can be chosen with these options");
        if s.greedy() {
            return argmax(&logits).ok_or_else(damaged);
        }
        if s.min_p > 0.0 {
            let floor = logits.iter().copied().fold(f32::MIN, f32::max) + (s.min_p.min(1.0).ln() as f32);
            logits.iter_mut().filter(|l| **l < floor).for_each(|l| *l = f32::NEG_INFINITY);
        }
        // Penalties may make of a logit what is no weight.
        if logits.iter().any(|l| l.is_nan() || *l == f32::INFINITY) || logits.iter().all(|l| *l == f32::NEG_INFINITY) {
            return Err(damaged());
        }
        let n = logits.len();
        let tensor = Tensor::from_vec(logits, n, &Device::Cpu).map_err(Fault::internal)?;
        self.chooser.0.sample(&tensor).map_err(|_| damaged())
    }
}

/// The index of the largest, the lowest of equals; None if anything is not a number.
fn argmax(logits: &[f32]) -> Option<u32> {
    let numbers = logits.iter().fold(true, |all, l| all & !l.is_nan());
    let best = logits.iter().fold(f32::NEG_INFINITY, |best, &l| if l > best { l } else { best });
    logits.iter().position(|&l| numbers && l == best).map(|i| i as u32)
}

/// Moves whole characters to `text`; bytes that can't become one are replaced by U+FFFD, as llama-server replaces them.
fn take_characters(bytes: &mut Vec<u8>, text: &mut String) {
    loop {
        match std::str::from_utf8(bytes) {
            Ok(whole) => {
                text.push_str(whole);
                return bytes.clear();
            }
            Err(e) => {
                let good = e.valid_up_to();
                text.push_str(std::str::from_utf8(&bytes[..good]).unwrap_or_default());
                let Some(bad) = e.error_len() else {
                    bytes.drain(..good);
                    return;
                };
                text.push('\u{FFFD}');
                bytes.drain(..good + bad);
            }
        }
    }
}

/// Where the first stop text begins that ends in the part of `text` from `new` on.
fn find_stop(text: &str, new: usize, stops: &[String]) -> Option<usize> {
    let begin = |stop: &String| {
        let mut from = new.saturating_sub(stop.len());
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        text[from..].find(stop.as_str()).map(|at| from + at)
    };
    stops.iter().filter_map(begin).min()
}

/// Bytes at the end that may be the beginning of a stop text.
fn held_back(text: &str, stops: &[String]) -> usize {
    let tail = |s: &str| (1..s.len()).rev().find(|n| s.is_char_boundary(*n) && text.ends_with(&s[..*n])).unwrap_or(0);
    stops.iter().map(|s| tail(s)).max().unwrap_or(0)
}

fn chooser(s: &Settings) -> LogitsProcessor {
    let temperature = s.temperature;
    let sampling = if s.greedy() {
        Sampling::ArgMax
    } else if s.top_k == 0 {
        Sampling::TopP { p: s.top_p, temperature }
    } else {
        Sampling::TopKThenTopP { k: s.top_k, p: s.top_p, temperature }
    };
    LogitsProcessor::from_sampling(s.seed, sampling)
}

/// Raw log-probabilities, before temperature and penalties, as Ollama reports them.
fn report(tokenizer: &Tokenizer, logits: &[f32], id: u32, top: usize) -> Logprob {
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
        let bytes = tokenizer.token_bytes(i as u32).unwrap_or_default();
        (String::from_utf8_lossy(&bytes).into_owned(), bytes)
    };
    let entry = |i: usize| {
        let (token, bytes) = text(i);
        TopLogprob { token, logprob: of(i), bytes }
    };
    let (token, bytes) = text(id as usize);
    Logprob { token, logprob: of(id as usize), bytes, top_logprobs: order.into_iter().map(entry).collect() }
}

/// Options of a request over a model's parameters.
fn option<'v>(own: &'v [(String, String)], asked: &'v Map<String, Value>, name: &str) -> Option<Value> {
    let said = asked.get(name).cloned();
    said.or_else(|| own.iter().find(|(n, _)| n == name).and_then(|(_, v)| serde_json::from_str(v).ok()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(options: Value) -> Result<Settings, Fault> {
        Settings::read(&[], options.as_object().unwrap(), None)
    }

    #[test]
    fn penalties_are_llama_cpps() {
        let read = |options| settings(options).unwrap().penalties;
        let mut logits = [2.0, -2.0, 1.0, 3.0];
        let all = read(json!({"repeat_penalty": 2.0, "frequency_penalty": 0.5, "presence_penalty": 0.25}));
        // Token 0 twice, token 1 once, one that is not in the vocabulary.
        all.apply(&[0, 1, 0, 99], &mut logits);
        assert_eq!(logits, [2.0 / 2.0 - 2.0 * 0.5 - 0.25, -2.0 * 2.0 - 0.5 - 0.25, 1.0, 3.0]);
        let mut logits = [2.0, 2.0];
        read(json!({"presence_penalty": 1.0, "repeat_last_n": 1})).apply(&[0, 1], &mut logits);
        assert_eq!(logits, [2.0, 1.0]);
        assert!(read(json!({"presence_penalty": 1.0, "repeat_last_n": 0})).change_nothing());
        assert!(read(json!({})).change_nothing() && !read(json!({"frequency_penalty": -1})).change_nothing());
    }

    #[test]
    fn options_that_are_not_computed_are_refused_unless_they_change_nothing() {
        for (options, word) in [
            (json!({"typical_p": 0.5}), "typical_p"),
            (json!({"mirostat": 2}), "mirostat"),
            (json!({"stop": "."}), "stop"),
        ] {
            let Fault(_, message) = settings(options).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
        assert!(settings(json!({"typical_p": 1.0, "mirostat": 0, "stop": ["."]})).is_ok());
    }

    #[test]
    fn what_may_become_a_stop_text_is_held_back() {
        let stops = vec!["<|im_end|>".to_owned(), "\n\n".to_owned()];
        assert_eq!(held_back("hello <|im", &stops), 4);
        assert_eq!(held_back("hello\n", &stops), 1);
        assert_eq!(held_back("hello", &stops), 0);
    }

    #[test]
    fn stop_texts_are_found_where_they_end_in_the_new_part() {
        let stops = vec!["é\n".to_owned(), "zz".to_owned()];
        assert_eq!(find_stop("aé\nb", 3, &stops), Some(1));
        assert_eq!(find_stop("ézzz", 3, &stops), Some(2));
        assert_eq!(find_stop("éé", 2, &stops), None);
        assert_eq!(find_stop("", 0, &stops), None);
    }

    #[test]
    fn characters_come_whole_and_broken_ones_replaced() {
        let (mut bytes, mut text) = (Vec::new(), String::new());
        for (new, expected, left) in [
            (&b"a\xc3"[..], "a", 1),
            (b"\xa9", "aé", 0),
            (b"\xff!", "aé\u{FFFD}!", 0),
            (b"\xc3(", "aé\u{FFFD}!\u{FFFD}(", 0),
        ] {
            bytes.extend(new);
            take_characters(&mut bytes, &mut text);
            assert_eq!((text.as_str(), bytes.len()), (expected, left));
        }
    }
}
