//! A daemon for tests, whose answers are given.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::ollama::{Client, Host};
use crate::store::Interrupt;

/// A daemon that answers one connection after the other; gives back what it was asked.
pub(super) fn daemon(replies: Vec<(u16, String)>) -> (Client, std::thread::JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = Host::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let asked = std::thread::spawn(move || {
        let answer = |(status, body): &(u16, String)| {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(said) = line.to_lowercase().strip_prefix("content-length:") {
                    length = said.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut request = vec![0; length];
            reader.read_exact(&mut request).unwrap();
            let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            (&stream).write_all(format!("{head}{body}").as_bytes()).unwrap();
            serde_json::from_slice(&request).unwrap_or_default()
        };
        replies.iter().map(answer).collect()
    });
    (Client::new(host, Interrupt::default()).unwrap(), asked)
}
