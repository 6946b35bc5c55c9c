//! For tests: a context without a daemon, and what a command notes and warns of in it.

use super::Context;
use crate::events::{Event, Observer, Reporter};

#[derive(Default)]
struct Notices(Vec<Event>);

impl Observer for Notices {
    fn on(&mut self, event: &Event) {
        if matches!(event, Event::Note(_) | Event::Warning(_)) {
            self.0.push(event.clone());
        }
    }
}

/// What `doing` returns, and its notes and warnings.
pub(super) fn reported<T>(doing: impl FnOnce(&mut Context<'_>) -> T) -> (T, Vec<Event>) {
    let mut notices = Notices::default();
    let returned = doing(&mut Context {
        env: crate::input::Env::default(),
        ollama_host: None,
        models_yaml: "no.yaml".into(),
        models_yaml_said: false,
        seed: None,
        force: false,
        parallel: None,
        interrupt: crate::store::Interrupt::default(),
        report: Reporter::new(&mut notices),
    });
    (returned, notices.0)
}
