//! The limits of PDF files, and how the values of a content are counted.

use pdf_extract::content::Content;

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
    /// Forms that are drawn within each other.
    pub(super) forms: usize,
    /// Bytes of all that is drawn: forms count each time that they are drawn.
    pub(super) drawn: usize,
    /// Nodes of the page tree above a page.
    pub(super) parents: usize,
    /// Streams whose length is said to be that of another stream: each is read within the other.
    pub(super) lengths: usize,
    /// Lists within each other in a table of characters of a font.
    pub(super) nesting: usize,
    /// Characters of such a table.
    pub(super) characters: usize,
    /// Bytes of the text of all pages.
    pub(super) text: usize,
}

impl Default for PdfLimits {
    fn default() -> Self {
        Self {
            bytes: 200 << 20,
            ratio: 100,
            small: 1 << 20,
            tokens: 8_000_000,
            states: 1000,
            forms: 100,
            drawn: 1 << 30,
            parents: 256,
            lengths: 100,
            nesting: 2000,
            characters: 1 << 20,
            text: 64 << 20,
        }
    }
}

impl PdfLimits {
    /// Bytes that a file of `length` bytes may unpack to.
    pub(super) fn bytes_of(&self, length: usize) -> usize {
        self.bytes.min(length.saturating_mul(self.ratio).max(self.small))
    }
}

/// What a PDF has too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfExcess {
    #[error("streams of more than {most} bytes when they are unpacked")]
    Bytes { most: usize },
    #[error("more than {most} numbers, names and operators for a page")]
    Tokens { most: usize },
    #[error("more than {most} graphics states within each other")]
    States { most: usize },
    #[error("a form that draws itself")]
    Loop,
    #[error("forms that are drawn more than {most} deep within each other")]
    Forms { most: usize },
    #[error("more than {most} bytes to draw, forms counted each time that they are drawn")]
    Drawn { most: usize },
    #[error("a page that lies more than {most} deep in the page tree, or a loop in that tree")]
    Parents { most: usize },
    #[error("more than {most} streams whose length is another stream")]
    Lengths { most: usize },
    #[error("a stream of objects whose length is said by another object")]
    ObjectsLength,
    #[error("a font whose table of characters has lists more than {most} deep within each other")]
    Nesting { most: usize },
    #[error("a font whose table has more than {most} characters")]
    Characters { most: usize },
    #[error("more than {most} bytes of text")]
    Text { most: usize },
}

pub(super) fn check_content(content: &[u8], limits: &PdfLimits) -> Result<(), PdfExcess> {
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

/// Runs of letters, of digits and of other bytes, and each delimiter: as many values as a parser may make of them, or more.
#[derive(Default)]
pub(super) struct Tokens {
    pub(super) count: usize,
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
    pub(super) fn add(&mut self, bytes: &[u8]) {
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
