//! JSON with the place of every value: the grammar of RFC 8259, as `serde_json` accepts it.

use std::collections::HashSet;

use super::Span;

/// Lists and objects within each other, at most.
const MAX_DEPTH: usize = 128;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Of the token; of a string what is between its quotes.
    pub(super) span: Span,
    pub(super) kind: NodeKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum NodeKind {
    Null,
    Bool,
    Number,
    /// Whether it holds escapes.
    Text {
        escaped: bool,
    },
    List(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// A string's, number's or boolean's text; None of others.
    pub(super) fn scalar(&self, text: &str) -> Option<String> {
        let raw = text.get(self.span.start..self.span.end)?;
        match self.kind {
            NodeKind::Text { escaped: true } => unescaped(raw),
            NodeKind::Text { .. } | NodeKind::Bool | NodeKind::Number => Some(raw.to_owned()),
            NodeKind::Null | NodeKind::List(_) | NodeKind::Object(_) => None,
        }
    }

    pub(super) fn members(&self) -> &[Member] {
        match &self.kind {
            NodeKind::Object(members) => members,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.kind {
            NodeKind::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.members().iter().find(|m| m.key == key).map(|m| &m.value)
    }
}

/// What is wrong, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JsonFault {
    pub(super) at: usize,
    pub(super) what: JsonWhat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonWhat {
    #[error("a value is missing or misspelt")]
    Value,
    #[error("the text ends within a value")]
    End,
    #[error("a string holds a control character; write it as an escape")]
    Control,
    #[error("a string holds an escape that JSON does not have")]
    Escape,
    #[error("a number is misspelt")]
    Number,
    #[error("a comma or the closing bracket is missing")]
    Comma,
    #[error("a key in quotes is missing")]
    Key,
    #[error("the colon after a key is missing")]
    Colon,
    #[error("a key is given twice in one object: which of its values is meant is not known")]
    KeyTwice,
    #[error("lists and objects lie more than {MAX_DEPTH} deep")]
    Depth,
}

/// The value that begins at byte `from` or after white space there, and the byte after it; None where only white space
/// is left.
pub(super) fn next(text: &str, from: usize) -> Result<Option<(Node, usize)>, JsonFault> {
    let mut walker = Walker { text, at: from };
    walker.white();
    if walker.at >= text.len() {
        return Ok(None);
    }
    let node = walker.value(0)?;
    Ok(Some((node, walker.at)))
}

/// The escapes of what stands between the quotes undone.
pub(super) fn unescaped(raw: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{raw}\"")).ok()
}

/// Which byte between the quotes each byte of a string's text is written at.
#[derive(Debug)]
pub(super) struct Offsets {
    /// Where text and writing differ from then on: after each escape.
    after: Vec<Step>,
}

impl Offsets {
    /// Of what stands between the quotes, which is a valid string.
    pub(super) fn new(raw: &str) -> Self {
        let mut after = Vec::new();
        let mut sum = Step { raw: 0, decoded: 0 };
        while let Some(escape) = raw.get(sum.raw..).and_then(|rest| rest.find('\\')) {
            sum = Step { raw: sum.raw + escape, decoded: sum.decoded + escape };
            let Some(step) = escape_at(raw, sum.raw) else { break };
            sum = Step { raw: sum.raw + step.raw, decoded: sum.decoded + step.decoded };
            after.push(sum);
        }
        Self { after }
    }

    pub(super) fn raw(&self, decoded: usize) -> usize {
        let passed = self.after.partition_point(|step| step.decoded <= decoded);
        match passed.checked_sub(1).and_then(|i| self.after.get(i)) {
            Some(step) => step.raw + (decoded - step.decoded),
            None => decoded,
        }
    }
}

/// Bytes as written, and of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    raw: usize,
    decoded: usize,
}

/// The escape that begins at byte `at` of `raw`.
fn escape_at(raw: &str, at: usize) -> Option<Step> {
    let rest = raw.get(at..)?;
    if !rest.starts_with("\\u") {
        return Some(Step { raw: 2, decoded: 1 });
    }
    match rest.get(2..6).and_then(|hex| u32::from_str_radix(hex, 16).ok())? {
        0xd800..=0xdbff => Some(Step { raw: 12, decoded: 4 }),
        code => Some(Step { raw: 6, decoded: char::from_u32(code)?.len_utf8() }),
    }
}

