//! The XML of a part of a DOCX or XLSX file, token by token.

use std::sync::Arc;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::error::CorpusError;

/// A part of an archive, for messages.
#[derive(Clone, Copy)]
pub(super) struct XmlPart<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) name: &'static str,
}

/// What is read of a part.
pub(super) enum XmlToken<'a> {
    Start(&'a BytesStart<'a>),
    /// Without content; it has no end.
    Empty(&'a BytesStart<'a>),
    End(&'a str),
    Text(&'a str),
}

/// Calls `each` with what a part holds, in order. Declarations of types and entities are refused.
pub(super) fn each_token(part: XmlPart<'_>, xml: &str, each: &mut dyn FnMut(XmlToken<'_>)) -> Result<(), CorpusError> {
    let fault = |reason: String| CorpusError::Xml { file: part.file.clone(), part: part.name.to_owned(), reason };
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event().map_err(|e| fault(e.to_string()))? {
            Event::Start(start) => each(XmlToken::Start(&start)),
            Event::Empty(start) => each(XmlToken::Empty(&start)),
            Event::End(end) => each(XmlToken::End(end.local_name().as_ref())),
            Event::Text(text) => each(XmlToken::Text(&text.xml10_content())),
            Event::CData(text) => each(XmlToken::Text(&text.xml10_content())),
            Event::GeneralRef(reference) => {
                let known = character(&reference);
                let entities = || CorpusError::Entities { file: part.file.clone(), part: part.name.to_owned() };
                each(XmlToken::Text(known.ok_or_else(entities)?.encode_utf8(&mut [0; 4])));
            }
            Event::DocType(_) => {
                return Err(CorpusError::Entities { file: part.file.clone(), part: part.name.to_owned() });
            }
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// The characters that XML itself names; no other entity is known.
fn character(reference: &BytesRef<'_>) -> Option<char> {
    match &*reference.xml10_content() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

/// The value of an attribute, whatever its prefix.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

/// Whether a property of a run is on, which it is without a value.
pub(super) fn is_on(start: &BytesStart<'_>) -> bool {
    !matches!(attribute(start, "val").as_deref(), Some("0" | "false"))
}
