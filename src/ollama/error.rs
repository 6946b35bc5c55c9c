//! What can go wrong between us and a daemon, in words that name the thing, the fault and the remedy.

/// A fault of the daemon, of the way to it, or of its store.
#[derive(Debug, thiserror::Error)]
pub enum OllamaError {
    #[error("no Ollama daemon answers at {host}: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("the Ollama host {text:?} can't be used: {reason}")]
    BadHost { text: String, reason: String },
    #[error("Ollama {found} at {host} is too old: 0.12.11 or newer is needed (its log-probabilities are the proof)")]
    TooOld { host: String, found: String },
    /// The daemon's own words, with the request they answer and the HTTP status (200 for an error line of a stream).
    #[error("{request}: Ollama said ({status}): {message}")]
    Said { request: String, status: u16, message: String },
    #[error(
        "{request}: the disk of the daemon is full: {message}\n  free space where its models lie (OLLAMA_MODELS), then run this again"
    )]
    DaemonDiskFull { request: String, message: String },
    #[error("{request}: the answer broke off: {reason}\n  the daemon may have died; its log says why")]
    Torn { request: String, reason: String },
    #[error(
        "the model {0:?} is not in the daemon's store; `ollama list` shows those that are, and `ollama pull {0}` gets one of Ollama's library"
    )]
    NoModel(String),
    #[error(
        "{name:?} is no model name Ollama takes: {reason}\n  the form is [host/][namespace/]model[:tag], letters, digits, `.`, `_` and `-`, at most 80 each"
    )]
    BadName { name: String, reason: String },
    /// A model of the store that has no single GGUF file behind it.
    #[error("{name} can't be used as a base: {reason}")]
    Unusable { name: String, reason: String },
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("{0}")]
    Other(String),
}

impl OllamaError {
    /// What to do about it, where the message does not say that.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some("start it with `ollama serve`, or give --ollama-host"),
            Self::TooOld { .. } => Some("update Ollama, or name another daemon with --ollama-host"),
            _ => None,
        }
    }

    /// Whether a disk is full, ours or the daemon's (exit code 5).
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::DaemonDiskFull { .. } => true,
            Self::Store(e) => e.is_no_space(),
            _ => false,
        }
    }

    /// The daemon's words as an error of ours.
    pub(super) fn said(request: &str, status: u16, message: String) -> Self {
        let request = request.to_owned();
        let lower = message.to_ascii_lowercase();
        // Go's ENOSPC, EDQUOT and Windows' ERROR_DISK_FULL.
        if ["no space left on device", "disk quota exceeded", "not enough space on the disk"]
            .iter()
            .any(|w| lower.contains(w))
        {
            return Self::DaemonDiskFull { request, message };
        }
        Self::Said { request, status, message }
    }

    /// A 404 about a model becomes [`OllamaError::NoModel`].
    pub(super) fn or_no_model(self, model: &str) -> Self {
        match self {
            // Not the page of another server.
            Self::Said { status: 404, message, .. }
                if message.contains("not found") && message.contains("model") && !message.contains('<') =>
            {
                Self::NoModel(model.to_owned())
            }
            other => other,
        }
    }
}
