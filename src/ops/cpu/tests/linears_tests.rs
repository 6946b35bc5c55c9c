//! Linears, their low-rank terms, and several that share their rows.

use super::*;
use crate::ops::Compute;

#[test]
fn linear_with_bias() {
    for cpu in cpus() {
        for case in 0..12 {
            let (rows, inn, out) = (pick(case, 1, 40), pick(case + 50, 1, 90), pick(case + 90, 1, 100));
            let (x, w, b, g) = (random(1, rows * inn), random(2, out * inn), random(3, out), random(4, rows * out));
            let bytes = f32_source(&w, out, inn);
            cpu.prepare(source(&bytes)).unwrap();
            let m = Matrix { resident: bare(), source: source(&bytes), compute: Compute::F32 };
            let (xb, bb, gb) = (cpu.upload(&x), cpu.upload(&b), cpu.upload(&g));
            let mut y = cpu.buf(rows * out);
            cpu.linear(&mut y, &xb, m, Some(&bb));
            let mut dx = cpu.upload(&x);
            cpu.linear_back(&mut dx, &gb, m, true);
            let mut twice = cpu.upload(&dx);
            cpu.linear_back(&mut twice, &gb, m, false);
            dx.iter().zip(&twice[..]).for_each(|(a, b)| assert!((2.0 * a - b).abs() < 1e-4));
            let (wd, bd) = (wide(&w), wide(&b));
            check(
                &format!("linear {rows}×{inn}→{out}"),
                &[&x],
                &y,
                &g,
                &[&dx],
                &|v| times(&v[0], &wd, inn).iter().enumerate().map(|(i, y)| y + bd[i % out]).collect(),
                &|v| {
                    let w = Tensor::from_vec(wd.clone(), (out, inn), &Device::Cpu)?;
                    let b = Tensor::from_vec(bd.clone(), out, &Device::Cpu)?;
                    v[0].reshape((rows, inn))?.matmul(&w.t()?)?.broadcast_add(&b)
                },
            );
        }
    }
}

#[test]
fn low_rank_term_with_and_without_dropout() {
    for cpu in cpus() {
        for case in 0..12u64 {
            let (rows, inn, out, r) =
                (pick(case, 1, 60), pick(case + 50, 1, 90), pick(case + 70, 1, 70), pick(case, 1, 17));
            let mask = (case % 3 == 0).then_some(Mask { p: 0.3, key: case });
            let (x, a, b) = (random(1, rows * inn), random(2, r * inn), random(3, out * r));
            let (y0, g) = (random(4, rows * out), random(5, rows * out));
            let pair = LowRank { a: &a, b: &b, rank: r, scale: 1.7, mask };
            let (xb, gb, mut y) = (cpu.upload(&x), cpu.upload(&g), cpu.upload(&y0));
            let down = cpu.low_rank(&mut y, &xb, pair);
            let (mut da, mut db, mut dx) = (vec![0.0; a.len()], vec![0.0; b.len()], cpu.zeros(x.len()));
            cpu.low_rank_back(Some(&mut dx), LowRankGrad { a: &mut da, b: &mut db }, &gb, &xb, &down, pair);
            let keep: Vec<f64> = (0..x.len() as u64)
                .map(|i| mask.map_or(1.0, |m| if uniform_at(m.key, i) < m.p { 0.0 } else { 1.0 / (1.0 - m.p) }))
                .collect();
            let y0 = wide(&y0);
            check(
                &format!("low rank {rows}×{inn}→{r}→{out}, {mask:?}"),
                &[&x, &a, &b],
                &y,
                &g,
                &[&dx, &da, &db],
                &|v| {
                    let x: Vec<f64> = v[0].iter().zip(&keep).map(|(x, k)| x * k).collect();
                    let low = times(&times(&x, &v[1], inn), &v[2], r);
                    low.iter().zip(&y0).map(|(l, y)| f64::from(1.7f32) * l + y).collect()
                },
                &|v| {
                    let keep = Tensor::from_vec(keep.clone(), (rows, inn), &Device::Cpu)?;
                    let x = (v[0].reshape((rows, inn))? * keep)?;
                    let low = x.matmul(&v[1].reshape((r, inn))?.t()?)?.matmul(&v[2].reshape((out, r))?.t()?)?;
                    (low * f64::from(1.7f32))?.flatten_all()? + Tensor::from_vec(y0.clone(), rows * out, &Device::Cpu)?
                },
            );
        }
    }
}

