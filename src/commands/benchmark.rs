//! `eval --suite jarvis`: a base and its adapter answer the same prompts; scores, a summary and charts, and no verdict.

mod asking;
mod arms;
mod found;
mod request;
mod vectors;

use std::path::{Path, PathBuf};

use super::{Context, Failure, Kind};
use crate::eval::{self, AnswerCache, Benchmark, BenchmarkMetadata, BenchmarkResult, HowAsked, JARVIS, Suite};
use crate::model::Sampling;
use crate::roles::Role;
use crate::store::{check_replaceable, check_writable, create_folder, write_whole};
use arms::Arms;
use asking::Asking;
pub use request::BenchmarkRequest;
use vectors::Vectors;

const RESULTS: &str = "benchmark_results.json";
const SUMMARY: &str = "benchmark_results_summary.txt";
const CHARTS: &str = "benchmark_results_charts.html";

const MAX_TOKENS: usize = 128;
const TEMPERATURE: f64 = 0.7;
const TOP_P: f64 = 0.9;
/// Where none is said.
const SEED: u64 = 42;

/// What was written.
#[derive(Debug)]
pub struct BenchmarkReport {
    pub benchmark: Benchmark,
    pub summary: String,
    pub files: Vec<PathBuf>,
}

/// Whether the command line's suites are the benchmark, which has no verdict and so stands alone.
pub fn is_asked(suites: &[String]) -> Result<bool, Failure> {
    match suites {
        [one] => Ok(one == JARVIS),
        many if many.iter().any(|one| one == JARVIS) => {
            Err(Failure::new(Kind::Usage, "jarvis is a benchmark without a verdict: give it without other suites"))
        }
        _ => Ok(false),
    }
}

pub fn run(context: &mut Context<'_>, request: &BenchmarkRequest) -> Result<BenchmarkReport, Failure> {
    if let Some(junit) = &request.junit {
        let what = format!("--junit {}: the suite jarvis has no test that passes or fails", junit.display());
        let hint = format!("leave --junit out: the scores are written to {}", request.output.join(RESULTS).display());
        return Err(Failure::new(Kind::Usage, what).hint(hint));
    }
    let suite = Suite::builtin(JARVIS).ok_or_else(|| Failure::input(format!("{JARVIS} is not in the program")))??;
    let all_prompts = suite.cases.len();
    let suite = suite.limited(request.limit.unwrap_or(all_prompts));
    check_output(&request.output)?;
    let role = role(context, request)?;
    let arms = Arms::open(context, request, role.as_ref())?;
    let sampling = Sampling {
        temperature: TEMPERATURE,
        top_p: Some(TOP_P),
        max_tokens: MAX_TOKENS,
        seed: context.seed.unwrap_or(SEED),
    };
    let vectors = Vectors::find(context, request, role.as_ref(), &arms)?;
    create_folder(&request.output)?;
    let mut cache = AnswerCache::beside(&request.output.join(RESULTS))?;
    let answerers = arms.answerers(&sampling, context.parallel, request.num_thread)?;
    let asking = Asking { cases: &suite.cases, answerers: &answerers, sampling: &sampling };
    let answers = asking.answers(context, &mut cache, vectors.embedder(&arms))?;
    drop(answerers);
    let metadata = BenchmarkMetadata {
        base_model: arms.base_name(),
        lora_adapter: arms.adapter().map(|path| path.display().to_string()),
        device: arms.device()?,
        timestamp: jiff::Timestamp::now().to_string(),
    };
    let how = HowAsked {
        finetuned: arms.finetuned(),
        temperature: TEMPERATURE,
        top_p: TOP_P,
        max_tokens: MAX_TOKENS,
        seed: sampling.seed,
        cosine_by: vectors.named(&arms),
        all_prompts,
    };
    let results = suite.cases.iter().zip(answers).map(|(case, answers)| BenchmarkResult::new(case, answers));
    write(&request.output, Benchmark::new(metadata, results.collect()), &how)
}

fn write(folder: &Path, benchmark: Benchmark, how: &HowAsked) -> Result<BenchmarkReport, Failure> {
    let summary = eval::benchmark_summary(&benchmark, how);
    let charts = eval::benchmark_charts(&benchmark, how);
    let mut files = Vec::new();
    for (name, text) in [(RESULTS, &benchmark.to_json()), (SUMMARY, &summary), (CHARTS, &charts)] {
        let path = folder.join(name);
        write_whole(&path, text.as_bytes())?;
        files.push(path);
    }
    Ok(BenchmarkReport { benchmark, summary, files })
}

/// The files, tried before anything is asked.
fn check_output(folder: &Path) -> Result<(), Failure> {
    let hint = "nothing was asked yet: make it writable, or name another place";
    let tried = check_writable(folder)
        .and_then(|()| [RESULTS, SUMMARY, CHARTS].iter().try_for_each(|name| check_replaceable(&folder.join(name))));
    tried.map_err(|e| Failure::from(e).hint(hint))
}

fn role(context: &mut Context<'_>, request: &BenchmarkRequest) -> Result<Option<Role>, Failure> {
    let Some(name) = &request.role else { return Ok(None) };
    let roles = context.roles()?;
    context.warn_of_roles(roles.as_ref());
    let roles = roles
        .ok_or_else(|| Failure::input(format!("--role {name}: {} is not there", context.models_yaml.display())))?;
    Ok(Some(roles.role(name)?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::report::reported;

    #[test]
    fn test_cases_of_a_benchmark_are_refused_before_anything_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let request = BenchmarkRequest {
            model: None,
            against: None,
            role: None,
            embed: None,
            limit: None,
            output: dir.path().join("out"),
            num_thread: None,
            junit: Some("results.xml".into()),
        };
        let failure = reported(|context| run(context, &request)).0.unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        assert!(failure.message().contains("--junit results.xml: the suite jarvis has no test"), "{failure}");
        assert!(failure.hint.unwrap().contains(RESULTS) && !dir.path().join("out").exists());
    }
}
