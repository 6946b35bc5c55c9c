//! Elementwise kernels: one plain body each, compiled for the CPU's widest vectors and chosen at run time.

/// For which vectors a body was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// Whatever every CPU of this architecture has.
    Plain,
    /// AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// These, and AVX-512 F, DQ, BW and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// The widest of this CPU.
    #[inline(always)]
    pub(crate) fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") && has!("f16c") {
                let wide = has!("avx512f") && has!("avx512dq") && has!("avx512bw") && has!("avx512vl");
                return if wide { Self::Avx512 } else { Self::Avx2 };
            }
        }
        Self::Plain
    }
}

/// `simd!(fn name(args) -> R { body })` makes `name` run the best compiled copy of `body` that the CPU takes.
macro_rules! simd {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            let vectors = $crate::ops::cpu::simd::Vectors::widest();
            #[cfg(test)]
            let vectors = $crate::ops::cpu::simd::forced::or(vectors, concat!(module_path!(), "::", stringify!($name)));
            match vectors {
                $crate::ops::cpu::simd::Vectors::Plain => body($($arg),*),
                #[cfg(target_arch = "x86_64")]
                $crate::ops::cpu::simd::Vectors::Avx2 => {
                    #[target_feature(enable = "avx2,fma")]
                    fn copy($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                    // SAFETY: the features were just detected.
                    unsafe { copy($($arg),*) }
                }
                #[cfg(target_arch = "x86_64")]
                $crate::ops::cpu::simd::Vectors::Avx512 => {
                    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
                    fn copy($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                    // SAFETY: the features were just detected.
                    unsafe { copy($($arg),*) }
                }
            }
        }
    };
}
pub(crate) use simd;

pub(crate) const LANES: usize = 16;

/// Sums `f(i)` over 16 lanes, then the lanes as a tree: the order is fixed, whatever the CPU.
#[inline(always)]
pub(crate) fn sum(len: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = len / LANES * LANES;
    let mut i = 0;
    while i < whole {
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane += f(i + l);
        }
        i += LANES;
    }
    for (l, i) in (whole..len).enumerate() {
        lanes[l] += f(i);
    }
    tree(lanes)
}

/// The lanes' sum, those 8 apart first.
#[inline(always)]
fn tree(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The largest of `v` (−∞ when empty).
#[inline(always)]
pub(crate) fn max(v: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = v.chunks_exact(LANES);
    let rest = chunks.remainder();
    for c in chunks {
        for (m, &x) in lanes.iter_mut().zip(c) {
            *m = if x > *m { x } else { *m };
        }
    }
    rest.iter().chain(&lanes).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

/// eˣ within 2 ulp for x in [−87, 88]; smaller x give about 1e-38, larger 2.4e38. (Cephes' polynomial.)
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5·2²³: adding it rounds to an integer in the low bits
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    // ln 2 in two parts, the first exact in the product.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    y * scale
}

/// For tests: a copy that runs in the widest one's place.
#[cfg(test)]
pub(crate) mod forced {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::Vectors;

    thread_local! {
        /// The copy, and which kernels ran so.
        static FORCED: RefCell<Option<(Vectors, BTreeSet<&'static str>)>> = const { RefCell::new(None) };
    }

    /// Every copy that this CPU takes, the plain one first.
    pub(crate) fn copies() -> Vec<Vectors> {
        let mut all = vec![Vectors::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend((Vectors::widest() != Vectors::Plain).then_some(Vectors::Avx2));
            all.extend((Vectors::widest() == Vectors::Avx512).then_some(Vectors::Avx512));
        }
        all
    }

    /// `f` with this copy of each kernel that this thread calls itself; and these kernels' names.
    pub(crate) fn with<R>(copy: Vectors, f: impl FnOnce() -> R) -> (R, BTreeSet<&'static str>) {
        FORCED.set(Some((copy, BTreeSet::new())));
        let result = f();
        (result, FORCED.take().map(|(_, ran)| ran).unwrap_or_default())
    }

    pub(crate) fn or(widest: Vectors, name: &'static str) -> Vectors {
        FORCED.with_borrow_mut(|forced| match forced {
            Some((copy, ran)) => {
                ran.insert(name);
                *copy
            }
            None => widest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    simd! {
        fn exps(v: &mut [f32]) {
            v.iter_mut().for_each(|v| *v = exp(*v));
        }
    }

    #[test]
    fn exp_is_within_two_ulp() {
        let x: Vec<f32> = (0..40_000).map(|i| -87.0 + i as f32 * 0.004_37).collect();
        let mut y = x.clone();
        exps(&mut y);
        for (x, y) in x.iter().zip(&y) {
            let want = f64::from(*x).exp();
            assert!((f64::from(*y) - want).abs() <= want * 2.4e-7, "exp({x}) = {y}, not {want}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sum_and_max_of_odd_lengths() {
        for n in [0usize, 1, 15, 16, 17, 100] {
            let v: Vec<f32> = (0..n).map(|i| i as f32 - 3.0).collect();
            assert_eq!(sum(n, |i| v[i]), v.iter().sum::<f32>());
            assert_eq!(max(&v), v.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