/// Linears that share their rows, in one go and one after the other: outputs, middles, every gradient.
#[test]
fn fused_linears_equal_each_alone() {
    for cpu in cpus() {
        cpu.computes().iter().for_each(|&compute| fused_equals_each(&cpu, compute));
    }
}

fn fused_equals_each(cpu: &Cpu, compute: Compute) {
    for (case, (m, inn, outs, ranks)) in [
        (1, 16, vec![8], vec![2]),
        (9, 33, vec![7, 40], vec![3, 0]),
        (30, 64, vec![64, 32, 32], vec![8, 8, 8]),
        (700, 48, vec![100], vec![16]),
        (5, 20, vec![20, 12], vec![0, 0]),
        (40, 18, vec![18, 130], vec![4, 2]),
    ]
    .into_iter()
    .enumerate()
    {
        let key = 100 * case as u64;
        let x = cpu.upload(&random(key, m * inn));
        let sources: Vec<_> =
            outs.iter().zip(1..).map(|(&o, i)| f32_source(&random(key + i, o * inn), o, inn)).collect();
        sources.iter().for_each(|s| drop(cpu.prepare(source(s)).unwrap()));
        let biases: Vec<_> = outs.iter().map(|&o| cpu.upload(&random(key + 20, o))).collect();
        let halves = |r: usize, o: usize| (random(key + 30, r * inn), random(key + 31, o * r));
        let pairs: Vec<_> = outs.iter().zip(&ranks).map(|(&o, &r)| halves(r, o)).collect();
        let linears: Vec<_> = (0..outs.len())
            .map(|i| Linear {
                w: Matrix { resident: bare(), source: source(&sources[i]), compute },
                bias: (i % 2 == 1).then_some(&biases[i]),
                pair: (ranks[i] > 0).then(|| {
                    let (a, b) = &pairs[i];
                    LowRank { a, b, rank: ranks[i], scale: 0.7, mask: None }
                }),
            })
            .collect();
        let dys: Vec<_> = outs.iter().map(|&o| cpu.upload(&random(key + 40, m * o))).collect();
        let start = random(key + 50, m * inn);
        let of = |fused: bool, set: bool| {
            let mut ys: Vec<_> = outs.iter().map(|&o| cpu.buf(m * o)).collect();
            let downs = match fused {
                true => cpu.linears(&mut ys, &x, &linears),
                false => each_linear(cpu, &mut ys, &x, &linears),
            };
            let mut grads: Vec<_> = pairs.iter().map(|(a, b)| (vec![0.5; a.len()], vec![0.25; b.len()])).collect();
            let backs = grads
                .iter_mut()
                .enumerate()
                .map(|(i, (a, b))| LinearGrad {
                    dy: &dys[i],
                    down: downs[i].as_ref(),
                    grad: Some(LowRankGrad { a, b }),
                })
                .collect();
            let mut dx = cpu.upload(&start);
            match fused {
                true => cpu.linears_back(Some(InputGrad { to: &mut dx, set }), &x, &linears, backs),
                false => each_linear_back(cpu, Some(InputGrad { to: &mut dx, set }), &x, &linears, backs),
            }
            let mut all: Vec<Vec<f32>> = ys.iter().map(|y| y.to_vec()).collect();
            all.extend(downs.iter().flatten().map(|d| d.to_vec()));
            all.extend(grads.into_iter().flat_map(|(a, b)| [a, b]));
            all.push(dx.to_vec());
            all
        };
        for set in [false, true] {
            for (one, other) in of(true, set).into_iter().zip(of(false, set)) {
                assert_eq!(one.len(), other.len());
                let scale = other.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
                assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() <= 2e-6 * scale), "case {case}");
            }
        }
    }
}

