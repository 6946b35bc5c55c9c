//! A template, rendered in a worker process where the program has them, else in this one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use super::frame::Request;
use super::{Engine, RenderError, limits, pool};

/// Gives the text for an input. The input is JSON whose form the engine's module defines.
pub type Prepared = Box<dyn Fn(&str) -> Result<String, RenderError> + Send + Sync>;
/// Parses a template: the argument holds it together with what stays the same for all its renderings.
pub type Prepare = fn(&str) -> Result<Prepared, RenderError>;

/// A template and how it is rendered.
pub struct Template {
    engine: Engine,
    setup: String,
    prepare: Prepare,
    here: OnceLock<Result<Prepared, RenderError>>,
    /// A template that has exceeded a limit is not rendered again: it would take as long each time.
    exceeded: OnceLock<RenderError>,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("engine", &self.engine).field("setup", &self.setup).finish_non_exhaustive()
    }
}

impl Template {
    /// `source` is the template's text alone, `setup` what `prepare` is given.
    pub fn new(engine: Engine, source: &str, setup: String, prepare: Prepare) -> Result<Self, RenderError> {
        if source.len() > limits::MAX_TEMPLATE {
            return Err(RenderError::TemplateSize(source.len()));
        }
        Ok(Self { engine, setup, prepare, here: OnceLock::new(), exceeded: OnceLock::new() })
    }

    /// Whether it can be parsed.
    pub fn check(&self) -> Result<(), RenderError> {
        self.answer(None).map(drop)
    }

    pub fn render(&self, input: &str) -> Result<String, RenderError> {
        if input.len() > limits::MAX_INPUT {
            return Err(RenderError::InputSize(input.len()));
        }
        self.answer(Some(input))
    }

    fn answer(&self, input: Option<&str>) -> Result<String, RenderError> {
        if let Some(e) = self.exceeded.get() {
            return Err(e.clone());
        }
        self.answer_once(input).inspect_err(|e| {
            if matches!(e, RenderError::Time | RenderError::Memory | RenderError::Depth) {
                self.exceeded.get_or_init(|| e.clone());
            }
        })
    }

    fn answer_once(&self, input: Option<&str>) -> Result<String, RenderError> {
        if let Some(program) = pool::program() {
            let input = input.map(Into::into);
            return pool::ask(program, &Request { engine: self.engine, setup: (&self.setup).into(), input });
        }
        let prepared = self.here.get_or_init(|| guarded(|| (self.prepare)(&self.setup)));
        let prepared = prepared.as_ref().map_err(Clone::clone)?;
        input.map_or(Ok(String::new()), |input| render(prepared, input))
    }
}

/// Renders in this process. What an engine writes past its bounded writer (the turns of an old Go template put
/// together, say) is limited too.
pub(super) fn render(prepared: &Prepared, input: &str) -> Result<String, RenderError> {
    let text = guarded(|| prepared(input))?;
    if text.len() > limits::MAX_OUTPUT { Err(RenderError::Output) } else { Ok(text) }
}

/// Engines panic on some templates (minijinja 2.24 on a slice of an empty list); a stranger's file must not end the
/// program.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, RenderError>) -> Result<T, RenderError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(RenderError::Engine("it panicked".into())))
}
