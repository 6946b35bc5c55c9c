//! PEFT's `target_modules`.

use crate::weights::Site;

/// What `target_modules` says.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetModules {
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

impl TargetModules {
    /// As `adapter_config.json` has it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::AllLinear => "all-linear".into(),
            Self::Names(names) => names.as_slice().into(),
            Self::Regex(regex) => regex.as_str().into(),
        }
    }
}
