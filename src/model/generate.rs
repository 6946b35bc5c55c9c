//! Generation with a KV cache: the prompt in a few long passes, then a token at a time.

use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;

use crate::lora::{Adapter, Stored};
use crate::model::decoder::{Decoder, Lora};
use crate::model::forward::{Cache, Pass};
use crate::model::{ModelError, Sampling};
use crate::ops::{Ops, Segment};

/// Prompt tokens of one pass.
const PREFILL: usize = 512;

/// The index of the largest; the lowest of equals. None if nothing there is a number.
fn argmax(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(usize, f32)> = None;
    for (i, &l) in logits.iter().enumerate() {
        if !l.is_nan() && best.is_none_or(|(_, b)| l > b) {
            best = Some((i, l));
        }
    }
    best.map(|(i, _)| i as u32)
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

    fn pick(&mut self, logits: Vec<f32>, tokens: usize) -> Result<u32, ModelError> {
        let best = argmax(&logits).filter(|_| logits.iter().all(|l| !l.is_nan()));
        let best = best.ok_or(ModelError::NotNumbers { tokens })?;
        let Self::Sampled(processor) = self else { return Ok(best) };
        let n = logits.len();
        Tensor::from_vec(logits, n, &Device::Cpu)
            .and_then(|t| processor.sample(&t))
            .map_err(|e| ModelError::Other(format!("sampling failed after {tokens} tokens: {e}")))
    }
}

impl<O: Ops> Decoder<O> {
    fn cache(&self, capacity: usize) -> Cache<O> {
        let len = capacity * self.config().kv_heads * self.config().head_dim;
        let bufs = || (0..self.layers.len()).map(|_| self.ops.buf(len)).collect();
        Cache { keys: bufs(), values: bufs(), len: 0 }
    }

    /// Takes these ids behind what the cache holds; returns the last hidden states.
    fn advance(&self, ids: &[u32], cache: &mut Cache<O>, lora: Lora<'_>) -> O::Buf {
        let keys = cache.len + ids.len();
        let rotation = self.rotation(cache.len..keys);
        let segments =
            [Segment { query: 0, own: cache.len, offsets: (0..ids.len()).collect(), before: vec![0..cache.len] }];
        let x = self.stack(ids, Pass { rotation: &rotation, segments: &segments, read: None, lora }, Some(cache));
        cache.len = keys;
        x
    }

    pub fn generate(
        &self,
        adapter: Option<&Adapter<Stored>>,
        prompt: &[u32],
        sampling: &Sampling,
        (is_end, on_token): (&dyn Fn(u32) -> bool, &mut dyn FnMut(u32) -> bool),
    ) -> Result<Vec<u32>, ModelError> {
        self.check_adapter(adapter)?;
        self.check_ids(prompt)?;
        let mut picker = Picker::new(sampling)?;
        if prompt.is_empty() {
            return Err(ModelError::Other("the prompt holds no token: give at least one".to_owned()));
        }
        let context = self.config().context;
        let limit = sampling.max_tokens.min(context - prompt.len());
        if limit == 0 && sampling.max_tokens > 0 {
            return Err(ModelError::TooLong { tokens: prompt.len() + 1, context });
        }
        let lora = Lora { adapter, dropout: None };
        let mut cache = self.cache(prompt.len() + limit);
        let mut new = Vec::new();
        let mut hidden = None;
        if limit > 0 {
            for part in prompt.chunks(PREFILL) {
                hidden = Some(self.advance(part, &mut cache, lora));
            }
        }
        while let Some(x) = hidden.take() {
            let id = picker.pick(self.last_logits(&x), cache.len)?;
            if is_end(id) {
                break;
            }
            new.push(id);
            if !on_token(id) || new.len() >= limit {
                break;
            }
            hidden = Some(self.advance(&[id], &mut cache, lora));
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_id_wins_a_tie_and_nan_never_wins() {
        assert_eq!(argmax(&[1.0, f32::NAN, 3.0, 3.0]), Some(2));
        assert_eq!(argmax(&[f32::NEG_INFINITY]), Some(0));
        assert_eq!(argmax(&[f32::NAN]), None);
    }
}
