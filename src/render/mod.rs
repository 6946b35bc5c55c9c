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
mod engine;
mod error;
mod frame;
mod limits;
mod pool;
mod template;
mod worker;

pub use bounded::Bounded;
pub use engine::Engine;
pub use error::RenderError;
pub use limits::MAX_TEMPLATE;
pub use pool::isolate;
pub use template::{Prepare, Prepared, Template};
pub use worker::serve;
