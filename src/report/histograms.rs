//! How long the answers took and how long they are: v1 upwards, v2 downwards from one axis.

use super::files::RunFiles;
use super::number::{NONE, counted, significant};
use super::scale::{Scale, Span, Ticks};
use super::scorecard::{Answered, Scorecard};
use super::svg::{Anchor, Drawing, Frame, WIDTH, place};
use super::table::{Table, number, text};
use crate::quantile::{median, quantile};

const HEIGHT: f64 = 220.0;

/// What is counted of each answer.
struct Quantity {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    whole: bool,
    base: fn(&Answered) -> Option<f64>,
    tuned: fn(&Answered) -> Option<f64>,
}

const QUANTITIES: [Quantity; 2] = [
    Quantity {
        id: "latency",
        title: "Latency",
        unit: "seconds an answer",
        whole: false,
        base: |a| a.seconds_base,
        tuned: |a| a.seconds_finetuned,
    },
    // A request that failed has no seconds, and its 0 tokens are no answer's.
    Quantity {
        id: "tokens",
        title: "Length",
        unit: "tokens an answer",
        whole: true,
        base: |a| a.seconds_base.and(a.tokens_base),
        tuned: |a| a.seconds_finetuned.and(a.tokens_finetuned),
    },
];

pub(super) fn section(files: &RunFiles) -> String {
    let cards = files.scorecards.as_slice();
    let mut out = String::from(
        "<section id=\"times\" aria-labelledby=\"times-h\">\n<h2 id=\"times-h\">Latency and length</h2>\n",
    );
    let charts: Vec<String> = QUANTITIES.iter().filter_map(|quantity| chart(quantity, cards)).collect();
    if charts.is_empty() {
        out.push_str(&format!("<p>No answer{} was timed.</p>\n</section>\n", files.of_this_adapter()));
        return out;
    }
    out.push_str(
        "<p>Numbers of answers: v1 above the line (outlined), v2 below it (filled).</p>\n<div class=\"charts\">\n",
    );
    charts.iter().for_each(|chart| out.push_str(chart));
    out.push_str("</div>\n</section>\n");
    out
}

/// Answers by size, in bins of one width from 0.
struct Bins {
    ticks: Ticks,
    base: Vec<usize>,
    tuned: Vec<usize>,
    /// Answers beyond the last bin, which are counted in it.
    beyond: usize,
}

impl Bins {
    fn of(base: &[f64], tuned: &[f64], whole: bool) -> Option<Self> {
        const COUNT: usize = 12;
        let most = Span::of(base.iter().chain(tuned).copied())?.high;
        // One answer that took a minute would press all others into one bar.
        let of_most = |values: &[f64]| quantile(values.iter().copied(), 0.98).unwrap_or_default();
        let usual = of_most(base).max(of_most(tuned)) * 1.25;
        let high = if most > 2.0 * usual && usual > 0.0 { usual } else { most };
        let span = Span { low: 0.0, high: high.max(if whole { 1.0 } else { 0.1 }) };
        let ticks = if whole { Ticks::whole(span, COUNT) } else { Ticks::new(span, COUNT) };
        let bins = ticks.values.len() - 1;
        let bin = |value: &f64| ((value / ticks.span().high * bins as f64) as usize).min(bins - 1);
        let counts = |values: &[f64]| {
            let mut counts = vec![0; bins];
            values.iter().for_each(|v| counts[bin(v)] += 1);
            counts
        };
        let end = ticks.span().high;
        let beyond = base.iter().chain(tuned).filter(|v| **v > end).count();
        Some(Self { base: counts(base), tuned: counts(tuned), ticks, beyond })
    }
}

fn chart(quantity: &Quantity, cards: &[Scorecard]) -> Option<String> {
    let all = |of: fn(&Answered) -> Option<f64>| -> Vec<f64> {
        let values = cards.iter().flat_map(|card| &card.results).filter_map(of);
        values.filter(|v| v.is_finite() && *v >= 0.0).collect()
    };
    let (base, tuned) = (all(quantity.base), all(quantity.tuned));
    let bins = Bins::of(&base, &tuned, quantity.whole)?;
    let median = |values: &[f64]| median(values.iter().copied()).map_or_else(|| NONE.to_owned(), significant);
    let medians = format!("median v1 {}, v2 {}", median(&base), median(&tuned));
    let mut out = format!("<figure>\n<figcaption>{}: {medians} {}</figcaption>\n", quantity.title, quantity.unit);
    out.push_str(&draw(quantity, &bins, &medians));
    if bins.beyond > 0 {
        let most = Span::of(base.iter().chain(&tuned).copied())?.high;
        out.push_str(&format!(
            "<p class=\"note\">{} beyond the axis, up to {}, are counted in the last bar.</p>\n",
            counted(bins.beyond, "answer"),
            significant(most)
        ));
    }
    out.push_str(&table(quantity, &bins));
    out.push_str("</figure>\n");
    Some(out)
}

