//! Products of few rows, from the stored blocks.

use super::*;
use crate::ops::Compute;

/// `rows × cols` in any encoding; where none can be made, random blocks with sane scales.
pub(super) fn encoded(encoding: Encoding, rows: usize, cols: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if encode_nearest(encoding, &random(2, rows * cols), &mut bytes).is_err() {
        bytes = (0..encoding.bytes_for(rows * cols) as u64).map(|i| bits_at(8, i) as u8).collect();
        for b in bytes.chunks_exact_mut(encoding.block().1) {
            let at = if encoding == Encoding::Q6K { 208 } else { 0 };
            b[at..at + 2].copy_from_slice(&half::f16::from_f32(0.01).to_le_bytes());
            if at == 0 {
                b[2..4].copy_from_slice(&half::f16::from_f32(0.02).to_le_bytes());
            }
        }
    }
    bytes
}

/// Decoding reads the blocks themselves; it must say what the f32 copy says, and of a row what it would say of it alone.
#[test]
fn few_rows_of_every_encoding_equal_the_widened_product_row_by_row() {
    for cpu in cpus() {
        for (seed, encoding) in (0..6).flat_map(|seed| Encoding::ALL.map(|e| (seed, e))) {
            let pick = |i, n: usize| bits_at(40 + seed, i + 8 * encoding as u64) as usize % n;
            let (rows, out) = (1 + pick(0, FEW_ROWS), 1 + pick(1, 70));
            // Whole blocks; f32 and the 16-bit kinds take any number of columns.
            let inn = encoding.block().0 * (1 + pick(2, if encoding.block().0 == 256 { 3 } else { 40 }));
            let bytes = encoded(encoding, out, inn);
            let w = WeightRef { bytes: &bytes, encoding, rows: out, cols: inn, row_order: RowOrder::Hf };
            cpu.prepare(w).unwrap();
            let w = Matrix { resident: bare(), source: w, compute: Compute::F32 };
            let mut values = vec![0.0; out * inn];
            decode(encoding, &bytes, &mut values);
            let values = wide(&values);
            let x = random(seed, rows * inn);
            let mut y = cpu.buf(rows * out);
            cpu.linear(&mut y, &cpu.upload(&x), w, None);
            let want = times(&wide(&x), &values, inn);
            let size = want.iter().map(|v| v.abs()).fold(0.0, f64::max);
            for (a, b) in y.iter().zip(&want) {
                assert!((f64::from(*a) - b).abs() < 2e-6 * size, "{encoding:?} {rows}·{out}×{inn}: {a} {b}");
            }
            for (x, y) in x.chunks(inn).zip(y.chunks(out)) {
                let mut alone = cpu.buf(out);
                cpu.linear(&mut alone, &cpu.upload(x), w, None);
                assert!(alone[..] == *y, "{encoding:?} {rows}·{out}×{inn}");
            }
        }
    }
}

/// Products that share their input, and low-rank terms of few rows: as one by one.
#[test]
fn products_of_one_input_and_low_rank_terms_row_by_row() {
    for cpu in cpus() {
        let (rows, inn, sizes, r) = (7, 96, [40, 8, 17], 5);
        let (x, bias) = (cpu.upload(&random(1, rows * inn)), cpu.upload(&random(3, 8)));
        let bytes = sizes.map(|out| encoded(Encoding::Q5_1, out, inn));
        let sources: Vec<_> = bytes
            .iter()
            .zip(sizes)
            .map(|(bytes, rows)| WeightRef {
                bytes,
                encoding: Encoding::Q5_1,
                rows,
                cols: inn,
                row_order: RowOrder::Hf,
            })
            .collect();
        sources.iter().for_each(|&w| drop(cpu.prepare(w).unwrap()));
        let mut ys = sizes.map(|out| cpu.buf(rows * out));
        let matrices = sources.iter().map(|&source| Matrix { resident: bare(), source, compute: Compute::F32 });
        let matrices: Vec<_> = matrices.collect();
        let bias_of = |i| (i == 1).then_some(&bias);
        let linears: Vec<_> =
            matrices.iter().enumerate().map(|(i, &w)| Linear { w, bias: bias_of(i), pair: None }).collect();
        cpu.linears(&mut ys, &x, &linears);
        let (a, b) = (random(4, r * inn), random(5, sizes[0] * r));
        let pair = LowRank { a: &a, b: &b, rank: r, scale: 0.5, mask: None };
        for (i, (y, &w)) in ys.iter().zip(&matrices).enumerate() {
            let mut one = cpu.buf(y.len());
            cpu.linear(&mut one, &x, w, bias_of(i));
            assert!(one[..] == y[..]);
        }
        let mut together = cpu.upload(&ys[0]);
        let down = cpu.low_rank(&mut together, &x, pair);
        for row in 0..rows {
            let mut alone = cpu.upload(&ys[0][row * sizes[0]..][..sizes[0]]);
            let one = cpu.low_rank(&mut alone, &cpu.upload(&x[row * inn..][..inn]), pair);
            assert!(alone[..] == together[row * sizes[0]..][..sizes[0]] && one[..] == down[row * r..][..r]);
        }
    }
}

/// `cargo test --release --lib few_rows_speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn few_rows_speed() {
    let cpu = Cpu::new(1);
    let cases = [(576, 576), (1536, 576), (576, 1536), (49152, 576)].into_iter().flat_map(|shape| {
        [Encoding::F32, Encoding::F16, Encoding::Q8_0, Encoding::Q4_1, Encoding::Q5_0, Encoding::Q4K, Encoding::Q6K]
            .map(|e| (shape, e))
    });
    for ((out, inn), encoding) in cases.filter(|((_, inn), e)| inn % e.block().0 == 0) {
        let bytes = encoded(encoding, out, inn);
        let w = WeightRef { bytes: &bytes, encoding, rows: out, cols: inn, row_order: RowOrder::Hf };
        cpu.prepare(w).unwrap();
        let m = Matrix { resident: bare(), source: w, compute: Compute::F32 };
        let mut line = format!("{out}x{inn} {encoding:?}, GFLOP/s at rows:");
        for rows in [1, 2, 4, 8, 16, 32, 33] {
            let (x, mut y) = (cpu.upload(&random(1, rows * inn)), cpu.buf(rows * out));
            let n = (10_000_000 / (out * inn * rows)).max(1);
            let mut best = f64::MAX;
            // Many short runs: one of them has the core to itself.
            for _ in 0..100 {
                let t = std::time::Instant::now();
                (0..n).for_each(|_| cpu.linear(&mut y, &x, m, None));
                best = best.min(t.elapsed().as_secs_f64() / n as f64);
            }
            line += &format!("  {rows}: {:.1}", 2e-9 * (out * inn * rows) as f64 / best);
        }
        std::io::Write::write_all(&mut std::io::stderr(), (line + "\n").as_bytes()).unwrap();
    }
}
