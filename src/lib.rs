//! tunesmith: a JSONL file and a model that Ollama already serves become a better model in Ollama, with proof.
//!
//! The modules stand in the order in which data passes through them; each may use only modules above it (`tests/architecture.rs`).
#![deny(unsafe_code)]
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may panic"))]

// Ground: whole files, digests, locks, the limits of the process, the machine's memory, what people give, models.yaml.
pub mod store;
pub mod events;
pub mod limits;
pub mod machine;
pub mod quantile;
pub mod render;
pub mod input;
pub mod roles;

// Formats: bytes and text to values and back; no policy.
pub mod chat;
pub mod gguf;
pub mod modelfile;
pub mod ollama;
pub mod dataset;
pub mod corpus;
pub mod tokenizer;
pub mod batch;

// Engine: the arithmetic, the weights, the adapter, the decoder, the loop.
pub mod ops;
pub mod weights;
pub mod base;
pub mod lora;
pub mod model;
pub mod train;

// Delivery and quality: export, serve, prove, compare likelihoods, evaluate, retrieve, make training data, promote, report.
pub mod export;
pub mod serve;
pub mod proof;
pub mod likelihood;
pub mod eval;
pub mod bert;
pub mod rag;
pub mod generate;
pub mod promote;
pub mod report;

// App: the options of it all, one file per stage, and the words to the user.
pub mod config;
pub mod commands;
pub mod cli;
