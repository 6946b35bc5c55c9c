//! PDF to text, page by page.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::error::CorpusError;
use super::pdf_limits::{PdfExcess, PdfLimits};
use super::pdf_streams::{check_document, check_file};

/// The library walks the file recursively, and loops on some damaged files: it gets a thread with a stack and a time of
/// its own. A thread that does not end is left behind; it ends with the next text that it reads.
const STACK: usize = 256 << 20;
const MAX_TIME: Duration = Duration::from_secs(120);
const MAX_PAGES: usize = 5000;
/// Letters of a page for each of its pictures; one with fewer is scanned.
const MIN_LETTERS: usize = 20;

#[derive(Debug)]
struct Page {
    text: String,
    pictures: usize,
}

/// Why a PDF has no pages.
#[derive(Debug)]
enum Fault {
    Damaged(String),
    Excess(PdfExcess),
}

impl From<PdfExcess> for Fault {
    fn from(excess: PdfExcess) -> Self {
        Self::Excess(excess)
    }
}

/// The text of all pages, an empty line between them.
pub(super) fn text(file: &Arc<str>, bytes: Vec<u8>) -> Result<String, CorpusError> {
    text_within(file, bytes, PdfLimits::default())
}

pub(super) fn text_within(file: &Arc<str>, bytes: Vec<u8>, limits: PdfLimits) -> Result<String, CorpusError> {
    let fault = |reason: String| CorpusError::Pdf { file: file.clone(), reason };
    let (sender, receiver) = channel();
    let until = Instant::now() + MAX_TIME;
    let work = move || {
        let pages = std::panic::catch_unwind(|| pages(&bytes, &limits, until));
        let pages = pages.unwrap_or_else(|_| Err(Fault::Damaged("the file is damaged".into())));
        // The receiver is gone where the time was over.
        sender.send(pages).ok();
    };
    let spawned = std::thread::Builder::new().name("pdf".into()).stack_size(STACK).spawn(work);
    spawned.map_err(|e| fault(e.to_string()))?;
    let pages = match receiver.recv_timeout(MAX_TIME) {
        Ok(Ok(pages)) => pages,
        Ok(Err(Fault::Damaged(reason))) => return Err(fault(reason)),
        Ok(Err(Fault::Excess(what))) => return Err(CorpusError::PdfExcess { file: file.clone(), what }),
        Err(RecvTimeoutError::Timeout) => return Err(fault(format!("it takes more than {} s", MAX_TIME.as_secs()))),
        Err(RecvTimeoutError::Disconnected) => return Err(fault("the file is damaged".into())),
    };
    let mut out = String::new();
    for (i, page) in pages.iter().enumerate() {
        let letters = page.text.chars().filter(|c| c.is_alphabetic()).count();
        if page.pictures > 0 && letters < MIN_LETTERS * page.pictures.min(2) {
            return Err(CorpusError::Scanned { file: file.clone(), page: i + 1 });
        }
        let text = tidied(&page.text);
        if !out.is_empty() && !text.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(&text);
    }
    Ok(out)
}

fn pages(bytes: &[u8], limits: &PdfLimits, until: Instant) -> Result<Vec<Page>, Fault> {
    check_file(bytes, limits)?;
    let mut document = pdf_extract::Document::load_mem(bytes).map_err(|e| Fault::Damaged(e.to_string()))?;
    if document.is_encrypted() {
        document.decrypt("").map_err(|_| Fault::Damaged("it is encrypted".to_owned()))?;
    }
    check_document(&mut document, bytes.len(), limits)?;
    let numbers = document.get_pages();
    if numbers.len() > MAX_PAGES {
        return Err(Fault::Damaged(format!("it has more than {MAX_PAGES} pages")));
    }
    let mut out = Vec::new();
    let mut left = limits.text;
    for (number, id) in numbers {
        let mut text = PageText { text: String::new(), most: left, until };
        let drawn = pdf_extract::output_doc_page(&document, &mut pdf_extract::PlainTextOutput::new(&mut text), number);
        if text.text.len() > text.most {
            return Err(PdfExcess::Text { most: limits.text }.into());
        }
        drawn.map_err(|e| Fault::Damaged(format!("page {number}: {e}")))?;
        left -= text.text.len();
        let pictures = document.get_page_images(id).map_or(0, |pictures| pictures.len());
        out.push(Page { text: text.text, pictures });
    }
    Ok(out)
}

/// What a page writes, which ends with an error where it is too much or takes too long.
struct PageText {
    text: String,
    /// Bytes.
    most: usize,
    until: Instant,
}

