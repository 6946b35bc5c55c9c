//! The head, at the rows that are asked for only, a few at a time: a full tokens × vocabulary never stands in memory.

use crate::lora::{Adapter, Stored};
use crate::model::decoder::{Decoder, Lora};
use crate::model::forward::Pass;
use crate::model::{LossSums, ModelError, Sequence};
use crate::ops::{Ops, RowLoss, Segment};

/// Logits held at once (32 MiB).
const LOGITS: usize = 1 << 23;

fn add_up(sums: &mut LossSums, rows: &[RowLoss], targets: &[u32]) {
    for (row, &target) in rows.iter().zip(targets) {
        sums.nll += row.nll;
        sums.entropy += row.entropy;
        sums.correct += u64::from(row.argmax == target);
        sums.tokens += 1;
    }
}

impl<O: Ops> Decoder<O> {
    /// Rows of logits held at once.
    fn stretch(&self) -> usize {
        (LOGITS / self.config().vocab).clamp(1, 512)
    }

    /// (normed rows, rows before the norm, logits) of these rows of the last hidden states.
    fn logits_of(&self, x: &O::Buf, rows: &[usize]) -> (O::Buf, O::Buf) {
        let hidden = self.config().hidden;
        let mut picked = self.ops.buf(rows.len() * hidden);
        self.ops.gather(&mut picked, x, rows, hidden);
        let normed = self.norm(&picked, &self.output_norm);
        let mut logits = self.ops.buf(rows.len() * self.config().vocab);
        self.ops.linear(&mut logits, &normed, self.head_matrix(), None);
        (picked, logits)
    }

    /// Sums over the rows and, of weight · Σ nll, the gradient of the last hidden states.
    pub fn head_back(&self, x: &O::Buf, rows: &[usize], targets: &[u32], weight: f32) -> (LossSums, O::Buf) {
        let (ops, hidden, eps) = (&self.ops, self.config().hidden, self.config().rms_eps);
        let mut dx = ops.zeros(ops.len(x));
        let mut sums = LossSums::default();
        for (rows, targets) in rows.chunks(self.stretch()).zip(targets.chunks(self.stretch())) {
            let (picked, mut logits) = self.logits_of(x, rows);
            add_up(&mut sums, &ops.cross_entropy(&mut logits, targets, Some(weight)), targets);
            let mut dnormed = ops.buf(ops.len(&picked));
            ops.linear_back(&mut dnormed, &logits, self.head_matrix(), true);
            let mut dpicked = ops.buf(ops.len(&picked));
            ops.rms_norm_back(&mut dpicked, &dnormed, &picked, &self.output_norm, eps, true);
            ops.scatter_add(&mut dx, &dpicked, rows, hidden);
        }
        (sums, dx)
    }

    pub fn loss(&self, adapter: Option<&Adapter<Stored>>, sequences: &[Sequence<'_>]) -> Result<LossSums, ModelError> {
        self.check_adapter(adapter)?;
        let packed = self.pack(sequences)?;
        let lora = Lora { adapter, dropout: None };
        let pass = Pass { rotation: &packed.rotation, segments: &packed.segments, lora };
        let x = self.stack(&packed.ids, pass, None);
        let mut sums = LossSums::default();
        for (rows, targets) in packed.rows.chunks(self.stretch()).zip(packed.targets.chunks(self.stretch())) {
            let (_, mut logits) = self.logits_of(&x, rows);
            add_up(&mut sums, &self.ops.cross_entropy(&mut logits, targets, None), targets);
        }
        Ok(sums)
    }

    /// Logits, or log-probabilities, at the chosen positions of one sequence.
    pub fn logits_at(
        &self,
        adapter: Option<&Adapter<Stored>>,
        ids: &[u32],
        positions: &[usize],
        log_softmax: bool,
    ) -> Result<Vec<f32>, ModelError> {
        self.check_adapter(adapter)?;
        self.check_ids(ids)?;
        let Some(&last) = positions.iter().max() else { return Ok(Vec::new()) };
        if last >= ids.len() {
            let what = "the list of positions".to_owned();
            return Err(ModelError::Shape { what, found: last + 1, expected: ids.len() });
        }
        let n = last + 1;
        let rotation = self.rotation(0..n);
        let segments = [Segment { query: 0, queries: n, key: 0, keys: n }];
        let pass = Pass { rotation: &rotation, segments: &segments, lora: Lora { adapter, dropout: None } };
        let x = self.stack(&ids[..n], pass, None);
        let mut all = Vec::with_capacity(positions.len() * self.config().vocab);
        for rows in positions.chunks(self.stretch()) {
            let (_, mut logits) = self.logits_of(&x, rows);
            if log_softmax {
                self.ops.log_softmax(&mut logits, self.config().vocab);
            }
            all.extend(self.ops.download(&logits));
        }
        Ok(all)
    }

    /// Logits after the last of these rows.
    pub fn last_logits(&self, x: &O::Buf) -> Vec<f32> {
        let rows = self.ops.len(x) / self.config().hidden;
        self.ops.download(&self.logits_of(x, &[rows - 1]).1)
    }
}
