//! Whether two models have the same tokens: only then can their probabilities be compared.

use super::LikelihoodError;
use super::passages::general;
use crate::tokenizer::Tokenizer;

/// The tokens of a model.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary<'a> {
    /// The model's.
    pub name: &'a str,
    pub tokenizer: &'a Tokenizer,
    /// Of the embedding, and logits of a position.
    pub rows: usize,
}

/// Refuses models whose vocabularies differ: in size, in a token, in the rule for BOS, or in how a text is cut into tokens.
pub fn check_same(v1: Vocabulary<'_>, v2: Vocabulary<'_>, context: usize) -> Result<(), LikelihoodError> {
    let differ =
        |what: String| Err(LikelihoodError::Vocabulary { v1: v1.name.to_owned(), v2: v2.name.to_owned(), what });
    if v1.rows != v2.rows {
        return differ(format!("{} logits and {} logits a position", v1.rows, v2.rows));
    }
    let (first, second) = (v1.tokenizer, v2.tokenizer);
    if first.vocab_size() != second.vocab_size() {
        return differ(format!("{} tokens and {} tokens", first.vocab_size(), second.vocab_size()));
    }
    let other = (0..first.vocab_size() as u32).find(|&id| first.token_text(id) != second.token_text(id));
    if let Some(id) = other {
        let [a, b] = [first, second].map(|of| of.token_text(id).unwrap_or_default());
        return differ(format!("token {id} is {a:?} and {b:?}"));
    }
    let bos = |of: &Tokenizer| of.bos().filter(|_| of.adds_bos());
    if bos(first) != bos(second) {
        return differ("only one of them begins a text with BOS, or each with another".to_owned());
    }
    if general(first, context)? != general(second, context)? {
        return differ("they have the same tokens, but cut a text into other ones".to_owned());
    }
    Ok(())
}
