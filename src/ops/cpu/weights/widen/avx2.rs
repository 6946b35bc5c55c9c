//! Every encoding on vectors of eight floats (AVX2): codes are converted and scaled. Each value is rounded once, as decoding
//! rounds it: a scale times a code is exact in f32.
//!
//! No `array::map` of vectors: it is compiled without these vectors, so its closure would be called once for each.

use std::arch::x86_64::*;

use super::scales::{half, lanes, scale_mins};

/// 16 values in order.
type Sixteen = [__m256; 2];

/// Where a row's values go: multiplied with x into two chains of 16 sums, or written out.
struct Sink<const STORE: bool> {
    low: Sixteen,
    high: Sixteen,
    x: *const f32,
    out: *mut f32,
}

impl<const STORE: bool> Sink<STORE> {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn new(x: *const f32, out: *mut f32) -> Self {
        let zero = [_mm256_setzero_ps(); 2];
        Self { low: zero, high: zero, x, out }
    }

    /// The 32 values from `at`.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn take(&mut self, at: usize, low: Sixteen, high: Sixteen) {
        // SAFETY: 32 floats are there, by the callers' contract.
        unsafe {
            if STORE {
                let to = self.out.add(at);
                _mm256_storeu_ps(to, low[0]);
                _mm256_storeu_ps(to.add(8), low[1]);
                _mm256_storeu_ps(to.add(16), high[0]);
                _mm256_storeu_ps(to.add(24), high[1]);
            } else {
                let x = self.x.add(at);
                self.low[0] = _mm256_fmadd_ps(low[0], _mm256_loadu_ps(x), self.low[0]);
                self.low[1] = _mm256_fmadd_ps(low[1], _mm256_loadu_ps(x.add(8)), self.low[1]);
                self.high[0] = _mm256_fmadd_ps(high[0], _mm256_loadu_ps(x.add(16)), self.high[0]);
                self.high[1] = _mm256_fmadd_ps(high[1], _mm256_loadu_ps(x.add(24)), self.high[1]);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn end(self) {
        if !STORE {
            // SAFETY: 16 floats are there, by the callers' contract.
            unsafe {
                _mm256_storeu_ps(self.out, _mm256_add_ps(self.low[0], self.high[0]));
                _mm256_storeu_ps(self.out.add(8), _mm256_add_ps(self.low[1], self.high[1]));
            }
        }
    }
}

/// The two f16 that a block begins with: its scale, and its minimum where the format has one.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn scales(block: *const u8) -> (__m256, __m256) {
    // SAFETY: each block holds at least four bytes.
    let v = _mm_cvtph_ps(_mm_cvtsi32_si128(unsafe { block.cast::<i32>().read_unaligned() }));
    (_mm256_broadcastss_ps(v), _mm256_broadcastss_ps(_mm_movehdup_ps(v)))
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn bytes(b: *const u8) -> __m128i {
    // SAFETY: 16 bytes are there, by the callers' contract.
    unsafe { _mm_loadu_si128(b.cast()) }
}

/// 16 codes from 0 to 255.
#[inline]
#[target_feature(enable = "avx2")]
fn unsigned(codes: __m128i) -> Sixteen {
    let eight = |codes| _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(codes));
    [eight(codes), eight(_mm_srli_si128::<8>(codes))]
}

/// 16 codes from −128 to 127.
#[inline]
#[target_feature(enable = "avx2")]
fn signed(codes: __m128i) -> Sixteen {
    let eight = |codes| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes));
    [eight(codes), eight(_mm_srli_si128::<8>(codes))]
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn scaled(codes: Sixteen, d: __m256) -> Sixteen {
    [_mm256_mul_ps(d, codes[0]), _mm256_mul_ps(d, codes[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn placed(codes: Sixteen, d: __m256, m: __m256) -> Sixteen {
    [_mm256_fmadd_ps(d, codes[0], m), _mm256_fmadd_ps(d, codes[1], m)]
}

/// The low and the high halves of 16 bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn nibbles(b: __m128i) -> [__m128i; 2] {
    let nibble = _mm_set1_epi8(15);
    [_mm_and_si128(b, nibble), _mm_and_si128(_mm_srli_epi16::<4>(b), nibble)]
}

/// A reader of blocks of `$values` values: `$of` gives the sink what the block at `$b` holds, from value `$at` on.
macro_rules! reader {
    ($name:ident, $values:literal, |$sink:ident, $b:ident, $at:ident| $of:block) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        pub(super) unsafe fn $name<const STORE: bool>(
            row: *const u8,
            stride: usize,
            x: *const f32,
            out: *mut f32,
            cols: usize,
        ) {
            let mut $sink = Sink::<STORE>::new(x, out);
            // SAFETY: whole blocks of `cols` values, and as many floats, are there.
            unsafe {
                for i in 0..cols / $values {
                    let ($b, $at) = (row.add(i * stride), i * $values);
                    $of
                }
                $sink.end();
            }
        }
    };
}

reader!(f32, 32, |sink, b, at| {
    let eight = |i: usize| _mm256_loadu_ps(b.cast::<f32>().add(8 * i));
    sink.take(at, [eight(0), eight(1)], [eight(2), eight(3)]);
});

reader!(f16, 32, |sink, b, at| {
    let eight = |i: usize| _mm256_cvtph_ps(bytes(b.add(16 * i)));
    sink.take(at, [eight(0), eight(1)], [eight(2), eight(3)]);
});

reader!(bf16, 32, |sink, b, at| {
    let eight = |i: usize| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bytes(b.add(16 * i)))));
    sink.take(at, [eight(0), eight(1)], [eight(2), eight(3)]);
});

