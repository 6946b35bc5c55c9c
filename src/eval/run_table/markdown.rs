//! A table of runs as Markdown, its columns aligned.

use std::fmt::Write as _;
use std::path::Path;

use super::RunComparison;
use super::column::RunColumn;
use super::interval::ModelScore;
use super::scores::ScoreRow;
use super::values::ValueRow;

/// What a column lacks.
const NONE: &str = "–";

/// The table with its notes.
pub fn runs_overview(comparison: &RunComparison) -> String {
    let mut page = String::new();
    for note in &comparison.notes {
        let _ = writeln!(page, "- {note}");
    }
    if !comparison.notes.is_empty() {
        page.push('\n');
    }
    let labels: Vec<&str> = comparison.columns.iter().map(|column| column.label.as_str()).collect();
    let head = ["", "better"].into_iter().chain(labels.iter().copied()).chain(["best", "remark"]);
    let mut table = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    table.extend(words(&comparison.columns));
    table.extend(comparison.scores.iter().map(|row| score_row(row, &labels)));
    table.extend(comparison.values.iter().map(|row| value_row(row, &labels)));
    page += &aligned(&table);
    page += "\nA score is best where a paired test shows it against every other column: p ≤ 0.05 after Holm's correction over the pairs \
             of the row; else it is a tie. In brackets: the 90 % interval and the number of prompts. All other values are single \
             measurements, compared by value: not a test.\n";
    page
}

/// The page: the overview, and every test.
pub fn runs_markdown(comparison: &RunComparison) -> String {
    let mut page = format!("# Comparison of runs\n\n{}", runs_overview(comparison));
    for row in &comparison.scores {
        page += &tests(row);
    }
    page
}

/// Rows of texts: they have no better value.
fn words(columns: &[RunColumn]) -> Vec<Vec<String>> {
    let row = |title: &str, of: &dyn Fn(&RunColumn) -> Option<String>| {
        let cells = columns.iter().map(|column| of(column).unwrap_or_else(|| NONE.to_owned()));
        let ends = |text: &str| std::iter::once(text.to_owned());
        ends(title).chain(ends(NONE)).chain(cells).chain(ends(NONE)).chain(ends("")).collect()
    };
    vec![
        row("state", &|column| Some(column.state_words().to_owned())),
        row("model", &|column| column.model.clone()),
        row("base", &|column| column.base.as_deref().map(short)),
        row("verdict", &|column| column.verdict.clone()),
    ]
}

fn value_row(row: &ValueRow, labels: &[&str]) -> Vec<String> {
    let cell = |label: &&str| row.values.get(*label).map_or_else(|| NONE.to_owned(), |v| row.quantity.shown(*v));
    let mut cells = vec![row.quantity.title().to_owned(), row.better.word().to_owned()];
    cells.extend(labels.iter().map(cell));
    cells.push(best(&row.best, row.values.len()));
    let mut remarks: Vec<String> = row.not_compared.iter().map(|why| format!("not comparable: {why}")).collect();
    remarks.extend(lacks(&row.lacking));
    cells.push(remarks.join("; "));
    cells
}

fn score_row(row: &ScoreRow, labels: &[&str]) -> Vec<String> {
    let shown = |score: &ModelScore| {
        let [score_, low, high] = [score.score, score.low, score.high].map(|share| format!("{:.1}", 100.0 * share));
        format!("{score_} % ({low} to {high}, n {})", score.n)
    };
    let cell = |label: &&str| row.scores.get(*label).map_or_else(|| NONE.to_owned(), shown);
    let whose = if row.is_general { "general score" } else { "role score" };
    let mut cells = vec![format!("{whose}: {} ({})", row.suite, row.metric), "higher".to_owned()];
    cells.extend(labels.iter().map(cell));
    cells.push(best(&row.best, row.scores.len()));
    let mut remarks: Vec<String> = row.not_a_test.iter().map(|why| format!("not a test: {why}")).collect();
    remarks.extend(lacks(&row.lacking));
    cells.push(remarks.join("; "));
    cells
}

/// `of`: the columns that have a value.
fn best(labels: &[String], of: usize) -> String {
    match labels {
        [] => NONE.to_owned(),
        [winner] => winner.clone(),
        labels if labels.len() == of => "tie".to_owned(),
        labels => format!("tie: {}", labels.join(", ")),
    }
}

fn lacks(labels: &[String]) -> Option<String> {
    (!labels.is_empty()).then(|| format!("lacks it: {}", labels.join(", ")))
}

/// A file by its name; the JSON has its path.
fn short(base: &str) -> String {
    let file = Path::new(base).file_name().filter(|_| Path::new(base).is_absolute());
    file.map_or_else(|| base.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn tests(row: &ScoreRow) -> String {
    if row.pairs.is_empty() {
        return String::new();
    }
    let head = ["first", "second", "n", "second - first", "90 % interval", "p", "better"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for pair in &row.pairs {
        let points = |share: f64| format!("{:+.1} points", 100.0 * share);
        let rest = match (&pair.test, pair.not_a_test) {
            (Some(test), _) => [
                test.n.to_string(),
                points(test.difference),
                format!("{} to {}", points(test.low), points(test.high)),
                format!("{:.4}", test.p),
                pair.winner().unwrap_or("tie").to_owned(),
            ],
            (None, why) => {
                let why = format!("not a test: {}", why.unwrap_or_default());
                [NONE.to_owned(), NONE.to_owned(), NONE.to_owned(), NONE.to_owned(), why]
            }
        };
        table.push([pair.first.clone(), pair.second.clone()].into_iter().chain(rest).collect());
    }
    format!("\n## Paired tests on {} ({})\n\n{}", row.suite, row.metric, aligned(&table))
}

/// A table of Markdown whose columns have one width each, for those who read it as it is.
fn aligned(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |i: usize| rows.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(|i| width(i).max(3)).collect();
    let mut out = String::new();
    for (i, row) in rows.iter().enumerate() {
        let cells = widths.iter().zip(row).map(|(width, cell)| format!(" {cell:<width$} |"));
        let _ = writeln!(out, "|{}", cells.collect::<String>());
        if i == 0 {
            let rule = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2)));
            let _ = writeln!(out, "|{}", rule.collect::<String>());
        }
    }
    out
}

/// A cell keeps to its cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
