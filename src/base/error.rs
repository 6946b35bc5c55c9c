//! Why a base is not found or not opened.

/// Errors with a remedy are not transparent: they stay in the chain, where it is found.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    #[error(transparent)]
    Weights(#[from] crate::weights::WeightsError),
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error("{0}")]
    Tokenizer(#[from] crate::tokenizer::TokenizerError),
    #[error(transparent)]
    Chat(#[from] crate::chat::ChatError),
    #[error("{0}")]
    Ollama(#[from] crate::ollama::OllamaError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("{name}: no such base. Tried: {tried}")]
    NotFound { name: String, tried: String, remedy: String },
    #[error(
        "{name} carries an ADAPTER layer ({adapter}): its base can't be trained on as it is served; give the base model itself"
    )]
    HasAdapter { name: String, adapter: String },
    #[error("{name} is of the architecture {found:?}, which tunesmith can't train; it can: {known}")]
    Untrainable { name: String, found: String, known: String },
    #[error("{package} could not be fetched: {reason}")]
    Fetch { package: String, reason: String, remedy: String },
    #[error("{0}")]
    Other(String),
}

impl BaseError {
    /// What to do about it, where the message does not say that.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Self::NotFound { remedy, .. } | Self::Fetch { remedy, .. } => Some(remedy),
            _ => None,
        }
    }
}
