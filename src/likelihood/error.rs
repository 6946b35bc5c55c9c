//! Why the likelihoods of two models are not compared.

#[derive(Debug, thiserror::Error)]
pub enum LikelihoodError {
    /// The probabilities of two vocabularies have nothing in common.
    #[error("the vocabularies of {v1} and {v2} differ, so their likelihoods can't be compared: {what}")]
    Vocabulary { v1: String, v2: String, what: String },
    #[error("{model} gives log-probabilities that are not finite in the text {text:?}: its file is damaged")]
    NotFinite { model: String, text: &'static str },
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    /// Not transparent: the error stays in the chain, with its remedy.
    #[error("{0}")]
    Tokenizer(#[from] crate::tokenizer::TokenizerError),
    /// The program's own text.
    #[error("data/likelihood/general.jsonl: {0}")]
    General(serde_json::Error),
}
