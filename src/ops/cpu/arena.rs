//! One stretch of memory for the values of a pass: buffers of it are used again, since fresh memory costs page faults (on
//! virtual machines seconds a GiB).
//!
//! Address space is reserved for all that may be needed; the system gives memory to what is touched. Buffers are cut from
//! the lowest place that fits, and neighbours that are free become one: so no more is touched than is needed at once,
//! whatever sizes the steps have.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::ops::FreeRanges;
use crate::ops::cpu::region::Region;

/// Words that a buffer begins at a multiple of, a cache line.
const LINE: usize = 16;

/// Requests for memory that the system refused.
#[derive(Debug, Default)]
struct Refusals {
    /// One was refused since somebody asked.
    pending: AtomicBool,
    /// Bytes of the last one.
    bytes: AtomicU64,
    /// Buffers without memory.
    missing: AtomicUsize,
    /// The request that is refused for a test, counted from the next one; 0: none.
    #[cfg(test)]
    planned: AtomicUsize,
}

#[derive(Debug, Default)]
pub(super) struct Arena {
    /// None where the system gave nothing: each buffer then is an allocation of its own.
    region: OnceLock<Option<Region>>,
    /// In words.
    free: Mutex<FreeRanges>,
    /// The first word that was never used.
    #[cfg(test)]
    touched: AtomicUsize,
    refusals: Refusals,
}

/// f32 values that go back to the arena when dropped.
pub struct Buf {
    place: Slot,
    len: usize,
    arena: Arc<Arena>,
}

enum Slot {
    Region {
        start: usize,
        words: usize,
    },
    /// An allocation of its own, where the region is full.
    Own(Region),
    /// No memory: the buffer is an empty slice, whatever its length.
    Missing,
}

impl Arena {
    /// An arena of `bytes` of address space. Where the system does not give them, it is reserved at the first use, as by default.
    pub(super) fn of(bytes: u64) -> Self {
        let arena = Self::default();
        let words = usize::try_from(bytes / 4).unwrap_or(usize::MAX / 16).next_multiple_of(1024);
        if let Some(region) = Region::new(words) {
            arena.free().give(0..region.words());
            // The cell is empty: nobody else has this arena yet.
            let _ = arena.region.set(Some(region));
        }
        arena
    }

    fn free(&self) -> MutexGuard<'_, FreeRanges> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn region(&self) -> Option<&Region> {
        let reserve = || {
            let region = Region::reserve();
            if let Some(region) = &region {
                self.free().give(0..region.words());
            }
            region
        };
        self.region.get_or_init(reserve).as_ref()
    }

    /// Whether memory was refused that a computation needs: what is computed now is worthless.
    pub(super) fn is_exhausted(&self) -> bool {
        self.refusals.pending.load(Ordering::Relaxed) || self.refusals.missing.load(Ordering::Relaxed) > 0
    }

    /// Bytes of the request that was refused, if one was since this was last asked, or as long as a buffer is without memory.
    pub(super) fn refused(&self) -> Option<u64> {
        let pending = self.refusals.pending.swap(false, Ordering::Relaxed);
        let refused = pending || self.refusals.missing.load(Ordering::Relaxed) > 0;
        refused.then(|| self.refusals.bytes.load(Ordering::Relaxed))
    }

    /// Refuses the `nth` request from now on.
    #[cfg(test)]
    pub(super) fn refuse(&self, nth: usize) {
        self.refusals.planned.store(nth, Ordering::Relaxed);
    }

    #[cfg(test)]
    fn is_refusal_planned(&self) -> bool {
        let planned = &self.refusals.planned;
        planned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) == Ok(1)
    }

    /// Words that were ever in use at once, with the gaps between them.
    #[cfg(test)]
    pub(super) fn touched(&self) -> usize {
        self.touched.load(Ordering::Relaxed)
    }
}

