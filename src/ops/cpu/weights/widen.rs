//! Encoded blocks in registers (AVX-512), to be multiplied at once or written out: codes become values by a look-up among
//! the 16 or 32 that a block's scale allows. They are bit for bit what decoding gives.

use std::arch::x86_64::*;

use crate::ops::Encoding;

pub(in crate::ops::cpu) mod kquants;
mod sink;

use kquants::{q4k, q5k, q6k};
use sink::{Sink, ramp, scales, spread};

/// (first block, bytes from block to block, x, out, values): reads whole blocks (32 plain floats count as one) and as many
/// floats of x.
type Read = unsafe fn(*const u8, usize, *const f32, *mut f32, usize);

/// Whether this CPU can run what stands here.
pub(in crate::ops::cpu) fn ready() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f") && has!("avx512bw") && has!("f16c") && has!("fma")
}

/// How blocks of one encoding are read.
#[derive(Clone, Copy)]
pub(in crate::ops::cpu) struct Reader {
    /// Writes the 16 partial sums of row·x: lane `l` adds the products at 32·i + l in order, then those at 32·i + 16 + l.
    dot: Read,
    /// Writes the row's values; x is not read.
    widen: Read,
    encoding: Encoding,
}

impl Reader {
    /// The reader of rows of `cols` values, where there is one; [`ready`] is the caller's to ask.
    pub(in crate::ops::cpu) fn find(encoding: Encoding, cols: usize) -> Option<Self> {
        if !cols.is_multiple_of(encoding.block().0.max(32)) {
            return None;
        }
        macro_rules! both {
            ($name:ident) => {
                Some(Self { dot: $name::<false>, widen: $name::<true>, encoding })
            };
        }
        match encoding {
            Encoding::F32 => both!(f32),
            Encoding::F16 => both!(f16),
            Encoding::BF16 => both!(bf16),
            Encoding::Q8_0 => both!(q8_0),
            Encoding::Q4_0 => both!(q4_0),
            Encoding::Q4_1 => both!(q4_1),
            Encoding::Q5_0 => both!(q5_0),
            Encoding::Q5_1 => both!(q5_1),
            Encoding::Q4K => both!(q4k),
            Encoding::Q5K => both!(q5k),
            Encoding::Q6K => both!(q6k),
        }
    }

    /// # Safety
    /// The CPU is [`ready`].
    #[inline]
    pub(in crate::ops::cpu) unsafe fn dot(self, row: &[u8], x: &[f32], lanes: &mut [f32; 16]) {
        assert!(row.len() == self.encoding.bytes_for(x.len()));
        // SAFETY: row and x hold `x.len()` values, whole blocks by `find`.
        unsafe { (self.dot)(row.as_ptr(), self.size(), x.as_ptr(), lanes.as_mut_ptr(), x.len()) }
    }

    /// Bytes of a block.
    fn size(self) -> usize {
        self.encoding.bytes_for(self.encoding.block().0.max(32))
    }

    /// # Safety
    /// The CPU is [`ready`].
    #[inline]
    pub(in crate::ops::cpu) unsafe fn widen(self, row: &[u8], values: &mut [f32]) {
        assert!(row.len() == self.encoding.bytes_for(values.len()));
        // SAFETY: row and values hold `values.len()` values, whole blocks by `find`.
        unsafe { (self.widen)(row.as_ptr(), self.size(), std::ptr::null(), values.as_mut_ptr(), values.len()) }
    }

    /// Blocks that lie `stride` bytes apart, end to end.
    ///
    /// # Safety
    /// The CPU is [`ready`].
    #[inline]
    pub(in crate::ops::cpu) unsafe fn widen_apart(self, bytes: &[u8], stride: usize, values: &mut [f32]) {
        let block = self.encoding.block().0.max(32);
        let blocks = values.len() / block;
        assert!(values.len() == blocks * block);
        assert!(blocks == 0 || (blocks - 1) * stride + self.size() <= bytes.len());
        // SAFETY: the blocks and their values are there.
        unsafe { (self.widen)(bytes.as_ptr(), stride, std::ptr::null(), values.as_mut_ptr(), values.len()) }
    }
}

