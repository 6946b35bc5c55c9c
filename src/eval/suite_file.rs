//! A suite in JSONL: one prompt a line; every fault is listed with its place.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::chat::{Message, Role};
use crate::dataset::{MAX_LINE, parse_json};
use crate::store::Digest;

use super::assertion::{ASSERTION_KEYS, Asserted, Assertion, AssertionKey, listed};
use super::case::Case;
use super::fault::{EvalError, Fault, SuitePlace};
use super::multiple_choice::{self, MOST_CHOICES};
use super::question_record::{UNITS, digests};
use super::suite::Suite;
use super::text::{Normaliser, fold};
use super::tools;

/// The keys of a line, in the order of the documents.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    let asserted = ASSERTION_KEYS.iter().map(|assertion| assertion.key);
    ["id", "prompt", "messages", "tools"].into_iter().chain(asserted).chain([
        "assert",
        "choices",
        "reference",
        "domain_terms",
        "category",
        "cluster",
        "must_pass",
        "normalise",
        "source",
        "fact",
        UNITS,
    ])
}

impl Suite {
    /// `name` is what the suite is called in results and errors.
    pub fn parse(text: &str, name: &str) -> Result<Self, EvalError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        of_entries(entries(text), name, Digest::of_bytes(text.as_bytes()))
    }

    /// As [`Self::parse`], where every line is given the same tools (a JSON list).
    pub(super) fn parse_with_tools(text: &str, tools: &str, name: &str) -> Result<Self, EvalError> {
        let value: Value = serde_json::from_str(tools).map_err(|e| EvalError::Suite {
            suite: name.to_owned(),
            faults: vec![Fault { place: SuitePlace::File, what: format!("the tools: {e}") }],
        })?;
        let entries = entries(text).map(|mut entry| {
            if let Some(map) = &mut entry.map {
                map.insert("tools".to_owned(), value.clone());
            }
            entry
        });
        of_entries(entries, name, Digest::of_bytes(format!("{tools}{text}").as_bytes()))
    }
}

fn entries(text: &str) -> impl Iterator<Item = Entry> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    lines.map(|(i, line)| {
        let (map, faults) = object(line);
        Entry { place: SuitePlace::Line(i + 1), default_id: format!("line-{}", i + 1), map, faults }
    })
}

/// What a suite file says of one prompt.
pub(super) struct Entry {
    pub place: SuitePlace,
    pub default_id: String,
    /// None where the file could not be read there.
    pub map: Option<Map<String, Value>>,
    pub faults: Vec<String>,
}

/// The suite of the entries; every fault of them at once.
pub(super) fn of_entries(entries: impl Iterator<Item = Entry>, name: &str, digest: Digest) -> Result<Suite, EvalError> {
    let mut cases: Vec<Case> = Vec::new();
    let mut faults = Vec::new();
    let mut seen: HashMap<(&str, String), SuitePlace> = HashMap::new();
    for entry in entries {
        let place = entry.place;
        let mut reader = Reader { faults: entry.faults };
        let case = entry.map.map(|map| Case { place: place.clone(), ..reader.case(&map, entry.default_id) });
        if let Some(case) = case.filter(|_| reader.faults.is_empty()) {
            let talk = case.messages.iter().map(|m| format!("{:?} {}", m.role, fold(&m.content)));
            let talk: Vec<_> = talk.chain(case.tools.iter().map(ToString::to_string)).collect();
            for (what, value) in [("id", case.id.clone()), ("prompt", talk.join("\n"))] {
                if let Some(first) = seen.insert((what, value), place.clone()) {
                    let first = first.to_string();
                    reader.fault(format!("the same {what} as {}; each counts once", first.trim_end_matches(": ")));
                }
            }
            cases.push(case);
        }
        faults.extend(reader.faults.into_iter().map(|what| Fault { place: place.clone(), what }));
    }
    if !faults.is_empty() {
        return Err(EvalError::Suite { suite: name.to_owned(), faults });
    }
    if cases.is_empty() {
        return Err(EvalError::Empty { suite: name.to_owned() });
    }
    Ok(Suite { name: name.to_owned(), cases, digest, labels_before_limit: None })
}