fn draw(quantity: &Quantity, bins: &Bins, medians: &str) -> String {
    let most = bins.base.iter().chain(&bins.tuned).copied().max().unwrap_or_default();
    let counts = Ticks::whole(Span { low: 0.0, high: most as f64 }, 3);
    let frame = Frame { top: 20.0, ..Frame::beside(&counts, HEIGHT) };
    let middle = f64::midpoint(frame.top, frame.bottom);
    let (up, down) = (Scale::new(counts.span(), middle, frame.top), Scale::new(counts.span(), middle, frame.bottom));
    let description = format!("{medians} {}", quantity.unit);
    let mut drawing = Drawing::new(quantity.id, &format!("{} of the answers", quantity.title), &description, HEIGHT);
    for (i, value) in counts.values.iter().enumerate() {
        for scale in [up, down] {
            let y = scale.at(*value);
            drawing.line("grid", place(frame.left, y), place(frame.right, y));
            if i > 0 || scale == up {
                drawing.words("tick", place(frame.left - 6.0, y + 4.0), Anchor::End, &counts.label(*value));
            }
        }
    }
    let across = frame.across(&bins.ticks);
    for (i, (base, tuned)) in bins.base.iter().zip(&bins.tuned).enumerate() {
        let (left, right) = (across.at(bins.ticks.values[i]) + 1.0, across.at(bins.ticks.values[i + 1]) - 1.0);
        for (class, scale, n) in [("base bar", up, *base), ("tuned bar", down, *tuned)] {
            if n > 0 {
                drawing.bar(class, place(left, middle), place(right, scale.at(n as f64)));
            }
        }
    }
    drawing.line("zero", place(frame.left, middle), place(frame.right, middle));
    drawing.words("unit", place(2.0, 12.0), Anchor::Start, "answers");
    drawing.words("label", place(WIDTH - 14.0, frame.top + 12.0), Anchor::End, "v1");
    drawing.words("label", place(WIDTH - 14.0, frame.bottom - 6.0), Anchor::End, "v2");
    // Every second tick has a label: the bars are narrow.
    let labelled = bins.ticks.clone().every(2);
    frame.draw_across(&mut drawing, &labelled, quantity.unit);
    drawing.finish()
}

fn table(quantity: &Quantity, bins: &Bins) -> String {
    let columns = [text("from – to"), number("answers of v1"), number("answers of v2")];
    let label = |v: f64| bins.ticks.label(v);
    let rows = bins.ticks.values.windows(2).zip(bins.base.iter().zip(&bins.tuned));
    let rows = rows.map(|(ends, (base, tuned))| {
        vec![format!("{} – {}", label(ends[0]), label(ends[1])), base.to_string(), tuned.to_string()]
    });
    let caption = format!("{}, {}", quantity.title.to_lowercase(), quantity.unit);
    Table { caption: &caption, columns: &columns, rows: rows.collect() }.behind()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_in_a_bar() {
        let base = [0.5, 0.7, 1.2, 3.9];
        let tuned = [1.0, 4.0];
        let bins = Bins::of(&base, &tuned, false).unwrap();
        assert_eq!((bins.base.iter().sum::<usize>(), bins.tuned.iter().sum::<usize>(), bins.beyond), (4, 2, 0));
        assert_eq!(bins.base[1], 2, "0.5 and 0.7: {:?} {:?}", bins.ticks, bins.base);
        assert!(Bins::of(&[], &[], true).is_none());
        let zeros = Bins::of(&[0.0, 0.0], &[], true).unwrap();
        assert_eq!(zeros.base.iter().sum::<usize>(), 2);
    }

    #[test]
    fn an_answer_that_took_a_minute_leaves_the_others_their_bars() {
        let mut base: Vec<f64> = (0..100).map(|i| 1.0 + f64::from(i) / 100.0).collect();
        base.push(60.0);
        let bins = Bins::of(&base, &[], false).unwrap();
        assert_eq!((bins.beyond, bins.base.iter().sum::<usize>()), (1, 101));
        assert!(bins.ticks.span().high < 4.0, "{:?}", bins.ticks);
    }
}
