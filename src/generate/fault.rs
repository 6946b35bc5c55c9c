//! The errors of this module.

use std::fmt::Write as _;

use super::grammar::LexiconError;

/// One fault of a template file; `line` from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    pub line: usize,
    pub what: String,
}

#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("{place}: a template file may have {most} bytes, this one has {bytes}")]
    TemplatesTooLong { place: String, bytes: usize, most: usize },
    #[error("{place}: {reason}")]
    TemplatesSyntax { place: String, reason: String },
    /// Every fault of the file, at once.
    #[error("{place}: {}", listed(faults))]
    Templates { place: String, faults: Vec<TemplateFault> },
    /// Two templates that differ in case or punctuation alone, or become the same with a fact's words.
    #[error(
        "templates {first} and {second} both write {question:?}; each wording counts once; hint: remove one of them"
    )]
    TemplateTwice { first: String, second: String, question: String },
    #[error(transparent)]
    Lexicon(#[from] LexiconError),
}

/// Faults that are printed, at most.
const MAX_LISTED: usize = 20;

fn listed(faults: &[TemplateFault]) -> String {
    let mut text = format!("{} fault{}", faults.len(), if faults.len() == 1 { "" } else { "s" });
    for fault in faults.iter().take(MAX_LISTED) {
        let _ = write!(text, "\n  line {}: {}", fault.line, fault.what);
    }
    if faults.len() > MAX_LISTED {
        let _ = write!(text, "\n  and {} more", faults.len() - MAX_LISTED);
    }
    text
}
