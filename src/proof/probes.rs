//! Fresh prompts: half from the training set's own turns, half made up from the seed, so that no prompt cache is warm
//! and no probe was tuned for.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ProofError, Request};
use crate::chat::{Message, Role};

/// Tokens generated per probe.
pub(super) const TOKENS: i64 = 16;

/// A prompt as text and ids (BOS by the tokenizer's rule in the ids only).
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub text: String,
    pub ids: Vec<u32>,
}

const SUBJECTS: &[&str] =
    &["river", "engine", "letter", "garden", "number", "teacher", "window", "market", "planet", "recipe"];
const ASKS: &[&str] = &[
    "Write one sentence about a {s} and the number {n}.",
    "What could a {s} have to do with {n} horses?",
    "List three words that fit a {s}. Code {n}.",
    "Explain to a child what a {s} is. ({n})",
    "Order {n}: describe the colour of a {s}.",
    "Is a {s} heavier than {n} stones? Say why.",
    "Continue: the {s} on page {n} was",
    "Translate into French: the {s} number {n} is late.",
];

/// Prompts that are made up for each that is needed, at most: some are too long for a small context.
const TRIES: usize = 8;

/// What the user would have the model answer: the conversation up to and with its last user turn.
pub(super) fn up_to_user(messages: &[Message]) -> Option<&[Message]> {
    let last = messages.iter().rposition(|m| m.role == Role::User)?;
    Some(&messages[..=last])
}

pub(super) fn ids(request: &Request<'_>, text: &str) -> Result<Vec<u32>, ProofError> {
    let tokenizer = &request.base.tokenizer;
    let bos = tokenizer.bos().filter(|_| tokenizer.adds_bos());
    Ok(bos.into_iter().chain(tokenizer.encode(text)?.into_iter().map(|t| t.id)).collect())
}

/// Whether the prompt and an answer are within the model's context: the daemon refuses what is longer.
pub(super) fn fits(request: &Request<'_>, ids: &[u32]) -> bool {
    ids.len() + TOKENS as usize <= request.num_ctx
}

/// `request.probes` prompts, the same for the same seed; fewer where the model's context has no place for so many.
pub(super) fn make(request: &Request<'_>) -> Result<Vec<Probe>, ProofError> {
    let mut rng = ChaCha8Rng::seed_from_u64(request.seed ^ 0x70726f6265);
    let mut trained: Vec<&[Message]> = request.sample.iter().filter_map(|c| up_to_user(c)).collect();
    trained.shuffle(&mut rng);
    let mut probes = Vec::with_capacity(request.probes);
    for messages in trained {
        if probes.len() == request.probes / 2 {
            break;
        }
        let text = request.base.template.render(messages, true)?.text;
        if fits(request, &ids(request, &text)?) {
            probes.push(text);
        }
    }
    for _ in 0..TRIES * request.probes {
        if probes.len() == request.probes {
            break;
        }
        let ask = ASKS.choose(&mut rng).copied().unwrap_or(ASKS[0]);
        let subject = SUBJECTS.choose(&mut rng).copied().unwrap_or(SUBJECTS[0]);
        let content = ask.replace("{s}", subject).replace("{n}", &rng.random_range(100..100_000).to_string());
        let text = request.base.template.render(&[Message { role: Role::User, content }], true)?.text;
        if fits(request, &ids(request, &text)?) {
            probes.push(text);
        }
    }
    probes.into_iter().map(|text| Ok(Probe { ids: ids(request, &text)?, text })).collect()
}
