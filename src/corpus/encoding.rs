//! The bytes of a file to its text: byte order marks, other encodings, damaged characters.

use std::sync::Arc;

use super::error::{CorpusError, Mojibake, line_of};
use super::layout::Note;
use super::mojibake;

/// One damaged character in so many is noted; more are refused.
const TOLERATED: usize = 10_000;
/// Times that a text may have been misread.
const MAX_LAYERS: usize = 3;

pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) notes: Vec<Note>,
}

/// A text file's text.
pub(super) fn decode(file: &Arc<str>, bytes: Vec<u8>, fix: bool) -> Result<Decoded, CorpusError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(CorpusError::Empty(file.clone()));
    }
    let mut notes = Vec::new();
    let text = utf8(file, bytes, &mut notes)?;
    if text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').is_empty() {
        return Err(CorpusError::Empty(file.clone()));
    }
    let text = undamaged(file, text, Repair { fix, notes: &mut notes })?;
    Ok(Decoded { text, notes })
}

fn utf8(file: &Arc<str>, bytes: Vec<u8>, notes: &mut Vec<Note>) -> Result<String, CorpusError> {
    let marked = |rest: &[u8], encoding: &'static encoding_rs::Encoding| {
        let (text, lost) = encoding.decode_without_bom_handling(rest);
        if lost { Err(CorpusError::Encoding(file.clone())) } else { Ok(text.into_owned()) }
    };
    match bytes.as_slice() {
        // UTF-32, which no text file has in practice, begins as UTF-16 does.
        [0xff, 0xfe, 0, 0, ..] => return Err(CorpusError::Encoding(file.clone())),
        [0xff, 0xfe, rest @ ..] => return marked(rest, encoding_rs::UTF_16LE),
        [0xfe, 0xff, rest @ ..] => return marked(rest, encoding_rs::UTF_16BE),
        _ => {}
    }
    if bytes.contains(&0) {
        return Err(CorpusError::Binary(file.clone()));
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => {
            let marked = text.starts_with('\u{feff}');
            return Ok(if marked { text.trim_start_matches('\u{feff}').to_owned() } else { text });
        }
        Err(e) => e.into_bytes(),
    };
    let control = bytes.iter().filter(|b| **b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)).count();
    if control * 100 > bytes.len() {
        return Err(CorpusError::Binary(file.clone()));
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(&bytes, true);
    let encoding = detector.guess(None, chardetng::Utf8Detection::Deny);
    let (text, lost) = encoding.decode_without_bom_handling(&bytes);
    if lost || implausible(&text) {
        return Err(CorpusError::Encoding(file.clone()));
    }
    notes.push(Note::Encoding { file: file.clone(), encoding: encoding.name() });
    Ok(text.into_owned())
}

/// Whether a text that was decoded by a guess is none: one-byte encodings accept every byte.
fn implausible(text: &str) -> bool {
    let wrong = text.chars().filter(|c| matches!(c, '\u{80}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}')).count();
    let other = text.chars().filter(|c| !c.is_ascii() && !c.is_alphanumeric()).count();
    let all = text.chars().count();
    wrong * 100 > all || other * 4 > all
}

struct Repair<'a> {
    fix: bool,
    notes: &'a mut Vec<Note>,
}

fn undamaged(file: &Arc<str>, mut text: String, repair: Repair<'_>) -> Result<String, CorpusError> {
    let few = |count: usize, text: &str| count.saturating_mul(TOLERATED) <= text.len();
    let mut damaged = 0;
    for layer in 0..=MAX_LAYERS {
        let Some(found) = mojibake::find(&text) else { break };
        if repair.fix && layer == MAX_LAYERS {
            return Err(still_misread(file, &text, found.at));
        }
        if !repair.fix {
            if !few(found.count, &text) {
                let line = line_of(&text, found.at);
                let codec = found.codec.into();
                let mojibake::Finding { wrong, right, count, .. } = found;
                return Err(CorpusError::Mojibake(Box::new(Mojibake {
                    file: file.clone(),
                    line,
                    wrong,
                    right,
                    codec,
                    count,
                })));
            }
            damaged = found.count;
            break;
        }
        text = mojibake::fix(&text, found.codec);
        repair.notes.push(Note::Undone { file: file.clone(), codec: found.codec, count: found.count });
    }
    if let (true, Some(at)) = (repair.fix, mojibake::left(&text)) {
        return Err(still_misread(file, &text, at));
    }
    let lost = text.matches('\u{fffd}').count();
    if lost > 0 && !few(lost, &text) {
        let line = line_of(&text, text.find('\u{fffd}').unwrap_or_default());
        return Err(CorpusError::Lost { file: file.clone(), line, count: lost });
    }
    if damaged + lost > 0 {
        repair.notes.push(Note::Damaged { file: file.clone(), count: damaged + lost });
    }
    Ok(text)
}

