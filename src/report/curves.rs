//! `metrics.jsonl` by column: what a training measured at each step.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A value at an optimiser step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub step: f64,
    pub value: f64,
}

/// A training's numbers. What is no number is left out, as is a torn last line.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    curves: BTreeMap<&'static str, Vec<Point>>,
    /// A line for each finished epoch.
    pub epochs: Vec<Map<String, Value>>,
    /// Of the whole training; None before its end.
    pub summary: Option<Map<String, Value>>,
}

/// The columns that are drawn.
const COLUMNS: [&str; 9] = [
    "train_loss",
    "eval_loss",
    "learning_rate",
    "grad_norm",
    "mean_token_accuracy",
    "eval_mean_token_accuracy",
    "entropy",
    "eval_entropy",
    "tokens_per_second",
];

impl Metrics {
    pub(super) fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines() {
            let Ok(Value::Object(row)) = serde_json::from_str(line) else { continue };
            if row.contains_key("epoch_train_loss") {
                metrics.epochs.push(row);
            } else if let Some(step) = row.get("step") {
                let Some(step) = step.as_f64().filter(|s| s.is_finite()) else { continue };
                for name in COLUMNS {
                    if let Some(value) = row.get(name).and_then(Value::as_f64) {
                        metrics.curves.entry(name).or_default().push(Point { step, value });
                    }
                }
            } else {
                metrics.summary = Some(row);
            }
        }
        metrics
    }

    pub(super) fn curve(&self, name: &str) -> &[Point] {
        self.curves.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.curves.is_empty() && self.epochs.is_empty() && self.summary.is_none()
    }
}

/// At most about `most` points that look like all: of each run of neighbours the least and the greatest.
pub(super) fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    let finite: Vec<Point> = points.iter().copied().filter(|p| p.value.is_finite()).collect();
    if finite.len() <= most {
        return finite;
    }
    let run = finite.len().div_ceil((most / 2).max(1));
    let ends = |run: &[Point]| -> Vec<Point> {
        let by_value = |a: &&Point, b: &&Point| a.value.total_cmp(&b.value);
        let ends = run.iter().min_by(by_value).zip(run.iter().max_by(by_value));
        ends.map_or_else(
            Vec::new,
            |(low, high)| {
                if low.step <= high.step { vec![*low, *high] } else { vec![*high, *low] }
            },
        )
    };
    finite.chunks(run).flat_map(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_steps_evaluations_epochs_and_the_run() {
        let lines = [
            r#"{"step":1,"train_loss":4.0,"learning_rate":0.1,"grad_norm":"<script>"}"#,
            r#"{"step":2,"train_loss":3.0,"learning_rate":0.1}"#,
            r#"{"step":2,"eval_loss":2.0}"#,
            r#"{"step":2,"epoch":1.0,"epoch_train_loss":3.5,"epoch_num_tokens":20}"#,
            r#"{"steps":3,"train_loss":3.0,"trainable_params":7}"#,
            r#"{"step":4,"tra"#,
        ];
        let metrics = Metrics::parse(&lines.join("\n"));
        let of = |name| metrics.curve(name).iter().map(|p| (p.step, p.value)).collect::<Vec<_>>();
        assert_eq!(of("train_loss"), [(1.0, 4.0), (2.0, 3.0)]);
        assert_eq!((of("eval_loss"), of("grad_norm")), (vec![(2.0, 2.0)], vec![]));
        assert_eq!((metrics.epochs.len(), metrics.summary.unwrap()["trainable_params"].as_u64()), (1, Some(7)));
    }

    #[test]
    fn a_long_curve_keeps_its_peaks() {
        let mut points: Vec<Point> =
            (0..10_000).map(|i| Point { step: f64::from(i), value: f64::from(i % 7) }).collect();
        points[4321].value = 99.0;
        points[17].value = f64::NAN;
        let thin = thinned(&points, 600);
        assert!(thin.len() <= 602 && thin.iter().any(|p| p.value == 99.0), "{}", thin.len());
        assert!(thin.is_sorted_by(|a, b| a.step <= b.step) && thin.iter().all(|p| p.value.is_finite()));
        assert_eq!(thinned(&points[..10], 600).len(), 10);
    }
}