impl std::fmt::Write for PageText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.text.len() > self.most || Instant::now() > self.until {
            return Err(std::fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

impl<'a> pdf_extract::ConvertToFmt for &'a mut PageText {
    type Writer = &'a mut PageText;

    fn convert(self) -> &'a mut PageText {
        self
    }
}

/// Lines without trailing spaces, and single empty lines between paragraphs.
fn tidied(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.trim().lines().map(str::trim_end) {
        if !(line.is_empty() && out.ends_with("\n\n")) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// A PDF with one page of the given content, with or without a picture.
    pub(in crate::corpus) fn document(content: &str, picture: bool) -> Vec<u8> {
        with_content(&stream("", content), picture)
    }

    /// As [`document`], with the content's stream packed.
    fn packed(content: &str) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content.as_bytes()).unwrap();
        let data = encoder.finish().unwrap();
        let mut stream = format!("<< /Filter /FlateDecode /Length {} >>\nstream\n", data.len()).into_bytes();
        stream.extend(data);
        stream.extend(b"\nendstream");
        with_content(&stream, false)
    }

    fn with_content(stream: &[u8], picture: bool) -> Vec<u8> {
        let resources = if picture { "/XObject << /I 6 0 R >>" } else { "" };
        file_of(&[
            "<< /Type /Catalog /Pages 2 0 R >>".into(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".into(),
            format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> {resources} >> >>").into(),
            stream.to_vec(),
            FONT.into(),
            "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\nstream\nx\nendstream".into(),
        ])
    }

    pub(in crate::corpus) const FONT: &str =
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";

    /// A stream of a file.
    pub(in crate::corpus) fn stream(dictionary: &str, content: &str) -> Vec<u8> {
        format!("<< {dictionary} /Length {} >>\nstream\n{content}\nendstream", content.len()).into()
    }

    /// A file of objects, which are numbered from 1; the first is the catalog.
    pub(in crate::corpus) fn file_of(objects: &[Vec<u8>]) -> Vec<u8> {
        let (mut out, mut offsets) = (b"%PDF-1.4\n".to_vec(), Vec::new());
        for (i, object) in objects.iter().enumerate() {
            offsets.push(out.len());
            out.extend(format!("{} 0 obj\n", i + 1).bytes());
            out.extend(object);
            out.extend(b"\nendobj\n");
        }
        let xref = out.len();
        out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
        for offset in offsets {
            out.extend(format!("{offset:010} 00000 n \n").bytes());
        }
        out.extend(
            format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n", objects.len() + 1).bytes(),
        );
        out
    }

    #[test]
    fn text_is_read_and_scans_are_named() {
        let file: Arc<str> = "a.pdf".into();
        let content = "BT /F 12 Tf 50 700 Td (The host of GIDAF is the ministry.) Tj ET";
        let found = text(&file, document(content, false)).unwrap();
        assert!(found.contains("The host of GIDAF is the ministry."), "{found}");
        assert!(text(&file, document(content, true)).is_ok(), "a picture with text beside it");
        let scan = text(&file, document("q 600 0 0 800 0 0 cm /I Do Q", true));
        assert!(matches!(scan, Err(CorpusError::Scanned { page: 1, .. })), "{scan:?}");
        assert_eq!(text(&file, document("", false)).unwrap(), "");
    }

    #[test]
    fn damaged_files_are_refused() {
        let file: Arc<str> = "a.pdf".into();
        let whole = document("BT /F 12 Tf (text) Tj ET", false);
        assert!(matches!(text(&file, b"%PDF-1.7 nothing".to_vec()), Err(CorpusError::Pdf { .. })));
        for length in (20..whole.len()).step_by(97) {
            match text(&file, whole[..length].to_vec()) {
                Ok(found) => assert!(["", "text"].contains(&found.as_str()), "{length}: {found:?}"),
                Err(CorpusError::Pdf { reason, .. }) => assert!(!reason.is_empty(), "{length}"),
                Err(other) => panic!("{length}: {other}"),
            }
        }
    }

    #[test]
    fn a_pdf_that_unpacks_to_too_much_is_refused() {
        let file: Arc<str> = "a.pdf".into();
        let limits = PdfLimits { small: 64 << 10, tokens: 2000, states: 100, ..PdfLimits::default() };
        let excess = |content: &str| match text_within(&file, packed(content), limits) {
            Err(CorpusError::PdfExcess { what, .. }) => Some(what),
            other => {
                assert!(other.is_ok(), "{other:?}");
                None
            }
        };
        assert_eq!(excess(&"q ".repeat(500)), Some(PdfExcess::States { most: 100 }));
        assert_eq!(excess(&"q Q ".repeat(500)), None);
        assert_eq!(excess(&"0 w ".repeat(1500)), Some(PdfExcess::Tokens { most: 2000 }));
        let bomb = packed(&"q ".repeat(5 << 20));
        assert!(bomb.len() < 20_000);
        let most = bomb.len() * 100;
        let refused = text(&file, bomb);
        assert!(matches!(refused, Err(CorpusError::PdfExcess { what: PdfExcess::Bytes { most: m }, .. }) if m == most));
        let words = "BT /F 12 Tf 50 700 Td (The host of GIDAF is the ministry.) Tj ET";
        assert!(text(&file, packed(words)).unwrap().contains("GIDAF"));
    }
}
