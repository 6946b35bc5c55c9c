//! For tests: a context without a daemon, and what a command notes and warns of in it.

use super::Context;
use crate::events::{Event, Observer, Reporter};

#[derive(Default)]
struct Lines(Vec<String>);

impl Observer for Lines {
    fn on(&mut self, event: &Event) {
        if let Event::Note { text } | Event::Warning { text } = event {
            self.0.push(text.clone());
        }
    }
}

/// What `doing` returns, and its notes and warnings.
pub(super) fn reported<T>(doing: impl FnOnce(&mut Context<'_>) -> T) -> (T, Vec<String>) {
    let mut lines = Lines::default();
    let returned = doing(&mut Context {
        env: crate::input::Env::default(),
        ollama_host: None,
        models_yaml: "no.yaml".into(),
        models_yaml_said: false,
        seed: None,
        force: false,
        parallel: None,
        interrupt: crate::store::Interrupt::default(),
        report: Reporter::new(&mut lines),
    });
    (returned, lines.0)
}
