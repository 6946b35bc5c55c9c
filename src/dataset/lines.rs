//! Values to records. A fault never hides another one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::findings::Findings;
use super::json::Parsed;
use super::{
    Dataset, DatasetError, Fault, FaultList, Note, Record, RecordPlace, Shape, Unit, container, shape, values,
};
use crate::store::Digest;

/// Different unknown keys that are counted.
const MAX_KEYS: usize = 1000;

/// What is asked of a reading.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// The shape to take where a record has several.
    pub shape: Option<Shape>,
    /// Keep every record's own text too, as one line.
    pub keep_sources: bool,
}

/// Parses text as files are read (for embedded data).
pub fn parse(text: &str) -> Result<Vec<Record>, DatasetError> {
    let mut reader = Reader::new(ReadOptions::default());
    reader.file(None, "", text.as_bytes().to_vec());
    Ok(reader.finish(Digest::of_bytes(text.as_bytes()), None)?.records)
}

/// Collects the records of one file after another.
#[derive(Debug)]
pub(super) struct Reader {
    options: ReadOptions,
    file: Option<Arc<str>>,
    records: Vec<Record>,
    sources: Vec<String>,
    faults: FaultList,
    ignored: BTreeMap<String, usize>,
    untrained: usize,
    prompts: usize,
}

impl Reader {
    pub(super) fn new(options: ReadOptions) -> Self {
        Self {
            options,
            file: None,
            records: Vec::new(),
            sources: Vec::new(),
            faults: FaultList::default(),
            ignored: BTreeMap::new(),
            untrained: 0,
            prompts: 0,
        }
    }

    /// `label` stands before every place; `name` tells a table.
    pub(super) fn file(&mut self, label: Option<Arc<str>>, name: &str, bytes: Vec<u8>) {
        self.file = label;
        match container::text(bytes) {
            Ok(text) => self.text(name, &text),
            Err(what) => self.fault(Unit::File, 0, what),
        }
    }

    /// What was read; `single` names the only file.
    pub(super) fn finish(self, digest: Digest, single: Option<String>) -> Result<Dataset, DatasetError> {
        if !self.faults.is_empty() {
            return Err(DatasetError::Faults { file: single, faults: self.faults });
        }
        if self.records.is_empty() {
            return Err(if self.untrained > 0 { DatasetError::AllMasked } else { DatasetError::Empty });
        }
        let mut notes = Vec::new();
        if !self.ignored.is_empty() {
            notes.push(Note::Ignored(self.ignored.into_iter().collect()));
        }
        if self.untrained > 0 {
            notes.push(Note::Masked(self.untrained));
        }
        if self.prompts > 0 {
            notes.push(Note::PromptNotTrained(self.prompts));
        }
        Ok(Dataset { records: self.records, digest, notes, sources: self.sources })
    }

    fn text(&mut self, name: &str, text: &[u8]) {
        values::divide(name, text, <Shape as strum::VariantNames>::VARIANTS, &mut |found| match found.value {
            Ok(parsed) => self.record(found.unit, found.number, parsed, found.source),
            Err(what) => self.fault(found.unit, found.number, what),
        });
    }

    fn place(&self, unit: Unit, number: usize) -> RecordPlace {
        RecordPlace { file: self.file.clone(), unit, number }
    }

    fn fault(&mut self, unit: Unit, number: usize, what: String) {
        let place = self.place(unit, number);
        self.faults.push(Fault { place, what });
    }

