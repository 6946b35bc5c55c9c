//! Text to commands, rune by rune as Ollama's `ParseFile` goes.
//!
//! One difference: Ollama drops characters that Go does not call printable; here they are kept
//! (see [`super::Modelfile::dropped_by_ollama`]).

use super::error::short;
use super::{Command, ModelfileError};

/// All commands, or the first fault.
pub(super) fn commands(text: &str) -> Result<Vec<Command>, ModelfileError> {
    let Parsed { commands, faults, .. } = parse(text);
    match faults.into_iter().next() {
        Some(first) => Err(first),
        None => Ok(commands),
    }
}

/// A text read to its end, whatever is wrong in it.
pub(super) struct Parsed {
    pub commands: Vec<Command>,
    /// The line on which each of the commands begins.
    pub lines: Vec<usize>,
    pub faults: Vec<ModelfileError>,
}

/// Reads all commands; after a fault it continues on the next line that begins with a command.
pub(super) fn parse(text: &str) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text, line: 1 };
    let mut parsed = Parsed { commands: Vec::new(), lines: Vec::new(), faults: Vec::new() };
    let mut from = false;
    while reader.seek_command() {
        let line = reader.line;
        from |= reader.rest.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("from"));
        match command(&mut reader) {
            Ok(command) => {
                parsed.commands.push(command);
                parsed.lines.push(line);
            }
            Err(fault) => {
                parsed.faults.push(fault);
                reader.skip_to_command();
            }
        }
    }
    if !from {
        parsed.faults.push(reader.error("no FROM line: it names the model's file or the base's name"));
    }
    parsed
}

fn command(reader: &mut Reader) -> Result<Command, ModelfileError> {
    let name = reader.word(|c| c.is_ascii_alphabetic());
    let lower = name.to_lowercase();
    let Some(known) = NAMES.iter().find(|n| **n == lower) else {
        return Err(reader.error(&format!(
            "{:?} is no command; known are {}",
            short(name),
            NAMES.join(", ").to_uppercase()
        )));
    };
    reader.one_space(name)?;
    match *known {
        "parameter" => {
            let name = reader.word(|c| c.is_ascii_alphanumeric() || c == '_').to_string();
            if name.is_empty() {
                return Err(reader.error("PARAMETER has no name after one space"));
            }
            reader.one_space(&name)?;
            Ok(Command::Parameter { name, value: reader.value()? })
        }
        "message" => {
            let role = reader.word(|c| c.is_ascii_alphabetic()).to_string();
            if !["system", "user", "assistant"].contains(&role.as_str()) {
                return Err(reader.error("MESSAGE needs a role after one space: system, user or assistant"));
            }
            reader.one_space(&role)?;
            Ok(Command::Message { role, content: reader.value()? })
        }
        "from" => reader.value().map(Command::From),
        "adapter" => reader.value().map(Command::Adapter),
        "draft" => reader.value().map(Command::Draft),
        "template" => reader.value().map(Command::Template),
        "system" => reader.value().map(Command::System),
        "license" => reader.value().map(Command::License),
        "renderer" => reader.value().map(Command::Renderer),
        "parser" => reader.value().map(Command::Parser),
        _ => reader.value().map(Command::Requires),
    }
}

const NAMES: [&str; 11] = [
    "from",
    "adapter",
    "draft",
    "template",
    "system",
    "parameter",
    "license",
    "message",
    "renderer",
    "parser",
    "requires",
];

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    /// Skips blank lines and comments; false at the end.
    fn seek_command(&mut self) -> bool {
        loop {
            self.word(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.word(|c| !matches!(c, '\r' | '\n'));
        }
    }

    /// Skips the rest of a faulty command: to the next line whose first word is a command, but at least one line.
    fn skip_to_command(&mut self) {
        loop {
            self.word(|c| c != '\n');
            self.word(|c| c.is_whitespace());
            let word = self.rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            if self.rest.is_empty() || self.rest.starts_with('#') || NAMES.contains(&word.to_lowercase().as_str()) {
                return;
            }
        }
    }

    /// Takes the characters that `of` allows.
    fn word(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !of(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.line += word.matches('\n').count();
        word
    }

    fn one_space(&mut self, after: &str) -> Result<(), ModelfileError> {
        match self.rest.strip_prefix([' ', '\t']) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.error(&format!("{} has no value after a space", short(after)))),
        }
    }

    /// To the end of the line, or of the line on which the quotes close.
    fn value(&mut self) -> Result<String, ModelfileError> {
        let text = self.rest;
        let ends = text.char_indices().filter(|(_, c)| matches!(c, '\r' | '\n')).map(|(i, _)| i);
        for end in ends.chain([text.len()]) {
            if let Some(value) = unquote(text[..end].trim()) {
                self.rest = &text[end..];
                self.line += text[..end].matches('\n').count();
                return Ok(value.to_string());
            }
        }
        Err(self.error("the quotes that open here are not closed at the end of a line"))
    }

    fn error(&self, reason: &str) -> ModelfileError {
        ModelfileError::Syntax { line: self.line, reason: reason.into() }
    }
}

