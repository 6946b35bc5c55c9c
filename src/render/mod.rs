//! Renders templates that somebody else wrote (Jinja, Go, tera) under limits of time, memory, output and depth.
//!
//! No check of a template's text can promise that it ends: `{{ 'x'.count('') }}`, a list that holds itself twice sixty
//! times over, or a string that doubles in a loop look harmless. The program therefore renders in a worker process of
//! its own ([`isolate`]), whose address space the kernel limits and whose processor time a watchdog thread measures. A
//! worker that exceeds a limit ends; the next rendering gets a new one. One worker serves thousands of renderings, one
//! after the other, at some ten microseconds each.
//!
//! The order of reading: `limits` (every number), `template` (what `chat` and `modelfile` call), `pool` (the program's
//! side), `worker` (the other side), `frame` (the bytes between them).

mod bounded;
mod frame;
mod limits;
mod pool;
mod template;
mod worker;

pub use bounded::Bounded;
pub use limits::MAX_TEMPLATE;
pub use pool::isolate;
pub use template::{Prepare, Prepared, Template};
pub use worker::serve;

/// The template languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Jinja,
    Go,
    Tera,
}

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