fn still_misread(file: &Arc<str>, text: &str, at: usize) -> CorpusError {
    let wrong = text.get(at..).unwrap_or_default().chars().take(4).collect();
    CorpusError::StillMisread { file: file.clone(), line: line_of(text, at), wrong }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], fix: bool) -> Result<Decoded, CorpusError> {
        decode(&"a.txt".into(), bytes.to_vec(), fix)
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    #[test]
    fn marks_are_obeyed() {
        let text = "L’été est là.\n";
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            utf16(&format!("\u{feff}{text}"), true),
            utf16(&format!("\u{feff}{text}"), false),
        ] {
            let read = read(&bytes, false).unwrap();
            assert_eq!((read.text.as_str(), read.notes), (text, vec![]));
        }
        assert!(matches!(read(&[0xff, 0xfe, 0x00, 0xd8], false), Err(CorpusError::Encoding(_))));
        let utf32: Vec<u8> = "\u{feff}été".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        assert!(matches!(read(&utf32, false), Err(CorpusError::Encoding(_))));
    }

    #[test]
    fn a_guess_is_noted() {
        let text = "Le responsable de l'hébergement a validé la procédure d'été, déjà prête à Noël.";
        let (latin, ..) = encoding_rs::WINDOWS_1252.encode(text);
        let read = read(&latin, false).unwrap();
        assert_eq!(read.text, text);
        assert_eq!(read.notes, [Note::Encoding { file: "a.txt".into(), encoding: "windows-1252" }]);
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert!(matches!(read(b"", false), Err(CorpusError::Empty(_))));
        assert!(matches!(read(b" \r\n\t", false), Err(CorpusError::Empty(_))));
        assert!(matches!(read(b"\xef\xbb\xbf\n", false), Err(CorpusError::Empty(_))));
        assert!(matches!(read(b"a\0b", false), Err(CorpusError::Binary(_))));
        assert!(matches!(read(&[0x80, 1, 2, 3, 4, 5, 0xff], false), Err(CorpusError::Binary(_))));
        let noise: Vec<u8> = (0..2000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect();
        assert!(matches!(read(&noise, false), Err(CorpusError::Encoding(_))));
    }

    #[test]
    fn mojibake_is_refused_with_its_pair_or_undone() {
        let text = "une ligne\nL’hébergement";
        for (encoding, codec) in [(encoding_rs::MACINTOSH, "MACINTOSH"), (encoding_rs::WINDOWS_1252, "WINDOWS-1252")] {
            let wrong = encoding.decode_without_bom_handling(text.as_bytes()).0.into_owned();
            let e = read(wrong.as_bytes(), false).err().unwrap().to_string();
            assert!(e.contains(codec) && e.contains("--fix-encoding") && e.contains("line 2"), "{e}");
            let fixed = read(wrong.as_bytes(), true).unwrap();
            assert_eq!(fixed.text, text);
            assert!(matches!(fixed.notes.as_slice(), [Note::Undone { count: 2, .. }]));
            let twice = encoding.decode_without_bom_handling(wrong.as_bytes()).0.into_owned();
            if encoding == encoding_rs::WINDOWS_1252 {
                assert_eq!(read(twice.as_bytes(), true).unwrap().text, text);
            }
        }
        let lost = read("h\u{fffd}bergement".as_bytes(), true);
        assert!(matches!(lost, Err(CorpusError::Lost { line: 1, count: 1, .. })));
        let few = format!("{}h\u{fffd}berge", "mot ".repeat(5000));
        assert_eq!(read(few.as_bytes(), false).unwrap().notes, [Note::Damaged { file: "a.txt".into(), count: 1 }]);
    }

    #[test]
    fn what_is_misread_after_all_repairs_is_refused() {
        assert_eq!(read("Ã\u{83}Â\u{89}vry".as_bytes(), true).unwrap().text, "Évry");
        let mixed = format!("{} Ã\u{83}Â\u{89}vry dÃ©jÃ\u{a0}", "mot ".repeat(20_000));
        assert!(read(mixed.as_bytes(), true).unwrap().text.ends_with("Évry déjà"));
        let mut wrong = "Évry".to_owned();
        for _ in 0..=MAX_LAYERS {
            wrong = wrong.bytes().map(char::from).collect();
        }
        // However long the rest is.
        let e = read(format!("{}{wrong}", "mot ".repeat(200_000)).as_bytes(), true).err().unwrap();
        assert!(matches!(e, CorpusError::StillMisread { line: 1, .. }), "{e}");
    }
}
