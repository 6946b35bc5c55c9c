//! Calls through the journal. What makes an example is a function of the answers: where one is not there yet it returns the
//! call that it waits for, the calls of several examples are made together, and it is started again. A resumed run is the
//! same with more answers at the start.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::chat::Message;
use crate::generate::{Journal, JournalLine};
use crate::store::Digest;

use super::error::LlmError;
use super::options::call_seed;
use super::prompt::Prompt;
use super::rejected::{Rejected, Rejection};
use super::writer::{Participants, WriteRequest, WriterError, Written};

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum Stage {
    Evidence,
    Question,
    Paraphrase,
    RoundTrip,
    ClosedBook,
    Consistency,
    YesNo,
    RateWithUnit,
    RateAlone,
}

impl Stage {
    fn is_judges(self) -> bool {
        matches!(self, Self::RoundTrip | Self::ClosedBook | Self::Consistency | Self::YesNo)
    }
}

/// An answer of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAnswer {
    Written(Written),
    /// In nats, as [`super::Likelihood::log_probability`] gives it.
    LogProbability(f64),
}

#[derive(Clone, Debug)]
enum Ask {
    Write(WriteRequest),
    Rate { messages: Vec<Message>, answer: String },
}

/// A call that has no answer yet.
#[derive(Clone, Debug)]
pub(super) struct Call {
    key: Digest,
    item: Digest,
    stage: Stage,
    ask: Ask,
}

impl Call {
    fn request(&self) -> Option<&WriteRequest> {
        if let Ask::Write(request) = &self.ask { Some(request) } else { None }
    }
}

/// What the calls of one example took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CallCost {
    pub calls: usize,
    pub seconds: f64,
    pub prompt_tokens: u64,
    pub tokens: u64,
}

impl CallCost {
    pub(super) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.seconds += other.seconds;
        self.prompt_tokens += other.prompt_tokens;
        self.tokens += other.tokens;
    }
}

/// How one call is sampled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    pub(super) attempt: u32,
    pub(super) temperature: f64,
    pub(super) top_logprobs: u8,
}

impl Sampling {
    pub(super) const GREEDY: Self = Self { attempt: 0, temperature: 0.0, top_logprobs: 0 };
}

/// All answers that there are.
pub(super) struct Calls<'a> {
    pub(super) parts: Participants<'a>,
    journal: &'a mut Journal<CallAnswer>,
    /// In this run; the next run asks again.
    failed: BTreeMap<Digest, String>,
    identities: [String; 3],
    num_ctx: u64,
}

impl<'a> Calls<'a> {
    pub(super) fn new(parts: Participants<'a>, journal: &'a mut Journal<CallAnswer>, num_ctx: u64) -> Self {
        let likelihood = parts.likelihood.map(|l| l.identity()).unwrap_or_default();
        let identities = [parts.writer.identity(), parts.judge.identity(), likelihood];
        Self { parts, journal, failed: BTreeMap::new(), identities, num_ctx }
    }

    fn model(&self, call: Stage) -> &str {
        let [writer, judge, likelihood] = &self.identities;
        match call {
            Stage::RateAlone | Stage::RateWithUnit => likelihood,
            stage if stage.is_judges() => judge,
            _ => writer,
        }
    }

    fn key(&self, item: &Digest, stage: Stage, ask: &Ask) -> Digest {
        let name: &str = stage.into();
        let request = match ask {
            Ask::Write(request) => json!(request),
            Ask::Rate { messages, answer } => json!({"messages": messages, "answer": answer}),
        };
        let text = json!(["llm call v1", item, name, self.model(stage), request]).to_string();
        Digest::of_bytes(text.as_bytes())
    }

    /// Makes calls and keeps their answers.
    pub(super) fn make(&mut self, mut calls: Vec<Call>) -> Result<(), LlmError> {
        let mut seen = BTreeSet::new();
        calls.retain(|call| seen.insert(call.key));
        let rates: Vec<Call> = calls.extract_if(.., |call| matches!(call.ask, Ask::Rate { .. })).collect();
        let judged: Vec<Call> = calls.extract_if(.., |call| call.stage.is_judges()).collect();
        self.write(&calls)?;
        self.write(&judged)?;
        rates.iter().try_for_each(|call| self.rate(call))
    }

    fn write(&mut self, calls: &[Call]) -> Result<(), LlmError> {
        let Some(first) = calls.first() else { return Ok(()) };
        let parts = self.parts;
        let model = if first.stage.is_judges() { parts.judge } else { parts.writer };
        let requests: Vec<&WriteRequest> = calls.iter().filter_map(Call::request).collect();
        self.check_interrupt()?;
        let mut fault = None;
        model.write_many(&requests, &mut |index, result| {
            let Some(call) = calls.get(index) else { return true };
            let kept = match result {
                Ok(written) if !written.done => self.fail(call, &format!("it ended early ({})", written.done_reason)),
                Ok(written) => self.keep(call, CallAnswer::Written(written)),
                Err(WriterError::Failed { reason }) => self.fail(call, &reason),
                Err(stopped) => Err(stopped.into()),
            };
            let result = kept.and_then(|()| self.check_interrupt());
            fault = fault.take().or(result.err());
            fault.is_none()
        });
        match fault {
            Some(fault) => Err(fault),
            None => calls.iter().try_for_each(|call| self.check_answered(call)),
        }
    }