/// Plain floats: `$load` makes 16 of them from a pointer to `$bytes` bytes each.
macro_rules! floats {
    ($name:ident, $bytes:literal, $load:expr) => {
        #[target_feature(enable = "avx512f,avx512bw,f16c")]
        unsafe fn $name<const STORE: bool>(row: *const u8, stride: usize, x: *const f32, out: *mut f32, cols: usize) {
            let mut sink = Sink::<STORE>::new(x, out);
            // SAFETY: `cols` values are there, a multiple of 32.
            unsafe {
                for i in 0..cols / 32 {
                    let (load, b) = ($load, row.add(i * stride));
                    sink.take(32 * i, load(b), load(b.add(16 * $bytes)));
                }
                sink.end();
            }
        }
    };
}
floats!(f32, 4, |b: *const u8| _mm512_loadu_ps(b.cast()));
floats!(f16, 2, |b: *const u8| _mm512_cvtph_ps(_mm256_loadu_si256(b.cast())));
floats!(bf16, 2, |b: *const u8| {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(b.cast()))))
});

#[target_feature(enable = "avx512f,avx512bw,f16c")]
unsafe fn q8_0<const STORE: bool>(row: *const u8, stride: usize, x: *const f32, out: *mut f32, cols: usize) {
    let mut sink = Sink::<STORE>::new(x, out);
    // SAFETY: `cols / 32` whole blocks and 32 floats each are there.
    unsafe {
        for i in 0..cols / 32 {
            let b = row.add(i * stride);
            let (d, _) = scales(b);
            let codes = |at| _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(b.add(at).cast())));
            sink.take(i * 32, _mm512_mul_ps(d, codes(2)), _mm512_mul_ps(d, codes(18)));
        }
        sink.end();
    }
}

/// Four bits: a table of the block's 16 values.
macro_rules! four {
    ($name:ident, $qs:literal, $first:literal, $minimum:literal) => {
        #[target_feature(enable = "avx512f,avx512bw,f16c")]
        unsafe fn $name<const STORE: bool>(row: *const u8, stride: usize, x: *const f32, out: *mut f32, cols: usize) {
            let mut sink = Sink::<STORE>::new(x, out);
            let ramp = ramp($first);
            // SAFETY: `cols / 32` whole blocks and 32 floats each are there.
            unsafe {
                for i in 0..cols / 32 {
                    let b = row.add(i * stride);
                    let (d, m) = scales(b);
                    // d·code is exact in f32, so the fused form rounds as decoding does.
                    let table = if $minimum { _mm512_fmadd_ps(d, ramp, m) } else { _mm512_mul_ps(d, ramp) };
                    let codes = spread(b.add($qs));
                    let look = |c| _mm512_permutexvar_ps(c, table);
                    sink.take(i * 32, look(codes), look(_mm512_srli_epi32::<4>(codes)));
                }
                sink.end();
            }
        }
    };
}
four!(q4_0, 2, -8.0, false);
four!(q4_1, 4, 0.0, true);

/// Five bits: a table of 32 values; the fifth bits lie together.
macro_rules! five {
    ($name:ident, $qh:literal, $first:literal, $minimum:literal) => {
        #[target_feature(enable = "avx512f,avx512bw,f16c")]
        unsafe fn $name<const STORE: bool>(row: *const u8, stride: usize, x: *const f32, out: *mut f32, cols: usize) {
            let mut sink = Sink::<STORE>::new(x, out);
            let ramps = (ramp($first), ramp($first + 16.0));
            let (nibble, bit) = (_mm512_set1_epi32(15), _mm512_set1_epi32(16));
            // SAFETY: `cols / 32` whole blocks and 32 floats each are there.
            unsafe {
                for i in 0..cols / 32 {
                    let b = row.add(i * stride);
                    let (d, m) = scales(b);
                    let m = if $minimum { m } else { _mm512_setzero_ps() };
                    let tables = (_mm512_fmadd_ps(d, ramps.0, m), _mm512_fmadd_ps(d, ramps.1, m));
                    let (codes, high) = (spread(b.add($qh + 4)), b.add($qh).cast::<u32>().read_unaligned());
                    let low = _mm512_and_si512(codes, nibble);
                    let top = _mm512_srli_epi32::<4>(codes);
                    let low = _mm512_mask_or_epi32(low, high as u16, low, bit);
                    let top = _mm512_mask_or_epi32(top, (high >> 16) as u16, top, bit);
                    let look = |c| _mm512_permutex2var_ps(tables.0, c, tables.1);
                    sink.take(i * 32, look(low), look(top));
                }
                sink.end();
            }
        }
    };
}
five!(q5_0, 2, -16.0, false);
five!(q5_1, 4, 0.0, true);
