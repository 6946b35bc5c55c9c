//! What it means that no GPU computes, said once, when a few steps have shown it.

use std::time::Instant;

use crate::config::{Choice, RunConfig};
use crate::events::Warning;
use crate::model::DeviceKind;

/// Of what is sooner done nobody needs to be warned.
const WORTH_SAYING: f64 = 60.0;

#[derive(Debug)]
pub(super) struct Pace {
    /// Nobody asked for the CPU, and nothing was said of it yet.
    unsaid: bool,
    steps: u64,
    /// Steps done, and when: before the first of them, and after it, which reads the weights.
    began: Option<(u64, Instant)>,
    first: Option<(u64, Instant)>,
}

impl Pace {
    pub(super) fn new(config: &RunConfig, on_cpu: bool) -> Self {
        let fell = config.device == Choice::Auto && !config.force_cpu && on_cpu;
        Self { unsaid: fell, steps: 0, began: None, first: None }
    }

    /// Of so many steps these are done.
    pub(super) fn started(&mut self, steps: u64, done: u64, now: Instant) {
        self.steps = steps;
        self.began = Some((done, now));
    }

    /// After this step, made by now: the warning, if this is the time for it, with two steps timed; with one, where
    /// only one is to come.
    pub(super) fn step(&mut self, step: u64, now: Instant) -> Option<Warning> {
        let (before, began) = self.began?;
        let (first, after) = *self.first.get_or_insert((step, now));
        let gone = now.duration_since(began).as_secs_f64();
        let left = self.steps.saturating_sub(step);
        if !self.unsaid || left == 0 || (step == first && (left > 1 || gone < WORTH_SAYING)) {
            return None;
        }
        self.unsaid = false;
        let a_step = match step - first {
            0 => gone,
            timed => now.duration_since(after).as_secs_f64() / timed as f64,
        };
        let (to_come, all) = (left as f64 * a_step, self.steps.saturating_sub(before));
        (gone + to_come >= WORTH_SAYING).then(|| Warning::NoGpu {
            reason: DeviceKind::found().why.as_ref().map(ToString::to_string),
            seconds: gone + to_come,
            steps: all,
            seconds_left: to_come,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Purpose, Raw};

    fn said(raw: Raw, steps: u64, seconds: u64) -> Vec<(u64, Warning)> {
        let raw = Raw { model_to_fine_tune: Some("m".into()), dataset_path: Some("d".into()), ..raw };
        let mut pace = Pace::new(&RunConfig::resolve(raw, Purpose::Train, "a test").unwrap(), true);
        let began = Instant::now();
        // Resumed after ten steps.
        pace.started(steps, 10, began);
        let at = |step: u64| began + Duration::from_secs((step - 10) * seconds);
        (11..=steps).filter_map(|step| pace.step(step, at(step)).map(|warning| (step, warning))).collect()
    }

    /// The step of the one warning, all steps, and the seconds of all of them and of those to come.
    fn times(once: &[(u64, Warning)]) -> (u64, u64, f64, f64) {
        match once {
            [(step, Warning::NoGpu { seconds, steps, seconds_left, .. })] => (*step, *steps, *seconds, *seconds_left),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_it_takes_without_a_gpu_is_said_once() {
        let once = said(Raw::default(), 44, 12);
        assert_eq!(times(&once), (12, 34, 408.0, 384.0));
        // Soon done; or who asked for the CPU.
        assert_eq!(said(Raw::default(), 44, 1), []);
        assert_eq!(said(Raw { force_cpu: Some(true), ..Raw::default() }, 44, 12), []);
    }

    #[test]
    fn a_few_slow_steps_are_said_while_there_are_some_to_come() {
        // Three of 25 s.
        let once = said(Raw::default(), 13, 25);
        assert_eq!(times(&once), (12, 3, 75.0, 25.0));
        // Two of 100 s: the first is a minute by itself.
        let once = said(Raw::default(), 12, 100);
        assert_eq!(times(&once), (11, 2, 200.0, 100.0));
        assert_eq!(said(Raw::default(), 12, 20), []);
        assert_eq!(said(Raw::default(), 11, 100), []);
    }
}
