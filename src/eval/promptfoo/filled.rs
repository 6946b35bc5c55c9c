//! `{{variable}}` filled in. What could go on for ever or read the environment is refused: statements, and functions and filters
//! with arguments (`range(end=…)`, `get_env(name=…)`).

use serde_json::Value;

use super::files::{Files, path_of};

/// Bytes that the prompts and assertions of one file may come to.
pub(super) const MOST_BYTES: usize = 256 << 20;

pub(super) fn filled(text: &str, variables: &tera::Context) -> Result<String, String> {
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    if text.contains("{%") || text.contains("{#") {
        return Err("only {{variable}} is filled in; statements ({% … %}) and comments are not supported".to_owned());
    }
    let inside =
        |part: &&str| part.split("}}").next().is_some_and(|inside| inside.contains(['(', '~', '"', '\'', '`']));
    if text.split("{{").skip(1).any(|part| inside(&part)) {
        return Err(
            "only {{variable}} and filters without arguments ({{variable | upper}}) are filled in; functions, arguments, texts and `~` are not supported"
                .to_owned(),
        );
    }
    tera::Tera::one_off(text, variables, false).map_err(|e| {
        let cause = std::error::Error::source(&e).map(|cause| format!(": {cause}")).unwrap_or_default();
        let shown: String = text.chars().take(80).collect();
        format!("{{{{variable}}}} in {shown:?} can't be filled in{cause}")
    })
}

/// In every text of the value.
pub(super) fn fill_texts(value: &mut Value, variables: &tera::Context) -> Result<(), String> {
    match value {
        Value::String(text) => *text = filled(text, variables)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill_texts(item, variables))?,
        Value::Object(map) => map.values_mut().try_for_each(|item| fill_texts(item, variables))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// In every text of the value, which may also name a file.
pub(super) fn fill(value: &mut Value, variables: &tera::Context, files: &mut Files) -> Result<(), String> {
    match value {
        Value::String(text) => match path_of(text) {
            Some(named) => *value = files.value(named, true)?,
            None => *text = filled(text, variables)?,
        },
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, variables, files))?,
        Value::Object(map) => map.values_mut().try_for_each(|item| fill(item, variables, files))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}
