//! Renders an Ollama template as the daemon does (template/template.go, v0.34.4).

use std::collections::BTreeMap;

use gotmpl::{MissingKey, Template, Value};

use super::{ChatError, Message, Role, merge_neighbours};
use crate::render::{Bounded, Engine, Prepared, RenderError};

/// Stands where a template of the old kind writes the answer.
const RESPONSE: &str = "\u{1}RESPONSE\u{1}";

/// Renders an Ollama Go template as the daemon does: same-role neighbours merged, `.System`, `.Messages` (or, for a
/// template without them, `.System`/`.Prompt`/`.Response` turn by turn), functions; no tools, no thinking.
pub fn render_go(template: &str, messages: &[Message]) -> Result<String, ChatError> {
    render_go_as(template, messages, GoValues { today: jiff::Zoned::now().date(), think: None })
}

/// What a rendering depends on beside the messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct GoValues {
    pub today: jiff::civil::Date,
    /// What the caller says of thinking; of a model that can, newer daemons take silence for yes.
    pub think: Option<bool>,
}

/// As [`render_go`], on a given day and for a caller who says whether the model is to think.
pub(super) fn render_go_as(template: &str, messages: &[Message], asked: GoValues) -> Result<String, ChatError> {
    let fault = |e: RenderError| ChatError::Go(e.to_string());
    let input = serde_json::to_string(&(messages, asked.today.to_string(), asked.think))
        .map_err(|e| ChatError::Go(e.to_string()))?;
    let rendered = crate::render::Template::new(Engine::Go, template, template.to_owned(), prepare).map_err(fault)?;
    rendered.render(&input).map_err(fault)
}

/// What it is rendered with is the messages, the day and whether the model is to think, as JSON.
pub fn prepare(template: &str) -> Result<Prepared, RenderError> {
    let template = template.to_owned();
    Ok(Box::new(move |input| {
        let engine = |e: &dyn std::fmt::Display| RenderError::Engine(e.to_string());
        let (messages, today, think): (Vec<Message>, String, Option<bool>) =
            serde_json::from_str(input).map_err(|e| engine(&e))?;
        let today = today.parse().map_err(|e: jiff::Error| engine(&e))?;
        render_here(&template, &messages, GoValues { today, think })
    }))
}

fn render_here(template: &str, messages: &[Message], asked: GoValues) -> Result<String, RenderError> {
    let merged = merge_neighbours(messages);
    let fields = fields(template);
    let has = |name: &str| fields.iter().any(|f| f == name);
    if has("messages") {
        return execute(&parse(template, asked.today)?, messages_data(messages, &merged, asked));
    }
    let owned;
    let template = if has("response") {
        template
    } else {
        owned = format!("{template}{{{{ .Response }}}}");
        &owned
    };
    turn_by_turn(&parse(template, asked.today)?, &merged, asked)
}

fn go_error(error: gotmpl::TemplateError) -> RenderError {
    match error {
        gotmpl::TemplateError::RangeIterLimit => RenderError::Time,
        gotmpl::TemplateError::RecursionLimit => RenderError::Depth,
        other => RenderError::Template(other.to_string()),
    }
}

fn parse(template: &str, today: jiff::civil::Date) -> Result<Template, RenderError> {
    let yesterday = today.yesterday().unwrap_or(today);
    Template::new("")
        .missing_key(MissingKey::ZeroValue)
        .func("json", |args| Ok(json(args.first().unwrap_or(&Value::Nil)).into()))
        .func("currentDate", move |_| Ok(today.to_string().into()))
        .func("yesterdayDate", move |_| Ok(yesterday.to_string().into()))
        .func("toTypeScriptType", |_| Ok("any".into()))
        .parse(template)
        .map_err(go_error)
}

fn execute(template: &Template, data: BTreeMap<String, Value>) -> Result<String, RenderError> {
    let mut out = Bounded::default();
    let executed = template.execute(&mut out, &Value::from(data));
    if out.is_full() {
        return Err(RenderError::Output);
    }
    executed.map_err(go_error)?;
    out.text().ok_or(RenderError::Output)
}

fn common(asked: GoValues) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("Response".to_string(), "".into()),
        ("Think".to_string(), Value::Bool(asked.think == Some(true))),
        ("ThinkLevel".to_string(), "".into()),
        ("IsThinkSet".to_string(), Value::Bool(asked.think.is_some())),
    ])
}

