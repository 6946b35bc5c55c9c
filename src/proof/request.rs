//! What is to be proved.

use std::path::Path;

use super::ProofError;
use crate::base::Base;
use crate::chat::Message;
use crate::lora::{Adapter, Hf};
use crate::ollama::Client;
use crate::store::Interrupt;

/// What is to be proved.
#[derive(Debug)]
pub struct Request<'a> {
    pub client: &'a Client,
    /// The registered candidate.
    pub model: &'a str,
    pub base: &'a Base,
    pub adapter: &'a Adapter<Hf>,
    /// The merged GGUF (or adapter GGUF) that was uploaded.
    pub exported: &'a Path,
    /// SYSTEM of the registered model, which the daemon puts before conversations that have none.
    pub system: Option<&'a str>,
    /// Conversations of the training set: their rendering is compared, and their prompts are among the probes.
    pub sample: &'a [Vec<Message>],
    pub probes: usize,
    /// `num_thread` as the user set it.
    pub num_thread: Option<u64>,
    /// Threads of the native forward; 0 = all cores.
    pub threads: usize,
    pub seed: u64,
    /// Context of the registered model: longer conversations are not put to it.
    pub num_ctx: usize,
    pub interrupt: Interrupt,
}

impl Request<'_> {
    pub(super) fn check_interrupt(&self) -> Result<(), ProofError> {
        if self.interrupt.raised() { Err(ProofError::Interrupted) } else { Ok(()) }
    }
}
