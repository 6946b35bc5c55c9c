//! PEFT's `target_modules`.

use crate::weights::Site;

/// What `target_modules` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TargetModules {
    #[default]
    AllLinear,
    /// Each a module's path or its last dotted parts (`q_proj`, `layers.1.mlp.up_proj`).
    Names(Vec<String>),
    /// Matches the whole path: `.*\.layers\.[01]\.self_attn\.(q|v)_proj`.
    Regex(String),
}

impl From<&[Site]> for TargetModules {
    fn from(sites: &[Site]) -> Self {
        Self::Names(sites.iter().map(|s| s.module().to_owned()).collect())
    }
}

/// `all-linear`, names with commas between them, or a regular expression.
impl std::str::FromStr for TargetModules {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        Ok(match text {
            "all-linear" | "all_linear" | "all" => Self::AllLinear,
            // No module's name holds these.
            _ if text.contains(['*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$', '\\']) => {
                Self::Regex(text.into())
            }
            _ => Self::Names(text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()),
        })
    }
}

/// As it is read, and as `adapter_config.json` has it.
impl serde::Serialize for TargetModules {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AllLinear => s.serialize_str("all-linear"),
            Self::Names(names) => names.serialize(s),
            Self::Regex(regex) => s.serialize_str(regex),
        }
    }
}

impl TargetModules {
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self)
    }
}
