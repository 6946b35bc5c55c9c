//! The parts of a DOCX or XLSX file, within limits.

use std::io::{Cursor, Read};
use std::sync::Arc;

use super::error::CorpusError;

/// Bytes of all parts together, at most.
const MAX_UNPACKED: u64 = 200 << 20;
/// How many times larger than the file they may be, at most.
const MAX_RATIO: u64 = 100;
/// Smaller contents may be packed as well as they are.
const SMALL: u64 = 1 << 20;
const MAX_PARTS: usize = 10_000;
/// An entity is declared at the start of a part.
const HEAD: usize = 4096;

pub(super) struct Archive<'a> {
    file: &'a Arc<str>,
    zip: zip::ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Archive<'a> {
    /// Opens an archive after every part was unpacked once within the limits; sizes that it states are not believed.
    pub(super) fn open(file: &'a Arc<str>, bytes: &'a [u8]) -> Result<Self, CorpusError> {
        let damaged = |reason: String| CorpusError::Archive { file: file.clone(), reason };
        let bomb = || CorpusError::ZipBomb { file: file.clone(), most: MAX_UNPACKED, ratio: MAX_RATIO };
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(e.to_string()))?;
        if zip.len() > MAX_PARTS {
            return Err(damaged(format!("it has more than {MAX_PARTS} parts")));
        }
        let most = MAX_UNPACKED.min((bytes.len() as u64).saturating_mul(MAX_RATIO).max(SMALL));
        let mut left = most;
        let mut buffer = vec![0; 64 << 10];
        for i in 0..zip.len() {
            let mut part = zip.by_index(i).map_err(|e| damaged(e.to_string()))?;
            let name = part.name().map_err(|e| damaged(e.to_string()))?.into_owned();
            let mut head: Vec<u8> = Vec::new();
            loop {
                let read = part.read(&mut buffer).map_err(|e| damaged(e.to_string()))?;
                if read == 0 {
                    break;
                }
                left = left.checked_sub(read as u64).ok_or_else(bomb)?;
                let room = HEAD.saturating_sub(head.len()).min(read);
                head.extend(buffer.get(..room).unwrap_or_default());
            }
            let has = |what: &[u8]| head.windows(what.len()).any(|window| window == what);
            if has(b"<!DOCTYPE") || has(b"<!ENTITY") {
                return Err(CorpusError::Entities { file: file.clone(), part: name });
            }
        }
        Ok(Self { file, zip })
    }

    /// The text of a part; None where there is none.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, CorpusError> {
        let damaged = |reason: String| CorpusError::Archive { file: self.file.clone(), reason };
        let part = match self.zip.by_name(name) {
            Ok(part) => part,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(damaged(e.to_string())),
        };
        let mut text = String::new();
        part.take(MAX_UNPACKED).read_to_string(&mut text).map_err(|e| damaged(format!("{name}: {e}")))?;
        Ok(Some(text))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// An archive of named parts.
    pub(in crate::corpus) fn packed(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in parts {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn bombs_and_entities_are_refused() {
        let file: Arc<str> = "a.docx".into();
        let open = |parts: &[(&str, &[u8])]| {
            let bytes = packed(parts);
            Archive::open(&file, &bytes).map(|mut archive| archive.text("a.xml"))
        };
        assert_eq!(open(&[("a.xml", b"<a/>")]).unwrap().unwrap().unwrap(), "<a/>");
        assert_eq!(open(&[("b.xml", b"<a/>")]).unwrap().unwrap(), None);
        let bomb = vec![b' '; 20 << 20];
        assert!(matches!(open(&[("a.xml", &bomb)]), Err(CorpusError::ZipBomb { .. })));
        let half = vec![b' '; 900 << 10];
        assert!(matches!(open(&[("a.xml", &half), ("b.xml", &half)]), Err(CorpusError::ZipBomb { .. })), "together");
        let entity = b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>";
        assert!(matches!(open(&[("a.xml", entity)]), Err(CorpusError::Entities { part, .. }) if part == "a.xml"));
        let mut cut = packed(&[("a.xml", b"<a/>")]);
        cut.truncate(cut.len() - 8);
        assert!(matches!(Archive::open(&file, &cut), Err(CorpusError::Archive { .. })));
    }
}
