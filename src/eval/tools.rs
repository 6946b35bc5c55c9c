//! The tools of a suite's line, as Ollama and OpenAI describe them: `{"type": "function", "function": {"name": …}}`.

use serde_json::Value;

/// Tools of a line, at most.
const MOST_TOOLS: usize = 128;

/// Checks a list of tools; the first fault is named.
pub(super) fn read(value: &Value) -> Result<Vec<Value>, String> {
    let Some(tools) = value.as_array().filter(|tools| (1..=MOST_TOOLS).contains(&tools.len())) else {
        return Err(format!("\"tools\" must be a list of tools, from 1 to {MOST_TOOLS}"));
    };
    for (i, tool) in tools.iter().enumerate() {
        let fault = |what: String| Err(format!("tool {}: {what}", i + 1));
        let is_function = tool.get("type").and_then(Value::as_str) == Some("function");
        let Some(name) = name(tool).filter(|_| is_function) else {
            return fault(
                "expected {\"type\": \"function\", \"function\": {\"name\": \"…\", \"description\": \"…\", \"parameters\": {…}}}".to_owned(),
            );
        };
        if tools[..i].iter().any(|other| self::name(other) == Some(name)) {
            return fault(format!("{name:?} is described twice"));
        }
        let parameters = tool.pointer("/function/parameters").filter(|schema| !schema.is_null());
        if let Some(Err(e)) = parameters.map(jsonschema::validator_for) {
            return fault(format!("the JSON Schema of its parameters: {e}"));
        }
    }
    Ok(tools.clone())
}

/// What a call of the tool names.
pub(super) fn name(tool: &Value) -> Option<&str> {
    tool.pointer("/function/name").and_then(Value::as_str).filter(|name| !name.trim().is_empty())
}
