//! The embedded Ollama-compatible server: the same wire types, GGUF files only, answered by the native engine, requests to a
//! model together. With the option `engine: candle-transformers` another implementation answers, for self-checks. Loopback
//! only; its store is in Ollama's own layout.

mod answer;
mod connection;
mod create;
mod engine;
mod error;
mod guard;
mod job;
mod library;
mod loaded;
mod lock;
mod reply;
mod request;
mod sample;
mod second;
mod shelf;
mod state;

pub use connection::Limits;
pub use error::ServeError;
pub use library::VERSION;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, head, post};
use connection::{Busy, Limited};
use state::State;
use tokio::sync::oneshot;

/// Bodies that are JSON; a blob is streamed and has no such limit.
const MAX_JSON: usize = 64 << 20;

/// A running server in its own thread; stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// `store` in Ollama's layout, but not one of Ollama's own; port 0 = any free one.
    pub fn start(store: &Path, address: SocketAddr) -> Result<Self, ServeError> {
        Self::start_within(store, address, Limits::default())
    }

    /// [`Server::start`] with these limits.
    pub fn start_within(store: &Path, address: SocketAddr, limits: Limits) -> Result<Self, ServeError> {
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        shelf::claim(store)?;
        for folder in ["blobs", "manifests"] {
            let path = store.join(folder);
            crate::store::create_folder(&path)?;
        }
        // What a server that was killed was receiving: blobs, and manifests at most four folders down.
        crate::store::sweep_tree(store, 5);
        let listener = std::net::TcpListener::bind(address).map_err(|e| ServeError::Listen(address, e))?;
        listener.set_nonblocking(true).map_err(ServeError::Start)?;
        let bound = listener.local_addr().map_err(ServeError::Start)?;
        let state = Arc::new(State::new(store));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("embedded-server".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                    let service = routes(state, limits).into_make_service_with_connect_info::<Busy>();
                    let ended = async move { drop(stopped.await) };
                    tokio::select! {
                        // An accept error ends the server; its clients then say that nobody answers.
                        _ = async { axum::serve(Limited::new(listener, limits), service).await } => {}
                        () = ended => {}
                    }
                });
                runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            })
            .map_err(ServeError::Start)?;
        Ok(Self { address: bound, stop: Some(stop), thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panicked server thread has nothing left to stop.
            drop(thread.join());
        }
    }
}

fn routes(state: Arc<State>, limits: Limits) -> Router {
    Router::new()
        .route("/", get(|| async { "Ollama is running" }))
        .route("/api/version", get(library::version))
        .route("/api/tags", get(library::tags))
        .route("/api/show", post(library::show))
        .route("/api/copy", post(library::copy))
        .route("/api/delete", delete(library::delete))
        .route("/api/blobs/{digest}", head(create::has_blob).post(create::put_blob))
        .route("/api/create", post(create::create))
        .route("/api/generate", post(answer::generate))
        .route("/api/chat", post(answer::chat))
        .route("/api/embed", post(answer::embed))
        .fallback(|| async { (axum::http::StatusCode::NOT_FOUND, "404 page not found") })
        .layer(DefaultBodyLimit::max(MAX_JSON))
        .layer(axum::middleware::from_fn(guard::guard))
        .layer(axum::middleware::from_fn(move |busy, request, next| connection::watched(limits, busy, request, next)))
        .with_state(state)
}
