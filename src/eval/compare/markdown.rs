//! A comparison as Markdown.

use std::fmt::Write as _;

use super::comparison::{ArmComparison, Point};
use super::metric::ArmMetric;
use super::pairs::{ArmPair, MetricPair};

/// What was not measured.
const NONE: &str = "–";

/// What to use and why, and the arms side by side.
pub fn comparison_overview(comparison: &ArmComparison) -> String {
    let mut page = String::new();
    recommendation(&mut page, comparison);
    arms(&mut page, comparison);
    page
}

/// The page: the overview, every pair with its tests, the rules.
pub fn comparison_markdown(comparison: &ArmComparison) -> String {
    let mut page = format!("# Comparison\n\n{}", comparison_overview(comparison));
    if comparison.is_tested {
        for pair in &comparison.pairs {
            tests(&mut page, pair, "");
        }
        for pair in comparison.on_taught.iter().flatten() {
            tests(&mut page, pair, ", on what was taught");
        }
    }
    points(&mut page, comparison);
    rules(&mut page, comparison);
    page
}

fn recommendation(page: &mut String, comparison: &ArmComparison) {
    let said = match comparison.recommendation {
        Some(arm) => format!("**Use {}.**", arm.as_str()),
        None if !comparison.is_tested => "**Not a test:** a file has no answers to single questions, so the better values may be chance. Nothing is recommended.".to_owned(),
        None => "**No arm is recommended:** see the rules below.".to_owned(),
    };
    let _ = writeln!(page, "{said}\n");
    let decisive = comparison.rules.iter().filter(|finding| finding.applies == Some(true));
    decisive.for_each(|finding| {
        let _ = writeln!(page, "- {}", finding.says);
    });
    if let Some(caution) = &comparison.caution {
        let _ = writeln!(page, "- **Careful:** {caution}");
    }
    for difference in &comparison.asked_otherwise {
        let _ = writeln!(page, "- **Not asked alike:** {difference}");
    }
    page.push('\n');
}

fn arms(page: &mut String, comparison: &ArmComparison) {
    let names: Vec<&str> = comparison.arms.iter().map(|summary| summary.arm.as_str()).collect();
    let _ = writeln!(page, "| metric | {} | best |", names.join(" | "));
    let _ = writeln!(page, "|---|{}---|", "--:|".repeat(names.len()));
    for winner in &comparison.winners {
        let cell = |value: Option<&f64>| value.map_or_else(|| NONE.to_owned(), |value| winner.metric.shown(*value));
        let values = comparison.arms.iter().map(|summary| cell(summary.values.get(winner.metric.as_str())));
        let is_measured = comparison.arms.iter().any(|summary| summary.values.contains_key(winner.metric.as_str()));
        let best = winner.winner.map_or(if is_measured { "tie" } else { NONE }, |arm| arm.as_str());
        let _ = writeln!(page, "| {} | {} | {best} |", winner.metric.label(), values.collect::<Vec<_>>().join(" | "));
    }
    let seconds = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |s| ArmMetric::AvgTimeSeconds.shown(s));
    let per_right: Vec<String> = comparison.arms.iter().map(|summary| seconds(summary.seconds_per_right)).collect();
    let _ = writeln!(page, "| seconds per right answer | {} | |\n", per_right.join(" | "));
    let how = match comparison.is_tested {
        true => {
            "An arm is best where it beats every other one that can be used (`oracle` cannot), each difference with p ≤ 0.05 after Holm's correction over the metrics of the two."
        }
        false => "Best by value alone.",
    };
    let _ = writeln!(
        page,
        "{how} `finished` (`success_rate` in the JSON): answers that came to an end, are not empty and do not loop, right or wrong.\n"
    );
}

fn tests(page: &mut String, pair: &ArmPair, on: &str) {
    let (first, second) = (pair.first.as_str(), pair.second.as_str());
    let _ = writeln!(page, "## {second} against {first}{on}\n");
    let _ = writeln!(page, "| metric | n | {first} | {second} | difference | 90 % interval | p | better |");
    let _ = writeln!(page, "|---|--:|--:|--:|--:|--:|--:|---|");
    for row in pair.metrics.iter().filter(|row| row.test.is_some()) {
        let _ = writeln!(page, "{}", test_row(row));
    }
    page.push('\n');
}

fn test_row(row: &MetricPair) -> String {
    let shown = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |value| row.metric.shown(value));
    let signed = |value: f64| row.metric.shown_difference(value);
    let better = row.winner.map_or("tie", |arm| arm.as_str());
    let test = row.test.map_or_else(
        || format!("{NONE} | {NONE} | {NONE}"),
        |test| format!("{} | {} to {} | {:.4}", signed(test.difference), signed(test.low), signed(test.high), test.p),
    );
    let n = row.test.map_or(0, |test| test.n);
    format!("| {} | {n} | {} | {} | {test} | {better} |", row.metric.label(), shown(row.first), shown(row.second))
}

fn points(page: &mut String, comparison: &ArmComparison) {
    let line = |sign: char, point: &Point| {
        let (value, other) = (point.metric.shown(point.value), point.metric.shown(point.other));
        format!("- {sign} {}: {value}, {} {other}", point.metric.label(), point.than.as_str())
    };
    for summary in &comparison.arms {
        let pros = summary.pros.iter().map(|point| line('+', point));
        let lines: Vec<String> = pros.chain(summary.cons.iter().map(|point| line('−', point))).collect();
        if !lines.is_empty() {
            let _ = writeln!(page, "## For and against {}\n\n{}\n", summary.arm.as_str(), lines.join("\n"));
        }
    }
}

fn rules(page: &mut String, comparison: &ArmComparison) {
    let _ = writeln!(page, "## Rules\n\n| applies | finding |\n|---|---|");
    for finding in &comparison.rules {
        let applies = finding.applies.map_or(NONE, |applies| if applies { "yes" } else { "no" });
        let _ = writeln!(page, "| {applies} | {} |", finding.says);
    }
}
