//! Readers of blocks and tiles of dot products, on vectors of every width that this CPU has.
#![cfg(target_arch = "x86_64")]

use super::*;
use crate::ops::cpu::gemm::Route;
use crate::ops::cpu::gemv::{Few, Rows, few_rows};
use crate::ops::cpu::simd::{Vectors, forced};
use crate::ops::cpu::weights::widen::Reader;
use crate::ops::pool::Pool;

/// What 16 lanes add for one product, in their order: two chains of every other 16 columns, then the chains.
fn lanes(w: &[f32], x: &[f32]) -> [f32; 16] {
    let mut chains = [[0.0f32; 16]; 2];
    for (i, (w, x)) in w.iter().zip(x).enumerate() {
        let sum = &mut chains[i / 16 % 2][i % 16];
        *sum = w.mul_add(*x, *sum);
    }
    std::array::from_fn(|l| chains[0][l] + chains[1][l])
}

/// The lanes as a tree: those 8 apart, then 4, 2, 1.
fn total(mut lanes: [f32; 16]) -> f32 {
    for width in [8, 4, 2, 1] {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
    }
    lanes[0]
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn every_reader_gives_the_bits_of_decoding_and_adds_in_its_order() {
    if forced::copies() == [Vectors::Plain] {
        println!("not tested: this CPU has no vectors that blocks are read on");
    }
    for encoding in Encoding::ALL {
        let (values, size) = encoding.block();
        let cols = 3 * values.max(32);
        let mut bytes = few_tests::encoded(encoding, 1, cols);
        // Scales of both signs.
        if values > 1 {
            let at = if encoding == Encoding::Q6K { 208 } else { 0 };
            bytes.chunks_exact_mut(size).step_by(2).for_each(|block| block[at + 1] ^= 0x80);
        }
        let mut decoded = vec![0.0; cols];
        decode(encoding, &bytes, &mut decoded);
        assert!(decoded.iter().any(|v| *v < 0.0) && decoded.iter().any(|v| *v > 0.0), "{encoding:?}");
        let x = random(5, cols);
        // What a reader takes as one block, with 7 bytes between two.
        let whole = encoding.bytes_for(values.max(32));
        let apart: Vec<u8> = bytes.chunks_exact(whole).flat_map(|b| b.iter().copied().chain([0xa5; 7])).collect();
        for vectors in forced::copies() {
            let Some(reader) = Reader::find(vectors, encoding, cols) else {
                assert_eq!(vectors, Vectors::Plain, "{encoding:?}");
                continue;
            };
            let (mut row, mut blocks, mut sums) = (vec![f32::NAN; cols], vec![f32::NAN; cols], [f32::NAN; 16]);
            // SAFETY: the CPU has these vectors.
            unsafe {
                reader.widen(&bytes, &mut row);
                reader.widen_apart(&apart, whole + 7, &mut blocks);
                reader.dot(&bytes, &x, &mut sums);
            }
            assert_eq!(bits(&row), bits(&decoded), "{encoding:?} {vectors:?}");
            assert_eq!(bits(&blocks), bits(&decoded), "{encoding:?} {vectors:?}");
            assert_eq!(bits(&sums), bits(&lanes(&decoded, &x)), "{encoding:?} {vectors:?}");
        }
    }
}

/// At every number of rows of both, and where the columns fill no register.
#[test]
fn every_tile_adds_in_one_order() {
    let pool = Pool::new(2);
    for route in Route::all().into_iter().filter(|route| *route != Route::Gemm) {
        for (rows, out, cols) in (1..=9).flat_map(|rows| [(rows, 1, 7), (rows, 18, 32), (rows, 5, 77), (rows, 33, 120)])
        {
            let (x, w) = (random(rows as u64, rows * cols), random(7, out * cols));
            let mut y = vec![f32::NAN; rows * out];
            few_rows(route, &pool, &x, &mut [Few { y: &mut y, w: Rows::plain(&w, cols) }]);
            for (r, x) in x.chunks_exact(cols).enumerate() {
                let want: Vec<f32> = w.chunks_exact(cols).map(|w| total(lanes(w, x))).collect();
                assert_eq!(y[r * out..][..out], want, "{route:?}: row {r} of {rows} × {out} × {cols}");
            }
        }
    }
}
