//! The one integration binary; a topic a file.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::type_complexity, reason = "tests")]

mod answers;
mod batch;
mod chat;
mod chat_go;
mod cli;
mod conformance;
mod daemon;
mod data;
mod deliveries;
mod demo;
mod families;
mod faults;
mod gate;
mod identity;
mod kills;
mod ollama_go;
mod oracle;
mod oracle_lora;
mod parity_adapter;
mod parity_export;
mod parity_logits;
mod parity_training;
mod parity_weights;
mod plan;
mod program;
mod qwen;
mod refused;
mod resume;
mod server;
mod shapes;
mod survival;
mod thinking;
mod tiny;
mod tune;
mod way;
