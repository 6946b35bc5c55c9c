//! Blobs: a file streamed to the daemon, unless it has it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::try_unfold;
use reqwest::{Method, StatusCode};
use tokio::io::AsyncReadExt;

use super::transport::{Outgoing, Patience};
use super::{Client, OllamaError};
use crate::store::{Digest, FileAction, StoreError};

const CHUNK: usize = 1 << 20;

impl Client {
    /// Whether the daemon has the blob.
    pub fn has_blob(&self, digest: Digest) -> Result<bool, OllamaError> {
        let out = blob(Method::HEAD, digest, Patience::Quick);
        match self.transport.status(&out)? {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            other => Err(OllamaError::said(&out.name, other.as_u16(), "nothing more".into())),
        }
    }

    /// Uploads the file unless its blob is there; `progress(sent, total)`, at the end `(total, total)`.
    /// The daemon checks the digest: a file that is another by now is refused.
    pub fn upload(&self, path: &Path, digest: Digest, progress: &mut dyn FnMut(u64, u64)) -> Result<(), OllamaError> {
        let fault = |e| StoreError::new(FileAction::READING, path, e);
        let file = std::fs::File::open(path).map_err(fault)?;
        let total = file.metadata().map_err(fault)?.len();
        if !self.has_blob(digest)? {
            let out = blob(Method::POST, digest, Patience::Long);
            let sent = Arc::new(AtomicU64::new(0));
            let body = body_of(file, total, Arc::clone(&sent));
            let done = self.transport.put_body(&out, body, total, &mut || {
                let so_far = sent.load(Ordering::Relaxed);
                progress(so_far, total);
                so_far
            });
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::ollama::Host;
    use crate::ollama::transport::Timeouts;
    use crate::store::Interrupt;

    const TOTAL: usize = 96 << 20;

    /// Reads up to the end of the head; how much of the body came with it.
    fn head(stream: &mut TcpStream) -> usize {
        let (mut all, mut buffer) = (Vec::new(), vec![0; CHUNK]);
        loop {
            let n = stream.read(&mut buffer).unwrap();
            all.extend_from_slice(&buffer[..n]);
            if let Some(at) = all.windows(4).position(|w| w == b"\r\n\r\n") {
                return all.len() - at - 4;
            }
        }
    }

    /// Lacks the blob, then takes it slowly, up to `stop` bytes of it.
    fn slow_daemon(stop: usize) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = Host::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        std::thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            head(&mut first);
            first.write_all(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n").unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let (mut taken, mut buffer) = (head(&mut stream), vec![0; CHUNK]);
            while taken < stop {
                taken += stream.read(&mut buffer).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
            if stop == TOTAL {
                stream.write_all(b"HTTP/1.1 201 X\r\nContent-Length: 0\r\n\r\n").unwrap();
            } else {
                std::thread::sleep(Duration::from_secs(30));
            }
        });
        host
    }

    #[test]
    fn a_slow_upload_may_last_and_a_standing_one_may_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(TOTAL as u64).unwrap();
        let patience = Duration::from_secs(1);
        let upload = |stop| {
            let timeouts = Timeouts { connect: Duration::from_secs(5), quick: Duration::from_secs(5), long: patience };
            let client = Client::with_timeouts(slow_daemon(stop), Interrupt::default(), timeouts).unwrap();
            let begun = Instant::now();
            (client.upload(file.path(), Digest::of_bytes(b""), &mut |_, _| {}), begun.elapsed())
        };
        let (done, took) = upload(TOTAL);
        done.unwrap();
        assert!(took > patience * 3 / 2, "too fast to show anything: {took:?}");
        let e = upload(8 << 20).0.unwrap_err();
        assert!(matches!(&e, OllamaError::Torn { reason, .. } if reason.contains("nothing was heard")), "{e}");
    }
}
