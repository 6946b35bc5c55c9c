//! How likely a model finds a reply, computed by this program on the very weights that the daemon serves.

use crate::base::Base;
use crate::batch;
use crate::chat::{Message, Role};
use crate::commands::{Context, Failure};
use crate::dataset::{Content, Record};
use crate::generate::llm::{Likelihood, LikelihoodMeasure, WriterError};
use crate::model::{Model, Sequence};

/// A base that rates replies.
pub(super) struct NativeLikelihood {
    base: Base,
    model: Model,
}

impl NativeLikelihood {
    /// Fails where the model is of a family, or in a place, that this program can't compute.
    pub(super) fn open(context: &mut Context<'_>, model: &str) -> Result<Self, Failure> {
        Self::of(context.open_base(model)?)
    }

    pub(super) fn of(base: Base) -> Result<Self, Failure> {
        let model = Model::new(&base.weights, 0)?;
        Ok(Self { base, model })
    }

    /// Sum of log P over the tokens of `answer`, its end of turn included, and their number.
    fn sums(&self, messages: &[Message], answer: &str) -> Result<Option<(f64, u64)>, Failure> {
        let answer = Message::new(Role::Assistant, answer);
        let conversation = messages.iter().cloned().chain([answer]).collect();
        let record = Record::new(1, Content::Chat(conversation));
        let limit = self.base.weights.config().context;
        let encoded = batch::encode(&[record], Some(&self.base.template), &self.base.tokenizer, limit)?;
        let [example] = encoded.examples.as_slice() else { return Ok(None) };
        if example.cut > 0 {
            return Ok(None);
        }
        // Position i predicts token i + 1; what stands after the last trained token is not fed.
        let Some(last) = example.mask.iter().rposition(|trained| *trained) else { return Ok(None) };
        let following = example.ids.iter().zip(&example.mask).take(last + 1).skip(1);
        let targets: Vec<Option<u32>> = following.map(|(id, trained)| trained.then_some(*id)).collect();
        let ids = example.ids.get(..last).unwrap_or_default();
        let sequence = Sequence { ids, targets: &targets, distilled: false };
        let sums = self.model.loss(None, &[sequence])?;
        Ok((sums.tokens > 0).then_some((-sums.nll, sums.tokens)))
    }
}

impl Likelihood for NativeLikelihood {
    fn log_probability(&self, messages: &[Message], answer: &str) -> Result<f64, WriterError> {
        let failed = |reason: String| WriterError::Failed { reason };
        match self.sums(messages, answer).map_err(|e| failed(e.message()))? {
            Some((sum, tokens)) => Ok(sum / tokens as f64),
            None => Err(failed("the prompt is longer than the model's context".to_owned())),
        }
    }

    fn measure(&self) -> LikelihoodMeasure {
        LikelihoodMeasure::Lift
    }

    fn identity(&self) -> String {
        format!("{} native {}", self.base.weights_digest(), env!("CARGO_PKG_VERSION"))
    }
}
