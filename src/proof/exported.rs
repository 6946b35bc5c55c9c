//! Leg 2: the exported file is base + tune, tensor by tensor, and the tune is still in what it computes.

use std::path::Path;

use super::divergence::{kl, mean};
use super::served::Rows;
use super::{Leg, ProofError, Request};
use crate::export;
use crate::gguf::{GgmlType, Gguf};
use crate::weights::Weights;

/// What was uploaded.
#[derive(Debug)]
pub enum File {
    Merged(Weights),
    Adapter,
}

pub fn open(path: &Path) -> Result<File, ProofError> {
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

    /// Mean KL(served ‖ our f32 forward of the same bytes) that the daemon's own rounding explains (DESIGN §7).
    pub fn served_limit(&self, base: &Weights) -> f64 {
        match self.grain(base) {
            Grain::Half => 0.004,
            Grain::Brain => 0.008,
            Grain::EightBit | Grain::Legacy => 0.03,
            Grain::KQuant => 0.06,
        }
    }
}

/// Mean KL(base + adapter ‖ exported) that rounding the touched tensors explains: three times gguf.md §8's measurements.
fn rounding_limit(touched: &[GgmlType]) -> f64 {
    touched.iter().fold(0.0, |limit: f64, ty| {
        limit.max(match *ty {
            GgmlType::F32 | GgmlType::F16 => 0.0005,
            GgmlType::BF16 => 0.002,
            GgmlType::Q8_0 => 0.012,
            _ => 0.45,
        })
    })
}

/// `rows`: of the tuned model (base + adapter), of the exported bytes, of the bare base, at the same positions.
pub fn leg(request: &Request<'_>, file: &File, rows: (&Rows, &Rows, &Rows)) -> Result<Leg, ProofError> {
    let mut leg = Leg::new("exported");
    let checks = export::verify(request.exported, &request.base.weights, request.adapter)?;
    for fault in checks.iter().filter_map(|c| c.fault.as_ref()) {
        leg.fault(fault.clone());
    }
    let touched: Vec<_> = checks.iter().filter_map(|c| c.survival.as_ref()).collect();
    let mut slopes: Vec<f64> = touched.iter().map(|s| s.slope).collect();
    slopes.sort_by(f64::total_cmp);
    if let (Some(least), Some(median)) = (slopes.first(), slopes.get(slopes.len() / 2)) {
        leg.number("survival_least", *least);
        leg.number("survival_median", *median);
    }
    let words = match file {
        File::Merged(weights) => {
            let types: Vec<_> = weights.gguf().map(|g| touched_types(g, &checks)).unwrap_or_default();
            divergence(&mut leg, rounding_limit(&types), rows)
        }
        File::Adapter => {
            leg.summary =
                format!("the adapter as it was trained: {} of its {} parts equal", equal(&checks), checks.len());
            return Ok(leg);
        }
    };
    let untouched = checks.len() - touched.len();
    let survival = match (slopes.first(), slopes.get(slopes.len() / 2)) {
        (Some(least), Some(median)) => format!("survival median {median:.3}, least {least:.3}"),
        _ => "no tensor is touched".to_owned(),
    };
    leg.summary = format!("{} tensors touched, {survival}; {untouched} as in the base; {words}", touched.len());
    Ok(leg)
}

fn equal(checks: &[export::Check]) -> usize {
    checks.iter().filter(|c| c.fault.is_none()).count()
}

fn touched_types(gguf: &Gguf, checks: &[export::Check]) -> Vec<GgmlType> {
    checks.iter().filter(|c| c.survival.is_some()).filter_map(|c| gguf.tensor(&c.tensor)).map(|t| t.ty).collect()
}

fn divergence(leg: &mut Leg, limit: f64, (tuned, exported, base): (&Rows, &Rows, &Rows)) -> String {
    let of = |other: &Rows| -> Vec<f64> {
        tuned.iter().flatten().zip(other.iter().flatten()).map(|(p, q)| kl(p, q)).collect()
    };
    let (to_exported, to_base) = (mean(&of(exported)), mean(&of(base)));
    leg.number("kl_tuned_exported", to_exported);
    leg.number("kl_tuned_exported_limit", limit);
    leg.number("kl_tuned_base", to_base);
    if to_exported.is_nan() || to_exported > limit {
        leg.fault(format!("mean KL(trained || exported) {to_exported:.5} > {limit}"));
    }
    // A tune so weak that its tenth is below the type's own rounding is still exported as well as the type allows.
    let rounding = limit / 3.0;
    if to_base > 0.0 && to_exported > (to_base / 10.0).max(rounding) {
        let fault = format!(
            "the export moved the model by {to_exported:.5}, more than a tenth of what the tune did ({to_base:.5}) and than rounding ({rounding:.5})"
        );
        leg.fault(fault);
    }
    if to_exported > to_base / 10.0 {
        return format!(
            "KL(trained || exported) {to_exported:.5} is above a tenth of the tune's own {to_base:.5}: a weak tune, `quant: f16` keeps all of it"
        );
    }
    format!("KL(trained || exported) {to_exported:.5}, the tune itself {to_base:.3}")
}
