//! The command line: what users type, aliases of the earlier tools included. The options of training are in the table of
//! `config` ([`Flags`]).

mod compare;
mod documents;
mod models;
mod training;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use super::flags::common;
use super::version;
pub use compare::{Compare, ComparisonFormat, Need};
pub use documents::{Documents, EvaluateFinetuned, EvaluateRag, Generate, Questions, Rag, RagAsk, RagIndex, Retrieval};
pub use models::{Eval, Export, Format, Merge, ModelfileArgs, Prove, Query, Register};
pub use training::{Bases, Data, DataFiles, Demo, Plan, Run, Train};

/// Fine-tune a model that Ollama serves, prove what is served, promote it only if it improves
#[derive(Debug, Parser)]
#[command(name = "tunesmith", version = version::SHORT, long_version = version::long())]
#[command(propagate_version = true, disable_help_flag = true, disable_version_flag = true, max_term_width = 110)]
#[command(
    after_help = "Example:\n  tunesmith demo\n  tunesmith run configs/training_config.json\n\nExit codes: 0 done, 1 error, 2 usage, 3 bad input, 4 daemon, 5 memory or disk, 6 proof failed,\n100 gate FAIL, 101 gate INCONCLUSIVE, 130 interrupted (start again to continue), 141 the reader of the output is gone"
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    #[arg(long, global = true, value_name = "HOST", help = common("ollama_host"))]
    pub ollama_host: Option<String>,
    #[arg(long, global = true, value_name = "FILE", help = common("models_yaml"))]
    pub models_yaml: Option<PathBuf>,
    #[arg(long, global = true, value_name = "N", help = common("seed"))]
    pub seed: Option<u64>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more about what is done, with a log; -vv adds its details. TUNESMITH_LOG chooses other parts of the log
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Show no progress bars
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Print help
    #[arg(long, short, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version; --version adds commit, target and features
    #[arg(long, short = 'V', global = true, action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything on a real 135M model and bundled data, in ./tunesmith-demo
    #[command(
        after_help = "Example:\n  tunesmith demo\n  tunesmith demo --without-replay   # shows the gate refusing a model that forgot"
    )]
    Demo(Demo),
    /// Create a project: configs, templates, a folder for data
    #[command(after_help = "Example:\n  tunesmith init my-assistant")]
    Init {
        /// The folder; files that exist are left alone
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Add tests for pytest that evaluate a model: tests/performance and tests/regression
        #[arg(long)]
        tests: bool,
    },
    /// Go from a dataset to a promoted model: train, export, register, prove, evaluate, promote
    #[command(
        after_help = "Example:\n  tunesmith run configs/training_config.json\n  tunesmith run configs/training_config.json --until prove"
    )]
    Run(Run),
    /// Show what `run` would do: tokens, disk, memory, time of a few real steps, and what the suites can prove
    #[command(after_help = "Example:\n  tunesmith plan configs/training_config.json")]
    Plan(Plan),
    /// Check, preview, split or generate a dataset
    #[command(subcommand)]
    #[command(after_help = "Example:\n  tunesmith data check data/training/support.jsonl")]
    Data(Data),
    /// Train an adapter, nothing else
    #[command(visible_alias = "finetune")]
    #[command(
        after_help = "Example:\n  tunesmith train --dataset data/training/support.jsonl --base-model smollm2:135m --output output/support --epochs 3 --lora-rank 8"
    )]
    Train(Train),
    /// Merge an adapter into its base: a GGUF file or a Hugging Face folder
    #[command(visible_alias = "merge-lora")]
    #[command(
        after_help = "Example:\n  tunesmith merge --base smollm2:135m --adapter output/support/final --output merged --format hf"
    )]
    Merge(Merge),
    /// Export an adapter as GGUF, alone or merged into its base
    #[command(visible_alias = "export-gguf")]
    #[command(
        after_help = "Example:\n  tunesmith export --base smollm2:135m --adapter output/support/final --output support.gguf --quant q8_0"
    )]
    Export(Export),
    /// Render a Modelfile for a GGUF, or check one
    #[command(
        after_help = "Example:\n  tunesmith modelfile --base smollm2:135m --gguf support.gguf\n  tunesmith modelfile --check Modelfile"
    )]
    Modelfile(ModelfileArgs),
    /// Create a model in the daemon from a Modelfile
    #[command(after_help = "Example:\n  tunesmith register --modelfile Modelfiles/support.Modelfile --name support:v1")]
    Register(Register),
    /// Check that the daemon serves what was trained
    #[command(
        after_help = "Example:\n  tunesmith prove --run runs/support-1a2b3c4d5e6f\n  tunesmith prove --name support:v1"
    )]
    Prove(Prove),
    /// Ask one question, or hold a conversation
    #[command(visible_alias = "query-finetuned")]
    #[command(
        after_help = "Example:\n  tunesmith query 'turn up the volume' --model demo-assistant:v1\n  tunesmith query --model output/support/final --base-model smollm2:135m"
    )]
    Query(Query),
    /// Make training data from documents: the same as `data generate`
    #[command(
        after_help = "Example:\n  tunesmith generate-training docs/ --method augmented --count 100 --split --output data/training/docs.jsonl"
    )]
    GenerateTraining(Generate),
    /// Index documents and ask about them: the baseline that a fine-tuned model has to beat
    #[command(subcommand)]
    #[command(after_help = "Example:\n  tunesmith rag index docs/ --output index/")]
    Rag(Rag),
    /// Answer a file of questions with a model and the passages that an index finds
    #[command(
        after_help = "Example:\n  tunesmith evaluate-rag data/apps_test.jsonl --index apps-index/ --model smollm2:135m --output evaluation/results_rag.json"
    )]
    EvaluateRag(EvaluateRag),
    /// Answer a file of questions with a fine-tuned model; with --index, also with the passages that it finds
    #[command(
        after_help = "Example:\n  tunesmith evaluate-finetuned data/apps_test.jsonl --model models/apps/final --base-model smollm2:135m --output evaluation/results_ft.json"
    )]
    EvaluateFinetuned(EvaluateFinetuned),
    /// Compare result files of base, RAG, fine-tuned and hybrid model on the same questions (who is better in what, and which to
    /// use), or trainings (--runs), or bases (--bases)
    #[command(visible_alias = "compare-models")]
    #[command(
        after_help = "Example:\n  tunesmith compare-models --rag-results evaluation/results_rag.json --finetuned-results evaluation/results_ft.json --output evaluation/comparison --format both\n  tunesmith compare --runs runs/home-v1-9c640b9344fd runs/home-v2-1a2b3c4d5e6f\n  tunesmith compare --bases smollm2:135m qwen2.5-coder:0.5b --config configs/training_config.json --output evaluation/bases"
    )]
    Compare(Compare),
    /// Evaluate a model against another on suites: scorecards and a verdict
    #[command(
        after_help = "Example:\n  tunesmith eval --role assistant --model demo-assistant:v1 --against smollm2:135m"
    )]
    Eval(Eval),
    /// Count what people preferred: the votes of `eval --blind`
    #[command(after_help = "Example:\n  tunesmith votes\n  tunesmith votes output/eval/votes.jsonl --json")]
    Votes {
        /// The file of votes [default: .tunesmith/votes.jsonl beside models.yaml]
        file: Option<PathBuf>,
    },
    /// Make the HTML page of a run, a training or an evaluation again
    #[command(
        after_help = "Example:\n  tunesmith report runs/support-1a2b3c4d5e6f\n  tunesmith report output/eval --output evaluation.html"
    )]
    Report {
        /// The folder of the run, or the output folder of `train` or `eval`
        folder: PathBuf,
        /// Write to this file [default: report.html in the folder]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Let a role use a model that passed its gate
    #[command(after_help = "Example:\n  tunesmith promote --role assistant --to demo-assistant:v1")]
    Promote {
        /// The role in models.yaml
        #[arg(long)]
        role: String,
        /// The model that the role gets
        #[arg(long, value_name = "MODEL")]
        to: String,
        /// Promote without a passed gate on record
        #[arg(long)]
        force: bool,
    },
    /// Give a role the model it had before
    #[command(after_help = "Example:\n  tunesmith rollback --role assistant")]
    Rollback {
        /// The role in models.yaml
        #[arg(long)]
        role: String,
        /// Go back to this earlier model instead of the previous one
        #[arg(long, value_name = "MODEL")]
        to: Option<String>,
        /// Go back even if the earlier model is no longer what it was
        #[arg(long)]
        force: bool,
    },
    /// List promotions and rollbacks
    #[command(after_help = "Example:\n  tunesmith history --role assistant")]
    History {
        /// List those of this role only
        #[arg(long)]
        role: Option<String>,
    },
    /// Show where a model comes from: run, base, data, adapter
    #[command(after_help = "Example:\n  tunesmith lineage demo-assistant:v1")]
    Lineage {
        /// A model in the daemon
        model: String,
    },
    /// List, show or get models to train on
    #[command(subcommand)]
    #[command(after_help = "Example:\n  tunesmith bases list")]
    Bases(Bases),
    /// Start the embedded Ollama-compatible server (loopback only)
    #[command(after_help = "Example:\n  tunesmith serve --port 11500 --store ./store")]
    Serve {
        /// Listen on this port of 127.0.0.1
        #[arg(long, default_value_t = 11500)]
        port: u16,
        /// Keep models in this folder, in Ollama's own layout; a store of Ollama is refused
        #[arg(long, value_name = "DIR", default_value = "tunesmith-store")]
        store: PathBuf,
    },
    /// List or remove what killed processes left unfinished, in a project and in the cache
    #[command(after_help = "Example:\n  tunesmith clean\n  tunesmith clean --remove")]
    Clean {
        /// The project
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Remove what is listed
        #[arg(long)]
        remove: bool,
    },
    /// Check this machine and project, with a remedy for each fault
    #[command(after_help = "Example:\n  tunesmith doctor")]
    Doctor,
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  tunesmith completions bash > ~/.local/share/bash-completion/completions/tunesmith"
    )]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the man pages, one for each command
    #[command(after_help = "Example:\n  tunesmith man ~/.local/share/man/man1")]
    Man {
        /// The folder
        dir: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_table_of_arguments_is_sound() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_says_what_it_is_and_ends_with_an_example() {
        fn look(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path}");
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.starts_with("Example:\n  tunesmith"), "{path}: {after}");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
            command.get_subcommands().for_each(|c| look(c, &format!("{path} {}", c.get_name())));
        }
        look(&super::Cli::command(), "tunesmith");
    }
}
