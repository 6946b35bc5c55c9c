//! `compare-models`: result files of several arms side by side, with a recommendation.

use std::path::{Path, PathBuf};

use super::{Context, Failure, Kind};
pub use crate::eval::{AnswerArm, ArmComparison, BuildCosts, Needs, comparison_overview};
use crate::eval::{
    ArmResults, CompareInput, ResultFile, compare_arms, comparison_markdown, condition_differences, read_results,
};
use crate::events::Note;
use crate::generate;
use crate::store::{Inputs, check_replaceable, write_whole};

/// Which files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    pub json: bool,
    pub markdown: bool,
}

#[derive(Clone, Debug)]
pub struct CompareRequest {
    /// Result files with the arm that each is said to be of.
    pub results: Vec<(AnswerArm, PathBuf)>,
    /// A file of the generated set that the tuned model was trained on.
    pub dataset: Option<PathBuf>,
    pub margin: f64,
    pub needs: Needs,
    pub costs: BuildCosts,
    pub output: PathBuf,
    pub formats: Formats,
    /// Compare arms too that were not asked alike.
    pub force: bool,
}

/// The comparison, and the files that were written.
#[derive(Clone, Debug)]
pub struct Compared {
    pub comparison: ArmComparison,
    pub files: Vec<PathBuf>,
}

/// Reads, compares, writes.
pub fn run(context: &mut Context<'_>, request: &CompareRequest) -> Result<Compared, Failure> {
    if request.results.len() < 2 {
        let why = "give two result files at least, such as --rag-results and --finetuned-results";
        return Err(Failure::new(Kind::Usage, why));
    }
    let outputs = outputs(&request.output, request.formats);
    let mut read = Inputs::default();
    request.results.iter().for_each(|(_, path)| {
        read.add("a result file", path);
    });
    request.dataset.iter().for_each(|path| {
        read.add("a file of the set", path);
    });
    for (path, _) in &outputs {
        read.refuse_overwrite(path)?;
        check_replaceable(path)?;
    }
    let arms = request.results.iter().map(|(arm, path)| Ok(ArmResults { arm: *arm, file: read_arm(*arm, path)? }));
    let arms = arms.collect::<Result<Vec<ArmResults>, Failure>>()?;
    check_conditions(context, &arms, request.force)?;
    let taught = request.dataset.as_deref().map(generate::taught_questions).transpose()?;
    let comparison = compare_arms(&CompareInput {
        arms: &arms,
        margin: request.margin,
        needs: request.needs,
        costs: request.costs,
        taught: taught.as_ref(),
        seed: context.seed.unwrap_or(42),
    })?;
    for (path, form) in &outputs {
        let text = match form {
            Form::Json => comparison.to_json(),
            Form::Markdown => comparison_markdown(&comparison),
        };
        write_whole(path, text.as_bytes())?;
    }
    Ok(Compared { comparison, files: outputs.into_iter().map(|(path, _)| path).collect() })
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Json,
    Markdown,
}

/// `P.json` and `P.md`; an ending that is there already stays for the one, and is replaced for the other.
pub(super) fn outputs(output: &Path, formats: Formats) -> Vec<(PathBuf, Form)> {
    let has_ending = output.extension().is_some_and(|ending| ending == "json" || ending == "md");
    let stem = if has_ending { output.with_extension("") } else { output.to_path_buf() };
    let with = |ending: &str| {
        let mut name = stem.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let json = formats.json.then(|| (with(".json"), Form::Json));
    json.into_iter().chain(formats.markdown.then(|| (with(".md"), Form::Markdown))).collect()
}

/// Refuses the results of another arm than they are said to be of.
fn read_arm(arm: AnswerArm, path: &Path) -> Result<ResultFile, Failure> {
    let file = read_results(path)?;
    match &file.header {
        Some(header) if header.arm != arm => {
            let (said, found) = (arm.as_str(), header.arm.as_str());
            let why =
                format!("{} holds the results of the arm {found}, and was given as --{said}-results", path.display());
            Err(Failure::input(why).hint(format!("give it as --{found}-results")))
        }
        _ => Ok(file),
    }
}

/// Refuses results that were asked otherwise, unless forced; of the conditions that may differ it is said.
fn check_conditions(context: &mut Context<'_>, arms: &[ArmResults], force: bool) -> Result<(), Failure> {
    let differences = condition_differences(arms);
    let fatal: Vec<String> = differences.iter().filter(|d| d.condition.is_needed()).map(ToString::to_string).collect();
    if !fatal.is_empty() && !force {
        let what = format!("the arms were not asked alike, so a difference may come from that: {}", fatal.join("; "));
        return Err(Failure::input(what).hint("ask both arms in the same way, or compare all the same with --force"));
    }
    for difference in differences {
        context.report.note(Note::AskedOtherwise { difference: difference.to_string() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_names_its_files() {
        let named = |output: &str, json: bool, markdown: bool| -> Vec<String> {
            let files = outputs(Path::new(output), Formats { json, markdown });
            files.into_iter().map(|(path, _)| path.display().to_string()).collect()
        };
        assert_eq!(named("out/cmp", true, true), ["out/cmp.json", "out/cmp.md"]);
        assert_eq!(named("out/cmp.json", true, true), ["out/cmp.json", "out/cmp.md"]);
        assert_eq!(named("out/cmp.json", false, true), ["out/cmp.md"]);
        assert_eq!(named("v1.2", true, false), ["v1.2.json"]);
    }
}
