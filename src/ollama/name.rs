//! Names of models by Ollama's grammar (types/model/name.go and internal/modelref, v0.34.4).

use std::fmt;
use std::str::FromStr;

use super::OllamaError;

pub(super) const DEFAULT_HOST: &str = "registry.ollama.ai";
pub(super) const DEFAULT_NAMESPACE: &str = "library";
const DEFAULT_TAG: &str = "latest";

/// A whole name: `[host/][namespace/]model[:tag]`, what is missing filled in. `Display` gives the shortest form, with
/// the tag (`x` → `x:latest`). Names are equal whatever their case, as the daemon sees them.
#[derive(Clone, Debug)]
pub struct ModelName {
    pub host: String,
    pub namespace: String,
    pub model: String,
    pub tag: String,
}

impl ModelName {
    /// Reads a name; refuses what no daemon takes, and the tags newer daemons keep for themselves (`cloud`, `local`).
    pub fn parse(text: &str) -> Result<Self, OllamaError> {
        let bad = |reason: String| OllamaError::BadName { name: text.chars().take(120).collect(), reason };
        let text = text.trim();
        let text_after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (path, tag) = match text_after_scheme.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (text_after_scheme, DEFAULT_TAG),
        };
        let mut parts = path.rsplitn(3, '/');
        let model = parts.next().unwrap_or_default();
        let namespace = parts.next().unwrap_or(DEFAULT_NAMESPACE);
        let host = parts.next().unwrap_or(DEFAULT_HOST);
        for (what, part, longest, others) in [
            ("host", host, 350, "-_.:"),
            ("namespace", namespace, 80, "-_"),
            ("model", model, 80, "-_."),
            ("tag", tag, 80, "-_."),
        ] {
            fault(part, longest, others).map_or(Ok(()), |f| Err(bad(format!("its {what} {part:?} {f}"))))?;
        }
        let lower = tag.to_ascii_lowercase();
        if lower == "cloud" || lower.ends_with("-cloud") {
            return Err(bad(format!("the tag {tag:?} asks for Ollama's cloud; there are no weights of it here")));
        }
        if lower == "local" {
            return Err(bad("Ollama keeps the tag `local` for itself".into()));
        }
        Ok(Self { host: host.into(), namespace: namespace.into(), model: model.into(), tag: tag.into() })
    }

    /// Host, namespace, model and tag: the path of its manifest.
    pub fn parts(&self) -> [&str; 4] {
        [&self.host, &self.namespace, &self.model, &self.tag]
    }
}

/// Why a part of a name is none.
fn fault(part: &str, longest: usize, others: &str) -> Option<String> {
    if part.is_empty() {
        return Some("is empty".into());
    }
    if part.len() > longest {
        return Some(format!("is longer than {longest}"));
    }
    if !part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return Some("begins with no letter, digit or `_`".into());
    }
    let wrong = part.chars().find(|c| !c.is_ascii_alphanumeric() && !others.contains(*c))?;
    Some(format!("holds {wrong:?}"))
}

impl PartialEq for ModelName {
    fn eq(&self, other: &Self) -> bool {
        self.parts().iter().zip(other.parts()).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}

impl Eq for ModelName {}

impl FromStr for ModelName {
    type Err = OllamaError;

    fn from_str(text: &str) -> Result<Self, OllamaError> {
        Self::parse(text)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [host, namespace, model, tag] = self.parts();
        if !host.eq_ignore_ascii_case(DEFAULT_HOST) {
            write!(f, "{host}/{namespace}/")?;
        } else if !namespace.eq_ignore_ascii_case(DEFAULT_NAMESPACE) {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{model}:{tag}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_shortened() {
        for (text, parts, short) in [
            ("x", ["registry.ollama.ai", "library", "x", "latest"], "x:latest"),
            ("X.y-z_1:V2", ["registry.ollama.ai", "library", "X.y-z_1", "V2"], "X.y-z_1:V2"),
            ("me/x", ["registry.ollama.ai", "me", "x", "latest"], "me/x:latest"),
            ("hub.io:5000/me/x:q8", ["hub.io:5000", "me", "x", "q8"], "hub.io:5000/me/x:q8"),
            ("http://hub.io/me/x", ["hub.io", "me", "x", "latest"], "hub.io/me/x:latest"),
            ("registry.ollama.ai/library/x:latest", ["registry.ollama.ai", "library", "x", "latest"], "x:latest"),
            ("hf.co/a/b-GGUF:Q4_K_M", ["hf.co", "a", "b-GGUF", "Q4_K_M"], "hf.co/a/b-GGUF:Q4_K_M"),
        ] {
            let name = ModelName::parse(text).unwrap();
            assert_eq!((name.parts(), name.to_string().as_str()), (parts, short), "{text}");
        }
        assert_eq!(ModelName::parse("Smol:V1").unwrap(), ModelName::parse("library/smol:v1").unwrap());
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_part() {
        let long = "x".repeat(81);
        for (text, word) in [
            ("", "empty"),
            (":", "empty"),
            ("x:", "tag"),
            ("/x", "namespace"),
            ("a/b/c/d", "host"),
            ("a.b/x", "namespace"),
            ("-x", "begins"),
            ("x y", "holds"),
            ("x@sha256:00", "holds"),
            ("é", "begins"),
            ("../../etc/passwd", "begins"),
            (long.as_str(), "longer"),
            ("gpt-oss:20b-cloud", "cloud"),
            ("x:cloud", "cloud"),
            ("x:Local", "local"),
        ] {
            let e = ModelName::parse(text).unwrap_err().to_string();
            assert!(e.contains(word), "{text}: {e}");
        }
    }
}
