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
        self.answer_once(input).map_err(shortened).inspect_err(|e| {
            if matches!(e, RenderError::Time | RenderError::Memory | RenderError::Output | RenderError::Depth) {
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

/// Engines quote the line at fault, which may be the whole template.
fn shortened(error: RenderError) -> RenderError {
    const MOST: usize = 1000;
    match error {
        RenderError::Template(text) if text.chars().nth(MOST).is_some() => {
            RenderError::Template(text.chars().take(MOST).chain(['…']).collect())
        }
        other => other,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(setup: &str) -> Result<Prepared, RenderError> {
        if setup == "bad" {
            return Err(RenderError::Template("é".repeat(100_000)));
        }
        Ok(Box::new(|input| match input {
            "slow" => Err(RenderError::Time),
            "broken" => panic!("as an engine does"),
            "long" => Ok("x".repeat(limits::MAX_OUTPUT + 1)),
            other => Ok(other.to_owned()),
        }))
    }

    #[test]
    fn a_template_that_exceeded_a_limit_is_not_rendered_again() {
        let template = |setup: &str| Template::new(Engine::Go, "", setup.to_owned(), prepare).unwrap();
        assert_eq!(template("bad").check(), Err(RenderError::Template("é".repeat(1000) + "…")));
        for (input, error) in [("slow", RenderError::Time), ("long", RenderError::Output)] {
            let template = template("");
            assert_eq!(template.render("a").as_deref(), Ok("a"));
            assert_eq!(template.render(input).unwrap_err(), error);
            assert_eq!(template.render("a").unwrap_err(), error);
        }
        let template = template("");
        assert!(matches!(template.render("broken"), Err(RenderError::Engine(_))));
        assert_eq!(template.render("a").as_deref(), Ok("a"));
    }

    #[test]
    fn texts_beyond_their_caps_are_refused() {
        let source = "x".repeat(limits::MAX_TEMPLATE + 1);
        assert!(matches!(
            Template::new(Engine::Go, &source, String::new(), prepare),
            Err(RenderError::TemplateSize(n)) if n == source.len()
        ));
        let template = Template::new(Engine::Go, "", String::new(), prepare).unwrap();
        let input = "x".repeat(limits::MAX_INPUT + 1);
        assert_eq!(template.render(&input).unwrap_err(), RenderError::InputSize(input.len()));
    }
}
