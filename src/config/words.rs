//! Choices that a config names by a word.

use std::path::PathBuf;

/// Defines an enum whose variants are words, read, shown and serialised as such.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),* }

        impl $name {
            pub const WORDS: &[&str] = &[$($word),*];
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text.trim().to_ascii_lowercase().as_str() {
                    $($word => Ok(Self::$variant),)*
                    other => Err(none_of(other, Self::WORDS)),
                }
            }
        }
    };
}

fn none_of(word: &str, words: &[&str]) -> String {
    let word: String = word.chars().take(60).collect();
    let hint = super::nearest(&word, words).map(|n| format!("; did you mean {n:?}?")).unwrap_or_default();
    format!("{word:?} is none of {}{hint}", words.join(", "))
}

words! {
    /// How the learning rate falls after its warm-up.
    Scheduler { Linear = "linear", Cosine = "cosine", Constant = "constant", ConstantWithWarmup = "constant_with_warmup" }
}
words! {
    /// The notation of a dataset's records, by the key that each of them has.
    Shape { Messages = "messages", Conversations = "conversations", Instruction = "instruction", Prompt = "prompt", Text = "text" }
}
words! {
    /// Where the arithmetic runs; `auto` takes what the build and the machine have.
    Device { Auto = "auto", Cpu = "cpu", Cuda = "cuda", Metal = "metal" }
}
words! {
    /// The arithmetic of training's matrix products with the base's weights; `auto` takes the fastest that this CPU and this
    /// base have.
    Compute { Auto = "auto", F32 = "f32", Bf16 = "bf16", Int8 = "int8" }
}
words! {
    /// The type of the exported GGUF's touched tensors; `keep` = the base's own.
    Quant { Keep = "keep", F16 = "f16", Bf16 = "bf16", Q8_0 = "q8_0" }
}
words! {
    /// With `keep`: the least type of a touched tensor.
    QuantFloor { Q8_0 = "q8_0", Same = "same" }
}
words! {
    /// What is registered: the merged model, or base + adapter (daemons up to 0.34.0).
    Delivery { Merged = "merged", Adapter = "adapter" }
}
words! {
    /// Whether `builtin:general` guards the gate.
    General { On = "on", Off = "off" }
}
words! {
    /// What a suite demands: better (`improve`), or not worse by more than the margin (`hold`).
    Goal { Improve = "improve", Hold = "hold" }
}
words! {
    /// The per-prompt score a suite is judged by.
    Metric { ExactMatch = "exact_match", KeywordMatch = "keyword_match", Pass = "pass", TokenF1 = "token_f1" }
}

/// What is mixed in against forgetting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    Off,
    /// The prompts that ship with the program, answered by the base itself.
    Auto,
    /// The user's own prompts, answered likewise.
    File(PathBuf),
}

impl std::str::FromStr for Replay {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("is empty; say auto, off, or a file of prompts".into()),
            "off" => Ok(Self::Off),
            "auto" | "on" => Ok(Self::Auto),
            path => Ok(Self::File(PathBuf::from(path))),
        }
    }
}

impl serde::Serialize for Replay {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => s.serialize_str("off"),
            Self::Auto => s.serialize_str("auto"),
            Self::File(path) => s.collect_str(&path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        assert_eq!("Q8_0".parse::<Quant>().unwrap(), Quant::Q8_0);
        let e = "cosin".parse::<Scheduler>().unwrap_err();
        assert!(e.contains("linear, cosine, constant") && e.contains("did you mean \"cosine\""), "{e}");
        assert_eq!("data/p.jsonl".parse::<Replay>().unwrap(), Replay::File("data/p.jsonl".into()));
    }
}
