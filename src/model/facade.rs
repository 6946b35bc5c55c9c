//! The decoder where it computes: on the CPU or on a device.

use crate::lora::{Adapter, Ranks, Stored};
use crate::model::cost::Cost;
use crate::model::decoder::{Decoder, Stop};
use crate::model::generate::{GenerationEvent, Sampling};
use crate::model::memory::kept_layers;
use crate::model::memory_budget::{MemoryBudget, MemoryLimit, widened_bytes};
use crate::model::place::{DeviceKind, offered};
use crate::model::{Dropout, Grads, LossSums, ModelError, Sequence};
use crate::ops::{Compute, Cpu, OpsError, Tensors};
use crate::weights::Weights;

/// The decoder, resident for computing.
#[derive(Debug)]
pub struct Model(pub(super) On);

#[derive(Debug)]
pub(super) enum On {
    Cpu(Decoder<Cpu>),
    Device(Decoder<Tensors>),
}

/// The same of whichever decoder there is.
macro_rules! on {
    ($model:expr, $decoder:ident => $what:expr) => {
        match $model {
            On::Cpu($decoder) => $what,
            On::Device($decoder) => $what,
        }
    };
}

impl Model {
    /// A model that computes on the CPU with the weights as they lie in their file. `threads` 0 = all cores.
    ///
    /// # Errors
    /// Torn tensors.
    pub fn new(weights: &Weights, threads: usize) -> Result<Self, ModelError> {
        Self::within(weights, threads, MemoryBudget::new(weights, None, 0)?)
    }

    /// [`Model::new`] that holds no more than the budget.
    ///
    /// # Errors
    /// Torn tensors.
    pub fn within(weights: &Weights, threads: usize, budget: MemoryBudget) -> Result<Self, ModelError> {
        Self::of(Cpu::new(threads), weights, budget)
    }

    pub(super) fn of(cpu: Cpu, weights: &Weights, budget: MemoryBudget) -> Result<Self, ModelError> {
        Decoder::new(cpu, weights.clone(), budget).map(On::Cpu).map(Self)
    }

    /// A model in this place; on a GPU with the weights widened there. `limit.max_memory` is then the device's.
    ///
    /// # Errors
    /// There is no such device; it has no memory for the weights; torn tensors.
    pub fn on(place: DeviceKind, weights: &Weights, threads: usize, limit: MemoryLimit) -> Result<Self, ModelError> {
        let MemoryLimit { max_memory, reserved } = limit;
        match place.device()? {
            None => Self::within(weights, threads, MemoryBudget::new(weights, max_memory, reserved)?),
            Some(device) => {
                let budget = MemoryBudget::on_device(weights, max_memory)?;
                let model = Self::on_device(device, weights, budget).map_err(|e| match e {
                    ModelError::Ops(OpsError::DeviceMemory) => {
                        ModelError::TooLarge { needed: widened_bytes(weights.spec()) }
                    }
                    e => e,
                })?;
                Ok(model.in_what_is_free(max_memory.is_none()))
            }
        }
    }

    pub(super) fn on_device(device: Tensors, weights: &Weights, budget: MemoryBudget) -> Result<Self, ModelError> {
        Decoder::new(device, weights.clone(), budget).map(On::Device).map(Self)
    }

    /// Without a limit, four fifths of what the device has free beside the weights, where it says so.
    pub(super) fn in_what_is_free(mut self, unlimited: bool) -> Self {
        if let On::Device(d) = &mut self.0
            && unlimited
        {
            d.set_budget(d.ops().free().map_or(d.budget(), |free| d.budget().of_free(free)));
        }
        self
    }

    /// The model with which gradients' base products are computed so. What only looks (losses, log-probabilities, texts) is
    /// computed in f32 all the same.
    ///
    /// # Errors
    /// There is nothing here that would be faster so.
    pub fn computing(mut self, compute: Compute) -> Result<Self, ModelError> {
        on!(&mut self.0, d => {
            offered(compute, d.ops().computes(), d.ops().route())?;
            d.set_training(compute);
        });
        if let On::Cpu(d) = &mut self.0
            && compute == Compute::Int8
        {
            d.keep_codes();
        }
        Ok(self)
    }

