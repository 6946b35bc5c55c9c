//! Modelfile text and commands, both ways; rendering through tera from `templates/`.
//!
//! The grammar is that of Ollama's own parser (parser/parser.go, v0.34.4), oddities included: what this module reads or
//! writes, `ollama create -f` reads as the same commands.

mod command;
mod decode;
mod error;
mod file;
mod parameters;
mod parse;
mod render;
mod write;

pub use command::Command;
pub use decode::decode;
pub use error::ModelfileError;
pub use file::Modelfile;
pub use parameters::{LeftOut, Parameters, parameters};
pub use render::{BUILT_IN, Spec, prepare, render};
