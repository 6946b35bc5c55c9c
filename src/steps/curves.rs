//! `training.html`: what `metrics.jsonl` says, as curves, beside it. One file, nothing fetched.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::Failure;
use crate::store::{StoreError, write_whole};

/// (step, value), ascending.
type Curve = Vec<(f64, f64)>;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;

/// Each chart: its title, and the keys of its curves.
const CHARTS: [(&str, &[&str]); 5] = [
    ("loss (nats a token)", &["train_loss", "eval_loss"]),
    ("token accuracy", &["mean_token_accuracy", "eval_mean_token_accuracy"]),
    ("entropy (nats)", &["entropy", "eval_entropy"]),
    ("learning rate", &["learning_rate"]),
    ("gradient norm, before clipping", &["grad_norm"]),
];

/// Writes `training.html` in a training's folder.
pub fn write(output: &Path) -> Result<(), Failure> {
    let path = output.join("metrics.jsonl");
    let text = std::fs::read_to_string(&path).map_err(|e| StoreError::new("reading", &path, e))?;
    let rows: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    write_whole(output.join("training.html"), page(&rows).as_bytes())?;
    Ok(())
}

fn page(rows: &[Value]) -> String {
    let mut out = String::from(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>training</title>\n<style>body{font:14px sans-serif;margin:2em}\
         td{padding:0 1em 0 0}svg{display:block}.a{stroke:#1f77b4}.b{stroke:#d62728}polyline{fill:none;stroke-width:1.5}</style>\n\
         <h1>Training</h1>\n",
    );
    for (title, keys) in CHARTS {
        let curves: Vec<(&str, Curve)> = keys.iter().map(|key| (*key, curve(rows, key))).collect();
        if curves.iter().any(|(_, points)| !points.is_empty()) {
            out.push_str(&chart(title, &curves));
        }
    }
    out.push_str(&epochs(rows));
    // The run's own line is the one without a step.
    if let Some(Value::Object(run)) = rows.iter().rev().find(|row| row.get("step").is_none()) {
        out.push_str("<h2>The run</h2>\n<table>\n");
        for (key, value) in run {
            let _ = writeln!(out, "<tr><td>{key}</td><td>{value}</td></tr>");
        }
        out.push_str("</table>\n");
    }
    out
}

/// A table with a column for each finished epoch.
fn epochs(rows: &[Value]) -> String {
    let of: Vec<&Value> = rows.iter().filter(|row| row.get("epoch_train_loss").is_some()).collect();
    let Some(Value::Object(first)) = of.first() else { return String::new() };
    let mut out = String::from("<h2>Epochs</h2>\n<table>\n");
    for key in first.keys().filter(|key| *key != "step") {
        let cells: String = of.iter().map(|row| format!("<td>{}</td>", row.get(key).unwrap_or(&Value::Null))).collect();
        let _ = writeln!(out, "<tr><td>{}</td>{cells}</tr>", key.trim_start_matches("epoch_"));
    }
    out.push_str("</table>\n");
    out
}

fn curve(rows: &[Value], key: &str) -> Curve {
    rows.iter().filter_map(|row| Some((row.get("step")?.as_f64()?, row.get(key)?.as_f64()?))).collect()
}

fn chart(title: &str, curves: &[(&str, Curve)]) -> String {
    let all = || curves.iter().flat_map(|(_, points)| points);
    let span = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = all().map(of).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        (low, if high > low { high - low } else { 1.0 })
    };
    let ((first, steps), (low, range)) = (span(|p| p.0), span(|p| p.1));
    let mut out = format!("<h2>{title}</h2>\n<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n");
    for ((key, points), class) in curves.iter().zip(["a", "b"]) {
        let place = |(x, y): &(f64, f64)| {
            let (across, up) = ((x - first) / steps, (y - low) / range);
            format!("{:.1},{:.1}", 4.0 + across * (WIDTH - 8.0), 4.0 + (1.0 - up) * (HEIGHT - 8.0))
        };
        let points: Vec<String> = points.iter().map(place).collect();
        let _ = writeln!(
            out,
            "<polyline class=\"{class}\" points=\"{}\"><title>{key}</title></polyline>",
            points.join(" ")
        );
    }
    let words: Vec<String> = curves
        .iter()
        .zip(["blue", "red"])
        .filter_map(|((key, points), colour)| Some(format!("{key} ({colour}): {:.4} at the end", points.last()?.1)))
        .collect();
    let _ = writeln!(
        out,
        "</svg>\n<p>{}; from {low:.4} to {:.4}, steps {first} to {}</p>",
        words.join(", "),
        low + range,
        first + steps
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_stand_where_their_numbers_say() {
        let dir = tempfile::tempdir().unwrap();
        let lines = [
            r#"{"step":1,"train_loss":4.0,"learning_rate":0.1}"#,
            r#"{"step":2,"train_loss":3.0,"learning_rate":0.1}"#,
            r#"{"step":2,"eval_loss":2.0}"#,
            r#"{"step":3,"train_loss":2.0,"learning_rate":0.1}"#,
            r#"{"step":2,"epoch":1.0,"epoch_train_loss":3.5,"epoch_num_tokens":20}"#,
            r#"{"step":3,"epoch":2.0,"epoch_train_loss":2.0,"epoch_num_tokens":30}"#,
            r#"{"steps":3,"train_loss":3.0,"trainable_params":7}"#,
            r#"{"step":4,"tra"#,
        ];
        std::fs::write(dir.path().join("metrics.jsonl"), lines.join("\n")).unwrap();
        write(dir.path()).unwrap();
        let page = std::fs::read_to_string(dir.path().join("training.html")).unwrap();
        assert!(page.contains("points=\"4.0,4.0 320.0,100.0 636.0,196.0\"><title>train_loss"), "{page}");
        assert!(page.contains("points=\"320.0,196.0\"><title>eval_loss"), "{page}");
        assert!(
            page.contains("learning_rate (blue): 0.1000") && page.contains("<td>trainable_params</td><td>7</td>"),
            "{page}"
        );
        let epochs = "<tr><td>epoch</td><td>1.0</td><td>2.0</td></tr>\n<tr><td>train_loss</td><td>3.5</td><td>2.0</td></tr>\n<tr><td>num_tokens</td><td>20</td><td>30</td></tr>\n";
        assert!(page.contains(epochs), "{page}");
        assert!(!page.contains("gradient norm") && !page.contains("NaN"), "{page}");
    }
}