    /// A writer that leaves a request out would be asked for ever.
    fn check_answered(&mut self, call: &Call) -> Result<(), LlmError> {
        let answered = self.journal.get(&call.key).is_some() || self.failed.contains_key(&call.key);
        if answered { Ok(()) } else { self.fail(call, "no answer was given") }
    }

    fn rate(&mut self, call: &Call) -> Result<(), LlmError> {
        self.check_interrupt()?;
        let (Ask::Rate { messages, answer }, Some(model)) = (&call.ask, self.parts.likelihood) else { return Ok(()) };
        match model.log_probability(messages, answer) {
            Ok(value) if value.is_finite() => self.keep(call, CallAnswer::LogProbability(value)),
            Ok(value) => self.fail(call, &format!("the log-probability is {value}")),
            Err(WriterError::Failed { reason }) => self.fail(call, &reason),
            Err(stopped) => Err(stopped.into()),
        }
    }

    fn check_interrupt(&self) -> Result<(), LlmError> {
        // How many examples there are is filled in by the caller.
        if self.parts.interrupt.raised() { Err(LlmError::Interrupted { accepted: 0 }) } else { Ok(()) }
    }

    fn line(call: &Call) -> JournalLine {
        let name: &str = call.stage.into();
        JournalLine { key: call.key, item: call.item, stage: name.to_owned() }
    }

    fn keep(&mut self, call: &Call, answer: CallAnswer) -> Result<(), LlmError> {
        Ok(self.journal.put(Self::line(call), answer)?)
    }

    fn fail(&mut self, call: &Call, reason: &str) -> Result<(), LlmError> {
        self.journal.put_failure(Self::line(call), reason)?;
        self.failed.insert(call.key, reason.to_owned());
        Ok(())
    }
}

/// A call without an answer: what the making of an example waits for.
pub(super) type Pause = Box<Call>;

/// What stops one attempt.
#[derive(Debug)]
pub(super) enum Stop {
    Waits(Pause),
    Rejected(Rejection),
}

impl From<Pause> for Stop {
    fn from(call: Pause) -> Self {
        Self::Waits(call)
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// The calls of one example.
pub(super) struct Asked<'a> {
    calls: &'a Calls<'a>,
    item: Digest,
    pub(super) cost: CallCost,
}

impl<'a> Asked<'a> {
    pub(super) fn new(calls: &'a Calls<'a>, item: Digest) -> Self {
        Self { calls, item, cost: CallCost::default() }
    }

    pub(super) fn parts(&self) -> Participants<'a> {
        self.calls.parts
    }

    /// The request of a prompt.
    fn request(&self, prompt: Prompt, sampling: Sampling) -> WriteRequest {
        WriteRequest {
            messages: prompt.messages,
            schema: prompt.schema,
            max_tokens: prompt.max_tokens,
            seed: call_seed(&self.item, sampling.attempt),
            temperature: sampling.temperature,
            num_ctx: self.calls.num_ctx,
            top_logprobs: sampling.top_logprobs,
        }
    }

    /// What was written to a prompt.
    pub(super) fn write(&mut self, stage: Stage, prompt: Prompt, sampling: Sampling) -> Result<&'a Written, Stop> {
        let ask = Ask::Write(self.request(prompt, sampling));
        let CallAnswer::Written(written) = self.answer(stage, ask)? else {
            return Err(Rejection::new(Rejected::CallFailed, "the journal holds a number").into());
        };
        let Written { seconds, prompt_tokens, tokens, .. } = *written;
        self.cost.add(CallCost { calls: 1, seconds, prompt_tokens, tokens });
        Ok(written)
    }

    /// The log-probability of an answer.
    pub(super) fn rate(&mut self, stage: Stage, messages: Vec<Message>, answer: &str) -> Result<f64, Stop> {
        let ask = Ask::Rate { messages, answer: answer.to_owned() };
        let CallAnswer::LogProbability(value) = self.answer(stage, ask)? else {
            return Err(Rejection::new(Rejected::CallFailed, "the journal holds a text").into());
        };
        self.cost.calls += 1;
        Ok(*value)
    }

    fn answer(&self, stage: Stage, ask: Ask) -> Result<&'a CallAnswer, Stop> {
        let calls = self.calls;
        let key = calls.key(&self.item, stage, &ask);
        match (calls.journal.get(&key), calls.failed.get(&key)) {
            (Some(answer), _) => Ok(answer),
            (None, Some(reason)) => Err(Rejection::new(Rejected::CallFailed, reason).into()),
            (None, None) => Err(Stop::Waits(Box::new(Call { key, item: self.item, stage, ask }))),
        }
    }
}

/// Makes each of `count` results, with the calls of all of them that wait made together.
pub(super) fn settle<T>(
    calls: &mut Calls<'_>,
    count: usize,
    make: impl Fn(usize, &Calls<'_>) -> Result<T, Pause>,
) -> Result<Vec<T>, LlmError> {
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    loop {
        let mut waiting = Vec::new();
        for (index, result) in results.iter_mut().enumerate().filter(|(_, r)| r.is_none()) {
            match make(index, calls) {
                Ok(made) => *result = Some(made),
                Err(call) => waiting.push(*call),
            }
        }
        if waiting.is_empty() {
            return Ok(results.into_iter().flatten().collect());
        }
        calls.make(waiting)?;
    }
}
