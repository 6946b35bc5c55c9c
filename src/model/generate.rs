//! Generation with a KV cache: each prompt in a few long passes, then a token of every open text at a time.
//!
//! A text comes out as it would alone: prompts are taken one by one, and few rows don't round together (`Ops::linears`).

use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;

use crate::lora::{Adapter, Stored};
use crate::model::ModelError;
use crate::model::decoder::{Decoder, Lora};
use crate::model::forward::{Cache, Pass};
use crate::model::sequence::check_ids;
use crate::ops::{FEW_ROWS, Ops, Segment};
use crate::weights::BlockSpec;

#[derive(Clone, Debug)]
pub struct Sampling {
    pub temperature: f64,
    pub top_p: Option<f64>,
    pub max_tokens: usize,
    pub seed: u64,
}

/// What happens to a text that is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenerationEvent {
    Token(u32),
    /// Its end: all new ids, the end token left out.
    End(Vec<u32>),
}

/// Prompt tokens of one pass.
const PREFILL: usize = 512;
/// Texts decoded together at most: as many rows as do not round together.
const TOGETHER: usize = FEW_ROWS;
/// Bytes of keys and values that this many texts may take, of half the memory budget at most; a single one may take more.
const CACHE: usize = 1 << 30;

/// The index of the largest; the lowest of equals. None if anything there is not a number.
fn argmax(logits: &[f32]) -> Option<u32> {
    // Without early exits, so that both passes are vectors.
    let numbers = logits.iter().fold(true, |all, l| all & !l.is_nan());
    let best = logits.iter().fold(f32::NEG_INFINITY, |best, &l| if l > best { l } else { best });
    logits.iter().position(|&l| numbers && l == best).map(|i| i as u32)
}

/// What picks the next token.
enum Picker {
    Greedy,
    Sampled(Box<LogitsProcessor>),
}

impl Picker {
    fn new(s: &Sampling) -> Result<Self, ModelError> {
        if !(s.temperature.is_finite() && s.temperature >= 0.0) {
            return Err(ModelError::Other(format!("temperature is {}: give 0 (greedy) or more", s.temperature)));
        }
        if let Some(p) = s.top_p.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
            return Err(ModelError::Other(format!("top_p is {p}: give a number above 0, at most 1")));
        }
        // candle takes a temperature below 1e-7 for greedy, too.
        Ok(if s.temperature < 1e-7 {
            Self::Greedy
        } else {
            Self::Sampled(Box::new(LogitsProcessor::new(s.seed, Some(s.temperature), s.top_p)))
        })
    }

    fn pick(&mut self, logits: &[f32], tokens: usize) -> Result<u32, ModelError> {
        let best = argmax(logits).ok_or(ModelError::NotNumbers { tokens })?;
        let Self::Sampled(processor) = self else { return Ok(best) };
        Tensor::from_slice(logits, logits.len(), &Device::Cpu)
            .and_then(|t| processor.sample(&t))
            .map_err(|e| ModelError::Other(format!("sampling failed after {tokens} tokens: {e}")))
    }
}

/// A text that is being continued: `held` of its tokens are in the cache's rows from `first` on.
struct Text {
    prompt: usize,
    first: usize,
    held: usize,
    picker: Picker,
    new: Vec<u32>,
    limit: usize,
}

/// Whether a text goes on.
enum Next {
    More,
    Done,
    /// Nothing more is wanted, of any text.
    Stop,
}

impl Text {
    /// Takes the logits after the last token.
    fn hear(
        &mut self,
        logits: &[f32],
        is_end: &dyn Fn(u32) -> bool,
        on: &mut dyn FnMut(usize, GenerationEvent) -> bool,
    ) -> Result<Next, ModelError> {
        let id = self.picker.pick(logits, self.held)?;
        if is_end(id) {
            return Ok(self.end(on));
        }
        self.new.push(id);
        if !on(self.prompt, GenerationEvent::Token(id)) {
            return Ok(Next::Stop);
        }
        Ok(if self.new.len() < self.limit { Next::More } else { self.end(on) })
    }

    fn end(&mut self, on: &mut dyn FnMut(usize, GenerationEvent) -> bool) -> Next {
        if on(self.prompt, GenerationEvent::End(std::mem::take(&mut self.new))) { Next::Done } else { Next::Stop }
    }
}

/// New tokens of one text in a pass, behind those that the cache holds in its rows from `first` on.
struct Take {
    first: usize,
    held: usize,
    new: usize,
}

impl<O: Ops> Decoder<O> {
    pub(super) fn cache(&self, rows: usize) -> Cache<O> {
        let buf = |block: &BlockSpec| self.ops().buf(rows * block.attention.kv_width());
        let bufs = || self.spec().blocks.iter().map(buf).collect();
        Cache { keys: bufs(), values: bufs(), rows: Vec::new() }
    }

    /// Sequences of up to `tokens` tokens that are decoded together.
    fn slots(&self, tokens: usize) -> usize {
        let most = self.budget().left().map_or(CACHE, |left| CACHE.min(left as usize / 2));
        (most / (tokens * self.spec().cache_width() * size_of::<f32>()).max(1)).clamp(1, TOGETHER)
    }

