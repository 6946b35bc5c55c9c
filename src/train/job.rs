//! What is to be trained, and where to.

use std::path::Path;

use super::{Engine, TrainConfig};
use crate::batch::Example;
use crate::lora::{Adapter, Hf, Origin};
use crate::store::Interrupt;
use crate::weights::Weights;

/// Trains, writing `checkpoint-N/`, `metrics.jsonl`, `final/` under `output`. With `resume`, continues from the newest
/// good checkpoint there (or starts when there is none at all); without, what an earlier run left there is replaced.
/// `tokenizer_files` (name, text) are laid beside the adapter. `from_adapter` brings its own rank, alpha and targets.
#[derive(Debug)]
pub struct Job<'a> {
    pub weights: &'a Weights,
    pub model: &'a dyn Engine,
    pub base_name: &'a str,
    /// Written beside every adapter: the base that it belongs to.
    pub origin: Option<&'a Origin>,
    pub tokenizer_files: &'a [(String, String)],
    pub train: &'a [Example],
    pub eval: &'a [Example],
    pub config: &'a TrainConfig,
    pub from_adapter: Option<Adapter<Hf>>,
    pub output: &'a Path,
    pub resume: bool,
    pub interrupt: Interrupt,
}
