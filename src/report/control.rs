//! Which part of a change is the export's: `control.json` of the evaluation.

use serde::Deserialize;

use super::escape::escaped;
use super::number::{percent, points};
use super::table::{Table, number, text};

/// The file, as far as the page shows it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Control {
    pub timestamp: String,
    pub suites: Vec<Suite>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Suite {
    pub suite: String,
    pub export: Change,
    pub training: Change,
    pub sentence: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Change {
    pub before: f64,
    pub after: f64,
    pub difference: f64,
    pub interval: Interval,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Interval {
    pub low: f64,
    pub high: f64,
}

pub(super) fn section(found: Option<&Control>) -> String {
    let mut out =
        String::from("<section id=\"control\" aria-labelledby=\"control-h\">\n<h2 id=\"control-h\">Control arm</h2>\n");
    match found {
        None => out.push_str("<p>No control was asked; the option --control does it.</p>\n"),
        Some(control) => out.push_str(&asked(control)),
    }
    out.push_str("</section>\n");
    out
}

fn asked(control: &Control) -> String {
    let mut out = String::from(
        "<p>The control is the base, exported as v2 was, with a tune of zero. What v1 loses to it is the export's doing, what v2 \
         differs in from it is the training's. Shown, not judged.</p>\n<ul>\n",
    );
    for suite in &control.suites {
        out.push_str(&format!("<li>{}.</li>\n", escaped(&suite.sentence)));
    }
    out.push_str("</ul>\n");
    let columns = [
        text("suite"),
        number("v1"),
        number("control"),
        number("v2"),
        number("v1 → control (export), points"),
        number("control → v2 (training), points"),
    ];
    let row = |s: &Suite| {
        vec![
            s.suite.clone(),
            percent(s.export.before),
            percent(s.training.before),
            percent(s.training.after),
            change(&s.export),
            change(&s.training),
        ]
    };
    let rows = control.suites.iter().map(row).collect();
    out.push_str(&Table { caption: "both parts of the change, with 90 % intervals", columns: &columns, rows }.html());
    out
}

fn change(c: &Change) -> String {
    format!("{} ({} to {})", points(c.difference), points(c.interval.low), points(c.interval.high))
}
