//! The client: what is asked about models (version, list, show, create, copy, delete, pull, unload).

use std::ops::ControlFlow;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::transport::{Outgoing, Patience, Timeouts, Transport};
use super::version::OLDEST;
use super::wire::{
    CopyRequest, CreateRequest, DeleteRequest, License, PullRequest, ShowRequest, ShowResponse, Status, TagsResponse,
    VersionResponse,
};
use super::{Capabilities, Create, Host, ModelName, OllamaError, Show, Tag, Version};
use crate::store::{Digest, Interrupt};

/// Requests that are sent at the same time at most, whatever a server says.
pub const MOST_PARALLEL: usize = 64;

/// Blocking client (its runtime is inside); every call can be interrupted.
#[derive(Debug)]
pub struct Client {
    pub(super) transport: Transport,
}

impl Client {
    /// Speaks to nobody yet.
    pub fn new(host: Host, interrupt: Interrupt) -> Result<Self, OllamaError> {
        Self::with_timeouts(host, interrupt, Timeouts::default())
    }

    pub(super) fn with_timeouts(host: Host, interrupt: Interrupt, timeouts: Timeouts) -> Result<Self, OllamaError> {
        Ok(Self { transport: Transport::new(host, interrupt, timeouts)? })
    }

    /// A client of the same daemon that no interruption ends: for what has to be known all the same. It waits for seconds.
    pub fn uninterrupted(&self) -> Result<Self, OllamaError> {
        const SOON: Duration = Duration::from_secs(5);
        let timeouts = Timeouts { connect: SOON, quick: SOON, long: SOON };
        Self::with_timeouts(self.host().clone(), Interrupt::default(), timeouts)
    }

    pub fn host(&self) -> &Host {
        &self.transport.host
    }

    /// `/api/version`, as the daemon says it. An HTTP server that is no Ollama is an error.
    pub fn version(&self) -> Result<Version, OllamaError> {
        Ok(Version::parse(&self.version_response()?.version))
    }

    fn version_response(&self) -> Result<VersionResponse, OllamaError> {
        let out = Outgoing::get("/api/version");
        match self.transport.call::<VersionResponse>(&out) {
            Ok(v) => Ok(v),
            Err(OllamaError::Said { status, message, .. }) => {
                Err(self.transport.not_ollama(&out, &format!("{status} {message}")))
            }
            Err(e) => Err(e),
        }
    }

    /// What the daemon can do. Older than 0.12.11 is refused; 0.0.0 (self-built) is asked whether it takes adapters.
    pub fn capabilities(&self) -> Result<Capabilities, OllamaError> {
        let said = self.version_response()?;
        let version = Version::parse(&said.version);
        if version.is_unknown() {
            let takes = self.takes_adapters()?;
            return Ok(Capabilities::of(version, takes));
        }
        if version.numbers() < OLDEST {
            return Err(OllamaError::TooOld { host: self.host().to_string(), found: version.text });
        }
        Ok(Capabilities {
            parallel: said.parallel.map(|n| n.clamp(1, MOST_PARALLEL)),
            ..Capabilities::of(version, false)
        })
    }

    /// A create that can't succeed: its name is none. Daemons that refuse adapters say so before they look at the name.
    fn takes_adapters(&self) -> Result<bool, OllamaError> {
        let probe =
            json!({"model": "!", "adapters": {"probe.gguf": Digest::of_bytes(b"").to_string()}, "stream": false});
        match self.transport.call::<Value>(&Outgoing::post("/api/create", &probe, Patience::Quick)?) {
            Err(OllamaError::Said { status: 400, message, .. }) => {
                Ok(!message.contains("adapters are no longer supported"))
            }
            Err(e) => Err(e),
            Ok(_) => Ok(false),
        }
    }

    /// The models of the daemon's store.
    pub fn tags(&self) -> Result<Vec<Tag>, OllamaError> {
        let out = Outgoing::get("/api/tags");
        let listed: TagsResponse = self.transport.call(&out)?;
        if listed.models.iter().any(|t| t.name.is_empty() || t.digest.is_empty()) {
            return Err(self.transport.not_ollama(&out, "it lists a model without a name or a digest"));
        }
        let tag = |t: super::wire::TagEntry| Tag {
            name: t.name,
            digest: t.digest,
            size: t.size,
            family: t.details.family,
            parameter_size: t.details.parameter_size,
            quantization: t.details.quantization_level,
        };
        Ok(listed.models.into_iter().map(tag).collect())
    }

    /// The tag of this name, whatever its case and whether `:latest` is said; None when there is none.
    pub fn tag(&self, model: &str) -> Result<Option<Tag>, OllamaError> {
        let name = ModelName::parse(model)?;
        Ok(self.tags()?.into_iter().find(|t| ModelName::parse(&t.name).is_ok_and(|n| n == name)))
    }

