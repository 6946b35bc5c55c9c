//! Losses of rows of logits, and their gradients.

use candle_core::{D, Result, Tensor};

use super::{Buf, Tensors};
use crate::ops::{Ops, RowLoss};

/// What a row's distribution is made of; all `rows × 1` but the first.
struct Whole {
    /// log p, `rows × width`.
    log_p: Tensor,
    p: Tensor,
    entropy: Tensor,
}

/// The values of [`RowLoss`], one a row.
struct Losses {
    nll: Tensor,
    entropy: Tensor,
    argmax: Tensor,
}

fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

fn whole(logits: &Tensor) -> Result<Whole> {
    let log_p = log_softmax(logits)?;
    let p = log_p.exp()?;
    // Where nothing is left of a probability, its logarithm may be infinite.
    let entropy = (&p * log_p.clamp(f32::MIN, f32::MAX)?)?.sum_keepdim(D::Minus1)?.neg()?;
    Ok(Whole { log_p, p, entropy })
}

impl Tensors {
    fn rows(&self, n: usize, made: Result<Losses>) -> Vec<RowLoss> {
        let read = made.and_then(|made| {
            let (nll, entropy): (Vec<f32>, Vec<f32>) = (self.read(&made.nll)?, self.read(&made.entropy)?);
            let argmax: Vec<u32> = self.read(&made.argmax)?;
            let row = |((nll, entropy), argmax)| RowLoss { nll: f64::from(nll), entropy: f64::from(entropy), argmax };
            Ok(nll.into_iter().zip(entropy).zip(argmax).map(row).collect())
        });
        read.map_err(|e| self.failed(&e)).unwrap_or_else(|()| vec![RowLoss::default(); n])
    }

    pub(super) fn log_probabilities(&self, logits: &mut Buf, width: usize) {
        let made = self.get(logits, (self.len(logits) / width, width)).and_then(|l| log_softmax(&l));
        self.set(logits, || made);
    }

    pub(super) fn cross_entropies(
        &self,
        logits: &mut Buf,
        targets: &[u32],
        weight: Option<f32>,
        smoothing: f32,
    ) -> Vec<RowLoss> {
        let n = targets.len();
        if n == 0 {
            return Vec::new();
        }
        let (width, s) = (self.len(logits) / n, f64::from(smoothing));
        let mut gradient = None;
        let mut made = || {
            let l = self.get(logits, (n, width))?;
            let Whole { log_p, p, entropy } = whole(&l)?;
            let targets = Tensor::from_slice(targets, (n, 1), &self.device)?;
            let mut nll = log_p.gather(&targets, 1)?.neg()?;
            if s > 0.0 {
                nll = ((nll * (1.0 - s))? - (log_p.mean_keepdim(D::Minus1)? * s)?)?;
            }
            if let Some(weight) = weight.map(f64::from) {
                let all = ((p - s / width as f64)? * weight)?;
                let own = self.host(&vec![(-weight * (1.0 - s)) as f32; n], (n, 1))?;
                gradient = Some(all.scatter_add(&targets, &own, 1)?);
            }
            Ok(Losses { nll, entropy, argmax: l.argmax(D::Minus1)? })
        };
        let rows = self.rows(n, made());
        if let Some(gradient) = gradient {
            self.set(logits, || Ok(gradient));
        }
        rows
    }

    pub(super) fn divergences(
        &self,
        logits: &mut Buf,
        teacher: &mut Buf,
        width: usize,
        weight: Option<f32>,
    ) -> Vec<RowLoss> {
        let n = self.len(logits) / width;
        if n == 0 {
            return Vec::new();
        }
        let (mut gradient, mut probabilities) = (None, None);
        let mut made = || {
            let l = self.get(logits, (n, width))?;
            let (ours, theirs) = (whole(&l)?, whole(&self.get(teacher, (n, width))?)?);
            let apart = (theirs.log_p - ours.log_p)?;
            let divergence = (&theirs.p * apart.clamp(f32::MIN, f32::MAX)?)?.sum_keepdim(D::Minus1)?;
            // GPUs clamp what is no number to a number.
            let divergence =
                ((divergence + (ours.p.sum_keepdim(D::Minus1)? * 0.0)?)? + (theirs.p.sum_keepdim(D::Minus1)? * 0.0)?)?;
            if let Some(weight) = weight {
                gradient = Some(((ours.p - &theirs.p)? * f64::from(weight))?);
            }
            probabilities = Some(theirs.p);
            Ok(Losses { nll: divergence, entropy: ours.entropy, argmax: l.argmax(D::Minus1)? })
        };
        let rows = self.rows(n, made());
        for (to, made) in [(logits, gradient), (teacher, probabilities)] {
            if let Some(made) = made {
                self.set(to, || Ok(made));
            }
        }
        rows
    }
}
