//! Encoded blocks in registers, to be multiplied at once or written out. The values are bit for bit what decoding gives; sums
//! are the same on vectors of sixteen ([`avx512`]) and of eight ([`avx2`]).

use crate::ops::Encoding;
use crate::ops::cpu::simd::Vectors;

mod avx2;
mod avx512;
pub(in crate::ops::cpu) mod scales;

/// (first block, bytes from block to block, x, out, values): reads whole blocks (32 plain floats count as one) and as many
/// floats of x.
type Read = unsafe fn(*const u8, usize, *const f32, *mut f32, usize);

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
    /// The reader of rows of `cols` values, where there is one; that the CPU has these vectors is the caller's to ask.
    pub(in crate::ops::cpu) fn find(vectors: Vectors, encoding: Encoding, cols: usize) -> Option<Self> {
        if !cols.is_multiple_of(encoding.block().0.max(32)) {
            return None;
        }
        macro_rules! of {
            ($module:ident) => {
                of!(
                    $module: F32 f32, F16 f16, BF16 bf16, Q8_0 q8_0, Q4_0 q4_0, Q4_1 q4_1, Q5_0 q5_0, Q5_1 q5_1, Q4K q4k,
                    Q5K q5k, Q6K q6k
                )
            };
            ($module:ident: $($of:ident $name:ident),+) => {
                match encoding {
                    $(Encoding::$of => Self { dot: $module::$name::<false>, widen: $module::$name::<true>, encoding },)+
                }
            };
        }
        match vectors {
            Vectors::Avx512 => Some(of!(avx512)),
            Vectors::Avx2 => Some(of!(avx2)),
            Vectors::Plain => None,
        }
    }

    /// # Safety
    /// The CPU has the reader's vectors.
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
    /// The CPU has the reader's vectors.
    #[inline]
    pub(in crate::ops::cpu) unsafe fn widen(self, row: &[u8], values: &mut [f32]) {
        assert!(row.len() == self.encoding.bytes_for(values.len()));
        // SAFETY: row and values hold `values.len()` values, whole blocks by `find`.
        unsafe { (self.widen)(row.as_ptr(), self.size(), std::ptr::null(), values.as_mut_ptr(), values.len()) }
    }

    /// Blocks that lie `stride` bytes apart, end to end.
    ///
    /// # Safety
    /// The CPU has the reader's vectors.
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
