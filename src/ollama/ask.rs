//! Questions to a model: generate and chat (streamed), the rendered prompt, embeddings.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::{Map, Value};

use super::transport::{Outgoing, Patience};
use super::wire::{ChatRequest, EmbedRequest, EmbedResponse, GenerateRequest, Logprob, Reply, keep_alive};
use super::{Answer, Ask, Client, Embedded, ModelName, OllamaError, Options, Prompt, TokenLogprob};

impl Options {
    /// Always the likeliest token, nothing penalised: one answer for one prompt.
    pub fn greedy(num_predict: i64, num_ctx: u64) -> Self {
        Self {
            temperature: 0.0,
            seed: 0,
            top_k: 40,
            top_p: 1.0,
            min_p: 0.0,
            repeat_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            num_predict,
            num_ctx,
            num_thread: None,
            stop: Vec::new(),
            extra: Map::new(),
        }
    }

    /// In Ollama's names.
    fn to_wire(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

impl Ask {
    /// A plain question: no log-probabilities, no format, the daemon's own keep-alive.
    pub fn new(model: impl Into<String>, prompt: Prompt, options: Options) -> Self {
        Self {
            model: model.into(),
            prompt,
            options,
            top_logprobs: 0,
            format: None,
            keep_alive: None,
            think: None,
            tools: Vec::new(),
        }
    }

    /// `truncate: false, shift: false`: what doesn't fit is an error, never cut in silence.
    fn outgoing(&self, stream: bool, debug_render_only: bool) -> Result<Outgoing, OllamaError> {
        ModelName::parse(&self.model)?;
        let (truncate, shift, stream) = (Some(false), Some(false), Some(stream));
        let (model, options, format) = (self.model.clone(), self.options.to_wire(), self.format.clone());
        let keep_alive = self.keep_alive.as_deref().map(keep_alive);
        let think = self.think.map(Value::from);
        let logprobs = self.top_logprobs > 0;
        let top_logprobs = logprobs.then_some(i64::from(self.top_logprobs));
        let (raw, prompt) = match &self.prompt {
            Prompt::Chat(messages) => {
                let messages = messages.clone();
                let body = ChatRequest {
                    model,
                    messages,
                    tools: (!self.tools.is_empty()).then(|| Value::from(self.tools.clone())),
                    stream,
                    format,
                    keep_alive,
                    options,
                    think,
                    truncate,
                    shift,
                    logprobs,
                    top_logprobs,
                    debug_render_only,
                };
                return Outgoing::post("/api/chat", &body, Patience::Long);
            }
            Prompt::Raw(text) => (true, text.clone()),
            Prompt::Templated(text) => (false, text.clone()),
        };
        let (system, template) = (None, None);
        let body = GenerateRequest {
            model,
            prompt,
            suffix: None,
            images: None,
            system,
            template,
            raw,
            stream,
            format,
            keep_alive,
            options,
            think,
            truncate,
            shift,
            logprobs,
            top_logprobs,
            debug_render_only,
        };
        Outgoing::post("/api/generate", &body, Patience::Long)
    }

    fn check(&self) -> Result<(), OllamaError> {
        let empty = match &self.prompt {
            Prompt::Raw(text) | Prompt::Templated(text) => text.is_empty(),
            Prompt::Chat(messages) => messages.is_empty(),
        };
        if empty {
            return Err(OllamaError::Other(format!(
                "an empty prompt asks {} nothing: Ollama would only load it",
                self.model
            )));
        }
        if !self.tools.is_empty() && !matches!(self.prompt, Prompt::Chat(_)) {
            return Err(OllamaError::Other(format!("tools are given to {} through /api/chat only", self.model)));
        }
        if self.top_logprobs > 20 {
            return Err(OllamaError::Other(format!("top_logprobs is {}; Ollama gives at most 20", self.top_logprobs)));
        }
        Ok(())
    }
}

impl Client {
    /// Streams; `on_text` receives each piece. An answer whose stream ended without `done` has `done: false`; one whose
    /// connection broke is an error.
    pub fn ask(&self, ask: &Ask, on_text: &mut dyn FnMut(&str)) -> Result<Answer, OllamaError> {
        ask.check()?;
        let out = ask.outgoing(true, false)?;
        let mut answer = Answer::default();
        let streamed = self.transport.stream(&out, &mut |line| {
            let reply: Reply = serde_json::from_value(line).map_err(|e| OllamaError::Torn {
                request: out.name.clone(),
                reason: format!("a line is no answer: {e}"),
            })?;
            answer.take(reply, on_text);
            Ok(if answer.done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        streamed.map_err(|e| e.or_no_model(&ask.model))?;
        Ok(answer)
    }

    /// The exact prompt text the daemon would feed (`_debug_render_only`).
    pub fn rendered(&self, ask: &Ask) -> Result<String, OllamaError> {
        ask.check()?;
        let out = ask.outgoing(false, true)?;
        let reply: Reply = self.transport.call(&out).map_err(|e| e.or_no_model(&ask.model))?;
        let debug = reply.debug_info.ok_or_else(|| {
            OllamaError::Other(format!(
                "{}: this daemon doesn't say what it feeds the model (_debug_render_only)",
                out.name
            ))
        })?;
        Ok(debug.rendered_template)
    }

    /// One vector per text, of length 1. A text too long for the model is an error; some versions cut it all the same
    /// (ollama#14186).
    pub fn embed(&self, model: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, OllamaError> {
        Ok(self.embed_counted(model, texts)?.vectors)
    }

    /// As [`Self::embed`], with the number of tokens that the daemon fed.
    pub fn embed_counted(&self, model: &str, texts: &[String]) -> Result<Embedded, OllamaError> {
        ModelName::parse(model)?;
        if let Some(at) = texts.iter().position(String::is_empty) {
            return Err(OllamaError::Other(format!("text {} of those to embed by {model} is empty", at + 1)));
        }
        if texts.is_empty() {
            return Ok(Embedded::default());
        }
        let body =
            EmbedRequest { model: model.into(), input: texts.to_vec(), truncate: Some(false), options: Map::new() };
        let out = Outgoing::post("/api/embed", &body, Patience::Long)?;
        let reply: EmbedResponse = self.transport.call(&out).map_err(|e| e.or_no_model(model))?;
        if reply.embeddings.len() != texts.len() {
            let reason = format!("{} embeddings came for {} texts", reply.embeddings.len(), texts.len());
            return Err(OllamaError::Torn { request: out.name, reason });
        }
        Ok(Embedded { vectors: reply.embeddings, tokens: reply.prompt_eval_count })
    }
}

impl Answer {
    fn take(&mut self, reply: Reply, on_text: &mut dyn FnMut(&str)) {
        let message = reply.message.unwrap_or_default();
        let text = reply.response.unwrap_or(message.content);
        if !text.is_empty() {
            on_text(&text);
        }
        self.text.push_str(&text);
        self.thinking.push_str(&reply.thinking);
        self.thinking.push_str(&message.thinking);
        self.tool_calls.extend(message.tool_calls.into_iter().map(|call| call.function));
        self.logprobs.extend(reply.logprobs.into_iter().map(TokenLogprob::from));
        let time = |ns: Option<u64>| Duration::from_nanos(ns.unwrap_or(0));
        if reply.done {
            self.done = true;
            self.done_reason = reply.done_reason;
            self.context = reply.context;
            self.prompt_eval_count = reply.prompt_eval_count.unwrap_or(0);
            self.eval_count = reply.eval_count.unwrap_or(0);
            self.total = time(reply.total_duration);
            self.load = time(reply.load_duration);
            self.prompt_eval = time(reply.prompt_eval_duration);
            self.eval = time(reply.eval_duration);
            self.engine = reply.engine;
        }
    }
}

impl From<Logprob> for TokenLogprob {
    fn from(l: Logprob) -> Self {
        // Daemons leave the bytes out only where there are none.
        let bytes = |bytes: Vec<u8>, token: &str| if bytes.is_empty() { token.as_bytes().to_vec() } else { bytes };
        let top = l.top_logprobs.into_iter().map(|t| (bytes(t.bytes, &t.token), t.logprob)).collect();
        Self { bytes: bytes(l.bytes, &l.token), token: l.token, logprob: l.logprob, top }
    }
}
