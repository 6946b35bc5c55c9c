//! How much a PDF unpacks to, checked before its text is extracted: the library unpacks and parses without a limit.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use pdf_extract::{Dictionary, Document, Object, Stream};

use super::pdf_forms::check_pages;
use super::pdf_lengths::check_lengths;
use super::pdf_limits::{PdfExcess, PdfLimits, Tokens, check_content};
use super::pdf_tables::Tables;

/// LZW makes of a code of 12 bits 1920 bytes on average, at most.
const LZW_RATIO: usize = 1300;
/// Bytes before a stream in which its dictionary is looked for.
const MAX_DICTIONARY: usize = 64 << 10;

/// Checks the packed streams of a file before it is parsed: the parser unpacks those that hold objects.
pub(super) fn check_file(bytes: &[u8], limits: &PdfLimits) -> Result<(), PdfExcess> {
    let most = limits.bytes_of(bytes.len());
    let mut left = most;
    check_lengths(bytes, limits)?;
    let mut objects = Tokens::default();
    for (at, _) in bytes.windows(6).enumerate().filter(|(_, word)| *word == b"stream") {
        let before = bytes.get(at.saturating_sub(MAX_DICTIONARY)..at).unwrap_or_default();
        if before.ends_with(b"end") {
            continue;
        }
        let dictionary = before.windows(3).rposition(|word| word == b"obj").map_or(before, |obj| &before[obj..]);
        let has = |name: &[u8]| dictionary.windows(name.len()).any(|found| found == name);
        // `#` writes a letter of a name by its number, so that names cannot be looked for.
        let holds_objects = has(b"ObjStm") || has(b"#");
        if has(b"/Image") && !holds_objects && !has(b"XRef") {
            continue;
        }
        let data = bytes.get(at + 6..).unwrap_or_default();
        let data = data.strip_prefix(b"\r").unwrap_or(data);
        let data = data.strip_prefix(b"\n").unwrap_or(data);
        let mut tokens = Tokens::default();
        left = left.checked_sub(inflated(data, left, &mut tokens)).ok_or(PdfExcess::Bytes { most })?;
        if holds_objects {
            objects.count += tokens.count;
        }
        if objects.count > limits.tokens {
            return Err(PdfExcess::Tokens { most: limits.tokens });
        }
    }
    Ok(())
}

/// Checks the streams of a parsed file of `length` bytes, and empties those that hold no text.
pub(super) fn check_document(document: &mut Document, length: usize, limits: &PdfLimits) -> Result<(), PdfExcess> {
    let most = limits.bytes_of(length);
    let mut left = most;
    let tables = Tables::of(document);
    for (id, object) in &mut document.objects {
        let Object::Stream(stream) = object else { continue };
        if holds_no_text(&stream.dict) {
            // A drawn picture is parsed as operators, whatever it holds.
            stream.set_plain_content(Vec::new());
            continue;
        }
        let content = unpacked(stream, left).ok_or(PdfExcess::Bytes { most })?;
        left = left.checked_sub(content.len()).ok_or(PdfExcess::Bytes { most })?;
        check_content(&content, limits)?;
        tables.check(*id, &content, limits)?;
    }
    check_pages(document, limits)
}

fn holds_no_text(dictionary: &Dictionary) -> bool {
    let is = |key: &[u8], name: &[u8]| dictionary.get(key).and_then(Object::as_name).is_ok_and(|found| found == name);
    is(b"Subtype", b"Image") || is(b"Type", b"EmbeddedFile")
}

/// What a stream holds; None: more than `most` bytes.
fn unpacked(stream: &Stream, most: usize) -> Option<Cow<'_, [u8]>> {
    let mut content = Cow::Borrowed(stream.content.as_slice());
    for filter in stream.filters().unwrap_or_default() {
        let fits = match filter {
            b"FlateDecode" => inflated(&content, most, &mut Tokens::default()) <= most,
            b"LZWDecode" => content.len().saturating_mul(LZW_RATIO) <= most.max(PdfLimits::default().bytes),
            _ => true,
        };
        if !fits {
            return None;
        }
        let mut dictionary = Dictionary::new();
        dictionary.set("Filter", Object::Name(filter.to_vec()));
        if let Ok(parameters) = stream.dict.get(b"DecodeParms") {
            dictionary.set("DecodeParms", parameters.clone());
        }
        match Stream::new(dictionary, content.into_owned()).decompressed_content() {
            Ok(unpacked) => content = Cow::Owned(unpacked),
            // The library reads such a stream as it is.
            Err(_) => return Some(Cow::Borrowed(&stream.content)),
        }
    }
    Some(content)
}

/// Bytes that zlib data unpack to, and their tokens; what is beyond `most` is not unpacked. What is damaged counts up to the
/// fault, and as raw deflate data where there is nothing before it, as the library reads it.
fn inflated(data: &[u8], most: usize, tokens: &mut Tokens) -> usize {
    match counted(&mut ZlibDecoder::new(data), most, tokens) {
        0 => counted(&mut DeflateDecoder::new(data.get(2..).unwrap_or_default()), most, tokens),
        length => length,
    }
}

fn counted(reader: &mut dyn Read, most: usize, tokens: &mut Tokens) -> usize {
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    while length <= most {
        match reader.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => {
                tokens.add(buffer.get(..read).unwrap_or_default());
                length += read;
            }
        }
    }
    length
}
