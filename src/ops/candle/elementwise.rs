//! Norm, rotary positions, the gated product.

use candle_core::{D, Result, Tensor};

use super::{Buf, Tensors};
use crate::ops::{Rotation, RowOrder};

/// 1/rms of every row, `rows × 1`. A row too large to be squared has none: NaN, as on our CPU.
fn inverse_rms(x: &Tensor, eps: f32) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    (&mean + f64::from(eps))?.sqrt()?.recip()? + (mean * 0.0)?
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

impl Tensors {
    pub(super) fn norm(&self, x: &Buf, w: &Buf, eps: f32) -> Result<Tensor> {
        let x = self.get(x, (x.len / w.len, w.len))?;
        x.broadcast_mul(&inverse_rms(&x, eps)?)?.broadcast_mul(&self.get(w, w.len)?)
    }

    /// With x̂ = x/rms and g = dy·w: dx = (g − x̂·mean(g·x̂))/rms.
    pub(super) fn norm_back(&self, dy: &Buf, x: &Buf, w: &Buf, eps: f32) -> Result<Tensor> {
        let shape = (x.len / w.len, w.len);
        let (x, g) = (self.get(x, shape)?, self.get(dy, shape)?.broadcast_mul(&self.get(w, w.len)?)?);
        let inverse = inverse_rms(&x, eps)?;
        let unit = x.broadcast_mul(&inverse)?;
        let mean = (&g * &unit)?.mean_keepdim(D::Minus1)?;
        (g - unit.broadcast_mul(&mean)?)?.broadcast_mul(&inverse)
    }

    pub(super) fn rotated(&self, x: &Buf, rotation: &Rotation, back: bool) -> Result<Tensor> {
        let half = rotation.head_dim / 2;
        let rows = rotation.cos.len() / half.max(1);
        if rows == 0 {
            return self.get(x, x.len);
        }
        let heads = x.len / rows / rotation.head_dim;
        let cos = self.host(&rotation.cos, (rows, 1, half))?;
        let sin = (self.host(&rotation.sin, (rows, 1, half))? * if back { -1.0 } else { 1.0 })?;
        let turn = |a: &Tensor, b: &Tensor| -> Result<[Tensor; 2]> {
            let (ac, bs) = (a.broadcast_mul(&cos)?, b.broadcast_mul(&sin)?);
            let (bc, as_) = (b.broadcast_mul(&cos)?, a.broadcast_mul(&sin)?);
            Ok([(ac - bs)?, (bc + as_)?])
        };
        match rotation.order {
            RowOrder::Hf => {
                let x = self.get(x, (rows, heads, 2 * half))?;
                Tensor::cat(&turn(&x.narrow(2, 0, half)?, &x.narrow(2, half, half)?)?, 2)
            }
            RowOrder::Ggml => {
                let x = self.get(x, (rows, heads, half, 2))?;
                Tensor::stack(&turn(&x.narrow(3, 0, 1)?.squeeze(3)?, &x.narrow(3, 1, 1)?.squeeze(3)?)?, 3)
            }
        }
    }

    /// silu(gate)·up.
    pub(super) fn gated(&self, gate: &Buf, up: &Buf) -> Result<Tensor> {
        let g = self.get(gate, gate.len)?;
        (&g * sigmoid(&g)?)? * self.get(up, up.len)?
    }

    /// silu′(g) = σ(g)·(1 + g·(1 − σ(g))).
    pub(super) fn gated_back(&self, dgate: &mut Buf, dup: &mut Buf, dh: &Buf, gate: &Buf, up: &Buf) {
        let parts = || {
            let (g, dh) = (self.get(gate, gate.len)?, self.get(dh, dh.len)?);
            let s = sigmoid(&g)?;
            Ok((g, s, dh))
        };
        let (g, s, dh) = match parts() {
            Ok(parts) => parts,
            Err(e) => return self.failed(&e),
        };
        self.set(dup, || (&dh * &g)? * &s);
        self.set(dgate, || {
            let slope = (&s * ((&g * (1.0 - &s)?)? + 1.0)?)?;
            (&dh * self.get(up, up.len)?)? * slope
        });
    }
}
