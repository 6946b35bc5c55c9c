//! HTML to Markdown.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use htmd::element_handler::{HandlerResult, Handlers};
use htmd::{Element, Node};

use super::error::CorpusError;
use super::html_size::written;
use super::html_table::regular;

/// Elements within each other, at most: the parser's tree is walked recursively.
const MAX_DEPTH: usize = 500;
/// The document, `html`, `body` and a text are nodes too.
const MAX_NODES: usize = MAX_DEPTH + 4;
/// Elements that are not closed, at most: for each tag the parser may walk over all of them.
const MAX_OPEN: usize = 5000;
const STACK: usize = 64 << 20;
const MAX_BYTES: usize = 64 << 20;
/// Bytes of its Markdown, at most.
const MAX_WRITTEN: usize = 256 << 20;
/// Time for any page, and for each MiB of one: several times what an ordinary page takes. A thread that does not end is left
/// behind.
const MIN_TIME: Duration = Duration::from_secs(5);
const TIME_FOR_MIB: Duration = Duration::from_secs(1);
/// Elements that say nothing to a reader.
const SKIPPED: [&str; 8] = ["script", "style", "noscript", "template", "svg", "iframe", "nav", "head"];
/// Elements that have no end, or that the next one of their kind closes: they lie in each other only where an element that is
/// counted lies between them.
const FLAT: &[&str] = &[
    "br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr", "param", "p",
    "li", "td", "th", "tr", "dt", "dd", "option", "tbody", "thead", "tfoot", "colgroup", "html", "head", "body", "a",
];

pub(super) fn markdown(file: &Arc<str>, html: &str) -> Result<String, CorpusError> {
    if html.len() > MAX_BYTES {
        return Err(CorpusError::TooLarge { file: file.clone(), most: MAX_BYTES });
    }
    if most_open(html) > MAX_OPEN {
        return Err(CorpusError::Nesting { file: file.clone(), most: MAX_OPEN });
    }
    let time = MIN_TIME + TIME_FOR_MIB * u32::try_from(html.len() >> 20).unwrap_or(u32::MAX);
    let (sender, receiver) = channel();
    let html = html.to_owned();
    // The converter recurses over the tree: with a stack of its own, the depth that is allowed cannot exhaust it.
    let work = move || {
        // The receiver is gone where the time was over.
        sender.send(converted(&html)).ok();
    };
    let spawned = std::thread::Builder::new().name("html".into()).stack_size(STACK).spawn(work);
    spawned.map_err(|_| CorpusError::Html(file.clone()))?;
    match receiver.recv_timeout(time) {
        Ok(Ok(markdown)) => Ok(unescaped(&markdown)),
        Ok(Err(Fault::Deep)) => Err(CorpusError::Nesting { file: file.clone(), most: MAX_DEPTH }),
        Ok(Err(Fault::Large)) => Err(CorpusError::WideTable { file: file.clone(), most: MAX_WRITTEN }),
        Ok(Err(Fault::Damaged)) | Err(RecvTimeoutError::Disconnected) => Err(CorpusError::Html(file.clone())),
        Err(RecvTimeoutError::Timeout) => Err(CorpusError::Slow { file: file.clone(), seconds: time.as_secs() }),
    }
}

/// Why a page has no Markdown.
enum Fault {
    Deep,
    /// Its tables would be.
    Large,
    Damaged,
}

fn converted(html: &str) -> Result<String, Fault> {
    let builder = htmd::HtmlToMarkdown::builder().skip_tags(SKIPPED.to_vec());
    let converter = builder.add_handler(vec!["dt"], term).add_handler(vec!["dd"], meaning).build();
    let tree = converter.html_to_tree(&regular(html)).map_err(|_| Fault::Damaged)?;
    if is_deeper(&tree, MAX_NODES) {
        return Err(Fault::Deep);
    }
    if written(&tree) > MAX_WRITTEN {
        return Err(Fault::Large);
    }
    Ok(converter.tree_to_markdown(&tree))
}

