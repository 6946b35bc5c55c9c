//! Bytes to lines to records. A fault never hides another one.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::{DatasetError, Fault, Record, shape};
use crate::store::StoreError;

/// A line longer than this is a fault, and is not kept in memory: 8 MiB are some two million tokens.
const MAX_LINE: usize = 8 << 20;

/// Reads a whole file; one fault refuses all of it, and all faults are listed.
pub fn read(path: &Path) -> Result<Vec<Record>, DatasetError> {
    let file = File::open(path).map_err(|e| StoreError::new("open", path, e))?;
    let is_dir = file.metadata().map_err(|e| StoreError::new("read", path, e))?.is_dir();
    if is_dir {
        let error = std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a folder; a JSONL file is needed");
        return Err(StoreError::new("read", path, error).into());
    }
    records(BufReader::new(file)).map_err(|e| match e {
        Failure::Io(e) => StoreError::new("read", path, e).into(),
        Failure::Dataset(e) => e,
    })
}

/// Parses text as [`read`] does (for embedded data).
pub fn parse(text: &str) -> Result<Vec<Record>, DatasetError> {
    records(text.as_bytes()).map_err(|e| match e {
        Failure::Io(e) => StoreError::new("read", "the given text", e).into(),
        Failure::Dataset(e) => e,
    })
}

enum Failure {
    Io(std::io::Error),
    Dataset(DatasetError),
}

fn records(mut from: impl BufRead) -> Result<Vec<Record>, Failure> {
    let (mut records, mut faults) = (Vec::new(), Vec::new());
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let length = next_line(&mut from, &mut line).map_err(Failure::Io)?;
        if length == 0 {
            break;
        }
        number += 1;
        if length > MAX_LINE {
            faults.push(Fault {
                line: number,
                what: format!("has {length} bytes, more than {MAX_LINE}: divide the example"),
            });
            continue;
        }
        match one(number, &line) {
            Ok(None) => {}
            Ok(Some(record)) => records.push(record),
            Err(Stop { what, all }) => {
                faults.extend(what.into_iter().map(|what| Fault { line: number, what }));
                if all {
                    break;
                }
            }
        }
    }
    match (faults.is_empty(), records.is_empty()) {
        (false, _) => Err(Failure::Dataset(DatasetError::Faults(faults))),
        (true, true) => Err(Failure::Dataset(DatasetError::Empty)),
        (true, false) => Ok(records),
    }
}

/// Appends at most [`MAX_LINE`] + 1 bytes of the next line and skips the rest; the length it had, 0 at the end.
fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    from.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', line)?;
    let mut length = line.len();
    if length > MAX_LINE && line.last() != Some(&b'\n') {
        loop {
            let buffered = from.fill_buf()?;
            let (n, end) = match buffered.iter().position(|b| *b == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffered.len(), buffered.is_empty()),
            };
            from.consume(n);
            length += n;
            if end {
                break;
            }
        }
    }
    Ok(length)
}

/// Why a line gave no record; `all`: the file is of another kind, so its other lines say nothing.
struct Stop {
    what: Vec<String>,
    all: bool,
}

fn one(number: usize, bytes: &[u8]) -> Result<Option<Record>, Stop> {
    let fault = |what: String| Stop { what: vec![what], all: false };
    let other_kind = |what: &str| Stop { what: vec![what.into()], all: true };
    let mut bytes = bytes;
    if number == 1 {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(other_kind("the file is UTF-16: save it as UTF-8"));
        }
        bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    }
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err(fault(format!("holds a NUL byte at column {}", at + 1)));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| fault(format!("is not UTF-8 from column {} on", e.valid_up_to() + 1)))?
        .trim();
    if text.is_empty() {
        return Ok(None);
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| match text {
        "[" | "{" => {
            other_kind("JSON over several lines: JSONL has one whole object on each line (jq -c '.[]' makes it)")
        }
        // "… at line 1 column 7" speaks of this line alone.
        _ => fault(format!("is not JSON: {}", e.to_string().replace(" at line 1 column", ", column"))),
    })?;
    shape::record(number, value).map(Some).map_err(|what| Stop { what, all: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &[u8]) -> Vec<(usize, String)> {
        match records(text) {
            Err(Failure::Dataset(DatasetError::Faults(f))) => f.into_iter().map(|f| (f.line, f.what)).collect(),
            _ => panic!("must have faults"),
        }
    }

    #[test]
    fn bom_crlf_and_blank_lines_are_no_faults_and_lines_keep_their_number() {
        let text = "\u{feff}{\"text\":\"a\"}\r\n\r\n   \n{\"text\":\"b\"}";
        let lines: Vec<_> = parse(text).unwrap().iter().map(|r| r.line).collect();
        assert_eq!(lines, [1, 4]);
        assert!(matches!(parse("\n \r\n"), Err(DatasetError::Empty)));
    }

    #[test]
    fn every_fault_is_listed_with_its_line() {
        let mut text = b"{\"text\":\"ok\"}\n{\"text\"\n\xff{}\n{\"a\":1,\"b\":2}\n{\"text\":\"x\0\"}\n".to_vec();
        text.extend(vec![b'x'; MAX_LINE + 5]);
        text.extend(b"\n[1]\n{\"text\":\"\"}\n");
        let found = faults(&text);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8]);
        assert!(found[0].1.contains("column 7"), "{}", found[0].1);
        assert!(found[2].1.contains("a, b"), "{}", found[2].1);
        let shown =
            DatasetError::Faults(vec![Fault { line: 3, what: "x".into() }, Fault { line: 9, what: "y".into() }]);
        assert!(shown.to_string().contains("2 faults") && shown.to_string().ends_with("\n  line 3: x\n  line 9: y"));
    }

    #[test]
    fn another_kind_of_file_is_one_fault() {
        assert_eq!(faults(b"[\n {\"text\": \"a\"},\n {\"text\": \"b\"}\n]\n").len(), 1);
        assert!(faults(b"\xff\xfe{\0}\0")[0].1.contains("UTF-16"));
    }

    #[test]
    fn a_missing_file_and_a_folder_are_named() {
        let missing = read(Path::new("no/such.jsonl")).unwrap_err().to_string();
        assert!(missing.contains("no/such.jsonl"), "{missing}");
        assert!(read(Path::new(env!("CARGO_MANIFEST_DIR"))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let _ = records(bytes.as_slice());
        }

        #[test]
        fn no_mutation_of_a_good_line_panics(at in 0usize..200, with in proptest::prelude::any::<u8>()) {
            let mut line = br#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"category":"c","conversations":[{"from":"human","value":"x"}]}"#.to_vec();
            let at = at % line.len();
            line[at] = with;
            let _ = records(line.as_slice());
        }
    }
}
