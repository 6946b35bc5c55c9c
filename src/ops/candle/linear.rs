//! Linears and their low-rank terms.

use candle_core::{Result, Tensor};

use super::{Buf, Tensors};
use crate::ops::random::uniform_at;
use crate::ops::{LowRank, LowRankGrad, Mask, Ops};

impl Tensors {
    /// to (+)= what `make` makes.
    pub(super) fn sum(&self, to: &mut Buf, set: bool, make: impl FnOnce() -> Result<Tensor>) {
        let before = if set { None } else { to.values.take() };
        self.set(to, || {
            let made = make()?.flatten_all()?;
            before.map_or_else(|| Ok(made.clone()), |before| before + &made)
        });
    }

    /// x·Wᵀ (+ bias).
    pub(super) fn product(&self, x: &Buf, w: &Tensor, bias: Option<&Buf>) -> Result<Tensor> {
        let (out, inn) = w.dims2()?;
        let y = self.get(x, (x.len / inn, inn))?.matmul(&w.t()?)?;
        bias.map_or_else(|| Ok(y.clone()), |bias| y.broadcast_add(&self.get(bias, out)?))
    }

    /// dy·W.
    pub(super) fn product_back(&self, dy: &Buf, w: &Tensor) -> Result<Tensor> {
        let out = w.dims2()?.0;
        self.get(dy, (dy.len / out, out))?.matmul(w)
    }

    /// What dropout multiplies the input with.
    fn mask(&self, len: usize, mask: Option<Mask>) -> Result<Option<Tensor>> {
        let Some(mask) = mask.filter(|m| m.p > 0.0) else { return Ok(None) };
        let keep = (1.0 / (1.0 - mask.p)) as f32;
        let factor = |i| if uniform_at(mask.key, i as u64) < mask.p { 0.0 } else { keep };
        self.host(&(0..len).map(factor).collect::<Vec<f32>>(), len).map(Some)
    }

    /// mask∘x, `rows × in`.
    fn masked(&self, x: &Buf, inn: usize, mask: Option<Mask>) -> Result<Tensor> {
        let x = match self.mask(x.len, mask)? {
            Some(factors) => (self.get(x, x.len)? * factors)?,
            None => self.get(x, x.len)?,
        };
        x.reshape((x.elem_count() / inn, inn))
    }

    pub(super) fn low_rank_term(&self, y: &mut Buf, x: &Buf, pair: LowRank<'_>) -> Buf {
        let (rank, inn, out) = (pair.rank, pair.a.len() / pair.rank, pair.b.len() / pair.rank);
        let rows = x.len / inn;
        let down =
            self.made(rows * rank, || self.masked(x, inn, pair.mask)?.matmul(&self.host(pair.a, (rank, inn))?.t()?));
        self.sum(y, false, || {
            let up = self.get(&down, (rows, rank))?.matmul(&self.host(pair.b, (out, rank))?.t()?)?;
            up * f64::from(pair.scale)
        });
        down
    }

    pub(super) fn low_rank_gradient(
        &self,
        dx: Option<&mut Buf>,
        grad: LowRankGrad<'_>,
        dy: &Buf,
        x: &Buf,
        down: &Buf,
        pair: LowRank<'_>,
    ) {
        let (rank, inn, out) = (pair.rank, pair.a.len() / pair.rank, pair.b.len() / pair.rank);
        let rows = dy.len / out;
        if rows == 0 {
            return;
        }
        let scaled = || self.get(dy, (rows, out))? * f64::from(pair.scale);
        let of_b = || scaled()?.t()?.matmul(&self.get(down, (rows, rank))?);
        add_to(grad.b, &self.values(grad.b.len(), of_b()));
        let ddown = self.made(rows * rank, || scaled()?.matmul(&self.host(pair.b, (out, rank))?));
        let of_a = || self.get(&ddown, (rows, rank))?.t()?.matmul(&self.masked(x, inn, pair.mask)?);
        add_to(grad.a, &self.values(grad.a.len(), of_a()));
        if let Some(dx) = dx {
            let len = self.len(dx);
            self.sum(dx, false, || {
                let through = self.get(&ddown, (rows, rank))?.matmul(&self.host(pair.a, (rank, inn))?)?;
                let through = through.flatten_all()?;
                self.mask(len, pair.mask)?.map_or_else(|| Ok(through.clone()), |factors| &through * factors)
            });
        }
    }
}

fn add_to(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}