/// Ollama's `unquote`: None while quotes are open.
pub(super) fn unquote(text: &str) -> Option<&str> {
    match (text.strip_prefix("\"\"\""), text.strip_prefix('"')) {
        (Some(rest), _) => rest.strip_suffix("\"\"\""),
        (None, Some(rest)) => rest.strip_suffix('"'),
        (None, None) => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modelfile::Modelfile;

    fn modelfile(text: &str) -> Result<Modelfile, ModelfileError> {
        Modelfile::parse(text)
    }

    fn fails(text: &str) -> (usize, String) {
        match modelfile(text) {
            Err(ModelfileError::Syntax { line, reason }) => (line, reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_command_is_read() {
        let text = "\u{feff}# a comment\r\n\r\nfrom ./model.gguf\r\n  # another\n ADAPTER \"a b.gguf\"\nTemplate \"\"\"{{ .System }}\n\n\"{{ .Prompt }}\" \"\"\"\n\
                    SYSTEM You are # terse.  \nPARAMETER stop \"<|im_end|>\"\nPARAMETER num_ctx 4096\nLICENSE \"two\nlines\"\n\
                    MESSAGE user \"hi \"\nMESSAGE assistant yes: no\nRENDERER qwen3\nPARSER qwen3\nREQUIRES v0.14.0\nDRAFT d.gguf\nSYSTEM \"\"";
        let parsed = modelfile(text).unwrap();
        let parameter = |name: &str, value: &str| Command::Parameter { name: name.into(), value: value.into() };
        let message = |role: &str, content: &str| Command::Message { role: role.into(), content: content.into() };
        assert_eq!(
            parsed.commands,
            [
                Command::From("./model.gguf".into()),
                Command::Adapter("a b.gguf".into()),
                Command::Template("{{ .System }}\n\n\"{{ .Prompt }}\" ".into()),
                Command::System("You are # terse.".into()),
                parameter("stop", "<|im_end|>"),
                parameter("num_ctx", "4096"),
                Command::License("two\nlines".into()),
                message("user", "hi "),
                message("assistant", "yes: no"),
                Command::Renderer("qwen3".into()),
                Command::Parser("qwen3".into()),
                Command::Requires("v0.14.0".into()),
                Command::Draft("d.gguf".into()),
                Command::System(String::new()),
            ]
        );
        assert_eq!(parsed.from(), Some("./model.gguf"));
        assert_eq!(parsed.system(), Some(""));
        assert_eq!(parsed.requires(), Some("0.14.0"));
    }

    #[test]
    fn faults_are_named_with_their_line() {
        assert!(fails("FROM x\n\nFORM y").1.contains("\"FORM\" is no command"));
        assert_eq!(fails("FROM x\n\nFORM y").0, 3);
        assert_eq!(fails("FROM x\nSYSTEM \"\"\"a\nb\n").0, 2);
        assert!(fails("# nothing\n").1.contains("no FROM"));
        assert!(fails("FROM x\nMESSAGE robot hi").1.contains("needs a role"));
        assert!(fails("FROM x\nPARAMETER  num_ctx 1").1.contains("no name"));
        assert!(fails("FROM").1.contains("no value"));
    }

    #[test]
    fn every_fault_is_found_with_its_line() {
        let text = "FROM x\nFORM y\nPARAMETER  num_ctx 1\n\n# a comment\nMESSAGE robot hi\nSYSTEM ok\nLICENSE \"\"\"open\nmore\n\
                    TEMPLATE \"{{ .Prompt }}\nSTOP it\n";
        let parsed = parse(text);
        let lines: Vec<_> = parsed
            .faults
            .iter()
            .map(|fault| match fault {
                ModelfileError::Syntax { line, .. } => *line,
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(lines, [2, 3, 6, 8, 10], "{:?}", parsed.faults);
        assert_eq!(parsed.commands, [Command::From("x".into()), Command::System("ok".into())]);
        assert_eq!(parsed.lines, [1, 7]);
        // A FROM that is wrong in itself is not missing too.
        assert_eq!(parse("FROM\nSYSTEM a").faults.len(), 1);
    }

    #[test]
    fn the_first_faults_are_shown_and_the_others_counted() {
        let text = format!("FROM x\n{}{} y\n", "FORM y\nPARAMETER seed q\n".repeat(1000), "W".repeat(100_000));
        let e = Modelfile::check(&text).unwrap_err().to_string();
        let lines: Vec<_> = e.lines().collect();
        assert_eq!((lines.len(), lines[20]), (21, "and 1981 more"), "{e}");
        assert!(lines[0].contains("line 2: \"FORM\"") && lines[19].contains("line 21"), "{e}");
        assert!(fails(&format!("FROM x\n{} y", "W".repeat(100_000))).1.len() < 400);
    }

    #[test]
    fn quotes_close_only_at_the_end_of_a_line_as_in_ollama() {
        let system = |text: &str| modelfile(&format!("FROM x\nSYSTEM {text}\n")).unwrap().system().unwrap().to_string();
        assert_eq!(system("\"\"\"a \"\"\" b\"\"\""), "a \"\"\" b");
        assert_eq!(system("\"\"\"\na\n\"\"\"  "), "\na\n");
        assert_eq!(system("it's \"x\""), "it's \"x\"");
        assert_eq!(system("\"a\" and \"b\""), "a\" and \"b");
    }
}
