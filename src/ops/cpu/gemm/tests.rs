use super::*;
use crate::ops::random::uniform_at;

fn random(key: u64, len: usize) -> Vec<f32> {
    (0..len as u64).map(|i| uniform_at(key, i) as f32 - 0.5).collect()
}

/// Every route, odd sizes, both operands plain and transposed, set and add, against f64.
#[test]
fn equals_the_plain_product() {
    let pool = Pool::new(2);
    let sizes = [
        (1, 1, 1),
        (12, 32, 16),
        (13, 33, 17),
        (5, 70, 300),
        (37, 16, 5),
        (490, 20, 9),
        (25, 40, 1601),
        (100, 193, 64),
    ];
    for (s, &(m, n, k)) in sizes.iter().enumerate() {
        let (a, b, c0) = (random(1, m * k), random(2, k * n), random(3 + s as u64, m * (n + 3)));
        for route in Route::all() {
            for (ta, tb, into, here) in [
                (false, false, Store::Set, false),
                (false, true, Store::Add, false),
                (true, false, Store::Add, true),
                (true, true, Store::Set, false),
            ] {
                let av = if ta { View::packed(&a, k, m).t() } else { View::packed(&a, m, k) };
                let bv = if tb { View::packed(&b, n, k).t() } else { View::packed(&b, k, n) };
                let mut c = c0.clone();
                let cv = ViewMut::new(&mut c, m, n, n + 3);
                if here {
                    matmul_here(route, cv, av, bv, into)
                } else {
                    matmul(route, &pool, cv, av, bv, into)
                }
                for i in 0..m {
                    for j in 0..n {
                        let mut want = if into == Store::Add { f64::from(c0[i * (n + 3) + j]) } else { 0.0 };
                        for l in 0..k {
                            want += f64::from(av.data[i * av.row + l * av.col])
                                * f64::from(bv.data[l * bv.row + j * bv.col]);
                        }
                        let got = f64::from(c[i * (n + 3) + j]);
                        assert!(
                            (got - want).abs() < 2e-6 * (k as f64).sqrt() + 1e-6,
                            "{route:?} {m}×{n}×{k} {ta}{tb} at {i},{j}: {got} {want}"
                        );
                    }
                    assert_eq!(c[i * (n + 3) + n..][..3], c0[i * (n + 3) + n..][..3], "the gap is untouched");
                }
            }
        }
    }
}

#[test]
fn thread_count_does_not_change_a_bit() {
    let (m, n, k) = (130, 600, 900);
    let (a, b) = (random(1, m * k), random(2, n * k));
    for route in Route::all() {
        let result = |threads| {
            let mut c = vec![0.0; m * n];
            matmul(
                route,
                &Pool::new(threads),
                ViewMut::packed(&mut c, m, n),
                View::packed(&a, m, k),
                View::packed(&b, n, k).t(),
                Store::Set,
            );
            c
        };
        assert!(result(1) == result(3));
    }
}

/// `cargo test --release --lib gemm::tests::speed -- --ignored --nocapture`: GFLOP/s of the shapes of SmolLM2-135M.
#[test]
#[ignore = "a measurement"]
fn speed() {
    for threads in [1, 2] {
        let pool = Pool::new(threads);
        for (m, n, k, tb) in [
            (432, 1536, 576, true),
            (432, 576, 1536, true),
            (432, 576, 576, true),
            (432, 192, 576, true),
            (432, 16, 576, true),
            (432, 1536, 16, true),
            (432, 576, 1536, false),
            (432, 1536, 576, false),
            (100, 49152, 576, true),
            (54, 54, 64, true),
            (1000, 2048, 2048, true),
        ] {
            let (a, b) = (random(1, m * k), random(2, n * k));
            let mut c = vec![0.0; m * n];
            for route in Route::all() {
                let flop = (2 * m * n * k) as f64;
                let repeats = (2e10 / flop).clamp(3.0, 20000.0) as usize;
                let mut best = f64::MAX;
                for _ in 0..3 {
                    let start = std::time::Instant::now();
                    for _ in 0..repeats / 3 + 1 {
                        let bv = if tb { View::packed(&b, n, k).t() } else { View::packed(&b, k, n) };
                        matmul(route, &pool, ViewMut::packed(&mut c, m, n), View::packed(&a, m, k), bv, Store::Set);
                    }
                    best = best.min(start.elapsed().as_secs_f64() / (repeats / 3 + 1) as f64);
                }
                let line = format!(
                    "{threads} threads {route:?} {m}×{n}×{k} {}: {:.1} GFLOP/s",
                    if tb { "x·Wᵀ" } else { "dy·W" },
                    flop / best / 1e9
                );
                std::io::Write::write_all(&mut std::io::stderr(), (line + "\n").as_bytes()).expect("stderr");
            }
        }
    }
}
