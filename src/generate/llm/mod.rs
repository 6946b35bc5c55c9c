//! Questions that a model writes, and the checks that reject what the documents do not support.
//!
//! The order: [`generate`] makes the plan (units of prose, items to be worded again), calibrates the checks on replies that
//! are known to be right or wrong, and asks for each entry in small calls: evidence, then the question that it answers; or
//! the paraphrase of a given question. What the checks c1 to c9 reject is tried again twice, then the next entry is taken.
//! Every call is kept in the journal.

mod auc;
mod calibration;
mod calls;
mod error;
mod estimate;
mod evidence;
mod form;
mod judging;
mod made;
mod numbers;
mod options;
mod phrases;
mod plan;
mod prompt;
mod prose;
mod rejected;
mod reply;
mod run;
mod samples;
mod scores;
#[cfg(test)]
mod tests;
mod text;
mod values;
mod wording;
mod writer;

pub use auc::{auc, threshold};
pub use calibration::{Calibration, Check, CheckResult};
pub use calls::{CallAnswer, CallCost};
pub use error::LlmError;
pub use estimate::{Estimate, TimedEntry, estimate};
pub use judging::yes_share;
pub use options::{CheckOptions, LlmOptions, Tier, tier};
pub use rejected::{Rejected, RejectedDraft};
pub use run::{LlmEvent, LlmOutcome, Progress, Sources, check_writer, generate};
pub use writer::{
    Alternative, Likelihood, LikelihoodMeasure, Participants, Token, WriteRequest, Writer, WriterError, Written,
};
