//! What a run remembers of the model that it registered.

use std::path::Path;

use super::state::Inputs;
use crate::config::{Delivery, RunConfig};
use crate::store::{is_inner, read_nofollow};

pub(super) const FILE: &str = "registered.json";

const MAX_BYTES: u64 = 1 << 20;

/// What the settings of a run export to, in its folder.
pub fn exported_file(config: &RunConfig) -> String {
    match config.delivery {
        Delivery::Adapter => "gguf/adapter.gguf".to_owned(),
        Delivery::Merged => format!("gguf/model-{}.gguf", config.quant),
    }
}

/// The model that a run proved and registered, as its folder keeps it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Registered {
    /// Digest of the manifest under its name.
    pub tag: String,
    /// The exported file, in the run.
    pub file: String,
    pub(super) made_of: Inputs,
}

impl Registered {
    /// None where the run has registered nothing yet.
    pub fn of_run(run: &Path) -> Option<Self> {
        let found: Self = serde_json::from_slice(&read_nofollow(&run.join(FILE), MAX_BYTES).ok()??).ok()?;
        // The run's folder may be anybody's: a file elsewhere is none of it.
        is_inner(Path::new(&found.file)).then_some(found)
    }
}
