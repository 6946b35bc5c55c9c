//! What of an intended ΔW is in an exported tensor, from base, ΔW and the exported values alone.
//!
//! D = exported − base. Rounding right means that D has the expected value E[D] (ΔW; on the base's own grid g·ΔW, clipped
//! at the ends of the codes' range) and the variance v = step²·f·(1 − f) of dither, f being the place of base + E[D] between
//! two levels. Rounding to nearest stays below that variance, and has no bias where its survival is 1.

use super::item::Item;
use super::survival::{BIAS, DEVIATIONS, Rounding, Survival};
use super::types::name_of;
use crate::ops::{Encoding, Levels, float_step};

/// Noise over the variance of dither: below lies rounding to nearest on the base's own grid, above another base.
const RESIDUAL: (f64, f64) = (0.25, 1.6);

/// On which grid a tensor was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Grid {
    /// The base's scales and minima; ΔW times the gain.
    Own { gain: f64 },
    /// Scales from the values.
    New,
}

/// Sums over the elements of one tensor; parts add up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    base: f64,
    /// ⟨ΔW, ΔW⟩ and ⟨D, ΔW⟩.
    intended: f64,
    realised: f64,
    /// Σ ΔW²·v.
    noise: f64,
    /// Σ (D − E[D])², its expected value and variance under dither.
    residual: f64,
    variance: f64,
    spread: f64,
    clipped: u64,
    /// Elements further than half a step from what they were to be.
    beyond_half: u64,
}

/// One row: the base, ΔW, what was written, and for block types the levels there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub base: &'a [f32],
    pub delta: &'a [f32],
    pub written: &'a [f32],
    pub levels: &'a [Levels],
}

impl Sums {
    pub(super) fn add_row(&mut self, encoding: Encoding, grid: Grid, row: Row<'_>) {
        for (i, (&base, &delta)) in row.base.iter().zip(row.delta).enumerate() {
            let (w, d) = (f64::from(base), f64::from(delta));
            let change = f64::from(row.written[i]) - w;
            let (meant, step, from) = match float_step(encoding, base + delta) {
                Some(step) => (w + d, f64::from(step), 0.0),
                None => self.meant(grid, &row.levels[i], w, d),
            };
            let error = change - (meant - w);
            let at = if step > 0.0 { ((meant - from) / step).abs() } else { 0.0 };
            // (Below a level as above it: f and 1 − f say the same. A cast is far cheaper than a remainder.)
            let f = at - (at as i64) as f64;
            let share = f * (1.0 - f);
            let v = step * step * share;
            self.base += w * w;
            self.intended += d * d;
            self.realised += change * d;
            self.noise += d * d * v;
            self.residual += error * error;
            // The last bits of f32 sums are an error, too.
            self.variance += v + 1e-6 * step * step;
            self.spread += step.powi(4) * share * (1.0 - 4.0 * share);
            self.beyond_half += u64::from(error.abs() > 0.501 * step);
        }
    }

    /// The value that an element of a block was to have, its step, and a level that it is counted from.
    fn meant(&mut self, grid: Grid, levels: &Levels, w: f64, d: f64) -> (f64, f64, f64) {
        let (step, low, high) = (f64::from(levels.step), f64::from(levels.low), f64::from(levels.high));
        let meant = match grid {
            Grid::New => w + d,
            Grid::Own { gain } => {
                let free = w + gain * d;
                let held = free.clamp(low.min(w), high.max(w));
                self.clipped += u64::from(held != free);
                held
            }
        };
        (meant, step, low)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.base += other.base;
        self.intended += other.intended;
        self.realised += other.realised;
        self.noise += other.noise;
        self.residual += other.residual;
        self.variance += other.variance;
        self.spread += other.spread;
        self.clipped += other.clipped;
        self.beyond_half += other.beyond_half;
    }

    pub(super) fn survival(&self) -> f64 {
        if self.intended > 0.0 { self.realised / self.intended } else { 1.0 }
    }

    fn standard_error(&self) -> f64 {
        if self.intended > 0.0 { self.noise.sqrt() / self.intended } else { 0.0 }
    }

    /// How far from 1 the survival of a right file may be.
    pub(super) fn tolerance(&self) -> f64 {
        BIAS + DEVIATIONS * self.standard_error()
    }

    /// Whether the tune arrived, in the mean. NaN is never right.
    pub(super) fn survives(&self) -> bool {
        (self.survival() - 1.0).abs() <= self.tolerance()
    }

    pub(super) fn residual(&self) -> f64 {
        if self.variance > 0.0 { self.residual / self.variance } else { 1.0 }
    }

    /// The residuals that rounding right leaves; wider for a tensor whose few rounded-up elements say little.
    fn residual_limits(&self) -> (f64, f64) {
        let chance = if self.variance > 0.0 { DEVIATIONS * self.spread.sqrt() / self.variance } else { 0.0 };
        (RESIDUAL.0.min(1.0 - chance), RESIDUAL.1.max(1.0 + chance))
    }

    /// Whether rounding explains how far the elements are from what they were to be.
    pub(super) fn rounded(&self, encoding: Encoding) -> bool {
        if encoding.block().0 == 1 && self.beyond_half == 0 {
            return true;
        }
        let (least, most) = self.residual_limits();
        (least..=most).contains(&self.residual())
    }

    /// Whether rounding to nearest kept the tune; with a margin for its residual.
    pub(super) fn nearest_keeps(&self, encoding: Encoding) -> bool {
        let plain = encoding.block().0 == 1 || self.residual() >= 1.1 * RESIDUAL.0;
        plain && (self.survival() - 1.0).abs() <= BIAS
    }

    /// What is wrong with a touched tensor, if anything.
    pub(super) fn fault(&self, tensor: &str, from: Encoding, to: Encoding) -> Option<String> {
        let (from, to_name) = (name_of(from), name_of(to));
        if !self.survives() {
            let (survival, error, tolerance) = (self.survival(), self.standard_error(), self.tolerance());
            return Some(format!(
                "{tensor}: {survival:.3} ± {error:.3} of the tune is in the file ({from} -> {to_name}), expected 1 ± {tolerance:.3}"
            ));
        }
        if !self.rounded(to) {
            let (residual, (least, most)) = (self.residual(), self.residual_limits());
            return Some(format!(
                "{tensor}: {residual:.2} × the error of dithered rounding to {to_name}, {least:.2} to {most:.2} is right"
            ));
        }
        None
    }

    pub(super) fn report(&self, item: &Item<'_>, grid: Grid, rounding: Option<Rounding>) -> Survival {
        Survival {
            tensor: item.name.clone(),
            from: name_of(item.from()).to_owned(),
            to: name_of(item.to).to_owned(),
            rounding,
            gain: match grid {
                Grid::Own { gain } => Some(gain),
                Grid::New => None,
            },
            clipped: self.clipped,
            slope: self.survival(),
            standard_error: self.standard_error(),
            relative_delta: if self.base > 0.0 { (self.intended / self.base).sqrt() } else { 0.0 },
            residual: self.residual(),
        }
    }
}
