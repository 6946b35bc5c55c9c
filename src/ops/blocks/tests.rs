use super::*;
use crate::ops::random::uniform_at;

struct Golden {
    encoding: Encoding,
    values: Vec<f32>,
    raw: Vec<u8>,
    decoded: Vec<f32>,
}

fn goldens() -> Vec<Golden> {
    let bytes = include_bytes!("../../../tests/fixtures/blocks.bin");
    let mut at = 0;
    let mut take = |n: usize| {
        at += n;
        &bytes[at - n..at]
    };
    let word = |b: &[u8]| u32::from_le_bytes(b.try_into().unwrap()) as usize;
    let floats = |b: &[u8]| b.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let mut all = Vec::new();
    for _ in 0..10 {
        let n = take(1)[0] as usize;
        let encoding = match std::str::from_utf8(take(n)).unwrap() {
            "F16" => Encoding::F16,
            "BF16" => Encoding::BF16,
            "Q8_0" => Encoding::Q8_0,
            "Q4_0" => Encoding::Q4_0,
            "Q4_1" => Encoding::Q4_1,
            "Q5_0" => Encoding::Q5_0,
            "Q5_1" => Encoding::Q5_1,
            "Q4_K" => Encoding::Q4K,
            "Q5_K" => Encoding::Q5K,
            "Q6_K" => Encoding::Q6K,
            other => panic!("{other}"),
        };
        let (values, raw, decoded) = (word(take(4)), word(take(4)), word(take(4)));
        all.push(Golden {
            encoding,
            values: floats(take(4 * values)),
            raw: take(raw).to_vec(),
            decoded: floats(take(4 * decoded)),
        });
    }
    assert_eq!(at, bytes.len());
    all
}

fn decoded(encoding: Encoding, bytes: &[u8]) -> Vec<f32> {
    let (n, size) = encoding.block();
    let mut out = vec![0.0; bytes.len() / size * n];
    decode(encoding, bytes, &mut out);
    out
}

