//! `training.html`: what `metrics.jsonl` says, as curves, beside it. One file, nothing fetched.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::Failure;
use crate::store::{read_nofollow, write_whole};

/// (step, value), ascending.
type Curve = Vec<(f64, f64)>;

/// Of a `metrics.jsonl`.
const MAX_BYTES: u64 = 1 << 30;
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
pub(super) fn write(output: &Path) -> Result<(), Failure> {
    let path = output.join("metrics.jsonl");
    let bytes = read_nofollow(&path, MAX_BYTES)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
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
            let _ = writeln!(out, "<tr><td>{}</td><td>{}</td></tr>", escaped(key), escaped(&value.to_string()));
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
        let cells: String = of.iter().map(|row| format!("<td>{}</td>", cell(row, key))).collect();
        let _ = writeln!(out, "<tr><td>{}</td>{cells}</tr>", escaped(key.trim_start_matches("epoch_")));
    }
    out.push_str("</table>\n");
    out
}

fn cell(row: &Value, key: &str) -> String {
    escaped(&row.get(key).unwrap_or(&Value::Null).to_string())
}

/// Text of a `metrics.jsonl`, which may be from elsewhere, as text of a page.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
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

    #[test]
    fn nothing_of_a_file_from_elsewhere_is_markup() {
        const EVIL: &str = r#"<img src=x onerror='alert("1")'>&amp;"#;
        let dir = tempfile::tempdir().unwrap();
        let row = |fields: &[(&str, Value)]| {
            let map: serde_json::Map<_, _> = fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
            Value::Object(map).to_string()
        };
        let nested = serde_json::json!({EVIL: [EVIL]});
        let lines = [
            row(&[("step", 1.into()), ("train_loss", 4.0.into()), (EVIL, EVIL.into())]),
            row(&[("step", 1.into()), ("epoch_train_loss", EVIL.into()), (&format!("epoch_{EVIL}"), nested.clone())]),
            row(&[(EVIL, EVIL.into()), ("duration_seconds", nested)]),
        ];
        std::fs::write(dir.path().join("metrics.jsonl"), lines.join("\n")).unwrap();
        write(dir.path()).unwrap();
        let page = std::fs::read_to_string(dir.path().join("training.html")).unwrap();
        assert!(!page.contains("<img") && page.contains("&lt;img src=x onerror=&#39;alert("), "{page}");
        // Every tag that is left is one of ours.
        let known =
            ["!doctype", "html", "meta", "title", "style", "h1", "h2", "table", "tr", "td", "svg", "polyline", "p"];
        for tag in page.split('<').skip(1) {
            let name = tag.trim_start_matches('/').split(|c: char| !c.is_alphanumeric() && c != '!').next().unwrap();
            assert!(known.contains(&name.to_lowercase().as_str()), "<{name} in {page}");
        }
    }
}