    /// Takes these ids, each sequence's behind what the cache holds of it; returns the last hidden states.
    fn advance(&self, ids: &[u32], takes: &[Take], cache: &mut Cache<O>, lora: Lora<'_>) -> Result<O::Buf, ModelError> {
        let rotation = self.rope().rotation(takes.iter().flat_map(|t| t.held..t.held + t.new));
        let mut query = 0;
        let segment = |t: &Take| {
            query += t.new;
            Segment {
                query: query - t.new,
                own: t.first + t.held,
                offsets: (0..t.new).collect(),
                before: std::iter::once(t.first..t.first + t.held).collect(),
            }
        };
        let segments: Vec<_> = takes.iter().map(segment).collect();
        cache.rows = takes.iter().flat_map(|t| t.first + t.held..t.first + t.held + t.new).collect();
        self.stack(ids, Pass { rotation: &rotation, segments: &segments, read: None, lora }, Some(cache))
    }

    /// The prompt in a few long passes; returns the logits after it.
    fn prefill(
        &self,
        prompt: &[u32],
        first: usize,
        cache: &mut Cache<O>,
        lora: Lora<'_>,
    ) -> Result<Vec<f32>, ModelError> {
        let (mut held, mut logits) = (0, Vec::new());
        for part in prompt.chunks(PREFILL) {
            let x = self.advance(part, &[Take { first, held, new: part.len() }], cache, lora)?;
            held += part.len();
            if held == prompt.len() {
                logits = self.logits_after(&x, &[part.len() - 1])?;
            }
        }
        Ok(logits)
    }

    /// How many tokens may follow this prompt.
    fn limit(&self, prompt: &[u32], sampling: &Sampling) -> Result<usize, ModelError> {
        check_ids(self.spec(), prompt)?;
        if prompt.is_empty() {
            return Err(ModelError::Other("the prompt holds no token: give at least one".to_owned()));
        }
        let context = self.spec().context;
        let limit = sampling.max_tokens.min(context - prompt.len());
        if limit == 0 && sampling.max_tokens > 0 {
            return Err(ModelError::TooLong { tokens: prompt.len() + 1, context });
        }
        Ok(limit)
    }

    /// Continues every prompt, some at a time; one that is done makes place for the next. `on` hears of (prompt, event)
    /// and stops everything with false.
    pub(super) fn generate(
        &self,
        adapter: Option<&Adapter<Stored>>,
        prompts: &[&[u32]],
        sampling: &Sampling,
        is_end: &dyn Fn(u32) -> bool,
        on: &mut dyn FnMut(usize, GenerationEvent) -> bool,
    ) -> Result<(), ModelError> {
        self.check_adapter(adapter)?;
        Picker::new(sampling)?;
        let limits = prompts.iter().map(|p| self.limit(p, sampling)).collect::<Result<Vec<_>, _>>()?;
        let tokens = prompts.iter().zip(&limits).map(|(p, limit)| p.len() + limit).max().unwrap_or(0);
        let slots = self.slots(tokens).min(prompts.len());
        let (lora, mut cache) = (Lora { adapter, ..Lora::default() }, self.cache(slots * tokens));
        let mut free: Vec<usize> = (0..slots).rev().map(|slot| slot * tokens).collect();
        let mut waiting = prompts.iter().zip(limits).enumerate();
        let mut open: Vec<Text> = Vec::new();
        loop {
            while let Some(&first) = free.last() {
                let Some((prompt, (ids, limit))) = waiting.next() else { break };
                let mut text =
                    Text { prompt, first, held: ids.len(), picker: Picker::new(sampling)?, new: Vec::new(), limit };
                let next = if limit > 0 {
                    let logits = self.prefill(ids, first, &mut cache, lora)?;
                    text.hear(&logits, is_end, on)?
                } else {
                    text.end(on)
                };
                match next {
                    Next::More => {
                        free.pop();
                        open.push(text);
                    }
                    Next::Done => {}
                    Next::Stop => return Ok(()),
                }
            }
            if open.is_empty() {
                return Ok(());
            }
            let ids: Vec<u32> = open.iter().filter_map(|t| t.new.last().copied()).collect();
            let takes: Vec<_> = open.iter().map(|t| Take { first: t.first, held: t.held, new: 1 }).collect();
            let x = self.advance(&ids, &takes, &mut cache, lora)?;
            let logits = self.logits_after(&x, &(0..open.len()).collect::<Vec<_>>())?;
            let mut still = Vec::new();
            for (mut text, logits) in open.into_iter().zip(logits.chunks_exact(self.spec().vocab)) {
                text.held += 1;
                match text.hear(logits, is_end, on)? {
                    Next::More => still.push(text),
                    Next::Done => free.push(text.first),
                    Next::Stop => return Ok(()),
                }
            }
            open = still;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_id_wins_a_tie_and_nan_is_refused() {
        assert_eq!(argmax(&[1.0, 2.0, 3.0, 3.0]), Some(2));
        assert_eq!(argmax(&[1.0, f32::NAN, 3.0, 3.0]), None);
        assert_eq!(argmax(&[f32::NEG_INFINITY]), Some(0));
        assert_eq!(argmax(&[f32::NAN]), None);
    }
}
