//! Arguments of `compare`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::flags::common;

/// What belongs to the comparison of result files alone.
const RESULTS: [&str; 11] = [
    "rag_results",
    "finetuned_results",
    "hybrid_results",
    "base_results",
    "oracle_results",
    "dataset",
    "margin",
    "need",
    "train_seconds",
    "index_seconds",
    "force",
];

#[derive(Clone, Debug, Args)]
pub struct Compare {
    /// Results of the base with passages (evaluate-rag)
    #[arg(long, value_name = "FILE")]
    pub rag_results: Option<PathBuf>,
    /// Results of the fine-tuned model (evaluate-finetuned)
    #[arg(long, value_name = "FILE")]
    pub finetuned_results: Option<PathBuf>,
    /// Results of the fine-tuned model with passages (evaluate-finetuned --index)
    #[arg(long, value_name = "FILE")]
    pub hybrid_results: Option<PathBuf>,
    /// Results of the base alone (evaluate-finetuned --base)
    #[arg(long, value_name = "FILE")]
    pub base_results: Option<PathBuf>,
    /// Results with the passage that holds the answer (evaluate-rag --oracle)
    #[arg(long, value_name = "FILE")]
    pub oracle_results: Option<PathBuf>,
    /// Compare trainings instead: folders of runs, or their ids
    #[arg(long, num_args = 1.., value_name = "RUN", conflicts_with_all = RESULTS)]
    pub runs: Vec<PathBuf>,
    /// Train each of these bases by --config, in a run of its own and without a promotion, and compare their runs; started
    /// again, it goes on where it ended
    #[arg(long, num_args = 1.., value_name = "BASE", requires = "config", conflicts_with = "runs", conflicts_with_all = RESULTS)]
    pub bases: Vec<String>,
    /// Train the bases by this config file; its own base is not used
    #[arg(long, value_name = "FILE", requires = "bases")]
    pub config: Option<PathBuf>,
    /// Use the embedded server instead of a daemon
    #[arg(long, requires = "bases")]
    pub embedded: bool,
    #[arg(long, value_name = "DIR", conflicts_with_all = RESULTS, help = common("runs_dir"))]
    pub runs_dir: Option<PathBuf>,
    /// Write the comparison to P.json and P.md
    #[arg(long, short, value_name = "P", required_unless_present_any = ["runs", "bases"])]
    pub output: Option<PathBuf>,
    /// Choose what is written
    #[arg(long, value_enum, default_value_t = ComparisonFormat::Both)]
    pub format: ComparisonFormat,
    /// Tell questions on what was taught from others; any file of the set that `data generate` made for the training
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// Take differences below so many points for none
    #[arg(long, value_name = "POINTS", default_value_t = 5.0, value_parser = points)]
    pub margin: f64,
    /// Choose what the answers need: citations (each names its source), updates (the documents change often)
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NEED")]
    pub need: Vec<Need>,
    /// What the training took, for the number of questions after which it has paid for itself
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "index_seconds")]
    pub train_seconds: Option<f64>,
    /// What the index took
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "train_seconds")]
    pub index_seconds: Option<f64>,
    /// Compare arms too that were not asked alike (daemon, base, context, lengths)
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ComparisonFormat {
    Json,
    Markdown,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Need {
    Citations,
    Updates,
}

fn points(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|e| format!("{e}"))?;
    if (0.0..=100.0).contains(&value) { Ok(value) } else { Err("expected a number from 0 to 100".into()) }
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|e| format!("{e}"))?;
    if (0.0..1e12).contains(&value) { Ok(value) } else { Err("expected a number of seconds, not negative".into()) }
}
