//! What a file is: by its first bytes, then by its name, then by its text.

use super::json_records::is_json;
use super::layout::Format;

/// First bytes of formats that are not read.
const FOREIGN: &[(&[u8], Foreign)] = &[
    (b"\x1f\x8b", Foreign { what: "compressed with gzip", remedy: "gunzip it" }),
    (b"\x28\xb5\x2f\xfd", Foreign { what: "compressed with Zstandard", remedy: "zstd -d it" }),
    (b"BZh", Foreign { what: "compressed with bzip2", remedy: "bunzip2 it" }),
    (b"\xfd7zXZ\0", Foreign { what: "compressed with xz", remedy: "unxz it" }),
    (b"7z\xbc\xaf\x27\x1c", Foreign { what: "a 7z archive", remedy: "unpack it" }),
    (b"Rar!\x1a", Foreign { what: "a RAR archive", remedy: "unpack it" }),
    (
        b"\xd0\xcf\x11\xe0",
        Foreign { what: "a document of an old Office program", remedy: "save it as DOCX, XLSX or CSV" },
    ),
    (b"{\\rtf", Foreign { what: "an RTF document", remedy: "save it as DOCX" }),
    (b"PAR1", Foreign { what: "a Parquet file", remedy: "write its records as JSONL" }),
    (b"ARROW1", Foreign { what: "an Arrow file", remedy: "write its records as JSONL" }),
    (b"SQLite format 3\0", Foreign { what: "an SQLite database", remedy: "write its records as JSONL" }),
    (b"GGUF", Foreign { what: "a model", remedy: "name documents" }),
    (b"\x89PNG", Foreign { what: "a picture", remedy: "recognise its text (OCR)" }),
    (b"\xff\xd8\xff", Foreign { what: "a picture", remedy: "recognise its text (OCR)" }),
    (b"GIF8", Foreign { what: "a picture", remedy: "recognise its text (OCR)" }),
    (b"version https://git-lfs", Foreign { what: "a Git LFS pointer, not the file itself", remedy: "git lfs pull" }),
];
const ARCHIVE: Foreign = Foreign { what: "a ZIP archive", remedy: "unzip it" };
const OPEN_DOCUMENT: Foreign = Foreign { what: "an OpenDocument file", remedy: "save it as DOCX, XLSX or CSV" };
/// Endings of files in a folder that are no documents.
const CODE: &[&str] = &[
    "yaml", "yml", "toml", "xml", "ini", "cfg", "lock", "py", "rs", "js", "ts", "c", "h", "cpp", "java", "go", "sh",
    "css", "svg", "rb", "php", "sql", "ipynb", "tex", "bib", "log", "map",
];

/// A format that is not read, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) what: &'static str,
    pub(super) remedy: &'static str,
}

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Foreign(Foreign),
    Docx,
    Xlsx,
    Pdf,
    Text,
}

pub(super) fn container(bytes: &[u8]) -> Container {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        return match () {
            () if has(b"word/document.xml") => Container::Docx,
            () if has(b"xl/workbook.xml") => Container::Xlsx,
            () if has(b"opendocument") => Container::Foreign(OPEN_DOCUMENT),
            () => Container::Foreign(ARCHIVE),
        };
    }
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    if head.windows(5).any(|window| window == b"%PDF-") {
        return Container::Pdf;
    }
    let foreign = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic));
    foreign.map_or(Container::Text, |(_, foreign)| Container::Foreign(*foreign))
}

/// The ending of a file's name in lower case.
pub(super) fn ending(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_lowercase())
}

/// Whether a file in a folder is left out by its name.
pub(super) fn is_code(name: &str) -> bool {
    CODE.contains(&ending(name).as_str())
}

/// What a text is.
pub(super) fn of_text(name: &str, text: &str) -> Format {
    match ending(name).as_str() {
        "jsonl" | "ndjson" | "json" => Format::Json,
        "md" | "markdown" | "mdx" => Format::Markdown,
        "csv" | "tsv" | "tab" => Format::Csv,
        "html" | "htm" | "xhtml" => Format::Html,
        _ if is_html(text) => Format::Html,
        _ if is_json(text) => Format::Json,
        _ if is_markdown(text) => Format::Markdown,
        _ => Format::Text,
    }
}

fn is_html(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Whether a text has headings as Markdown writes them, and is no script with comments.
fn is_markdown(text: &str) -> bool {
    let (mut headings, mut hashes, mut lines) = (0, 0, 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        lines += 1;
        hashes += usize::from(line.starts_with('#'));
        let rest = line.trim_start_matches('#');
        headings += usize::from((1..=6).contains(&(line.len() - rest.len())) && rest.starts_with(' '));
    }
    headings > 0 && hashes * 10 <= lines * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_the_format_before_the_name() {
        assert_eq!(container(b"%PDF-1.7 \n"), Container::Pdf);
        assert_eq!(container(b"PK\x03\x04....word/document.xml"), Container::Docx);
        assert_eq!(container(b"PK\x03\x04....xl/workbook.xml"), Container::Xlsx);
        assert_eq!(container(b"PK\x03\x04....a.txt"), Container::Foreign(ARCHIVE));
        assert!(matches!(container(b"\x1f\x8b.."), Container::Foreign(f) if f.remedy == "gunzip it"));
        assert_eq!(container(b"text"), Container::Text);
    }

    #[test]
    fn texts_are_told_by_name_and_form() {
        for (name, text, format) in [
            ("a.jsonl", "", Format::Json),
            ("a/b.MD", "", Format::Markdown),
            ("x.tsv", "", Format::Csv),
            ("x", " <!DOCTYPE HTML><p>", Format::Html),
            ("x.txt", "{\"a\": 1}\n{\"a\": 2}", Format::Json),
            ("x.txt", "[note] this is text", Format::Text),
            ("x.txt", "# Title\n\nText of it.\nMore of it.\nAnd so on.", Format::Markdown),
            ("x.txt", "# comment\n# comment\nrun me\n", Format::Text),
            ("README", "words", Format::Text),
        ] {
            assert_eq!(of_text(name, text), format, "{name} {text}");
        }
    }
}
