//! Arguments of the commands that write, serve, prove and ask models.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::flags::{answer_tokens, words};
use crate::export::{Floor, Quant};

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
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = answer_tokens())]
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
    /// Ask this suite instead: a file, or `builtin:general`, `smoke`, `refusals` or `tools`; may repeat. `jarvis`, alone: a benchmark without a verdict
    #[arg(long)]
    pub suite: Vec<String>,
    /// The candidate (v2); of `jarvis` also the folder of an adapter or run [default there: the latest output/**/final]
    #[arg(long, required_unless_present = "suite")]
    pub model: Option<String>,
    /// Compare with this model (v1) [default: the role's model; of an adapter, the base that it names]
    #[arg(long, value_name = "MODEL", visible_alias = "base-model")]
    pub against: Option<String>,
    /// Compare texts by this embedding model of the daemon [default: the role's; `jarvis` without one: the base's last hidden state]
    #[arg(long, value_name = "MODEL")]
    pub embed: Option<String>,
    /// Use the base even if the adapter was trained on another one
    #[arg(long)]
    pub force: bool,
    /// Ask only the first N prompts of each suite
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub limit: Option<usize>,
    /// Write scorecards and summary to this folder
    #[arg(long, short, value_name = "DIR", default_value = "output/eval")]
    pub output: PathBuf,
    /// Also write the prompts as test cases to this file, JUnit XML: one fails where v2 does not pass its prompt by the suite's metric
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Ask each prompt N times of each model, with seeds that both share; the options need a temperature above 0 [default: the role's gate.samples, else 1]
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=32))]
    pub samples: Option<usize>,
    /// Ask everything again, whatever was answered before
    #[arg(long)]
    pub no_cache: bool,
    /// Also compare answers with the suite's reference texts by BERTScore, with the BERT in this folder (config.json, tokenizer.json, model.safetensors)
    #[arg(long, value_name = "DIR")]
    pub bert_score: Option<PathBuf>,
    /// Compute N layers of it [default: three quarters of them, 9 of BERT-base's 12]
    #[arg(long, value_name = "N", requires = "bert_score")]
    pub bert_layers: Option<usize>,
    /// Before the verdict, show the answers that differ side by side, without the models' names, and ask you which is better
    #[arg(long)]
    pub blind: bool,
    /// Also ask this model of the daemon, another than the two, which answers are better; it decides nothing
    #[arg(long, value_name = "MODEL")]
    pub judge: Option<String>,
    /// Also compare how likely both models find a general text and the suites' expected answers: bits per byte, KL divergence;
    /// accuracy and calibration where a suite has choices
    #[arg(long)]
    pub likelihood: bool,
    /// Also ask a control, the base exported as v2 was with a tune of zero: which part of the change is the export's?
    #[arg(long)]
    pub control: bool,
    /// Let the daemon use N threads [default: its own choice]
    #[arg(long, value_name = "N")]
    pub num_thread: Option<u64>,
    /// Ask N questions at the same time [default: what the embedded server answers together; 1 of a daemon]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
}
