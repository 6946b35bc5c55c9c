//! A model of the daemon that writes by a schema.

use serde_json::Value;

use crate::commands::Failure;
use crate::commands::daemon::for_each_parallel;
use crate::generate::llm::{Alternative, Token, WriteRequest, Writer, WriterError, Written};
use crate::ollama::{Ask, Client, OllamaError, Options, Prompt};

/// Daemons that share the calls.
pub(super) struct Daemons {
    pub(super) first: Client,
    pub(super) others: Vec<Client>,
}

impl Daemons {
    fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// The one that a thread asks.
    fn of_thread(&self, thread: usize) -> &Client {
        let other = (thread % self.count()).checked_sub(1);
        other.and_then(|i| self.others.get(i)).unwrap_or(&self.first)
    }
}

/// Writes through `/api/chat` with a schema.
pub(super) struct DaemonWriter<'a> {
    daemons: &'a Daemons,
    /// Calls to a daemon at the same time.
    parallel: usize,
    model: String,
    served: Served,
    /// The model can think, and is told not to.
    thinks: bool,
    /// None: the daemon does not say.
    pub(super) parameters: Option<u64>,
}

/// What an answer depends on but the request.
#[derive(Clone, Debug, PartialEq)]
struct Served {
    digest: String,
    version: String,
}

impl Served {
    fn at(client: &Client, model: &str) -> Result<Self, Failure> {
        let digest = client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.to_owned()))?.digest;
        Ok(Self { digest, version: client.capabilities()?.version.text })
    }
}

impl std::fmt::Display for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} Ollama {}", self.digest, self.version)
    }
}

impl<'a> DaemonWriter<'a> {
    /// Fails where a daemon has no such model, or another one under this name than the first.
    pub(super) fn new(daemons: &'a Daemons, model: &str, parallel: usize) -> Result<Self, Failure> {
        let first = &daemons.first;
        let served = Served::at(first, model)?;
        for other in &daemons.others {
            let there = Served::at(other, model)?;
            if there != served {
                let (here, host) = (first.host(), other.host());
                return Err(Failure::input(format!("{model} at {host} is {there}; at {here} it is {served}"))
                    .hint("the daemons that share the calls need the same model and the same version of Ollama"));
            }
        }
        let show = first.show(model)?.ok_or_else(|| OllamaError::NoModel(model.to_owned()))?;
        Ok(Self {
            daemons,
            parallel,
            model: model.to_owned(),
            served,
            thinks: show.capabilities.iter().any(|capability| capability == "thinking"),
            parameters: show.model_info.get("general.parameter_count").and_then(Value::as_u64),
        })
    }

    /// Fails where the model of this name was replaced, or a daemon updated, since it was first asked: some of the answers are
    /// those of another model.
    pub(super) fn is_still_served(&self) -> Result<(), Failure> {
        for client in std::iter::once(&self.daemons.first).chain(&self.daemons.others) {
            let now = Served::at(client, &self.model)?;
            if now != self.served {
                let (model, host, before) = (&self.model, client.host(), &self.served);
                let what = format!("{model} at {host} was replaced while it was asked: it was {before} and is {now}");
                return Err(Failure::input(what)
                    .hint("remove the journal, which may hold answers of both, and give the command again"));
            }
        }
        Ok(())
    }

    fn write_at(&self, client: &Client, request: &WriteRequest) -> Result<Written, WriterError> {
        let options = Options {
            temperature: request.temperature,
            seed: i64::from(request.seed & 0x7fff_ffff),
            ..Options::greedy(request.max_tokens as i64, request.num_ctx)
        };
        let mut ask = Ask::new(self.model.clone(), Prompt::Chat(request.messages.clone()), options);
        ask.format = Some(request.schema.clone());
        ask.think = self.thinks.then_some(false);
        ask.top_logprobs = request.top_logprobs;
        let answer = client.ask(&ask, &mut |_| {}).map_err(|e| match e {
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
}

impl Writer for DaemonWriter<'_> {
    fn write(&self, request: &WriteRequest) -> Result<Written, WriterError> {
        self.write_at(&self.daemons.first, request)
    }

    fn write_many(&self, requests: &[&WriteRequest], on: &mut dyn FnMut(usize, Result<Written, WriterError>) -> bool) {
        let write = |thread: usize, request: &&WriteRequest| self.write_at(self.daemons.of_thread(thread), request);
        for_each_parallel(requests, self.parallel * self.daemons.count(), &write, on);
    }

    fn identity(&self) -> String {
        self.served.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::test_daemon::daemon;

    fn served(digest: &str, version: &str) -> Vec<(u16, String)> {
        let tags = json!({"models": [{"name": "m:latest", "digest": digest}]});
        vec![(200, tags.to_string()), (200, json!({"version": version}).to_string())]
    }

    fn opened(first: &str, other: &str) -> Result<String, String> {
        let show = json!({"modelfile": "FROM m", "model_info": {"general.parameter_count": 7}, "capabilities": []});
        let (mut here, there) = (served(first, "0.34.4"), served(other, "0.34.4"));
        if first == other {
            here.push((200, show.to_string()));
        }
        let ((here, asked_here), (there, asked_there)) = (daemon(here), daemon(there));
        let daemons = Daemons { first: here, others: vec![there] };
        let opened = DaemonWriter::new(&daemons, "m", 1).map(|writer| writer.identity());
        asked_here.join().unwrap();
        asked_there.join().unwrap();
        opened.map_err(|failure| failure.message())
    }

    #[test]
    fn daemons_that_share_the_calls_serve_the_same_model() {
        assert_eq!(opened("aaa", "aaa"), Ok("aaa Ollama 0.34.4".to_owned()));
        let refused = opened("aaa", "bbb").unwrap_err();
        assert!(refused.contains("is bbb Ollama 0.34.4") && refused.contains("it is aaa Ollama 0.34.4"), "{refused}");
    }

    #[test]
    fn a_model_that_is_replaced_meanwhile_is_noticed() {
        let show = json!({"modelfile": "FROM m", "model_info": {"general.parameter_count": 7}, "capabilities": []});
        let later = |digest: &str| {
            let said = [served("aaa", "0.34.4"), vec![(200, show.to_string())], served(digest, "0.34.4")].concat();
            let (first, asked) = daemon(said);
            let daemons = Daemons { first, others: Vec::new() };
            let checked = DaemonWriter::new(&daemons, "m", 1).and_then(|writer| writer.is_still_served());
            asked.join().unwrap();
            checked.map_err(|failure| failure.message())
        };
        assert_eq!(later("aaa"), Ok(()));
        assert!(later("bbb").is_err_and(|said| said.contains("it was aaa Ollama 0.34.4 and is bbb Ollama 0.34.4")));
    }

    #[test]
    fn threads_ask_the_daemons_in_turn() {
        let clients: Vec<Client> = (0..3).map(|_| daemon(Vec::new()).0).collect();
        let hosts: Vec<String> = clients.iter().map(|client| client.host().to_string()).collect();
        let mut clients = clients.into_iter();
        let daemons = Daemons { first: clients.next().unwrap(), others: clients.collect() };
        let asked: Vec<String> = (0..6).map(|thread| daemons.of_thread(thread).host().to_string()).collect();
        assert_eq!(asked, [&hosts[..], &hosts[..]].concat());
    }
}
