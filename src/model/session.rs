//! Decoding for a server: sequences begin and end at any time, share one KV cache, and are decoded together.
//!
//! A sequence gets the same logits, bit by bit, whatever is decoded beside it and whatever prefix was found in the cache:
//! 1. a prompt is cut at fixed positions ([`cut`]), and each part is a segment of its own, so that its attention is computed
//!    alike in every pass;
//! 2. passes of up to [`FEW_ROWS`] rows compute each row as if it were alone; longer parts have a pass of their own;
//! 3. only whole parts are taken from the cache.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::decoder::{Decoder, Lora};
use crate::model::facade::On;
use crate::model::forward::{Cache, Pass};
use crate::model::sequence::check_ids;
use crate::model::{Model, ModelError};
use crate::ops::{Cpu, FEW_ROWS, FreeRanges, Ops, Segment, Tensors};

/// Bytes of keys and values, of half of what is free at most.
const CACHE: usize = 1 << 30;
/// Prompts whose beginnings stay in the cache when their sequences have ended.
const REMEMBERED: usize = 4;
/// Tokens of each that stay, at most.
const REMEMBERED_TOKENS: usize = 512;
/// Where parts stop being [`SHORT`] tokens long.
const SHORT_UNTIL: usize = 64;
const SHORT: usize = 8;
/// The longest part.
const LONG: usize = 512;

/// The end of the part of a prompt that begins at `at`: 8, 16, … 64, 128, 256, 512, 1024, 1536, …
fn cut(at: usize) -> usize {
    if at < SHORT_UNTIL {
        at + SHORT
    } else if at < LONG {
        at * 2
    } else {
        at + LONG
    }
}

/// The last cut at or before `tokens`.
fn last_cut(tokens: usize) -> usize {
    let mut at = 0;
    while cut(at) <= tokens {
        at = cut(at);
    }
    at
}

/// A model with sequences that are decoded together.
#[derive(Debug)]
pub struct Session {
    model: Model,
    caches: Caches,
}

#[derive(Debug)]
enum Caches {
    Cpu(Sequences<Cpu>),
    Device(Sequences<Tensors>),
}

/// Names a sequence until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceId(u64);

/// How a prompt was taken in.
#[derive(Debug)]
pub struct Begun {
    pub id: SequenceId,
    /// Its tokens that the cache held already.
    pub reused: usize,
    /// Logits after the prompt.
    pub logits: Vec<f32>,
}

impl Session {
    pub fn new(model: Model) -> Self {
        let caches = match &model.0 {
            On::Cpu(d) => Caches::Cpu(Sequences::new(d)),
            On::Device(d) => Caches::Device(Sequences::new(d)),
        };
        Self { model, caches }
    }

    #[cfg(test)]
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Sequences that are decoded together at most.
    pub fn most() -> usize {
        FEW_ROWS
    }

    /// Takes in a prompt that up to `new` tokens will follow; None where the cache has no place until another sequence ends.
    ///
    /// # Errors
    /// The prompt is empty, does not fit the context or the memory, or holds an id that is not in the vocabulary.
    pub fn begin(&mut self, prompt: &[u32], new: usize) -> Result<Option<Begun>, ModelError> {
        match (&self.model.0, &mut self.caches) {
            (On::Cpu(d), Caches::Cpu(s)) => s.begin(d, prompt, new),
            (On::Device(d), Caches::Device(s)) => s.begin(d, prompt, new),
            _ => Ok(None),
        }
    }

    /// Appends one token to each of these sequences; returns the logits after it, `next.len() × vocab`.
    ///
    /// # Errors
    /// A sequence has ended or is full; the device failed.
    pub fn step(&mut self, next: &[(SequenceId, u32)]) -> Result<Vec<f32>, ModelError> {
        match (&self.model.0, &mut self.caches) {
            (On::Cpu(d), Caches::Cpu(s)) => s.step(d, next),
            (On::Device(d), Caches::Device(s)) => s.step(d, next),
            _ => Ok(Vec::new()),
        }
    }

    /// Ends every other sequence, also one whose beginning panicked.
    pub fn retain(&mut self, open: &[SequenceId]) {
        match &mut self.caches {
            Caches::Cpu(s) => s.retain(open),
            Caches::Device(s) => s.retain(open),
        }
    }

    /// Frees a sequence's place; the beginning of its prompt stays for others while there is space.
    pub fn end(&mut self, id: SequenceId) {
        match &mut self.caches {
            Caches::Cpu(s) => s.end(id),
            Caches::Device(s) => s.end(id),
        }
    }
}

#[derive(Debug)]
struct Sequence {
    rows: Range<usize>,
    /// Tokens whose keys and values are in the cache.
    held: usize,
    prompt: Vec<u32>,
}

/// The beginning of an ended prompt, a whole number of parts.
#[derive(Debug)]
struct Remembered {
    first: usize,
    ids: Vec<u32>,
}

