//! HTML to Markdown.

use std::sync::Arc;

use htmd::Element;
use htmd::element_handler::{HandlerResult, Handlers};

use super::error::CorpusError;
use super::html_table::regular;

/// Elements within each other, at most: the parser's tree is walked recursively.
const MAX_DEPTH: usize = 500;
const STACK: usize = 64 << 20;
const MAX_BYTES: usize = 64 << 20;
/// Elements that say nothing to a reader.
const SKIPPED: [&str; 8] = ["script", "style", "noscript", "template", "svg", "iframe", "nav", "head"];
/// Elements that have no end, or whose end is implied.
const FLAT: &[&str] = &[
    "br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr", "param", "p",
    "li", "td", "th", "tr", "dt", "dd", "option", "optgroup", "tbody", "thead", "tfoot", "colgroup", "rp", "rt",
    "html", "head", "body",
];

pub(super) fn markdown(file: &Arc<str>, html: &str) -> Result<String, CorpusError> {
    if html.len() > MAX_BYTES {
        return Err(CorpusError::TooLarge { file: file.clone(), most: MAX_BYTES });
    }
    if depth(html) > MAX_DEPTH {
        return Err(CorpusError::Nesting { file: file.clone(), most: MAX_DEPTH });
    }
    let damaged = || CorpusError::Html(file.clone());
    let html = regular(html);
    // The converter recurses over the tree: with a stack of its own, the depth that is allowed cannot exhaust it.
    let converted = std::thread::scope(|scope| {
        let convert = || {
            let builder = htmd::HtmlToMarkdown::builder().skip_tags(SKIPPED.to_vec());
            builder.add_handler(vec!["dt"], term).add_handler(vec!["dd"], meaning).build().convert(&html)
        };
        let worker = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, convert);
        worker.ok().and_then(|worker| worker.join().ok()).and_then(Result::ok)
    });
    Ok(unescaped(&converted.ok_or_else(damaged)?))
}

/// A term of a definition list, in a line of its own: the converter would write it as a paragraph.
fn term(handlers: &dyn Handlers, element: Element<'_>) -> Option<HandlerResult> {
    let words = handlers.walk_children(element.node).content;
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(format!("\n\n{}", words.trim_end_matches([':', ' ', '\u{a0}', '\u{202f}'])).into())
}

/// What a term means: its further lines are indented, as Markdown has them.
fn meaning(handlers: &dyn Handlers, element: Element<'_>) -> Option<HandlerResult> {
    let content = handlers.walk_children(element.node).content;
    Some(format!("\n: {}\n", content.trim().replace('\n', "\n  ")).into())
}

/// Start tags within each other, at most.
fn depth(html: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for part in html.split('<').skip(1) {
        let closing = part.starts_with('/');
        let name: String = part.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        let empty = part.split('>').next().is_some_and(|tag| tag.ends_with('/'));
        if name.is_empty() || empty || FLAT.contains(&name.as_str()) {
            continue;
        }
        depth = if closing { depth.saturating_sub(1) } else { depth + 1 };
        most = most.max(depth);
    }
    most
}

/// Without the escapes that Markdown does not need within words, so that values are as the page shows them.
fn unescaped(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut code = false;
    for line in markdown.split_inclusive('\n') {
        code ^= line.trim_start().starts_with("```");
        match code {
            true => out.push_str(line),
            false => {
                let line = [("\\_", "_"), ("\\[", "["), ("\\]", "]"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
                    .into_iter()
                    .fold(line.to_owned(), |line, (escaped, plain)| line.replace(escaped, plain));
                out.push_str(&line);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_lists_and_tables_become_markdown() {
        let html = "<html><head><title>x</title><style>a{}</style></head><body><nav><a href=/>Home</a></nav><h1>6Tzen_v2</h1>\
            <p><strong>Host</strong> : R&amp;D</p><ul><li>a_b<li>c</ul><table><tr><th>App</th><th>Host</th></tr>\
            <tr><td>X</td><td>Y</td></tr></table><script>alert(1)</script></body></html>";
        let markdown = markdown(&"a.html".into(), html).unwrap();
        assert!(markdown.contains("# 6Tzen_v2\n"), "{markdown}");
        assert!(markdown.contains("**Host** : R&D"), "{markdown}");
        assert!(markdown.contains("a_b"), "{markdown}");
        assert!(markdown.contains("| X ") && markdown.contains("---"), "{markdown}");
        assert!(!markdown.contains("alert") && !markdown.contains("Home") && !markdown.contains("a{}"), "{markdown}");
    }

    #[test]
    fn deep_pages_are_refused_and_flat_ones_read() {
        let deep = "<div>".repeat(100_000);
        assert!(matches!(markdown(&"a".into(), &deep), Err(CorpusError::Nesting { .. })));
        let most = format!("{}text", "<div>".repeat(MAX_DEPTH));
        assert_eq!(markdown(&"a".into(), &most).unwrap(), "text");
        let bold = format!("{}text", "<b>".repeat(MAX_DEPTH));
        assert!(markdown(&"a".into(), &bold).unwrap().contains("text"));
        let flat = "<p>text<br><li>x".repeat(2000);
        assert!(markdown(&"a".into(), &flat).is_ok());
    }
}
