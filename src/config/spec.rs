//! What the table of options says of each: everything but its value.

use super::kind::Kind;
use crate::train::Range;

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its key in a config file.
    pub key: &'static str,
    /// Lines of documentation: the first is its help.
    pub docs: &'static [&'static str],
    pub kind: Kind,
    /// Whether it has no default and must be given.
    pub required: bool,
    /// As a config file says it; `null` where the value follows from other things.
    pub default: &'static str,
    /// What holds where the default is `null`.
    pub unset: &'static str,
    pub section: Section,
    /// Of a number.
    pub range: Option<Range>,
    pub taken_by: Commands,
    /// Its flag, where that is not the key with `-` for `_`.
    pub flag: &'static str,
    pub short: Option<char>,
    /// The name of the flag's value in help.
    pub value: &'static str,
    /// Other keys (and flags) that mean the same.
    pub aliases: &'static [&'static str],
    /// What other trainers call it: suggested, never accepted.
    pub elsewhere: &'static [&'static str],
    /// Whether another value means another training. The places of files and what is delivered do not.
    pub decides_training: bool,
    /// Whether the texts of a flag can be read as its value.
    pub accepts: fn(&[&str]) -> Result<(), String>,
}

/// The commands that take an option as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commands {
    /// It is said in a config file only.
    None,
    Some(&'static [&'static str]),
    /// It is one of the common options.
    All,
}

/// The commands that train.
pub(super) const TRAINING: Commands = Commands::Some(&["run", "plan", "train"]);
pub(super) const RUN: Commands = Commands::Some(&["run"]);
pub(super) const RUN_AND_TRAIN: Commands = Commands::Some(&["run", "train"]);

/// The groups of options, in the order of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Model,
    Data,
    Lora,
    Training,
    Evaluation,
    Memory,
    Delivery,
    Gate,
    Places,
}

impl Section {
    pub const ALL: [Self; 9] = [
        Self::Model,
        Self::Data,
        Self::Lora,
        Self::Training,
        Self::Evaluation,
        Self::Memory,
        Self::Delivery,
        Self::Gate,
        Self::Places,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Model => "Model",
            Self::Data => "Data",
            Self::Lora => "LoRA",
            Self::Training => "Training",
            Self::Evaluation => "Evaluation during training",
            Self::Memory => "Memory and device",
            Self::Delivery => "Delivery",
            Self::Gate => "Proof and gate",
            Self::Places => "Files and daemon",
        }
    }
}

impl Spec {
    /// An option of which only key, kind, help and default are said.
    pub(super) const PLAIN: Self = Self {
        key: "",
        docs: &[],
        kind: Kind::Text,
        required: false,
        default: "null",
        unset: "",
        section: Section::Model,
        range: None,
        taken_by: Commands::None,
        flag: "",
        short: None,
        value: "",
        aliases: &[],
        elsewhere: &[],
        decides_training: false,
        accepts: |_| Ok(()),
    };

    /// One line, imperative, without a full stop.
    pub fn help(&self) -> &'static str {
        self.docs.first().map_or("", |line| line.trim())
    }

    /// What the documents say beyond the help.
    pub fn details(&self) -> impl Iterator<Item = &'static str> {
        self.docs.iter().skip(1).map(|line| line.trim()).filter(|line| !line.is_empty())
    }

    pub fn flag(&self) -> String {
        if self.flag.is_empty() { self.key.replace('_', "-") } else { self.flag.to_owned() }
    }

    pub fn is_flag_of(&self, command: &str) -> bool {
        match self.taken_by {
            Commands::None => false,
            Commands::Some(commands) => commands.contains(&command),
            Commands::All => true,
        }
    }

    /// What holds when nothing is said, for people; empty for a switch and for what must be given.
    pub fn default_text(&self) -> &'static str {
        match (self.default, self.kind) {
            ("null", _) => self.unset,
            (_, Kind::Bool | Kind::Numbers) => "",
            (default, _) => default,
        }
    }

    /// What a value must be, to follow "expected".
    pub fn expected(&self) -> String {
        match self.range {
            Some(range) => format!("{} {range}", self.kind.noun()),
            None => self.kind.noun().to_owned(),
        }
    }
}