/// Whether nodes lie more than `most` deep within the tree. Only the tree itself says so: which tags nest depends on all that
/// stand before them.
fn is_deeper(tree: &Rc<Node>, most: usize) -> bool {
    let mut level = vec![tree.clone()];
    for _ in 0..most {
        level = level.iter().flat_map(|node| node.children.borrow().clone()).collect();
        if level.is_empty() {
            return false;
        }
    }
    true
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

/// Elements that are open at a time, estimated at most: start tags less end tags of the same name. It bounds the parser's time;
/// the depth is that of the tree.
fn most_open(html: &str) -> usize {
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut sum, mut most) = (0_usize, 0);
    for part in html.split('<').skip(1) {
        let closing = part.starts_with('/');
        let name: String = part.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        let is_open = |name: &str| open.get(name).is_some_and(|n| *n > 0);
        let implied = matches!(name.as_str(), "rt" | "rp") && is_open("ruby");
        // HTML's own elements are opened by `<div/>` too.
        let empty = part.split('>').next().is_some_and(|tag| tag.ends_with('/'));
        let empty = empty && (is_open("svg") || is_open("math"));
        if name.is_empty() || empty || implied || FLAT.contains(&name.as_str()) {
            continue;
        }
        let of_name = open.entry(name).or_default();
        match closing {
            true if *of_name > 0 => (*of_name, sum) = (*of_name - 1, sum - 1),
            true => {}
            false => (*of_name, sum) = (*of_name + 1, sum + 1),
        }
        most = most.max(sum);
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

    #[test]
    fn pages_that_nest_by_other_tags_are_refused() {
        let read = |part: &str, count: usize| markdown(&"a".into(), &part.repeat(count));
        for (part, count) in [
            ("<div></span>", 20_000),
            ("<div></span>", 100_000),
            ("<div/>", 20_000),
            ("<div/>", 100_000),
            ("<rt>", 100_000),
            ("<optgroup>", 100_000),
            ("<b><div></b>", 100_000),
            // The estimate finds none of these open: `</span>` closes nothing across a `div`, and drawings have cells that nest.
            ("<span><div></span></div>", 600),
            ("<svg><td>", 600),
        ] {
            let found = read(part, count);
            assert!(matches!(found, Err(CorpusError::Nesting { .. })), "{part}: {found:?}");
        }
        // On a slow machine the time is over before the tree is there.
        let found = read("<span><div></span></div>", 20_000);
        assert!(matches!(found, Err(CorpusError::Nesting { .. } | CorpusError::Slow { .. })), "{found:?}");
    }

    #[test]
    fn a_long_cell_does_not_make_every_row_as_long() {
        let table = |cell: &str, long: usize, rows: usize| {
            let rows = "<tr><td>x".repeat(rows);
            format!("<table><tr><{cell}>Name</{cell}></tr><tr><td>{}{rows}</table>", "y".repeat(long))
        };
        // 1.2 GB, of a page of 230 kB.
        let found = markdown(&"a".into(), &table("th", 200_000, 6000));
        assert!(matches!(found, Err(CorpusError::WideTable { .. })), "{:?}", found.map(|found| found.len()));
        // The same table within a cell is written as text, and so is one without heads.
        let inner = format!("<table><tr><th>a</th></tr><tr><td>{}", table("th", 200_000, 6000));
        assert!(markdown(&"a".into(), &inner).is_ok());
        assert!(markdown(&"a".into(), &table("td", 200_000, 6000)).is_ok());
        assert!(markdown(&"a".into(), &table("th", 1000, 6000)).unwrap().contains("| x "));
        // One wide row, and many short ones, which become as wide.
        let wide = format!(
            "<table><tr>{}</tr>{}</table>",
            "<th>h</th>".repeat(1000),
            "<tr><td>x<td rowspan=1>y".repeat(30_000)
        );
        let ragged = wide.replacen("<td rowspan=1>", "<td colspan=2>", 1);
        assert!(regular(&ragged).len() < 2 * ragged.len());
    }

    #[test]
    fn long_pages_whose_end_tags_are_implied_are_read() {
        for (before, part) in [
            ("", "<p>text"),
            ("<ul>", "<li>text"),
            ("<table>", "<tr><td>text<td>more"),
            ("", "<a name=x>text"),
            ("", "<ruby>x<rt>text</ruby>"),
            ("", "<div>text</div>"),
        ] {
            let found = markdown(&"a".into(), &format!("{before}{}", part.repeat(10_000)));
            assert_eq!(found.map(|found| found.matches("text").count()).ok(), Some(10_000), "{part}");
        }
        let drawing = format!("<p>text<svg>{}</svg>", "<path d=''/>".repeat(10_000));
        assert_eq!(markdown(&"a".into(), &drawing).unwrap(), "text");
    }
}
