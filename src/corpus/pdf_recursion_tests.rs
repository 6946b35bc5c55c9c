//! PDFs that refer to themselves, which the library would follow until the stack is used up.

use std::sync::Arc;

use super::error::CorpusError;
use super::pdf::tests::{FONT, file_of, stream};
use super::pdf::{text, text_within};
use super::pdf_limits::{PdfExcess, PdfLimits};

const HELLO: &str = "BT /F 12 Tf 50 700 Td (The host of GIDAF is the ministry.) Tj ET";

/// A file with one page, which draws `content`; further objects are numbered from 6.
fn page(content: &str, resources: &str, further: &[Vec<u8>]) -> Vec<u8> {
    let page = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R /G 6 0 R >> {resources} >> >>"
    );
    let mut objects: Vec<Vec<u8>> = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".into(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".into(),
        page.into(),
        stream("", content),
        FONT.into(),
    ];
    objects.extend_from_slice(further);
    file_of(&objects)
}

/// A form that draws `content`, where `X` is the object `next`.
fn form(next: usize, content: &str) -> Vec<u8> {
    let resources = format!("/Font << /F 5 0 R >> /XObject << /X {next} 0 R >>");
    stream(&format!("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << {resources} >>"), content)
}

fn read(bytes: Vec<u8>) -> Result<String, CorpusError> {
    text(&"a.pdf".into(), bytes)
}

