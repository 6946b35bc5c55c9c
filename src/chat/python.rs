//! What Jinja templates expect of Python: `json.dumps`, `strftime`, and how it prints `None` and `True`.

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, Output, State};

/// `tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)` of transformers'
/// `utils/chat_template_utils.py`: Python's separators, no HTML escapes.
pub(super) fn tojson(value: Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<Value> = options.get("indent")?;
    let indent =
        indent.and_then(|v| v.as_usize().map(|n| " ".repeat(n.min(16))).or_else(|| v.as_str().map(Into::into)));
    let separators: Option<Vec<String>> = options.get("separators")?;
    let (item, key) = match separators.as_deref() {
        Some([item, key]) => (item.clone(), key.clone()),
        Some(_) => return Err(Error::new(ErrorKind::InvalidOperation, "separators are two strings")),
        None => (if indent.is_some() { "," } else { ", " }.to_string(), ": ".to_string()),
    };
    let style = Style {
        ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sort: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        indent,
        item,
        key,
    };
    options.assert_all_used()?;
    let value = serde_json::to_value(&value)
        .map_err(|e| Error::new(ErrorKind::BadSerialization, "tojson can't write this value").with_source(e))?;
    let mut out = String::new();
    style.write(&value, 0, &mut out);
    Ok(out)
}

struct Style {
    ascii: bool,
    sort: bool,
    indent: Option<String>,
    item: String,
    key: String,
}

impl Style {
    fn write(&self, value: &serde_json::Value, depth: usize, out: &mut String) {
        use serde_json::Value as J;
        match value {
            J::Array(items) => {
                self.list(['[', ']'], depth, items.len(), out, |i, out| self.write(&items[i], depth + 1, out))
            }
            J::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                if self.sort {
                    entries.sort_by_key(|e| e.0);
                }
                self.list(['{', '}'], depth, entries.len(), out, |i, out| {
                    self.string(entries[i].0, out);
                    out.push_str(&self.key);
                    self.write(entries[i].1, depth + 1, out);
                });
            }
            J::String(text) => self.string(text, out),
            other => out.push_str(&other.to_string()),
        }
    }

    fn list(&self, brackets: [char; 2], depth: usize, n: usize, out: &mut String, each: impl Fn(usize, &mut String)) {
        let [open, close] = brackets;
        out.push(open);
        for i in 0..n {
            if i > 0 {
                out.push_str(&self.item);
            }
            self.newline(depth + 1, out);
            each(i, out);
        }
        if n > 0 {
            self.newline(depth, out);
        }
        out.push(close);
    }

    fn newline(&self, depth: usize, out: &mut String) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    }

    fn string(&self, text: &str, out: &mut String) {
        let quoted = serde_json::Value::from(text).to_string();
        for c in quoted.chars() {
            if self.ascii && (!c.is_ascii() || c == '\u{7f}') {
                let mut units = [0u16; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                out.push(c);
            }
        }
    }
}

/// Prints values as Python does: `None`, `True`, `False`; everything else as minijinja does.
pub(super) fn format(out: &mut Output, state: &State, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Ok(out.write_str("None")?);
    }
    match value.kind() {
        minijinja::value::ValueKind::Bool => Ok(out.write_str(if value.is_true() { "True" } else { "False" })?),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

/// `strftime` of one fixed day at noon.
pub(super) fn strftime(day: jiff::civil::Date, format: &str) -> Result<String, Error> {
    let noon = day.at(12, 0, 0, 0);
    jiff::fmt::strtime::format(format, noon)
        .map_err(|e| Error::new(ErrorKind::InvalidOperation, "strftime_now").with_source(e))
}

/// `x | length`, which in Jinja2 is 0 for what is undefined.
pub(super) fn length(value: &Value) -> Result<usize, Error> {
    if value.is_undefined() {
        return Ok(0);
    }
    value.len().ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("a {} has no length", value.kind())))
}