reader!(q8_0, 32, |sink, b, at| {
    let (d, _) = scales(b);
    sink.take(at, scaled(signed(bytes(b.add(2))), d), scaled(signed(bytes(b.add(18))), d));
});

reader!(q4_0, 32, |sink, b, at| {
    let (d, _) = scales(b);
    let [low, high] = nibbles(bytes(b.add(2)));
    let values = |codes| scaled(signed(_mm_sub_epi8(codes, _mm_set1_epi8(8))), d);
    sink.take(at, values(low), values(high));
});

reader!(q4_1, 32, |sink, b, at| {
    let (d, m) = scales(b);
    let [low, high] = nibbles(bytes(b.add(4)));
    sink.take(at, placed(unsigned(low), d, m), placed(unsigned(high), d, m));
});

/// 16 in each byte whose bit is set: the first 16 bits, and the others.
#[inline]
#[target_feature(enable = "avx2")]
fn fifth_bits(bits: u32) -> [__m128i; 2] {
    let (ones, bits) = (_mm_set1_epi64x(0x8040_2010_0804_0201_u64 as i64), _mm_set1_epi32(bits as i32));
    let eight_times = |low: i64, high: i64| _mm_set_epi64x(high * 0x0101_0101_0101_0101, low * 0x0101_0101_0101_0101);
    let sixteen = |order| {
        let set = _mm_cmpeq_epi8(_mm_and_si128(_mm_shuffle_epi8(bits, order), ones), ones);
        _mm_and_si128(set, _mm_set1_epi8(16))
    };
    [sixteen(eight_times(0, 1)), sixteen(eight_times(2, 3))]
}

/// 32 codes of five bits: the fifth ones lie together at `at`, the others behind them.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn five_bits(block: *const u8, at: usize) -> [__m128i; 2] {
    // SAFETY: the block has both, by the callers' contract.
    let (bits, codes) = unsafe { (block.add(at).cast::<u32>().read_unaligned(), bytes(block.add(at + 4))) };
    let ([low, high], [low_bits, high_bits]) = (nibbles(codes), fifth_bits(bits));
    [_mm_or_si128(low, low_bits), _mm_or_si128(high, high_bits)]
}

reader!(q5_0, 32, |sink, b, at| {
    let (d, _) = scales(b);
    let [low, high] = five_bits(b, 2);
    let values = |codes| scaled(signed(_mm_sub_epi8(codes, _mm_set1_epi8(16))), d);
    sink.take(at, values(low), values(high));
});

reader!(q5_1, 32, |sink, b, at| {
    let (d, m) = scales(b);
    let [low, high] = five_bits(b, 4);
    sink.take(at, placed(unsigned(low), d, m), placed(unsigned(high), d, m));
});

reader!(q4k, 256, |sink, b, at| {
    let (scale, offset) = scale_mins(b);
    let (scale, offset) = (lanes(scale), lanes(offset));
    for pair in 0..4 {
        let (first, second) = (nibbles(bytes(b.add(16 + 32 * pair))), nibbles(bytes(b.add(32 + 32 * pair))));
        for high in 0..2 {
            let part = 2 * pair + high;
            let (d, m) = (_mm256_set1_ps(scale[part]), _mm256_set1_ps(offset[part]));
            let values = |codes| placed(unsigned(codes), d, m);
            sink.take(at + 32 * part, values(first[high]), values(second[high]));
        }
    }
});

reader!(q5k, 256, |sink, b, at| {
    let (scale, offset) = scale_mins(b);
    let (scale, offset) = (lanes(scale), lanes(offset));
    let bits = [bytes(b.add(16)), bytes(b.add(32))];
    for part in 0..8 {
        let (d, m) = (_mm256_set1_ps(scale[part]), _mm256_set1_ps(offset[part]));
        let bit = _mm_set1_epi8((1u8 << part) as i8);
        let values = |half: usize| {
            let codes = nibbles(bytes(b.add(48 + 32 * (part / 2) + 16 * half)))[part % 2];
            let set = _mm_cmpeq_epi8(_mm_and_si128(bits[half], bit), bit);
            placed(unsigned(_mm_or_si128(codes, _mm_and_si128(set, _mm_set1_epi8(16)))), d, m)
        };
        sink.take(at + 32 * part, values(0), values(1));
    }
});

reader!(q6k, 256, |sink, b, at| {
    let d = half(b.add(208));
    let [low, high] = scaled(signed(bytes(b.add(192))), _mm256_set1_ps(d));
    let scale = [lanes(low), lanes(high)];
    // Half h: four rows of 32 values; row r has nibble r/2 of ql[64h + 32(r%2)..], bits 2r of qh[32h..].
    for part in 0..8usize {
        let (h, r) = (part / 4, part % 4);
        let down = _mm_cvtsi32_si128(2 * r as i32);
        let values = |k: usize| {
            let low = nibbles(bytes(b.add(64 * h + 32 * (r % 2) + 16 * k)))[r / 2];
            let two = _mm_and_si128(_mm_srl_epi16(bytes(b.add(128 + 32 * h + 16 * k)), down), _mm_set1_epi8(3));
            let codes = _mm_sub_epi8(_mm_or_si128(low, _mm_slli_epi16::<4>(two)), _mm_set1_epi8(32));
            let of = 2 * part + k;
            scaled(signed(codes), _mm256_set1_ps(scale[of / 8][of % 8]))
        };
        sink.take(at + 32 * part, values(0), values(1));
    }
});