#[derive(Debug)]
struct Sequences<O: Ops> {
    cache: Option<Cache<O>>,
    rows: usize,
    /// Rows of the cache that nobody uses.
    free: FreeRanges,
    open: BTreeMap<SequenceId, Sequence>,
    /// The one used last at the end.
    remembered: Vec<Remembered>,
    next_id: u64,
}

/// New tokens of one sequence.
struct Part {
    /// The sequence's first row in the cache.
    first: usize,
    positions: Range<usize>,
}

impl<O: Ops> Sequences<O> {
    fn new(decoder: &Decoder<O>) -> Self {
        let most = decoder.budget().left().map_or(CACHE, |left| CACHE.min(usize::try_from(left / 2).unwrap_or(CACHE)));
        let rows = (most / row_bytes(decoder)).max(1);
        Self {
            cache: None,
            rows,
            free: FreeRanges::default(),
            open: BTreeMap::new(),
            remembered: Vec::new(),
            next_id: 0,
        }
    }

    fn begin(&mut self, decoder: &Decoder<O>, prompt: &[u32], new: usize) -> Result<Option<Begun>, ModelError> {
        check_ids(decoder.spec(), prompt)?;
        if prompt.is_empty() {
            return Err(ModelError::Other("the prompt holds no token: give at least one".to_owned()));
        }
        let tokens = prompt.len().saturating_add(new).min(decoder.spec().context);
        let (mut reused, source) = self.longest_prefix(prompt);
        let Some(first) = self.place(decoder, tokens)? else { return Ok(None) };
        // Making the place may have dropped what was to be reused.
        match source.filter(|row| self.is_kept(*row)) {
            Some(from) => self.copy(decoder, from, first, reused),
            None => reused = 0,
        }
        let id = SequenceId(self.next_id);
        self.next_id += 1;
        // Not to be reused before it is whole.
        self.open.insert(id, Sequence { rows: first..first + tokens, held: 0, prompt: Vec::new() });
        let logits = self.prefill(decoder, prompt, first, reused);
        match self.open.get_mut(&id) {
            Some(s) if logits.is_ok() => (s.held, s.prompt) = (prompt.len(), prompt.to_vec()),
            _ => self.end(id),
        }
        Ok(Some(Begun { id, reused, logits: logits? }))
    }

    /// Tokens at the beginning of `prompt` that stand in the cache, and their first row. The last token is always computed.
    fn longest_prefix(&self, prompt: &[u32]) -> (usize, Option<usize>) {
        let open = self.open.values().map(|s| (s.rows.start, &s.prompt[..last_cut(s.prompt.len())]));
        let ended = self.remembered.iter().map(|r| (r.first, &r.ids[..]));
        let common = |(first, ids): (usize, &[u32])| {
            let same = ids.iter().zip(&prompt[..prompt.len() - 1]).take_while(|(a, b)| a == b).count();
            (last_cut(same), first)
        };
        let best = open.chain(ended).map(common).max_by_key(|(n, first)| (*n, usize::MAX - first));
        best.filter(|(n, _)| *n > 0).map_or((0, None), |(n, first)| (n, Some(first)))
    }

    fn is_kept(&self, first: usize) -> bool {
        self.open.values().any(|s| s.rows.start == first) || self.remembered.iter().any(|r| r.first == first)
    }

    /// So many rows that stand together; what is remembered makes way, the oldest first. None: an open sequence must end.
    fn place(&mut self, decoder: &Decoder<O>, tokens: usize) -> Result<Option<usize>, ModelError> {
        if self.cache.is_none() || (tokens > self.rows && self.open.is_empty()) {
            let needed = (tokens.max(self.rows) * row_bytes(decoder)) as u64;
            if let Some(available) = decoder.budget().left().filter(|left| tokens > self.rows && needed > *left) {
                let (what, remedy) = ("the keys and values of one request", "lower num_ctx or num_predict");
                return Err(ModelError::Memory { what, needed, available, remedy });
            }
            self.rows = self.rows.max(tokens);
            // The old one goes first.
            self.cache = None;
            self.remembered.clear();
            let cache = decoder.cache(self.rows);
            decoder.sound()?;
            self.cache = Some(cache);
            self.free = FreeRanges::default();
            self.free.give(0..self.rows);
        }
        loop {
            if let Some(first) = self.free.take(tokens) {
                return Ok(Some(first));
            }
            if self.remembered.is_empty() {
                return Ok(None);
            }
            self.forget(0);
        }
    }

    fn forget(&mut self, index: usize) {
        let old = self.remembered.remove(index);
        self.free.give(old.first..old.first + old.ids.len());
    }

