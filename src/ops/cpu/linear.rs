//! Linear layers and their low-rank terms.

use crate::ops::cpu::Cpu;
use crate::ops::cpu::arena::Buf;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::gemm::Route;
use crate::ops::cpu::gemm::{Store, View, ViewMut, matmul};
use crate::ops::cpu::gemv::{Few, Rows, few_rows};
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::kernels::outer::{Lies, add_outer};
use crate::ops::cpu::simd::simd;
use crate::ops::cpu::weights::Codes;
use crate::ops::random::uniform_at;
use crate::ops::{Compute, Linear, LowRank, LowRankGrad, Mask, Matrix, Ops, WeightRef, decode};

simd! {
    pub(super) fn scale_by(y: &mut [f32], by: f32) {
        y.iter_mut().for_each(|y| *y *= by);
    }
}

/// Up to so many rows a product reads the stored weight once and computes dot products, each row as it would alone.
pub const FEW_ROWS: usize = 32;

/// Rows of a stored weight that are widened together for `gemm`.
const BAND: usize = 512;

/// The mask of a low-rank term that has one.
fn dropped(pair: &LowRank<'_>) -> Option<Mask> {
    pair.mask.filter(|m| m.p > 0.0)
}

impl Cpu {
    pub(super) fn linear_forward(&self, y: &mut [f32], x: &[f32], w: Matrix<'_, Codes>, bias: Option<&[f32]>) {
        let (out, inn) = (w.source.rows, w.source.cols);
        let rows = x.len() / inn;
        assert!(x.len() == rows * inn && y.len() == rows * out, "{}·({out}×{inn})ᵀ to {}", x.len(), y.len());
        if rows <= FEW_ROWS && w.compute == Compute::F32 {
            few_rows(self.route, &self.pool, x, &mut [Few { w: Rows::of(w.source), y }]);
        } else {
            self.wide_forward(y, x, rows, w);
        }
        if let Some(bias) = bias {
            for y in y.chunks_exact_mut(out) {
                crate::ops::cpu::mlp::add(y, bias);
            }
        }
    }

