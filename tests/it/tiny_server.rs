//! The embedded server in the test's own process, with tiny models under the names that a test asks for.

use std::path::Path;

use tunesmith::ollama::{Client, Create, Host};
use tunesmith::serve::Server;
use tunesmith::store::{Digest, Interrupt};

use crate::tiny::QWEN2;

fn client(server: &Server) -> Client {
    Client::new(Host::parse(&server.address().to_string()).unwrap(), Interrupt::default()).unwrap()
}

/// A server on this store, which it fills with one file under all the names.
pub fn filled(store: &Path, gguf: &Path, names: &[&str]) -> Server {
    let server = Server::start(store, ([127, 0, 0, 1], 0).into()).unwrap();
    let (client, digest) = (client(&server), Digest::of_file(gguf).unwrap());
    client.upload(gguf, digest, &mut |_, _| {}).unwrap();
    for name in names {
        let create = Create {
            model: (*name).into(),
            files: vec![("m.gguf".into(), digest)],
            template: Some("{{ .System }}{{ .Prompt }}".into()),
            ..Create::default()
        };
        client.create(&create, &mut |_| {}).unwrap();
    }
    server
}

/// Stops, and its store goes, when dropped.
#[derive(Debug)]
pub struct TinyServer {
    server: Server,
    store: tempfile::TempDir,
}

impl TinyServer {
    pub fn with_models(names: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let gguf = files.path().join("tiny.gguf");
        QWEN2.gguf(&gguf);
        Self::of(&gguf, names)
    }

    /// With one file under all the names.
    pub fn of(gguf: &Path, names: &[&str]) -> Self {
        let store = tempfile::tempdir().unwrap();
        let server = filled(store.path(), gguf, names);
        Self { server, store }
    }

    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    pub fn client(&self) -> Client {
        client(&self.server)
    }

    /// Where everything lies that it was sent.
    pub fn store(&self) -> &Path {
        self.store.path()
    }
}
