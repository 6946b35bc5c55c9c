//! The way to the daemon: one `call`, one `stream`. A current-thread runtime inside; callers block, and every wait
//! ends on interruption, on silence, or with an answer.

use std::future::Future;
use std::ops::ControlFlow;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::lines::Lines;
use super::{Host, OllamaError};
use crate::store::Interrupt;

/// How often a wait looks at the interruption flag.
const POLL: Duration = Duration::from_millis(50);
/// An answer that is no stream (embeddings of a batch are the largest).
const MAX_BODY: usize = 256 << 20;
/// An error's body.
const MAX_ERROR: usize = 64 << 10;

/// How long a silence is borne. There is no limit on the whole: an answer may take as long as it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Requests that only look something up.
    Quick,
    /// Requests behind which a model loads, a prompt is read or a file is checked.
    Long,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub connect: Duration,
    pub quick: Duration,
    pub long: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), quick: Duration::from_secs(120), long: Duration::from_secs(1800) }
    }
}

/// One request; `name` is how errors call it.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub name: String,
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
    pub patience: Patience,
}

impl Outgoing {
    pub(super) fn get(path: &str) -> Self {
        Self {
            name: format!("GET {path}"),
            method: Method::GET,
            path: path.into(),
            body: None,
            patience: Patience::Quick,
        }
    }

    pub(super) fn with_body(
        method: Method,
        path: &str,
        body: &impl serde::Serialize,
        patience: Patience,
    ) -> Result<Self, OllamaError> {
        let name = format!("{method} {path}");
        let body = serde_json::to_value(body)
            .map_err(|e| OllamaError::Other(format!("{name}: the request can't be written: {e}")))?;
        Ok(Self { name, method, path: path.into(), body: Some(body), patience })
    }

    pub(super) fn post(path: &str, body: &impl serde::Serialize, patience: Patience) -> Result<Self, OllamaError> {
        Self::with_body(Method::POST, path, body, patience)
    }
}

#[derive(Debug)]
pub(super) struct Transport {
    pub host: Host,
    pub timeouts: Timeouts,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    interrupt: Interrupt,
}

