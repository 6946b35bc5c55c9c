//! Why the embedded server does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the embedded server can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    #[error("the embedded server listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    #[error("the embedded server can't start: {0}")]
    Start(std::io::Error),
    #[error("{}: not all of its models are this server's, so it is a store of Ollama, whose files belong to its daemon; give another folder", .0.display())]
    NotOurs(PathBuf),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
