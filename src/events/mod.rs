//! What a command reports while it works: typed, versioned events. `cli` renders them, a run's `events.jsonl` keeps them.

mod event;
mod log;
mod observer;
mod reporter;

pub use event::{Detail, Event, Outcome, Stage, SuiteResult, Survival, Unit, VERSION};
pub use log::EventLog;
pub use observer::{Observer, Silent};
pub use reporter::Reporter;
