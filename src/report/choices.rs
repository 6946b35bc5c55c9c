//! Multiple choice and calibration: `choices.json` of the evaluation, with a reliability diagram for each suite.

use serde::Deserialize;

use super::escape::escaped;
use super::number::{NONE, counted, percent, points, significant};
use super::scale::{Span, Ticks};
use super::svg::{Anchor, Drawing, Frame, Model, place};
use super::table::{Table, number, text};

const HEIGHT: f64 = 300.0;
/// Suites with a diagram of their own, at most.
const MOST_DIAGRAMS: usize = 20;

/// The file, as far as the page shows it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choices {
    pub timestamp: String,
    pub device: String,
    pub suites: Vec<Suite>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Suite {
    pub suite: String,
    pub source: String,
    pub prompts: usize,
    pub left_out: usize,
    pub v1: Scores,
    pub v2: Scores,
    pub difference: f64,
    pub interval: Interval,
    pub fixed: usize,
    pub broken: usize,
    pub capped: Option<String>,
    pub few_for_ece: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Interval {
    pub low: f64,
    pub high: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Scores {
    pub acc: f64,
    pub acc_norm: f64,
    pub mean_confidence: f64,
    pub ece: f64,
    pub ece_if_calibrated: f64,
    pub brier: f64,
    pub bins: Vec<Bin>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Bin {
    pub low: f64,
    pub high: f64,
    pub prompts: usize,
    pub confidence: Option<f64>,
    pub accuracy: Option<f64>,
}

pub(super) fn section(found: Option<&Choices>) -> String {
    let mut out = String::from(
        "<section id=\"choices\" aria-labelledby=\"choices-h\">\n<h2 id=\"choices-h\">Multiple choice and calibration</h2>\n",
    );
    match found {
        None => out.push_str(
            "<p>No choices were read: no suite has \"choices\", or the option --likelihood, which reads them, was not given.</p>\n",
        ),
        Some(found) => out.push_str(&measured(found)),
    }
    out.push_str("</section>\n");
    out
}

fn measured(found: &Choices) -> String {
    let mut out = format!(
        "<p>Both models read each prompt with every answer that it may have. Shown, not judged. Computed by {}.</p>\n\
         <p>acc: the expected answer is the likeliest; acc_norm: it is the likeliest by its bytes. Confidence: the probability of the \
         likeliest answer among the choices. ECE (expected calibration error): how far confidence and acc differ, 0 is best. Brier \
         score: 0 is best, 2 is worst.</p>\n",
        escaped(&found.device)
    );
    let columns = [
        text("suite"),
        text("model"),
        number("prompts"),
        number("acc"),
        number("acc_norm"),
        number("mean confidence"),
        number("ECE"),
        number("ECE if calibrated"),
        number("Brier score"),
    ];
    let mut rows = Vec::new();
    for suite in &found.suites {
        for (name, scores) in [("v1", &suite.v1), ("v2", &suite.v2)] {
            let numbers = [
                percent(scores.acc),
                percent(scores.acc_norm),
                percent(scores.mean_confidence),
                significant(scores.ece),
                significant(scores.ece_if_calibrated),
                significant(scores.brier),
            ];
            let numbers = numbers.map(|shown| if suite.prompts == 0 { NONE.to_owned() } else { shown });
            let head = [suite.suite.clone(), name.to_owned(), suite.prompts.to_string()];
            rows.push(head.into_iter().chain(numbers).collect());
        }
    }
    out.push_str(&Table { caption: "multiple choice by suite", columns: &columns, rows }.html());
    out.push_str("<ul>\n");
    for suite in &found.suites {
        out.push_str(&format!("<li>{}</li>\n", escaped(&sentence(suite))));
    }
    out.push_str("</ul>\n<div class=\"charts\">\n");
    let drawn = found.suites.iter().filter(|suite| suite.prompts > 0).take(MOST_DIAGRAMS);
    drawn.enumerate().for_each(|(i, suite)| out.push_str(&diagram(i, suite)));
    out.push_str("</div>\n");
    out
}

fn sentence(suite: &Suite) -> String {
    let mut said = format!("{}: ", suite.suite);
    if suite.prompts == 0 {
        said += "no prompt could be read.";
    } else {
        said += &format!(
            "acc of v2 differs by {} points ({} to {}, 90 % interval; {} fixed, {} broken).",
            points(suite.difference),
            points(suite.interval.low),
            points(suite.interval.high),
            suite.fixed,
            suite.broken
        );
    }
    if let Some(capped) = &suite.capped {
        said += &format!(" The interval is not reliable: {capped}.");
    }
    if suite.few_for_ece && suite.prompts > 0 {
        said += &format!(
            " ECE of {} is biased upwards and not reliable: compare it with what a perfectly calibrated model would show.",
            counted(suite.prompts, "prompt")
        );
    }
    if suite.source == "derived" {
        said += " Its lines say no choices: these are the answers that the suite expects.";
    }
    if suite.left_out > 0 {
        said += &format!(" {} left out.", counted(suite.left_out, "prompt"));
    }
    said
}

fn diagram(index: usize, suite: &Suite) -> String {
    let ticks = Ticks::new(Span { low: 0.0, high: 1.0 }, 5);
    let frame = Frame::beside(&ticks, HEIGHT);
    let title = format!("Reliability of {}", suite.suite);
    let description = format!(
        "acc by confidence in bins; ECE of v1 {}, of v2 {}",
        significant(suite.v1.ece),
        significant(suite.v2.ece)
    );
    let mut drawing = Drawing::new(&format!("reliability{index}"), &title, &description, HEIGHT);
    frame.draw_up(&mut drawing, &ticks, "acc");
    let (across, up) = (frame.across(&ticks), frame.up(&ticks));
    drawing.line("zero", place(across.at(0.0), up.at(0.0)), place(across.at(1.0), up.at(1.0)));
    drawing.words("tick", place(across.at(0.3) - 6.0, up.at(0.3) - 6.0), Anchor::End, "calibrated");
    for (model, scores) in [(Model::Base, &suite.v1), (Model::Tuned, &suite.v2)] {
        for bin in &scores.bins {
            if let (Some(confidence), Some(accuracy)) = (bin.confidence, bin.accuracy) {
                drawing.mark(model, place(across.at(confidence), up.at(accuracy)));
            }
        }
    }
    frame.draw_across(&mut drawing, &ticks, "mean confidence of a bin");
    let columns = [text("model and confidence"), number("prompts"), number("mean confidence"), number("acc")];
    let mut rows = Vec::new();
    for (name, scores) in [("v1", &suite.v1), ("v2", &suite.v2)] {
        for bin in &scores.bins {
            let share = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), percent);
            rows.push(vec![
                format!("{name}, above {} to {}", percent(bin.low), percent(bin.high)),
                bin.prompts.to_string(),
                share(bin.confidence),
                share(bin.accuracy),
            ]);
        }
    }
    let table = Table { caption: &title, columns: &columns, rows }.behind();
    format!(
        "<figure>\n<figcaption>{}: v1 circles, v2 diamonds; {}</figcaption>\n{}{table}</figure>\n",
        escaped(&title),
        escaped(&description),
        drawing.finish()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_has_its_numbers_a_diagram_and_the_table_behind_it() {
        let bins = |accuracy: f64| {
            serde_json::json!([
                {"low": 0.8, "high": 0.9, "prompts": 0, "confidence": null, "accuracy": null},
                {"low": 0.9, "high": 1.0, "prompts": 40, "confidence": 0.95, "accuracy": accuracy},
            ])
        };
        let scores = |accuracy: f64| {
            serde_json::json!({
                "acc": accuracy, "acc_norm": accuracy, "mean_confidence": 0.95, "ece": 0.45, "ece_if_calibrated": 0.03,
                "brier": 0.9, "bins": bins(accuracy),
            })
        };
        let file = serde_json::json!({
            "timestamp": "t", "device": "cpu <b>", "suites": [{
                "suite": "t<i>.jsonl", "source": "derived", "prompts": 40, "left_out": 1, "v1": scores(0.5), "v2": scores(0.975),
                "difference": 0.475, "interval": {"low": 0.3, "high": 0.6}, "fixed": 19, "broken": 0, "capped": null,
                "few_for_ece": true,
            }, {"suite": "none", "prompts": 0, "left_out": 3, "capped": "no prompt could be scored"}],
        });
        let found: Choices = serde_json::from_value(file).unwrap();
        let html = section(Some(&found));
        for part in [
            "t&lt;i&gt;.jsonl",
            "cpu &lt;b&gt;",
            "<td class=\"n\" dir=\"auto\">97.5 %</td>",
            "acc of v2 differs by +47.5 points (+30 to +60, 90 % interval; 19 fixed, 0 broken).",
            "ECE of 40 prompts is biased upwards and not reliable",
            "these are the answers that the suite expects. 1 prompt left out.",
            "none: no prompt could be read. The interval is not reliable: no prompt could be scored. 3 prompts left out.",
            "<summary>Table: Reliability of t&lt;i&gt;.jsonl</summary>",
            "v2, above 90 % to 100 %",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        // One mark for each bin with prompts, and no diagram of a suite that was not read.
        let count = |what: &str| html.matches(what).count();
        assert_eq!((count("<svg"), count("class=\"base mark\""), count("class=\"tuned mark\"")), (1, 1, 1), "{html}");
        assert!(section(None).contains("--likelihood"));
    }
}
