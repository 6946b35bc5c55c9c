//! A request as an engine takes it, and the lines of its answer.

use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::mpsc;

use super::reply::{line, now};
use super::sample::{Piece, Settings, Writing};
use crate::ollama::wire::{Reply, ReplyMessage};

/// A request as an engine takes it.
#[derive(Debug)]
pub(super) struct Job {
    pub name: String,
    pub chat: bool,
    pub context: bool,
    pub ids: Vec<u32>,
    pub settings: Settings,
    pub stream: bool,
    pub lines: mpsc::Sender<Bytes>,
}

/// How long the parts of an answer took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub total: Duration,
    pub load: Duration,
    pub prompt: Duration,
    pub answer: Duration,
}

impl Job {
    pub(super) fn piece_line(&self, piece: Piece) -> Bytes {
        line(&Reply { logprobs: piece.logprobs, ..self.reply(&piece.text) })
    }

    /// The last line; of an answer that is not streamed, with all its text. `engine`: who computed it.
    pub(super) fn done_line(&self, writing: &mut Writing, times: Times, engine: &str) -> Bytes {
        let mut reply = self.reply(if self.stream { "" } else { &writing.text });
        reply.done = true;
        reply.done_reason = writing.reason.to_owned();
        reply.total_duration = Some(nanos(times.total));
        reply.load_duration = Some(nanos(times.load));
        reply.prompt_eval_count = Some(self.ids.len() as u64);
        reply.prompt_eval_duration = Some(nanos(times.prompt));
        reply.eval_count = Some(writing.count as u64);
        reply.eval_duration = Some(nanos(times.answer));
        reply.engine = engine.to_owned();
        if !self.stream {
            reply.logprobs = std::mem::take(&mut writing.logprobs);
        }
        if self.context {
            reply.context = Some(self.ids.iter().chain(&writing.ids).copied().collect());
        }
        line(&reply)
    }

    /// A streamed answer that only its context ends; one line a token.
    #[cfg(test)]
    pub(super) fn endless(ids: Vec<u32>, lines: mpsc::Sender<Bytes>) -> Self {
        let options = serde_json::json!({"temperature": 0, "num_predict": -1});
        let asked = options.as_object().cloned().unwrap_or_default();
        let Ok(settings) = Settings::read(&[], &asked, Some(0)) else { unreachable!("these options are numbers") };
        Self { name: "m".to_owned(), chat: false, context: false, ids, settings, stream: true, lines }
    }

    fn reply(&self, text: &str) -> Reply {
        let mut reply = Reply { model: self.name.clone(), created_at: now(), ..Reply::default() };
        if self.chat {
            reply.message =
                Some(ReplyMessage { role: "assistant".into(), content: text.to_owned(), ..ReplyMessage::default() });
        } else {
            reply.response = Some(text.to_owned());
        }
        reply
    }
}

fn nanos(d: std::time::Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
