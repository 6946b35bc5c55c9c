//! From the bytes of a file to its text: gzip and byte order marks are undone, other containers are named.

use std::borrow::Cow;
use std::io::Read;

use crate::store::utf8;

/// A longer line is a fault: 8 MiB are some two million tokens.
pub const MAX_LINE: usize = 8 << 20;

/// Bytes of a dataset's file, and of what a compressed one holds, at most: a small gzip file can hold a thousand times
/// its size.
pub(super) const MAX_BYTES: u64 = 1 << 30;

/// First bytes of formats that are not read, with their name and what converts them.
const FOREIGN: &[(&[u8], &str, &str)] = &[
    (b"PAR1", "a Parquet file", PANDAS_PARQUET),
    (
        b"ARROW1",
        "an Arrow file",
        "python -c 'import datasets; datasets.Dataset.from_file(\"IN\").to_json(\"OUT.jsonl\")'",
    ),
    (b"%PDF", "a PDF document", "pdftotext, and write its examples as JSONL"),
    (b"SQLite format 3\0", "an SQLite database", "sqlite3 -json IN 'select …' | jq -c '.[]' > OUT.jsonl"),
    (b"\x28\xb5\x2f\xfd", "Zstandard-compressed", "zstd -d IN -o OUT.jsonl"),
    (b"BZh", "bzip2-compressed", "bzip2 -dk IN"),
    (b"\xfd7zXZ\0", "xz-compressed", "xz -dk IN"),
    (b"\x04\x22\x4d\x18", "LZ4-compressed", "lz4 -d IN OUT.jsonl"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x IN"),
    (b"Rar!\x1a", "a RAR archive", "unrar x IN"),
    (b"\xd0\xcf\x11\xe0", "an Excel or Word document", "save it as CSV"),
    (b"\x93NUMPY", "a NumPy array", "write its examples as JSONL"),
    (b"\x89HDF", "an HDF5 file", "write its examples as JSONL"),
    (b"GGUF", "a GGUF model", "give the examples, not the model"),
    (b"\x80\x03", "a Python pickle", "write its examples as JSONL with json.dumps"),
    (b"\x80\x04", "a Python pickle", "write its examples as JSONL with json.dumps"),
    (b"\x80\x05", "a Python pickle", "write its examples as JSONL with json.dumps"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "git lfs pull"),
    (b"<!DOCTYPE", "an HTML page", "download the file itself"),
    (b"<!doctype", "an HTML page", "download the file itself"),
    (b"<html", "an HTML page", "download the file itself"),
    (b"<?xml", "an XML document", "write its examples as JSONL"),
];
const PANDAS_PARQUET: &str =
    "python -c 'import pandas; pandas.read_parquet(\"IN\").to_json(\"OUT.jsonl\", orient=\"records\", lines=True)'";

/// The file's text, in UTF-8 but for faults of single lines; or what the file is instead.
pub(super) fn text(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let bytes = match bytes.starts_with(b"\x1f\x8b") {
        true => gunzip(&bytes, MAX_BYTES)?,
        false => bytes,
    };
    if bytes.starts_with(b"\x1f\x8b") {
        return Err("is compressed with gzip twice: gunzip it once".into());
    }
    if let Some((name, remedy)) = foreign(&bytes) {
        return Err(format!("is {name}, which is not read; convert it: {remedy}"));
    }
    Ok(match decoded(&bytes)? {
        Cow::Borrowed(rest) if rest.len() == bytes.len() => bytes,
        other => other.into_owned(),
    })
}

/// The text of a file that is not compressed: a byte order mark is undone, and what is no text is named with its line.
pub fn decoded_text(bytes: Vec<u8>) -> Result<String, String> {
    let text = match decoded(&bytes)? {
        Cow::Borrowed(rest) if rest.len() == bytes.len() => bytes,
        other => other.into_owned(),
    };
    utf8(text)
}

fn gunzip(bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut out);
    read.map_err(|e| format!("is a damaged gzip file: {e}"))?;
    if out.len() as u64 > most {
        return Err(format!("holds more than {most} bytes uncompressed: divide it into several files"));
    }
    Ok(out)
}

fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        let head = &bytes[..bytes.len().min(4096)];
        let has = |part: &[u8]| head.windows(part.len()).any(|w| w == part);
        return Some(match () {
            () if has(b"xl/") => ("an Excel workbook", "save it as CSV"),
            () if has(b"word/") => ("a Word document", "write its examples as JSONL"),
            () if has(b"content.xml") || has(b"opendocument") => ("an OpenDocument file", "save it as CSV"),
            () => ("a ZIP archive", "unzip IN"),
        });
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", "tar -xf IN"));
    }
    FOREIGN.iter().find(|(magic, ..)| bytes.starts_with(magic)).map(|(_, name, remedy)| (*name, *remedy))
}

/// UTF-8, UTF-16 or UTF-32 by the byte order mark; without one UTF-8 is read, and the others are named.
fn decoded(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let units = |width: usize, big: bool| {
        move |chunk: &[u8]| -> u32 {
            let byte = |i: usize| u32::from(chunk[if big { i } else { width - 1 - i }]);
            (0..width).fold(0, |sum, i| sum << 8 | byte(i))
        }
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(Cow::Borrowed(rest)),
        // Before UTF-16: its mark begins with the one of UTF-16.
        [0xff, 0xfe, 0, 0, rest @ ..] => utf32(rest, units(4, false)),
        [0, 0, 0xfe, 0xff, rest @ ..] => utf32(rest, units(4, true)),
        [0xff, 0xfe, rest @ ..] => utf16(rest, units(2, false)),
        [0xfe, 0xff, rest @ ..] => utf16(rest, units(2, true)),
        _ => match unmarked(bytes) {
            Some(name) => Err(format!(
                "is {name} without a byte order mark, which is not read; convert it: iconv -f {name} -t UTF-8 IN > OUT"
            )),
            None => Ok(Cow::Borrowed(bytes)),
        },
    }
}