    /// None when the model does not exist.
    pub fn show(&self, model: &str) -> Result<Option<Show>, OllamaError> {
        ModelName::parse(model)?;
        let body = ShowRequest { model: model.into(), ..ShowRequest::default() };
        let out = Outgoing::post("/api/show", &body, Patience::Quick)?;
        match self.transport.call::<ShowResponse>(&out) {
            // Every daemon shows a Modelfile, if only its FROM.
            Ok(shown) if shown.modelfile.is_empty() => {
                Err(self.transport.not_ollama(&out, "it shows a model without a Modelfile"))
            }
            Ok(shown) => Ok(Some(Show::from_wire(shown))),
            Err(e) => match e.or_no_model(model) {
                OllamaError::NoModel(_) => Ok(None),
                e => Err(e),
            },
        }
    }

    /// Requires the success line; `status` receives each status line. A `from` that the daemon lacks is refused here:
    /// the daemon would go and pull it.
    pub fn create(&self, create: &Create, status: &mut dyn FnMut(&str)) -> Result<(), OllamaError> {
        ModelName::parse(&create.model)?;
        if let Some(from) = &create.from
            && self.show(from)?.is_none()
        {
            return Err(OllamaError::NoModel(from.clone()));
        }
        let files = |list: &[(String, Digest)]| -> Map<String, Value> {
            list.iter().map(|(path, digest)| (path.clone(), digest.to_string().into())).collect()
        };
        let body = CreateRequest {
            model: create.model.clone(),
            from: create.from.clone(),
            files: files(&create.files),
            adapters: files(&create.adapters),
            template: create.template.clone(),
            system: create.system.clone(),
            parameters: create.parameters.clone(),
            license: Some(create.license.clone()).filter(|l| !l.is_empty()).map(License::Several),
            quantize: None,
            renderer: create.renderer.clone(),
            parser: create.parser.clone(),
            stream: Some(true),
        };
        self.until_success(&Outgoing::post("/api/create", &body, Patience::Long)?, &mut |line| status(&line.status))
    }

    /// An existing model of the name `to` is replaced.
    pub fn copy(&self, from: &str, to: &str) -> Result<(), OllamaError> {
        ModelName::parse(from)?;
        ModelName::parse(to)?;
        let body = CopyRequest { source: from.into(), destination: to.into() };
        let done = self.transport.call::<Value>(&Outgoing::post("/api/copy", &body, Patience::Quick)?);
        done.map(drop).map_err(|e| e.or_no_model(from))
    }

    pub fn delete(&self, model: &str) -> Result<(), OllamaError> {
        ModelName::parse(model)?;
        let body = DeleteRequest { model: model.into(), ..DeleteRequest::default() };
        let out = Outgoing::with_body(Method::DELETE, "/api/delete", &body, Patience::Quick)?;
        self.transport.call::<Value>(&out).map(drop).map_err(|e| e.or_no_model(model))
    }

    /// Has the daemon fetch a model; `progress(status, completed, total)`. Requires the success line.
    pub fn pull(&self, model: &str, progress: &mut dyn FnMut(&str, u64, u64)) -> Result<(), OllamaError> {
        ModelName::parse(model)?;
        let body = PullRequest { model: model.into(), stream: Some(true) };
        let out = Outgoing::post("/api/pull", &body, Patience::Long)?;
        self.until_success(&out, &mut |line| progress(&line.status, line.completed, line.total))
    }

    /// `keep_alive: 0`: the model leaves the daemon's memory.
    pub fn unload(&self, model: &str) -> Result<(), OllamaError> {
        ModelName::parse(model)?;
        let body = json!({"model": model, "keep_alive": 0, "stream": false});
        let done = self.transport.call::<Value>(&Outgoing::post("/api/generate", &body, Patience::Long)?);
        done.map(drop).map_err(|e| e.or_no_model(model))
    }

    fn until_success(&self, out: &Outgoing, on_status: &mut dyn FnMut(&Status)) -> Result<(), OllamaError> {
        let mut last = String::new();
        self.transport.stream(out, &mut |line| {
            let line: Status = serde_json::from_value(line).unwrap_or_default();
            on_status(&line);
            last = line.status;
            Ok(ControlFlow::Continue(()))
        })?;
        if last == "success" {
            return Ok(());
        }
        let reason = if last.is_empty() {
            "it said nothing".to_owned()
        } else {
            format!("its last word was {last:?}, not \"success\"")
        };
        Err(OllamaError::Torn { request: out.name.clone(), reason })
    }
}
