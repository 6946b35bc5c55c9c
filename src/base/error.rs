//! Why a base is not found or not opened.

#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    #[error(transparent)]
    Weights(#[from] crate::weights::WeightsError),
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error(transparent)]
    Tokenizer(#[from] crate::tokenizer::TokenizerError),
    #[error(transparent)]
    Chat(#[from] crate::chat::ChatError),
    /// Not transparent: the daemon's error stays in the chain, with its remedy.
    #[error("{0}")]
    Ollama(#[from] crate::ollama::OllamaError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("{name}: no such base. Tried: {tried}\n  {remedy}")]
    NotFound { name: String, tried: String, remedy: String },
    #[error(
        "{name} carries an ADAPTER layer ({adapter}): its base can't be trained on as it is served; give the base model itself"
    )]
    HasAdapter { name: String, adapter: String },
    #[error("{name} is of the architecture {found:?}, which tunesmith can't train; it can: {known}")]
    Untrainable { name: String, found: String, known: String },
    #[error("{package} could not be fetched: {reason}\n  {remedy}")]
    Fetch { package: String, reason: String, remedy: String },
    #[error("{0}")]
    Other(String),
}
