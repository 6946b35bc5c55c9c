//! What every request sees.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::engine::Engine;
use super::second::Loaded;
use crate::store::Digest;

/// What every request sees.
#[derive(Debug)]
pub(super) struct State {
    pub store: PathBuf,
    /// The one used last comes first.
    pub engines: Mutex<Vec<Arc<Engine>>>,
    /// Held while a model is loaded.
    pub opening: Mutex<()>,
    pub second: Mutex<Option<Loaded>>,
    /// Held while manifests change.
    pub manifests: Mutex<()>,
    /// Blobs that a client uploaded or found here, and when: it may be about to create a model of them.
    pub uploads: Mutex<HashMap<Digest, Instant>>,
}

impl State {
    pub(super) fn new(store: &Path) -> Self {
        Self {
            store: store.to_path_buf(),
            engines: Mutex::default(),
            opening: Mutex::default(),
            second: Mutex::default(),
            manifests: Mutex::default(),
            uploads: Mutex::default(),
        }
    }
}
