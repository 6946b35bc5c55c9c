//! A server for tests that answers connections with what a script says, bytes and cuts included.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

use super::transport::Timeouts;
use super::{Client, Host};
use crate::store::Interrupt;

/// How a connection is answered.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// After the request was read: these bytes, then the end.
    Bytes(Vec<u8>),
    /// After this many bytes of the request: these bytes, then a reset (what is unread forces it).
    Early(usize, Vec<u8>),
    /// Nothing, ever; the connection stays open.
    Silence,
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct Seen {
    pub line: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Debug)]
pub(super) struct Scripted {
    pub host: Host,
    seen: Receiver<Seen>,
}

impl Scripted {
    /// Answers one connection after the other with `replies`, then refuses.
    pub(super) fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = Host::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let (send, seen) = channel();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for reply in replies {
                let (stream, _) = listener.accept().unwrap();
                open.extend(answer(stream, &reply, &send));
            }
            drop(listener);
            // Silent connections stay open until the client gives up.
            for mut stream in open {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        Self { host, seen }
    }

    pub(super) fn client(&self) -> Client {
        self.client_with(Interrupt::default(), Duration::from_secs(20))
    }

    pub(super) fn client_with(&self, interrupt: Interrupt, patience: Duration) -> Client {
        let timeouts = Timeouts { connect: Duration::from_secs(5), quick: patience, long: patience };
        Client::with_timeouts(self.host.clone(), interrupt, timeouts).unwrap()
    }

    /// The next request that came.
    pub(super) fn seen(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(10)).unwrap()
    }
}

fn answer(mut stream: TcpStream, reply: &Reply, send: &Sender<Seen>) -> Option<TcpStream> {
    match reply {
        Reply::Early(after, bytes) => {
            let mut start = vec![0; *after];
            let _ = stream.read_exact(&mut start);
            let _ = stream.write_all(bytes);
            // Time for the bytes to arrive before the reset that closing with unread bytes sends.
            std::thread::sleep(Duration::from_millis(30));
            None
        }
        Reply::Silence => {
            let _ = send.send(request(&mut stream)?);
            Some(stream)
        }
        Reply::Bytes(bytes) => {
            let _ = send.send(request(&mut stream)?);
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            None
        }
    }
}

/// Reads a request; its body by Content-Length.
fn request(stream: &mut TcpStream) -> Option<Seen> {
    let mut all = Vec::new();
    let end = loop {
        if let Some(at) = all.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        take(stream, &mut all)?;
    };
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|l| l.split("\r\n").next()?.parse::<usize>().ok());
    while all.len() < end + length.unwrap_or(0) {
        take(stream, &mut all)?;
    }
    let line = head.split(" HTTP").next().unwrap_or_default().to_owned();
    Some(Seen { line, body: all.split_off(end), head })
}

fn take(stream: &mut TcpStream, all: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 1 << 16];
    let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
    all.extend_from_slice(&buffer[..n]);
    Some(())
}

/// A whole answer with its length.
pub(super) fn plain(status: u16, body: &str) -> Reply {
    Reply::Bytes(
        format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into(),
    )
}

/// A chunked answer, a byte a chunk: every cut there is.
pub(super) fn crumbs(body: &str) -> Vec<u8> {
    let mut out =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for byte in body.bytes() {
        out.extend_from_slice(b"1\r\n");
        out.extend_from_slice(&[byte, b'\r', b'\n']);
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}
