//! Choices that a config names by a word. The words of the engine's own choices are derived where they are defined.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::input::none_of;

/// What is registered: the merged model, or base + adapter (daemons up to 0.34.0).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, strum::Display, strum::EnumString, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Delivery {
    Merged,
    Adapter,
}

/// A choice that the program makes where none is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice<T> {
    #[default]
    Auto,
    Named(T),
}

impl<T: FromStr + strum::VariantNames> FromStr for Choice<T> {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let word = text.trim().to_ascii_lowercase();
        if word == "auto" {
            return Ok(Self::Auto);
        }
        let words: Vec<_> = std::iter::once("auto").chain(T::VARIANTS.iter().copied()).collect();
        word.parse().map(Self::Named).map_err(|_| none_of(&word, &words))
    }
}

impl<T: fmt::Display> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(named) => named.fmt(f),
        }
    }
}

impl<T: fmt::Display> serde::Serialize for Choice<T> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
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

impl FromStr for Replay {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("is empty; expected auto, off, or a file of prompts".into()),
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
    use crate::export::Quant;
    use crate::input::word;
    use crate::model::DeviceKind;
    use crate::train::Scheduler;

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        assert_eq!(word::<Quant>(" Q8_0 "), Ok(Quant::Q8_0));
        let e = word::<Scheduler>("cosin").unwrap_err();
        assert!(e.contains("linear, cosine, constant") && e.contains("did you mean \"cosine\""), "{e}");
        assert_eq!("data/p.jsonl".parse::<Replay>().unwrap(), Replay::File("data/p.jsonl".into()));
    }

    #[test]
    fn a_choice_is_auto_or_a_word_and_is_written_as_it_is_read() {
        assert_eq!("Auto".parse::<Choice<DeviceKind>>(), Ok(Choice::Auto));
        for place in [DeviceKind::Cpu, DeviceKind::Cuda, DeviceKind::Metal] {
            assert_eq!(place.to_string().parse(), Ok(Choice::Named(place)));
        }
        let e = "gpu".parse::<Choice<DeviceKind>>().unwrap_err();
        assert!(e.contains("expected one of auto, cpu, cuda, metal"), "{e}");
    }
}
