//! Buffers that are used again: a fresh one would cost page faults at every step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ops::cpu::words::Words;

/// Freed buffers by capacity, and how many words there are.
#[derive(Debug, Default)]
struct Shelf {
    free: BTreeMap<usize, Vec<Words>>,
    held: usize,
    used: usize,
    /// The most that were in use at once.
    peak: usize,
    /// Buffers ever allocated.
    made: u64,
}

#[derive(Debug, Default)]
pub(super) struct Arena(Mutex<Shelf>);

/// f32 values that go back to the arena when dropped.
pub struct Buf {
    data: Words,
    arena: Arc<Arena>,
}

/// Capacities are rounded up to eighths of a power of two, so that steps of about a size use the same buffers.
fn rounded(len: usize) -> usize {
    len.next_multiple_of((len.next_power_of_two() / 16).max(64))
}

impl Shelf {
    fn pop(&mut self, capacity: usize) -> Option<Words> {
        let list = self.free.get_mut(&capacity)?;
        let found = list.pop();
        if list.is_empty() {
            self.free.remove(&capacity);
        }
        found
    }

    /// A buffer of this capacity and no other: then a step that is like one before allocates nothing. What steps of other
    /// sizes left is given back when it is more than what is needed at once.
    fn take(&mut self, capacity: usize) -> Words {
        self.used += capacity;
        self.peak = self.peak.max(self.used);
        if let Some(found) = self.pop(capacity) {
            return found;
        }
        self.held += capacity;
        while self.held > 2 * self.peak {
            let Some(&largest) = self.free.keys().next_back() else { break };
            self.held -= self.pop(largest).map_or(largest, |w| w.capacity());
        }
        self.made += 1;
        Words::zeros(capacity)
    }
}

impl Arena {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many buffers were ever allocated; words of those there are, and the most that were in use at once.
    #[cfg(test)]
    pub fn counts(&self) -> (u64, usize, usize) {
        let shelf = self.shelf();
        (shelf.made, shelf.held, shelf.peak)
    }
}

impl Buf {
    /// `len` values of unspecified contents.
    pub(super) fn new(arena: &Arc<Arena>, len: usize) -> Self {
        let mut data = arena.shelf().take(rounded(len));
        data.resize(len);
        Self { data, arena: Arc::clone(arena) }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        let mut shelf = self.arena.shelf();
        shelf.used -= data.capacity();
        shelf.free.entry(data.capacity()).or_default().push(data);
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
