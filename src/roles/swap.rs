//! One scalar of models.yaml rewritten in place: every other byte stays, or nothing is written.

use std::ops::Range;

use serde_yaml::Value;
use yaml_edit::{Mapping, YamlFile, YamlNode};

use super::fault::RolesError;
use super::name::same_model;
use crate::input::parse;

/// What comes in the place of the old scalar.
#[derive(Clone, Copy, Debug)]
pub enum NewScalar<'a> {
    /// A name, written in the old scalar's quotes.
    Name(&'a str),
    /// The very bytes (rollback puts back what stood there).
    Raw(&'a str),
}

/// A text with one scalar replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swapped {
    pub text: String,
    /// The bytes that stood there, quotes included.
    pub old_raw: String,
    pub new_raw: String,
}

/// Replaces `models.<role>.model_name`, which must be `from`, in `text`. Both texts are parsed and must differ in that one value alone.
pub fn swap(text: &str, role: &str, from: &str, to: NewScalar<'_>) -> Result<Swapped, RolesError> {
    let cannot = |reason: String| RolesError::CannotSplice { role: role.to_owned(), reason };
    let before = parse(text).map_err(|e| cannot(format!("the file is not YAML: {e}")))?;
    let found = before.get("models").and_then(|m| m.get(role)).and_then(|r| r.get("model_name"));
    let Some(found) = found.and_then(Value::as_str) else {
        return Err(cannot(
            "models.<role>.model_name does not stand there as text of its own (a merge key gives it?)".into(),
        ));
    };
    if !same_model(found, from) {
        return Err(RolesError::Changed { role: role.into(), expected: from.into(), found: found.into() });
    }
    let span = locate(text, role).map_err(cannot)?;
    let old_raw = &text[span.clone()];
    if parse(old_raw).ok().as_ref().and_then(Value::as_str) != Some(found) {
        return Err(cannot(format!("its bytes ({old_raw:?}) are not plainly {found:?}; write it on one line")));
    }
    let candidates = match to {
        NewScalar::Raw(raw) => vec![raw.to_owned()],
        NewScalar::Name(name) => in_the_style_of(old_raw, name),
    };
    for new_raw in candidates {
        let Some(name) = parse(&new_raw).ok().and_then(|v| v.as_str().map(str::to_owned)) else { continue };
        if matches!(to, NewScalar::Name(wanted) if wanted != name) {
            continue;
        }
        let spliced = format!("{}{new_raw}{}", &text[..span.start], &text[span.end..]);
        let Ok(after) = parse(&spliced) else { continue };
        if after == replaced(before.clone(), role, &name) {
            return Ok(Swapped { text: spliced, old_raw: old_raw.to_owned(), new_raw });
        }
        if after.get("models").and_then(|m| m.get(role)).and_then(|r| r.get("model_name")) == Some(&Value::String(name))
        {
            return Err(cannot("an alias elsewhere repeats it (an anchor stands on it or on its role), so more than one value would change".into()));
        }
    }
    Err(cannot("the new name can't be written in its place without changing anything else".into()))
}

/// The old scalar's own quotes first, then double quotes.
fn in_the_style_of(old: &str, name: &str) -> Vec<String> {
    let double = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let first = match old.chars().next() {
        Some('\'') => format!("'{}'", name.replace('\'', "''")),
        Some('"') => double.clone(),
        _ => name.to_owned(),
    };
    if first == double { vec![double] } else { vec![first, double] }
}

fn replaced(mut value: Value, role: &str, name: &str) -> Value {
    if let Some(slot) = value.get_mut("models").and_then(|m| m.get_mut(role)).and_then(|r| r.get_mut("model_name")) {
        *slot = Value::String(name.to_owned());
    }
    value
}

/// The bytes of the scalar, anchor, tag and comment left out.
fn locate(text: &str, role: &str) -> Result<Range<usize>, String> {
    let shift = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let (file, errors) = YamlFile::from_str_relaxed(&text[shift..]);
    if let Some(error) = errors.first() {
        return Err(format!("the file's form is not understood: {error}"));
    }
    let document = file.document().ok_or("the file holds no document")?;
    let top = document.as_mapping().ok_or("the file is no mapping")?;
    let models = mapping(&top, "models")?;
    let body = mapping(&models, role)?;
    match value_of(&body, "model_name")? {
        YamlNode::Scalar(scalar) if scalar.is_block() => {
            Err("it is a block scalar (`|` or `>`); write it on one line".into())
        }
        YamlNode::Scalar(scalar) => trimmed(text, shift, scalar.byte_range()),
        YamlNode::TaggedNode(node) => match node.value() {
            Some(scalar) => trimmed(text, shift, scalar.byte_range()),
            None => Err("it carries a tag; write the plain name".into()),
        },
        YamlNode::Alias(alias) => Err(format!("it is an alias (*{}); write the name itself there", alias.name())),
        _ => Err("it is no scalar".into()),
    }
}

fn trimmed(text: &str, shift: usize, span: yaml_edit::TextPosition) -> Result<Range<usize>, String> {
    let (start, end) = (span.start as usize + shift, span.end as usize + shift);
    let raw = text.get(start..end).ok_or("its place in the file is not clear")?;
    let lead = raw.len() - raw.trim_start().len();
    Ok(start + lead..start + lead + raw.trim().len())
}