fn messages_data(all: &[Message], merged: &[Message], asked: GoValues) -> BTreeMap<String, Value> {
    let system: Vec<&str> = all.iter().filter(|m| m.role == Role::System).map(|m| m.content.as_str()).collect();
    let message = |m: &Message| {
        Value::from(BTreeMap::from([
            ("Role".to_string(), m.role.as_str().into()),
            ("Content".to_string(), m.content.as_str().into()),
            ("Thinking".to_string(), "".into()),
            ("Images".to_string(), Value::Nil),
            ("ToolCalls".to_string(), Value::Nil),
            ("ToolName".to_string(), "".into()),
            ("ToolCallID".to_string(), "".into()),
        ]))
    };
    let mut data = common(asked);
    data.insert("System".into(), system.join("\n\n").into());
    data.insert("Messages".into(), Value::from(merged.iter().map(message).collect::<Vec<_>>()));
    data.insert("Tools".into(), Value::Nil);
    data
}

/// One execution a turn. The last ends where the answer would begin: the daemon cuts the tree there, here the
/// output is cut at a mark.
fn turn_by_turn(template: &Template, merged: &[Message], asked: GoValues) -> Result<String, RenderError> {
    let (mut system, mut prompt, mut response) = (String::new(), String::new(), String::new());
    let mut out = String::new();
    let mut flush = |system: &mut String, prompt: &mut String, response: &mut String| -> Result<(), RenderError> {
        let mut data = common(asked);
        data.insert("System".into(), std::mem::take(system).into());
        data.insert("Prompt".into(), std::mem::take(prompt).into());
        data.insert("Response".into(), std::mem::take(response).into());
        out.push_str(&execute(template, data)?);
        Ok(())
    };
    for message in merged {
        match message.role {
            Role::System => {
                if !prompt.is_empty() || !response.is_empty() {
                    flush(&mut system, &mut prompt, &mut response)?;
                }
                system = message.content.clone();
            }
            Role::User => {
                if !response.is_empty() {
                    flush(&mut system, &mut prompt, &mut response)?;
                }
                prompt = message.content.clone();
            }
            Role::Assistant => response = message.content.clone(),
            Role::Tool => {}
        }
    }
    if !response.is_empty() {
        return Err(RenderError::Template("a template of the old kind can't continue an answer".into()));
    }
    let mut data = common(asked);
    data.insert("System".into(), system.into());
    data.insert("Prompt".into(), prompt.into());
    data.insert("Response".into(), RESPONSE.into());
    let text = execute(template, data)?;
    let end =
        text.find(RESPONSE).ok_or_else(|| RenderError::Template("it writes no answer for this conversation".into()))?;
    out.push_str(&text[..end]);
    Ok(out)
}

/// The names of fields that actions speak of, in lower case (what `Identifiers` of template.go finds).
fn fields(template: &str) -> Vec<String> {
    let mut found = Vec::new();
    for action in template.split("{{").skip(1) {
        let action = action.split("}}").next().unwrap_or(action);
        for name in action.split('.').skip(1) {
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            found.push(name[..end].to_lowercase());
        }
    }
    found
}

/// `json.Marshal` of Go: no spaces; `<`, `>`, `&`, U+2028 and U+2029 escaped.
fn json(value: &Value) -> String {
    fn convert(value: &Value) -> serde_json::Value {
        match value {
            Value::Bool(b) => (*b).into(),
            Value::Int(i) => (*i).into(),
            Value::Uint(u) => (*u).into(),
            Value::Float(f) => (*f).into(),
            Value::String(s) => s.to_string().into(),
            Value::List(items) => items.iter().map(convert).collect(),
            Value::Map(map) => {
                serde_json::Value::Object(map.iter().map(|(k, v)| (k.to_string(), convert(v))).collect())
            }
            _ => serde_json::Value::Null,
        }
    }
    let text = convert(value).to_string();
    ['<', '>', '&', '\u{2028}', '\u{2029}'].iter().fold(text, |t, c| t.replace(*c, &format!("\\u{:04x}", *c as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHATML: &str = "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ if .Prompt }}<|im_start|>user\n\
                          {{ .Prompt }}<|im_end|>\n{{ end }}<|im_start|>assistant\n{{ .Response }}<|im_end|>\n";

    fn conversation() -> Vec<Message> {
        vec![
            Message::new(Role::System, "s"),
            Message::new(Role::User, "a"),
            Message::new(Role::User, "b"),
            Message::new(Role::Assistant, "c"),
            Message::new(Role::User, "d"),
        ]
    }

    #[test]
    fn a_template_of_the_old_kind_is_run_turn_by_turn_and_cut_at_the_answer() {
        let text = render_go(CHATML, &conversation()).unwrap();
        assert_eq!(
            text,
            "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\na\n\nb<|im_end|>\n<|im_start|>assistant\nc<|im_end|>\n\
             <|im_start|>user\nd<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn messages_and_functions() {
        let text =
            render_go("{{ range .Messages }}{{ .Role }}={{ json .Content }};{{ end }}{{ .System }}", &conversation());
        assert_eq!(text.unwrap(), "system=\"s\";user=\"a\\n\\nb\";assistant=\"c\";user=\"d\";s");
        assert!(matches!(render_go("{{ if }}", &[]), Err(ChatError::Go(_))));
    }
}
