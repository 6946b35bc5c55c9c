//! PDF to text, page by page.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::error::CorpusError;

/// The library walks the file recursively, and loops on some damaged files: it gets a thread with a stack and a time of
/// its own. A thread that does not end is left behind.
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

/// The text of all pages, an empty line between them.
pub(super) fn text(file: &Arc<str>, bytes: Vec<u8>) -> Result<String, CorpusError> {
    let fault = |reason: String| CorpusError::Pdf { file: file.clone(), reason };
    let (sender, receiver) = channel();
    let work = move || {
        let pages = std::panic::catch_unwind(|| pages(&bytes)).unwrap_or_else(|_| Err("the file is damaged".into()));
        // The receiver is gone where the time was over.
        sender.send(pages).ok();
    };
    let spawned = std::thread::Builder::new().name("pdf".into()).stack_size(STACK).spawn(work);
    spawned.map_err(|e| fault(e.to_string()))?;
    let pages = match receiver.recv_timeout(MAX_TIME) {
        Ok(pages) => pages.map_err(fault)?,
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

fn pages(bytes: &[u8]) -> Result<Vec<Page>, String> {
    let mut document = pdf_extract::Document::load_mem(bytes).map_err(|e| e.to_string())?;
    if document.is_encrypted() {
        document.decrypt("").map_err(|_| "it is encrypted".to_owned())?;
    }
    let numbers = document.get_pages();
    if numbers.len() > MAX_PAGES {
        return Err(format!("it has more than {MAX_PAGES} pages"));
    }
    let mut out = Vec::new();
    for (number, id) in numbers {
        let mut text = String::new();
        let mut output = pdf_extract::PlainTextOutput::new(&mut text);
        pdf_extract::output_doc_page(&document, &mut output, number).map_err(|e| format!("page {number}: {e}"))?;
        let pictures = document.get_page_images(id).map_or(0, |pictures| pictures.len());
        out.push(Page { text, pictures });
    }
    Ok(out)
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
    use super::*;

    /// A PDF with one page of the given content, with or without a picture.
    pub(in crate::corpus) fn document(content: &str, picture: bool) -> Vec<u8> {
        let resources = if picture { "/XObject << /I 6 0 R >>" } else { "" };
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> {resources} >> >>"),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
            "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\nstream\nx\nendstream".to_owned(),
        ];
        let (mut out, mut offsets) = (b"%PDF-1.4\n".to_vec(), Vec::new());
        for (i, object) in objects.iter().enumerate() {
            offsets.push(out.len());
            out.extend(format!("{} 0 obj\n{object}\nendobj\n", i + 1).bytes());
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
            // An error or a text, but an end.
            let _ = text(&file, whole[..length].to_vec());
        }
    }
}
