//! The embedded Ollama-compatible server: the same wire types, GGUF files only, answered by candle-transformers.

use std::net::SocketAddr;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the embedded server can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    #[error("the embedded server listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// A running server in its own thread; stops when dropped.
#[derive(Debug)]
pub struct Server(());

impl Server {
    /// `store` in Ollama's layout; port 0 = any free one.
    pub fn start(_store: &Path, _address: SocketAddr, _threads: usize) -> Result<Self, ServeError> {
        todo!()
    }
    pub fn address(&self) -> SocketAddr {
        todo!()
    }
    /// Blocks until stopped (for `tunesmith serve`).
    pub fn wait(self) {
        todo!()
    }
}
