//! What computes like a model, and is none.

use super::*;

/// nll per target = Σ over variables of (v − goal(id, i))², plus a term that couples A and B as a product does.
#[derive(Debug, Default)]
pub(super) struct Toy {
    /// The loss becomes NaN at this call.
    pub breaks_at: Option<usize>,
    /// Gradients are so many times what they are from this call on, counted from 1.
    pub steeper_from: Option<(usize, f32)>,
    /// There is no memory for this call, counted from 1.
    pub no_memory_at: Option<usize>,
    pub calls: std::cell::Cell<usize>,
    /// No gradient reaches this layer's linears.
    pub dead_layer: Option<usize>,
    pub route: Option<&'static str>,
    /// What it takes to keep one thing that the base has teacher.
    pub bytes_to_keep: u64,
    /// Evaluations after so many are each worse than the one before.
    pub worse_after: Option<usize>,
    pub evaluations: std::cell::Cell<usize>,
    /// Interrupted in the middle of this call, counted from 1.
    pub stopped_at: Option<(usize, Interrupt)>,
    /// The run ends in the middle of this call, counted from 1, and nothing is saved, as if its process were killed.
    pub killed_at: Option<usize>,
}

/// What [`Toy::killed_at`] says.
pub(super) const KILLED: &str = "killed";

fn goal(id: u32, i: usize, dropout: Option<Dropout>) -> f32 {
    let masked = dropout.map_or(0, |d| d.step.wrapping_mul(31) + d.seed);
    ((id as usize * 13 + i * 7 + masked as usize) % 23) as f32 * 0.01
}

impl Engine for Toy {
    fn loss(&self, adapter: &Adapter<Stored>, sequences: &[Sequence<'_>]) -> Result<LossSums, ModelError> {
        let mut sums = self.loss_and_grads(adapter, sequences, 1.0, None, &mut Grads::new())?;
        self.evaluations.set(self.evaluations.get() + 1);
        let worse = self.worse_after.map_or(0, |after| self.evaluations.get().saturating_sub(after));
        sums.nll += (worse * 100) as f64;
        Ok(sums)
    }

    fn loss_and_grads(
        &self,
        adapter: &Adapter<Stored>,
        sequences: &[Sequence<'_>],
        weight: f32,
        dropout: Option<Dropout>,
        grads: &mut Grads,
    ) -> Result<LossSums, ModelError> {
        self.calls.set(self.calls.get() + 1);
        if self.no_memory_at == Some(self.calls.get()) {
            return Err(ModelError::Memory { what: "a step", needed: 2 << 20, available: 1 << 20, remedy: "less" });
        }
        let steeper = self.steeper_from.filter(|(from, _)| self.calls.get() >= *from);
        let weight = steeper.map_or(weight, |(_, times)| weight * times);
        let mut sums = LossSums::default();
        for (at, id) in sequences.iter().flat_map(|s| s.targets.iter().flatten().map(move |id| (s, id))) {
            sums.tokens += 1;
            sums.correct += u64::from(id % 3 == 0);
            sums.entropy += 0.5;
            for (linear, pair) in adapter.pairs.iter().filter(|(l, _)| Some(l.layer) != self.dead_layer) {
                if at.distilled && pair.b.iter().all(|b| *b == 0.0) {
                    continue;
                }
                for i in 0..pair.a.len().min(pair.b.len()) {
                    let off = pair.a[i] * pair.b[i] - goal(*id, i, dropout) + 0.3 * pair.b[i];
                    sums.nll += f64::from(off * off);
                    if let Some(Pair { a, b }) = grads.get_mut(linear) {
                        a[i] += weight * 2.0 * off * pair.b[i];
                        b[i] += weight * 2.0 * off * (pair.a[i] + 0.3);
                    }
                }
            }
            if let Some((_, interrupt)) = self.stopped_at.as_ref().filter(|(at, _)| *at == self.calls.get()) {
                interrupt.raise();
                return Err(ModelError::Stopped);
            }
            if self.killed_at == Some(self.calls.get()) {
                return Err(ModelError::Other(KILLED.to_owned()));
            }
        }
        if self.breaks_at.is_some_and(|at| self.calls.get() > at) {
            sums.nll = f64::NAN;
        }
        Ok(sums)
    }

    /// Products: tokens to predict, twice with the gradients, once more where the base teaches; bytes: at least the tokens
    /// taken in and those of them that are trained.
    fn cost(&self, _: &Ranks, sequences: &[Sequence<'_>], _: bool, back: bool) -> Result<Cost, ModelError> {
        let (ids, targets): (Vec<usize>, Vec<usize>) =
            sequences.iter().map(|s| (s.ids.len(), s.targets.iter().flatten().count())).unzip();
        let (ids, targets) = (ids.iter().sum::<usize>() as u64, targets.iter().sum::<usize>() as f64);
        let teacher = sequences.iter().filter(|s| s.distilled).flat_map(|s| s.targets.iter().flatten()).count();
        Ok(Cost {
            products: targets * if back { 2.0 } else { 1.0 } + teacher as f64,
            teacher: teacher as f64,
            to_keep: self.bytes_to_keep * teacher as u64,
            rows: ids as usize,
            kept: 2 * ids,
            least: ids + targets as u64,
            layers: 1,
            layer: ids,
        })
    }

    fn route(&self) -> String {
        self.route.unwrap_or("toy").to_owned()
    }

    fn label_smoothing(&self) -> f32 {
        0.0
    }
}
