//! Which numbers the trainer accepts. The options of a config file refer to these ranges, so each stands here once.

use std::fmt;

/// The valid values of a number; infinities and NaN never are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub least: f64,
    /// Whether `least` itself is valid.
    pub least_included: bool,
    pub most: f64,
    /// Whether `most` itself is valid.
    pub most_included: bool,
    /// What is usual, for error messages and documents.
    pub usual: &'static str,
}

pub const EPOCHS: Range = Range::above(0.0).to(1e6);
pub const BATCH: Range = Range::from(1.0).to(65_536.0);
pub const LEARNING_RATE: Range = Range::above(0.0).to(1.0).usual("1e-5 to 1e-3 is usual for LoRA");
pub const WARMUP_RATIO: Range = Range::from(0.0).below(1.0);
pub const WEIGHT_DECAY: Range = Range::from(0.0).to(1.0);
pub const MAX_GRAD_NORM: Range = Range::from(0.0).usual("0 turns clipping off");
pub const EARLY_STOPPING_THRESHOLD: Range = Range::from(0.0);
/// What is counted and makes no sense as 0.
pub const AT_LEAST_ONE: Range = Range::from(1.0);

impl Range {
    pub const fn from(least: f64) -> Self {
        Self { least, least_included: true, most: f64::INFINITY, most_included: false, usual: "" }
    }

    pub const fn above(least: f64) -> Self {
        Self { least_included: false, ..Self::from(least) }
    }

    pub const fn to(self, most: f64) -> Self {
        Self { most, most_included: true, ..self }
    }

    pub const fn below(self, most: f64) -> Self {
        Self { most, most_included: false, ..self }
    }

    pub const fn usual(self, usual: &'static str) -> Self {
        Self { usual, ..self }
    }

    pub fn holds(&self, value: f64) -> bool {
        let low = value > self.least || (self.least_included && value == self.least);
        let high = value < self.most || (self.most_included && value == self.most);
        value.is_finite() && low && high
    }
}

/// `above 0 and at most 1 (1e-5 to 1e-3 is usual for LoRA)`, to follow "a number" or "a whole number".
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.least, self.most);
        match (self.least_included, self.most_included, most.is_finite()) {
            (true, _, false) => write!(f, "of at least {least}")?,
            (false, _, false) => write!(f, "above {least}")?,
            (true, true, true) => write!(f, "from {least} to {most}")?,
            (true, false, true) => write!(f, "of at least {least} and below {most}")?,
            (false, true, true) => write!(f, "above {least} and at most {most}")?,
            (false, false, true) => write!(f, "above {least} and below {most}")?,
        }
        if self.usual.is_empty() { Ok(()) } else { write!(f, " ({})", self.usual) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_in_or_out_as_declared_and_said_so() {
        for (range, inside, outside, words) in [
            (Range::from(1.0), vec![1.0, 1e300], vec![0.5, f64::INFINITY, f64::NAN], "of at least 1"),
            (Range::above(0.0), vec![1e-300], vec![0.0, -1.0], "above 0"),
            (Range::from(0.0).to(1.0), vec![0.0, 1.0], vec![-0.1, 1.1], "from 0 to 1"),
            (Range::from(0.0).below(1.0), vec![0.0, 0.99], vec![1.0], "of at least 0 and below 1"),
            (Range::above(0.0).to(1.0).usual("u"), vec![1.0], vec![0.0, 2.0], "above 0 and at most 1 (u)"),
            (Range::above(0.0).below(1.0), vec![0.5], vec![0.0, 1.0], "above 0 and below 1"),
        ] {
            assert!(inside.iter().all(|v| range.holds(*v)) && !outside.iter().any(|v| range.holds(*v)), "{range}");
            assert_eq!(range.to_string(), words);
        }
    }
}
