//! Modelfile text and commands, both ways; rendering through tera from `templates/`.

/// One command of a Modelfile, in Ollama's words.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    From(String),
    Adapter(String),
    Template(String),
    System(String),
    Parameter { name: String, value: String },
    License(String),
    Message { role: String, content: String },
    Renderer(String),
    Parser(String),
    Requires(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modelfile {
    pub commands: Vec<Command>,
}

#[derive(Debug, thiserror::Error)]
pub enum ModelfileError {
    #[error("Modelfile, line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    #[error("the Modelfile template can't be rendered: {0}")]
    Template(String),
}

impl Modelfile {
    pub fn parse(_text: &str) -> Result<Self, ModelfileError> {
        todo!()
    }
}

impl std::fmt::Display for Modelfile {
    /// Text that [`Modelfile::parse`] and Ollama read back as the same commands.
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

/// What a Modelfile of ours says; the fields of the tera templates in `templates/`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Spec {
    /// FROM: a GGUF file's path or a model's name.
    pub from: String,
    /// ADAPTER: a LoRA GGUF's path.
    pub adapter: Option<String>,
    /// TEMPLATE: Go template text.
    pub template: String,
    pub system: Option<String>,
    /// PARAMETER, in order (`stop` may repeat).
    pub parameters: Vec<(String, String)>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
    /// `# key: value` lines at the top.
    pub lineage: Vec<(String, String)>,
}

/// Renders `spec` through tera: the template at `templates/modelfile.tera` (embedded), or the user's text.
/// The result is parsed back and must hold the same commands.
pub fn render(_spec: &Spec, _user_template: Option<&str>) -> Result<String, ModelfileError> {
    todo!()
}
