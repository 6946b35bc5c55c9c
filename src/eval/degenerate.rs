//! Answers that are no answers: cut by the daemon, empty, looping, leaking the template.

use super::answerer::{Answered, REPEAT_LIMIT, Reply};
use super::thought::without_thoughts;

/// Why an answer is degenerate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Degenerate {
    /// The request failed.
    Failed,
    /// The stream ended without `done`: cut by the transport, or by a daemon (Ollama 0.30 and later) that gave up on a loop or
    /// on bytes that are no UTF-8. The two look alike.
    NotDone,
    Empty,
    /// A thought that never ends.
    UnclosedThought,
    /// The end repeats itself, or the daemon gave up because it did.
    Loop,
    /// Marks of a chat template in the answer.
    Leak,
}

impl Degenerate {
    /// Not known to be the model's fault. Of v1 such an answer is not scored: counted as wrong, it would prove an improvement.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::NotDone)
    }
}

impl Reply {
    /// No answer, and not known to be the model's fault: see [`Degenerate::is_failure`].
    pub fn is_failure(&self) -> bool {
        degenerate(self).is_some_and(Degenerate::is_failure)
    }
}

/// None: a proper answer, though perhaps cut at its token limit (that is [`super::ArmScores::cut`]).
pub fn degenerate(reply: &Reply) -> Option<Degenerate> {
    let answer: &Answered = match reply {
        Reply::Failed(what) if what.contains(REPEAT_LIMIT) => return Some(Degenerate::Loop),
        Reply::Failed(_) => return Some(Degenerate::Failed),
        Reply::Answer(answer) => answer,
    };
    let spoken = without_thoughts(&answer.text);
    if !answer.done {
        Some(Degenerate::NotDone)
    } else if spoken.unclosed {
        Some(Degenerate::UnclosedThought)
    } else if spoken.text.is_empty() && answer.tool_calls.is_empty() {
        Some(Degenerate::Empty)
    } else if leaks(&answer.text) {
        Some(Degenerate::Leak)
    } else if loops(&answer.text) {
        Some(Degenerate::Loop)
    } else {
        None
    }
}

const MARKS: &[&str] = &[
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|endoftext|>",
    "[/INST]",
    "<start_of_turn>",
    "### Response:",
];

fn leaks(text: &str) -> bool {
    MARKS.iter().any(|m| text.contains(m))
}

const TAIL: usize = 900;
const LEAST_REPEATED: usize = 96;

/// Whether the text ends in at least three periods of anything up to 300 characters, 96 characters or more in all.
fn loops(text: &str) -> bool {
    let mut tail: Vec<char> = text.trim_end().chars().rev().take(TAIL).collect();
    tail.reverse();
    (1..=TAIL / 3).any(|period| {
        let repeated = (period..tail.len()).rev().take_while(|&i| tail[i] == tail[i - period]).count();
        // `repeated` characters equal the one a period before: with the first period that is repeated + period.
        let whole = repeated + period;
        repeated > 0 && whole >= LEAST_REPEATED && whole >= 3 * period
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Reply {
        Reply::Answer(Answered { text: text.into(), done: true, done_reason: "stop".into(), ..Answered::default() })
    }

    #[test]
    fn loops_are_seen_and_lists_are_not() {
        assert_eq!(degenerate(&said(&"ha".repeat(60))), Some(Degenerate::Loop));
        assert_eq!(
            degenerate(&said(&format!("Well, {}", "I am not sure what to say about that. ".repeat(4)))),
            Some(Degenerate::Loop)
        );
        let list: String = (1..80).map(|i| format!("{i}, ")).collect();
        assert_eq!(degenerate(&said(&list)), None);
        assert_eq!(degenerate(&said("no no no")), None);
        assert_eq!(
            degenerate(&said(
                &"The same sentence twice, which happens in honest answers too, now and then. ".repeat(2)
            )),
            None
        );
    }

    #[test]
    fn the_other_shapes() {
        assert_eq!(degenerate(&said(" \n")), Some(Degenerate::Empty));
        assert_eq!(degenerate(&said("<think>a</think> \n")), Some(Degenerate::Empty));
        assert_eq!(degenerate(&said("<think>the answer is 4")), Some(Degenerate::UnclosedThought));
        assert_eq!(degenerate(&said("<think>a</think> 4")), None);
        assert_eq!(degenerate(&said("ok<|im_end|>")), Some(Degenerate::Leak));
        assert_eq!(degenerate(&Reply::Failed("HTTP 500".into())), Some(Degenerate::Failed));
        let gave_up = Reply::Failed("prediction aborted, token repeat limit reached".into());
        assert_eq!(degenerate(&gave_up), Some(Degenerate::Loop));
        assert_eq!(
            degenerate(&Reply::Answer(Answered { text: "x".into(), ..Answered::default() })),
            Some(Degenerate::NotDone)
        );
    }
}