struct Walker<'a> {
    text: &'a str,
    at: usize,
}

impl Walker<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fault<T>(&self, what: JsonWhat) -> Result<T, JsonFault> {
        let what = if self.at >= self.text.len() { JsonWhat::End } else { what };
        Err(JsonFault { at: self.at.min(self.text.len()), what })
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonFault> {
        let start = self.at;
        let token = |end: usize, kind| Node { span: Span { start, end }, kind };
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b't') => self.word("true").map(|end| token(end, NodeKind::Bool)),
            Some(b'f') => self.word("false").map(|end| token(end, NodeKind::Bool)),
            Some(b'n') => self.word("null").map(|end| token(end, NodeKind::Null)),
            Some(b'-' | b'0'..=b'9') => self.number().map(|end| token(end, NodeKind::Number)),
            _ => self.fault(JsonWhat::Value),
        }
    }

    fn word(&mut self, word: &str) -> Result<usize, JsonFault> {
        if !self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return self.fault(JsonWhat::Value);
        }
        self.at += word.len();
        Ok(self.at)
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.fault(JsonWhat::Number) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<usize, JsonFault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fault(JsonWhat::Number);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.at)
    }

    fn string(&mut self) -> Result<Node, JsonFault> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0..0x20) => return self.fault(JsonWhat::Control),
                Some(_) => self.at += 1,
                None => return self.fault(JsonWhat::End),
            }
        }
        let span = Span { start, end: self.at };
        self.at += 1;
        if escaped && self.text.get(span.start..span.end).and_then(unescaped).is_none() {
            return Err(JsonFault { at: start, what: JsonWhat::Escape });
        }
        Ok(Node { span, kind: NodeKind::Text { escaped } })
    }

    fn list(&mut self, depth: usize) -> Result<Node, JsonFault> {
        let start = self.enter(depth)?;
        let mut items = Vec::new();
        self.white();
        if self.peek() != Some(b']') {
            loop {
                self.white();
                items.push(self.value(depth + 1)?);
                if self.closes(b']')? {
                    break;
                }
            }
        }
        self.at += 1;
        Ok(Node { span: Span { start, end: self.at }, kind: NodeKind::List(items) })
    }

    fn object(&mut self, depth: usize) -> Result<Node, JsonFault> {
        let start = self.enter(depth)?;
        let mut members: Vec<Member> = Vec::new();
        let mut keys = HashSet::new();
        self.white();
        if self.peek() != Some(b'}') {
            loop {
                self.white();
                let member = self.member(depth)?;
                if !keys.insert(member.key.clone()) {
                    return Err(JsonFault { at: member.key_span.start, what: JsonWhat::KeyTwice });
                }
                members.push(member);
                if self.closes(b'}')? {
                    break;
                }
            }
        }
        self.at += 1;
        Ok(Node { span: Span { start, end: self.at }, kind: NodeKind::Object(members) })
    }

    fn member(&mut self, depth: usize) -> Result<Member, JsonFault> {
        if self.peek() != Some(b'"') {
            return self.fault(JsonWhat::Key);
        }
        let name = self.string()?;
        let key = name.scalar(self.text).unwrap_or_default();
        self.white();
        if self.peek() != Some(b':') {
            return self.fault(JsonWhat::Colon);
        }
        self.at += 1;
        self.white();
        Ok(Member { key, key_span: name.span, value: self.value(depth + 1)? })
    }

    fn enter(&mut self, depth: usize) -> Result<usize, JsonFault> {
        let start = self.at;
        if depth >= MAX_DEPTH - 1 {
            return self.fault(JsonWhat::Depth);
        }
        self.at += 1;
        Ok(start)
    }

    /// Whether the list or object ends here; a comma is passed.
    fn closes(&mut self, bracket: u8) -> Result<bool, JsonFault> {
        self.white();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(found) if found == bracket => Ok(true),
            _ => self.fault(JsonWhat::Comma),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn whole(text: &str) -> Result<Node, JsonFault> {
        let (node, end) = next(text, 0)?.ok_or(JsonFault { at: 0, what: JsonWhat::End })?;
        match next(text, end) {
            Ok(None) => Ok(node),
            _ => Err(JsonFault { at: end, what: JsonWhat::Value }),
        }
    }

    /// Whether a node is the value, every scalar through its span.
    fn same(node: &Node, value: &Value, text: &str) -> bool {
        let raw = &text[node.span.start..node.span.end];
        match (&node.kind, value) {
            (NodeKind::Null, Value::Null) => raw == "null",
            (NodeKind::Bool, Value::Bool(b)) => raw == b.to_string(),
            (NodeKind::Number, Value::Number(n)) => {
                serde_json::from_str::<Value>(raw).unwrap() == Value::Number(n.clone())
            }
            (NodeKind::Text { escaped }, Value::String(s)) => {
                unescaped(raw).as_ref() == Some(s)
                    && node.scalar(text).as_ref() == Some(s)
                    && *escaped == raw.contains('\\')
            }
            (NodeKind::List(items), Value::Array(values)) => {
                items.len() == values.len() && items.iter().zip(values).all(|(n, v)| same(n, v, text))
            }
            (NodeKind::Object(members), Value::Object(map)) => {
                members.len() == map.len()
                    && members.iter().all(|m| map.get(&m.key).is_some_and(|v| same(&m.value, v, text)))
            }
            _ => false,
        }
    }

    /// Both accept the text with the same values, or both refuse it. A number too large for 64 bits is none for us, and a key
    /// that is given twice is refused by us alone.
    fn agrees(text: &str) {
        match (whole(text), serde_json::from_str::<Value>(text)) {
            (Ok(node), Ok(value)) => assert!(same(&node, &value, text), "{text:?}"),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(e)) => assert!(e.to_string().contains("out of range"), "{text:?}: {e}"),
            (Err(JsonFault { what: JsonWhat::KeyTwice, .. }), Ok(_)) => {}
            (Err(e), Ok(_)) => panic!("{text:?}: {e:?}"),
        }
    }

    #[test]
    fn it_accepts_what_serde_json_accepts() {
        for text in [
            "1",
            "-0",
            "01",
            "1.",
            ".5",
            "1e5",
            "1e",
            "-",
            "1.5E-3",
            "true",
            "tru",
            "nul",
            "\"a\\u00e9\\n\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\x\"",
            "\"\t\"",
            "[]",
            "[1,]",
            "[1 2]",
            "{}",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":2}",
            "{a:1}",
            "{\"a\" 1}",
            "[",
            "\"",
            "{\"a\"",
            "",
            " ",
            "1 2",
            "\u{feff}1",
            "[[]",
            "\"\\",
            "\"\\u00",
        ] {
            agrees(text);
        }
        for depth in [126, 127, 128, 129, 5000] {
            agrees(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        }
    }

    #[test]
    fn a_key_that_is_given_twice_is_refused_where_it_stands() {
        let text = "{\"a\": {\"b\": 1, \"c\": 2, \"b\": 1}}";
        assert_eq!(whole(text), Err(JsonFault { at: text.rfind('b').unwrap(), what: JsonWhat::KeyTwice }));
        assert!(whole("{\"a\": {\"b\": 1}, \"b\": {\"b\": 2}}").is_ok());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\"\\\\/a\u{e9}\u{1f600}\u{0}-\u{1f}]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_are_those_of_serde_json(value in value(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            prop_assert!(same(&whole(&text).unwrap(), &value, &text));
        }

        #[test]
        fn any_text_is_accepted_or_refused_alike(text in "[\\[\\]{}\",:\\\\u0d8e 1.tfn-]{0,24}") {
            agrees(&text);
        }

        #[test]
        fn offsets_lead_back(text in "[\"\\\\a\u{e9}\u{1f600}\n\u{1}]{0,20}", ascii in any::<bool>()) {
            let mut raw = serde_json::to_string(&text).unwrap();
            if ascii {
                raw = raw.chars().map(|c| {
                    let mut units = [0; 2];
                    if c.is_ascii() { c.to_string() } else { c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}")).collect() }
                }).collect();
            }
            let raw = &raw[1..raw.len() - 1];
            let offsets = Offsets::new(raw);
            for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let cut = offsets.raw(at);
                prop_assert_eq!(unescaped(&raw[..cut]).unwrap(), &text[..at]);
                prop_assert_eq!(unescaped(&raw[cut..]).unwrap(), &text[at..]);
            }
        }
    }
}
