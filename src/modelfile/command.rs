//! The commands of a Modelfile.

/// One command of a Modelfile, in Ollama's words.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    From(String),
    Adapter(String),
    /// A draft model's path, for speculative decoding (Ollama ≥ 0.30).
    Draft(String),
    Template(String),
    System(String),
    Parameter {
        name: String,
        value: String,
    },
    License(String),
    /// `role`: system, user or assistant.
    Message {
        role: String,
        content: String,
    },
    Renderer(String),
    Parser(String),
    Requires(String),
}
