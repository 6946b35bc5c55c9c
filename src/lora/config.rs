//! Rank, alpha and targets: what is allowed, and the one scale.

use super::{LoraConfig, LoraError};
use crate::weights::Site;

/// No layer of a trainable base is that narrow in both directions; it caps what a config can make us allocate.
pub(super) const MAX_RANK: usize = 4096;

impl LoraConfig {
    /// alpha / rank, or alpha / √rank with rsLoRA: the only place it is computed.
    pub fn scale(&self) -> f64 {
        scale(self.alpha, self.rank, self.rslora)
    }

    /// Refuses what makes no adapter.
    pub fn check(&self) -> Result<(), LoraError> {
        let fault = |what: String| Err(LoraError::Config(what));
        if self.rank == 0 || self.rank > MAX_RANK {
            return fault(format!("lora_rank is {}: give a number from 1 to {MAX_RANK} (8 to 64 is usual)", self.rank));
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return fault(format!("lora_alpha is {}: give a number above 0 (twice the rank is usual)", self.alpha));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fault(format!("lora_dropout is {}: give a number from 0 to below 1 (0 is usual)", self.dropout));
        }
        if self.targets.is_empty() {
            return fault("target_modules names no layer: give \"all-linear\" or some of q_proj, v_proj …".to_owned());
        }
        Ok(())
    }

    /// `["all-linear"]`, or PEFT's names (`q_proj`, `self_attn.q_proj`); sorted, without repeats.
    pub fn parse_targets(names: &[impl AsRef<str>]) -> Result<Vec<Site>, LoraError> {
        let mut sites = Vec::new();
        for name in names {
            match name.as_ref().trim() {
                "all-linear" => sites.extend(Site::ALL),
                other => sites.push(site(other)?),
            }
        }
        sites.sort();
        sites.dedup();
        Ok(sites)
    }
}

pub(super) fn scale(alpha: f64, rank: usize, rslora: bool) -> f64 {
    let rank = rank as f64;
    alpha / if rslora { rank.sqrt() } else { rank }
}

fn site(name: &str) -> Result<Site, LoraError> {
    let found = Site::ALL.into_iter().find(|s| name == s.module() || name == s.hf());
    found.ok_or_else(|| {
        let known: Vec<_> = Site::ALL.iter().map(|s| s.module()).collect();
        LoraError::Config(format!(
            "target_modules: {name:?} is no linear layer of a block: use \"all-linear\" or {}",
            known.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(rank: usize, alpha: f64) -> LoraConfig {
        LoraConfig { rank, alpha, dropout: 0.0, targets: Site::ALL.to_vec(), rslora: false }
    }

    #[test]
    fn the_scale_is_alpha_over_rank_or_its_root() {
        assert_eq!(config(16, 32.0).scale(), 2.0);
        assert_eq!(LoraConfig { rslora: true, ..config(16, 32.0) }.scale(), 8.0);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let said = |c: LoraConfig| c.check().unwrap_err().to_string();
        assert!(config(8, 16.0).check().is_ok());
        assert!(said(config(0, 16.0)).contains("lora_rank is 0"));
        assert!(said(config(usize::MAX, 16.0)).contains("lora_rank"));
        assert!(said(config(8, f64::NAN)).contains("lora_alpha is NaN"));
        assert!(said(config(8, -1.0)).contains("lora_alpha"));
        assert!(said(LoraConfig { dropout: 1.0, ..config(8, 8.0) }).contains("lora_dropout is 1"));
        assert!(said(LoraConfig { targets: vec![], ..config(8, 8.0) }).contains("target_modules"));
    }

    #[test]
    fn targets_by_pefts_names() {
        assert_eq!(LoraConfig::parse_targets(&["all-linear"]).unwrap(), Site::ALL);
        assert_eq!(LoraConfig::parse_targets(&["v_proj", "self_attn.q_proj", "v_proj"]).unwrap(), [Site::Q, Site::V]);
        let said = LoraConfig::parse_targets(&["lm_head"]).unwrap_err().to_string();
        assert!(said.contains("lm_head") && said.contains("down_proj"), "{said}");
    }
}
