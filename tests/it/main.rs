//! The one integration binary; a topic a file.
#![expect(clippy::unwrap_used, reason = "tests")]

mod batch;
mod chat;
mod conformance;
mod daemon;
mod data;
mod deliveries;
mod oracle;
mod oracle_lora;
mod parity_adapter;
mod parity_export;
mod parity_logits;
mod parity_training;
mod parity_weights;
mod ollama_go;
