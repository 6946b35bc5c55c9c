//! What the tests of this module share.

use crate::corpus::{Language, Span, Unit};
use crate::store::Digest;

pub(super) fn unit(source: &str, title: Option<&str>, text: &str) -> Unit {
    Unit {
        id: Digest::of_bytes(format!("{source}\n{title:?}\n{text}").as_bytes()),
        document: 0,
        source: source.into(),
        title: title.map(str::to_owned),
        path: Vec::new(),
        span: Span { start: 0, end: text.len() },
        text: text.into(),
        language: Some(Language::Fr),
        fields: Vec::new(),
    }
}
