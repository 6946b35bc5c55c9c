//! What is wrong with a Modelfile.

#[derive(Debug, thiserror::Error)]
pub enum ModelfileError {
    #[error("Modelfile, line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    #[error("the Modelfile is not valid {0}: save it as UTF-8, or as UTF-16 with a byte order mark")]
    Encoding(&'static str),
    #[error("{}", listed(.0))]
    Faults(Vec<Self>),
    #[error("the Modelfile template can't be rendered: {0}")]
    Template(String),
    #[error("the rendered Modelfile does not say what it should: {0}")]
    Lost(String),
    #[error("PARAMETER {name}: {reason}")]
    Parameter { name: String, reason: String },
}

/// Faults that are printed, at most.
const MAX_LISTED: usize = 20;

/// Characters of a word that an error quotes, at most.
const MAX_SHOWN: usize = 80;

/// A word of the file as an error quotes it.
pub(super) fn short(word: &str) -> String {
    word.chars().take(MAX_SHOWN).collect()
}

/// The first faults, a line each, and how many more there are.
fn listed(faults: &[ModelfileError]) -> String {
    let mut lines: Vec<String> = faults.iter().take(MAX_LISTED).map(ToString::to_string).collect();
    let more = faults.len().saturating_sub(MAX_LISTED);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines.join("\n")
}
