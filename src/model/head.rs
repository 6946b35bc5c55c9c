//! The head, at the rows that are asked for only, a few at a time: a full tokens × vocabulary never stands in memory.

use crate::lora::{Adapter, Stored};
use crate::model::decoder::{Decoder, Lora};
use crate::model::forward::Pass;
use crate::model::packed::{Packed, Trie};
use crate::model::sequence::check_ids;
use crate::model::{LossSums, ModelError, Sequence};
use crate::ops::{Compute, Ops, RowLoss};
use crate::weights::ModelSpec;

/// Logits held at once (32 MiB).
const LOGITS: usize = 1 << 23;

/// Sequences, and the positions of each that are asked for.
pub(super) type Asked<'a> = &'a [(&'a [u32], &'a [usize])];

/// The last hidden states of a pass, and their rows that are asked for.
struct Chosen<O: Ops> {
    x: O::Buf,
    rows: Vec<usize>,
}

fn add_up(sums: &mut LossSums, rows: &[RowLoss], targets: &[u32]) {
    for (row, &target) in rows.iter().zip(targets) {
        sums.nll += row.nll;
        sums.entropy += row.entropy;
        sums.correct += u64::from(row.argmax == target);
        sums.tokens += 1;
    }
}

/// Rows of logits held at once.
fn stretch(spec: &ModelSpec) -> usize {
    (LOGITS / spec.vocab).clamp(1, 512)
}

/// Bytes of the logits that are held at once, the teacher's and what their loss needs.
pub(super) fn logits_bytes(spec: &ModelSpec, packed: &Packed) -> u64 {
    let rows = packed.supervised.rows.len().max(packed.distilled.rows.len()).min(stretch(spec));
    3 * 4 * (rows * spec.vocab) as u64
}

impl<O: Ops> Decoder<O> {
    /// (rows before the norm, logits) of these rows of the last hidden states.
    fn logits_of(&self, x: &O::Buf, rows: &[usize], compute: Compute) -> (O::Buf, O::Buf) {
        let hidden = self.spec().hidden;
        let mut picked = self.ops().buf(rows.len() * hidden);
        self.ops().gather(&mut picked, x, rows, hidden);
        let normed = self.norm(&picked, self.output_norm());
        let mut logits = self.ops().buf(rows.len() * self.spec().vocab);
        self.ops().linear(&mut logits, &normed, self.head_matrix(compute), None);
        (picked, logits)
    }

    /// The losses of every row that is asked for, stretch by stretch; with `weight`, `each` takes the gradient of the
    /// logits at some rows: (rows, rows before the norm, gradient).
    fn losses(
        &self,
        x: &O::Buf,
        teacher_states: Option<&O::Buf>,
        packed: &Packed,
        weight: Option<f32>,
        each: &mut impl FnMut(&[usize], &O::Buf, &O::Buf),
    ) -> Result<LossSums, ModelError> {
        let (n, vocab) = (stretch(self.spec()), self.spec().vocab);
        // An evaluation's loss is the plain one.
        let (smoothing, compute) =
            if weight.is_some() { (self.label_smoothing(), self.training()) } else { (0.0, Compute::F32) };
        let mut sums = LossSums::default();
        for (rows, targets) in packed.supervised.rows.chunks(n).zip(packed.supervised.targets.chunks(n)) {
            self.still_wanted()?;
            let (picked, mut logits) = self.logits_of(x, rows, compute);
            add_up(&mut sums, &self.ops().cross_entropy(&mut logits, targets, weight, smoothing), targets);
            each(rows, &picked, &logits);
        }
        let Some(of_base) = teacher_states else { return Ok(sums) };
        let asked = packed.distilled.rows.chunks(n).zip(packed.distilled.targets.chunks(n));
        for (stretch, (rows, targets)) in asked.enumerate() {
            self.still_wanted()?;
            let base_rows: Vec<usize> = (stretch * n..stretch * n + rows.len()).collect();
            let (_, mut teacher) = self.logits_of(of_base, &base_rows, compute);
            let (picked, mut logits) = self.logits_of(x, rows, compute);
            add_up(&mut sums, &self.ops().distil(&mut logits, &mut teacher, vocab, weight), targets);
            each(rows, &picked, &logits);
        }
        Ok(sums)
    }

    /// Sums over the rows and, of weight · Σ loss, the gradient of the last hidden states.
    pub(super) fn head_back(&self, x: &O::Buf, packed: &Packed, weight: f32) -> Result<(LossSums, O::Buf), ModelError> {
        let (ops, hidden, eps) = (self.ops(), self.spec().hidden, self.spec().norm_eps);
        let mut dx = ops.zeros(ops.len(x));
        let teacher_states = self.teacher_states_of(packed, self.training())?;
        let sums = self.losses(x, teacher_states.as_ref(), packed, Some(weight), &mut |rows, picked, dlogits| {
            let mut dnormed = ops.buf(ops.len(picked));
            ops.linear_back(&mut dnormed, dlogits, self.head_matrix(self.training()), true);
            let mut dpicked = ops.buf(ops.len(picked));
            ops.rms_norm_back(&mut dpicked, &dnormed, picked, self.output_norm(), eps, true);
            ops.scatter_add(&mut dx, &dpicked, rows, hidden);
        })?;
        Ok((sums, dx))
    }

