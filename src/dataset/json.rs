//! JSON values of records. serde_json keeps the last of two equal keys silently; here each of them is reported.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Keys that are reported for one value, at most.
const MAX_REPORTED: usize = 20;
/// Characters of a stranger's text in a message, at most.
const MAX_SHOWN: usize = 60;

/// A value, and every key in it that is given twice (with its path).
#[derive(Debug, PartialEq)]
pub struct Parsed {
    pub value: Value,
    pub duplicates: Vec<String>,
}

/// Parses one whole text. The error speaks of a column only where the text has one line.
pub fn parse(text: &str) -> Result<Parsed, String> {
    let mut de = serde_json::Deserializer::from_str(text);
    let found = RefCell::new(Vec::new());
    let value = Node { trail: Trail::Root, found: &found }
        .deserialize(&mut de)
        .and_then(|value| de.end().map(|()| value))
        .map_err(|e| reason(&e, text))?;
    Ok(Parsed { value, duplicates: found.into_inner() })
}

/// Gives each element of one list, or each of several values that follow one another, to `each`; numbers start at 1.
pub(super) fn elements(text: &str, each: &mut dyn FnMut(usize, Parsed)) -> Result<(), String> {
    if text.trim_start().starts_with('[') {
        let mut de = serde_json::Deserializer::from_str(text);
        return Elements { each }.deserialize(&mut de).and_then(|()| de.end()).map_err(|e| reason(&e, text));
    }
    for (i, next) in serde_json::Deserializer::from_str(text).into_iter::<Owned>().enumerate() {
        each(i + 1, next.map_err(|e| reason(&e, text))?.0);
    }
    Ok(())
}

/// A text of somebody else's as it stands in a message: quoted, escaped, cut.
pub(super) fn shown(text: &str) -> String {
    match text.chars().count() > MAX_SHOWN {
        true => format!("{:?}…", text.chars().take(MAX_SHOWN).collect::<String>()),
        false => format!("{text:?}"),
    }
}

/// A key of somebody else's as it stands in a message: cut, and without control characters.
pub(super) fn plain(key: &str) -> String {
    key.chars()
        .take(MAX_SHOWN)
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_debug());
            let itself = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(itself)
        })
        .collect()
}

/// What serde_json says, in words that name the usual mistakes.
fn reason(e: &serde_json::Error, text: &str) -> String {
    let said = e.to_string();
    let said = match text.trim_end().contains('\n') {
        true => said,
        // "… at line 1 column 7" speaks of this line alone.
        false => said.replace(" at line 1 column", ", column"),
    };
    let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or_default();
    let at = line.get(e.column().saturating_sub(1)..).or_else(|| line.get(e.column()..)).unwrap_or_default();
    let hint = match () {
        () if ["NaN", "Infinity", "-Infinity", "nan", "inf"].iter().any(|word| at.starts_with(word)) => {
            "; JSON has no NaN and no Infinity, write null"
        }
        () if ["True", "False", "None", "'"].iter().any(|word| at.starts_with(word)) => {
            "; this is Python's notation, write it with json.dumps"
        }
        () if said.contains("hex escape") => {
            "; \\ud800 to \\udfff are halves of a surrogate pair and need the other half"
        }
        () if said.contains("trailing characters") && at.starts_with(',') => "; remove the comma after the object",
        () if said.contains("recursion limit") => "; at most 127 levels are read",
        () => "",
    };
    format!("is not JSON: {said}{hint}")
}

/// Where a value stands, as a list from the inside out.
#[derive(Clone, Copy)]
enum Trail<'t> {
    Root,
    Key(&'t Trail<'t>, &'t str),
    Index(&'t Trail<'t>, usize),
}

impl Trail<'_> {
    fn text(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Key(Self::Root, key) => plain(key),
            Self::Key(before, key) => format!("{}.{}", before.text(), plain(key)),
            Self::Index(before, index) => format!("{}[{index}]", before.text()),
        }
    }
}

struct Node<'a> {
    trail: Trail<'a>,
    found: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Value, D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) =
            seq.next_element_seed(Node { trail: Trail::Index(&self.trail, items.len()), found: self.found })?
        {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Node { trail: Trail::Key(&self.trail, &key), found: self.found })?;
            let mut found = self.found.borrow_mut();
            if object.contains_key(&key) && found.len() < MAX_REPORTED {
                let place = match self.trail.text() {
                    place if place.is_empty() => place,
                    place => format!("{place}: "),
                };
                found.push(format!("{place}the key {} is given twice", shown(&key)));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// One value of several that follow one another.
struct Owned(Parsed);

impl<'de> serde::Deserialize<'de> for Owned {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let found = RefCell::new(Vec::new());
        let value = Node { trail: Trail::Root, found: &found }.deserialize(de)?;
        Ok(Self(Parsed { value, duplicates: found.into_inner() }))
    }
}

struct Elements<'f> {
    each: &'f mut dyn FnMut(usize, Parsed),
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(Owned(parsed)) = seq.next_element()? {
            number += 1;
            (self.each)(number, parsed);
        }
        Ok(())
    }
}

/// A JSON value's kind, with its article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_given_twice_is_found_at_every_depth() {
        let parsed = parse(r#"{"a":1,"b":[{"c":{"d":1,"e":2,"d":3}}],"a":2}"#).unwrap();
        assert_eq!(parsed.duplicates, ["b[0].c: the key \"d\" is given twice", "the key \"a\" is given twice"]);
        assert_eq!(parse(r#"{"a":{"x":1},"b":{"x":1.5e3,"y":-1,"z":null,"t":true}}"#).unwrap().duplicates.len(), 0);
        let plain = r#"{"a":[1,-2,3.5,18446744073709551615,"x\u00e9",null,false,{}]}"#;
        assert_eq!(parse(plain).unwrap().value, serde_json::from_str::<Value>(plain).unwrap());
    }

    #[test]
    fn usual_mistakes_are_named() {
        for (text, part) in [
            (r#"{"a": NaN}"#, "write null"),
            (r#"{"a": -Infinity}"#, "write null"),
            (r#"{'a': 1}"#, "json.dumps"),
            (r#"{"a": True}"#, "json.dumps"),
            (r#"{"a": 1,}"#, "trailing comma"),
            (r#"{"a": "\ud800"}"#, "surrogate"),
            (r#"{"a": 1} {"b": 2}"#, "trailing characters"),
            (r#"{"a": 1},"#, "remove the comma"),
        ] {
            let e = parse(text).unwrap_err();
            assert!(e.contains(part) && e.contains("column") && !e.contains("line"), "{text}: {e}");
        }
        let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(parse(&deep).unwrap_err().contains("127 levels"));
        assert!(parse(&format!("{{\"{}\": 1 2}}", "é".repeat(9))).is_err());
    }

    #[test]
    fn elements_of_a_list_and_values_one_after_another() {
        for text in ["[\n{\"a\":1},\n{\"a\":1,\"a\":2}]", "{\n\"a\": 1\n}\n{\"a\":1,\n\"a\":2}\n"] {
            let mut seen = Vec::new();
            elements(text, &mut |n, p| seen.push((n, p.duplicates.len()))).unwrap();
            assert_eq!(seen, [(1, 0), (2, 1)], "{text}");
        }
        let mut seen = 0;
        let e = elements("[{\"a\":1},\n]", &mut |_, _| seen += 1).unwrap_err();
        assert!(seen == 1 && e.contains("trailing comma at line 2 column 1"), "{e}");
        assert!(elements("[1] [2]", &mut |_, _| ()).unwrap_err().contains("trailing characters"));
    }
}