/// The object of a line, and what is wrong with the line.
pub(super) fn object(line: &str) -> (Option<Map<String, Value>>, Vec<String>) {
    if line.len() > MAX_LINE {
        let what =
            format!("has {} bytes, more than {MAX_LINE}: a prompt does not fit into a context by far", line.len());
        return (None, vec![what]);
    }
    let parsed = match parse_json(line) {
        Ok(parsed) => parsed,
        Err(e) => return (None, vec![e]),
    };
    match parsed.value {
        Value::Object(map) => (Some(map), parsed.duplicates),
        _ => (None, vec!["expected a JSON object, like {\"prompt\": \"…\", \"expected\": \"…\"}".to_owned()]),
    }
}

struct Reader {
    faults: Vec<String>,
}

impl Reader {
    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    fn case(&mut self, map: &Map<String, Value>, default_id: String) -> Case {
        for key in map.keys().filter(|key| keys().all(|known| known != *key)) {
            let keys: Vec<_> = keys().collect();
            self.fault(format!("{key:?} is an unknown key of a suite; the keys are {}", keys.join(", ")));
        }
        let normaliser = self.normaliser(map);
        // Where the answer stands: for people and for retrieval, not for scoring.
        ["source", "fact"].into_iter().for_each(|key| drop(self.text(map, key)));
        if let Err(what) = digests(&self.texts(map, UNITS)) {
            self.fault(format!("{UNITS:?}: {what}"));
        }
        let case = Case {
            place: SuitePlace::File,
            id: self.text(map, "id").unwrap_or(default_id),
            messages: self.messages(map),
            tools: self.tools(map),
            asserted: self.asserted(map, normaliser),
            assertions: self.assertions(map),
            choices: self.choices(map),
            reference: self.text(map, "reference"),
            domain_terms: self.texts(map, "domain_terms"),
            category: self.text(map, "category").unwrap_or_else(|| "uncategorised".into()),
            cluster: self.text(map, "cluster"),
            must_pass: self.flag(map, "must_pass"),
            normaliser,
        };
        self.check_calls(&case);
        multiple_choice::fault(&case).into_iter().for_each(|what| self.fault(what));
        if !case.asserts() && case.reference.is_none() && !map.contains_key("assert") {
            let keys: Vec<_> =
                ASSERTION_KEYS.iter().map(|assertion| assertion.key).chain(["assert", "reference"]).collect();
            self.fault(format!("nothing to judge an answer by: give {}", listed(&keys)));
        }
        case
    }

    fn asserted(&mut self, map: &Map<String, Value>, normaliser: Normaliser) -> Asserted {
        let mut asserted = Asserted::new();
        for AssertionKey { key, fault, .. } in ASSERTION_KEYS {
            let texts = self.texts(map, key);
            texts.iter().filter_map(|text| fault(text, normaliser)).for_each(|what| self.fault(what));
            if !texts.is_empty() {
                asserted.insert(key, texts);
            }
        }
        asserted
    }

