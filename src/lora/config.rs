//! Rank, alpha and targets: what is allowed, and the one scale.

use super::{LoraError, Pattern, TargetModules, module};
use crate::weights::LinearId;

/// No layer of a trainable base is that narrow in both directions; it caps what a config can make us allocate.
pub(super) const MAX_RANK: usize = 4096;

/// What an adapter is made with, in PEFT's words. [`LoraConfig::scale_of`] turns alpha into a factor.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    pub rank: usize,
    pub alpha: f64,
    /// Probability that an input of A is dropped in training.
    pub dropout: f64,
    pub targets: TargetModules,
    /// Only these layers; None: all.
    pub layers_to_transform: Option<Vec<usize>>,
    /// Ranks of some modules that differ from `rank`.
    pub rank_pattern: Pattern,
    /// Alphas of some modules that differ from `alpha`.
    pub alpha_pattern: Pattern,
    /// The scale is alpha / √rank.
    pub rslora: bool,
}

/// PEFT's own defaults.
impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 8.0,
            dropout: 0.0,
            targets: TargetModules::AllLinear,
            layers_to_transform: None,
            rank_pattern: Pattern::default(),
            alpha_pattern: Pattern::default(),
            rslora: false,
        }
    }
}

impl LoraConfig {
    /// alpha / rank, or alpha / √rank with rsLoRA, where no pattern says otherwise.
    pub fn scale(&self) -> f64 {
        scale(self.alpha, self.rank, self.rslora)
    }

    /// The rank of one linear's pair.
    pub fn rank_of(&self, id: LinearId) -> usize {
        if self.rank_pattern.is_empty() {
            return self.rank;
        }
        self.rank_pattern.get(&module(id)).map_or(self.rank, |rank| rank as usize)
    }

    /// The factor of one linear's B · A.
    pub fn scale_of(&self, id: LinearId) -> f64 {
        if self.alpha_pattern.is_empty() {
            return scale(self.alpha, self.rank_of(id), self.rslora);
        }
        scale(self.alpha_pattern.get(&module(id)).unwrap_or(self.alpha), self.rank_of(id), self.rslora)
    }

    /// Refuses what makes no adapter.
    pub fn check(&self) -> Result<(), LoraError> {
        let fault = |what: String| Err(LoraError::Config(what));
        if self.rank == 0 || self.rank > MAX_RANK {
            return fault(format!("lora_rank is {}: give a number from 1 to {MAX_RANK} (8 to 64 is usual)", self.rank));
        }
        if !ALPHA.contains(&self.alpha) {
            let (least, most) = (ALPHA.start(), ALPHA.end());
            return fault(format!(
                "lora_alpha is {}: give a number from {least:e} to {most:e} (twice the rank is usual)",
                self.alpha
            ));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fault(format!("lora_dropout is {}: give a number from 0 to below 1 (0 is usual)", self.dropout));
        }
        if self.targets == TargetModules::Names(Vec::new()) {
            return fault("target_modules names no layer: give \"all-linear\" or some of q_proj, v_proj …".to_owned());
        }
        if let Some((key, rank)) = self.rank_pattern.entries().find(|(_, r)| whole(*r).is_none()) {
            return fault(format!("rank_pattern: {key:?} is {rank}: give a whole number from 1 to {MAX_RANK}"));
        }
        if let Some((key, alpha)) = self.alpha_pattern.entries().find(|(_, a)| !ALPHA.contains(a)) {
            let (least, most) = (ALPHA.start(), ALPHA.end());
            return fault(format!("alpha_pattern: {key:?} is {alpha}: give a number from {least:e} to {most:e}"));
        }
        Ok(())
    }
}

/// Values of alpha whose products are numbers in f32, neither infinite nor 0.
const ALPHA: std::ops::RangeInclusive<f64> = 1e-20..=1e20;

/// The only place where alpha becomes a factor.
fn scale(alpha: f64, rank: usize, rslora: bool) -> f64 {
    let rank = rank as f64;
    alpha / if rslora { rank.sqrt() } else { rank }
}

pub(super) fn whole(number: f64) -> Option<usize> {
    (number.fract() == 0.0 && (1.0..=MAX_RANK as f64).contains(&number)).then_some(number as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Site;

    fn config(rank: usize, alpha: f64) -> LoraConfig {
        LoraConfig { rank, alpha, ..LoraConfig::default() }
    }

    fn pattern(key: &str, value: f64) -> Pattern {
        Pattern::new([(key.to_owned(), value)]).unwrap()
    }

    #[test]
    fn the_scale_is_alpha_over_rank_or_its_root() {
        assert_eq!(config(16, 32.0).scale(), 2.0);
        let root = LoraConfig { rslora: true, ..config(16, 32.0) };
        assert_eq!(root.scale(), 8.0);
        let id = |layer, site| LinearId { layer, site };
        let c =
            LoraConfig { rank_pattern: pattern("q_proj", 4.0), alpha_pattern: pattern("0.mlp.up_proj", 8.0), ..root };
        assert_eq!((c.rank_of(id(1, Site::Q)), c.rank_of(id(1, Site::K))), (4, 16));
        assert_eq!(
            [c.scale_of(id(0, Site::Q)), c.scale_of(id(0, Site::Up)), c.scale_of(id(1, Site::Up))],
            [16.0, 2.0, 8.0]
        );
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let said = |c: LoraConfig| c.check().unwrap_err().to_string();
        assert!(config(8, 16.0).check().is_ok());
        assert!(said(config(0, 16.0)).contains("lora_rank is 0"));
        assert!(said(config(usize::MAX, 16.0)).contains("lora_rank"));
        assert!(said(config(8, f64::NAN)).contains("lora_alpha is NaN"));
        for alpha in [-1.0, 0.0, 1e-46, 1e39, f64::INFINITY] {
            assert!(said(config(8, alpha)).contains("lora_alpha"), "{alpha}");
        }
        assert!(said(LoraConfig { dropout: 1.0, ..config(8, 8.0) }).contains("lora_dropout is 1"));
        assert!(
            said(LoraConfig { targets: TargetModules::Names(vec![]), ..config(8, 8.0) }).contains("target_modules")
        );
        assert!(said(LoraConfig { rank_pattern: pattern("q_proj", 2.5), ..config(8, 8.0) }).contains("rank_pattern"));
        assert!(said(LoraConfig { alpha_pattern: pattern("q_proj", 0.0), ..config(8, 8.0) }).contains("alpha_pattern"));
    }
}