impl Transport {
    pub(super) fn new(host: Host, interrupt: Interrupt, timeouts: Timeouts) -> Result<Self, OllamaError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| OllamaError::Other(format!("the runtime of the Ollama client can't start: {e}")))?;
        // No proxies: a daemon is on this machine or on the local net. No idle connections: between calls nobody drives them.
        let http = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            .tcp_keepalive(Duration::from_secs(30))
            .tcp_nodelay(true)
            .pool_max_idle_per_host(0)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tunesmith/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| OllamaError::Other(format!("the HTTP client can't start: {}", chain(&e))))?;
        Ok(Self { host, timeouts, http, runtime, interrupt })
    }

    /// Sends, and reads the whole answer as JSON (an empty body reads as `null`).
    pub(super) fn call<T: DeserializeOwned>(&self, out: &Outgoing) -> Result<T, OllamaError> {
        let body = self.runtime.block_on(async {
            let response = self.send(out).await?;
            self.whole(out, response, MAX_BODY).await
        })?;
        let body: &[u8] = if body.trim_ascii().is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).map_err(|e| self.not_ollama(out, &format!("{e}: {}", glimpse(body))))
    }

    /// Sends, and hands on each line of the answer until it ends or `on_line` breaks. Error lines end it as an error.
    pub(super) fn stream(
        &self,
        out: &Outgoing,
        on_line: &mut dyn FnMut(Value) -> Result<ControlFlow<()>, OllamaError>,
    ) -> Result<(), OllamaError> {
        self.runtime.block_on(async {
            let mut response = self.send(out).await?;
            let mut lines = Lines::default();
            loop {
                let chunk = self.guarded(out, response.chunk(), &mut || 0).await?.map_err(|e| torn(out, chain(&e)))?;
                let ended = chunk.is_none();
                let ready = match chunk {
                    Some(bytes) => lines.push(&bytes),
                    None => lines.finish(),
                };
                for line in ready.map_err(|e| torn(out, e))? {
                    if on_line(self.checked(out, &line)?)?.is_break() {
                        return Ok(());
                    }
                }
                if ended {
                    return Ok(());
                }
            }
        })
    }

    /// A request whose body is written while `progress` is called from time to time and says how much of it has gone;
    /// gives the status. An upload may take as long as it moves.
    pub(super) fn put_body(
        &self,
        out: &Outgoing,
        body: reqwest::Body,
        length: u64,
        progress: &mut dyn FnMut() -> u64,
    ) -> Result<StatusCode, OllamaError> {
        self.runtime.block_on(async {
            let request = self
                .http
                .request(out.method.clone(), format!("{}{}", self.host, out.path))
                .header(reqwest::header::CONTENT_TYPE, "application/octet-stream")
                .header(reqwest::header::CONTENT_LENGTH, length)
                .body(body);
            let response = self.head(out, request, progress).await?;
            let response = self.good(out, response).await?;
            Ok(response.status())
        })
    }

    /// The status alone, whatever it is.
    pub(super) fn status(&self, out: &Outgoing) -> Result<StatusCode, OllamaError> {
        let request = self.http.request(out.method.clone(), format!("{}{}", self.host, out.path));
        self.runtime.block_on(async { self.head(out, request, &mut || 0).await.map(|response| response.status()) })
    }

    async fn send(&self, out: &Outgoing) -> Result<Response, OllamaError> {
        let mut request = self.http.request(out.method.clone(), format!("{}{}", self.host, out.path));
        if let Some(body) = &out.body {
            request = request.json(body);
        }
        let response = self.head(out, request, &mut || 0).await?;
        self.good(out, response).await
    }

    /// Sends, and awaits the head of the answer. The log gets method, path, status and time, never a body.
    async fn head(
        &self,
        out: &Outgoing,
        request: reqwest::RequestBuilder,
        progress: &mut dyn FnMut() -> u64,
    ) -> Result<Response, OllamaError> {
        let began = std::time::Instant::now();
        let sent = self.guarded(out, request.send(), progress).await?.map_err(|e| self.fault(out, &e));
        let (method, path, ms) = (&out.method, &out.path, began.elapsed().as_millis() as u64);
        match &sent {
            Ok(response) => tracing::debug!(%method, path, status = response.status().as_u16(), ms, "answered"),
            Err(_) => tracing::debug!(%method, path, ms, "not answered"),
        }
        sent
    }

    /// Turns an error status into the daemon's own words.
    async fn good(&self, out: &Outgoing, response: Response) -> Result<Response, OllamaError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // The words are lost with a torn body, the status is not.
        let body = match self.whole(out, response, MAX_ERROR).await {
            Ok(body) => body,
            Err(OllamaError::Interrupted) => return Err(OllamaError::Interrupted),
            Err(_) => Vec::new(),
        };
        Err(OllamaError::said(&out.name, status.as_u16(), words(&body)))
    }

    async fn whole(&self, out: &Outgoing, mut response: Response, limit: usize) -> Result<Vec<u8>, OllamaError> {
        let mut body = Vec::new();
        while let Some(bytes) =
            self.guarded(out, response.chunk(), &mut || 0).await?.map_err(|e| torn(out, chain(&e)))?
        {
            if body.len() + bytes.len() > limit {
                return Err(torn(out, format!("the answer is longer than {limit} bytes")));
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }

    /// Awaits `future`, looking at the interruption flag and the clock; `on_tick` counts what has moved meanwhile, and
    /// the clock starts anew whenever that has.
    async fn guarded<F: Future>(
        &self,
        out: &Outgoing,
        future: F,
        on_tick: &mut dyn FnMut() -> u64,
    ) -> Result<F::Output, OllamaError> {
        let limit = match out.patience {
            Patience::Quick => self.timeouts.quick,
            Patience::Long => self.timeouts.long,
        };
        tokio::pin!(future);
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline);
        let mut tick = tokio::time::interval(POLL);
        let mut moved = 0;
        loop {
            if self.interrupt.raised() {
                return Err(OllamaError::Interrupted);
            }
            tokio::select! {
                biased;
                done = &mut future => return Ok(done),
                () = &mut deadline => return Err(torn(out, format!("nothing was heard for {} s", limit.as_secs_f32()))),
                _ = tick.tick() => {
                    let now = on_tick();
                    if now != moved {
                        moved = now;
                        deadline.as_mut().reset(tokio::time::Instant::now() + limit);
                    }
                }
            }
        }
    }

    /// A line of a stream: JSON, and no error.
    fn checked(&self, out: &Outgoing, line: &[u8]) -> Result<Value, OllamaError> {
        let value: Value = serde_json::from_slice(line)
            .map_err(|e| torn(out, format!("a line is no JSON ({e}): {}", glimpse(line))))?;
        match value.get("error") {
            None | Some(Value::Null) => Ok(value),
            Some(_) => Err(OllamaError::said(&out.name, 200, words(line))),
        }
    }

    fn fault(&self, out: &Outgoing, e: &reqwest::Error) -> OllamaError {
        if e.is_connect() || e.is_builder() {
            return OllamaError::Unreachable { host: self.host.to_string(), reason: chain(e) };
        }
        torn(out, chain(e))
    }

    pub(super) fn not_ollama(&self, out: &Outgoing, seen: &str) -> OllamaError {
        OllamaError::Other(format!("{}: what answers at {} doesn't speak as Ollama does: {seen}", out.name, self.host))
    }
}

fn torn(out: &Outgoing, reason: String) -> OllamaError {
    OllamaError::Torn { request: out.name.clone(), reason }
}

/// An error and what caused it, in one line.
fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// The first characters of a body, for an error.
fn glimpse(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(800)]);
    let text = text.trim();
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What an error body says: `{"error": text}`, `{"error": {"message": text}}`, either of them written into the text
/// once more (llama-server's errors come so), or plain text.
fn words(body: &[u8]) -> String {
    let mut text = glimpse(body);
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        text = message(&value).unwrap_or(text);
    }
    if let Some(inner) = serde_json::from_str::<Value>(&text).ok().as_ref().and_then(message) {
        text = inner;
    }
    if text.is_empty() { "nothing".to_owned() } else { text }
}

fn message(value: &Value) -> Option<String> {
    let error = value.get("error")?;
    let text = error.as_str().or_else(|| error.get("message").and_then(Value::as_str))?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_of_every_shape_give_their_words() {
        for (body, want) in [
            (&br#"{"error":"model 'x' not found"}"#[..], "model 'x' not found"),
            (br#"{"error":{"message":"nope","type":"t"}}"#, "nope"),
            (br#"{"error":"{\"error\":{\"code\":400,\"message\":\"too long\"}}"}"#, "too long"),
            (b"404 page not found", "404 page not found"),
            (b"", "nothing"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (br#"{"error":7}"#, r#"{"error":7}"#),
        ] {
            assert_eq!(words(body), want);
        }
        assert_eq!(words("é".repeat(5000).as_bytes()).chars().count(), 301);
    }
}
