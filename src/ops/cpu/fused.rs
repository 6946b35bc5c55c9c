//! Linears that read the same rows: these are packed once, and each output is one sum, the base's part and the low-rank one.

use crate::ops::cpu::Cpu;
use crate::ops::cpu::arena::Buf;
use crate::ops::cpu::gemm::{Kernel, Store};
use crate::ops::cpu::linear::scale_by;
use crate::ops::cpu::weights::Codes;
use crate::ops::cpu::weights::columns::{Columns, pack, pack_t};
use crate::ops::cpu::weights::panels::{Sum, blocks, with_block};
use crate::ops::{Compute, InputGrad, Linear, LinearGrad, LowRank};

type One<'a> = Linear<'a, Buf, Codes>;

fn depth(pair: &LowRank<'_>) -> (usize, usize, usize) {
    (pair.rank, pair.a.len() / pair.rank, pair.b.len() / pair.rank)
}

/// What `make` makes of each linear's pair; None where it makes nothing of one.
fn of_pairs<'a, T>(linears: &[One<'a>], make: impl Fn(LowRank<'a>) -> Option<T>) -> Option<Vec<Option<T>>> {
    linears.iter().map(|l| l.pair.map_or(Some(None), |pair| make(pair).map(Some))).collect()
}

impl Cpu {
    /// C (+)= x·B for `m` rows of `k` values.
    pub(super) fn times(&self, c: &mut [f32], x: &[f32], m: usize, k: usize, b: Columns<'_>, into: Store) {
        for (m0, rows) in blocks(b.kernel(), b.compute(), m) {
            with_block(b.kernel(), &self.pool, rows, |block| {
                let x = block.rows(&x[m0 * k..], k, k, b.compute());
                let (n, add) = (b.columns(), into == Store::Add);
                block.sums(&mut [Sum { c: &mut c[m0 * n..], stride: n, add, terms: vec![(x, b)] }]);
            });
        }
    }

    /// Aᵀ's columns (for x·Aᵀ) and scale·Bᵀ's, in panels; None where there is no memory.
    fn pair_forward(&self, kernel: Kernel, pair: LowRank<'_>) -> Option<(Buf, Buf)> {
        let (r, inn, out) = depth(&pair);
        let mut a = self.scratch(Columns::len(kernel, r, inn))?;
        let mut b = self.scratch(Columns::len(kernel, out, r))?;
        pack_t(kernel, &self.pool, pair.a, r, inn, &mut a);
        let mut scaled = self.copied(pair.b)?;
        scale_by(&mut scaled, pair.scale);
        pack_t(kernel, &self.pool, &scaled, out, r, &mut b);
        Some((a, b))
    }

    /// scale·B's columns (for dy·B) and A's; None where there is no memory.
    fn pair_back(&self, kernel: Kernel, pair: LowRank<'_>) -> Option<(Buf, Buf)> {
        let (r, inn, out) = depth(&pair);
        let mut b = self.scratch(Columns::len(kernel, r, out))?;
        let mut a = self.scratch(Columns::len(kernel, inn, r))?;
        let mut scaled = self.copied(pair.b)?;
        scale_by(&mut scaled, pair.scale);
        pack(kernel, &scaled, r, out, &mut b);
        pack(kernel, pair.a, inn, r, &mut a);
        Some((b, a))
    }