    fn assertions(&mut self, map: &Map<String, Value>) -> Vec<Assertion> {
        let entries = match map.get("assert") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(entries)) if !entries.is_empty() => entries,
            Some(_) => {
                self.fault(
                    "\"assert\" must be a list of assertions, like [{\"type\": \"contains\", \"value\": \"…\"}]",
                );
                return Vec::new();
            }
        };
        let mut assertions = Vec::new();
        for entry in entries {
            match Assertion::read(entry) {
                Ok(assertion) => assertions.push(assertion),
                Err(faults) => faults.into_iter().for_each(|what| self.fault(what)),
            }
        }
        if self.faults.is_empty() && assertions.iter().all(|assertion| assertion.weight() == 0.0) {
            self.fault("every assertion of the line has weight 0, so none is demanded");
        }
        assertions
    }

    fn tools(&mut self, map: &Map<String, Value>) -> Vec<Value> {
        match map.get("tools").filter(|value| !value.is_null()).map(tools::read) {
            None => Vec::new(),
            Some(Ok(tools)) => tools,
            Some(Err(fault)) => {
                self.fault(fault);
                Vec::new()
            }
        }
    }

    /// What is said of calls can be met only with tools.
    fn check_calls(&mut self, case: &Case) {
        let names: Vec<_> = case.tools.iter().filter_map(tools::name).collect();
        for wanted in case.assertions.iter().filter_map(Assertion::tools) {
            if names.is_empty() {
                self.fault("tool-call: the line has no \"tools\" that could be called; give their descriptions");
                return;
            }
            for name in wanted.into_iter().filter(|name| !names.contains(name)) {
                self.fault(format!("tool-call: {name:?} is none of the line's tools, which are {}", names.join(", ")));
            }
        }
    }

    fn messages(&mut self, map: &Map<String, Value>) -> Vec<Message> {
        let messages = match (map.get("prompt"), map.get("messages")) {
            (Some(Value::String(prompt)), None) => vec![Message { role: Role::User, content: prompt.clone() }],
            (None, Some(value)) => match serde_json::from_value::<Vec<Message>>(value.clone()) {
                Ok(messages) => messages,
                Err(e) => {
                    self.fault(format!("\"messages\": {e}"));
                    return Vec::new();
                }
            },
            (Some(_), Some(_)) => {
                self.fault("\"prompt\" and \"messages\" are both there; keep one");
                return Vec::new();
            }
            (Some(_), None) => {
                self.fault("\"prompt\" must be a text");
                return Vec::new();
            }
            (None, None) => {
                self.fault("neither \"prompt\" nor \"messages\"");
                return Vec::new();
            }
        };
        match messages.last() {
            _ if messages.iter().any(|m| m.content.contains('\0')) => self.fault("the prompt holds a NUL character"),
            Some(m) if m.role == Role::User && !fold(&m.content).is_empty() => {}
            Some(m) if m.role == Role::User => self.fault("the prompt is empty"),
            _ => self.fault("the last message must be the user's: its answer is what is judged"),
        }
        messages
    }

    fn text(&mut self, map: &Map<String, Value>, key: &str) -> Option<String> {
        match map.get(key)? {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() => {
                self.fault(format!("{key:?} is empty"));
                None
            }
            Value::String(text) if text.contains('\0') => {
                self.fault(format!("{key:?} holds a NUL character"));
                None
            }
            Value::String(text) => Some(text.clone()),
            Value::Number(n) if key == "id" => Some(n.to_string()),
            _ => {
                self.fault(format!("{key:?} must be a text"));
                None
            }
        }
    }

    fn texts(&mut self, map: &Map<String, Value>, key: &str) -> Vec<String> {
        let Some(Value::Array(items)) = map.get(key) else { return self.text(map, key).into_iter().collect() };
        let texts: Vec<_> =
            items.iter().filter_map(Value::as_str).filter(|t| !t.trim().is_empty()).map(str::to_owned).collect();
        if texts.iter().any(|text| text.contains('\0')) {
            self.fault(format!("{key:?} holds a NUL character"));
        }
        if texts.len() != items.len() {
            self.fault(format!("{key:?} must be a list of texts, none empty"));
        }
        texts
    }

    fn choices(&mut self, map: &Map<String, Value>) -> Vec<String> {
        match map.get("choices") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) if !items.is_empty() => {
                let texts = self.texts(map, "choices");
                // What is left of a list with a fault is not judged again.
                if texts.len() == items.len() { texts } else { Vec::new() }
            }
            Some(_) => {
                self.fault(format!("\"choices\" must be a list of 2 to {MOST_CHOICES} texts"));
                Vec::new()
            }
        }
    }

    fn flag(&mut self, map: &Map<String, Value>, key: &str) -> bool {
        match map.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(on)) => *on,
            Some(_) => {
                self.fault(format!("{key:?} must be true or false"));
                false
            }
        }
    }

    fn normaliser(&mut self, map: &Map<String, Value>) -> Normaliser {
        match map.get("normalise") {
            None | Some(Value::Null) => Normaliser::default(),
            Some(value) => serde_json::from_value(value.clone()).unwrap_or_else(|_| {
                self.fault("\"normalise\" is one of strict, nfkc_casefold_ws, squad, label");
                Normaliser::default()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read() {
        let text = "\u{feff}{\"id\": 7, \"prompt\": \"Capital of France?\", \"keywords\": [\"paris\"], \"category\": \"geo\", \"must_pass\": true}\r\n\n\
                    {\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": \"u\"}], \"expected\": [\"x\", \"b\"], \"normalise\": \"squad\", \"cluster\": \"k\"}\n";
        let suite = Suite::parse(text, "s").unwrap();
        let [a, b] = suite.cases.as_slice() else { panic!() };
        assert_eq!(
            (a.id.as_str(), a.must_pass, a.category.as_str(), a.prompt()),
            ("7", true, "geo", "Capital of France?")
        );
        assert_eq!(
            (b.id.as_str(), b.asserted["expected"].len(), b.normaliser, b.prompt()),
            ("line-3", 2, Normaliser::Squad, "u")
        );
    }

    #[test]
    fn where_an_answer_stands_changes_no_case() {
        let line = |more: &str| format!("{{\"id\": \"a\", \"prompt\": \"Who?\", \"expected\": \"DSI\"{more}}}");
        let cases = |more: &str| Suite::parse(&line(more), "s").map(|suite| suite.cases).map_err(|e| e.to_string());
        assert_eq!(cases(", \"source\": \"apps.md\", \"fact\": \"sha256:00\""), cases(""));
        let units = format!(", \"units\": [\"{}\"]", Digest::of_bytes(b"a"));
        assert_eq!(cases(&units), cases(""));
        assert!(cases(", \"units\": [\"7\"]").unwrap_err().contains("\"units\": \"7\" is no SHA-256 digest"));
        assert!(cases(", \"source\": 3").unwrap_err().contains("\"source\" must be a text"));
    }

    #[test]
    fn tools_are_read_and_their_faults_named() {
        let line = |tools: &str, called: &str| {
            format!("{{\"prompt\": \"p\", \"tools\": {tools}, \"assert\": [{{\"type\": \"tool-call\"{called}}}]}}")
        };
        let tool = |name: &str| format!("{{\"type\": \"function\", \"function\": {{\"name\": \"{name}\"}}}}");
        let a = format!("[{}]", tool("a"));
        let suite = Suite::parse(&line(&a, ", \"value\": {\"name\": \"a\"}"), "s").unwrap();
        assert_eq!(suite.with_tools().unwrap().tools[0]["function"]["name"], "a");
        // Another list of tools is another question.
        let two = format!("[{}, {}]", tool("a"), tool("b"));
        assert_eq!(Suite::parse(&format!("{}\n{}", line(&a, ""), line(&two, "")), "s").unwrap().cases.len(), 2);
        let twice = format!("[{0}, {0}]", tool("a"));
        let schema = r#"[{"type": "function", "function": {"name": "a", "parameters": {"type": "objekt"}}}]"#;
        for (tools, called, wanted) in [
            (a.as_str(), ", \"value\": {\"name\": \"b\"}", "\"b\" is none of the line's tools, which are a"),
            ("null", "", "the line has no \"tools\""),
            ("[]", "", "\"tools\" must be a list of tools"),
            ("{}", "", "\"tools\" must be a list of tools"),
            ("[{\"name\": \"a\"}]", "", "tool 1: expected {\"type\": \"function\""),
            (&twice, "", "tool 2: \"a\" is described twice"),
            (schema, "", "tool 1: the JSON Schema of its parameters"),
        ] {
            let e = Suite::parse(&line(tools, called), "s").unwrap_err().to_string();
            assert!(e.contains("line 1: ") && e.contains(wanted), "{tools}: {e}");
        }
    }

    #[test]
    fn every_fault_has_its_line() {
        let text = "{\"prompt\": \"a\", \"expected\": \"x\"}\n{\"prompt\": \"A \", \"keyword\": \"x\"}\n[]\n{bad\n{\"prompt\": 3, \"expected\": [1]}\n\
                    {\"messages\": [{\"role\": \"assistant\", \"content\": \"u\"}], \"keywords\": [\"a||b\"], \"must_pass\": 1}\n{\"prompt\": \"A\", \"expected\": \"y\"}\n";
        let EvalError::Suite { faults, .. } = Suite::parse(text, "s").unwrap_err() else { panic!() };
        let lines: Vec<_> = faults.iter().map(|f| f.place.clone()).collect();
        assert_eq!(lines, [2, 2, 3, 4, 5, 5, 5, 6, 6, 6, 7].map(SuitePlace::Line), "{faults:#?}");
        assert!(faults[10].what.contains("the same prompt as line 1"));
        assert!(matches!(Suite::parse("\n", "s"), Err(EvalError::Empty { .. })));
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(at in 0usize..120, byte in "\\PC", cut in 0usize..4) {
            let mut text = "{\"id\": \"q\", \"prompt\": \"Capital?\", \"keywords\": [\"paris|lutèce\"], \"must_pass\": true, \"normalise\": \"label\"}".to_owned();
            let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
            let end = (at..=(at + cut).min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
            text.replace_range(at..end, &byte);
            let _ = Suite::parse(&text, "s");
        }
    }
}
