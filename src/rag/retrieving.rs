//! An answerer that retrieves before it asks another one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use crate::chat::{Message, Role};
use crate::eval::{Answerer, Question, Reply};
use crate::store::Digest;

use super::chunk::Chunk;
use super::error::RagError;
use super::prompt::PromptStyle;
use super::retriever::Search;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What was retrieved for a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieved {
    /// Every chunk that was found, best first, with its score.
    pub found: Vec<Digest>,
    pub scores: Vec<f32>,
    /// Places of the extracts among the chunks, in the order of their numbers in the prompt.
    pub used: Vec<usize>,
    /// Found among the first k, but too long for the budget.
    pub left_out: usize,
    /// Of the search, the embedder's time included; no part of the answer's seconds.
    pub seconds: f64,
    system: String,
    user: String,
}

/// How many chunks are found for each question, for the retrieval metrics; the prompt takes the first k of them.
const FOUND: usize = 10;

/// What is searched for a conversation: its last two user turns, because `And its version?` asks about what the turn before
/// names. Empty: there is no user turn.
pub fn search_text(messages: &[Message]) -> String {
    let mut turns: Vec<&str> =
        messages.iter().rev().filter(|m| m.role == Role::User).take(2).map(|m| m.content.as_str()).collect();
    turns.reverse();
    turns.join("\n")
}

/// Asks `answerer` with what `search` finds for the last user turns ([`search_text`]).
///
/// The last turn becomes the extracts and the question; the instructions follow the system turn, or are one of their own. An
/// answer's `prompt_tokens` hold the extracts, because the answerer counts the prompt as it is sent. Each text is searched once,
/// however often it is asked, so that all models get the same prompt.
pub struct Retrieving<'a> {
    answerer: &'a dyn Answerer,
    search: RefCell<&'a mut dyn Search>,
    prompt: RagPrompt<'a>,
    /// By [`messages_key`].
    retrieved: RefCell<BTreeMap<Digest, Retrieved>>,
}

/// How prompts are made.
#[derive(Clone)]
pub struct RagPrompt<'a> {
    pub style: PromptStyle,
    /// Most tokens of the system and the user text together.
    pub budget: usize,
    pub count: &'a dyn Fn(&str) -> usize,
}

impl std::fmt::Debug for RagPrompt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RagPrompt").field("style", &self.style).field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Retrieving<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retrieving").field("prompt", &self.prompt).finish_non_exhaustive()
    }
}

impl<'a> Retrieving<'a> {
    pub fn new(answerer: &'a dyn Answerer, search: &'a mut dyn Search, prompt: RagPrompt<'a>) -> Self {
        Self { answerer, search: RefCell::new(search), prompt, retrieved: RefCell::default() }
    }

    /// What was retrieved for a conversation; None: it was not asked.
    pub fn retrieved(&self, messages: &[Message]) -> Option<Retrieved> {
        self.retrieved.borrow().get(&messages_key(messages)).cloned()
    }

    fn retrieve(&self, messages: &[Message], question: &str) -> Result<Retrieved, RagError> {
        if let Some(known) = self.retrieved(messages) {
            return Ok(known);
        }
        let searched = search_text(messages);
        let mut search = self.search.borrow_mut();
        let k = FOUND.max(self.prompt.style.k);
        if self.retrieved.borrow().is_empty() {
            // The first search may load the embedder, which is no part of any question's time.
            search.find(&searched, k)?;
        }
        let start = Instant::now();
        let hits = search.find(&searched, k)?;
        let seconds = start.elapsed().as_secs_f64();
        let chunks = search.chunks();
        let hits: Vec<_> = hits.iter().filter_map(|hit| Some((hit, chunks.get(hit.chunk)?))).collect();
        let ranked: Vec<&Chunk> = hits.iter().map(|(_, chunk)| *chunk).collect();
        let RagPrompt { style, budget, count } = &self.prompt;
        let prompt = style.assemble(question, &ranked, *budget, *count);
        let retrieved = Retrieved {
            found: ranked.iter().map(|chunk| chunk.id).collect(),
            scores: hits.iter().map(|(hit, _)| hit.score).collect(),
            used: prompt.used.iter().filter_map(|place| Some(hits.get(*place)?.0.chunk)).collect(),
            left_out: prompt.left_out,
            seconds,
            system: prompt.system,
            user: prompt.user,
        };
        self.retrieved.borrow_mut().insert(messages_key(messages), retrieved.clone());
        Ok(retrieved)
    }

    /// The question as it is sent.
    fn rewritten(&self, question: &Question) -> Result<Question, RagError> {
        let mut rewritten = question.clone();
        let last = rewritten.messages.iter_mut().rfind(|m| m.role == Role::User).ok_or(RagError::NoQuestion)?;
        let retrieved = self.retrieve(&question.messages, &last.content)?;
        last.content = retrieved.user;
        match rewritten.messages.first_mut().filter(|m| m.role == Role::System) {
            Some(system) => system.content = format!("{}\n\n{}", system.content.trim_end(), retrieved.system),
            None => rewritten.messages.insert(0, Message::new(Role::System, retrieved.system)),
        }
        Ok(rewritten)
    }
}

/// Two conversations with one key are one.
fn messages_key(messages: &[Message]) -> Digest {
    Digest::of_bytes(serde_json::json!(messages).to_string().as_bytes())
}

impl Answerer for Retrieving<'_> {
    fn warm_up(&self, model: &str) -> Result<(), Cause> {
        self.answerer.warm_up(model)
    }

    fn ask(&self, question: &Question) -> Result<Reply, Cause> {
        self.answerer.ask(&self.rewritten(question)?)
    }

    fn ask_many(&self, questions: &[&Question], on: &mut dyn FnMut(usize, Result<Reply, Cause>) -> bool) {
        let mut rewritten = Vec::with_capacity(questions.len());
        for (index, question) in questions.iter().enumerate() {
            match self.rewritten(question) {
                Ok(question) => rewritten.push(question),
                Err(fault) => {
                    on(index, Err(fault.into()));
                    return;
                }
            }
        }
        self.answerer.ask_many(&rewritten.iter().collect::<Vec<_>>(), on);
    }

    fn served_system(&self, model: &str) -> Result<Option<String>, Cause> {
        self.answerer.served_system(model)
    }

    fn digest(&self, model: &str) -> Result<String, Cause> {
        self.answerer.digest(model)
    }

    /// Of the question with its extracts, so that an answer to other extracts is not taken for one to these.
    fn request(&self, question: &Question) -> Result<String, Cause> {
        self.answerer.request(&self.rewritten(question)?)
    }
}
