//! The events, and their JSON form (docs/reference/events.md).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::note::Note;
use super::warning::Warning;
use crate::store::Digest;

/// Version of the JSON form of [`Event`], written into each line of `events.jsonl`. A new kind of event or a new field does not
/// raise it (readers skip what they do not know); a changed meaning does.
pub const VERSION: u32 = 2;

/// The exit code of a command that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// A stage of a command's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The daemon pulls a model.
    Pull,
    /// A few steps that `plan` times.
    Trial,
    /// The base answers the replay prompts.
    Replay,
    Train,
    Export,
    Upload,
    Register,
    Prove,
    /// The role's present model answers the suites.
    AskV1,
    /// The new model answers them.
    AskV2,
    /// The control answers them: the base, exported as the new model was, with a tune of zero.
    AskControl,
    /// What the role serves now answers some of them a second time.
    AskAgain,
    /// Both models read the same texts here, to compare their likelihoods.
    Likelihood,
    /// Both models read every choice of a suite's prompts here.
    Choices,
    /// `data generate` makes examples from documents.
    Generate,
    /// `rag index` embeds the chunks of documents.
    Index,
    /// `evaluate-rag` and `evaluate-finetuned` ask a model.
    Ask,
    /// `eval --judge` asks a model which answers are better.
    Judge,
}

/// What [`Event::StageAdvanced`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Steps,
    Prompts,
    Examples,
    Chunks,
    Tensors,
    Bytes,
    Probes,
    Tokens,
}

/// One report. Times are in seconds, sizes in bytes, losses in nats per token, shares from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    StageBegun {
        stage: Stage,
        unit: Unit,
        /// None where it is not known.
        total: Option<u64>,
    },
    StageAdvanced {
        stage: Stage,
        /// Units done.
        done: u64,
        total: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Detail>,
    },
    StageEnded {
        stage: Stage,
        seconds: f64,
        outcome: Outcome,
    },
    /// Its inputs have not changed since it was done.
    StageSkipped {
        stage: Stage,
    },
    /// An epoch's means.
    Epoch {
        epoch: f64,
        train_loss: f64,
        mean_token_accuracy: f64,
        grad_norm: f64,
        tokens_per_second: f64,
    },
    ProofLeg {
        leg: String,
        passed: bool,
        /// What was measured.
        summary: String,
        /// What failed.
        faults: Vec<String>,
    },
    /// A suite's result in the gate.
    Suite(SuiteResult),
    /// The gate's decision, after its suites.
    Verdict {
        /// `PASS`, `INCONCLUSIVE` or `FAIL`.
        decision: String,
        /// What stands against a promotion.
        reasons: Vec<String>,
        /// Numbers that object to nothing.
        notes: Vec<String>,
    },
    /// A role's model was replaced.
    Promoted {
        role: String,
        from: String,
        to: String,
    },
    /// What was resolved or chosen.
    Note(Note),
    /// What the user should know about.
    Warning(Warning),
    /// The command ends with an error.
    Failed {
        /// The exit code.
        code: u8,
        message: String,
        hint: Option<String>,
    },
}

/// What a stage is at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// The name of the thing: a prompt, a case, a status of the daemon.
    Item(String),
    Parameters {
        trainable_params: u64,
        /// Of all parameters, from 0 to 100.
        trainable_percent: f64,
    },
    Step {
        train_loss: f64,
        tokens_per_second: f64,
    },
    Evaluation {
        eval_loss: f64,
        /// The least so far.
        best: bool,
    },
}

/// What a stage gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pulled {
        model: String,
    },
    /// `plan`'s trial; None: the largest step does not fit into memory, so none was made.
    Tried {
        seconds_per_step: Option<f64>,
    },
    Replayed {
        prompts: usize,
        /// Of the run, with the replayed ones.
        examples: usize,
    },
    /// `plan` asked some prompts only, to see how long they take.
    ReplaySampled {
        answered: usize,
        unanswered: usize,
    },
    Trained {
        steps: u64,
        num_tokens: u64,
        train_loss: f64,
        eval_loss: Option<f64>,
        mean_token_accuracy: f64,
        entropy: f64,
    },
    Exported {
        path: PathBuf,
        bytes: u64,
        survival: Option<Survival>,
    },
    Uploaded {
        digest: Digest,
        bytes: u64,
    },
    Registered {
        model: String,
        daemon_version: String,
    },
    Proved {
        passed: bool,
        /// `proved`, or `self-check` against the embedded server.
        kind: String,
        daemon_version: String,
    },
    Answered {
        model: String,
    },
    /// The numbers are of the general text, `tokens` are those of every text.
    LikelihoodCompared {
        tokens: u64,
        bits_per_byte_v1: f64,
        bits_per_byte_v2: f64,
        /// KL(v1 ‖ v2), nats per token.
        mean_kl: f64,
        /// Share of the tokens before which both find the same token likeliest.
        same_top: f64,
    },
    /// Of one suite: the share of prompts whose likeliest choice is the expected one, and the expected calibration error.
    ChoicesCompared {
        suite: String,
        prompts: usize,
        acc_v1: f64,
        acc_v2: f64,
        ece_v1: f64,
        ece_v2: f64,
    },
    Generated {
        examples: usize,
        /// Made and not taken.
        rejected: usize,
    },
    Indexed {
        chunks: usize,
        /// Embedded now; the others were before, or the index has no vectors.
        embedded: usize,
    },
}

