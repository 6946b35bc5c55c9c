//! `compare`: its arguments to a request, its result to words.

use super::args::{Compare, ComparisonFormat, Need};
use super::output::result;
use crate::commands::compare::{
    self, AnswerArm, BuildCosts, CompareRequest, Compared, Formats, Needs, comparison_overview,
};
use crate::commands::{Context, Failure};

pub(super) fn compare(context: &mut Context<'_>, args: &Compare, json: bool) -> Result<(), Failure> {
    let arms = [
        (AnswerArm::Base, &args.base_results),
        (AnswerArm::Rag, &args.rag_results),
        (AnswerArm::Finetuned, &args.finetuned_results),
        (AnswerArm::Hybrid, &args.hybrid_results),
        (AnswerArm::Oracle, &args.oracle_results),
    ];
    let formats =
        Formats { json: args.format != ComparisonFormat::Markdown, markdown: args.format != ComparisonFormat::Json };
    let request = CompareRequest {
        results: arms.into_iter().filter_map(|(arm, path)| Some((arm, path.clone()?))).collect(),
        dataset: args.dataset.clone(),
        margin: args.margin,
        needs: Needs { citations: args.need.contains(&Need::Citations), updates: args.need.contains(&Need::Updates) },
        costs: BuildCosts { train_seconds: args.train_seconds, index_seconds: args.index_seconds },
        output: args.output.clone(),
        formats,
        force: args.force,
    };
    let Compared { comparison, files } = compare::run(context, &request)?;
    result(json, &comparison, || {
        let overview = comparison_overview(&comparison).replace("**", "");
        let written: Vec<String> = files.iter().map(|path| format!("wrote {}", path.display())).collect();
        format!("{overview}{}", written.join("\n"))
    });
    Ok(())
}
