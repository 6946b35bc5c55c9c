//! Renders a Jinja chat template as transformers 5 configures it (`utils/chat_template_utils.py`).

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};

use super::{ChatError, Message, SpecialTokens, python};
use crate::render::{Bounded, Engine, Prepared, RenderError, Template};

/// Steps of minijinja's machine for one rendering; a conversation of 1,000 turns takes about 200,000.
const FUEL: u64 = 20_000_000;

/// What `strftime_now` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// Always this day.
    Day(jiff::civil::Date),
    /// The function is not defined: templates with a day of their own to fall back on use that.
    Absent,
}

/// A compiled template with its special tokens.
#[derive(Debug)]
pub(super) struct Jinja {
    template: Template,
    bos: String,
    eos: String,
    adds_bos: bool,
}

/// What stays the same for all renderings of a template.
#[derive(serde::Serialize, serde::Deserialize)]
struct Setup {
    source: String,
    /// The day of `strftime_now`; without one the function is not defined.
    day: Option<String>,
}

impl Jinja {
    pub(super) fn new(source: &str, tokens: SpecialTokens, clock: Clock) -> Result<Self, ChatError> {
        let day = match clock {
            Clock::Day(day) => Some(day.to_string()),
            Clock::Absent => None,
        };
        let setup = serde_json::to_string(&Setup { source: source.to_owned(), day });
        let setup = setup.map_err(|e| ChatError::Render(e.to_string()))?;
        let template = Template::new(Engine::Jinja, source, setup, prepare).map_err(render_fault)?;
        template.check().map_err(render_fault)?;
        let text = |token: Option<&str>| token.unwrap_or_default().to_string();
        Ok(Self { template, bos: text(tokens.bos), eos: text(tokens.eos), adds_bos: tokens.adds_bos })
    }

    /// The template's text for the messages as they are; a leading BOS is taken off where the tokenizer adds one.
    pub(super) fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, ChatError> {
        let context = serde_json::json!({
            "messages": messages,
            "add_generation_prompt": add_generation_prompt,
            "bos_token": self.bos,
            "eos_token": self.eos,
        });
        let text = self.template.render(&context.to_string()).map_err(render_fault)?;
        match text.strip_prefix(&self.bos) {
            Some(rest) if self.adds_bos => Ok(rest.to_string()),
            _ => Ok(text),
        }
    }
}

fn render_fault(error: RenderError) -> ChatError {
    ChatError::Render(error.to_string())
}

/// Compiles a template; what it is rendered with is the context as JSON.
pub fn prepare(setup: &str) -> Result<Prepared, RenderError> {
    let engine = |e: &dyn std::fmt::Display| RenderError::Engine(e.to_string());
    let setup: Setup = serde_json::from_str(setup).map_err(|e| engine(&e))?;
    let mut env = Environment::new();
    env.set_trim_blocks(true);
    env.set_lstrip_blocks(true);
    env.set_fuel(Some(FUEL));
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    env.set_formatter(python::format);
    env.add_filter("tojson", python::tojson);
    env.add_filter("length", python::length);
    env.add_filter("count", python::length);
    env.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    if let Some(day) = setup.day {
        let day: jiff::civil::Date = day.parse().map_err(|e| engine(&e))?;
        env.add_function("strftime_now", move |format: &str| python::strftime(day, format));
    }
    env.add_template_owned("chat_template", without_generation_tags(&setup.source)).map_err(template_fault)?;
    Ok(Box::new(move |context| {
        let context: serde_json::Value =
            serde_json::from_str(context).map_err(|e| RenderError::Engine(e.to_string()))?;
        let mut out = Bounded::default();
        let rendered =
            env.get_template("chat_template").and_then(|t| t.render_captured_to(context, &mut out).map(drop));
        if out.is_full() {
            return Err(RenderError::Output);
        }
        rendered.map_err(template_fault)?;
        out.text().ok_or(RenderError::Output)
    }))
}

fn template_fault(error: Error) -> RenderError {
    if error.kind() == ErrorKind::OutOfFuel {
        return RenderError::Time;
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    RenderError::Template(text)
}

/// `{% generation %}…{% endgeneration %}` (transformers' mark of the assistant's words) as a block that is always
/// taken: the whitespace rules of a block tag then hold for it unchanged.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find("{%") {
        let (before, tag) = rest.split_at(open);
        out.push_str(before);
        let Some(close) = tag[2..].find("%}").map(|at| at + 2) else {
            rest = tag;
            break;
        };
        let inner = &tag[2..close];
        let word = inner.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        let replacement = match word {
            "generation" => Some("if true"),
            "endgeneration" => Some("endif"),
            _ => None,
        };
        match replacement {
            Some(replacement) => {
                out.push_str(&format!("{{%{}%}}", inner.replacen(word, &format!(" {replacement} "), 1)))
            }
            None => out.push_str(&tag[..close + 2]),
        }
        rest = &tag[close + 2..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Role;

    fn one(source: &str) -> Result<String, ChatError> {
        let tokens = SpecialTokens { bos: Some("<s>"), eos: Some("</s>"), adds_bos: true };
        Jinja::new(source, tokens, Clock::Absent)?.render(&[Message::new(Role::User, "hé<b>")], true)
    }

    #[test]
    fn python_speaks_through() {
        assert_eq!(one("{{ none }} {{ true }} {{ tools | length }}").unwrap(), "None True 0");
        assert_eq!(one("{{ messages[0] | tojson }}").unwrap(), r#"{"role": "user", "content": "hé<b>"}"#);
        assert_eq!(
            one("{{ [1, {'a': 'é'}] | tojson(indent=2, ensure_ascii=true) }}").unwrap(),
            "[\n  1,\n  {\n    \"a\": \"\\u00e9\"\n  }\n]"
        );
        assert_eq!(one("{{ bos_token }}{{ messages[0].content.upper() }}").unwrap(), "HÉ<B>");
        assert_eq!(
            one("{% for m in messages %}\n  {%- generation -%}\n x{% endgeneration %}\n{% endfor %}").unwrap(),
            "x"
        );
    }

    #[test]
    fn a_template_that_raises_or_never_ends_is_an_error() {
        assert!(one("{{ raise_exception('no system') }}").unwrap_err().to_string().contains("no system"));
        let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
        assert!(one(endless).unwrap_err().to_string().contains("more than 1 s of processor time"));
        assert!(one("{% if %}").is_err());
    }
}
