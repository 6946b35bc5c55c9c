//! The only file that prints. Whatever goes to the terminal passes through [`Text`], which shows control characters
//! escaped: an answer, a daemon's error, a file's name or a template's error can't move the cursor, set the title, write
//! to the clipboard or hide what stands beside it.

use std::io::{ErrorKind, IsTerminal, Write};

use crate::commands::terminal_acts_on as acts;

/// Text for the terminal: no control characters but newline and tab, beside the colours given here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(String);

impl Text {
    /// `code` is one of SGR (`1` bold, `33` yellow).
    pub(super) fn painted(code: &'static str, text: &str) -> Self {
        Self(format!("\x1b[{code}m{}\x1b[0m", escaped(text)))
    }

    #[must_use]
    pub(super) fn then(mut self, other: impl Into<Self>) -> Self {
        self.0.push_str(&other.into().0);
        self
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(escaped(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(escaped(&text))
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Why nothing more can be printed. It unwinds to `main`, so that locks and half-written files are let go.
#[derive(Debug)]
pub enum OutputLost {
    /// Whoever read the pipe is gone (`tunesmith history | head -1`).
    PipeClosed,
    /// Nothing can be written: the disk is full, say.
    Failed { stream: &'static str, fault: std::io::Error },
}

/// Unwinds without the message of a panic where something could not be written.
fn written(stream: &'static str, result: std::io::Result<()>) {
    let lost = match result {
        Ok(()) => return,
        Err(e) if e.kind() == ErrorKind::BrokenPipe => OutputLost::PipeClosed,
        Err(fault) => OutputLost::Failed { stream, fault },
    };
    std::panic::resume_unwind(Box::new(lost));
}

/// Text as it is, then shown at once.
fn to_stdout(text: &str) {
    let mut out = std::io::stdout().lock();
    written("standard output", out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn to_stderr(text: &str) {
    written("standard error", std::io::stderr().lock().write_all(text.as_bytes()));
}

/// A line on standard output.
pub(super) fn print(text: impl Into<Text>) {
    to_stdout(&format!("{}\n", text.into()));
}

/// A piece of a line on standard output, seen at once.
pub(super) fn print_piece(text: &str) {
    to_stdout(&escaped(text));
}

/// A document that is also written to files (`tunesmith modelfile ... > Modelfile`): into a file or a pipe as it is.
pub(super) fn print_document(text: &str) {
    if std::io::stdout().is_terminal() {
        print(text);
    } else {
        to_stdout(&format!("{text}\n"));
    }
}

/// A line on standard error.
pub(super) fn report(text: impl Into<Text>) {
    to_stderr(&format!("{}\n", text.into()));
}

/// As [`report`], where the program ends anyway and there is nobody else to tell.
pub(super) fn report_last(text: impl Into<Text>) {
    drop(writeln!(std::io::stderr().lock(), "{}", text.into()));
}

/// The sign that a line of input is expected.
pub(super) fn prompt() {
    to_stderr("> ");
}

/// A JSON document on standard output. The characters that the terminal acts on, which JSON allows in strings as they
/// are, are escaped in JSON's own form.
pub(super) fn print_json(document: &str) {
    to_stdout(&format!("{}\n", json_escaped(document)));
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => out.push(c),
            '\r' => out.push_str("\\r"),
            c if acts(c) => out.push_str(&format!("\\u{{{:02x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn json_escaped(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut units = [0; 2];
    for c in document.chars() {
        if acts(c) {
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a text would be shown as it is.
pub(super) fn is_plain(text: &str) -> bool {
    !text.chars().any(acts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_shown_escaped() {
        let shown = |text: &str| Text::from(text).to_string();
        assert_eq!(shown("a\tb\r\nc é 👩\u{200d}🔬"), "a\tb\r\nc é 👩\u{200d}🔬");
        assert_eq!(shown("\x1b]0;t\x07\x1b[2J\u{9b}31m"), "\\u{1b}]0;t\\u{07}\\u{1b}[2J\\u{9b}31m");
        assert_eq!(shown("ok\rno\x08\x7f\0"), "ok\\rno\\u{08}\\u{7f}\\u{00}");
        assert_eq!(shown("\u{202e}exe.\u{2066}\u{200f}"), "\\u{202e}exe.\\u{2066}\\u{200f}");
        let painted = Text::painted("33", "warning:").then(" \x1b[31m");
        assert_eq!(painted.to_string(), "\x1b[33mwarning:\x1b[0m \\u{1b}[31m");
        assert!(!is_plain("\x1b") && is_plain("a\n"));
    }

    #[test]
    fn a_closed_pipe_is_told_from_other_faults_by_its_kind() {
        let lost = |kind: ErrorKind| {
            let unwound = std::panic::catch_unwind(|| written("standard output", Err(kind.into())));
            *unwound.unwrap_err().downcast::<OutputLost>().unwrap()
        };
        assert!(matches!(lost(ErrorKind::BrokenPipe), OutputLost::PipeClosed));
        let OutputLost::Failed { stream, fault } = lost(ErrorKind::StorageFull) else { panic!("another fault") };
        assert_eq!((stream, fault.kind()), ("standard output", ErrorKind::StorageFull));
        written("standard output", Ok(()));
    }

    #[test]
    fn json_stays_the_same_document() {
        let value = serde_json::json!({"a\u{9b}": "\x1b\u{202e}\u{85}\u{e0041}é\n"});
        let text = json_escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert!(is_plain(&text), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
