//! Reading ahead.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Asks for bytes that are read later, wherever they are: rows lie too far apart for the CPU to see them coming.
#[inline]
pub(super) fn prefetch(from: *const u8, bytes: usize) {
    for at in (0..bytes).step_by(64) {
        // SAFETY: a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at).cast()) };
    }
}
