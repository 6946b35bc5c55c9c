//! Commands to text.

use super::parse::unquote;
use super::{Command, ModelfileError};

pub(super) fn command(command: &Command) -> String {
    let (head, value) = parts(command);
    format!("{head} {}", quoted(value))
}

fn parts(command: &Command) -> (String, &str) {
    let (name, value) = match command {
        Command::Parameter { name, value } => return (format!("PARAMETER {name}"), value),
        Command::Message { role, content } => return (format!("MESSAGE {role}"), content),
        Command::From(text) => ("FROM", text),
        Command::Adapter(text) => ("ADAPTER", text),
        Command::Draft(text) => ("DRAFT", text),
        Command::Template(text) => ("TEMPLATE", text),
        Command::System(text) => ("SYSTEM", text),
        Command::License(text) => ("LICENSE", text),
        Command::Renderer(text) => ("RENDERER", text),
        Command::Parser(text) => ("PARSER", text),
        Command::Requires(text) => ("REQUIRES", text),
    };
    (name.into(), value)
}

/// The value as a Modelfile holds it: bare, else in the first kind of quotes that is read back as the same value.
/// Where none is, in triple quotes (and [`super::Modelfile::to_text`] refuses it).
pub(super) fn quoted(value: &str) -> String {
    let triple = format!("\"\"\"{value}\"\"\"");
    let single = format!("\"{value}\"");
    let forms = match value {
        "" => [&single, &triple, ""],
        _ if value.contains('\n') => [&triple, &single, ""],
        _ => [value, &single, &triple],
    };
    let good = forms.into_iter().find(|form| !form.is_empty() && reads_back(form, value));
    good.unwrap_or(&triple).to_string()
}

/// Whether a reader that sees `form` after a command takes all of it, and as `value`.
fn reads_back(form: &str, value: &str) -> bool {
    let early = form.char_indices().any(|(i, c)| matches!(c, '\r' | '\n') && unquote(form[..i].trim()).is_some());
    !early && unquote(form.trim()) == Some(value)
}

/// Why a Modelfile can't be written.
pub(super) fn unwritable(commands: &[Command]) -> ModelfileError {
    let bad = commands.iter().map(parts).find(|(_, value)| !reads_back(&quoted(value), value));
    ModelfileError::Lost(match bad {
        Some((head, _)) => format!(
            "no quoting of a Modelfile can hold the text of {head}, since three quotes end a line in it: put another character after them"
        ),
        None if !commands.iter().any(|c| matches!(c, Command::From(_))) => "it has no FROM".into(),
        None => "a name or role in it is not one word".into(),
    })
}

/// What Go's `strconv.IsPrint` refuses (as near as the standard library tells), line ends and tabs excepted.
pub(super) fn unprintable(commands: &[Command]) -> Vec<char> {
    let hidden = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\r' | '\t')
            || c.is_whitespace() && !c.is_ascii()
            || matches!(c as u32, 0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff)
            || matches!(c as u32, 0xe000..=0xf8ff | 0xfff9..=0xfffb | 0xe0000..=0x10ffff)
    };
    let mut found: Vec<char> =
        commands.iter().flat_map(|c| parts(c).1.chars().filter(|c| hidden(*c)).collect::<Vec<_>>()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modelfile::Modelfile;
    use proptest::prelude::*;

    #[test]
    fn the_plainest_form_is_taken() {
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted(" a"), "\" a\"");
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(quoted("\"x\""), "\"\"x\"\"");
        assert_eq!(quoted("a\n\"b\""), "\"\"\"a\n\"b\"\"\"\"");
        assert_eq!(quoted("say \"\"\" now\n"), "\"\"\"say \"\"\" now\n\"\"\"");
    }

    #[test]
    fn what_no_quotes_can_hold_is_refused_by_name() {
        let file = Modelfile { commands: vec![Command::From("x".into()), Command::System("a \"\"\"\nb".into())] };
        let error = file.to_text().unwrap_err().to_string();
        assert!(error.contains("SYSTEM"), "{error}");
        assert_eq!(
            Modelfile::default().to_text().unwrap_err().to_string(),
            "the rendered Modelfile does not say what it should: it has no FROM"
        );
    }

    #[test]
    fn characters_that_ollama_drops_are_found() {
        let file =
            Modelfile { commands: vec![Command::From("x".into()), Command::System("oui\u{a0}! é 🙂\n\t".into())] };
        assert_eq!(file.dropped_by_ollama(), ['\u{a0}']);
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                Just("\"".to_string()),
                Just("\"\"\"".to_string()),
                Just("\n".to_string()),
                Just("\r\n".to_string()),
                Just(" ".to_string()),
                Just("#".to_string()),
                Just("{{ .X }}".to_string()),
                "[a-zé<|>]{1,3}",
            ],
            0..12,
        )
        .prop_map(|parts| parts.concat())
    }

    fn any_command() -> impl Strategy<Value = Command> {
        (0usize..11, text(), "[a-z_][a-z0-9_]{0,6}", 0usize..3).prop_map(|(kind, text, name, role)| match kind {
            0 => Command::From(text),
            1 => Command::Adapter(text),
            2 => Command::Draft(text),
            3 => Command::Template(text),
            4 => Command::System(text),
            5 => Command::Parameter { name, value: text },
            6 => Command::License(text),
            7 => Command::Message { role: ["system", "user", "assistant"][role].into(), content: text },
            8 => Command::Renderer(text),
            9 => Command::Parser(text),
            _ => Command::Requires(text),
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(commands in proptest::collection::vec(any_command(), 0..6)) {
            let mut file = Modelfile { commands };
            file.commands.push(Command::From("x".into()));
            let holdable = file.commands.iter().all(|c| {
                let value = parts(c).1;
                reads_back(&quoted(value), value)
            });
            match file.to_text() {
                Ok(text) => prop_assert_eq!(Modelfile::parse(&text).unwrap(), file),
                Err(_) => prop_assert!(!holdable),
            }
        }

        /// A good Modelfile with something else in a place of it: what can be read, and written, says the same again.
        #[test]
        fn mutated_files_never_panic(at in 0usize..200, cut in 0usize..6, with in text()) {
            let mut file = "FROM ./a.gguf\n# note\nTEMPLATE \"\"\"{{ .System }}\n{{ .Prompt }}\"\"\"\nSYSTEM be brief\n\
                            PARAMETER stop \"<end>\"\nPARAMETER num_ctx 4096\nMESSAGE user hi\nLICENSE \"\"\"\nx\n\"\"\"\n".to_owned();
            let at = at % file.len();
            file.replace_range(at..(at + cut).min(file.len()), &with);
            let _ = Modelfile::check(&file);
            if let Ok(read) = Modelfile::parse(&file) {
                let _ = read.parameters();
                if let Ok(text) = read.to_text() {
                    prop_assert_eq!(Modelfile::parse(&text).unwrap(), read);
                }
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}", quotes in text()) {
            let _ = Modelfile::parse(&text);
            let _ = Modelfile::parse(&format!("FROM x\nSYSTEM {quotes}"));
        }
    }
}