fn mapping(of: &Mapping, key: &str) -> Result<Mapping, String> {
    match value_of(of, key)? {
        YamlNode::Mapping(map) => Ok(map),
        YamlNode::TaggedNode(node) => node.as_mapping().ok_or(format!("{key} is no mapping")),
        YamlNode::Alias(alias) => Err(format!("{key} is an alias (*{}); write the role out there", alias.name())),
        _ => Err(format!("{key} is no mapping")),
    }
}

fn value_of(of: &Mapping, key: &str) -> Result<YamlNode, String> {
    let mut found = of.find_all_entries_by_key(key);
    let entry = found.next().ok_or(format!("{key} does not stand there itself"))?;
    if found.next().is_some() {
        return Err(format!("{key} stands there twice"));
    }
    entry.value_node().ok_or(format!("{key} has no value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, String> {
        swap(text, "router", "x:v1", NewScalar::Name("x:v2")).map(|s| s.text).map_err(|e| e.to_string())
    }

    #[test]
    fn exactly_the_scalar_changes_in_every_style() {
        for text in [
            "models:\n  router:\n    model_name: x:v1\n",
            "# top\nmodels: # roles\n  router: # this one\n    base: x:v1   # same text, not ours\n    model_name: x:v1   # the one\n    system: |\n      model_name: x:v1\n  other:\n    model_name: x:v1\n",
            "models:\r\n  router:\r\n    model_name: 'x:v1'\r\n  other: {model_name: y}\r\n",
            "\u{feff}models: {router: {model_name: \"x:v1\", base: b}, other: {model_name: \"x:v1\"}}",
            "{\"models\": {\"router\": {\"model_name\": \"x:v1\"}}}\n",
            "models:\n  router:\n    model_name: &name \"x:v1\"\n",
            "models:\n  \"router\":\n    'model_name': !!str x:v1\n",
            "---\nmodels:\n  router: {model_name: x:v1,\n    base: q}\n...\n",
            "models:\n    router:\n        # before\n        model_name:\n          x:v1 # after\n        eval:\n        - suite: x\n",
        ] {
            let after = name(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(after.len(), text.len());
            let differs: Vec<usize> = (0..text.len()).filter(|i| text.as_bytes()[*i] != after.as_bytes()[*i]).collect();
            assert_eq!(differs.len(), 1, "{text}\n{after}");
            assert_eq!(
                swap(
                    &after,
                    "router",
                    "x:v2",
                    NewScalar::Raw(&swap(text, "router", "x:v1", NewScalar::Name("x:v2")).unwrap().old_raw)
                )
                .unwrap()
                .text,
                text
            );
        }
    }

    #[test]
    fn what_would_change_more_is_refused() {
        for (text, why) in [
            ("models:\n  router:\n    model_name: &n x:v1\n  other:\n    model_name: *n\n", "alias elsewhere"),
            ("models:\n  router: &r\n    model_name: x:v1\n  other: *r\n", "alias elsewhere"),
            ("n: &n x:v1\nmodels:\n  router:\n    model_name: *n\n", "is an alias (*n)"),
            ("r: &r {model_name: x:v1}\nmodels:\n  router: *r\n", "is an alias (*r)"),
            ("r: &r {model_name: x:v1}\nmodels:\n  router:\n    <<: *r\n", "merge key"),
            ("models:\n  router:\n    model_name: |-\n      x:v1\n", "block scalar"),
            ("models:\n  router:\n    model_name: x:v1\n    model_name: x:v1\n", "duplicate"),
            ("models:\n  router:\n    model_name: y:v1\n", "somebody changed it"),
            ("models: [router]\n", "does not stand there"),
        ] {
            let e = name(text).unwrap_err();
            assert!(e.contains(why), "{why} not in {e}");
        }
    }

    #[test]
    fn a_name_that_needs_quotes_gets_them() {
        let text = "models: {router: {model_name: x}}";
        let to = swap(text, "router", "x:latest", NewScalar::Name("123")).unwrap();
        assert_eq!(to.text, "models: {router: {model_name: \"123\"}}");
        assert_eq!(swap(&to.text, "router", "123", NewScalar::Raw(&to.old_raw)).unwrap().text, text);
    }

    proptest::proptest! {
        #[test]
        fn mutated_files_never_panic_and_never_change_more(at in 0usize..150, byte in "[\\PC\\n\\t]", cut in 0usize..3) {
            let mut text = "# c\nmodels:\n  router: # r\n    model_name: \"x:v1\" # one\n    options: {a: 1, b: [x, 'y']}\n  other:\n    model_name: z\n    system: |\n      hello\n".to_owned();
            let at = at.min(text.len());
            let end = (at + cut).min(text.len());
            text.replace_range(at..end, &byte);
            if let Ok(s) = swap(&text, "router", "x:v1", NewScalar::Name("x:v2")) {
                proptest::prop_assert_eq!(s.text.len() + s.old_raw.len(), text.len() + s.new_raw.len());
                proptest::prop_assert_eq!(s.new_raw, "\"x:v2\"");
            }
        }
    }
}