    pub(super) fn loss(
        &self,
        adapter: Option<&Adapter<Stored>>,
        sequences: &[Sequence<'_>],
    ) -> Result<LossSums, ModelError> {
        self.check_adapter(adapter)?;
        let mut sums = LossSums::default();
        for packed in self.passes(sequences, true, false)? {
            let x = self.stack(&packed.ids, Pass::of(&packed, Lora { adapter, ..Lora::default() }), None)?;
            let teacher_states = self.teacher_states_of(&packed, Compute::F32)?;
            sums.add(&self.losses(&x, teacher_states.as_ref(), &packed, None, &mut |_, _, _| {})?);
        }
        self.sound()?;
        Ok(sums)
    }

    /// The last hidden states of one pass over every sequence, with the rows of the chosen positions; None where none is chosen.
    fn chosen(&self, adapter: Option<&Adapter<Stored>>, asked: Asked<'_>) -> Result<Option<Chosen<O>>, ModelError> {
        self.check_adapter(adapter)?;
        let mut used = Vec::with_capacity(asked.len());
        for (sequence, chosen) in asked {
            check_ids(self.spec(), sequence)?;
            let length = chosen.iter().max().map_or(0, |last| last + 1);
            used.push(sequence.get(..length).ok_or_else(|| {
                let what = "the list of positions".to_owned();
                ModelError::Shape { what, found: length, expected: sequence.len() }
            })?);
        }
        let trie = Trie::of(&used, true);
        let mut rows: Vec<usize> =
            asked.iter().zip(&trie.rows).flat_map(|((_, chosen), rows)| chosen.iter().map(|&p| rows[p])).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let read = self.packer().read(&trie, [&mut rows]);
        let rotation = self.rope().rotation(trie.positions.iter().copied());
        let lora = Lora { adapter, ..Lora::default() };
        let pass = Pass { rotation: &rotation, segments: &trie.segments, read: read.as_ref(), lora };
        Ok(Some(Chosen { x: self.stack(&trie.ids, pass, None)?, rows }))
    }

    /// Logits, or log-probabilities, at the chosen positions of each sequence, all in one pass.
    pub(super) fn logits_at(
        &self,
        adapter: Option<&Adapter<Stored>>,
        asked: Asked<'_>,
        log_softmax: bool,
    ) -> Result<Vec<f32>, ModelError> {
        let Some(Chosen { x, rows }) = self.chosen(adapter, asked)? else { return Ok(Vec::new()) };
        let mut all = Vec::with_capacity(rows.len() * self.spec().vocab);
        for rows in rows.chunks(stretch(self.spec())) {
            let (_, mut logits) = self.logits_of(&x, rows, Compute::F32);
            if log_softmax {
                self.ops().log_softmax(&mut logits, self.spec().vocab);
            }
            all.extend(self.ops().download(&logits));
        }
        self.sound()?;
        Ok(all)
    }

    /// The last hidden states before the final norm at the chosen positions, `positions × hidden`.
    pub(super) fn states_at(
        &self,
        adapter: Option<&Adapter<Stored>>,
        asked: Asked<'_>,
    ) -> Result<Vec<f32>, ModelError> {
        let Some(Chosen { x, rows }) = self.chosen(adapter, asked)? else { return Ok(Vec::new()) };
        let hidden = self.spec().hidden;
        let mut picked = self.ops().buf(rows.len() * hidden);
        self.ops().gather(&mut picked, &x, &rows, hidden);
        let states = self.ops().download(&picked);
        self.sound()?;
        Ok(states)
    }

    /// Log-softmax rows of such states, `states × vocab`.
    pub(super) fn log_probs_of(&self, states: &[f32]) -> Result<Vec<f32>, ModelError> {
        let hidden = self.spec().hidden;
        if !states.len().is_multiple_of(hidden) {
            return Err(ModelError::Shape { what: "a hidden state".to_owned(), found: states.len(), expected: hidden });
        }
        let rows: Vec<usize> = (0..states.len() / hidden).collect();
        let (_, mut logits) = self.logits_of(&self.ops().upload(states), &rows, Compute::F32);
        self.ops().log_softmax(&mut logits, self.spec().vocab);
        let log_probs = self.ops().download(&logits);
        self.sound()?;
        Ok(log_probs)
    }

    /// The mean over all positions of the last hidden states, after the final norm: `hidden` numbers.
    pub(super) fn mean_hidden_state(&self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        check_ids(self.spec(), ids)?;
        if ids.is_empty() {
            return Ok(vec![0.0; self.spec().hidden]);
        }
        let trie = Trie::of(&[ids], true);
        let rotation = self.rope().rotation(trie.positions.iter().copied());
        let pass = Pass { rotation: &rotation, segments: &trie.segments, read: None, lora: Lora::default() };
        let normed = self.norm(&self.stack(&trie.ids, pass, None)?, self.output_norm());
        let states = self.ops().download(&normed);
        self.sound()?;
        let mut sums = vec![0.0f64; self.spec().hidden];
        for state in states.chunks_exact(self.spec().hidden) {
            sums.iter_mut().zip(state).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let n = ids.len() as f64;
        Ok(sums.into_iter().map(|sum| (sum / n) as f32).collect())
    }

    /// Logits after these rows, `rows × vocab`.
    pub(super) fn logits_after(&self, x: &O::Buf, rows: &[usize]) -> Result<Vec<f32>, ModelError> {
        let logits = self.ops().download(&self.logits_of(x, rows, Compute::F32).1);
        self.sound()?;
        Ok(logits)
    }
}
