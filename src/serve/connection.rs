//! Connections that can't take the server down: their number is limited, one without a request ends, and so does one whose
//! client does not read or does not send what it began.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

use super::lock::lock;

/// What a server bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; the next one waits until another ends.
    pub connections: usize,
    /// How long a connection may stay without a request.
    pub idle: Duration,
    /// How long a client may leave what it is sent unread, or a body that it began unsent.
    pub stalled: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, idle: Duration::from_secs(60), stalled: Duration::from_secs(60) }
    }
}

/// Requests of one connection that are being answered.
#[derive(Clone, Debug)]
pub(super) struct Busy(Arc<Requests>);

#[derive(Debug)]
struct Requests {
    open: AtomicUsize,
    /// When the last of them ended, or the connection began.
    ended: Mutex<Instant>,
}

impl Busy {
    fn new() -> Self {
        Self(Arc::new(Requests { open: AtomicUsize::new(0), ended: Mutex::new(Instant::now()) }))
    }

    fn begin(&self) -> Answering {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }

    /// Since when no request is answered: now, while one is.
    fn idle_since(&self) -> Instant {
        if self.0.open.load(Ordering::Relaxed) > 0 { Instant::now() } else { *lock(&self.0.ended) }
    }
}

/// Counts one request until it is dropped.
struct Answering(Busy);

impl Drop for Answering {
    fn drop(&mut self) {
        *lock(&self.0.0.ended) = Instant::now();
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Limited>> for Busy {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        stream.io().busy.clone()
    }
}

/// Accepts no more connections than the limits allow.
pub(super) struct Limited {
    listener: TcpListener,
    places: Arc<Semaphore>,
    limits: Limits,
}

impl Limited {
    pub(super) fn new(listener: TcpListener, limits: Limits) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(limits.connections)), limits }
    }
}

impl Listener for Limited {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed; without a permit nothing is counted.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let limits = self.limits;
        let connection = Connection {
            stream,
            busy: Busy::new(),
            idle: Box::pin(sleep_until(Instant::now() + limits.idle)),
            unread: None,
            limits,
            _place: place,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection with its clocks.
pub(super) struct Connection {
    stream: TcpStream,
    busy: Busy,
    /// Ends the connection while no request is answered.
    idle: Pin<Box<Sleep>>,
    /// Runs while the client does not take what it is sent.
    unread: Option<Pin<Box<Sleep>>>,
    limits: Limits,
    _place: Option<OwnedSemaphorePermit>,
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl Connection {
    /// Passes on what a write came to; one that waits too long is an error.
    fn written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let until = Instant::now() + self.limits.stalled;
        let unread = self.unread.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(unread.as_mut().poll(context));
        Poll::Ready(Err(timed_out("the client does not read")))
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(context, buf);
        let until = this.busy.idle_since() + this.limits.idle;
        if until > this.idle.deadline() {
            this.idle.as_mut().reset(until);
        }
        // Polled in any case, so that it wakes this connection.
        if this.idle.as_mut().poll(context).is_ready() && read.is_pending() {
            return Poll::Ready(Err(timed_out("no request")));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(context, written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.written(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// Counts the request as its connection's, until its answer is given, and ends a body that stops coming.
pub(super) async fn watched(
    limits: Limits,
    ConnectInfo(busy): ConnectInfo<Busy>,
    request: Request,
    next: Next,
) -> Response {
    let answering = busy.begin();
    let (head, body) = request.into_parts();
    let in_time = futures_util::stream::unfold(Some(body.into_data_stream()), move |body| async move {
        let mut body = body?;
        match tokio::time::timeout(limits.stalled, body.next()).await {
            Ok(next) => next.map(|bytes| (bytes, Some(body))),
            Err(_) => Some((Err(axum::Error::new(timed_out("the rest of the request does not come"))), None)),
        }
    });
    let response = next.run(Request::from_parts(head, Body::from_stream(in_time))).await;
    // A stream is being answered until its last byte is taken, or the client is gone.
    response.map(|body| {
        if body.size_hint().exact().is_some() {
            return body;
        }
        let stream =
            futures_util::stream::unfold((body.into_data_stream(), answering), |(mut body, answering)| async move {
                let next: Result<Bytes, axum::Error> = body.next().await?;
                Some((next, (body, answering)))
            });
        Body::from_stream(stream)
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use futures_util::stream::unfold;
    use tokio::io::AsyncWriteExt;
    use tokio::sync::mpsc;

    use super::*;

    /// A body without an end is dropped when its client does not read, and the place is free for the next one.
    #[test]
    fn an_endless_answer_that_is_not_read_ends() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let second = Duration::from_secs(1);
            let limits = Limits { connections: 1, idle: second, stalled: second };
            // Closed once the body is dropped.
            let (body, mut dropped) = mpsc::channel::<()>(1);
            let endless = move || {
                let body = body.clone();
                async move {
                    Body::from_stream(unfold(body, |body| async move {
                        Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 65_536])), body))
                    }))
                }
            };
            let routes = Router::new()
                .route("/", get(endless))
                .route("/short", get(|| async { "short" }))
                .layer(axum::middleware::from_fn(move |busy, request, next| watched(limits, busy, request, next)));
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let service = routes.into_make_service_with_connect_info::<Busy>();
            let server = tokio::spawn(async move { axum::serve(Limited::new(listener, limits), service).await });
            let mut unread = TcpStream::connect(address).await.unwrap();
            unread.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            // The second one waits for its place, and gets it although the first client stays.
            let mut next = TcpStream::connect(address).await.unwrap();
            next.write_all(b"GET /short HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            let read = tokio::io::AsyncReadExt::read_to_end(&mut next, &mut answer);
            // It ends by itself, since no further request is sent.
            tokio::time::timeout(20 * second, read).await.unwrap().unwrap();
            assert!(answer.ends_with(b"short"), "{}", String::from_utf8_lossy(&answer));
            server.abort();
            drop(server.await);
            assert!(tokio::time::timeout(20 * second, dropped.recv()).await.unwrap().is_none());
            drop(unread);
        });
    }
}
