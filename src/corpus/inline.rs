//! The text of a line of Markdown whose marks lie within it.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// What a value says without marks of emphasis, code and links; None where it holds anything else, such as an image or HTML.
pub(super) fn text(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    for event in Parser::new(value) {
        match event {
            Event::Text(words) | Event::Code(words) => out.push_str(&words),
            Event::SoftBreak => out.push('\n'),
            Event::Start(Tag::Paragraph | Tag::Emphasis | Tag::Strong | Tag::Link { .. })
            | Event::End(TagEnd::Paragraph | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link) => {}
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_within_a_line_are_left_out() {
        for (value, expected) in [
            ("the tug *Marigold*", "the tug Marigold"),
            ("the **Pin** of `Orla`, and _more_", "the Pin of Orla, and more"),
            ("near [the *old* quay](https://x.example/q)", "near the old quay"),
            ("one *two\nthree*", "one two\nthree"),
            ("2 * 3", "2 * 3"),
        ] {
            assert_eq!(text(value).as_deref(), Some(expected), "{value}");
        }
        for value in ["- *item*", "# *title*", "1. *one*", "an ![image](x.png)", "a <b>tag</b>", "> *said*"] {
            assert_eq!(text(value), None, "{value}");
        }
    }
}
