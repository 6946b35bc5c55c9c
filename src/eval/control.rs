//! A third arm: the base through the same export as the candidate, with a tune of zero. What v1 loses to it is the export's doing,
//! what the candidate differs in from it is the training's. Shown, not judged.

use serde::Serialize;

use super::judge::{Interval, Judged};
use super::judgement::points;

/// `control.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Control {
    /// Of this form.
    pub version: u32,
    /// Of the evaluation that it belongs to, RFC 3339.
    pub timestamp: String,
    /// The name that the control had in the daemon, where it is no more.
    pub model: String,
    /// Of its manifest.
    pub digest: String,
    pub suites: Vec<ControlSuite>,
}

impl Control {
    pub const VERSION: u32 = 1;
}

/// One suite: the change from v1 to v2 in its two parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ControlSuite {
    pub suite: String,
    /// v1 → control.
    pub export: Change,
    /// Control → v2.
    pub training: Change,
    pub source: ChangeSource,
    /// The numbers, in a sentence.
    pub sentence: String,
}

/// From one arm to another, over the prompts that both answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub prompts: usize,
    /// Mean scores.
    pub before: f64,
    pub after: f64,
    pub difference: f64,
    /// One-sided 95 % bounds of the difference.
    pub interval: Interval,
    pub fixed: usize,
    pub broken: usize,
}

impl Change {
    fn of(judged: &Judged) -> Self {
        Self {
            prompts: judged.n,
            before: judged.base,
            after: judged.tuned,
            difference: judged.difference,
            interval: judged.interval,
            fixed: judged.fixed,
            broken: judged.broken,
        }
    }

    /// Whether the interval lies on one side of zero.
    fn is_proved(&self, judged: &Judged) -> bool {
        judged.capped.is_none() && (self.interval.low > 0.0 || self.interval.high < 0.0)
    }

    fn words(&self) -> String {
        let Interval { low, high, .. } = self.interval;
        format!(
            "{} points ({} to {}; {} fixed, {} broken of {})",
            signed(self.difference),
            signed(low),
            signed(high),
            self.fixed,
            self.broken,
            self.prompts
        )
    }
}

fn signed(share: f64) -> String {
    let sign = if share > 0.0 { "+" } else { "" };
    format!("{sign}{}", points(share))
}

/// Which part of the change is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSource {
    Training,
    Export,
    Both,
    Neither,
}

impl ChangeSource {
    fn words(self) -> &'static str {
        match self {
            Self::Training => "the change comes from the training",
            Self::Export => "the change comes from the export (merging, rounding, template), not from the training",
            Self::Both => "export and training both change it",
            Self::Neither => "neither part is proved to change it",
        }
    }
}

/// `export`: v1 → control, `training`: control → v2, both judged on the same suite.
pub fn control_suite(export: &Judged, training: &Judged) -> ControlSuite {
    let [first, second] = [export, training].map(Change::of);
    let source = match (first.is_proved(export), second.is_proved(training)) {
        (false, true) => ChangeSource::Training,
        (true, false) => ChangeSource::Export,
        (true, true) => ChangeSource::Both,
        (false, false) => ChangeSource::Neither,
    };
    let sentence = format!(
        "{}: v1 → control (export) {}, control → v2 (training) {}, 90 % intervals: {}",
        export.suite,
        first.words(),
        second.words(),
        source.words()
    );
    ControlSuite { suite: export.suite.clone(), export: first, training: second, source, sentence }
}

/// A section for the summary of an evaluation.
pub fn control_markdown(control: &Control) -> String {
    let mut out =
        String::from("## Control arm (shown, not judged)\n\nThe base, exported as v2 was, with a tune of zero.\n\n");
    for suite in &control.suites {
        out += &format!("- {}.\n", super::summary::escaped(&suite.sentence));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::judge::tests::measured;
    use crate::eval::judge::{Demand, Goal, judge};
    use crate::eval::score::Metric;

    fn judged(kinds: &[(f64, f64, usize)]) -> Judged {
        judge(&measured(kinds), Demand { goal: Goal::Hold, metric: Metric::Pass, margin: 0.1, min_gain: None }, 1)
    }

    #[test]
    fn the_part_whose_interval_excludes_zero_is_the_source() {
        let (same, better, worse) =
            (judged(&[(1., 1., 40)]), judged(&[(0., 1., 20), (1., 1., 20)]), judged(&[(1., 0., 20), (1., 1., 20)]));
        let source = |export: &Judged, training: &Judged| control_suite(export, training).source;
        assert_eq!(source(&same, &better), ChangeSource::Training);
        assert_eq!(source(&worse, &same), ChangeSource::Export);
        assert_eq!(source(&worse, &better), ChangeSource::Both);
        assert_eq!(source(&same, &same), ChangeSource::Neither);
        let found = control_suite(&worse, &better);
        assert_eq!((found.export.difference, found.training.difference), (-0.5, 0.5));
        assert_eq!((found.export.broken, found.training.fixed, found.training.prompts), (20, 20, 40));
    }

    #[test]
    fn the_sentence_has_both_parts_and_their_intervals() {
        let (same, better) = (judged(&[(1., 1., 40)]), judged(&[(0., 1., 20), (1., 1., 20)]));
        insta::assert_snapshot!(control_suite(&same, &better).sentence, @"s: v1 → control (export) 0 points (-6.3 to +6.3; 0 fixed, 0 broken of 40), control → v2 (training) +50 points (+37.4 to +62.6; 20 fixed, 0 broken of 40), 90 % intervals: the change comes from the training");
    }
}
