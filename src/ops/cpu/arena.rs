//! Buffers that are used again: a fresh one would cost page faults at every step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ops::cpu::words::Words;

/// Freed buffers by capacity.
#[derive(Debug, Default)]
pub(super) struct Arena(Mutex<BTreeMap<usize, Vec<Words>>>);

/// f32 values that go back to the arena when dropped.
pub struct Buf {
    data: Words,
    arena: Arc<Arena>,
}

impl Arena {
    fn take(&self, len: usize) -> Option<Words> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A much larger one would waste its memory.
        let (&capacity, list) = free.range_mut(len..=len.saturating_mul(2).max(1024)).next()?;
        let found = list.pop();
        if list.is_empty() {
            free.remove(&capacity);
        }
        found
    }
}

impl Buf {
    /// `len` values of unspecified contents.
    pub(super) fn new(arena: &Arc<Arena>, len: usize) -> Self {
        let mut data = arena.take(len).unwrap_or_default();
        data.resize(len);
        Self { data, arena: Arc::clone(arena) }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        if data.capacity() > 0 {
            let mut free = self.arena.0.lock().unwrap_or_else(PoisonError::into_inner);
            free.entry(data.capacity()).or_default().push(data);
        }
    }
}

impl std::fmt::Debug for Buf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buf({})", self.data.len())
    }
}

impl std::ops::Deref for Buf {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.data
    }
}

impl std::ops::DerefMut for Buf {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }
}