impl Outcome {
    /// False where the stage was done and what it found is bad.
    pub fn is_good(&self) -> bool {
        !matches!(self, Self::Proved { passed: false, .. } | Self::Tried { seconds_per_step: None })
    }
}

/// Over the touched tensors: the share of the tune that is left in the exported values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survival {
    pub median: f64,
    pub least: f64,
}

/// A row of the verdict's table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuiteResult {
    pub suite: String,
    pub prompts: usize,
    /// Mean scores.
    pub v1: f64,
    pub v2: f64,
    /// The 90 % interval of v2 - v1.
    pub low: f64,
    pub high: f64,
    /// Prompts that v2 answers better, and worse.
    pub fixed: usize,
    pub broken: usize,
    /// The loss that is allowed; None: an improvement is demanded.
    pub margin: Option<f64>,
    /// `PASS`, `INCONCLUSIVE` or `FAIL`.
    pub verdict: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::events::declare::Kind;

    const PAGE: &str = include_str!("../../docs/reference/events.md");

    /// Whoever adds a kind adds it to docs/reference/events.md.
    fn kind(event: &Event) -> &'static str {
        match event {
            Event::StageBegun { .. } => "stage_begun",
            Event::StageAdvanced { .. } => "stage_advanced",
            Event::StageEnded { .. } => "stage_ended",
            Event::StageSkipped { .. } => "stage_skipped",
            Event::Epoch { .. } => "epoch",
            Event::ProofLeg { .. } => "proof_leg",
            Event::Suite(_) => "suite",
            Event::Verdict { .. } => "verdict",
            Event::Promoted { .. } => "promoted",
            Event::Note(_) => "note",
            Event::Warning(_) => "warning",
            Event::Failed { .. } => "failed",
        }
    }

    #[test]
    fn the_page_on_events_has_every_kind_and_field() {
        let table = PAGE.split("## Kinds\n").nth(1).unwrap().split("## Example").next().unwrap();
        let example = PAGE.split("```jsonl\n").nth(1).unwrap().split("```").next().unwrap();
        let mut kinds = BTreeSet::new();
        for line in example.lines() {
            let read: Event = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            let mut said: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&said["version"], &said["event"]), (&VERSION.into(), &kind(&read).into()));
            let fields = said.as_object_mut().unwrap();
            fields.retain(|name, _| name != "version" && name != "time");
            for field in fields.keys() {
                assert!(table.contains(&format!("`{field}`")), "{field} of {line}");
            }
            assert_eq!(serde_json::to_value(&read).unwrap(), said, "every field is in the example");
            kinds.insert(kind(&read));
        }
        assert_eq!(kinds.len(), 12, "{kinds:?}");
        for kind in kinds {
            assert!(table.contains(&format!("| `{kind}` |")), "{kind}");
        }
        assert!(PAGE.contains(&format!("It is {VERSION} now")));
    }

    /// `SequencesCut` is `sequences_cut`.
    fn snake_case(variant: &str) -> String {
        let word = |c: char| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() };
        variant.chars().map(word).collect::<String>().trim_start_matches('_').to_owned()
    }

    fn row(kind: &Kind) -> String {
        let field = |field: &crate::events::declare::Field| {
            let optional = if field.ty.starts_with("Option") { ["optional"].as_slice() } else { &[] };
            let meaning = Some(field.meaning.trim()).filter(|meaning| !meaning.is_empty());
            let words: Vec<&str> = optional.iter().copied().chain(meaning).collect();
            let words = if words.is_empty() { String::new() } else { format!(" ({})", words.join(": ")) };
            format!("`{}`{words}", field.name)
        };
        let fields: Vec<String> = kind.fields.iter().map(field).collect();
        format!("| `{}` | {} | {} |\n", snake_case(kind.variant), kind.meaning.trim(), fields.join(", "))
    }

    #[test]
    fn the_documents_table_of_notices_is_made_from_their_declarations() {
        const HEADS: [&str; 2] = ["## Kinds of notes\n", "## Kinds of warnings\n"];
        let table = |head: &str, kinds: &[Kind]| {
            let rows: String = kinds.iter().map(row).collect();
            format!("{head}\n| `kind` | meaning | fields |\n|---|---|---|\n{rows}\n")
        };
        let (before, rest) = PAGE.split_once(HEADS[0]).unwrap();
        let (_, after) = rest.split_once("## Example").unwrap();
        let tables = table(HEADS[0], Note::KINDS) + &table(HEADS[1], Warning::KINDS);
        crate::config::generated_tests::check(
            "docs/reference/events.md",
            &format!("{before}{tables}## Example{after}"),
        );
    }

    #[test]
    fn a_notice_is_one_flat_object_with_its_kind() {
        let path: PathBuf = "runs/x".into();
        let run = serde_json::to_value(Event::Note(Note::Run { path: path.clone() })).unwrap();
        assert_eq!(run, serde_json::json!({"event": "note", "kind": "run", "path": "runs/x"}));
        let notices = [
            Event::Note(Note::QuickDemo {}),
            Event::Note(Note::TemplateDateFixed { date: None }),
            Event::Warning(Warning::NoGpu { reason: None, seconds: 90.0, steps: 3, seconds_left: 60.0 }),
            Event::Warning(Warning::NothingToResume { path }),
        ];
        for notice in notices {
            let text = serde_json::to_string(&notice).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), notice, "{text}");
        }
    }
}
