//! Short ways to report, for commands.

use std::time::Instant;

use super::event::{Detail, Event, Outcome, Stage, Unit};
use super::log::EventLog;
use super::note::Note;
use super::observer::Observer;
use super::warning::Warning;

/// The stage that is being worked on.
#[derive(Clone, Copy, Debug)]
struct Current {
    stage: Stage,
    total: Option<u64>,
    started: Instant,
}

/// Passes events on to an observer and, once a run's folder is known, to its log. One stage is worked on at a time.
pub struct Reporter<'o> {
    observer: &'o mut dyn Observer,
    log: Option<EventLog>,
    current: Option<Current>,
}

impl std::fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("current", &self.current).finish_non_exhaustive()
    }
}

impl<'o> Reporter<'o> {
    pub fn new(observer: &'o mut dyn Observer) -> Self {
        Self { observer, log: None, current: None }
    }

    /// From now on events go into this log too.
    pub fn keep_in(&mut self, log: EventLog) {
        self.log = Some(log);
    }

    /// The work that the log is about ended with this event. The observer is told by whoever ends the command.
    pub fn close_log(&mut self, last: &Event) {
        if let Some(mut log) = self.log.take() {
            log.on(last);
        }
    }

    /// From now on events go into no log.
    pub fn keep_nowhere(&mut self) {
        self.log = None;
    }

    pub fn emit(&mut self, event: &Event) {
        self.observer.on(event);
        if let Some(log) = &mut self.log {
            log.on(event);
        }
    }

    pub fn begin(&mut self, stage: Stage, unit: Unit, total: Option<u64>) {
        self.current = Some(Current { stage, total, started: Instant::now() });
        tracing::info!(?stage, ?total, "stage begun");
        self.emit(&Event::StageBegun { stage, unit, total });
    }

    /// Of the stage that was begun; nothing where none was.
    pub fn advance(&mut self, done: u64, detail: Option<Detail>) {
        self.advance_of(done, None, detail);
    }

    /// As [`Self::advance`], where the total is known only now (a pull).
    pub fn advance_of(&mut self, done: u64, total: Option<u64>, detail: Option<Detail>) {
        if let Some(Current { stage, total: known, .. }) = self.current {
            self.emit(&Event::StageAdvanced { stage, done, total: total.or(known), detail });
        }
    }

    /// Ends the stage that was begun.
    pub fn end(&mut self, outcome: Outcome) {
        if let Some(Current { stage, started, .. }) = self.current.take() {
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(?stage, seconds, "stage ended");
            self.emit(&Event::StageEnded { stage, seconds, outcome });
        }
    }

    pub fn skip(&mut self, stage: Stage) {
        tracing::info!(?stage, "stage skipped");
        self.emit(&Event::StageSkipped { stage });
    }

    pub fn note(&mut self, note: Note) {
        self.emit(&Event::Note(note));
    }

    pub fn warn(&mut self, warning: Warning) {
        self.emit(&Event::Warning(warning));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Vec<Event>);

    impl Observer for Kept {
        fn on(&mut self, event: &Event) {
            self.0.push(event.clone());
        }
    }

    #[test]
    fn a_stage_has_one_beginning_and_one_end() {
        let mut kept = Kept::default();
        let mut reporter = Reporter::new(&mut kept);
        reporter.advance(1, None);
        reporter.begin(Stage::Export, Unit::Tensors, Some(2));
        reporter.advance(1, None);
        for _ in 0..2 {
            reporter.end(Outcome::Pulled { model: "m".into() });
        }
        let stages: Vec<_> = kept.0.iter().map(|e| serde_json::to_value(e).unwrap()["event"].clone()).collect();
        assert_eq!(stages, ["stage_begun", "stage_advanced", "stage_ended"]);
        assert_eq!(kept.0[1], Event::StageAdvanced { stage: Stage::Export, done: 1, total: Some(2), detail: None });
    }
}
