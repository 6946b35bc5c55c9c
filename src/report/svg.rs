//! Charts as SVG: a frame with axes, ticks and units, and marks in it. Colours come from the page's style by class; what a mark
//! means is told by its shape too.

use std::fmt::Write as _;

use super::escape::escaped;
use super::scale::{Scale, Ticks};

/// Units of the drawing; the page scales it to its column.
pub(super) const WIDTH: f64 = 400.0;
const CHARACTER: f64 = 6.2;

/// Which model a mark is of: v1 is an open circle, v2 a filled diamond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Base,
    Tuned,
}

/// An SVG that is being drawn.
#[derive(Debug)]
pub(super) struct Drawing {
    body: String,
    height: f64,
    id: String,
    title: String,
    description: String,
}

/// A place in a drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
}

pub(super) fn place(x: f64, y: f64) -> Place {
    Place { x, y }
}

/// Which end of a text is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    /// `id`: letters and digits, of this drawing alone.
    pub(super) fn new(id: &str, title: &str, description: &str, height: f64) -> Self {
        Self {
            body: String::new(),
            height,
            id: id.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
        }
    }

    pub(super) fn line(&mut self, class: &str, from: Place, to: Place) {
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.x, from.y, to.x, to.y
        );
    }

    /// A path through all places.
    pub(super) fn path(&mut self, class: &str, places: &[Place]) {
        let steps: Vec<String> = places.iter().map(|p| format!("{:.1},{:.1}", p.x, p.y)).collect();
        let _ = writeln!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", steps.join(" "));
    }

    pub(super) fn bar(&mut self, class: &str, corner: Place, opposite: Place) {
        let (x, y) = (corner.x.min(opposite.x), corner.y.min(opposite.y));
        let (width, height) = ((corner.x - opposite.x).abs(), (corner.y - opposite.y).abs());
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }

    pub(super) fn mark(&mut self, model: Model, at: Place) {
        let Place { x, y } = at;
        let _ = match model {
            Model::Base => writeln!(self.body, "<circle class=\"base mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"),
            Model::Tuned => writeln!(
                self.body,
                "<path class=\"tuned mark\" d=\"M{x:.1} {:.1}L{:.1} {y:.1}L{x:.1} {:.1}L{:.1} {y:.1}Z\"/>",
                y - 5.5,
                x + 5.5,
                y + 5.5,
                x - 5.5
            ),
        };
    }

    pub(super) fn dot(&mut self, class: &str, at: Place) {
        let _ = writeln!(self.body, "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2\"/>", at.x, at.y);
    }

    pub(super) fn words(&mut self, class: &str, at: Place, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            at.x,
            at.y,
            escaped(text)
        );
    }

    pub(super) fn finish(self) -> String {
        let Self { body, height, id, title, description } = self;
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
             <title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>\n{body}</svg>\n",
            escaped(&title),
            escaped(&description)
        )
    }
}

/// What is drawn into, between two axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Frame {
    /// With place for the labels of `up` at its left.
    pub(super) fn beside(up: &Ticks, height: f64) -> Self {
        let longest = up.values.iter().map(|v| up.label(*v).chars().count()).max().unwrap_or_default();
        Self { left: 12.0 + CHARACTER * longest as f64, right: WIDTH - 12.0, top: 24.0, bottom: height - 40.0 }
    }

    pub(super) fn across(&self, ticks: &Ticks) -> Scale {
        Scale::new(ticks.span(), self.left, self.right)
    }

    pub(super) fn up(&self, ticks: &Ticks) -> Scale {
        Scale::new(ticks.span(), self.bottom, self.top)
    }

    /// The horizontal axis with its unit below.
    pub(super) fn draw_across(&self, drawing: &mut Drawing, ticks: &Ticks, unit: &str) {
        let scale = self.across(ticks);
        drawing.line("axis", place(self.left, self.bottom), place(self.right, self.bottom));
        for value in &ticks.values {
            let x = scale.at(*value);
            drawing.line("axis", place(x, self.bottom), place(x, self.bottom + 4.0));
            let half = CHARACTER * ticks.label(*value).chars().count() as f64 / 2.0;
            // A label at the end of the axis stays in the drawing.
            let x = x.clamp(half + 1.0, WIDTH - half - 1.0);
            drawing.words("tick", place(x, self.bottom + 16.0), Anchor::Middle, &ticks.label(*value));
        }
        let middle = f64::midpoint(self.left, self.right);
        drawing.words("unit", place(middle, self.bottom + 33.0), Anchor::Middle, unit);
    }

    /// Horizontal lines at the ticks, labels at the left, the unit above.
    pub(super) fn draw_up(&self, drawing: &mut Drawing, ticks: &Ticks, unit: &str) {
        let scale = self.up(ticks);
        for value in &ticks.values {
            let y = scale.at(*value);
            drawing.line("grid", place(self.left, y), place(self.right, y));
            drawing.words("tick", place(self.left - 6.0, y + 4.0), Anchor::End, &ticks.label(*value));
        }
        drawing.words("unit", place(2.0, 12.0), Anchor::Start, unit);
    }
}

/// A label that fits into `width`, cut at its end or, for a path, at its beginning.
pub(super) fn fitted(text: &str, width: f64) -> String {
    let room = (width / CHARACTER) as usize;
    let count = text.chars().count();
    if count <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    match text.contains('/') {
        true => std::iter::once('…').chain(text.chars().skip(count - kept)).collect(),
        false => text.chars().take(kept).chain(std::iter::once('…')).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::scale::Span;

    #[test]
    fn a_drawing_is_named_and_described() {
        let mut drawing = Drawing::new("c1", "loss <1>", "falls", 50.0);
        drawing.words("tick", place(1.0, 2.0), Anchor::Start, "</text><script>");
        drawing.mark(Model::Base, place(3.0, 4.0));
        let svg = drawing.finish();
        assert!(svg.starts_with("<svg viewBox=\"0 0 400 50\" role=\"img\" aria-labelledby=\"c1-t c1-d\">"), "{svg}");
        assert!(svg.contains("<title id=\"c1-t\">loss &lt;1&gt;</title>") && !svg.contains("<script"), "{svg}");
    }

    #[test]
    fn axes_have_ticks_labels_and_units() {
        let up = Ticks::new(Span { low: 0.0, high: 3.2 }, 4);
        let across = Ticks::whole(Span { low: 1.0, high: 140.0 }, 5);
        let frame = Frame::beside(&up, 200.0);
        let mut drawing = Drawing::new("c", "t", "d", 200.0);
        frame.draw_up(&mut drawing, &up, "nats");
        frame.draw_across(&mut drawing, &across, "step");
        let svg = drawing.finish();
        for label in [">4</text>", ">150</text>", ">nats</text>", ">step</text>"] {
            assert!(svg.contains(label), "{label} in {svg}");
        }
        assert_eq!((frame.up(&up).at(0.0), frame.up(&up).at(4.0)), (frame.bottom, frame.top));
    }

    #[test]
    fn labels_fit() {
        assert_eq!(fitted("corrections", 100.0), "corrections");
        assert_eq!(fitted("a/very/long/path/suite.jsonl", 62.0), "…ite.jsonl");
        assert_eq!(fitted("categories of words", 62.0), "categorie…");
    }
}
