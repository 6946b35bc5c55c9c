//! What the loop asks of a model; a trait, so that the loop is tested without one.

use super::Job;
use crate::lora::{Adapter, Stored};
use crate::model::{Cost, Dropout, Grads, LossSums, Model, ModelError, Sequence};

/// A job whose model is anything that computes.
pub(super) type Work<'a> = Job<'a, dyn Engine + 'a>;

pub(super) trait Engine: std::fmt::Debug {
    fn loss(&self, adapter: &Adapter<Stored>, sequences: &[Sequence<'_>]) -> Result<LossSums, ModelError>;
    fn loss_and_grads(
        &self,
        adapter: &Adapter<Stored>,
        sequences: &[Sequence<'_>],
        weight: f32,
        dropout: Option<Dropout>,
        grads: &mut Grads,
    ) -> Result<LossSums, ModelError>;
    fn cost(&self, sequences: &[Sequence<'_>], dropout: bool, back: bool) -> Result<Cost, ModelError>;
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

    fn cost(&self, sequences: &[Sequence<'_>], dropout: bool, back: bool) -> Result<Cost, ModelError> {
        Model::cost(self, sequences, dropout, back)
    }

    fn route(&self) -> String {
        Model::route(self)
    }

    fn label_smoothing(&self) -> f32 {
        Model::label_smoothing(self)
    }
}
