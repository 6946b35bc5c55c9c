//! Adapter + base to files: merged GGUF, adapter GGUF, merged Hugging Face folder.

use std::path::Path;

use super::{Context, Failure, delivery};
use crate::base::Base;
use crate::events::{Outcome, Stage, Survival, Unit, Warning};
use crate::export::{self, Exported, Floor, Quant, Request};
use crate::gguf::begins_as_gguf;
use crate::lora::{Adapter, Hf};

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    MergedGguf { quant: Quant, floor: Floor },
    AdapterGguf,
    MergedHf { quant: Quant },
}

/// `merge` and `export` of the command line: opens base and adapter, writes one thing.
pub fn from_folder(
    context: &mut Context<'_>,
    base: &str,
    adapter: &Path,
    output: &Path,
    what: What,
) -> Result<Exported, Failure> {
    let base = context.open_base(base)?;
    base.weights.check_finite()?;
    let mut inputs = base.inputs();
    inputs.add("the adapter", adapter);
    match what {
        What::MergedHf { .. } => inputs.refuse_overwrite_in(output, export::is_written)?,
        What::MergedGguf { .. } | What::AdapterGguf => {
            inputs.refuse_overwrite(output)?;
            refuse_other_file(output)?;
        }
    }
    let adapter = super::adapter::load(context, adapter, &base)?;
    let lineage = delivery::lineage(&base);
    write(context, &base, &adapter, &ExportTarget { what, output, lineage: &lineage })
}

/// Refuses to replace anything but a GGUF or an empty file: `--output configs/models.yaml` is a slip of the fingers, and a
/// device or pipe would be replaced by a regular file.
fn refuse_other_file(output: &Path) -> Result<(), Failure> {
    let empty = || std::fs::metadata(output).is_ok_and(|found| found.is_file() && found.len() == 0);
    if !output.exists() || empty() || begins_as_gguf(output)? {
        return Ok(());
    }
    Err(Failure::input(format!("{}: there is a file already, and it is no GGUF", output.display()))
        .hint("name another --output, or remove it first"))
}

/// What is written, and where.
#[derive(Clone, Copy, Debug)]
pub struct ExportTarget<'a> {
    pub what: What,
    pub output: &'a Path,
    /// Become `tunesmith.*` keys of a GGUF.
    pub lineage: &'a [(String, String)],
}

pub fn write(
    context: &mut Context<'_>,
    base: &Base,
    adapter: &Adapter<Hf>,
    target: &ExportTarget<'_>,
) -> Result<Exported, Failure> {
    let request = Request {
        weights: &base.weights,
        tokenizer: &base.tokenizer,
        chat_template: Some(base.template.source()),
        adapter,
        lineage: target.lineage,
        seed: context.seed.unwrap_or(42),
        output: target.output,
        interrupt: context.interrupt.clone(),
    };
    if adapter.is_zero() {
        context.report.warn(Warning::AdapterWithoutEffect {});
    }
    let total = base.weights.tensor_names().len() as u64;
    context.report.begin(Stage::Export, Unit::Tensors, Some(total));
    let report = &mut context.report;
    let mut progress = |done: usize, _: usize| report.advance(done as u64, None);
    let exported = match target.what {
        What::MergedGguf { quant, floor } => export::merged_gguf(&request, quant, floor, &mut progress)?,
        What::AdapterGguf => export::adapter_gguf(&request)?,
        What::MergedHf { quant } => export::merged_hf(&request, quant, &mut progress)?,
    };
    let (path, bytes) = (exported.path.clone(), exported.bytes);
    context.report.end(Outcome::Exported { path, bytes, survival: survival(&exported) });
    for s in exported.survival.iter().filter(|s| (s.slope - 1.0).abs() > s.tolerance()) {
        let (tensor, from, to) = (s.tensor.clone(), s.from.clone(), s.to.clone());
        context.report.warn(Warning::LowSurvival { tensor, survival: s.slope, from, to });
    }
    Ok(exported)
}

/// None where no tensor was rounded.
fn survival(exported: &Exported) -> Option<Survival> {
    let mut slopes: Vec<f64> = exported.survival.iter().map(|s| s.slope).collect();
    slopes.sort_by(f64::total_cmp);
    let least = *slopes.first()?;
    Some(Survival { median: slopes[slopes.len() / 2], least })
}
