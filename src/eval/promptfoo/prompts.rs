//! The prompts of a promptfoo configuration.

use serde_json::Value;

use super::files::{Files, other_scheme, path_of};
use super::filled::MOST_BYTES;

/// Ends of names that promptfoo takes for files.
const FILE_ENDINGS: &[&str] =
    &[".txt", ".md", ".json", ".jsonl", ".j2", ".csv", ".yaml", ".yml", ".js", ".ts", ".py", ".sh"];

/// The texts of `prompts`; several may stand in one file.
pub(super) fn prompts(value: Option<&Value>, files: &mut Files) -> Result<Vec<String>, String> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(item @ Value::String(_)) => std::slice::from_ref(item),
        _ => &[],
    };
    let mut texts = Vec::new();
    for item in items {
        // promptfoo's long form: {id, label, raw}.
        let text = item.as_str().or_else(|| item.get("raw").or_else(|| item.get("id"))?.as_str());
        let text = text.ok_or("a prompt must be a text, or an object with \"raw\" or \"id\"")?;
        match path_of(text) {
            Some(named) => texts.extend(of_file(named, files)?),
            None => texts.push(of_text(text)?),
        }
        // One large file may be named many times.
        if texts.iter().map(String::len).sum::<usize>() > MOST_BYTES {
            return Err(format!("the prompts of the file come to more than {MOST_BYTES} bytes"));
        }
    }
    if texts.is_empty() {
        return Err("\"prompts\" must be a text or a list of texts".to_owned());
    }
    Ok(texts)
}

fn of_text(text: &str) -> Result<String, String> {
    let shown: String = text.chars().take(80).collect();
    if let Some(scheme) = other_scheme(text) {
        return Err(format!(
            "the prompt {shown:?} is a reference ({scheme}), which is not read; write its text, or file://NAME"
        ));
    }
    let is_name = !text.trim().contains(char::is_whitespace);
    if is_name && FILE_ENDINGS.iter().any(|ending| text.trim().to_lowercase().ends_with(ending)) {
        return Err(format!("the prompt {shown:?} is the name of a file; write file://{} to read it", text.trim()));
    }
    Ok(text.to_owned())
}

/// A text file may hold several prompts, with lines of `---` between them.
fn of_file(named: &str, files: &mut Files) -> Result<Vec<String>, String> {
    let file = files.read(named).map_err(|what| format!("\"prompts\": {what}"))?;
    let texts: Vec<String> = match file.extension.as_str() {
        "txt" => {
            let lines: Vec<&str> = file.text.lines().collect();
            let parts = lines.split(|line| line.trim() == "---").map(|part| part.join("\n").trim().to_owned());
            parts.filter(|part| !part.is_empty()).collect()
        }
        "md" | "json" => vec![file.text.trim().to_owned()],
        _ => return Err(format!("\"prompts\": {named}: prompts are read from .txt, .md and .json")),
    };
    match texts.iter().all(String::is_empty) {
        true => Err(format!("\"prompts\": {named} is empty")),
        false => Ok(texts),
    }
}
