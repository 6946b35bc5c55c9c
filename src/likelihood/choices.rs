//! Answers of which one is given: how likely each is after its prompt, as the whole answer.

use super::LikelihoodError;
use super::compare::{PASS, Pass, Subject};
use super::passages::{Exchange, MAX_EXCHANGE, Passage, encoded};
use crate::chat::{ChatTemplate, Message};
use crate::tokenizer::Tokenizer;

/// Tokens that a model reads of all questions of a suite together, at most.
const MAX_TOKENS: usize = 65_536;

/// A prompt, and the answers that may be given.
#[derive(Clone, Debug)]
pub struct ChoiceQuestion {
    pub messages: Vec<Message>,
    pub choices: Vec<String>,
}

/// A prompt with each of its answers, encoded.
#[derive(Clone, Debug)]
pub struct ChoicePassages {
    /// One for each choice.
    passages: Vec<Passage>,
    /// That are read: what the passages begin with in common once.
    tokens: usize,
}

impl ChoicePassages {
    /// Of ids that are known already.
    pub fn of_ids(passages: Vec<Passage>) -> Self {
        let tokens = read_once(&passages);
        Self { passages, tokens }
    }

    /// Tokens that each model reads.
    pub fn tokens(&self) -> u64 {
        self.tokens as u64
    }

    /// Of each choice: its ids, and the indices of the tokens that are scored.
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }
}

/// The questions as `template` writes them, each choice as the answer; its tokens are scored, and the token that ends the turn:
/// without that, an answer that begins another would never be the less likely of both. None: longer than `context` or 4,096
/// tokens, not to be encoded, or beyond the 65,536 tokens of all questions. Where that limit is reached, what is taken is spread
/// over the questions, as files are often sorted by their answers.
pub fn choices(
    questions: &[ChoiceQuestion],
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    context: usize,
) -> Vec<Option<ChoicePassages>> {
    let limit = MAX_EXCHANGE.min(context);
    let encode = |question: &ChoiceQuestion| {
        let answer = |choice: &String| {
            let exchange = Exchange { messages: question.messages.clone(), answer: choice.clone() };
            encoded(&exchange, template, tokenizer, limit).and_then(|answer| answer.with_end(tokenizer))
        };
        let passages = question.choices.iter().map(answer).collect::<Option<Vec<_>>>()?;
        Some(ChoicePassages::of_ids(passages)).filter(|of| of.tokens <= MAX_EXCHANGE)
    };
    let mut found = vec![None; questions.len()];
    let mut left = MAX_TOKENS;
    for i in spread(questions.len()) {
        let Some(of) = encode(&questions[i]) else { continue };
        // Encoding takes time, too: the first that is beyond the limit ends it.
        let Some(rest) = left.checked_sub(of.tokens) else { break };
        left = rest;
        found[i] = Some(of);
    }
    found
}

/// The numbers below `count`, so that those of any beginning of the list are spread over all of them: by their bits, the last one
/// first (the van der Corput sequence).
fn spread(count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    numbers.sort_by_key(|number| number.reverse_bits());
    numbers
}

/// Tokens of the first passage, and of each other what it does not share with the one before.
fn read_once(passages: &[Passage]) -> usize {
    let shared = |pair: &[Passage]| pair[0].ids.iter().zip(&pair[1].ids).take_while(|(a, b)| a == b).count();
    let first = passages.first().map_or(0, |passage| passage.ids.len());
    first + passages.windows(2).map(|pair| pair[1].ids.len() - shared(pair)).sum::<usize>()
}

/// The log-likelihood of each choice of each question, in nats; `progress` gets the tokens that are read. Questions are read
/// together, and what passages begin with in common is computed once.
///
/// # Errors
/// The model can't compute, was stopped, or gives what is no number.
pub fn choice_log_likelihoods(
    of: Subject<'_>,
    questions: &[ChoicePassages],
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Vec<f64>>, LikelihoodError> {
    let (mut found, mut read) = (Vec::new(), 0);
    let mut rest = questions;
    while !rest.is_empty() {
        let mut tokens = 0;
        let fit = rest.iter().take_while(|question| {
            tokens += question.tokens;
            tokens <= PASS
        });
        let (together, later) = rest.split_at(fit.count().max(1));
        let passages: Vec<Passage> = together.iter().flat_map(|question| question.passages.iter().cloned()).collect();
        let mut sums = Pass { passages: &passages, text: "choices" }.log_likelihoods(of)?.into_iter();
        found.extend(together.iter().map(|question| sums.by_ref().take(question.passages.len()).collect()));
        read += together.iter().map(ChoicePassages::tokens).sum::<u64>();
        progress(read);
        rest = later;
    }
    Ok(found)
}
