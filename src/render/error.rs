//! Why a template gives no text.

use super::limits::{self, MAX_TEMPLATE};

/// Why a template gives no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The engine's own words.
    #[error("{0}")]
    Template(String),
    #[error("{}", limits::exceeded("takes more than", limits::TIME_WORDS))]
    Time,
    #[error("{}", limits::exceeded("needs more than", limits::MEMORY_WORDS))]
    Memory,
    #[error("{}", limits::exceeded("writes more than", limits::OUTPUT_WORDS))]
    Output,
    #[error("{}", limits::exceeded("nests or calls itself", "too deeply"))]
    Depth,
    #[error("its text has {0} bytes, expected at most {MAX_TEMPLATE}")]
    TemplateSize(usize),
    #[error("what it is to be rendered with has {0} bytes, expected at most {max}", max = limits::MAX_INPUT)]
    InputSize(usize),
    #[error("the template engine failed: {0}")]
    Engine(String),
    #[error("the process that renders templates can't be started: {0}")]
    NoWorker(String),
}
