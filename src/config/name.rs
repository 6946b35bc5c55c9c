//! Names of models, as Ollama takes them and as folders.

/// Ollama's rule (types/model/name.go): parts of letters, digits, `_`, `-`, `.`, the first a letter, digit or `_`; the tag after `:`.
pub(super) fn model_name_fault(name: &str) -> Result<(), String> {
    let (path, tag) = match name.rfind(':') {
        Some(at) if !name[at..].contains('/') => (&name[..at], Some(&name[at + 1..])),
        _ => (name, None),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let good = |part: &str| {
        part.len() <= 80
            && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    let host = |part: &str| good(&part.replace(':', "-"));
    let ok = match parts.as_slice() {
        [model] => good(model),
        [space, model] => good(space) && good(model),
        [h, space, model] => host(h) && good(space) && good(model),
        _ => false,
    };
    if ok && tag.is_none_or(good) {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no name Ollama takes; letters, digits, `.`, `_`, `-`, and a tag after `:` (like my-model:v2)"
    ))
}

/// A model's name as the name of its folder.
pub(super) fn folder_name(model: &str) -> String {
    let clean: String =
        model.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    if clean.trim_matches('.').is_empty() { "model".into() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_ollama_takes() {
        for good in ["a", "smollm2:135m", "me/x:v1", "localhost:5000/me/x:v1", "registry.example/library/x"] {
            assert!(model_name_fault(good).is_ok(), "{good}");
        }
        for bad in ["a b", "a:", "-x", "a/b/c/d", "é", "a:b:c", "a//b"] {
            assert!(model_name_fault(bad).is_err(), "{bad}");
        }
    }
}
