//! Memory for an arena to cut, or for a single buffer.
//!
//! Where a tool watches every access (Miri, or AddressSanitizer, for which `just sanitize` sets `separate_buffers`) there is
//! no memory to cut: each buffer is an allocation of exactly its length.

#[cfg(any(miri, separate_buffers))]
pub(super) use heap::Region;
#[cfg(not(any(miri, separate_buffers)))]
pub(super) use mapped::Region;

#[cfg(not(any(miri, separate_buffers)))]
mod mapped {
    use memmap2::{MmapOptions, MmapRaw};

    use crate::machine::available_memory;

    /// Where the system does not say what is free.
    const UNKNOWN: u64 = 4 << 30;
    /// The smallest region that is worth being cut: words.
    const LEAST: usize = 4096;

    /// Reserved address space, zero where it was never written.
    #[derive(Debug)]
    pub(in crate::ops::cpu) struct Region {
        map: MmapRaw,
        words: usize,
    }

    impl Region {
        /// None where the system does not give it.
        pub(in crate::ops::cpu) fn new(words: usize) -> Option<Self> {
            let map = MmapRaw::from(MmapOptions::new().len(words.checked_mul(4)?).no_reserve_swap().map_anon().ok()?);
            // A wish: without it the pages are small, and the products wait for their addresses.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            Some(Self { map, words })
        }

        /// What is free now, or what the system gives of it. None: nothing.
        pub(in crate::ops::cpu) fn reserve() -> Option<Self> {
            let free = available_memory().unwrap_or(UNKNOWN).clamp(64 << 20, 1 << 46);
            let mut words = usize::try_from(free / 4).unwrap_or(usize::MAX / 16).next_multiple_of(1024);
            loop {
                let region = Self::new(words);
                if region.is_some() || words <= LEAST {
                    return region;
                }
                words = (words / 2).next_multiple_of(1024);
            }
        }

        /// Of a page; who may touch what of it is settled by `Arena`.
        pub(in crate::ops::cpu) fn start(&self) -> *mut f32 {
            self.map.as_mut_ptr().cast()
        }

        pub(in crate::ops::cpu) fn words(&self) -> usize {
            self.words
        }
    }
}

#[cfg(any(miri, separate_buffers))]
mod heap {
    use std::alloc::{Layout, alloc_zeroed, dealloc};

    /// Zeroed words of the heap.
    #[derive(Debug)]
    pub(in crate::ops::cpu) struct Region {
        start: *mut f32,
        layout: Layout,
    }

    // SAFETY: it owns its memory; who may touch what of it is settled by `Arena`.
    unsafe impl Send for Region {}
    // SAFETY: as above.
    unsafe impl Sync for Region {}

    impl Region {
        /// None where there is none.
        pub(in crate::ops::cpu) fn new(words: usize) -> Option<Self> {
            // Of a cache line, as a mapped buffer.
            let layout = Layout::from_size_align(words.checked_mul(4)?.max(4), 64).ok()?;
            // SAFETY: the size is not zero.
            let start: *mut f32 = unsafe { alloc_zeroed(layout) }.cast();
            (!start.is_null()).then(|| Self { start, layout })
        }

        pub(in crate::ops::cpu) fn reserve() -> Option<Self> {
            None
        }

        pub(in crate::ops::cpu) fn start(&self) -> *mut f32 {
            self.start
        }

        pub(in crate::ops::cpu) fn words(&self) -> usize {
            self.layout.size() / 4
        }
    }

    impl Drop for Region {
        fn drop(&mut self) {
            // SAFETY: allocated by `new` with this layout.
            unsafe { dealloc(self.start.cast(), self.layout) };
        }
    }
}
