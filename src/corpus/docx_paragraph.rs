//! A paragraph of a DOCX file: runs of text, and what of them Markdown keeps.

use std::rc::Rc;

/// Runs of text, which are bold or not.
#[derive(Debug, Default)]
pub(super) struct Paragraph {
    pub(super) runs: Vec<Run>,
    pub(super) level: Option<usize>,
    pub(super) is_item: bool,
    /// Whether the run that is read is bold.
    pub(super) bold: bool,
    /// Whether it is hidden, or the mark of a footnote.
    pub(super) left_out: bool,
    /// The address that it is a link to.
    pub(super) link: Option<Rc<str>>,
    /// Its place among what the text boxes of a paragraph hold, where it stands in one.
    pub(super) place: usize,
}

#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) bold: bool,
    pub(super) link: Option<Rc<str>>,
}

/// Writes a link with its address where it is all that the paragraph says, or all behind a colon: it is a value then. Within a
/// sentence it is text.
pub(super) fn write_link(paragraph: &mut Paragraph) {
    paragraph.runs.retain(|run| !run.text.is_empty());
    let is_blank = |runs: &[Run]| runs.iter().all(|run| run.text.trim().is_empty());
    let Some(at) = paragraph.runs.iter().position(|run| run.link.is_some()) else { return };
    let Some((before, [run, after @ ..])) = paragraph.runs.split_at_mut_checked(at) else { return };
    let introduced = before.iter().rev().find(|run| !run.text.trim().is_empty());
    let is_value = introduced.is_none_or(|run| run.text.trim_end().ends_with(':')) && is_blank(after);
    let label = run.text.trim();
    let is_text = !label.is_empty() && !label.contains(['[', ']', '|']) && run.link.as_deref() != Some(label);
    if let Some(link) = run.link.as_deref().filter(|_| is_value && is_text) {
        run.text = run.text.replacen(label, &format!("[{label}]({link})"), 1);
    }
}

/// The paragraph's text; parts of it that are bold are marked, unless all of it is.
pub(super) fn marked(paragraph: &Paragraph) -> String {
    let some = paragraph.runs.iter().any(|run| !run.bold && !run.text.trim().is_empty());
    let run = |run: &Run| {
        let inner = run.text.trim();
        match run.bold && some && !inner.is_empty() && paragraph.level.is_none() {
            true => run.text.replacen(inner, &format!("**{inner}**"), 1),
            false => run.text.clone(),
        }
    };
    let text: String = paragraph.runs.iter().map(run).collect();
    text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
