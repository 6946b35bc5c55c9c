//! What the loop asks of a model; a trait, so that the loop is tested without one.

use crate::lora::{Adapter, Ranks, Stored};
use crate::model::{Cost, Dropout, Grads, LossSums, Model, ModelError, Sequence};

/// What computes a training; [`Model`] does.
pub trait Engine: std::fmt::Debug {
    fn loss(&self, adapter: &Adapter<Stored>, sequences: &[Sequence<'_>]) -> Result<LossSums, ModelError>;
    fn loss_and_grads(
        &self,
        adapter: &Adapter<Stored>,
        sequences: &[Sequence<'_>],
        weight: f32,
        dropout: Option<Dropout>,
        grads: &mut Grads,
    ) -> Result<LossSums, ModelError>;
    /// What [`Engine::loss_and_grads`] of these sequences will take, or without `back` [`Engine::loss`], with an adapter of
    /// these ranks. With `dropout`, beginnings are not shared.
    fn cost(&self, ranks: &Ranks, sequences: &[Sequence<'_>], dropout: bool, back: bool) -> Result<Cost, ModelError>;
    fn route(&self) -> String;
    fn label_smoothing(&self) -> f32;
}

impl Engine for Model {
    fn loss(&self, adapter: &Adapter<Stored>, sequences: &[Sequence<'_>]) -> Result<LossSums, ModelError> {
        Model::loss(self, Some(adapter), sequences)
    }

    fn loss_and_grads(
        &self,
        adapter: &Adapter<Stored>,
        sequences: &[Sequence<'_>],
        weight: f32,
        dropout: Option<Dropout>,
        grads: &mut Grads,
    ) -> Result<LossSums, ModelError> {
        Model::loss_and_grads(self, adapter, sequences, weight, dropout, grads)
    }

    fn cost(&self, ranks: &Ranks, sequences: &[Sequence<'_>], dropout: bool, back: bool) -> Result<Cost, ModelError> {
        Model::cost(self, ranks, sequences, dropout, back)
    }

    fn route(&self) -> String {
        Model::route(self)
    }

    fn label_smoothing(&self) -> f32 {
        Model::label_smoothing(self)
    }
}
