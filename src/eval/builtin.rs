//! The suites that the program holds: one table, by their names.

use super::fault::EvalError;
use super::suite::Suite;
use crate::input::nearest;

/// The suite that guards every gate.
pub const GENERAL: &str = "builtin:general";
/// The French benchmark of voice commands, corrections and tools.
pub const JARVIS: &str = "builtin:jarvis";

/// A suite of the program.
struct Builtin {
    /// Behind `builtin:`.
    name: &'static str,
    /// Another name, of one version.
    versioned: Option<&'static str>,
    text: &'static str,
    /// The tools that each of its prompts is asked with, a JSON list.
    tools: Option<&'static str>,
}

const BUILTINS: [Builtin; 5] = [
    Builtin {
        versioned: Some("general-v1"),
        ..Builtin::plain("general", include_str!("../../data/general/suite.jsonl"))
    },
    Builtin::plain("smoke", include_str!("../../data/smoke/suite.jsonl")),
    Builtin::plain("refusals", include_str!("../../data/refusals/suite.jsonl")),
    Builtin {
        tools: Some(include_str!("../../data/tools/tools.json")),
        ..Builtin::plain("tools", include_str!("../../data/tools/suite.jsonl"))
    },
    Builtin::plain("jarvis", include_str!("../../data/jarvis/suite.jsonl")),
];

impl Builtin {
    const fn plain(name: &'static str, text: &'static str) -> Self {
        Self { name, versioned: None, text, tools: None }
    }

    fn suite(&self) -> Result<Suite, EvalError> {
        let name = format!("builtin:{}", self.name);
        match self.tools {
            Some(tools) => Suite::parse_with_tools(self.text, tools, &name),
            None => Suite::parse(self.text, &name),
        }
    }
}

impl Suite {
    /// A suite of the program by its name (`builtin:general`), or None where the name does not begin with `builtin:`.
    pub fn builtin(name: &str) -> Option<Result<Self, EvalError>> {
        let which = name.strip_prefix("builtin:")?;
        let found = BUILTINS.iter().find(|one| one.name == which || one.versioned == Some(which));
        Some(found.map_or_else(|| Err(none_of(name)), Builtin::suite))
    }

    /// The one that guards every gate.
    pub fn general() -> Result<Self, EvalError> {
        BUILTINS[0].suite()
    }
}

fn none_of(name: &str) -> EvalError {
    let known: Vec<String> = BUILTINS.iter().map(|one| format!("builtin:{}", one.name)).collect();
    EvalError::NoBuiltin { name: name.to_owned(), nearest: nearest_builtin(name), known: known.join(", ") }
}

/// The name, without `builtin:`, that is nearest to a word.
pub fn nearest_builtin(word: &str) -> Option<&'static str> {
    let names: Vec<&'static str> = BUILTINS.iter().map(|one| one.name).collect();
    nearest(word.strip_prefix("builtin:").unwrap_or(word), &names)
}

#[cfg(test)]
#[path = "builtin_tests.rs"]
mod tests;
