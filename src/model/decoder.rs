//! The decoder's parts, made resident; adapters and shapes checked before anything is computed.

use crate::lora::{Adapter, Pair, Stored};
use crate::model::memory_budget::MemoryBudget;
use crate::model::teacher_states::TeacherStates;
use crate::model::{Dropout, ModelError};
use crate::ops::{Compute, Cpu, LowRank, Mask, Matrix, Ops, Rotation, WeightRef, subkey};
use crate::weights::{LinearId, ModelConfig, Norm, Site, Weights};

/// One decoder over `Ops`.
#[derive(Debug)]
pub(super) struct Decoder<O: Ops> {
    ops: O,
    weights: Weights,
    layers: Vec<Layer<O>>,
    output_norm: O::Buf,
    head: O::Weight,
    label_smoothing: f32,
    /// How gradients are computed.
    training: Compute,
    /// The base's hidden states of distilled sequences.
    teacher_states: TeacherStates,
    budget: MemoryBudget,
    /// Bytes of codes in eight bits that are kept, when all are made.
    codes: u64,
    stop: Stop,
    /// Radians a position, `head_dim / 2` of them.
    frequencies: Vec<f32>,
}

/// Whether what is being computed is still wanted.
pub(super) struct Stop(pub Box<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

#[derive(Debug)]
pub(super) struct Layer<O: Ops> {
    /// In the order of `Site::ALL`.
    linear: [O::Weight; 7],
    bias: [Option<O::Buf>; 7],
    pub attn_norm: O::Buf,
    pub ffn_norm: O::Buf,
    /// Of q and of k, per head.
    pub qk_norm: Option<(O::Buf, O::Buf)>,
}

/// What one pass computes with: an adapter, or the base alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lora<'a> {
    pub adapter: Option<&'a Adapter<Stored>>,
    pub dropout: Option<Dropout>,
    pub compute: Compute,
}

impl<O: Ops> Decoder<O> {
    pub(super) fn new(ops: O, weights: Weights, budget: MemoryBudget) -> Result<Self, ModelError> {
        let layers = (0..weights.config().layers).map(|l| Layer::new(&ops, &weights, l)).collect::<Result<_, _>>()?;
        let output_norm = norm(&ops, &weights, 0, Norm::Output)?;
        let head = ops.prepare(weights.head())?;
        let frequencies = weights.config().rope_frequencies();
        let stop = Stop(Box::new(|| false));
        let (label_smoothing, training) = (0.0, Compute::F32);
        let decoder = Self {
            ops,
            layers,
            output_norm,
            head,
            label_smoothing,
            training,
            teacher_states: TeacherStates::default(),
            budget,
            codes: 0,
            stop,
            frequencies,
            weights,
        };
        decoder.sound()?;
        Ok(decoder)
    }

    pub(super) fn ops(&self) -> &O {
        &self.ops
    }

    pub(super) fn weights(&self) -> &Weights {
        &self.weights
    }

    pub(super) fn layer(&self, layer: usize) -> &Layer<O> {
        &self.layers[layer]
    }

    pub(super) fn layer_count(&self) -> usize {
        self.layers.len()
    }

    pub(super) fn output_norm(&self) -> &O::Buf {
        &self.output_norm
    }

    pub(super) fn label_smoothing(&self) -> f32 {
        self.label_smoothing
    }

    pub(super) fn set_label_smoothing(&mut self, factor: f32) {
        self.label_smoothing = factor;
    }

    /// How gradients are computed.
    pub(super) fn training(&self) -> Compute {
        self.training
    }

    pub(super) fn set_training(&mut self, compute: Compute) {
        self.training = compute;
    }

    pub(super) fn teacher_states(&self) -> &TeacherStates {
        &self.teacher_states
    }

    pub(super) fn budget(&self) -> MemoryBudget {
        self.budget
    }

    pub(super) fn set_budget(&mut self, budget: MemoryBudget) {
        self.budget = budget;
    }

    /// Bytes of codes in eight bits that are kept, when all are made.
    pub(super) fn codes_bytes(&self) -> u64 {
        self.codes
    }

    pub(super) fn set_stop(&mut self, stop: Stop) {
        self.stop = stop;
    }

    pub(super) fn config(&self) -> &ModelConfig {
        self.weights.config()
    }

    /// Asked before each layer, forwards and backwards, which is the longest that anyone waits.
    pub(super) fn still_wanted(&self) -> Result<(), ModelError> {
        self.sound()?;
        if (self.stop.0)() { Err(ModelError::Stopped) } else { Ok(()) }
    }

    /// Whether what was computed is worth something; asked before it is given away.
    pub(super) fn sound(&self) -> Result<(), ModelError> {
        self.ops.fault().map_or(Ok(()), |fault| Err(fault.into()))
    }

