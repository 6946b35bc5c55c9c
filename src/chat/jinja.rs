//! Renders a Jinja chat template as transformers 5 configures it (`utils/chat_template_utils.py`).

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};

use super::{ChatError, Message, SpecialTokens, python};

/// A template longer than this is no chat template (the longest known has 30 kB).
const MAX_SOURCE: usize = 1 << 20;
/// Steps of minijinja's machine for one rendering; a conversation of 1,000 turns takes about 200,000.
const FUEL: u64 = 20_000_000;

/// What `strftime_now` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Always this day.
    Day(jiff::civil::Date),
    /// The function is not defined: templates with a day of their own to fall back on use that.
    Absent,
}

/// A compiled template with its special tokens.
#[derive(Debug)]
pub struct Jinja {
    env: Environment<'static>,
    bos: String,
    eos: String,
    adds_bos: bool,
}

impl Jinja {
    pub fn new(source: &str, tokens: SpecialTokens, clock: Clock) -> Result<Self, ChatError> {
        if source.len() > MAX_SOURCE {
            return Err(ChatError::Render(format!("its text has {} bytes, more than {MAX_SOURCE}", source.len())));
        }
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
        if let Clock::Day(day) = clock {
            env.add_function("strftime_now", move |format: &str| python::strftime(day, format));
        }
        env.add_template_owned("chat_template", without_generation_tags(source)).map_err(render_error)?;
        let text = |token: Option<&str>| token.unwrap_or_default().to_string();
        Ok(Self { env, bos: text(tokens.bos), eos: text(tokens.eos), adds_bos: tokens.adds_bos })
    }

    /// The template's text for the messages as they are; a leading BOS is taken off where the tokenizer adds one.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, ChatError> {
        let context = serde_json::json!({
            "messages": messages,
            "add_generation_prompt": add_generation_prompt,
            "bos_token": self.bos,
            "eos_token": self.eos,
        });
        let template = self.env.get_template("chat_template").map_err(render_error)?;
        // minijinja 2.24 panics on some templates (a slice of an empty list); a base's file must not bring us down.
        let render = std::panic::AssertUnwindSafe(|| template.render(context));
        let text = std::panic::catch_unwind(render)
            .map_err(|_| ChatError::Render("the template engine broke on it".into()))?
            .map_err(render_error)?;
        match text.strip_prefix(&self.bos) {
            Some(rest) if self.adds_bos => Ok(rest.to_string()),
            _ => Ok(text),
        }
    }
}

fn render_error(error: Error) -> ChatError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    ChatError::Render(text)
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
        assert!(one(endless).unwrap_err().to_string().contains("fuel"));
        assert!(one("{% if %}").is_err());
    }
}