    /// Takes gradients of the loss whose targets are smoothed by `factor` (transformers' `label_smoothing_factor`, 0 to
    /// below 1), which is then what their `nll` says. What is distilled or only evaluated stays as it is.
    #[must_use]
    pub fn with_label_smoothing(mut self, factor: f64) -> Self {
        on!(&mut self.0, d => d.set_label_smoothing(factor as f32));
        self
    }

    /// Reserves so many bytes that the program comes to hold; a device's memory they do not take.
    #[must_use]
    pub fn leaving(mut self, bytes: u64) -> Self {
        if let On::Cpu(d) = &mut self.0 {
            d.set_budget(d.budget().less(bytes));
        }
        self
    }

    /// Asks `stop` before each layer: once it says true, what is being computed is given up with [`ModelError::Stopped`].
    #[must_use]
    pub fn with_cancellation(mut self, stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let stop = Stop(Box::new(stop));
        on!(&mut self.0, d => d.set_stop(stop));
        self
    }

    pub fn label_smoothing(&self) -> f32 {
        on!(&self.0, d => d.label_smoothing())
    }

    /// Logits of every position, `ids.len() × vocab`.
    pub fn logits(&self, adapter: Option<&Adapter<Stored>>, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        on!(&self.0, d => d.logits_at(adapter, &[(ids, &(0..ids.len()).collect::<Vec<_>>())], false))
    }

    /// What the model makes of a text without an adapter, as one vector: the mean of its last hidden states, after the final
    /// norm, over every position.
    pub fn mean_hidden_state(&self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        on!(&self.0, d => d.mean_hidden_state(ids))
    }

    /// Log-softmax rows at the chosen positions only of each sequence (ids, positions), one after the other:
    /// `positions × vocab`. All in one pass, which reads the weights once.
    pub fn log_probs_at(
        &self,
        adapter: Option<&Adapter<Stored>>,
        asked: &[(&[u32], &[usize])],
    ) -> Result<Vec<f32>, ModelError> {
        on!(&self.0, d => d.logits_at(adapter, asked, true))
    }

    /// The last hidden states before the final norm at the chosen positions only, `positions × hidden`, all in one pass. With
    /// [`Model::log_probs_of`] the rows of [`Model::log_probs_at`], a few at a time: hidden states are small, and rows of the
    /// whole vocabulary are not.
    pub fn states_at(
        &self,
        adapter: Option<&Adapter<Stored>>,
        asked: &[(&[u32], &[usize])],
    ) -> Result<Vec<f32>, ModelError> {
        on!(&self.0, d => d.states_at(adapter, asked))
    }

    /// Log-softmax rows of hidden states of [`Model::states_at`], `states × vocab`.
    pub fn log_probs_of(&self, states: &[f32]) -> Result<Vec<f32>, ModelError> {
        on!(&self.0, d => d.log_probs_of(states))
    }

