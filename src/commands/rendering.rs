//! The worker process that renders templates: how the program starts it, and what it can render.

use super::Failure;
use crate::render::{self, Engine, Prepare};

/// The one argument of a worker process.
pub const WORKER: &str = "__render-templates";

/// From now on every template is rendered in a worker process of this program.
pub fn isolate() -> Result<(), Failure> {
    render::isolate(WORKER).map_err(|e| Failure::new(super::Kind::Error, e))
}

/// The worker process: returns its exit code when its standard input ends.
pub fn worker() -> u8 {
    u8::try_from(render::serve(engine)).unwrap_or(1)
}

fn engine(engine: Engine) -> Prepare {
    match engine {
        Engine::Jinja => crate::chat::prepare_jinja,
        Engine::Go => crate::chat::prepare_go,
        Engine::Tera => crate::modelfile::prepare,
    }
}