    fn record(&mut self, unit: Unit, number: usize, parsed: Parsed, source: Option<&str>) {
        let mut findings = Findings { faults: parsed.duplicates, ..Findings::default() };
        let record = shape::record(self.place(unit, number), &parsed.value, self.options.shape, &mut findings);
        if !findings.faults.is_empty() {
            return findings.faults.into_iter().for_each(|what| self.fault(unit, number, what));
        }
        for key in findings.ignored {
            if self.ignored.len() < MAX_KEYS || self.ignored.contains_key(&key) {
                *self.ignored.entry(key).or_default() += 1;
            }
        }
        self.prompts += usize::from(findings.asks_for_prompt);
        match record {
            Some(record) => self.records.push(record),
            None => return self.untrained += 1,
        }
        if self.options.keep_sources {
            self.sources.push(source.map_or_else(|| parsed.value.to_string(), str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::container::MAX_LINE;

    fn read(name: &str, text: &[u8]) -> Result<Dataset, DatasetError> {
        let mut reader = Reader::new(ReadOptions::default());
        reader.file(None, name, text.to_vec());
        reader.finish(Digest::of_bytes(text), None)
    }

    fn faults(text: &[u8]) -> Vec<(usize, String)> {
        match read("", text) {
            Err(DatasetError::Faults { faults, .. }) => {
                faults.first().iter().map(|f| (f.place.number, f.what.clone())).collect()
            }
            other => panic!("must have faults: {other:?}"),
        }
    }

    #[test]
    fn bom_crlf_and_blank_lines_are_no_faults_and_lines_keep_their_number() {
        let text = "\u{feff}{\"text\":\"a\"}\r\n\r\n   \n{\"text\":\"b\"}";
        let lines: Vec<_> = parse(text).unwrap().iter().map(|r| r.place.number).collect();
        assert_eq!(lines, [1, 4]);
        assert!(matches!(parse("\n \r\n"), Err(DatasetError::Empty)));
    }

    #[test]
    fn every_fault_is_listed_with_its_line() {
        let mut text = b"{\"text\":\"ok\"}\n{\"text\"\n\xff{}\n{\"a\":1,\"b\":2}\n{\"text\":\"x\0\"}\n".to_vec();
        text.extend(vec![b'x'; MAX_LINE + 5]);
        text.extend(b"\n[1]\n{\"text\":\"\"}\n{\"text\":\"a\",\"text\":\"b\"}\n");
        let found = faults(&text);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(found[0].1.contains("column 7"), "{}", found[0].1);
        assert!(found[2].1.contains("a, b"), "{}", found[2].1);
        assert!(found[7].1.contains("the key \"text\" is given twice"), "{}", found[7].1);
    }

    #[test]
    fn a_thousand_faults_are_twenty_lines_and_a_number() {
        let text = "instruction;output\n".repeat(1000).replace("instruction", "x");
        let e = read("", text.as_bytes()).unwrap_err().to_string();
        assert!(e.contains("1000 faults") && e.ends_with("\n  and 980 more"), "{e}");
        assert_eq!(e.lines().count(), 22);
        let long = format!("{{\"messages\":[{{\"role\":\"{}\",\"content\":\"x\"}}]}}", "r".repeat(1 << 20));
        assert!(read("", long.as_bytes()).unwrap_err().to_string().len() < 500);
    }

    #[test]
    fn lists_and_values_over_several_lines_are_read() {
        let texts = [
            "[{\"text\":\"a\"},{\"text\":\"b\"}]",
            "\n[\r\n {\"text\":\"a\"},\r\n {\"text\":\"b\"}\r\n]\r\n",
            "{\n \"text\": \"a\"\n}\n{\n \"text\": \"b\"\n}",
        ];
        for text in texts {
            let found = read("a.json", text.as_bytes()).unwrap();
            let places: Vec<_> = found.records.iter().map(|r| r.place.to_string()).collect();
            assert_eq!(places, ["record 1", "record 2"], "{text}");
        }
        let found = faults(b"[{\"text\":\"a\"},{\"text\":5},\n{\"x\":1}");
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [2, 3, 0]);
        assert!(found[2].1.contains("line 2 column 7"), "{found:?}");
        assert!(faults(b"[\n\xff]")[0].1.contains("UTF-8"));
        let nested = faults(b"{\"data\":[{\"text\":\"a\"}]}\n");
        assert!(nested[0].1.contains("jq -c '.[\"data\"][]'"), "{nested:?}");
    }

    #[test]
    fn tables_are_read_by_row() {
        let found = read("x.csv", b"\xef\xbb\xbfinstruction,output\r\n\"do, it\",done\r\nb,c\r\n").unwrap();
        assert_eq!(found.records[1].place.to_string(), "row 3");
        let found = faults(b"prompt,completion\na,b\na\n,b\n");
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [3, 4]);
        // Messages in cells, as pandas and datasets write them.
        let text = "id,messages\n1,\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"u\"\"},{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"a\"\"}]\"\n";
        assert_eq!(read("x.csv", text.as_bytes()).unwrap().records.len(), 1);
    }

    #[test]
    fn unknown_keys_and_masked_records_are_noted_once() {
        let turns = r#"[{"role":"user","content":"u","train":true,"name":"x"},{"role":"assistant","content":"a"}]"#;
        let text = format!("{{\"id\":1,\"messages\":{turns}}}\n{{\"id\":2,\"messages\":{turns},\"weight\":0}}\n");
        let found = read("", text.as_bytes()).unwrap();
        assert_eq!(found.records.len(), 1);
        let said: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].contains("id (2)") && said[0].contains("messages[].name (2)"), "{said:?}");
        assert!(said[1].contains("1 record"), "{said:?}");
        assert!(said[2].contains("only answers"), "{said:?}");
        let text = format!("{{\"messages\":{turns},\"train\":false}}");
        assert!(matches!(read("", text.as_bytes()), Err(DatasetError::AllMasked)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            for name in ["a.csv", "a.json", ""] {
                let _ = read(name, &bytes);
            }
        }

        #[test]
        fn no_mutation_of_a_good_line_panics(at in 0usize..200, with in proptest::prelude::any::<u8>()) {
            let mut line = br#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"category":"c","conversations":[{"from":"human","value":"x"}]}"#.to_vec();
            let at = at % line.len();
            line[at] = with;
            let _ = read("", &line);
            let _ = read("a.json", &[b"[", &line[..], b",\n", &line[..], b"]"].concat());
        }
    }
}
