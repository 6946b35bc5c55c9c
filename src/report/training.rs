//! The training's curves, with axes, units and ticks; its epochs and its totals.

use serde_json::{Map, Value};

use super::curves::{Metrics, Point, thinned};
use super::files::RunFiles;
use super::number::{NONE, bytes, duration, significant};
use super::scale::{Span, Ticks};
use super::svg::{Drawing, Frame, place};
use super::table::{Column, Table, number, text};

const HEIGHT: f64 = 220.0;
/// Points of a drawn curve: more than the chart has pixels across.
const DRAWN: usize = 600;
/// Rows of the table behind a chart.
const LISTED: usize = 100;

/// A chart: what is drawn of the steps, and of the evaluations during the training.
struct Panel {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    steps: &'static str,
    evaluations: Option<&'static str>,
}

const PANELS: [Panel; 5] = [
    Panel { id: "loss", title: "Loss", unit: "nats a token", steps: "train_loss", evaluations: Some("eval_loss") },
    Panel {
        id: "accuracy",
        title: "Token accuracy",
        unit: "share of the trained tokens",
        steps: "mean_token_accuracy",
        evaluations: Some("eval_mean_token_accuracy"),
    },
    Panel { id: "rate", title: "Learning rate", unit: "of each step", steps: "learning_rate", evaluations: None },
    Panel {
        id: "gradient",
        title: "Gradient norm",
        unit: "norm before clipping",
        steps: "grad_norm",
        evaluations: None,
    },
    Panel { id: "entropy", title: "Entropy", unit: "nats", steps: "entropy", evaluations: Some("eval_entropy") },
];

pub(super) fn section(files: &RunFiles) -> String {
    let mut out =
        String::from("<section id=\"training\" aria-labelledby=\"training-h\">\n<h2 id=\"training-h\">Training</h2>\n");
    let metrics = &files.metrics;
    if metrics.is_empty() && files.training.is_empty() {
        out.push_str("<p>This folder has no training: it is of an evaluation alone.</p>\n</section>\n");
        return out;
    }
    let charts: Vec<String> = PANELS.iter().filter_map(|panel| chart(panel, metrics)).collect();
    if !charts.is_empty() {
        out.push_str("<p>By optimiser step: of the training a line, of the evaluations during it dots with a dashed line.</p>\n<div class=\"charts\">\n");
        charts.iter().for_each(|chart| out.push_str(chart));
        out.push_str("</div>\n");
    }
    out.push_str(&epochs(&metrics.epochs));
    out.push_str(&totals(&files.training));
    out.push_str("</section>\n");
    out
}

fn chart(panel: &Panel, metrics: &Metrics) -> Option<String> {
    let steps = metrics.curve(panel.steps);
    let evaluations = panel.evaluations.map_or(&[][..], |name| metrics.curve(name));
    let all = || steps.iter().chain(evaluations);
    let values = Span::of(all().map(|p| p.value))?;
    let across = Ticks::whole(Span::of(all().map(|p| p.step))?.including(0.0), 5);
    // Losses, rates and norms are compared with 0.
    let up = Ticks::new(if values.low >= 0.0 { values.including(0.0) } else { values }, 5);
    let frame = Frame::beside(&up, HEIGHT);
    let described = |name: &str, points: &[Point]| {
        let (first, last) = points.first().zip(points.last())?;
        let least = points.iter().min_by(|a, b| a.value.total_cmp(&b.value))?;
        Some(format!(
            "{name}: {} at step {}, {} at step {}, least {} at step {}",
            significant(first.value),
            first.step,
            significant(last.value),
            last.step,
            significant(least.value),
            least.step
        ))
    };
    let words: Vec<String> =
        [described("training", steps), described("evaluation", evaluations)].into_iter().flatten().collect();
    let words = words.join("; ");
    let mut drawing = Drawing::new(panel.id, panel.title, &words, HEIGHT);
    frame.draw_up(&mut drawing, &up, panel.unit);
    frame.draw_across(&mut drawing, &across, "optimiser step");
    let at = |p: &Point| place(frame.across(&across).at(p.step), frame.up(&up).at(p.value));
    let line: Vec<_> = thinned(steps, DRAWN).iter().map(at).collect();
    match line.as_slice() {
        [] => {}
        [one] => drawing.dot("curve", *one),
        line => drawing.path("curve", line),
    }
    let dots: Vec<_> = thinned(evaluations, DRAWN).iter().map(at).collect();
    if dots.len() > 1 {
        drawing.path("evaluation", &dots);
    }
    dots.iter().for_each(|dot| drawing.dot("evaluation", *dot));
    Some(format!(
        "<figure>\n<figcaption>{}</figcaption>\n{}<p class=\"note\">{words}</p>\n{}</figure>\n",
        panel.title,
        drawing.finish(),
        table(panel, steps, evaluations)
    ))
}

fn table(panel: &Panel, steps: &[Point], evaluations: &[Point]) -> String {
    let caption = format!("{}, {}", panel.title.to_lowercase(), panel.unit);
    let columns = [number("step"), text("of"), number("value")];
    let thin = |points: &[Point], of: &str| -> Vec<(f64, Vec<String>)> {
        let shown = thinned(points, LISTED);
        shown.iter().map(|p| (p.step, vec![p.step.to_string(), of.to_owned(), significant(p.value)])).collect()
    };
    let mut rows = thin(steps, "training");
    rows.extend(thin(evaluations, "evaluation"));
    rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    let note = match steps.len() > LISTED {
        true => {
            "<p class=\"note\">Of each run of neighbouring steps the least and the greatest value; metrics.jsonl has all.</p>\n"
        }
        false => "",
    };
    let behind = Table { caption: &caption, columns: &columns, rows }.behind();
    behind.replace("</details>", &format!("{note}</details>"))
}

