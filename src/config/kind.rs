//! The types that an option may have: how each is written, read and checked.

use std::path::PathBuf;
use std::str::FromStr;

use super::memory::Memory;
use super::value::{Numbers, Paths};
use super::words::{Choice, Delivery, Replay};
use crate::dataset::Shape;
use crate::export::{Floor, Quant};
use crate::input::{FromValue, word};
use crate::lora::TargetModules;
use crate::model::DeviceKind;
use crate::ops::Compute;
use crate::roles::General;
use crate::train::Scheduler;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Whole,
    Number,
    Text,
    /// One of these words; with `auto`, that word too.
    Words {
        auto: bool,
        words: &'static [&'static str],
    },
    /// One of these words, or a path.
    WordOrPath(&'static [&'static str]),
    Path,
    /// A path or a glob, or a list of them.
    Paths,
    /// `all-linear`, a list of names, or a regular expression.
    Modules,
    /// Whole numbers, or one.
    List,
    /// Numbers by name.
    Numbers,
    /// An amount of memory.
    Size,
}

impl Kind {
    /// To follow "expected".
    pub fn noun(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Words { .. } => "one of its words",
            Self::WordOrPath(_) => "a word or a path",
            Self::Path => "a path",
            Self::Paths => "a path, a glob, or a list of them",
            Self::Modules => "all-linear, a list of names, or a regular expression",
            Self::List => "a list of whole numbers",
            Self::Numbers => "a mapping of names to numbers",
            Self::Size => "an amount of memory",
        }
    }

    /// The words that may be chosen from, where there are some.
    pub fn words(self) -> Vec<&'static str> {
        match self {
            Self::Words { auto, words } => auto.then_some("auto").into_iter().chain(words.iter().copied()).collect(),
            Self::WordOrPath(words) => words.to_vec(),
            _ => Vec::new(),
        }
    }
}

/// Why an option has no value.
#[derive(Debug, PartialEq, Eq)]
pub enum NoValue {
    /// Nothing was said, and nothing else is known.
    Missing,
    /// What was said means nothing.
    Invalid(String),
}

/// A type that an option may have.
pub trait OptionType: Sized {
    /// What files and flags say, before it is checked.
    type Said: FromValue;
    const KIND: Kind;
    /// Whether it must be given where the table has no default.
    const REQUIRED: bool = true;

    fn of(said: Option<Self::Said>) -> Result<Self, NoValue>;

    /// For the check of its range.
    fn number(&self) -> Option<f64> {
        None
    }
}

impl<T: OptionType> OptionType for Option<T> {
    type Said = T::Said;
    const KIND: Kind = T::KIND;
    const REQUIRED: bool = false;

    fn of(said: Option<T::Said>) -> Result<Self, NoValue> {
        said.map(|said| T::of(Some(said))).transpose()
    }

    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(T::number)
    }
}

/// Types that are said as they are meant.
macro_rules! plain {
    ($($type:ty: $kind:ident),*) => {
        $(impl OptionType for $type {
            type Said = Self;
            const KIND: Kind = Kind::$kind;

            fn of(said: Option<Self>) -> Result<Self, NoValue> {
                said.ok_or(NoValue::Missing)
            }
        })*
    };
}

plain!(bool: Bool, String: Text, PathBuf: Path, Paths: Paths, TargetModules: Modules, Vec<usize>: List, Numbers: Numbers);

/// Numbers, whose range the table gives.
macro_rules! numbers {
    ($($type:ty: $said:ty, $kind:ident),*) => {
        $(impl OptionType for $type {
            type Said = $said;
            const KIND: Kind = Kind::$kind;

            fn of(said: Option<$said>) -> Result<Self, NoValue> {
                said.map(|n| n as Self).ok_or(NoValue::Missing)
            }

            fn number(&self) -> Option<f64> {
                Some(*self as f64)
            }
        })*
    };
}

numbers!(f64: f64, Number, u64: u64, Whole, usize: u64, Whole);

/// Types that a text is parsed to.
macro_rules! parsed {
    ($($type:ty: $kind:expr, $parse:expr;)*) => {
        $(impl OptionType for $type {
            type Said = String;
            const KIND: Kind = $kind;

            fn of(said: Option<String>) -> Result<Self, NoValue> {
                let parse: fn(&str) -> Result<Self, String> = $parse;
                parse(&said.ok_or(NoValue::Missing)?).map_err(NoValue::Invalid)
            }
        })*
    };
}

/// One of a type's words.
const fn words<T: strum::VariantNames>(auto: bool) -> Kind {
    Kind::Words { auto, words: T::VARIANTS }
}

parsed! {
    Shape: words::<Self>(false), word;
    Scheduler: words::<Self>(false), word;
    Quant: words::<Self>(false), word;
    Floor: words::<Self>(false), word;
    Delivery: words::<Self>(false), word;
    General: words::<Self>(false), word;
    Choice<DeviceKind>: words::<DeviceKind>(true), Self::from_str;
    Choice<Compute>: words::<Compute>(true), Self::from_str;
    Replay: Kind::WordOrPath(&["auto", "off"]), Self::from_str;
    Memory: Kind::Size, Self::from_str;
}