    /// None where there is no kernel of ours, a mask makes each linear's input another, or there is no memory.
    pub(super) fn fused(&self, ys: &mut [Buf], x: &Buf, linears: &[One<'_>]) -> Option<Vec<Option<Buf>>> {
        let masked = |l: &One<'_>| l.pair.is_some_and(|p| p.mask.is_some_and(|m| m.p > 0.0));
        if linears.iter().any(masked) {
            return None;
        }
        let bases: Vec<Columns<'_>> = linears.iter().map(|l| l.w.forward(self)).collect::<Option<_>>()?;
        let kernel = self.kernel()?;
        let inn = linears.first()?.w.source.cols;
        let m = x.len() / inn;
        let pairs = of_pairs(linears, |p| Some((p, self.pair_forward(kernel, p)?)))?;
        let mut downs = of_pairs(linears, |p| self.scratch(m * p.rank))?;
        for (y, l) in ys.iter().zip(linears) {
            assert!(x.len() == m * inn && y.len() == m * l.w.source.rows && l.w.source.cols == inn);
        }
        let compute = linears.first()?.w.compute;
        for (m0, m) in blocks(kernel, compute, m) {
            with_block(kernel, &self.pool, m, |block| {
                let [big, exact] = block.twice(&x[m0 * inn..], inn, compute, linears.iter().any(|l| l.pair.is_some()));
                let mut first: Vec<Sum<'_>> = Vec::new();
                for (down, pair) in downs.iter_mut().zip(&pairs) {
                    if let (Some(down), Some((p, (a, _)))) = (down, pair) {
                        let terms = vec![(exact, Columns::new(kernel, a, p.rank, inn))];
                        first.push(Sum { c: &mut down[m0 * p.rank..], stride: p.rank, add: false, terms });
                    }
                }
                block.sums(&mut first);
                drop(first);
                let mut second = Vec::new();
                for (i, y) in ys.iter_mut().enumerate() {
                    let out = linears[i].w.source.rows;
                    let mut terms = vec![(big, bases[i])];
                    if let (Some(down), Some((p, (_, b)))) = (&downs[i], &pairs[i]) {
                        terms.push((
                            block.rows(&down[m0 * p.rank..], p.rank, p.rank, Compute::F32),
                            Columns::new(kernel, b, out, p.rank),
                        ));
                    }
                    second.push(Sum { c: &mut y[m0 * out..], stride: out, add: false, terms });
                }
                block.sums(&mut second);
            });
        }
        for (y, l) in ys.iter_mut().zip(linears) {
            if let Some(bias) = l.bias {
                y.chunks_exact_mut(bias.len()).for_each(|y| crate::ops::cpu::mlp::add(y, bias));
            }
        }
        Some(downs)
    }

    /// Whether it was done here: not without a kernel of ours, nor with masks, nor without memory.
    pub(super) fn fused_back(
        &self,
        dx: &mut Option<InputGrad<'_, Buf>>,
        x: &Buf,
        linears: &[One<'_>],
        grads: &mut [LinearGrad<'_, Buf>],
    ) -> bool {
        let masked = |l: &One<'_>| l.pair.is_some_and(|p| p.mask.is_some_and(|m| m.p > 0.0));
        let Some(first) = linears.first() else { return true };
        let Some(kernel) = self.kernel().filter(|_| !linears.iter().any(masked)) else {
            return false;
        };
        let inn = first.w.source.cols;
        let m = x.len() / inn;
        let Some(pairs) = of_pairs(linears, |p| Some((p, self.pair_back(kernel, p)?))) else { return false };
        // scale·dy·B of each pair: what comes back to its middle.
        let Some(mut ddowns) = of_pairs(linears, |p| self.scratch(m * p.rank)) else { return false };
        // Nobody asks for dx: W has no part.
        let asked = if dx.is_some() { linears } else { &[] };
        let Some(bases) = asked.iter().map(|l| l.w.back(self)).collect::<Option<Vec<Columns<'_>>>>() else {
            return false;
        };
        for (m0, m) in blocks(kernel, first.w.compute, m) {
            with_block(kernel, &self.pool, m, |block| {
                let mut terms = Vec::new();
                let mut middle = Vec::new();
                for (i, (l, ddown)) in linears.iter().zip(&mut ddowns).enumerate() {
                    let out = l.w.source.rows;
                    let [dy, exact] = block.twice(&grads[i].dy[m0 * out..], out, first.w.compute, l.pair.is_some());
                    terms.extend(bases.get(i).map(|b| (dy, *b)));
                    if let (Some(c), Some((p, (b, _)))) = (ddown, &pairs[i]) {
                        let terms = vec![(exact, Columns::new(kernel, b, p.rank, out))];
                        middle.push(Sum { c: &mut c[m0 * p.rank..], stride: p.rank, add: false, terms });
                    }
                }
                block.sums(&mut middle);
                drop(middle);
                let Some(InputGrad { to: dx, set }) = dx else { return };
                for (pair, ddown) in pairs.iter().zip(&ddowns) {
                    if let (Some((p, (_, a))), Some(c)) = (pair, ddown) {
                        terms.push((
                            block.rows(&c[m0 * p.rank..], p.rank, p.rank, Compute::F32),
                            Columns::new(kernel, a, inn, p.rank),
                        ));
                    }
                }
                block.sums(&mut [Sum { c: &mut dx[m0 * inn..], stride: inn, add: !*set, terms }]);
            });
        }
        for ((l, ddown), back) in linears.iter().zip(&ddowns).zip(grads) {
            if let (Some(pair), Some(ddown), Some(down), Some(grad)) = (l.pair, ddown, back.down, back.grad.take()) {
                self.low_rank_grads(grad, pair, x, down, back.dy, ddown);
            }
        }
        true
    }
}
