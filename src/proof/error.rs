//! Why a proof could not be made.

use crate::ollama::SECOND_ENGINE;

#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Not transparent: the daemon's error stays in the chain, with its remedy.
    #[error("{0}")]
    Ollama(#[from] crate::ollama::OllamaError),
    #[error(transparent)]
    Chat(#[from] crate::chat::ChatError),
    /// Not transparent: the error stays in the chain, with its remedy.
    #[error("{0}")]
    Tokenizer(#[from] crate::tokenizer::TokenizerError),
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    #[error(transparent)]
    Weights(#[from] crate::weights::WeightsError),
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error(transparent)]
    Export(#[from] crate::export::ExportError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("interrupted")]
    Interrupted,
    #[error(
        "the embedded server computed the probes by {found:?}, not by {SECOND_ENGINE}: a self-check needs another implementation than the native engine; end that server and start the one of this version"
    )]
    NoSecondOpinion { found: String },
    #[error("{0} is not registered: register it before proving it")]
    NotRegistered(String),
}
