//! What these readers share: scales, lanes, and where values go.

use std::arch::x86_64::*;

/// The two f16 that a block begins with: its scale, and its minimum where the format has one. (All at once by a gather was
/// as fast on Intel, and slow on AMD.)
#[inline]
#[target_feature(enable = "avx512f,avx512bw,f16c")]
pub(super) unsafe fn scales(block: *const u8) -> (__m512, __m512) {
    // SAFETY: each block holds at least four bytes.
    let v = _mm_cvtph_ps(_mm_cvtsi32_si128(unsafe { block.cast::<i32>().read_unaligned() }));
    (_mm512_broadcastss_ps(v), _mm512_broadcastss_ps(_mm_movehdup_ps(v)))
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn ramp(first: f32) -> __m512 {
    let lanes = _mm512_setr_ps(0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.);
    _mm512_add_ps(lanes, _mm512_set1_ps(first))
}

/// 16 bytes as 16 lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn spread(b: *const u8) -> __m512i {
    // SAFETY: by the callers' contract 16 bytes are there.
    unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(b.cast())) }
}

/// Where a row's values go: multiplied with x into two chains of sums, or written out.
pub(super) struct Sink<const STORE: bool> {
    low: __m512,
    high: __m512,
    x: *const f32,
    out: *mut f32,
}

impl<const STORE: bool> Sink<STORE> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(x: *const f32, out: *mut f32) -> Self {
        Self { low: _mm512_setzero_ps(), high: _mm512_setzero_ps(), x, out }
    }

    /// The 32 values from `at`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn take(&mut self, at: usize, low: __m512, high: __m512) {
        // SAFETY: 32 floats are there, by the callers' contract.
        unsafe {
            if STORE {
                _mm512_storeu_ps(self.out.add(at), low);
                _mm512_storeu_ps(self.out.add(at + 16), high);
            } else {
                self.low = _mm512_fmadd_ps(low, _mm512_loadu_ps(self.x.add(at)), self.low);
                self.high = _mm512_fmadd_ps(high, _mm512_loadu_ps(self.x.add(at + 16)), self.high);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn end(self) {
        if !STORE {
            // SAFETY: 16 floats are there, by the callers' contract.
            unsafe { _mm512_storeu_ps(self.out, _mm512_add_ps(self.low, self.high)) };
        }
    }
}