    /// Forward only.
    pub fn loss(&self, adapter: Option<&Adapter<Stored>>, sequences: &[Sequence<'_>]) -> Result<LossSums, ModelError> {
        on!(&self.0, d => d.loss(adapter, sequences))
    }

    /// Forward and backward of some sequences, in one pass where memory allows; *adds* to `grads` the gradient of `weight · Σ nll`
    /// (`weight` = 1 / trained tokens of the whole optimiser step). After an error `grads` hold a part of it, or nothing.
    pub fn loss_and_grads(
        &self,
        adapter: &Adapter<Stored>,
        sequences: &[Sequence<'_>],
        weight: f32,
        dropout: Option<Dropout>,
        grads: &mut Grads,
    ) -> Result<LossSums, ModelError> {
        on!(&self.0, d => d.loss_and_grads(adapter, sequences, weight, dropout, grads))
    }

    /// What [`Model::loss_and_grads`] of these sequences with an adapter of these ranks will take (without `back`,
    /// [`Model::loss`]); `dropout`: beginnings are not shared. Nothing is computed.
    ///
    /// # Errors
    /// What computing them would refuse.
    pub fn cost(
        &self,
        ranks: &Ranks,
        sequences: &[Sequence<'_>],
        dropout: bool,
        back: bool,
    ) -> Result<Cost, ModelError> {
        on!(&self.0, d => d.cost(ranks, sequences, !dropout, back))
    }

    /// Greedy (temperature 0, the lowest id on ties) or sampled; stops at `is_end` or max_tokens. `on_token` returning
    /// false stops. Returns the new ids (the end token left out).
    pub fn generate(
        &self,
        adapter: Option<&Adapter<Stored>>,
        prompt: &[u32],
        sampling: &Sampling,
        is_end: &dyn Fn(u32) -> bool,
        on_token: &mut dyn FnMut(u32) -> bool,
    ) -> Result<Vec<u32>, ModelError> {
        let mut new = Vec::new();
        self.generate_batch(adapter, &[prompt], sampling, is_end, &mut |_, event| {
            let GenerationEvent::Token(id) = event else { return true };
            new.push(id);
            on_token(id)
        })?;
        Ok(new)
    }

    /// [`Model::generate`] for many prompts, decoded together: the weights are read once for a token of each. A text comes
    /// out as it would alone, token by token. `on` gets (index of the prompt, event) and stops everything by returning
    /// false.
    ///
    /// # Errors
    /// A prompt that is empty, too long or not of this vocabulary: before any is begun.
    pub fn generate_batch(
        &self,
        adapter: Option<&Adapter<Stored>>,
        prompts: &[&[u32]],
        sampling: &Sampling,
        is_end: &dyn Fn(u32) -> bool,
        on: &mut dyn FnMut(usize, GenerationEvent) -> bool,
    ) -> Result<(), ModelError> {
        on!(&self.0, d => d.generate(adapter, prompts, sampling, is_end, on))
    }

    /// Logits of a position.
    pub fn vocab(&self) -> usize {
        on!(&self.0, d => d.spec().vocab)
    }

    /// Threads it computes with, all cores counted out; on a GPU the one that feeds it.
    pub fn threads(&self) -> usize {
        match &self.0 {
            On::Cpu(d) => d.ops().threads(),
            On::Device(_) => 1,
        }
    }

    /// Whether the host computes, whose memory is then what a training takes.
    pub fn on_cpu(&self) -> bool {
        matches!(self.0, On::Cpu(_))
    }

    /// How it computes, in one short line without the number of threads ("cpu avx512"): written into each checkpoint,
    /// because another route rounds differently.
    pub fn route(&self) -> String {
        let (route, compute) = match &self.0 {
            On::Cpu(d) => (format!("cpu {}", d.ops().route()), d.training()),
            On::Device(d) => (d.ops().route().to_owned(), d.training()),
        };
        match compute {
            Compute::F32 => route,
            compute => format!("{route} {}", compute.name()),
        }
    }

    /// What it holds of the weights, and of how many layers it keeps the values for the backward of what takes this, in words.
    ///
    /// # Errors
    /// It fits in no way.
    pub fn plan(&self, cost: &Cost) -> Result<String, ModelError> {
        let kept = on!(&self.0, d => kept_layers(d.budget(), cost)?);
        let values = match cost.layers - kept {
            0 => "all layers' values kept for the backward".to_owned(),
            again => format!("the values of {again} of {} layers computed again in the backward", cost.layers),
        };
        let (form, codes) = match &self.0 {
            On::Cpu(d) => ("as stored", d.codes_bytes() >> 20),
            On::Device(_) => ("widened on the device", 0),
        };
        let codes = if codes > 0 { format!(", and {codes} MiB for their codes in eight bits") } else { String::new() };
        Ok(format!("weights {form}, {} MiB{codes}; {values}", self.resident_bytes() >> 20))
    }

    /// Bytes that there are for values.
    pub fn available_bytes(&self) -> Option<u64> {
        on!(&self.0, d => d.budget().left())
    }

    /// Bytes that are held beside them, whatever they take; on a device, of its memory.
    pub fn beside(&self) -> u64 {
        on!(&self.0, d => d.budget().beside())
    }

    /// Bytes of the weights: as they are mapped, or widened on the device.
    pub fn resident_bytes(&self) -> u64 {
        match &self.0 {
            On::Cpu(d) => d.weights().stored_bytes(),
            On::Device(d) => widened_bytes(d.spec()),
        }
    }

    /// The CPU's, for tests that look inside.
    #[cfg(test)]
    pub(super) fn decoder(&self) -> &Decoder<Cpu> {
        match &self.0 {
            On::Cpu(d) => d,
            On::Device(_) => panic!("on a device"),
        }
    }
}
