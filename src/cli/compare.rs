//! `compare`: its arguments to a request, its result to words.

use std::path::PathBuf;

use super::args::{Compare, ComparisonFormat, Need};
use super::output::result;
use crate::commands::compare::{
    self, AnswerArm, BuildCosts, CompareRequest, Compared, Formats, Needs, comparison_overview,
};
use crate::commands::compare_bases::{self, BasesRequest};
use crate::commands::compare_runs::{self, ComparedRuns, RunsRequest, runs_overview};
use crate::commands::{Context, Failure};
use crate::config::{Raw, RunConfig};

/// Result files, runs or bases.
pub(super) fn compare(context: &mut Context<'_>, args: &Compare, json: bool) -> Result<(), Failure> {
    if !args.runs.is_empty() {
        let request = RunsRequest {
            runs: args.runs.clone(),
            runs_dir: args.runs_dir.clone().unwrap_or_else(|| "runs".into()),
            output: args.output.clone(),
            formats: formats(args),
        };
        compared_runs(&compare_runs::run(context, &request)?, json);
    } else if !args.bases.is_empty() {
        let compared = bases(context, args).map_err(Failure::or_embedded)?;
        compared_runs(&compared, json);
    } else {
        results(context, args, json)?;
    }
    Ok(())
}

fn bases(context: &mut Context<'_>, args: &Compare) -> Result<ComparedRuns, Failure> {
    let models_yaml = context.models_yaml_said.then(|| context.models_yaml.clone());
    let flags = Raw { models_yaml, seed: context.seed, runs_dir: args.runs_dir.clone(), ..Raw::default() };
    let (said, place) = RunConfig::said(args.config.as_deref(), flags)?;
    let request = BasesRequest {
        bases: args.bases.clone(),
        said,
        place,
        embedded: args.embedded,
        output: args.output.clone(),
        formats: formats(args),
    };
    compare_bases::run(context, &request)
}

fn formats(args: &Compare) -> Formats {
    Formats { json: args.format != ComparisonFormat::Markdown, markdown: args.format != ComparisonFormat::Json }
}

fn compared_runs(compared: &ComparedRuns, json: bool) {
    let ComparedRuns { comparison, files } = compared;
    result(json, comparison, || format!("{}{}", runs_overview(comparison), wrote(files)));
}

fn wrote(files: &[PathBuf]) -> String {
    files.iter().map(|path| format!("wrote {}", path.display())).collect::<Vec<_>>().join("\n")
}

fn results(context: &mut Context<'_>, args: &Compare, json: bool) -> Result<(), Failure> {
    let arms = [
        (AnswerArm::Base, &args.base_results),
        (AnswerArm::Rag, &args.rag_results),
        (AnswerArm::Finetuned, &args.finetuned_results),
        (AnswerArm::Hybrid, &args.hybrid_results),
        (AnswerArm::Oracle, &args.oracle_results),
    ];
    let request = CompareRequest {
        results: arms.into_iter().filter_map(|(arm, path)| Some((arm, path.clone()?))).collect(),
        dataset: args.dataset.clone(),
        margin: args.margin,
        needs: Needs { citations: args.need.contains(&Need::Citations), updates: args.need.contains(&Need::Updates) },
        costs: BuildCosts { train_seconds: args.train_seconds, index_seconds: args.index_seconds },
        // The arguments demand it.
        output: args.output.clone().unwrap_or_else(|| "comparison".into()),
        formats: formats(args),
        force: args.force,
    };
    let Compared { comparison, files } = compare::run(context, &request)?;
    result(json, &comparison, || {
        let overview = comparison_overview(&comparison).replace("**", "");
        format!("{overview}{}", wrote(&files))
    });
    Ok(())
}
