//! Leg 2: the exported file is base + tune, tensor by tensor, and the tune is still in what it computes.

use std::path::Path;

use super::divergence::{Rows, mean};
use super::{Leg, ProofError, Request};
use crate::export;
use crate::gguf::{GgmlType, Gguf};
use crate::model::kl_divergence;
use crate::weights::Weights;

/// What was uploaded.
#[derive(Debug)]
pub(super) enum File {
    Merged(Weights),
    Adapter,
}

pub(super) fn open(path: &Path) -> Result<File, ProofError> {
    let gguf = Gguf::open(path)?;
    match gguf.str("general.type") {
        Ok("adapter") => Ok(File::Adapter),
        _ => Ok(File::Merged(Weights::from_gguf(gguf)?)),
    }
}

/// How coarse the coarsest weight of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grain {
    Half,
    Brain,
    EightBit,
    Legacy,
    KQuant,
}

fn grain(weights: &Weights) -> Grain {
    let Some(gguf) = weights.gguf() else { return Grain::Half };
    gguf.tensors()
        .iter()
        .map(|t| match t.ty {
            GgmlType::F32 | GgmlType::F16 => Grain::Half,
            GgmlType::BF16 => Grain::Brain,
            GgmlType::Q8_0 => Grain::EightBit,
            GgmlType::Q4_K | GgmlType::Q5_K | GgmlType::Q6_K => Grain::KQuant,
            _ => Grain::Legacy,
        })
        .max()
        .unwrap_or(Grain::Half)
}

impl File {
    fn grain(&self, base: &Weights) -> Grain {
        match self {
            Self::Merged(weights) => grain(weights),
            Self::Adapter => grain(base),
        }
    }

    /// Mean KL(served ‖ our f32 forward of the same bytes) that the daemon's own rounding explains
    /// (docs/internals/proof.md).
    pub(super) fn served_limit(&self, base: &Weights) -> f64 {
        match self.grain(base) {
            Grain::Half => 0.004,
            Grain::Brain => 0.008,
            Grain::EightBit | Grain::Legacy => 0.03,
            Grain::KQuant => 0.06,
        }
    }
}

/// Mean KL(base + adapter ‖ exported) that is right for any tune, and the share of what the tune itself did that is: a
/// grid can be too coarse for a model though the rounding of each tensor is unbiased.
const MOST_KL: f64 = 0.05;
const MOST_OF_TUNE: f64 = 0.1;

/// Distributions at the same positions.
#[derive(Clone, Copy)]
pub(super) struct Distributions<'a> {
    /// Of base + adapter.
    pub tuned: &'a Rows,
    /// Of the exported bytes.
    pub exported: &'a Rows,
    /// Of the base alone.
    pub base: &'a Rows,
}

pub(super) fn leg(request: &Request<'_>, file: &File, rows: Distributions<'_>) -> Result<Leg, ProofError> {
    let mut leg = Leg::new("exported");
    let verification = export::verify(request.exported, &request.base.weights, request.adapter)?;
    let checks = &verification.checks;
    for fault in verification.faults() {
        leg.fault(fault);
    }
    let right = |of: &dyn Fn(&export::Check) -> bool| {
        let of: Vec<_> = checks.iter().filter(|c| of(c)).collect();
        (of.iter().filter(|c| c.fault.is_none()).count(), of.len())
    };
    if matches!(file, File::Adapter) {
        let (equal, parts) = right(&|_| true);
        leg.summary = format!("{equal} of {parts} parts of the adapter as they were trained");
        return Ok(leg);
    }
    let survival = survival(&mut leg, &verification);
    let (touched_right, touched) = right(&|c| c.survival.is_some());
    let (untouched_right, untouched) = right(&|c| c.survival.is_none());
    let divergence = divergence(&mut leg, rows);
    let wrong_groups = match verification.pooled_faults.len() {
        0 => String::new(),
        wrong => format!("; taken together, {wrong} of {} groups of them wrong", verification.pooled.len()),
    };
    leg.summary = format!(
        "{touched_right} of {touched} touched tensors right, {survival}{wrong_groups}; {untouched_right} of {untouched} others as in the base; {divergence}"
    );
    Ok(leg)
}

fn survival(leg: &mut Leg, verification: &export::Verification) -> String {
    let touched = verification.checks.iter().filter_map(|c| c.survival.as_ref());
    let mut sorted: Vec<f64> = touched.map(|s| s.slope).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(most), Some(median)) = (sorted.first(), sorted.last(), sorted.get(sorted.len() / 2)) else {
        return "no tensor is touched".to_owned();
    };
    leg.number("survival_least", *least);
    leg.number("survival_median", *median);
    leg.number("survival_most", *most);
    for (group, survival) in &verification.pooled {
        if group == "all tensors" {
            leg.number("survival_pooled", *survival);
        }
    }
    format!("survival median {median:.3}, {least:.3} to {most:.3}")
}

fn divergence(leg: &mut Leg, rows: Distributions<'_>) -> String {
    let Distributions { tuned, exported, base } = rows;
    let of = |other: &Rows| -> Vec<f64> {
        tuned.iter().flatten().zip(other.iter().flatten()).map(|(p, q)| kl_divergence(p, q)).collect()
    };
    let (to_exported, to_base) = (mean(&of(exported)), mean(&of(base)));
    let limit = MOST_KL.max(MOST_OF_TUNE * to_base);
    leg.number("kl_tuned_exported", to_exported);
    leg.number("kl_tuned_exported_limit", limit);
    leg.number("kl_tuned_base", to_base);
    if to_exported.is_nan() {
        let why = "nothing could be compared, or the file gives values that are not finite";
        leg.fault(format!("KL(trained || exported) is no number: {why}"));
    } else if to_exported > limit {
        leg.fault(format!(
            "mean KL(trained || exported) {to_exported:.5} is above {limit:.5}: the file's types are too coarse for this tune, `quant_floor: q8_0` or `quant: f16` keeps more of it"
        ));
    }
    format!("KL(trained || exported) {to_exported:.5} (limit {limit:.5}), the tune itself {to_base:.3}")
}