    pub(super) fn matrix(&self, id: LinearId, compute: Compute) -> Matrix<'_, O::Weight> {
        let resident = &self.layers[id.layer].linear[id.site as usize];
        Matrix { resident, source: self.weights.linear(id), compute }
    }

    pub(super) fn head_matrix(&self, compute: Compute) -> Matrix<'_, O::Weight> {
        Matrix { resident: &self.head, source: self.weights.head(), compute }
    }

    pub(super) fn bias(&self, id: LinearId) -> Option<&O::Buf> {
        self.layers[id.layer].bias[id.site as usize].as_ref()
    }

    /// The rotary angles of rows at these positions.
    pub(super) fn rotation(&self, positions: impl Iterator<Item = usize>) -> Rotation {
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        // Of queries and of keys, so that attention scores have its square.
        let factor = f64::from(self.config().rope_attention_factor());
        for position in positions {
            for frequency in &self.frequencies {
                let angle = f64::from(position as f32 * frequency);
                cos.push((angle.cos() * factor) as f32);
                sin.push((angle.sin() * factor) as f32);
            }
        }
        let order = self.weights.linear(LinearId { layer: 0, site: Site::Q }).row_order;
        Rotation { cos, sin, order, head_dim: self.config().head_dim }
    }

    /// The low-rank term at `id`, if the adapter has one.
    pub(super) fn low_rank<'a>(&self, lora: Lora<'a>, id: LinearId) -> Option<LowRank<'a>> {
        let adapter = lora.adapter?;
        let Pair { a, b } = adapter.pairs.get(&id)?;
        let mask = lora.dropout.map(|d| Mask {
            p: d.p,
            key: subkey(subkey(d.seed, d.step), (id.layer * Site::ALL.len() + id.site as usize) as u64),
        });
        let rank = a.len() / self.config().shape(id.site).1;
        Some(LowRank { a, b, rank, scale: adapter.config.scale_of(id) as f32, mask })
    }

    /// Every pair has the base's shapes.
    pub(super) fn check_adapter(&self, adapter: Option<&Adapter<Stored>>) -> Result<(), ModelError> {
        for (id, pair) in adapter.iter().flat_map(|a| &a.pairs) {
            let name = |m| format!("layer {} {} lora_{m}", id.layer, id.site.module());
            let (out, inn) = self.config().shape(id.site);
            let rank = pair.a.len() / inn;
            let fault = |what, found, expected| Err(ModelError::Shape { what, found, expected });
            if id.layer >= self.layers.len() {
                return fault(name("A"), pair.a.len(), 0);
            }
            if rank == 0 || rank * inn != pair.a.len() {
                return fault(name("A"), pair.a.len(), rank.max(1) * inn);
            }
            if rank * out != pair.b.len() {
                return fault(name("B"), pair.b.len(), rank * out);
            }
        }
        Ok(())
    }

    pub(super) fn check_ids(&self, ids: &[u32]) -> Result<(), ModelError> {
        let (vocab, context) = (self.config().vocab, self.config().context);
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= vocab) {
            return Err(ModelError::BadToken { id, vocab });
        }
        if ids.len() > context {
            return Err(ModelError::TooLong { tokens: ids.len(), context });
        }
        Ok(())
    }
}

impl Decoder<Cpu> {
    /// From now on the weights' codes in eight bits are kept, which takes so many bytes.
    pub(super) fn hold_codes(&mut self, bytes: u64) {
        self.ops.keep_codes(bytes);
        self.budget = self.budget.less(bytes);
        self.codes = bytes;
    }
}

fn norm<O: Ops>(ops: &O, weights: &Weights, layer: usize, norm: Norm) -> Result<O::Buf, ModelError> {
    match weights.norm(layer, norm) {
        Some(values) => Ok(ops.upload(&values)),
        None => Err(ModelError::Other(format!("layer {layer} has no {norm:?} norm; the model file is incomplete"))),
    }
}

impl<O: Ops> Layer<O> {
    fn new(ops: &O, weights: &Weights, layer: usize) -> Result<Self, ModelError> {
        let prepare = |site| {
            let source: WeightRef<'_> = weights.linear(LinearId { layer, site });
            ops.prepare(source)
        };
        let linear = [
            prepare(Site::Q)?,
            prepare(Site::K)?,
            prepare(Site::V)?,
            prepare(Site::O)?,
            prepare(Site::Gate)?,
            prepare(Site::Up)?,
            prepare(Site::Down)?,
        ];
        let bias = Site::ALL.map(|site| weights.bias(LinearId { layer, site }).map(|b| ops.upload(&b)));
        let qk_norm = if weights.config().family.qk_norm {
            Some((norm(ops, weights, layer, Norm::Q)?, norm(ops, weights, layer, Norm::K)?))
        } else {
            None
        };
        let attn_norm = norm(ops, weights, layer, Norm::Attn)?;
        Ok(Self { linear, bias, attn_norm, ffn_norm: norm(ops, weights, layer, Norm::Ffn)?, qk_norm })
    }
}
