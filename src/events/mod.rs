//! What a command reports while it works: typed, versioned events. `cli` renders them, a run's `events.jsonl` keeps them.

mod declare;
mod event;
mod log;
mod note;
mod observer;
mod reporter;
mod warning;

pub use event::{Detail, Event, INTERRUPTED, Outcome, Stage, SuiteResult, Survival, Unit, VERSION};
pub use log::EventLog;
pub use note::{BasePlace, ComputeChoice, HeldOutUnused, Note};
pub use observer::{Observer, Silent};
pub use reporter::Reporter;
pub use warning::{Part, Warning};
