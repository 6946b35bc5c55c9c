//! What it means that no GPU computes, said once, when a few steps have shown it.

use std::time::Instant;

use crate::config::{Device, RunConfig};
use crate::model::Place;

/// Steps that are timed, after the first one, which reads the weights.
const TIMED: u64 = 3;
/// Of what is sooner done nobody needs to be warned.
const WORTH_SAYING: f64 = 60.0;

#[derive(Debug)]
pub struct Pace {
    /// Nobody asked for the CPU, and nothing was said of it yet.
    unsaid: bool,
    steps: u64,
    first: Option<(u64, Instant)>,
}

impl Pace {
    pub fn new(config: &RunConfig, on_cpu: bool) -> Self {
        let fell = config.device == Device::Auto && !config.force_cpu && on_cpu;
        Self { unsaid: fell, steps: 0, first: None }
    }

    pub fn started(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// After this step, made by now: the warning, if this is the time for it.
    pub fn step(&mut self, step: u64, now: Instant) -> Option<String> {
        let (first, began) = *self.first.get_or_insert((step, now));
        if !self.unsaid || step < first + TIMED {
            return None;
        }
        self.unsaid = false;
        let left = self.steps.saturating_sub(step);
        let seconds = left as f64 * now.duration_since(began).as_secs_f64() / (step - first) as f64;
        let why = Place::found().why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        (seconds >= WORTH_SAYING).then(|| {
            format!(
                "no GPU computes this{why}: about {:.0} min on this CPU for the other {left} steps (--force-cpu: without this warning)",
                seconds / 60.0
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Purpose, Raw};

    fn said(raw: Raw, steps: u64, seconds: u64) -> Vec<(u64, String)> {
        let raw = Raw { model_to_fine_tune: Some("m".into()), dataset_path: Some("d".into()), ..raw };
        let mut pace = Pace::new(&RunConfig::resolve(raw, Purpose::Train, "a test").unwrap(), true);
        let began = Instant::now();
        pace.started(steps);
        // Resumed after ten steps.
        (11..=steps)
            .filter_map(|s| pace.step(s, began + Duration::from_secs(s * seconds)).map(|words| (s, words)))
            .collect()
    }

    #[test]
    fn what_it_takes_without_a_gpu_is_said_once() {
        let once = said(Raw::default(), 44, 12);
        let [(14, words)] = &once[..] else { panic!("{once:?}") };
        assert!(words.contains("about 6 min") && words.contains("other 30 steps"), "{words}");
        // Soon done; or who asked for the CPU.
        assert_eq!(said(Raw::default(), 44, 1), []);
        assert_eq!(said(Raw { force_cpu: Some(true), ..Raw::default() }, 44, 12), []);
    }
}