    /// Copies the keys and values of `n` tokens.
    fn copy(&mut self, decoder: &Decoder<O>, from: usize, to: usize, n: usize) {
        let Some(cache) = &mut self.cache else { return };
        let (source, target): (Vec<usize>, Vec<usize>) = ((from..from + n).collect(), (to..to + n).collect());
        let widths = decoder.spec().blocks.iter().map(|block| block.attention.kv_width());
        for (width, (keys, values)) in widths.zip(cache.keys.iter_mut().zip(&mut cache.values)) {
            let mut rows = decoder.ops().buf(n * width);
            for buf in [keys, values] {
                decoder.ops().gather(&mut rows, buf, &source, width);
                decoder.ops().scatter(buf, &rows, &target, width);
            }
        }
    }

    /// Takes the prompt in from position `at` on; the logits after it.
    fn prefill(
        &mut self,
        decoder: &Decoder<O>,
        prompt: &[u32],
        first: usize,
        mut at: usize,
    ) -> Result<Vec<f32>, ModelError> {
        loop {
            let mut parts = Vec::new();
            let begun = at;
            while at < prompt.len() {
                let end = cut(at).min(prompt.len());
                if !parts.is_empty() && end - begun > FEW_ROWS {
                    break;
                }
                parts.push(Part { first, positions: at..end });
                at = end;
            }
            let x = self.advance(decoder, &prompt[begun..at], &parts)?;
            if at == prompt.len() {
                return decoder.logits_after(&x, &[at - begun - 1]);
            }
        }
    }

    fn step(&mut self, decoder: &Decoder<O>, next: &[(SequenceId, u32)]) -> Result<Vec<f32>, ModelError> {
        let (mut parts, mut ids) = (Vec::with_capacity(next.len()), Vec::with_capacity(next.len()));
        for (id, token) in next {
            check_ids(decoder.spec(), &[*token])?;
            let Some(s) = self.open.get(id).filter(|s| s.held < s.rows.len()) else {
                return Err(ModelError::TooLong {
                    tokens: decoder.spec().context + 1,
                    context: decoder.spec().context,
                });
            };
            parts.push(Part { first: s.rows.start, positions: s.held..s.held + 1 });
            ids.push(*token);
        }
        let mut logits = Vec::with_capacity(next.len() * decoder.spec().vocab);
        for (ids, parts) in ids.chunks(FEW_ROWS).zip(parts.chunks(FEW_ROWS)) {
            let x = self.advance(decoder, ids, parts)?;
            logits.extend(decoder.logits_after(&x, &(0..ids.len()).collect::<Vec<_>>())?);
        }
        for (id, _) in next {
            if let Some(s) = self.open.get_mut(id) {
                s.held += 1;
            }
        }
        Ok(logits)
    }

    /// One pass over these parts, whose tokens are `ids`; the last hidden states.
    fn advance(&mut self, decoder: &Decoder<O>, ids: &[u32], parts: &[Part]) -> Result<O::Buf, ModelError> {
        let rotation = decoder.rope().rotation(parts.iter().flat_map(|p| p.positions.clone()));
        let mut query = 0;
        let segment = |p: &Part| {
            let new = p.positions.len();
            query += new;
            Segment {
                query: query - new,
                own: p.first + p.positions.start,
                offsets: (0..new).collect(),
                before: std::iter::once(p.first..p.first + p.positions.start).collect(),
            }
        };
        let segments: Vec<_> = parts.iter().map(segment).collect();
        let Some(cache) = &mut self.cache else {
            return Err(ModelError::Other("the cache was not made".to_owned()));
        };
        cache.rows = parts.iter().flat_map(|p| p.first + p.positions.start..p.first + p.positions.end).collect();
        let pass = Pass { rotation: &rotation, segments: &segments, read: None, lora: Lora::default() };
        decoder.stack(ids, pass, Some(cache))
    }

    fn retain(&mut self, open: &[SequenceId]) {
        let others: Vec<SequenceId> = self.open.keys().filter(|id| !open.contains(id)).copied().collect();
        others.into_iter().for_each(|id| self.end(id));
    }

    fn end(&mut self, id: SequenceId) {
        let Some(Sequence { rows, mut prompt, .. }) = self.open.remove(&id) else { return };
        prompt.truncate(last_cut(prompt.len().min(REMEMBERED_TOKENS)));
        if prompt.is_empty() {
            return self.free.give(rows);
        }
        // What begins alike is remembered once: the longer of the two.
        if let Some(known) = self.remembered.iter().position(|r| r.ids.starts_with(&prompt)) {
            let known = self.remembered.remove(known);
            self.remembered.push(known);
            return self.free.give(rows);
        }
        while let Some(shorter) = self.remembered.iter().position(|r| prompt.starts_with(&r.ids)) {
            self.forget(shorter);
        }
        if self.remembered.len() == REMEMBERED {
            self.forget(0);
        }
        let kept = rows.start + prompt.len();
        self.free.give(kept..rows.end);
        self.remembered.push(Remembered { first: rows.start, ids: prompt });
    }
}

/// Bytes of a token's keys and values.
fn row_bytes<O: Ops>(decoder: &Decoder<O>) -> usize {
    (decoder.spec().cache_width() * size_of::<f32>()).max(1)
}
