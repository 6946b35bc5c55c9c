//! A model of the daemon that writes by a schema.

use serde_json::Value;

use crate::commands::Failure;
use crate::commands::daemon::for_each_parallel;
use crate::generate::llm::{Alternative, Token, WriteRequest, Writer, WriterError, Written};
use crate::ollama::{Ask, Client, OllamaError, Options, Prompt};

/// Writes through `/api/chat` with a schema.
pub(super) struct DaemonWriter<'a> {
    client: &'a Client,
    /// Calls at the same time.
    parallel: usize,
    model: String,
    digest: String,
    version: String,
    /// The model can think, and is told not to.
    thinks: bool,
    /// None: the daemon does not say.
    pub(super) parameters: Option<u64>,
}

impl<'a> DaemonWriter<'a> {
    pub(super) fn new(client: &'a Client, model: &str, parallel: usize) -> Result<Self, Failure> {
        let missing = || OllamaError::NoModel(model.to_owned());
        let show = client.show(model)?.ok_or_else(missing)?;
        Ok(Self {
            client,
            parallel,
            model: model.to_owned(),
            digest: client.tag(model)?.ok_or_else(missing)?.digest,
            version: client.capabilities()?.version.text,
            thinks: show.capabilities.iter().any(|capability| capability == "thinking"),
            parameters: show.model_info.get("general.parameter_count").and_then(Value::as_u64),
        })
    }
}

impl Writer for DaemonWriter<'_> {
    fn write(&self, request: &WriteRequest) -> Result<Written, WriterError> {
        let options = Options {
            temperature: request.temperature,
            seed: i64::from(request.seed & 0x7fff_ffff),
            ..Options::greedy(request.max_tokens as i64, request.num_ctx)
        };
        let mut ask = Ask::new(self.model.clone(), Prompt::Chat(request.messages.clone()), options);
        ask.format = Some(request.schema.clone());
        ask.think = self.thinks.then_some(false);
        ask.top_logprobs = request.top_logprobs;
        let answer = self.client.ask(&ask, &mut |_| {}).map_err(|e| match e {
            OllamaError::Said { status: 400 | 500, message, .. } => WriterError::Failed { reason: message },
            e => WriterError::Stopped(e.into()),
        })?;
        let alternatives = |top: Vec<(Vec<u8>, f64)>| {
            top.into_iter()
                .map(|(bytes, logprob)| Alternative { token: String::from_utf8_lossy(&bytes).into_owned(), logprob })
                .collect()
        };
        let tokens = answer.logprobs.into_iter();
        Ok(Written {
            text: answer.text,
            done: answer.done,
            done_reason: answer.done_reason,
            prompt_tokens: answer.prompt_eval_count,
            tokens: answer.eval_count,
            seconds: answer.total.saturating_sub(answer.load).as_secs_f64(),
            logprobs: tokens.map(|l| Token { token: l.token, alternatives: alternatives(l.top) }).collect(),
        })
    }

    fn write_many(&self, requests: &[&WriteRequest], on: &mut dyn FnMut(usize, Result<Written, WriterError>) -> bool) {
        for_each_parallel(requests, self.parallel, &|request| self.write(request), on);
    }

    fn identity(&self) -> String {
        format!("{} Ollama {}", self.digest, self.version)
    }
}