fn bits(v: &[f32]) -> Vec<u32> {
    v.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn decoding_is_bit_equal_to_gguf_py() {
    for g in goldens() {
        assert!(bits(&decoded(g.encoding, &g.raw)) == bits(&g.decoded), "{:?}", g.encoding);
    }
}

#[test]
fn nearest_is_bit_equal_to_gguf_py() {
    for g in goldens().iter().filter(|g| !g.values.is_empty()) {
        let mut out = Vec::new();
        encode_nearest(g.encoding, &g.values, &mut out).unwrap();
        assert_eq!(out.len(), g.encoding.bytes_for(g.values.len()));
        let size = g.encoding.block().1;
        for (i, (a, b)) in out.chunks(size).zip(g.raw.chunks(size)).enumerate() {
            assert_eq!(a, b, "{:?} block {i}", g.encoding);
        }
    }
}

fn block_types() -> impl Iterator<Item = Golden> {
    goldens().into_iter().filter(|g| g.encoding.block().0 > 1)
}

#[test]
fn without_a_move_every_byte_stays() {
    for g in block_types() {
        let mut out = Vec::new();
        encode_on_grid(g.encoding, &g.raw, &vec![0.0; g.decoded.len()], 1.03, 3, &mut out).unwrap();
        assert!(out == g.raw, "{:?}", g.encoding);
    }
    for g in goldens().iter().filter(|g| g.encoding.block().0 == 1) {
        let mut out = Vec::new();
        encode_dithered(g.encoding, &g.decoded, 3, &mut out).unwrap();
        assert!(out == g.raw, "{:?}", g.encoding);
    }
}

/// A base of one type, and a small move of every weight, far less than a step.
fn weakly_moved(g: &Golden) -> (Vec<u8>, Vec<f32>, Vec<f32>) {
    let values = if cfg!(miri) { 256 } else { 4096 };
    let base: Vec<f32> = (0..values).map(|i| (uniform_at(1, i) as f32 - 0.5) * 0.1).collect();
    let mut raw = Vec::new();
    encode_dithered(g.encoding, &base, 7, &mut raw).unwrap();
    let on_grid = decoded(g.encoding, &raw);
    let rms = (on_grid.iter().map(|v| v * v).sum::<f32>() / on_grid.len() as f32).sqrt();
    let moves = (0..values).map(|i| rms * 0.01 * (uniform_at(2, i) as f32 - 0.5)).collect();
    (raw, on_grid, moves)
}

/// Rounding to nearest loses such a move; dither keeps it in the mean, on a new grid all of it, on the base's own grid
/// all but what the ends of the codes' range clip.
#[test]
#[cfg_attr(miri, ignore = "thousands of roundings")]
fn dither_is_unbiased() {
    for g in goldens() {
        let (raw, on_grid, moves) = weakly_moved(&g);
        let want: Vec<f32> = on_grid.iter().zip(&moves).map(|(b, d)| b + d).collect();
        let survival = |encode: &dyn Fn(u64, &mut Vec<u8>)| {
            let (mut dot, mut norm) = (0.0f64, 0.0f64);
            for key in 0..200 {
                let mut out = Vec::new();
                encode(key, &mut out);
                for ((o, b), d) in decoded(g.encoding, &out).iter().zip(&on_grid).zip(&moves) {
                    dot += f64::from(o - b) * f64::from(*d);
                    norm += f64::from(*d) * f64::from(*d);
                }
            }
            dot / norm
        };
        let new = survival(&|key, out| encode_dithered(g.encoding, &want, key, out).unwrap());
        assert!((new - 1.0).abs() < 0.04, "{:?} on a new grid: survival {new}", g.encoding);
        if g.encoding.block().0 > 1 {
            let own = survival(&|key, out| encode_on_grid(g.encoding, &raw, &moves, 1.0, key, out).unwrap());
            assert!((0.85..1.03).contains(&own), "{:?} on its own grid: survival {own}", g.encoding);
        }
    }
}

#[test]
fn on_its_own_grid_a_code_is_clipped_and_an_absent_scale_stays() {
    for g in block_types() {
        let (raw, on_grid, _) = weakly_moved(&g);
        let far = vec![1e3; on_grid.len()];
        let mut out = Vec::new();
        encode_on_grid(g.encoding, &raw, &far, 1.0, 1, &mut out).unwrap();
        assert!(same_scales(g.encoding, &raw, &out), "{:?}", g.encoding);
        let mut ends = vec![Levels::default(); on_grid.len()];
        levels(g.encoding, &raw, &mut ends);
        assert!(decoded(g.encoding, &out).iter().zip(&ends).all(|(v, l)| *v == l.high), "{:?}", g.encoding);
        let empty = vec![0u8; g.encoding.bytes_for(256)];
        let mut out = Vec::new();
        encode_on_grid(g.encoding, &empty, &[1.0; 256], 1.0, 1, &mut out).unwrap();
        assert_eq!(out, empty, "{:?}", g.encoding);
    }
}

#[test]
fn a_new_grid_holds_any_block() {
    let shapes: [&dyn Fn(u64) -> f32; 6] = [
        &|_| 0.0,
        &|_| 0.3,
        &|_| -3e-5,
        &|i| uniform_at(3, i) as f32 + 5.0,
        &|i| -(uniform_at(4, i) as f32) * 1e-3,
        &|i| if i == 17 { 6e4 } else { 1e-3 },
    ];
    for g in block_types() {
        for (s, shape) in shapes.iter().enumerate() {
            let values: Vec<f32> = (0..256).map(shape).collect();
            let mut out = Vec::new();
            encode_dithered(g.encoding, &values, 1, &mut out).unwrap();
            let got = decoded(g.encoding, &out);
            let mut grid = vec![Levels::default(); 256];
            levels(g.encoding, &out, &mut grid);
            for ((v, o), l) in values.iter().zip(&got).zip(&grid) {
                assert!((v - o).abs() <= l.step * 1.001, "{:?} shape {s}: {v} became {o}, step {}", g.encoding, l.step);
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of roundings")]
fn f16_dithers_between_neighbours() {
    for v in [1.0003f32, -1.0003, 3e-8, 65503.0, 6.1e-5, 0.0] {
        let mut sum = 0.0f64;
        for seed in 0..20_000 {
            let mut out = Vec::new();
            encode_dithered(Encoding::F16, &[v], seed, &mut out).unwrap();
            let back = decoded(Encoding::F16, &out)[0];
            assert!((back - v).abs() <= v.abs() / 1024.0 + 6e-8);
            sum += f64::from(back);
        }
        let step = f64::from(v.abs()) / 1024.0 + 6e-8;
        assert!((sum / 20_000.0 - f64::from(v)).abs() < 0.015 * step, "{v}: {}", sum / 20_000.0);
    }
}

#[test]
fn damaged_values_and_odd_sizes_are_refused() {
    let mut out = Vec::new();
    assert!(matches!(encode_nearest(Encoding::Q8_0, &[0.0; 33], &mut out), Err(OpsError::Block { .. })));
    assert!(matches!(encode_nearest(Encoding::F16, &[1.0, 1e6], &mut out), Err(OpsError::Range { index: 1, .. })));
    assert!(matches!(encode_nearest(Encoding::F32, &[f32::NAN], &mut out), Err(OpsError::Range { .. })));
    assert!(matches!(encode_nearest(Encoding::Q6K, &[0.0; 256], &mut out), Err(OpsError::NoEncoder { .. })));
    assert!(matches!(
        encode_on_grid(Encoding::Q8_0, &[0; 33], &[0.0; 32], 1.0, 0, &mut out),
        Err(OpsError::BaseSize { .. })
    ));
    assert!(matches!(encode_on_grid(Encoding::F16, &[0; 2], &[0.0], 1.0, 0, &mut out), Err(OpsError::NoGrid { .. })));
    assert!(out.is_empty());
}
