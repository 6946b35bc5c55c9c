//! The decoder's parts, made resident; adapters and shapes checked before anything is computed.

use std::collections::BTreeMap;

use crate::lora::{Adapter, Pair, Stored};
use crate::model::memory_budget::MemoryBudget;
use crate::model::packed::Packer;
use crate::model::rope::Rope;
use crate::model::teacher_states::TeacherStates;
use crate::model::{Dropout, ModelError};
use crate::ops::{Compute, Cpu, LowRank, Mask, Matrix, Ops, subkey};
use crate::weights::{LinearId, LinearSpec, ModelSpec, Norm, Site, Weights};

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
    rope: Rope,
}

/// Whether what is being computed is still wanted.
pub(super) struct Stop(pub Box<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

/// The linears and norms of a block, those that its spec lists.
#[derive(Debug)]
struct Layer<O: Ops> {
    linears: BTreeMap<Site, Resident<O>>,
    norms: BTreeMap<Norm, O::Buf>,
}

/// A linear layer, resident.
#[derive(Debug)]
struct Resident<O: Ops> {
    weight: O::Weight,
    bias: Option<O::Buf>,
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
        let spec = weights.spec();
        let layers = (0..spec.blocks.len()).map(|l| Layer::new(&ops, &weights, l)).collect::<Result<_, _>>()?;
        let output_norm = norm(&ops, &weights, 0, spec.final_norm.norm)?;
        let head = ops.prepare(weights.head())?;
        let rope = Rope::new(&weights);
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
            rope,
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

    /// The weight of a norm that every block has.
    pub(super) fn norm_weight(&self, layer: usize, norm: Norm) -> &O::Buf {
        &self.layers[layer].norms[&norm]
    }

    /// The weight of a norm, if the block has it.
    pub(super) fn optional_norm(&self, layer: usize, norm: Norm) -> Option<&O::Buf> {
        self.layers[layer].norms.get(&norm)
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

    pub(super) fn spec(&self) -> &ModelSpec {
        self.weights.spec()
    }

    pub(super) fn rope(&self) -> &Rope {
        &self.rope
    }

    pub(super) fn packer(&self) -> Packer<'_> {
        Packer { spec: self.spec(), rope: &self.rope }
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
        let resident = &self.layers[id.layer].linears[&id.site].weight;
        Matrix { resident, source: self.weights.linear(id), compute }
    }

    pub(super) fn head_matrix(&self, compute: Compute) -> Matrix<'_, O::Weight> {
        Matrix { resident: &self.head, source: self.weights.head(), compute }
    }

    pub(super) fn bias(&self, id: LinearId) -> Option<&O::Buf> {
        self.layers[id.layer].linears[&id.site].bias.as_ref()
    }

    /// The low-rank term at `id`, if the adapter has one.
    pub(super) fn low_rank<'a>(&self, lora: Lora<'a>, id: LinearId) -> Option<LowRank<'a>> {
        let adapter = lora.adapter?;
        let Pair { a, b } = adapter.pairs.get(&id)?;
        let (linear, number) = (self.spec().linear(id)?, self.spec().number(id)?);
        let mask = lora.dropout.map(|d| Mask { p: d.p, key: subkey(subkey(d.seed, d.step), number as u64) });
        let rank = a.len() / linear.cols;
        Some(LowRank { a, b, rank, scale: adapter.config.scale_of(id) as f32, mask })
    }

    /// Every pair has the base's shapes.
    pub(super) fn check_adapter(&self, adapter: Option<&Adapter<Stored>>) -> Result<(), ModelError> {
        for (id, pair) in adapter.iter().flat_map(|a| &a.pairs) {
            let name = |m| format!("layer {} {} lora_{m}", id.layer, id.site.module());
            let fault = |what, found, expected| Err(ModelError::Shape { what, found, expected });
            let Some(&LinearSpec { rows, cols, .. }) = self.spec().linear(*id) else {
                return fault(name("A"), pair.a.len(), 0);
            };
            let rank = pair.a.len() / cols;
            if rank == 0 || rank * cols != pair.a.len() {
                return fault(name("A"), pair.a.len(), rank.max(1) * cols);
            }
            if rank * rows != pair.b.len() {
                return fault(name("B"), pair.b.len(), rank * rows);
            }
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
        let block = &weights.spec().blocks[layer];
        let resident = |linear: &LinearSpec| {
            let id = LinearId { layer, site: linear.site };
            let (weight, bias) = (ops.prepare(weights.linear(id))?, weights.bias(id).map(|b| ops.upload(&b)));
            Ok((linear.site, Resident { weight, bias }))
        };
        let linears = block.linears.iter().map(resident).collect::<Result<_, ModelError>>()?;
        let norms = block.norms.iter().map(|n| Ok((n.norm, norm(ops, weights, layer, n.norm)?)));
        Ok(Self { linears, norms: norms.collect::<Result<_, ModelError>>()? })
    }
}
