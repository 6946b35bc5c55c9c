//! The identity of a base: a digest of each part that can change what is trained, exported or served.

use std::collections::BTreeMap;

use super::Digest;

/// Part name to digest. Stored in manifests and beside adapters, so the names are part of the format.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Identity(BTreeMap<String, Digest>);

impl Identity {
    /// The GGUF file, or the weight files of a folder.
    pub const WEIGHTS: &str = "weights";
    /// Architecture, lengths, rotary base and scaling, epsilon, tying, generation settings.
    pub const CONFIG: &str = "config";
    pub const TOKENIZER: &str = "tokenizer";
    /// The template that examples are rendered with.
    pub const CHAT_TEMPLATE: &str = "chat_template";
    /// TEMPLATE, RENDERER and PARSER of a model in Ollama.
    pub const OLLAMA_TEMPLATE: &str = "ollama_template";
    pub const SYSTEM: &str = "system";
    /// PARAMETER and MESSAGE of a model in Ollama.
    pub const PARAMETERS: &str = "parameters";

    pub fn set(&mut self, part: &str, digest: Digest) {
        self.0.insert(part.to_owned(), digest);
    }

    pub fn get(&self, part: &str) -> Option<Digest> {
        self.0.get(part).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn parts(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.0.iter().map(|(name, digest)| (name.as_str(), *digest))
    }

    /// One digest of all parts: SHA-256 of versioned JSON with sorted keys.
    pub fn digest(&self) -> Digest {
        const FORMAT: u32 = 1;
        Digest::of_bytes(serde_json::json!({"format": FORMAT, "parts": self.0}).to_string().as_bytes())
    }

    /// The parts that are not the same in both, in their order.
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let added = other.0.keys().filter(|k| !self.0.contains_key(*k));
        let all = self.0.keys().chain(added);
        all.filter(|part| self.0.get(*part) != other.0.get(*part)).map(String::as_str).collect()
    }

    /// As [`Self::differences`], of the parts that an adapter depends on: with another one of these it is applied to
    /// another model. The rest decides how a model is served, and a base given by path has none of it.
    pub fn of_adapter<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        const PARTS: [&str; 4] = [Identity::WEIGHTS, Identity::CONFIG, Identity::TOKENIZER, Identity::CHAT_TEMPLATE];
        self.differences(other).into_iter().filter(|part| PARTS.contains(part)).collect()
    }

    /// What a part is called in messages.
    pub fn words(part: &str) -> &str {
        match part {
            Self::WEIGHTS => "weight file",
            Self::CHAT_TEMPLATE => "chat template",
            Self::OLLAMA_TEMPLATE => "Ollama TEMPLATE",
            Self::SYSTEM => "SYSTEM prompt",
            Self::PARAMETERS => "Ollama parameters",
            other => other,
        }
    }

    /// `chat template and tokenizer`
    pub fn list(parts: &[&str]) -> String {
        let words: Vec<_> = parts.iter().map(|part| Self::words(part)).collect();
        match words.as_slice() {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [before @ .., last] => format!("{} and {last}", before.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(parts: &[(&str, &str)]) -> Identity {
        let mut identity = Identity::default();
        parts.iter().for_each(|(part, text)| identity.set(part, Digest::of_bytes(text.as_bytes())));
        identity
    }

    #[test]
    fn every_part_decides_the_digest_and_what_differs_is_named() {
        let base = identity(&[("weights", "w"), ("config", "c"), ("chat_template", "t")]);
        assert_eq!(base.digest(), identity(&[("chat_template", "t"), ("config", "c"), ("weights", "w")]).digest());
        assert_eq!(base.differences(&base), Vec::<&str>::new());
        let other = identity(&[("weights", "w"), ("config", "c"), ("chat_template", "u"), ("system", "s")]);
        assert_ne!(base.digest(), other.digest());
        assert_eq!(base.differences(&other), ["chat_template", "system"]);
        assert_eq!(base.of_adapter(&other), ["chat_template"]);
        assert_eq!(Identity::list(&base.differences(&other)), "chat template and SYSTEM prompt");
        // One that lost a part is another one.
        assert_eq!(other.differences(&base), ["chat_template", "system"]);
        let text = serde_json::to_string(&base).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), base);
    }
}