    /// Linears of few rows: the bases in one go over the pool, then each one's bias and low-rank term.
    pub(super) fn few_linears(
        &self,
        ys: &mut [Buf],
        x: &Buf,
        linears: &[Linear<'_, Buf, Codes>],
    ) -> Option<Vec<Option<Buf>>> {
        let inn = linears.first()?.w.source.cols;
        // In fewer bits a row is to come out the same beside few rows and many.
        if x.len() > FEW_ROWS * inn || linears.iter().any(|l| l.w.compute != Compute::F32) {
            return None;
        }
        for (y, l) in ys.iter().zip(linears) {
            assert!(
                l.w.source.cols == inn && x.len().is_multiple_of(inn) && y.len() == x.len() / inn * l.w.source.rows
            );
        }
        let mut few: Vec<_> =
            ys.iter_mut().zip(linears).map(|(y, l)| Few { w: Rows::of(l.w.source), y: &mut y[..] }).collect();
        few_rows(self.route, &self.pool, x, &mut few);
        let rest = |(y, l): (&mut Buf, &Linear<'_, Buf, Codes>)| {
            if let Some(bias) = l.bias {
                y.chunks_exact_mut(bias.len()).for_each(|y| crate::ops::cpu::mlp::add(y, bias));
            }
            l.pair.map(|pair| self.low_rank(y, x, pair))
        };
        Some(ys.iter_mut().zip(linears).map(rest).collect())
    }

    pub(super) fn linear_backward(&self, dx: &mut [f32], dy: &[f32], w: Matrix<'_, Codes>, set: bool) {
        let (out, inn) = (w.source.rows, w.source.cols);
        let rows = dy.len() / out;
        assert!(dy.len() == rows * out && dx.len() == rows * inn);
        let store = if set { Store::Set } else { Store::Add };
        #[cfg(target_arch = "x86_64")]
        if let Some(w) = w.back(self) {
            return self.times(dx, dy, rows, out, w, store);
        }
        if set {
            dx.fill(0.0);
        }
        self.bands(w.source, &mut |first, n, band| {
            let dy = View::new(&dy[first..], rows, n, out);
            let c = ViewMut::packed(dx, rows, inn);
            matmul(self.route, &self.pool, c, dy, View::packed(band, n, inn), Store::Add);
        });
    }

    /// y = x·Wᵀ for more than a few rows.
    fn wide_forward(&self, y: &mut [f32], x: &[f32], rows: usize, w: Matrix<'_, Codes>) {
        let (out, inn) = (w.source.rows, w.source.cols);
        #[cfg(target_arch = "x86_64")]
        if let Some(w) = w.forward(self) {
            return self.times(y, x, rows, inn, w, Store::Set);
        }
        self.bands(w.source, &mut |first, n, band| {
            let c = ViewMut::new(&mut y[first..], rows, n, out);
            matmul(self.route, &self.pool, c, View::packed(x, rows, inn), View::packed(band, n, inn).t(), Store::Set);
        });
    }

    /// Calls `f(first, n, values)` with bands of a weight's rows in f32, as many as are widened together.
    fn bands(&self, w: WeightRef<'_>, f: &mut dyn FnMut(usize, usize, &[f32])) {
        let Some(mut band) = self.scratch(BAND.min(w.rows) * w.cols) else { return };
        for first in (0..w.rows).step_by(BAND) {
            let n = BAND.min(w.rows - first);
            let values = &mut band[..n * w.cols];
            self.rows(values, w.cols, &|start, part| {
                let row = first + start / w.cols;
                let size = w.encoding.bytes_for(w.cols);
                decode(w.encoding, &w.bytes[row * size..][..part.len() / w.cols * size], part);
            });
            f(first, n, values);
        }
    }

    /// mask∘x, as one more copy; None where there is no memory.
    fn masked(&self, x: &[f32], mask: Mask) -> Option<Buf> {
        let mut out = self.scratch(x.len())?;
        let keep = (1.0 / (1.0 - mask.p)) as f32;
        self.rows(&mut out, 1, &|start, part| {
            for (i, (y, x)) in part.iter_mut().zip(&x[start..]).enumerate() {
                *y = if uniform_at(mask.key, (start + i) as u64) < mask.p { 0.0 } else { x * keep };
            }
        });
        Some(out)
    }

    /// None where there is no memory.
    pub(super) fn low_rank_forward(&self, y: &mut [f32], x: &[f32], pair: LowRank<'_>) -> Option<Buf> {
        let (r, inn, out) = (pair.rank, pair.a.len() / pair.rank, pair.b.len() / pair.rank);
        let rows = x.len() / inn;
        assert!(x.len() == rows * inn && y.len() == rows * out);
        let masked = match dropped(&pair) {
            Some(mask) => Some(self.masked(x, mask)?),
            None => None,
        };
        let x = masked.as_deref().unwrap_or(x);
        let mut down = self.scratch(rows * r)?;
        if rows <= FEW_ROWS {
            let few = |y: &mut [f32], x: &[f32], w, cols| {
                few_rows(self.route, &self.pool, x, &mut [Few { y, w: Rows::plain(w, cols) }]);
            };
            few(&mut down, x, pair.a, inn);
            let mut scaled = self.copied(&down)?;
            scale_by(&mut scaled, pair.scale);
            let mut term = self.scratch(y.len())?;
            few(&mut term, &scaled, pair.b, r);
            crate::ops::cpu::mlp::add(y, &term);
            return Some(down);
        }
        let mm = |c: ViewMut<'_>, a: View<'_>, b: View<'_>, store| matmul(self.route, &self.pool, c, a, b, store);
        mm(
            ViewMut::packed(&mut down, rows, r),
            View::packed(x, rows, inn),
            View::packed(pair.a, r, inn).t(),
            Store::Set,
        );
        let mut scaled = self.copied(&down)?;
        scale_by(&mut scaled, pair.scale);
        mm(ViewMut::packed(y, rows, out), View::packed(&scaled, rows, r), View::packed(pair.b, out, r).t(), Store::Add);
        Some(down)
    }

    pub(super) fn low_rank_backward(
        &self,
        dx: Option<&mut [f32]>,
        grad: LowRankGrad<'_>,
        dy: &[f32],
        x: &[f32],
        down: &[f32],
        pair: LowRank<'_>,
    ) {
        let (r, inn, out) = (pair.rank, pair.a.len() / pair.rank, pair.b.len() / pair.rank);
        let rows = x.len() / inn;
        assert!(dy.len() == rows * out && down.len() == rows * r);
        assert!(grad.a.len() == pair.a.len() && grad.b.len() == pair.b.len());
        let mm = |c: ViewMut<'_>, a: View<'_>, b: View<'_>, store| matmul(self.route, &self.pool, c, a, b, store);
        let Some(mut ddown) = self.scratch(rows * r) else { return };
        let c = ViewMut::packed(&mut ddown, rows, r);
        mm(c, View::packed(dy, rows, out), View::packed(pair.b, out, r), Store::Set);
        scale_by(&mut ddown, pair.scale);
        let a = View::packed(pair.a, r, inn);
        let Some(mask) = dropped(&pair) else {
            self.low_rank_grads(grad, pair, x, down, dy, &ddown);
            let Some(dx) = dx else { return };
            return mm(ViewMut::packed(dx, rows, inn), View::packed(&ddown, rows, r), a, Store::Add);
        };
        let Some(masked) = self.masked(x, mask) else { return };
        self.low_rank_grads(grad, pair, &masked, down, dy, &ddown);
        let Some(dx) = dx else { return };
        let Some(mut part) = self.scratch(rows * inn) else { return };
        mm(ViewMut::packed(&mut part, rows, inn), View::packed(&ddown, rows, r), a, Store::Set);
        if let Some(part) = self.masked(&part, mask) {
            crate::ops::cpu::mlp::add(dx, &part);
        }
    }

    /// Adds A's gradient, ddownᵀ·x, and B's, dyᵀ·(scale·down); `ddown` has its scale already.
    pub(super) fn low_rank_grads(
        &self,
        grad: LowRankGrad<'_>,
        pair: LowRank<'_>,
        x: &[f32],
        down: &[f32],
        dy: &[f32],
        ddown: &[f32],
    ) {
        let (r, inn, out) = (pair.rank, pair.a.len() / pair.rank, pair.b.len() / pair.rank);
        let rows = down.len() / r;
        assert!(grad.a.len() == pair.a.len() && grad.b.len() == pair.b.len() && ddown.len() == down.len());
        let Some(mut scaled) = self.copied(down) else { return };
        scale_by(&mut scaled, pair.scale);
        #[cfg(target_arch = "x86_64")]
        if let Route::Avx512 { .. } = self.route {
            // SAFETY: AVX-512F was detected (Route).
            unsafe {
                add_outer(&self.pool, grad.a, ddown, r, x, inn, Lies::AsA);
                add_outer(&self.pool, grad.b, &scaled, r, dy, out, Lies::AsB);
            }
            return;
        }
        let mm = |c: ViewMut<'_>, a: View<'_>, b: View<'_>| matmul(self.route, &self.pool, c, a, b, Store::Add);
        mm(ViewMut::packed(grad.a, r, inn), View::packed(ddown, rows, r).t(), View::packed(x, rows, inn));
        mm(ViewMut::packed(grad.b, out, r), View::packed(dy, rows, out).t(), View::packed(&scaled, rows, r));
    }
}
