//! Arguments of the commands on documents: `data generate`, `rag`, `evaluate-rag`, `evaluate-finetuned`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::flags::{answer_tokens, words};
use crate::commands::generating::{AnswerStyle, ExampleCount, LayoutMap, Method, Shares, SplitBy, Task};

/// Documents, and how they are read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Documents")]
pub struct Documents {
    /// Documents, or folders of them: JSONL, JSON, Markdown, text, CSV, TSV, HTML, DOCX, XLSX, PDF
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Say which keys of records hold what, by dotted paths: text=…,title=…,source=…,id=…
    #[arg(long, value_name = "KEY=PATH,…")]
    pub map: Option<LayoutMap>,
    /// Undo UTF-8 that was read in another encoding (`Ã©` for `é`)
    #[arg(long)]
    pub fix_encoding: bool,
    /// Languages of the documents and of the questions, `fr`, `en`, or both; `auto`: what the documents are written in
    #[arg(long, value_name = "LIST", default_value = "auto")]
    pub lang: String,
}

#[derive(Clone, Debug, Args)]
pub struct Generate {
    #[command(flatten)]
    pub documents: Documents,
    /// Write the examples to this .jsonl file; parts, suite, provenance and report get names beside it
    #[arg(long, short, value_name = "FILE", help_heading = "Examples")]
    pub output: PathBuf,
    /// Make examples by rules from facts, with a model, or by rules with variations
    #[arg(long, ignore_case = true, value_parser = words::<Method>(), default_value = "rule-based", help_heading = "Examples")]
    pub method: Method,
    /// Make N examples; `all`: everything that can be asked
    #[arg(long, value_name = "N", default_value = "100", help_heading = "Examples")]
    pub count: ExampleCount,
    /// Put N questions to each fact before the next fact is taught
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=20), help_heading = "Examples")]
    pub wordings: u8,
    /// Answer with a sentence, with the bare value, or with either in turn
    #[arg(long, ignore_case = true, value_parser = words::<AnswerStyle>(), default_value = "sentence", help_heading = "Examples")]
    pub answer_style: AnswerStyle,
    /// Teach to answer questions, or to correct noised text
    #[arg(long, ignore_case = true, value_parser = words::<Task>(), default_value = "answer", help_heading = "Examples")]
    pub task: Task,
    /// Begin every example with this system turn; @FILE reads it from a file
    #[arg(long, value_name = "TEXT", help_heading = "Examples")]
    pub system: Option<String>,
    /// Use the question templates of this YAML file before the built-in ones
    #[arg(long, value_name = "FILE", help_heading = "Examples")]
    pub templates: Option<PathBuf>,
    /// Share of examples that can't be answered from the documents, 0 to 1 [default: 0.08 with `augmented`, else 0]
    #[arg(long, value_name = "SHARE", help_heading = "Examples")]
    pub refusals: Option<f64>,
    /// Share of questions with typing and hearing mistakes, 0 to 1 [default: 0.1 with `augmented`, else 0]
    #[arg(long, value_name = "SHARE", help_heading = "Examples")]
    pub noise: Option<f64>,
    /// Share of examples with several turns, 0 to 1 [default: 0.1 with `augmented`, else 0]
    #[arg(long, value_name = "SHARE", help_heading = "Examples")]
    pub multi_turn: Option<f64>,
    /// Share of training examples with passages before the question, as `rag` puts them there, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Examples")]
    pub open_book: f64,
    /// Teach e-mail addresses and telephone numbers too
    #[arg(long, help_heading = "Examples")]
    pub contacts: bool,
    /// Never make what this suite asks; may repeat
    #[arg(long, value_name = "FILE", help_heading = "Examples")]
    pub suite: Vec<PathBuf>,
    /// Write training, validation and test parts, in these shares in percent; alone: 80/10/10
    #[arg(long, value_name = "SHARES", num_args = 0..=1, default_missing_value = "80/10/10", help_heading = "Parts")]
    pub split: Option<Shares>,
    /// Keep the wordings of a fact, or the sources, of the test part out of the training part; `random`: neither [default: wording; source with --task correct]
    #[arg(long, ignore_case = true, value_parser = words::<SplitBy>(), help_heading = "Parts")]
    pub split_by: Option<SplitBy>,
    /// Share of sources that are neither taught nor counted, 0 to 1 [default: 0.1 of 20 sources and more, else 0]
    #[arg(long, value_name = "SHARE", help_heading = "Parts")]
    pub unseen: Option<f64>,
    /// Word questions with this model of the daemon, and questions on prose where it is large enough
    #[arg(long, value_name = "MODEL", help_heading = "Model")]
    pub model: Option<String>,
    /// Check the model's answers with this model [default: the same]
    #[arg(long, value_name = "MODEL", requires = "model", help_heading = "Model")]
    pub judge: Option<String>,
    /// Let a model write that is too small to be relied on
    #[arg(long, requires = "model", help_heading = "Model")]
    pub force: bool,
    /// Refuse to run where no check of what the model writes can be used
    #[arg(long, requires = "model", help_heading = "Model")]
    pub strict: bool,
    /// Send N calls to the model at the same time [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16), help_heading = "Model")]
    pub parallel: Option<u16>,
    /// Another daemon with the same model, which takes its part of the calls; --parallel holds for each (repeatable)
    #[arg(long, value_name = "HOST", requires = "model", help_heading = "Model")]
    pub also_ask: Vec<String>,
    /// Show how documents are read, what would be made, and K examples; write nothing
    #[arg(long, value_name = "K", num_args = 0..=1, default_missing_value = "5", value_parser = examples)]
    pub dry_run: Option<usize>,
}

