//! Texts as token ids, with the tokens that are scored: the program's own general text, and the answers of suites.

use serde::Deserialize;

use super::LikelihoodError;
use crate::batch;
use crate::chat::{ChatTemplate, Message, Role};
use crate::dataset::{Content, Record};
use crate::store::Digest;
use crate::tokenizer::Tokenizer;

/// Tokens of a window of a plain text.
const WINDOW: usize = 512;
/// Tokens of a prompt with its answer, at most: what a pass holds grows with them.
pub(super) const MAX_EXCHANGE: usize = 4096;
/// Tokens of all passages of a text together, at most.
const MAX_TOKENS: usize = 16_384;

/// A sequence of tokens that both models read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    pub ids: Vec<u32>,
    /// Indices in `ids` of the tokens that are scored, rising, none of them the first.
    pub scored: Vec<usize>,
}

/// The passages of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passages {
    /// `general` or `own`.
    pub(super) name: &'static str,
    pub(super) passages: Vec<Passage>,
    /// Bytes of text that the scored tokens stand for.
    pub(super) bytes: u64,
    /// What the passages were made of: documents, or answers.
    pub(super) texts: usize,
    /// Texts that are not among them: too long, beyond the limit of tokens, or not to be encoded.
    pub(super) left_out: usize,
    /// Of the ids and the scored places.
    pub(super) digest: Digest,
}

impl Passages {
    fn new(name: &'static str) -> Self {
        let digest = Digest::of_bytes(&[]);
        Self { name, passages: Vec::new(), bytes: 0, texts: 0, left_out: 0, digest }
    }

    /// Of ids that are known already; `bytes`: what the scored tokens stand for.
    pub fn of_ids(name: &'static str, passages: Vec<Passage>, bytes: u64) -> Self {
        Self { texts: passages.len(), passages, bytes, ..Self::new(name) }.digested()
    }

    /// Takes a text whole, or leaves it out.
    fn take(&mut self, text: Option<Scored>) {
        let held: usize = self.passages.iter().map(|p| p.ids.len()).sum();
        match text {
            Some(text) if held + text.passages.iter().map(|p| p.ids.len()).sum::<usize>() <= MAX_TOKENS => {
                self.passages.extend(text.passages);
                self.bytes += text.bytes;
                self.texts += 1;
            }
            _ => self.left_out += 1,
        }
    }

    fn digested(mut self) -> Self {
        let of: Vec<_> = self.passages.iter().map(|p| (&p.ids, &p.scored)).collect();
        self.digest = Digest::of_bytes(serde_json::json!({"version": 1, "passages": of}).to_string().as_bytes());
        self
    }

    /// Tokens that each model reads.
    pub fn tokens(&self) -> u64 {
        self.passages.iter().map(|p| p.ids.len() as u64).sum()
    }

    /// Whether there is nothing to score.
    pub fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }
}

/// A text, encoded.
struct Scored {
    passages: Vec<Passage>,
    bytes: u64,
}

/// A line of the general text.
#[derive(Deserialize)]
struct Document {
    text: String,
}

/// The program's own text (`data/likelihood/general.jsonl`): prose of many kinds, some French, German and Spanish, some Python.
pub fn general(tokenizer: &Tokenizer, context: usize) -> Result<Passages, LikelihoodError> {
    const TEXT: &str = include_str!("../../data/likelihood/general.jsonl");
    let mut passages = Passages::new("general");
    for line in TEXT.lines() {
        let document: Document = serde_json::from_str(line).map_err(LikelihoodError::General)?;
        passages.take(Some(windows(&document.text, tokenizer, context)?));
    }
    Ok(passages.digested())
}

