//! Versions of the daemon and what they can do (measured and read in the sources: tags 0.12.11 … 0.34.4).

use std::cmp::Ordering;
use std::fmt;

/// A daemon's version; compared by its three numbers. `0.0.0` is a self-built daemon: unknown.
#[derive(Clone, Debug)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    /// As the daemon says it.
    pub text: String,
}

/// The first version with log-probabilities.
pub(super) const OLDEST: (u64, u64, u64) = (0, 12, 11);
/// The last version that takes LoRA adapters.
const LAST_WITH_ADAPTERS: (u64, u64, u64) = (0, 34, 0);
/// The first version whose every GGUF model runs in llama-server, which applies adapters to every architecture.
const LLAMA_SERVER: (u64, u64, u64) = (0, 30, 0);

impl Version {
    /// Reads leniently: `v0.12.11`, `0.33.0-rc2`, `0.34`, `0.0.0`; what is no number counts as 0.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let core = text.trim_start_matches(['v', 'V']).split(['-', '+', ' ']).next().unwrap_or_default();
        let mut parts = core.split('.').map(|p| p.parse().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0);
        Self { major: next(), minor: next(), patch: next(), text: text.to_owned() }
    }

    pub fn numbers(&self) -> (u64, u64, u64) {
        (self.major, self.minor, self.patch)
    }

    /// Whether it is this program's own server, which is no Ollama, wherever it runs.
    pub fn is_embedded_server(&self) -> bool {
        self.text.ends_with("+tunesmith")
    }

    /// Whether the daemon doesn't know its own version.
    pub fn is_unknown(&self) -> bool {
        self.numbers() == (0, 0, 0)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers().cmp(&other.numbers())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a daemon can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub version: Version,
    /// Whether `/api/create` takes LoRA adapters at all; see [`Capabilities::adapter_refusal`].
    pub lora_adapters: bool,
    /// Whether the daemon may store other bytes than those uploaded (it rewrites GGUFs with llama-quantize).
    pub rewrites_gguf: bool,
    /// Requests that it answers together; None where it does not say (Ollama's `OLLAMA_NUM_PARALLEL` is not told to clients).
    pub parallel: Option<usize>,
}

impl Capabilities {
    /// Of a known version. `takes_adapters`: what probing found, for a daemon that doesn't know its version.
    pub(super) fn of(version: Version, takes_adapters: bool) -> Self {
        let n = version.numbers();
        if version.is_unknown() {
            return Self { version, lora_adapters: takes_adapters, rewrites_gguf: takes_adapters, parallel: None };
        }
        Self {
            lora_adapters: (OLDEST..=LAST_WITH_ADAPTERS).contains(&n),
            rewrites_gguf: (LLAMA_SERVER..=LAST_WITH_ADAPTERS).contains(&n),
            version,
            parallel: None,
        }
    }

    /// Why this daemon would not apply an adapter to a base of `architecture` (GGUF's `general.architecture`);
    /// None where it applies it. A probe after creating still has the last word.
    pub fn adapter_refusal(&self, architecture: &str) -> Option<String> {
        let version = &self.version;
        if !self.lora_adapters {
            return Some(format!(
                "Ollama {version} takes no LoRA adapters (0.34.0 was the last that did); deliver a merged GGUF"
            ));
        }
        if version.numbers() >= LLAMA_SERVER || version.is_unknown() {
            return None;
        }
        let own_engine =
            OWN_ENGINE.iter().any(|(since, names)| version.numbers() >= *since && names.contains(&architecture))
                && !(architecture == "qwen3" && version.numbers() == (0, 12, 5));
        own_engine.then(|| {
            format!("Ollama {version} runs {architecture} in its own engine, which applies no adapters; deliver a merged GGUF")
        })
    }
}

/// Architectures that daemons before 0.30.0 run in Ollama's own engine, with the version that moved them there
/// (fs/ggml/ggml.go, `OllamaEngineRequired`, every tag).
#[expect(clippy::type_complexity, reason = "a table")]
const OWN_ENGINE: &[((u64, u64, u64), &[&str])] = &[
    ((0, 10, 0), &["gemma3", "gemma3n", "llama4", "mistral3", "mllama", "qwen25vl"]),
    ((0, 11, 0), &["gptoss", "gpt-oss"]),
    ((0, 12, 0), &["qwen3"]),
    ((0, 12, 2), &["qwen3moe"]),
    ((0, 12, 7), &["qwen3vl", "qwen3vlmoe"]),
    ((0, 13, 0), &["deepseek2", "deepseekocr"]),
    ((0, 13, 1), &["nomic-bert"]),
    ((0, 13, 4), &["olmo3"]),
    ((0, 13, 5), &["bert"]),
    ((0, 14, 3), &["glm4moelite", "lfm2"]),
    ((0, 15, 5), &["glmocr", "qwen3next"]),
    ((0, 17, 1), &["lfm2moe", "nemotron_h", "nemotron_h_moe", "qwen35", "qwen35moe"]),
    ((0, 20, 0), &["gemma4"]),
    ((0, 22, 0), &["laguna", "nemotron_h_omni"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(text: &str) -> Capabilities {
        Capabilities::of(Version::parse(text), true)
    }

    #[test]
    fn versions_are_read_leniently() {
        for (text, want) in [
            ("0.34.4", (0, 34, 4)),
            ("v0.12.11", (0, 12, 11)),
            ("0.33.0-rc2", (0, 33, 0)),
            ("0.13.0-3-gabc+dirty", (0, 13, 0)),
            ("1.2", (1, 2, 0)),
            ("", (0, 0, 0)),
            ("dev", (0, 0, 0)),
            ("99999999999999999999.1.1", (0, 1, 1)),
        ] {
            assert_eq!(Version::parse(text).numbers(), want, "{text}");
        }
        assert!(Version::parse("0.9.10") < Version::parse("0.12.1"));
        assert_eq!(Version::parse("0.33.0-rc2"), Version::parse("0.33.0"));
    }

    #[test]
    fn adapters_are_taken_from_0_12_11_to_0_34_0_by_what_their_engine_applies() {
        for (version, arch, applied) in [
            ("0.12.11", "llama", true),
            ("0.24.0", "qwen2", true),
            ("0.24.0", "qwen3", false),
            ("0.12.10", "llama", false),
            ("0.24.0", "gemma3", false),
            ("0.30.0", "qwen3", true),
            ("0.34.0", "gemma3", true),
            ("0.34.1", "llama", false),
            ("0.34.4", "llama", false),
            ("1.0.0", "llama", false),
            ("0.0.0", "qwen3", true),
        ] {
            let refusal = caps(version).adapter_refusal(arch);
            assert_eq!(refusal.is_none(), applied, "{version} {arch}: {refusal:?}");
        }
        assert!(!Capabilities::of(Version::parse("0.0.0"), false).lora_adapters);
    }

    #[test]
    fn ggufs_are_rewritten_from_0_30_0_to_0_34_0() {
        for (version, rewrites) in
            [("0.24.0", false), ("0.30.0", true), ("0.32.15", true), ("0.34.0", true), ("0.34.4", false)]
        {
            assert_eq!(caps(version).rewrites_gguf, rewrites, "{version}");
        }
    }
}
