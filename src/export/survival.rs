//! How much of the intended ΔW is in an exported tensor.

/// |survival − 1| that is right whatever the noise: what rounding to nearest is allowed to lose.
pub(super) const BIAS: f64 = 0.01;

/// Standard errors that chance may add: one right tensor in two million is further out.
pub(super) const DEVIATIONS: f64 = 5.0;

/// How a touched tensor was rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// With dither, on the base's own block scales.
    OwnGrid,
    /// With dither, on scales computed from the values.
    Dither,
    Nearest,
}

/// One touched tensor: how much of the intended ΔW is in the exported bytes.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Survival {
    pub tensor: String,
    pub from: String,
    pub to: String,
    /// How it was rounded; `None` where only the file is known.
    pub rounding: Option<Rounding>,
    /// On the base's own block scales: what ΔW was multiplied by.
    pub gain: Option<f64>,
    /// Elements that stopped at the end of their range of codes.
    pub clipped: u64,
    /// ⟨exported − base, ΔW⟩ / ⟨ΔW, ΔW⟩: 1 = the tune arrived whole.
    pub slope: f64,
    /// Of the slope, under dithered rounding.
    pub standard_error: f64,
    /// ‖ΔW‖ / ‖W‖.
    pub relative_delta: f64,
    /// Squared distance from base + ΔW over what dithered rounding leaves on average; to nearest about 0.5.
    pub residual: f64,
}

impl Survival {
    /// How far from 1 the slope of a right file may be.
    pub fn tolerance(&self) -> f64 {
        BIAS + DEVIATIONS * self.standard_error
    }
}
