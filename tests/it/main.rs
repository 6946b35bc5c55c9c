//! The one integration binary; a topic a file.
#![expect(clippy::unwrap_used, reason = "tests")]

mod batch;
mod chat;
mod cli;
mod conformance;
mod daemon;
mod data;
mod deliveries;
mod gate;
mod ollama_go;
mod program;
mod way;
