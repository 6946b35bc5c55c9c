//! The base's last hidden states of distilled sequences, computed once and kept up to [`MAX_BYTES`]. Each sequence is
//! computed alone, so they are the same bits in whatever step it stands, kept or not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::ops::Compute;

/// Bytes of hidden states that are kept; sequences beyond are computed anew in each epoch.
pub const MAX_BYTES: usize = 32 << 20;

/// A sequence, and how it is computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub ids: Vec<u32>,
    /// The rows of the sequence that are read.
    pub rows: Vec<usize>,
    pub compute: Compute,
}

#[derive(Debug, Default)]
pub(super) struct TeacherStates(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    states: HashMap<Key, Arc<Vec<f32>>>,
    bytes: usize,
}

impl TeacherStates {
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Vec<f32>>> {
        self.0.lock().ok()?.states.get(key).cloned()
    }

    pub(super) fn keep(&self, key: Key, states: &Arc<Vec<f32>>) {
        let bytes = 4 * (states.len() + key.ids.len()) + 8 * key.rows.len();
        if let Ok(mut kept) = self.0.lock()
            && kept.bytes + bytes <= MAX_BYTES
        {
            kept.bytes += bytes;
            kept.states.insert(key, Arc::clone(states));
        }
    }
}
