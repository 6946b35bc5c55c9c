//! Scores by category, as dumbbells from v1 to v2.

use super::escape::escaped;
use super::files::RunFiles;
use super::number::{NONE, percent, points};
use super::scale::{Span, Ticks};
use super::scorecard::{Category, Scorecard};
use super::svg::{Anchor, Drawing, Frame, Model, WIDTH, fitted, place};
use super::table::{Table, number, text};

const ROW: f64 = 22.0;
const TOP: f64 = 8.0;
/// The width of the categories' names.
const NAMES: f64 = 130.0;
/// More are in the table only.
const MOST: usize = 40;

pub(super) fn section(files: &RunFiles) -> String {
    let cards = files.scorecards.as_slice();
    let mut out = String::from(
        "<section id=\"categories\" aria-labelledby=\"categories-h\">\n<h2 id=\"categories-h\">Categories</h2>\n",
    );
    if cards.is_empty() {
        let of = files.of_this_adapter();
        out.push_str(&format!("<p>No suite was asked{of}, so there are no categories.</p>\n</section>\n"));
        return out;
    }
    out.push_str("<p>Mean score of v1 (○) and v2 (◆) in each category of a suite, with the number of its prompts.</p>\n<div class=\"charts\">\n");
    for (i, card) in cards.iter().enumerate() {
        let suite = escaped(&card.metadata.suite);
        out.push_str(&format!("<figure>\n<figcaption>{suite}</figcaption>\n"));
        let rows = scored(card);
        if rows.is_empty() {
            out.push_str("<p>No prompt has a score of both models.</p>\n");
        } else {
            out.push_str(&plot(&format!("categories{i}"), card, &rows));
            out.push_str(&table(card));
        }
        out.push_str("</figure>\n");
    }
    out.push_str("</div>\n</section>\n");
    out
}

/// A category that both models have a score in.
struct Row<'a> {
    name: &'a str,
    n: usize,
    base: f64,
    tuned: f64,
}

fn scored(card: &Scorecard) -> Vec<Row<'_>> {
    let rows = card.by_category.iter().filter_map(|(name, c)| {
        Some(Row { name, n: c.total_tests, base: c.avg_score_base?, tuned: c.avg_score_finetuned? })
    });
    rows.collect()
}

fn plot(id: &str, card: &Scorecard, rows: &[Row<'_>]) -> String {
    let drawn = &rows[..rows.len().min(MOST)];
    let bottom = TOP + ROW * drawn.len() as f64;
    let frame = Frame { left: NAMES, right: WIDTH - 14.0, top: TOP, bottom };
    let ticks = Ticks::new(Span { low: 0.0, high: 100.0 }, 5);
    let scale = frame.across(&ticks);
    let words = |r: &Row<'_>| format!("{}: {} to {}", r.name, percent(r.base), percent(r.tuned));
    let described: Vec<String> = drawn.iter().map(words).collect();
    let title = format!("Scores by category of {}", card.metadata.suite);
    let mut drawing = Drawing::new(id, &title, &described.join("; "), bottom + 40.0);
    for value in &ticks.values {
        drawing.line("grid", place(scale.at(*value), TOP), place(scale.at(*value), bottom));
    }
    for (i, row) in drawn.iter().enumerate() {
        let y = TOP + ROW * (i as f64 + 0.5);
        let count = format!(" ({})", row.n);
        let name = fitted(row.name, NAMES - 20.0 - 6.2 * count.len() as f64);
        drawing.words("label", place(NAMES - 10.0, y + 4.0), Anchor::End, &format!("{name}{count}"));
        let (base, tuned) = (scale.at(100.0 * row.base), scale.at(100.0 * row.tuned));
        let class = if row.tuned < row.base { "link worse" } else { "link" };
        drawing.line(class, place(base, y), place(tuned, y));
        drawing.mark(Model::Tuned, place(tuned, y));
        drawing.mark(Model::Base, place(base, y));
    }
    frame.draw_across(&mut drawing, &ticks, "mean score, %");
    let mut out = drawing.finish();
    if rows.len() > MOST {
        out.push_str(&format!("<p class=\"note\">{} categories more are in the table.</p>\n", rows.len() - MOST));
    }
    out
}

fn table(card: &Scorecard) -> String {
    let columns = [text("category"), number("prompts"), number("v1"), number("v2"), number("difference, points")];
    let shown = |v: Option<f64>| v.map_or_else(|| NONE.to_owned(), percent);
    let row = |(name, c): (&String, &Category)| {
        let difference = c.avg_score_finetuned.zip(c.avg_score_base).map(|(tuned, base)| tuned - base);
        vec![
            name.clone(),
            c.total_tests.to_string(),
            shown(c.avg_score_base),
            shown(c.avg_score_finetuned),
            difference.map_or_else(|| NONE.to_owned(), points),
        ]
    };
    let caption = format!("scores by category, {}", card.metadata.suite);
    Table { caption: &caption, columns: &columns, rows: card.by_category.iter().map(row).collect() }.behind()
}
