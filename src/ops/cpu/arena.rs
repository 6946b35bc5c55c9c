//! Buffers that are used again: a fresh one would cost page faults at every step.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::ops::cpu::words::Words;

/// Freed buffers by capacity, and the bytes of all buffers there are.
#[derive(Debug, Default)]
pub(super) struct Arena {
    free: Mutex<BTreeMap<usize, Vec<Words>>>,
    held: AtomicU64,
    made: AtomicU64,
}

/// f32 values that go back to the arena when dropped.
pub struct Buf {
    data: Words,
    arena: Arc<Arena>,
}

/// Capacities are rounded up to eighths of a power of two, so that steps of about a size use the same buffers.
fn rounded(len: usize) -> usize {
    len.next_multiple_of((len.next_power_of_two() / 16).max(64))
}

impl Arena {
    /// A buffer of `len` words: a freed one of at most twice the size, else a new one, in place of a smaller one where
    /// one is free that it could have been.
    fn take(&self, len: usize) -> Words {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pop = |range: std::ops::RangeInclusive<usize>, last: bool| {
            let mut fits = free.range_mut(range);
            let (&capacity, list) = if last { fits.next_back() } else { fits.next() }?;
            let found = list.pop();
            if list.is_empty() {
                free.remove(&capacity);
            }
            found
        };
        if let Some(mut found) = pop(len..=len.saturating_mul(2).max(1024), false) {
            found.resize(len);
            return found;
        }
        if let Some(small) = pop(len / 2..=len, true) {
            self.held.fetch_sub(4 * small.capacity() as u64, Ordering::Relaxed);
        }
        drop(free);
        let mut data = Words::zeros(rounded(len));
        self.held.fetch_add(4 * data.capacity() as u64, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
        data.resize(len);
        data
    }

    /// Bytes of all buffers, in use or free.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// How many were ever allocated.
    #[cfg(test)]
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

impl Buf {
    /// `len` values of unspecified contents.
    pub(super) fn new(arena: &Arc<Arena>, len: usize) -> Self {
        Self { data: arena.take(len), arena: Arc::clone(arena) }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        if data.capacity() > 0 {
            let mut free = self.arena.free.lock().unwrap_or_else(PoisonError::into_inner);
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
