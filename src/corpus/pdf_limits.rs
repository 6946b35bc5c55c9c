//! How much a PDF unpacks to, checked before its text is extracted: the library unpacks and parses without a limit.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use pdf_extract::content::Content;
use pdf_extract::{Dictionary, Document, Object, Stream};

/// What the streams of a PDF may hold, at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct PdfLimits {
    /// Of all streams together, unpacked.
    pub(super) bytes: usize,
    /// How many times larger than the file they may be.
    pub(super) ratio: usize,
    /// Smaller contents may be packed as well as they are.
    pub(super) small: usize,
    /// Numbers, names and operators of a page: each takes more than 100 bytes when it is parsed.
    pub(super) tokens: usize,
    /// Graphics states that are saved within each other (`q`): each is a copy.
    pub(super) states: usize,
}

impl Default for PdfLimits {
    fn default() -> Self {
        Self { bytes: 200 << 20, ratio: 100, small: 1 << 20, tokens: 8_000_000, states: 1000 }
    }
}

impl PdfLimits {
    /// Bytes that a file of `length` bytes may unpack to.
    fn bytes_of(&self, length: usize) -> usize {
        self.bytes.min(length.saturating_mul(self.ratio).max(self.small))
    }
}

/// What a PDF has too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfExcess {
    #[error("more than {most} bytes when they are unpacked")]
    Bytes { most: usize },
    #[error("more than {most} numbers, names and operators for a page")]
    Tokens { most: usize },
    #[error("more than {most} graphics states within each other")]
    States { most: usize },
}

/// LZW makes of a code of 12 bits 1920 bytes on average, at most.
const LZW_RATIO: usize = 1300;
/// Bytes before a stream in which its dictionary is looked for.
const MAX_DICTIONARY: usize = 64 << 10;

/// Checks the packed streams of a file before it is parsed: the parser unpacks those that hold objects.
pub(super) fn check_file(bytes: &[u8], limits: &PdfLimits) -> Result<(), PdfExcess> {
    let most = limits.bytes_of(bytes.len());
    let mut left = most;
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
    for object in document.objects.values_mut() {
        let Object::Stream(stream) = object else { continue };
        if holds_no_text(&stream.dict) {
            // A drawn picture is parsed as operators, whatever it holds.
            stream.set_plain_content(Vec::new());
            continue;
        }
        let content = unpacked(stream, left).ok_or(PdfExcess::Bytes { most })?;
        left = left.checked_sub(content.len()).ok_or(PdfExcess::Bytes { most })?;
        check_content(&content, limits)?;
    }
    for page in document.get_pages().into_values() {
        check_page(document, page, limits)?;
    }
    Ok(())
}

/// A page's streams are parsed as one.
fn check_page(document: &Document, page: pdf_extract::ObjectId, limits: &PdfLimits) -> Result<(), PdfExcess> {
    let ids = document.get_page_contents(page);
    if ids.len() < 2 {
        return Ok(());
    }
    let mut content = Vec::new();
    for id in ids {
        let stream = document.get_object(id).and_then(Object::as_stream);
        let part = stream.map(|stream| stream.decompressed_content().unwrap_or_else(|_| stream.content.clone()));
        content.extend(part.unwrap_or_default());
        content.push(b'\n');
        // One stream may be named many times.
        if content.len() > limits.bytes {
            return Err(PdfExcess::Bytes { most: limits.bytes });
        }
    }
    check_content(&content, limits)
}

fn check_content(content: &[u8], limits: &PdfLimits) -> Result<(), PdfExcess> {
    let mut tokens = Tokens::default();
    tokens.add(content);
    if tokens.count > limits.tokens {
        return Err(PdfExcess::Tokens { most: limits.tokens });
    }
    if content.iter().filter(|byte| **byte == b'q').count() <= limits.states {
        return Ok(());
    }
    // What cannot be parsed is not drawn.
    let Ok(parsed) = Content::decode(content) else { return Ok(()) };
    let mut depth = 0_usize;
    for operation in &parsed.operations {
        match operation.operator.as_str() {
            "q" => depth += 1,
            "Q" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits.states {
            return Err(PdfExcess::States { most: limits.states });
        }
    }
    Ok(())
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

/// Runs of letters, of digits and of other bytes, and each delimiter: as many values as a parser may make of them, or more.
#[derive(Default)]
struct Tokens {
    count: usize,
    class: Option<Class>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Letter,
    Digit,
    Other,
}

impl Tokens {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let class = match byte {
                0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ' => Class::Space,
                b'0'..=b'9' => Class::Digit,
                byte if byte.is_ascii_alphabetic() => Class::Letter,
                _ => Class::Other,
            };
            let delimits = matches!(byte, b'(' | b'<' | b'[' | b'{' | b'/' | b'+' | b'-' | b'.' | b'\'' | b'"');
            if class != Class::Space && (delimits || self.class != Some(class)) {
                self.count += 1;
            }
            self.class = Some(class);
        }
    }
}
