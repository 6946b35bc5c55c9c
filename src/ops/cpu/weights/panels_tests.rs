//! Sums of packed products against the plain product in f64.

use super::*;
use crate::ops::WeightRef;
use crate::ops::cpu::gemm::Route;
use crate::ops::cpu::weights::columns::{Side, pack, pack_t};
use crate::ops::random::{bits_at, uniform_at};
use crate::ops::{Compute, Encoding, RowOrder, decode, encode_nearest};

fn random(key: u64, len: usize) -> Vec<f32> {
    (0..len).map(|i| uniform_at(key, i as u64) as f32 - 0.5).collect()
}

/// All panels of f32 values of a stored weight.
fn made(kernel: Kernel, values: &[f32], rows: usize, cols: usize, side: Side) -> Vec<f32> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let w = WeightRef { bytes: &bytes, encoding: Encoding::F32, rows, cols, row_order: RowOrder::Hf };
    let columns = Columns::stored(kernel, w, side, Compute::F32);
    let mut out = vec![f32::NAN; Columns::len(kernel, columns.n, columns.k)];
    let words = columns.scratch(columns.k, columns.group);
    for (group, out) in out.chunks_mut(words).enumerate() {
        columns.make(group * columns.group, 0..columns.k, out);
    }
    out
}

#[test]
fn sums_of_products_in_odd_shapes() {
    Route::all().into_iter().filter_map(Route::kernel).for_each(in_odd_shapes);
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
        let mut first = Vec::new();
        for threads in [1, 3] {
            let pool = Pool::new(threads);
            let mut packed = vec![f32::NAN; Columns::len(kernel, n, k)];
            pack_t(kernel, &pool, &w, n, k, &mut packed);
            assert!(packed == made(kernel, &w, n, k, Side::Forward));
            // The same columns, from their transpose.
            let turned: Vec<f32> = (0..k * n).map(|i| w[i % n * k + i / n]).collect();
            assert!(packed == made(kernel, &turned, k, n, Side::Back));
            let mut small = vec![f32::NAN; Columns::len(kernel, n, r)];
            pack(kernel, &b, n, r, &mut small);
            for add in [false, true] {
                let mut c = old.clone();
                let mut other = vec![f32::NAN; m * n];
                for (m0, m) in blocks(kernel, Compute::F32, m) {
                    with_block(kernel, &pool, m, |block| {
                        let (big, low) = (
                            block.rows(&x[m0 * k..], k, k, Compute::F32),
                            block.rows(&low[m0 * r..], r, r, Compute::F32),
                        );
                        let (c, other) = (&mut c[m0 * (n + 3)..], &mut other[m0 * n..]);
                        let terms =
                            vec![(big, Columns::new(kernel, &packed, n, k)), (low, Columns::new(kernel, &small, n, r))];
                        let one = vec![(big, Columns::new(kernel, &packed, n, k))];
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

/// The nearest bf16, away from zero where two are as near.
fn to_bf16(v: f32) -> f64 {
    let v = f64::from(v);
    if v == 0.0 {
        return 0.0;
    }
    let ulp = 2f64.powi(v.abs().log2().floor() as i32 - 7);
    (v / ulp).round() * ulp
}

/// Blocks of 64 of a row, in whole multiples of a 127th of the largest. Rounded as the kernel does: by an inverse in f32.
fn to_int8(row: &[f32]) -> Vec<f64> {
    let block = |b: &[f32]| -> Vec<f64> {
        let largest = b.iter().fold(0f32, |m, v| m.max(v.abs()));
        let (scale, inverse) = if largest < 1e-35 { (0.0, 0.0) } else { (largest / 127.0, 127.0 / largest) };
        b.iter().map(|v| f64::from(scale) * f64::from((v * inverse).round_ties_even())).collect()
    };
    row.chunks(64).flat_map(block).collect()
}

/// The columns of a Q4_K weight in eight bits: multiples of a 127th of the largest magnitude that the scales allow, which is
/// that of a part's values if all its codes were 0, or 15; in blocks of 64 depths, and 32 columns where these share parts.
fn q4k_to_int8(w: &WeightRef<'_>, side: Side, decoded: &[f32]) -> Vec<f64> {
    let all = |nibbles: u8| {
        let mut bytes = w.bytes.to_vec();
        bytes.chunks_exact_mut(144).for_each(|b| b[16..].fill(nibbles));
        let mut ends = vec![0.0; decoded.len()];
        decode(w.encoding, &bytes, &mut ends);
        ends
    };
    let (zeros, ones) = (all(0), all(0xff));
    // Rows and columns of the weight with one scale.
    let (high, wide) = if side == Side::Forward { (1, 64) } else { (64, 32) };
    let of = |row: usize, col: usize| row / high * (w.cols / wide) + col / wide;
    let mut largest = vec![0f32; w.rows.div_ceil(high) * (w.cols / wide)];
    for at in 0..decoded.len() {
        let largest = &mut largest[of(at / w.cols, at % w.cols)];
        *largest = largest.max(zeros[at].abs()).max(ones[at].abs());
    }
    let code = |row: usize, col: usize| {
        let (largest, value) = (largest[of(row, col)], decoded[row * w.cols + col]);
        if largest < 1e-35 {
            0.0
        } else {
            f64::from(largest / 127.0) * f64::from((value * (127.0 / largest)).round_ties_even())
        }
    };
    match side {
        Side::Forward => (0..decoded.len()).map(|c| code(c / w.cols, c % w.cols)).collect(),
        Side::Back => (0..decoded.len()).map(|c| code(c % w.rows, c / w.rows)).collect(),
    }
}

fn rounded(compute: Compute, row: &[f32]) -> Vec<f64> {
    match compute {
        Compute::F32 => row.iter().map(|v| f64::from(*v)).collect(),
        Compute::Bf16 => row.iter().map(|v| to_bf16(*v)).collect(),
        Compute::Int8 => to_int8(row),
    }
}

/// What this CPU can multiply by.
fn cases() -> Vec<(Kernel, Compute)> {
    let of = |kernel: Kernel| {
        let all = [(Compute::F32, true), (Compute::Bf16, kernel == Kernel::Amx), (Compute::Int8, kernel.has_int8())];
        all.into_iter().filter_map(|(compute, there)| there.then_some(compute)).collect::<Vec<_>>()
    };
    let kernels = Route::all().into_iter().filter_map(Route::kernel);
    kernels.flat_map(|kernel| of(kernel).into_iter().map(move |compute| (kernel, compute))).collect()
}

/// Of a K-quant, which is not encoded here: any codes under scales that are numbers.
fn any_codes(encoding: Encoding, values: usize) -> Vec<u8> {
    let codes = |i: usize| encoding == Encoding::Q4K && i % 144 >= 16;
    let byte = |i: usize| (bits_at(5, i as u64) % if codes(i) { 256 } else { 64 }) as u8;
    (0..encoding.bytes_for(values)).map(byte).collect()
}

/// Every encoding, both ways round: a weight's columns made in the task give the product of the decoded values; in bf16,
/// that of the nearest bf16 on both sides, in int8 that of both sides' codes.
#[test]
fn stored_weights_of_every_encoding() {
    for (case, encoding) in Encoding::ALL.into_iter().enumerate() {
        // BF16 goes a way of its own on tiles: several stages of it, too.
        let (rows, cols) = match encoding {
            Encoding::BF16 => (1300, 2000),
            e if e.block().0 == 1 => (70, 333),
            // Several stages in eight bits, too.
            Encoding::Q4K => (70, 2048),
            _ => (70, 1280),
        };
        let values: Vec<f32> = random(7, rows * cols).iter().map(|v| v * 0.2).collect();
        let mut bytes = Vec::new();
        if encode_nearest(encoding, &values, &mut bytes).is_err() {
            bytes = any_codes(encoding, rows * cols);
        }
        let w = WeightRef { bytes: &bytes, encoding, rows, cols, row_order: RowOrder::Hf };
        let mut decoded = vec![0.0; rows * cols];
        decode(encoding, &bytes, &mut decoded);
        for side in [Side::Forward, Side::Back] {
            let (n, k) = if side == Side::Forward { (rows, cols) } else { (cols, rows) };
            let m = if encoding == Encoding::Q8_0 { 800 } else { 40 + 250 * (case % 2) };
            let x = random(case as u64, m * k);
            let at = |j: usize, i: usize| if side == Side::Forward { j * cols + i } else { i * cols + j };
            let columns: Vec<f32> = (0..n * k).map(|i| decoded[at(i / k, i % k)]).collect();
            for (kernel, compute) in cases() {
                let whole = |rows: &[f32]| rows.chunks(k).flat_map(|row| rounded(compute, row)).collect::<Vec<f64>>();
                let (xs, ws) = match (kernel, compute, encoding) {
                    (Kernel::Avx512 | Kernel::Amx, Compute::Int8, Encoding::Q4K) => {
                        (whole(&x), q4k_to_int8(&w, side, &decoded))
                    }
                    _ => (whole(&x), whole(&columns)),
                };
                let dot = |i: usize, j: usize| xs[i * k..][..k].iter().zip(&ws[j * k..][..k]).map(|(x, w)| x * w).sum();
                let want: Vec<f64> = (0..m * n).map(|c| dot(c / n, c % n)).collect();
                let size = want.iter().map(|v: &f64| v.abs()).fold(0.0, f64::max);
                let mut c = vec![f32::NAN; m * n];
                product(&Pool::new(3), &mut c, &x, k, Columns::stored(kernel, w, side, compute));
                for (a, b) in c.iter().zip(&want) {
                    let what = || format!("{kernel:?} {compute:?} {encoding:?} {side:?}: {a}, not {b}");
                    assert!((f64::from(*a) - b).abs() < 3e-6 * size, "{}", what());
                }
            }
        }
    }
}

/// However many stand beside it: blocks of eight bits are added in one order, whatever stages they are cut into.
#[test]
fn in_eight_bits_a_row_is_the_same_beside_few_and_many() {
    let (n, k, most) = (256, 5632, 512);
    let x = random(1, most * k);
    for encoding in [Encoding::BF16, Encoding::Q8_0, Encoding::Q4K] {
        let mut bytes = Vec::new();
        if encode_nearest(encoding, &random(2, n * k), &mut bytes).is_err() {
            bytes = any_codes(encoding, n * k);
        }
        for side in [Side::Forward, Side::Back] {
            let (rows, cols) = if side == Side::Forward { (n, k) } else { (k, n) };
            let w = WeightRef { bytes: &bytes, encoding, rows, cols, row_order: RowOrder::Hf };
            for (kernel, compute) in cases().into_iter().filter(|(_, compute)| *compute == Compute::Int8) {
                let of = |m: usize| {
                    let mut c = vec![f32::NAN; m * n];
                    product(&Pool::new(2), &mut c, &x[..m * k], k, Columns::stored(kernel, w, side, compute));
                    c
                };
                let many = of(most);
                for m in [1, 60, 251] {
                    assert!(of(m) == many[..m * n], "{kernel:?} {compute:?} {encoding:?} {side:?}, {m} rows");
                }
            }
        }
    }
}

/// AVX-VNNI and AMX give the bits of AVX-512 VNNI. (AVX-VNNI not of Q4_K, whose codes the others look up.)
#[test]
fn all_kernels_for_eight_bits_give_the_same_bits() {
    let kernels: Vec<Kernel> = Route::all().into_iter().filter_map(Route::kernel).filter(|k| k.has_int8()).collect();
    if kernels.len() < 2 {
        println!("not tested: this CPU has {} kernels for eight bits, so there are no two to compare", kernels.len());
        return;
    }
    let (n, k) = (96 + 17_usize, 640 + 32_usize);
    for (case, encoding) in [Encoding::F32, Encoding::BF16, Encoding::Q8_0, Encoding::Q4_1].into_iter().enumerate() {
        let (n, k) = if encoding.block().0 == 1 { (n, k + 5) } else { (n.next_multiple_of(32), k) };
        let mut bytes = Vec::new();
        encode_nearest(encoding, &random(2, n * k), &mut bytes).unwrap();
        for (m, side) in [1, 5, 12, 17, 61].into_iter().flat_map(|m| [(m, Side::Forward), (m, Side::Back)]) {
            let (rows, cols) = if side == Side::Forward { (n, k) } else { (k, n) };
            let w = WeightRef { bytes: &bytes, encoding, rows, cols, row_order: RowOrder::Hf };
            let x = random(case as u64, m * k);
            let product_by = |kernel: Kernel| {
                let mut c = vec![f32::NAN; m * n];
                product(&Pool::new(2), &mut c, &x, k, Columns::stored(kernel, w, side, Compute::Int8));
                c
            };
            let products: Vec<_> = kernels.iter().map(|kernel| product_by(*kernel)).collect();
            for (kernel, c) in kernels.iter().zip(&products) {
                assert!(*c == products[0], "{kernel:?} {encoding:?} {side:?}, {m} rows");
            }
        }
    }
}

/// What is no number stays none, in its row of C or its column.
#[test]
fn not_numbers_stay_so() {
    let (m, n, k) = (14, 40, 200);
    for (kernel, compute) in cases() {
        for (bad, side) in
            [f32::NAN, f32::INFINITY, -f32::INFINITY].into_iter().flat_map(|b| [(b, Side::Forward), (b, Side::Back)])
        {
            let (rows, cols) = if side == Side::Forward { (n, k) } else { (k, n) };
            let (mut x, mut w) = (random(1, m * k), random(2, n * k));
            let (i, j, depth) = (13, 33, 150);
            x[i * k + depth] = bad;
            let of = |x: &[f32], w: &[f32]| {
                let bytes: Vec<u8> = w.iter().flat_map(|v| v.to_le_bytes()).collect();
                let w = WeightRef { bytes: &bytes, encoding: Encoding::F32, rows, cols, row_order: RowOrder::Hf };
                let mut c = vec![0.0; m * n];
                product(&Pool::new(1), &mut c, x, k, Columns::stored(kernel, w, side, compute));
                c
            };
            let c = of(&x, &w);
            assert!((0..m * n).all(|at| c[at].is_finite() == (at / n != i)), "{kernel:?} {compute:?} {side:?} {bad}");
            x[i * k + depth] = 0.5;
            w[if side == Side::Forward { j * k + depth } else { depth * n + j }] = bad;
            let c = of(&x, &w);
            assert!((0..m * n).all(|at| c[at].is_finite() == (at % n != j)), "{kernel:?} {compute:?} {side:?} {bad}");
        }
    }
}

/// C = x·B, rows of `k` values.
fn product(pool: &Pool, c: &mut [f32], x: &[f32], k: usize, b: Columns<'_>) {
    let n = b.columns();
    for (m0, rows) in blocks(b.kernel(), b.compute(), x.len() / k) {
        with_block(b.kernel(), pool, rows, |block| {
            let terms = vec![(block.rows(&x[m0 * k..], k, k, b.compute()), b)];
            block.sums(&mut [Sum { c: &mut c[m0 * n..], stride: n, add: false, terms }]);
        });
    }
}

/// `cargo test --release --lib panels::tests::product_speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn product_speed() {
    Route::all().into_iter().filter_map(Route::kernel).for_each(speed_of);
}

fn speed_of(kernel: Kernel) {
    let pool = Pool::new(1);
    let shapes =
        [(64, 4096, 576), (128, 576, 1536), (224, 576, 576), (224, 1536, 576), (224, 512, 2048), (432, 3072, 576)];
    for encoding in [Encoding::Q4_1, Encoding::Q8_0, Encoding::Q4K, Encoding::BF16] {
        for (m, n, k) in shapes.into_iter().filter(|s| s.1 % encoding.block().0 == 0 && s.2 % encoding.block().0 == 0) {
            let x = random(1, m * k);
            let bytes: Vec<u8> = (0..encoding.bytes_for(n * k)).map(|i| (i * 7919 % 61) as u8).collect();
            for side in [Side::Forward, Side::Back] {
                let (rows, cols) = if side == Side::Forward { (n, k) } else { (k, n) };
                let w = WeightRef { bytes: &bytes, encoding, rows, cols, row_order: RowOrder::Hf };
                let mut c = vec![0.0; m * n];
                let mut speed = |compute| {
                    let mut best = f64::MAX;
                    for _ in 0..20 {
                        let started = std::time::Instant::now();
                        product(&pool, &mut c, &x, k, Columns::stored(kernel, w, side, compute));
                        best = best.min(started.elapsed().as_secs_f64());
                    }
                    2.0 * (m * n * k) as f64 / best / 1e9
                };
                let mut line =
                    format!("{kernel:?} {encoding:?} {m}×{n}×{k} {side:?}: {:.0} GFLOP/s", speed(Compute::F32));
                if kernel == Kernel::Amx {
                    line += &format!(", in bf16 {:.0}", speed(Compute::Bf16));
                }
                if kernel.has_int8() {
                    line += &format!(", in int8 {:.0}", speed(Compute::Int8));
                }
                std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).unwrap();
            }
        }
    }
}