fn utf16(bytes: &[u8], unit: impl Fn(&[u8]) -> u32) -> Result<Cow<'_, [u8]>, String> {
    if !bytes.len().is_multiple_of(2) {
        return Err("is UTF-16 that ends within a character".into());
    }
    let units = bytes.chunks_exact(2).map(|chunk| unit(chunk) as u16);
    let mut text = String::with_capacity(bytes.len() / 2);
    for next in char::decode_utf16(units) {
        match next {
            Ok(c) => text.push(c),
            Err(e) => {
                let line = text.matches('\n').count() + 1;
                return Err(format!(
                    "is UTF-16 with half of a surrogate pair (0x{:04x}) in line {line}",
                    e.unpaired_surrogate()
                ));
            }
        }
    }
    Ok(Cow::Owned(text.into_bytes()))
}

fn utf32(bytes: &[u8], unit: impl Fn(&[u8]) -> u32) -> Result<Cow<'_, [u8]>, String> {
    if !bytes.len().is_multiple_of(4) {
        return Err("is UTF-32 that ends within a character".into());
    }
    let mut text = String::with_capacity(bytes.len() / 4);
    for chunk in bytes.chunks_exact(4) {
        let value = unit(chunk);
        let Some(c) = char::from_u32(value) else {
            let line = text.matches('\n').count() + 1;
            return Err(format!("is UTF-32 with 0x{value:08x} in line {line}, which is no character"));
        };
        text.push(c);
    }
    Ok(Cow::Owned(text.into_bytes()))
}

/// Every JSON text and CSV header begins with two ASCII characters, so the zeros tell the encoding.
fn unmarked(bytes: &[u8]) -> Option<&'static str> {
    let zeros: Vec<bool> = bytes.iter().take(4).map(|b| *b == 0).collect();
    match zeros.as_slice() {
        [false, true, true, true] => Some("UTF-32LE"),
        [true, true, true, false] => Some("UTF-32BE"),
        [false, true, false, true] => Some("UTF-16LE"),
        [true, false, true, false] => Some("UTF-16BE"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    #[test]
    fn encodings_are_read_by_their_mark() {
        let said = "{\"text\": \"é 😀\"}\r\n";
        let utf32 = |big: bool| {
            said.chars().flat_map(move |c| if big { (c as u32).to_be_bytes() } else { (c as u32).to_le_bytes() })
        };
        let marked = [
            said.as_bytes().to_vec(),
            format!("\u{feff}{said}").into_bytes(),
            utf16(&format!("\u{feff}{said}"), false),
            utf16(&format!("\u{feff}{said}"), true),
            [0xff, 0xfe, 0, 0].into_iter().chain(utf32(false)).collect(),
            [0, 0, 0xfe, 0xff].into_iter().chain(utf32(true)).collect(),
        ];
        for bytes in marked {
            assert_eq!(text(gz(&bytes)).unwrap(), said.as_bytes());
            assert_eq!(text(bytes).unwrap(), said.as_bytes());
        }
        let unmarked = [
            (utf16(said, false), "UTF-16LE"),
            (utf16(said, true), "UTF-16BE"),
            (utf32(false).collect(), "UTF-32LE"),
            (utf32(true).collect(), "UTF-32BE"),
        ];
        for (bytes, name) in unmarked {
            let e = text(bytes).unwrap_err();
            assert!(e.contains(&format!("iconv -f {name}")), "{e}");
        }
        for bytes in [&[0xff, 0xfe, b'a'][..], &[0xff, 0xfe, 0x3d, 0xd8], &[0xff, 0xfe, 0, 0, 0, 0, 0x11, 0]] {
            text(bytes.to_vec()).unwrap_err();
        }
    }

    #[test]
    fn other_containers_are_named_with_their_remedy() {
        let zip = |name: &str| format!("PK\x03\x04..................{name}").into_bytes();
        for (bytes, part) in [
            (zip("a.jsonl"), "unzip"),
            (zip("xl/workbook.xml"), "Excel"),
            (b"PAR1....".to_vec(), "read_parquet"),
            (b"%PDF-1.7".to_vec(), "PDF"),
            (b"\x28\xb5\x2f\xfd..".to_vec(), "zstd -d"),
            (gz(b"PAR1...."), "Parquet"),
            (gz(&gz(b"{}")), "twice"),
            (gz(b"{}")[..12].to_vec(), "damaged"),
        ] {
            let e = text(bytes).unwrap_err();
            assert!(e.contains(part), "{part}: {e}");
        }
    }

    #[test]
    fn a_small_file_that_grows_without_limit_is_refused() {
        let bomb = gz(&vec![b'x'; 1 << 20]);
        assert!(bomb.len() < 4096);
        assert!(gunzip(&bomb, 1 << 20).is_ok());
        assert!(gunzip(&bomb, (1 << 20) - 1).unwrap_err().contains("divide it"));
        // Several members, as `cat a.gz b.gz` writes them.
        assert_eq!(gunzip(&[gz(b"a\n"), gz(b"b\n")].concat(), 99).unwrap(), b"a\nb\n");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            let _ = text(bytes);
        }
    }
}
