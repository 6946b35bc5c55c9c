//! A Modelfile: its commands, and what they say.

use super::parameters::{Parameters, parameters};
use super::{Command, ModelfileError, parse, write};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modelfile {
    pub commands: Vec<Command>,
}

impl Modelfile {
    pub fn parse(text: &str) -> Result<Self, ModelfileError> {
        parse::commands(text).map(|commands| Self { commands })
    }

    /// As [`Modelfile::parse`], but all faults are found, those of PARAMETERs included: [`ModelfileError::Faults`].
    pub fn check(text: &str) -> Result<Self, ModelfileError> {
        let parse::Parsed { commands, lines, mut faults } = parse::parse(text);
        for (command, line) in commands.iter().zip(lines) {
            if let Command::Parameter { name, value } = command
                && let Err(e) = parameters([(name.as_str(), value.as_str())])
            {
                faults.push(ModelfileError::Syntax { line, reason: e.to_string() });
            }
        }
        if faults.is_empty() {
            return Ok(Self { commands });
        }
        faults.sort_by_key(|fault| match fault {
            ModelfileError::Syntax { line, .. } => *line,
            _ => 0,
        });
        Err(ModelfileError::Faults(faults))
    }

    /// The text, shown to be read back as the same commands; refused where no quoting can hold a value.
    pub fn to_text(&self) -> Result<String, ModelfileError> {
        let text = self.to_string();
        match Self::parse(&text) {
            Ok(back) if back == *self => Ok(text),
            _ => Err(write::unwritable(&self.commands)),
        }
    }

    /// FROM: a path or a model's name; the last one counts, as in Ollama.
    pub fn from(&self) -> Option<&str> {
        self.last(|c| match c {
            Command::From(text) => Some(text),
            _ => None,
        })
    }

    pub fn adapter(&self) -> Option<&str> {
        self.last(|c| match c {
            Command::Adapter(text) => Some(text),
            _ => None,
        })
    }

    pub fn template(&self) -> Option<&str> {
        self.last(|c| match c {
            Command::Template(text) => Some(text),
            _ => None,
        })
    }

    pub fn system(&self) -> Option<&str> {
        self.last(|c| match c {
            Command::System(text) => Some(text),
            _ => None,
        })
    }

    pub fn renderer(&self) -> Option<&str> {
        self.last(|c| match c {
            Command::Renderer(text) => Some(text),
            _ => None,
        })
    }

    pub fn parser(&self) -> Option<&str> {
        self.last(|c| match c {
            Command::Parser(text) => Some(text),
            _ => None,
        })
    }

    pub fn requires(&self) -> Option<&str> {
        self.last(|c| match c {
            Command::Requires(text) => Some(text),
            _ => None,
        })
        .map(|text| text.strip_prefix('v').unwrap_or(text))
    }

    /// Every LICENSE, in order.
    pub fn licenses(&self) -> Vec<&str> {
        self.all(|c| match c {
            Command::License(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Every MESSAGE as (role, content), in order.
    pub fn messages(&self) -> Vec<(&str, &str)> {
        self.all(|c| match c {
            Command::Message { role, content } => Some((role.as_str(), content.as_str())),
            _ => None,
        })
    }

    /// Every PARAMETER as it is written, in order.
    pub fn parameter_pairs(&self) -> Vec<(&str, &str)> {
        self.all(|c| match c {
            Command::Parameter { name, value } => Some((name.as_str(), value.as_str())),
            _ => None,
        })
    }

    /// The PARAMETERs as `/api/create` wants them.
    pub fn parameters(&self) -> Result<Parameters, ModelfileError> {
        parameters(self.parameter_pairs())
    }

    /// Characters of the commands that `ollama create -f` drops (no-break spaces, joiners …). Registration by this
    /// program goes through the API and keeps them.
    pub fn dropped_by_ollama(&self) -> Vec<char> {
        write::unprintable(&self.commands)
    }

    fn last<'a>(&'a self, pick: impl FnMut(&'a Command) -> Option<&'a String>) -> Option<&'a str> {
        self.commands.iter().rev().find_map(pick).map(String::as_str)
    }

    fn all<'a, T>(&'a self, pick: impl FnMut(&'a Command) -> Option<T>) -> Vec<T> {
        self.commands.iter().filter_map(pick).collect()
    }
}

impl std::fmt::Display for Modelfile {
    /// Text that [`Modelfile::parse`] and Ollama read back as the same commands ([`Modelfile::to_text`] makes sure).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.commands.iter().try_for_each(|command| writeln!(f, "{}", write::command(command)))
    }
}