fn examples(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| {
        "expected the number of examples to show, such as 5; how many are made is --count's, and --dry-run alone shows 5"
            .to_owned()
    })
}

#[derive(Debug, Subcommand)]
pub enum Rag {
    /// Index documents for retrieval
    #[command(after_help = "Example:\n  tunesmith rag index docs/ --output index/")]
    Index(RagIndex),
    /// Ask a model a question with the passages that the index finds
    #[command(
        after_help = "Example:\n  tunesmith rag ask 'Qui héberge BERUN ?' --index apps-index/ --model smollm2:135m"
    )]
    Ask(RagAsk),
}

#[derive(Clone, Debug, Args)]
pub struct RagIndex {
    #[command(flatten)]
    pub documents: Documents,
    /// Write the index to this folder
    #[arg(long, short, value_name = "DIR")]
    pub output: PathBuf,
    /// Embed with this model of the daemon too; `off`: find by words and trigrams alone
    #[arg(long, value_name = "MODEL", default_value = "off")]
    pub embed: String,
    /// Put this before a question that is embedded [default: what the model was trained with]
    #[arg(long, value_name = "TEXT")]
    pub query_prefix: Option<String>,
    /// Put this before a passage that is embedded [default: what the model was trained with]
    #[arg(long, value_name = "TEXT")]
    pub doc_prefix: Option<String>,
    /// Leave out the sources that `data generate` set aside, of this file's set (X_unseen.jsonl)
    #[arg(long, value_name = "FILE")]
    pub without: Option<PathBuf>,
}

/// Retrieval.
#[derive(Clone, Debug, Args)]
pub struct Retrieval {
    /// The folder of the index
    #[arg(long, value_name = "DIR")]
    pub index: PathBuf,
    /// Put N passages before the question
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub passages: u8,
}

#[derive(Clone, Debug, Args)]
pub struct RagAsk {
    /// The question
    pub question: String,
    #[command(flatten)]
    pub retrieval: Retrieval,
    /// A model in the daemon, or the folder of an adapter
    #[arg(long)]
    pub model: String,
    /// The base of the adapter [default: the one that it names]
    #[arg(long, value_name = "BASE")]
    pub base_model: Option<String>,
    /// Stop after N tokens
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = answer_tokens())]
    pub max_tokens: usize,
}

/// A file of questions and what becomes of it.
#[derive(Clone, Debug, Args)]
pub struct Questions {
    /// Questions with their answers: JSONL, JSON or CSV with question|prompt|instruction and answer|expected|output, chats, or a suite
    #[arg(value_name = "QUESTIONS")]
    pub questions: PathBuf,
    /// A model in the daemon, or the folder of an adapter
    #[arg(long)]
    pub model: String,
    /// The base of the adapter [default: the one that it names]
    #[arg(long, value_name = "BASE")]
    pub base_model: Option<String>,
    /// Write the results to this file
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Ask only the first N questions
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub limit: Option<usize>,
    /// Stop each answer after N tokens
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = answer_tokens())]
    pub max_tokens: usize,
    /// Ask N questions at the same time [default: 1 of a daemon, 8 natively]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
}

#[derive(Clone, Debug, Args)]
pub struct EvaluateRag {
    #[command(flatten)]
    pub questions: Questions,
    #[command(flatten)]
    pub retrieval: Retrieval,
    /// Give the passage that holds the answer instead of those that are found: what perfect retrieval would reach
    #[arg(long)]
    pub oracle: bool,
}

#[derive(Clone, Debug, Args)]
pub struct EvaluateFinetuned {
    #[command(flatten)]
    pub questions: Questions,
    /// Put the passages that this index finds before each question
    #[arg(long, value_name = "DIR")]
    pub index: Option<PathBuf>,
    /// Put N passages before the question
    #[arg(long, value_name = "N", default_value_t = 4, requires = "index", value_parser = clap::value_parser!(u8).range(1..=50))]
    pub passages: u8,
    /// Call the results those of the base, for a comparison
    #[arg(long, conflicts_with = "index")]
    pub base: bool,
}