impl Buf {
    /// `len` values of unspecified contents. None where the system refuses the memory, which [`Arena::refused`] says then.
    pub(super) fn new(arena: &Arc<Arena>, len: usize) -> Option<Self> {
        let made = Self::placed(arena, len);
        if made.is_none() {
            arena.refusals.bytes.store((len as u64).saturating_mul(4), Ordering::Relaxed);
            arena.refusals.pending.store(true, Ordering::Relaxed);
        }
        made
    }

    fn placed(arena: &Arc<Arena>, len: usize) -> Option<Self> {
        #[cfg(test)]
        if arena.is_refusal_planned() {
            return None;
        }
        let words = len.checked_next_multiple_of(LINE)?.max(LINE);
        let region = arena.region();
        let place = match region.and_then(|_| arena.free().take(words)) {
            Some(start) => {
                #[cfg(test)]
                arena.touched.fetch_max(start + words, Ordering::Relaxed);
                Slot::Region { start, words }
            }
            None => Slot::Own(Region::new(len.max(1))?),
        };
        Some(Self { place, len, arena: Arc::clone(arena) })
    }

    /// A buffer of `len` values for which there is no memory. Nothing may be computed with it.
    pub(super) fn missing(arena: &Arc<Arena>, len: usize) -> Self {
        arena.refusals.missing.fetch_add(1, Ordering::Relaxed);
        Self { place: Slot::Missing, len, arena: Arc::clone(arena) }
    }

    /// How many values were asked for, whether there is memory for them or not.
    pub(super) fn asked(&self) -> usize {
        self.len
    }

    /// Where its values begin, and how many there are.
    fn values(&self) -> (*mut f32, usize) {
        match &self.place {
            Slot::Region { start, .. } => match self.arena.region() {
                // SAFETY: the place lies within the region.
                Some(region) => (unsafe { region.start().add(*start) }, self.len),
                None => (std::ptr::dangling_mut(), 0),
            },
            Slot::Own(region) => (region.start(), self.len),
            Slot::Missing => (std::ptr::dangling_mut(), 0),
        }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        match self.place {
            Slot::Region { start, words } => self.arena.free().give(start..start + words),
            Slot::Own(_) => {}
            Slot::Missing => drop(self.arena.refusals.missing.fetch_sub(1, Ordering::Relaxed)),
        }
    }
}

impl std::fmt::Debug for Buf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buf({})", self.len)
    }
}

impl std::ops::Deref for Buf {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        let (start, len) = self.values();
        // SAFETY: the words of this buffer's place, which no other has; always initialised, since the region begins zeroed.
        unsafe { std::slice::from_raw_parts(start, len) }
    }
}

impl std::ops::DerefMut for Buf {
    fn deref_mut(&mut self) -> &mut [f32] {
        let (start, len) = self.values();
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_keeps_to_its_own() {
        let arena = Arc::<Arena>::default();
        let mut all: Vec<Buf> = (1..50).map(|n| Buf::new(&arena, 7 * n).unwrap()).collect();
        for (i, b) in all.iter_mut().enumerate() {
            b.fill(i as f32);
        }
        assert!(all.iter().enumerate().all(|(i, b)| b.iter().all(|&v| v == i as f32)));
        assert!(all.iter().all(|b| b.as_ptr().align_offset(64) == 0));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri ends where there is no memory")]
    fn a_refusal_is_told_once_and_as_long_as_a_buffer_is_without_memory() {
        let arena = Arc::<Arena>::default();
        // More than any address space, and more than its words can be counted.
        for len in [1 << 60, usize::MAX] {
            assert!(Buf::new(&arena, len).is_none() && arena.is_exhausted());
            assert_eq!((arena.refused(), arena.refused()), (Some((len as u64).saturating_mul(4)), None));
            let missing = Buf::missing(&arena, len);
            assert!(missing.is_empty() && missing.asked() == len && arena.is_exhausted());
            assert!(arena.refused().is_some() && arena.refused().is_some());
            drop(missing);
            assert!(!arena.is_exhausted() && arena.refused().is_none());
        }
        assert_eq!(Buf::new(&arena, 5).unwrap().len(), 5);
    }
}
