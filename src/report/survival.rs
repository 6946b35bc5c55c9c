//! How much of the tune is in the exported file, tensor by tensor, and the proof's numbers.

use super::escape::escaped;
use super::files::{Leg, Proof, RunFiles, TensorSurvival};
use super::number::{NONE, counted, significant};
use super::scale::{Span, Ticks};
use super::svg::{Drawing, Frame, place};
use super::table::{Table, number, text};

const HEIGHT: f64 = 220.0;
/// Tensors that are drawn and listed; a model of 100 layers has 700.
const MOST: usize = 3000;

pub(super) fn section(files: &RunFiles) -> String {
    let mut out = String::from(
        "<section id=\"proof\" aria-labelledby=\"proof-h\">\n<h2 id=\"proof-h\">Survival and proof</h2>\n",
    );
    match files.survival.as_slice() {
        [] if files.earlier.export => {
            out.push_str("<p>This adapter was not exported here, so there is no survival of the tune to show.</p>\n");
        }
        [] => out.push_str("<p>No file was exported here, so there is no survival of the tune to show.</p>\n"),
        tensors => out.push_str(&survival(tensors)),
    }
    match &files.proof {
        None if files.earlier.proof => out.push_str("<p>This adapter was not proved here.</p>\n"),
        None => out.push_str("<p>The model was not proved here.</p>\n"),
        Some(found) => out.push_str(&proof(found)),
    }
    out.push_str("</section>\n");
    out
}

fn survival(tensors: &[TensorSurvival]) -> String {
    let drawn = &tensors[..tensors.len().min(MOST)];
    // 95 %
    let half = |t: &TensorSurvival| 1.96 * t.standard_error.unwrap_or_default();
    let slopes = || drawn.iter().filter_map(|t| Some((t, t.slope?)));
    let Some(span) = Span::of(slopes().flat_map(|(t, slope)| [slope - half(t), slope + half(t)])) else {
        return "<p>No tensor has a number that says how much of the tune survived.</p>\n".to_owned();
    };
    let up = Ticks::new(span.including(1.0), 4);
    let across = Ticks::whole(Span { low: 1.0, high: drawn.len() as f64 }, 5);
    let frame = Frame::beside(&up, HEIGHT);
    let values = Span::of(slopes().map(|(_, slope)| slope)).unwrap_or(span);
    let words = format!(
        "{}, survival from {} to {}",
        counted(tensors.len(), "trained tensor"),
        significant(values.low),
        significant(values.high)
    );
    let mut drawing = Drawing::new("survival", "Survival of the tune in each tensor", &words, HEIGHT);
    frame.draw_up(&mut drawing, &up, "survival (1: the tune is in the file as a whole)");
    frame.draw_across(&mut drawing, &across, "tensor, in the order of the file");
    let (x, y) = (frame.across(&across), frame.up(&up));
    drawing.line("margin", place(frame.left, y.at(1.0)), place(frame.right, y.at(1.0)));
    for (i, tensor) in drawn.iter().enumerate() {
        let Some(slope) = tensor.slope else { continue };
        let at = x.at(i as f64 + 1.0);
        drawing.line("error", place(at, y.at(slope - half(tensor))), place(at, y.at(slope + half(tensor))));
        drawing.dot("curve", place(at, y.at(slope)));
    }
    let columns = [
        text("tensor"),
        text("from"),
        text("to"),
        text("rounding"),
        number("survival"),
        number("standard error"),
        number("‖ΔW‖ / ‖W‖"),
    ];
    let shown = |v: Option<f64>| v.map_or_else(|| NONE.to_owned(), significant);
    let row = |t: &TensorSurvival| {
        let numbers = [t.slope, t.standard_error, t.relative_delta].map(shown);
        let names = [&t.tensor, &t.from, &t.to, &t.rounding].map(String::clone);
        names.into_iter().chain(numbers).collect()
    };
    let table = Table { caption: "survival by tensor", columns: &columns, rows: drawn.iter().map(row).collect() };
    format!(
        "<figure>\n<figcaption>{words} (bars: 95 % intervals)</figcaption>\n{}{}</figure>\n",
        drawing.finish(),
        table.behind()
    )
}

fn proof(proof: &Proof) -> String {
    let Proof { model, kind, passed, legs, daemon_version, probes, seed, .. } = proof;
    let (sign, word) = if *passed { ("✓", "passed") } else { ("✗", "failed") };
    let mut out = format!(
        "<h3>Proof</h3>\n<p><b>{sign} {word}</b>: {} of {}, {} with seed {seed}, daemon {}.</p>\n<ul>\n",
        escaped(kind),
        escaped(model),
        counted(usize::try_from(*probes).unwrap_or(usize::MAX), "fresh text"),
        escaped(daemon_version)
    );
    for leg in legs {
        let sign = if leg.passed { "✓" } else { "✗" };
        out.push_str(&format!("<li>{sign} <b>{}</b>: {}", escaped(&leg.name), escaped(&leg.summary)));
        for fault in &leg.faults {
            out.push_str(&format!("<br><span class=\"unmet\">{}</span>", escaped(fault)));
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
    let columns = [text("number"), text("part"), number("value")];
    let row = |leg: &Leg| -> Vec<Vec<String>> {
        let cell = |v: &serde_json::Value| v.as_f64().map_or_else(|| v.to_string(), significant);
        leg.numbers.iter().map(|(name, v)| vec![name.replace('_', " "), leg.name.clone(), cell(v)]).collect()
    };
    out.push_str(
        &Table { caption: "numbers of the proof", columns: &columns, rows: legs.iter().flat_map(row).collect() }
            .behind(),
    );
    out
}
