//! Names of models, compared.

/// An Ollama name in full (`x` → `registry.ollama.ai/library/x:latest`), in lower case: Ollama's names ignore case.
pub fn normalise(name: &str) -> String {
    let name = name.trim().to_lowercase();
    let tagged = match name.rfind(':') {
        Some(at) if !name[at..].contains('/') => name,
        _ => format!("{name}:latest"),
    };
    match tagged.matches('/').count() {
        0 => format!("registry.ollama.ai/library/{tagged}"),
        1 => format!("registry.ollama.ai/{tagged}"),
        _ => tagged,
    }
}

/// Whether two names are one model to Ollama.
pub fn same_model(a: &str, b: &str) -> bool {
    normalise(a) == normalise(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_ollama_does() {
        assert!(same_model("x", "registry.ollama.ai/library/X:latest"));
        assert!(same_model("me/x", "registry.ollama.ai/me/x:latest"));
        assert!(!same_model("x:v1", "x"));
        assert_eq!(normalise("localhost:5000/a/b"), "localhost:5000/a/b:latest");
    }
}