/// A text in windows that do not overlap, so that each token is scored once. A window begins with BOS, where the tokenizer adds
/// it, and with the last token of the window before; the first token of a text is scored only after BOS.
fn windows(text: &str, tokenizer: &Tokenizer, context: usize) -> Result<Scored, LikelihoodError> {
    let bos = tokenizer.bos().filter(|_| tokenizer.adds_bos());
    let tokens = tokenizer.encode(text)?;
    // A window holds BOS and the token before it, too.
    let width = WINDOW.min(context.saturating_sub(2)).max(1);
    let mut passages = Vec::new();
    let mut before = None;
    for window in tokens.chunks(width) {
        let mut ids: Vec<u32> = bos.into_iter().chain(before).collect();
        let first = ids.len().max(1);
        ids.extend(window.iter().map(|token| token.id));
        passages.push(Passage { scored: (first..ids.len()).collect(), ids });
        before = window.last().map(|token| token.id);
    }
    passages.retain(|p| !p.scored.is_empty());
    let unscored = tokens.first().filter(|_| bos.is_none()).map_or(0, |token| token.span.end);
    Ok(Scored { passages, bytes: (text.len() - unscored) as u64 })
}

/// A prompt of a suite, and the answer that is expected.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub messages: Vec<Message>,
    pub answer: String,
}

/// The expected answers after their prompts, as `template` writes both; only the answers' tokens are scored, their end of turn
/// left out.
pub fn answers(exchanges: &[Exchange], template: &ChatTemplate, tokenizer: &Tokenizer, context: usize) -> Passages {
    let mut passages = Passages::new("own");
    for exchange in exchanges {
        passages.take(answer(exchange, template, tokenizer, MAX_EXCHANGE.min(context)));
    }
    passages.digested()
}

/// None where it can't be encoded, or not whole.
fn answer(exchange: &Exchange, template: &ChatTemplate, tokenizer: &Tokenizer, limit: usize) -> Option<Scored> {
    let passage = encoded(exchange, template, tokenizer, limit)?.without_end(tokenizer)?;
    let answer: Vec<u32> = passage.scored.iter().map(|&i| passage.ids[i]).collect();
    let bytes = tokenizer.decode(&answer).ok()?.len() as u64;
    Some(Scored { passages: vec![passage], bytes })
}

/// A prompt and its answer as token ids.
pub(super) struct EncodedAnswer {
    ids: Vec<u32>,
    /// Indices in `ids` of the answer's tokens and of those that end its turn, rising.
    answer: Vec<usize>,
}

impl EncodedAnswer {
    /// The tokens after which a model writes no more.
    fn ends(&self, tokenizer: &Tokenizer) -> usize {
        self.answer.iter().rev().take_while(|&&i| tokenizer.is_end(self.ids[i])).count()
    }

    fn cut(mut self, scored: usize) -> Option<Passage> {
        self.answer.truncate(scored);
        self.ids.truncate(self.answer.last()? + 1);
        Some(Passage { ids: self.ids, scored: self.answer })
    }

    /// None where nothing else is in it.
    fn without_end(self, tokenizer: &Tokenizer) -> Option<Passage> {
        let scored = self.answer.len() - self.ends(tokenizer);
        self.cut(scored)
    }

    /// With the first token that ends the turn, where the template writes one.
    pub(super) fn with_end(self, tokenizer: &Tokenizer) -> Option<Passage> {
        let ends = self.ends(tokenizer);
        let scored = self.answer.len() - ends.saturating_sub(1);
        // An answer that is nothing but an end is no choice.
        if ends == self.answer.len() { None } else { self.cut(scored) }
    }
}

/// None where it can't be encoded, or not whole.
pub(super) fn encoded(
    exchange: &Exchange,
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    limit: usize,
) -> Option<EncodedAnswer> {
    let mut messages = exchange.messages.clone();
    let earlier = messages.iter().filter(|m| m.role == Role::Assistant).count();
    messages.push(Message::new(Role::Assistant, exchange.answer.clone()));
    let mut record = Record::new(1, Content::Chat(messages));
    record.untrained = (0..earlier).collect();
    let mut examples = batch::encode(&[record], Some(template), tokenizer, limit).ok()?.examples;
    let example = examples.pop().filter(|example| examples.is_empty() && example.cut == 0)?;
    let answer = (1..example.ids.len()).filter(|&i| example.mask[i]).collect();
    Some(EncodedAnswer { ids: example.ids, answer })
}
