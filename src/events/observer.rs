//! Who receives events.

use super::event::Event;

/// Receives every event: the terminal, a run's log, a test.
pub trait Observer: Send {
    fn on(&mut self, event: &Event);
}

/// Ignores everything.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&mut self, _: &Event) {}
}