/// As a K_M file mixes them, or one that was tuned and exported: q, k and v each in another encoding. Their columns come in
/// groups of other sizes, and the gradient of their input is one sum.
#[test]
fn linears_of_several_encodings_equal_each_alone() {
    use Encoding::{BF16, F16, F32, Q4_1, Q4K, Q6K, Q8_0};
    let cpus = cpus();
    for (cpu, compute) in cpus.iter().flat_map(|cpu| cpu.computes().iter().map(move |c| (cpu, *c))) {
        for (case, kinds) in
            [[Q4K, Q8_0, Q6K], [BF16, F32, F16], [Q8_0, Q4_1, BF16], [Q4K, BF16, F32]].into_iter().enumerate()
        {
            let (m, inn, out) = ([70, 300][case % 2], 1280, 512);
            let key = 300 + 10 * case as u64;
            let x = cpu.upload(&random(key, m * inn));
            let bytes = kinds.map(|encoding| few_tests::encoded(encoding, out, inn));
            let linears: Vec<_> = kinds
                .iter()
                .zip(&bytes)
                .map(|(&encoding, bytes)| {
                    let source = WeightRef { bytes, encoding, rows: out, cols: inn, row_order: RowOrder::Hf };
                    let w = Matrix { resident: bare(), source, compute };
                    Linear { w, bias: None, pair: None }
                })
                .collect();
            let dys: Vec<_> = (0..3).map(|i| cpu.upload(&random(key + i, m * out))).collect();
            let of = |fused: bool| {
                let mut ys: Vec<_> = (0..3).map(|_| cpu.buf(m * out)).collect();
                let mut dx = cpu.buf(m * inn);
                let backs = || dys.iter().map(|dy| LinearGrad { dy, down: None, grad: None }).collect();
                if fused {
                    cpu.linears(&mut ys, &x, &linears);
                    cpu.linears_back(Some(InputGrad { to: &mut dx, set: true }), &x, &linears, backs());
                } else {
                    each_linear(cpu, &mut ys, &x, &linears);
                    each_linear_back(cpu, Some(InputGrad { to: &mut dx, set: true }), &x, &linears, backs());
                }
                ys.push(dx);
                ys
            };
            for (one, other) in of(true).iter().zip(&of(false)) {
                let scale = other.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
                let same = one.iter().zip(&other[..]).all(|(a, b)| (a - b).abs() <= 3e-6 * scale);
                assert!(same, "{} {compute:?} {kinds:?}", cpu.route());
            }
        }
    }
}

/// Of every encoding, with a last panel and a last block that are not full.
#[test]
fn kept_codes_are_those_that_would_be_made() {
    let (mut keeping, making) = (Cpu::new(2), Cpu::new(1));
    if !making.computes().contains(&Compute::Int8) {
        println!("not tested: this CPU does not compute in int8");
        return;
    }
    keeping.keep_codes(1 << 20);
    for encoding in Encoding::ALL {
        // Of one, several stages of depth and several blocks of rows.
        let (m, inn, out): (usize, usize, usize) =
            if encoding == Encoding::Q4K { (600, 2304, 1300) } else { (70, 544, 300) };
        let inn = inn.next_multiple_of(encoding.block().0);
        let bytes = few_tests::encoded(encoding, out, inn);
        let source = WeightRef { bytes: &bytes, encoding, rows: out, cols: inn, row_order: RowOrder::Hf };
        let codes = Codes::default();
        let of = |cpu: &Cpu, resident| {
            let w = Matrix { resident, source, compute: Compute::Int8 };
            let (x, dy) = (cpu.upload(&random(1, m * inn)), cpu.upload(&random(2, m * out)));
            let (mut y, mut dx) = (cpu.buf(m * out), cpu.buf(m * inn));
            cpu.linear(&mut y, &x, w, None);
            cpu.linear_back(&mut dx, &dy, w, true);
            (y.to_vec(), dx.to_vec())
        };
        let made = of(&making, bare());
        assert!(made == of(&keeping, &codes) && made == of(&keeping, &codes), "{encoding:?}");
    }
}