#[track_caller]
fn refused(bytes: Vec<u8>) -> PdfExcess {
    match read(bytes) {
        Err(CorpusError::PdfExcess { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn forms_that_draw_themselves_are_refused() {
    let named = "/XObject << /X 6 0 R >>";
    assert_eq!(refused(page("/X Do", named, &[form(6, "/X Do")])), PdfExcess::Loop, "itself");
    assert_eq!(refused(page("/X Do", named, &[form(7, "/X Do"), form(6, "q /X Do Q")])), PdfExcess::Loop, "another");
    let bare = stream("/Subtype /Form", "/X Do");
    assert_eq!(refused(page("/X Do", named, &[bare])), PdfExcess::Loop, "with the resources of the page");
    let error = read(page("/X Do", named, &[form(6, "/X Do")])).unwrap_err().to_string();
    assert!(error.starts_with("a.pdf: the PDF has a form that draws itself\nhint: "), "{error}");
}

#[test]
fn forms_are_drawn_as_deep_as_the_limit() {
    let chain = |length: usize| {
        let mut forms: Vec<Vec<u8>> = (0..length - 1).map(|i| form(i + 7, "/X Do")).collect();
        forms.push(form(6, HELLO));
        page("/X Do", "/XObject << /X 6 0 R >>", &forms)
    };
    let most = PdfLimits::default().forms;
    assert!(read(chain(most)).unwrap().contains("GIDAF"));
    assert_eq!(refused(chain(most + 1)), PdfExcess::Forms { most });
    assert_eq!(refused(chain(5000)), PdfExcess::Forms { most });
    // The end of the chain is looked at first, at a depth at which it is allowed.
    let mut forms: Vec<Vec<u8>> = (0..most).map(|i| form(i + 7, "/X Do")).collect();
    forms.push(form(6, HELLO));
    let late = format!("/A Do /X Do {HELLO}");
    let bytes = page(&late, &format!("/XObject << /A {} 0 R /X 6 0 R >>", 6 + most / 2), &forms);
    assert_eq!(refused(bytes), PdfExcess::Forms { most });
}

#[test]
fn forms_that_multiply_are_refused() {
    let mut forms: Vec<Vec<u8>> = (0..40).map(|i| form(i + 7, "/X Do /X Do")).collect();
    forms.push(form(6, HELLO));
    assert!(matches!(refused(page("/X Do", "/XObject << /X 6 0 R >>", &forms)), PdfExcess::Tokens { .. }));
    // Pages that share a content count as often as they draw it.
    let limits = PdfLimits { drawn: 2000, ..PdfLimits::default() };
    let many = |count: usize| {
        let kids = "3 0 R ".repeat(count);
        let mut objects: Vec<Vec<u8>> = vec![
            "<< /Type /Catalog /Pages 2 0 R >>".into(),
            format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>").into(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 6 8] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>"
                .into(),
            stream("", HELLO),
            FONT.into(),
        ];
        objects.resize(count + 5, "null".into());
        text_within(&Arc::from("a.pdf"), file_of(&objects), limits)
    };
    assert_eq!(many(20).unwrap().matches("GIDAF").count(), 20);
    assert!(matches!(many(40), Err(CorpusError::PdfExcess { what: PdfExcess::Drawn { most: 2000 }, .. })));
}

#[test]
fn a_form_may_be_drawn_many_times() {
    let forms = [form(7, "/X Do /X Do"), form(6, HELLO)];
    let text = read(page("/X Do /X Do", "/XObject << /X 6 0 R >>", &forms)).unwrap();
    assert_eq!(text.matches("GIDAF").count(), 4, "{text}");
}

#[test]
fn a_loop_of_pages_is_refused() {
    let looped = |parent: &str, size: &str| {
        file_of(&[
            "<< /Type /Catalog /Pages 2 0 R >>".into(),
            format!("<< /Type /Pages /Kids [3 0 R] /Count 1 {parent} >>").into(),
            format!("<< /Type /Page /Parent 2 0 R {size} /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>")
                .into(),
            stream("", HELLO),
            FONT.into(),
        ])
    };
    assert!(matches!(refused(looped("/Parent 2 0 R", "")), PdfExcess::Parents { .. }));
    assert!(matches!(refused(looped("/Parent 3 0 R", "")), PdfExcess::Parents { .. }));
    assert!(read(looped("/Parent 2 0 R", "/MediaBox [0 0 6 8]")).unwrap().contains("GIDAF"), "nothing is missing");
    let kids = file_of(&[
        "<< /Type /Catalog /Pages 2 0 R >>".into(),
        "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1 >>".into(),
    ]);
    assert_eq!(read(kids).unwrap(), "");
}

#[test]
fn chains_of_lengths_are_refused() {
    let mut objects =
        vec![b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(), b"<< /Type /Pages /Kids [] /Count 0 >>".to_vec()];
    objects.extend((4..50_000).map(|next| format!("<< /Length {next} 0 R >>\nstream\nx\nendstream").into_bytes()));
    assert!(matches!(refused(file_of(&objects)), PdfExcess::Lengths { .. }));
}

/// A file with a stream of objects whose length is one of these.
#[test]
fn a_stream_of_objects_that_holds_its_own_length_is_refused() {
    let mut out = b"%PDF-1.5\n".to_vec();
    let container = out.len();
    out.extend(b"1 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Length 2 0 R >>\nstream\n2 0 6\nendstream\nendobj\n");
    let (table, mut entries) = (out.len(), vec![0, 0, 0, 0]);
    entries.extend([1, 0, u8::try_from(container).unwrap(), 0]);
    entries.extend([2, 0, 1, 0]);
    let head = format!("3 0 obj\n<< /Type /XRef /Size 3 /W [1 2 1] /Root 2 0 R /Length {} >>\nstream\n", entries.len());
    out.extend(head.bytes());
    out.extend(entries);
    out.extend(format!("\nendstream\nendobj\nstartxref\n{table}\n%%EOF\n").bytes());
    assert_eq!(refused(out), PdfExcess::ObjectsLength);
}

#[test]
fn tables_of_characters_are_bounded() {
    let with_text = |table: &str, shown: &str| {
        let font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 7 0 R >>";
        let content = format!("BT /G 12 Tf 50 700 Td ({shown}) Tj ET");
        page(&content, "", &[font.into(), stream("", table)])
    };
    let with = |table: &str| with_text(table, "GIDAF");
    let ranges = |range: &str| with(&format!("1 beginbfrange\n{range}\nendbfrange\n"));
    let most = PdfLimits::default().characters;
    assert_eq!(refused(ranges("<00000000> <ffffffff> <0041>")), PdfExcess::Characters { most });
    assert!(read(ranges("<00> <ff> <0000>")).unwrap().contains("GIDAF"));
    let most = PdfLimits::default().nesting;
    assert_eq!(refused(with(&"[".repeat(100_000))), PdfExcess::Nesting { most });
    // The deepest that is let through neither uses up the stack nor is read.
    assert!(matches!(read(with(&"[".repeat(most))), Err(CorpusError::Pdf { .. })));
    assert!(matches!(read(with(&"(".repeat(most))), Err(CorpusError::Pdf { .. })));
    assert!(matches!(read(with(&"<<".repeat(most / 2))), Err(CorpusError::Pdf { .. })));
    // A character that means a long text.
    let long = format!("1 beginbfchar\n<41> <{}>\nendbfchar\n", "0041".repeat(50_000));
    let limits = PdfLimits { text: 1 << 20, ..PdfLimits::default() };
    let found = text_within(&Arc::from("a.pdf"), with_text(&long, &"A".repeat(100)), limits);
    assert!(matches!(found, Err(CorpusError::PdfExcess { what: PdfExcess::Text { .. }, .. })), "{found:?}");
}

#[test]
fn a_stack_of_lists_in_a_content_ends() {
    let content = format!("{} {HELLO}", "[".repeat(50_000));
    assert!(matches!(read(page(&content, "", &[])), Err(CorpusError::Pdf { .. })));
    let content = format!("{} {HELLO}", "(".repeat(50_000));
    assert_eq!(read(page(&content, "", &[])).unwrap(), "");
}
