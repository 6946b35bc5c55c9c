//! The forest plot: of each guarded metric the difference between the models, its interval, and the line that the interval's
//! lower end has to be above.

use super::escape::escaped;
use super::files::RunFiles;
use super::number::{NONE, counted, percent, points, significant};
use super::scale::{Span, Ticks};
use super::scorecard::{BothModels, Scorecard};
use super::svg::{Anchor, Drawing, Frame, Model, WIDTH, fitted, place};
use super::table::{Table, number, text};
use super::verdict::{demanded, interval};

const ROW: f64 = 52.0;
const TOP: f64 = 8.0;

pub(super) fn section(files: &RunFiles) -> String {
    let cards = files.scorecards.as_slice();
    let mut out = String::from(
        "<section id=\"metrics\" aria-labelledby=\"metrics-h\">\n<h2 id=\"metrics-h\">Guarded metrics</h2>\n",
    );
    if cards.is_empty() {
        let of = files.of_this_adapter();
        out.push_str(&format!("<p>No suite was asked{of}, so no metric was compared.</p>\n</section>\n"));
        return out;
    }
    out.push_str(
        "<p>Each row is a suite: the difference v2 − v1 in points (◆) with its 90 % interval. A suite is met when the whole interval \
         is right of its dashed line: 0 where an improvement is demanded, the allowed loss where the level is to be held.</p>\n",
    );
    out.push_str(&format!("<figure>\n{}</figure>\n", plot(cards)));
    out.push_str(&table(cards));
    cards.iter().for_each(|card| out.push_str(&numbers(card)));
    for card in cards {
        let n = card.statistics.judged.n;
        if let Some(margin) = card.statistics.judged.smallest_margin {
            out.push_str(&format!(
                "<p class=\"note\">{}: {} can prove a margin of {} points at best. Metric {}.</p>\n",
                escaped(&card.metadata.suite),
                counted(n, "prompt"),
                points(margin).trim_start_matches('+'),
                escaped(&card.metadata.metric_signature)
            ));
        }
    }
    out.push_str("</section>\n");
    out
}

fn plot(cards: &[Scorecard]) -> String {
    let judged = || cards.iter().map(|card| &card.statistics.judged);
    let values = judged().flat_map(|j| {
        let ends = [j.interval.low, j.interval.high].into_iter().flatten();
        ends.chain([j.difference, j.demand.bound()]).map(|v| 100.0 * v)
    });
    let span = Span::of(values).map_or(Span { low: -1.0, high: 1.0 }, |span| span.including(0.0));
    let ticks = Ticks::new(span, 5);
    let bottom = TOP + ROW * cards.len() as f64;
    let frame = Frame { left: 14.0, right: WIDTH - 14.0, top: TOP, bottom };
    let scale = frame.across(&ticks);
    let description: Vec<String> = cards.iter().map(described).collect();
    let mut drawing = Drawing::new(
        "forest",
        "Difference of each suite with its interval and margin",
        &description.join("; "),
        bottom + 40.0,
    );
    let zero = scale.at(0.0);
    for (i, card) in cards.iter().enumerate() {
        let j = &card.statistics.judged;
        let top = TOP + ROW * i as f64;
        let y = top + 34.0;
        let verdict_width = 6.2 * j.verdict.chars().count() as f64;
        drawing.words(
            "label",
            place(2.0, top + 14.0),
            Anchor::Start,
            &fitted(&card.metadata.suite, WIDTH - verdict_width - 20.0),
        );
        drawing.words("label strong", place(WIDTH - 2.0, top + 14.0), Anchor::End, &j.verdict);
        // Only beside the interval: a line through the names would be in their way.
        drawing.line("zero", place(zero, top + 20.0), place(zero, top + 48.0));
        let bound = scale.at(100.0 * j.demand.bound());
        drawing.line("margin", place(bound, top + 20.0), place(bound, top + 48.0));
        let end = |end: Option<f64>, open: f64| end.map_or(open, |v| scale.at(100.0 * v));
        let (low, high) = (end(j.interval.low, frame.left), end(j.interval.high, frame.right));
        drawing.line("interval", place(low, y), place(high, y));
        for (x, is_end) in [(low, j.interval.low.is_some()), (high, j.interval.high.is_some())] {
            if is_end {
                drawing.line("interval", place(x, y - 5.0), place(x, y + 5.0));
            }
        }
        drawing.mark(Model::Tuned, place(scale.at(100.0 * j.difference), y));
    }
    frame.draw_across(&mut drawing, &ticks, "v2 − v1, points (right: v2 is better)");
    drawing.finish()
}

/// What else is known of both models: rates, times, likeness; nothing of it decides.
fn numbers(card: &Scorecard) -> String {
    let columns = [text("number"), number("v1"), number("v2")];
    let shown = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), significant);
    let row = |both: BothModels| vec![both.name, shown(both.base), shown(both.tuned)];
    let caption = format!("more numbers, {}", card.metadata.suite);
    let rows = card.statistics.of_both().into_iter().map(row).collect();
    Table { caption: &caption, columns: &columns, rows }.behind()
}

fn described(card: &Scorecard) -> String {
    let j = &card.statistics.judged;
    format!("{}: {} points, {}, {}, {}", card.metadata.suite, points(j.difference), interval(j), demanded(j), j.verdict)
}

fn table(cards: &[Scorecard]) -> String {
    let columns = [
        text("suite"),
        text("metric"),
        number("prompts"),
        number("v1"),
        number("v2"),
        number("v2 − v1, points"),
        number("low"),
        number("high"),
        number("became right"),
        number("became wrong"),
        text("demand"),
        text("verdict"),
        text("interval by"),
    ];
    let end = |end: Option<f64>| end.map_or_else(|| "unbounded".to_owned(), points);
    let row = |card: &Scorecard| {
        let j = &card.statistics.judged;
        let gain = j.demand.min_gain.map(|g| format!(", or a gain of {}", points(g))).unwrap_or_default();
        vec![
            card.metadata.suite.clone(),
            j.demand.metric.clone(),
            j.n.to_string(),
            percent(j.base),
            percent(j.tuned),
            points(j.difference),
            end(j.interval.low),
            end(j.interval.high),
            j.fixed.to_string(),
            j.broken.to_string(),
            format!("{}{gain}", demanded(j)),
            j.verdict.clone(),
            j.interval.method.clone(),
        ]
    };
    Table { caption: "guarded metrics", columns: &columns, rows: cards.iter().map(row).collect() }.behind()
}
