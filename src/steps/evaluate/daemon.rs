//! `eval`'s Answerer and Embedder, answered by a daemon: every option explicit, raw prompts where the template is known.

use super::Trial;
use crate::chat::ChatTemplate;
use crate::eval::{Answered, Answerer, Embedder, Question, Reply};
use crate::ollama::{Ask, Client, OllamaError, Options, Prompt};
use crate::steps::Failure;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Asks a daemon.
#[derive(Debug)]
pub struct DaemonAnswerer<'a> {
    client: &'a Client,
    template: Option<&'a ChatTemplate>,
    options: Options,
    version: String,
}

impl<'a> DaemonAnswerer<'a> {
    /// The role's options over greedy decoding.
    pub fn new(client: &'a Client, trial: &Trial<'a>) -> Result<Self, Failure> {
        let said = &trial.role.options;
        let number = |name: &str, default: f64| said.get(name).and_then(serde_json::Value::as_f64).unwrap_or(default);
        let temperature = number("temperature", 0.0);
        let options = Options {
            temperature,
            seed: 0,
            top_k: number("top_k", if temperature == 0.0 { 1.0 } else { 40.0 }) as i64,
            top_p: number("top_p", if temperature == 0.0 { 1.0 } else { 0.9 }),
            min_p: number("min_p", 0.0),
            repeat_penalty: number("repeat_penalty", 1.0),
            num_predict: number("num_predict", 128.0) as i64,
            num_ctx: number("num_ctx", 4096.0) as u64,
            num_thread: trial.num_thread.or_else(|| said.get("num_thread").and_then(serde_json::Value::as_u64)),
            stop: Vec::new(),
        };
        let version = client.capabilities()?.version.text;
        Ok(Self { client, template: trial.base.map(|b| &b.template), options, version })
    }

    /// Where the answers were computed.
    pub fn describe(&self) -> String {
        format!("Ollama {} at {}", self.version, self.client.host())
    }

    fn question(&self, question: &Question) -> Result<Ask, Cause> {
        let prompt = match self.template {
            Some(template) => Prompt::Raw(template.render(&question.messages, true)?.text),
            None => Prompt::Chat(question.messages.clone()),
        };
        let mut options = self.options.clone();
        options.seed = question.seed as i64;
        if let Some(tokens) = question.max_tokens {
            options.num_predict = tokens as i64;
        }
        let model = question.model.clone();
        Ok(Ask { model, prompt, options, top_logprobs: 0, format: None, keep_alive: None, think: None })
    }
}

impl Answerer for DaemonAnswerer<'_> {
    fn ask(&mut self, question: &Question) -> Result<Reply, Cause> {
        match self.client.ask(&self.question(question)?, &mut |_| {}) {
            Ok(a) => Ok(Reply::Answer(Answered {
                done: a.done,
                done_reason: a.done_reason,
                prompt_tokens: a.prompt_eval_count,
                tokens: a.eval_count,
                seconds: a.total.saturating_sub(a.load).as_secs_f64(),
                eval_seconds: a.eval.as_secs_f64(),
                text: a.text,
            })),
            // The daemon gave up on this answer (token repeat limit and the like); others may go well.
            Err(OllamaError::Said { status, message, .. }) if status >= 500 => Ok(Reply::Failed(message)),
            Err(e) => Err(e.into()),
        }
    }

    fn digest(&mut self, model: &str) -> Result<String, Cause> {
        Ok(self.client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.to_owned()))?.digest)
    }

    fn signature(&self) -> String {
        let way = if self.template.is_some() { "raw" } else { "chat" };
        format!("{way} {} {}", self.version, serde_json::to_string(&self.options).unwrap_or_default())
    }
}

/// Embeds through `/api/embed`.
#[derive(Debug)]
pub struct DaemonEmbedder<'a> {
    client: &'a Client,
    model: String,
}

impl<'a> DaemonEmbedder<'a> {
    pub fn new(client: &'a Client, model: &str) -> Self {
        Self { client, model: model.to_owned() }
    }
}

impl Embedder for DaemonEmbedder<'_> {
    fn name(&self) -> String {
        self.model.clone()
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
        Ok(self.client.embed(&self.model, texts)?)
    }
}