/// A column for each number, a row for each finished epoch.
fn epochs(rows: &[Map<String, Value>]) -> String {
    const SHOWN: [(&str, Column); 8] = [
        ("epoch", number("epoch")),
        ("step", number("step")),
        ("epoch_train_loss", number("train loss")),
        ("epoch_mean_token_accuracy", number("token accuracy")),
        ("epoch_entropy", number("entropy")),
        ("epoch_grad_norm", number("gradient norm")),
        ("epoch_num_tokens", number("tokens")),
        ("epoch_tokens_per_second", number("tokens a second")),
    ];
    if rows.is_empty() {
        return String::new();
    }
    let columns = SHOWN.map(|(_, column)| column);
    let row = |row: &Map<String, Value>| SHOWN.map(|(key, _)| shown(row.get(key))).to_vec();
    Table { caption: "means of each epoch", columns: &columns, rows: rows.iter().map(row).collect() }.html()
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => NONE.to_owned(),
        Some(Value::Number(n)) => n.as_f64().map_or_else(|| NONE.to_owned(), significant),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// How a total is shown.
type Show = fn(f64) -> String;

fn totals(training: &Map<String, Value>) -> String {
    const TOTALS: [(&str, &str, Show); 14] = [
        ("steps", "optimiser steps", significant),
        ("final_step", "step of the adapter in final/", significant),
        ("train_loss", "train loss, nats a token", significant),
        ("eval_loss", "eval loss, nats a token", significant),
        ("mean_token_accuracy", "token accuracy", significant),
        ("entropy", "entropy, nats", significant),
        ("grad_norm", "gradient norm", significant),
        ("num_tokens", "tokens", significant),
        ("tokens_per_second", "tokens a second", significant),
        ("trained_tokens_per_second", "trained tokens a second", significant),
        ("trainable_params", "trained parameters", significant),
        ("trainable_percent", "of all parameters, %", significant),
        ("peak_memory_bytes", "peak memory", bytes),
        ("duration_seconds", "duration", duration),
    ];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (key, words, show) in TOTALS {
        if let Some(value) = training.get(key).and_then(Value::as_f64) {
            rows.push(vec![words.to_owned(), show(value)]);
        }
    }
    if training.get("stopped_early").and_then(Value::as_bool) == Some(true) {
        rows.push(vec!["ended by early stopping".to_owned(), "yes".to_owned()]);
    }
    if let Some([step, loss]) = training.get("best").and_then(Value::as_array).map(Vec::as_slice) {
        rows.push(vec!["best evaluation".to_owned(), format!("{} at step {step}", shown(Some(loss)))]);
    }
    if rows.is_empty() {
        return String::new();
    }
    Table { caption: "the whole training", columns: &[text("total"), number("value")], rows }.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(lines: &[&str]) -> RunFiles {
        let metrics = Metrics::parse(&lines.join("\n"));
        RunFiles { training: metrics.summary.clone().unwrap_or_default(), metrics, ..RunFiles::default() }
    }

    #[test]
    fn curves_stand_where_their_numbers_say() {
        let html = section(&files(&[
            r#"{"step":1,"train_loss":4.0,"learning_rate":0.1}"#,
            r#"{"step":2,"train_loss":3.0,"learning_rate":0.1}"#,
            r#"{"step":2,"eval_loss":2.0}"#,
            r#"{"step":4,"train_loss":2.0,"learning_rate":0.1}"#,
            r#"{"step":2,"epoch":1.0,"epoch_train_loss":3.5,"epoch_num_tokens":20}"#,
            r#"{"step":4,"epoch":2.0,"epoch_train_loss":2.0,"epoch_num_tokens":30}"#,
            r#"{"steps":4,"train_loss":3.0,"trainable_params":7,"best":[2,2.0]}"#,
        ]));
        // The axes go from 0 to 4 both ways; labels of one digit leave 18.2 at the left.
        assert!(html.contains("<polyline class=\"curve\" points=\"110.7,24.0 203.1,63.0 388.0,102.0\"/>"), "{html}");
        assert!(html.contains("<circle class=\"evaluation\" cx=\"203.1\" cy=\"102.0\""), "{html}");
        for needle in [
            ">nats a token</text>",
            ">optimiser step</text>",
            ">of each step</text>",
            "evaluation: 2 at step 2",
            "<td class=\"n\" dir=\"auto\">3.5</td>",
            ">trained parameters</th><td class=\"n\" dir=\"auto\">7</td>",
            ">2 at step 2</td>",
        ] {
            assert!(html.contains(needle), "{needle} in {html}");
        }
        assert!(!html.contains("Gradient norm") && !html.contains("NaN"), "{html}");
    }

    #[test]
    fn a_folder_without_a_training_says_so() {
        assert!(section(&RunFiles::default()).contains("This folder has no training"));
    }

    #[test]
    fn one_step_is_a_dot() {
        let html = section(&files(&[r#"{"step":1,"train_loss":4.0}"#]));
        assert!(html.contains("<circle class=\"curve\"") && !html.contains("polyline"), "{html}");
    }
}
