//! Sums of packed products against the plain product in f64.

use super::*;
use crate::ops::cpu::matmul::Route;
use crate::ops::random::uniform_at;
use crate::ops::{Encoding, RowOrder};

fn random(key: u64, len: usize) -> Vec<f32> {
    (0..len).map(|i| uniform_at(key, i as u64) as f32 - 0.5).collect()
}

fn weight(bytes: &[u8], rows: usize, cols: usize) -> WeightRef<'_> {
    WeightRef { bytes, encoding: Encoding::F32, rows, cols, row_order: RowOrder::Hf }
}

#[test]
fn sums_of_products_in_odd_shapes() {
    let kernels: &[Kernel] = match Route::detect() {
        Route::Gemm => &[],
        Route::Avx512 { tiles: false } => &[Kernel::Avx512],
        Route::Avx512 { tiles: true } => &[Kernel::Avx512, Kernel::Amx],
    };
    kernels.iter().for_each(|&kernel| in_odd_shapes(kernel));
}

fn in_odd_shapes(kernel: Kernel) {
    for (case, &(m, n, k, r)) in
        [(1, 1, 1, 1), (13, 33, 17, 3), (12, 32, 16, 16), (40, 100, 900, 5), (700, 48, 600, 16), (5, 500, 7, 1)]
            .iter()
            .enumerate()
    {
        let key = 10 * case as u64;
        let (x, low) = (random(key, m * k), random(key + 1, m * r));
        let (w, b) = (random(key + 2, n * k), random(key + 3, r * n));
        let old = random(key + 4, m * (n + 3));
        let bytes: Vec<u8> = w.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut first = Vec::new();
        for threads in [1, 3] {
            let pool = Pool::new(threads);
            let mut packed = vec![f32::NAN; Panels::len(kernel, n, k)];
            pack_weight(kernel, &pool, weight(&bytes, n, k), &mut packed);
            let mut again = vec![f32::NAN; Panels::len(kernel, n, k)];
            pack_t(kernel, &pool, &w, n, k, &mut again);
            assert!(packed == again);
            // The same columns, from their transpose.
            let turned: Vec<u8> = (0..k * n).flat_map(|i| w[i % n * k + i / n].to_le_bytes()).collect();
            let mut back = vec![f32::NAN; Panels::len(kernel, n, k)];
            pack_weight_back(kernel, &pool, weight(&turned, k, n), &mut back);
            assert!(packed == back);
            let mut small = vec![f32::NAN; Panels::len(kernel, n, r)];
            pack(kernel, &b, n, r, &mut small);
            for add in [false, true] {
                let mut c = old.clone();
                let mut other = vec![f32::NAN; m * n];
                for (m0, m) in blocks(kernel, m, k + r) {
                    with_block(kernel, &pool, m, |block| {
                        let (big, low) = (block.rows(&x[m0 * k..], k, k), block.rows(&low[m0 * r..], r, r));
                        let (c, other) = (&mut c[m0 * (n + 3)..], &mut other[m0 * n..]);
                        let terms =
                            vec![(big, Panels::new(kernel, &packed, n, k)), (low, Panels::new(kernel, &small, n, r))];
                        let one = vec![(big, Panels::new(kernel, &packed, n, k))];
                        block.sums(&mut [
                            Sum { c, stride: n + 3, add, terms },
                            Sum { c: other, stride: n, add: false, terms: one },
                        ]);
                    });
                }
                for i in 0..m {
                    for j in 0..n + 3 {
                        let at = i * (n + 3) + j;
                        if j >= n {
                            assert_eq!(c[at], old[at], "nothing is written beside the columns");
                            continue;
                        }
                        let dot = |a: &[f32], b: &mut dyn Iterator<Item = f32>| -> f64 {
                            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(b)).sum()
                        };
                        let one = dot(&x[i * k..][..k], &mut w[j * k..][..k].iter().copied());
                        let two = dot(&low[i * r..][..r], &mut (0..r).map(|l| b[l * n + j]));
                        let before = if add { f64::from(old[at]) } else { 0.0 };
                        let limit = 1e-6 * (k as f64).sqrt() + 1e-6;
                        assert!((f64::from(c[at]) - one - two - before).abs() < limit, "{m}×{n}×{k} at {i}, {j}");
                        assert!((f64::from(other[i * n + j]) - one).abs() < limit);
                    }
                }
                if threads == 1 {
                    first.push(c);
                } else {
                    assert!(first[usize::from(add)] == c, "other bits with other threads");
                }
            }
        }
    }
}
