//! Blobs: a file streamed to the daemon, unless it has it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::try_unfold;
use reqwest::{Method, StatusCode};
use tokio::io::AsyncReadExt;

use super::transport::{Outgoing, Patience};
use super::{Client, OllamaError};
use crate::store::{Digest, StoreError};

const CHUNK: usize = 1 << 20;

impl Client {
    /// Whether the daemon has the blob.
    pub fn has_blob(&self, digest: Digest) -> Result<bool, OllamaError> {
        let out = blob(Method::HEAD, digest, Patience::Quick);
        match self.way.status(&out)? {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            other => Err(OllamaError::said(&out.name, other.as_u16(), "nothing more".into())),
        }
    }

    /// Uploads the file unless its blob is there; `progress(sent, total)`, at the end `(total, total)`.
    /// The daemon checks the digest: a file that is another by now is refused.
    pub fn upload(&self, path: &Path, digest: Digest, progress: &mut dyn FnMut(u64, u64)) -> Result<(), OllamaError> {
        let fault = |e| StoreError::new("reading", path, e);
        let file = std::fs::File::open(path).map_err(fault)?;
        let total = file.metadata().map_err(fault)?.len();
        if !self.has_blob(digest)? {
            let out = blob(Method::POST, digest, Patience::Long);
            let sent = Arc::new(AtomicU64::new(0));
            let body = body_of(file, total, Arc::clone(&sent));
            let done = self.way.put_body(&out, body, total, &mut || progress(sent.load(Ordering::Relaxed), total));
            done.map_err(|e| match e {
                OllamaError::Said { message, .. } if message.contains("digest mismatch") => {
                    OllamaError::Other(format!("{} is not what it was: {message}; export it again", path.display()))
                }
                e => e,
            })?;
        }
        progress(total, total);
        Ok(())
    }
}

fn blob(method: Method, digest: Digest, patience: Patience) -> Outgoing {
    let path = format!("/api/blobs/{digest}");
    Outgoing { name: format!("{method} /api/blobs/sha256:{}…", digest.short()), method, path, body: None, patience }
}

/// Exactly `total` bytes of the file, whatever happens to it meanwhile; `sent` counts.
fn body_of(file: std::fs::File, total: u64, sent: Arc<AtomicU64>) -> reqwest::Body {
    let state = (tokio::fs::File::from_std(file), total, sent);
    reqwest::Body::wrap_stream(try_unfold(state, |(mut file, left, sent)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        let n = file.read(&mut chunk).await?;
        if n == 0 {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was sent",
            ));
        }
        chunk.truncate(n);
        sent.fetch_add(n as u64, Ordering::Relaxed);
        Ok(Some((chunk, (file, left - n as u64, sent))))
    }))
}
