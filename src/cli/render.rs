//! The words of events: a line or more for each that ends something; progress is drawn in `progress`.

use super::layout::{BOLD, Cell, Column, DIM, GREEN, Mark, RED, Style, Table, YELLOW};
use super::notices;
use super::terminal::Text;
use crate::events::{Detail, Event, Note, Outcome, Stage, SuiteResult, Unit};

/// Columns in front of a stage's words: its mark, its name, its time.
const INDENT: usize = 22;
/// Columns of a stage's name, and of its time.
const NAME: usize = 10;
const TIME: usize = INDENT - NAME - 4;
/// Faults of a proof's leg that are shown, at most; the run's `proof.json` has all of them.
const MAX_FAULTS: usize = 5;

/// Makes lines of events. Stages in progress leave none.
#[derive(Debug)]
pub(super) struct Renderer {
    style: Style,
    /// Only warnings and errors.
    quiet: bool,
    /// The gate's suites, until its decision.
    suites: Vec<SuiteResult>,
    /// The same note is not shown twice running.
    last_note: Option<Note>,
}

impl Renderer {
    pub(super) fn new(style: Style, quiet: bool) -> Self {
        Self { style, quiet, suites: Vec::new(), last_note: None }
    }

    pub(super) fn lines(&mut self, event: &Event) -> Vec<Text> {
        let style = self.style;
        match event {
            Event::StageBegun { .. } | Event::StageAdvanced { .. } => Vec::new(),
            Event::Warning(warning) => vec![self.warning(&notices::warning(warning))],
            Event::Failed { message, hint, .. } => self.failed(message, hint.as_deref()),
            Event::Suite(suite) => {
                self.suites.push(suite.clone());
                Vec::new()
            }
            Event::ProofLeg { leg, passed, summary, faults } => {
                let shown = (!self.quiet).then(|| self.leg(leg, *passed, summary));
                let faults = faults.iter().take(MAX_FAULTS).map(|fault| self.warning(&format!("{leg}: {fault}")));
                shown.into_iter().chain(faults).collect()
            }
            _ if self.quiet => Vec::new(),
            Event::StageEnded { stage, seconds, outcome } => {
                let mark = if outcome.is_good() { Mark::Good } else { Mark::Bad };
                vec![self.row(Row { mark, name: name(*stage), time: &duration(*seconds) }, &outcome_words(outcome))]
            }
            Event::StageSkipped { stage } => {
                let head = self.head(Row { mark: Mark::Neutral, name: name(*stage), time: "" });
                vec![head.then(style.paint(DIM, skipped(*stage)))]
            }
            Event::Epoch { epoch, train_loss, mean_token_accuracy, grad_norm, tokens_per_second } => {
                vec![self.note(&format!(
                    "epoch {epoch}: loss {train_loss:.3}, accuracy {mean_token_accuracy:.3}, gradient norm \
                     {grad_norm:.2}, {tokens_per_second:.0} tok/s"
                ))]
            }
            Event::Verdict { decision, reasons, notes } => self.verdict(decision, reasons, notes),
            Event::Promoted { role, from, to } => {
                let row = Row { mark: Mark::Good, name: "role", time: "" };
                vec![self.row(row, &format!("{role}: {from} -> {to}"))]
            }
            Event::Note(note) if self.last_note.as_ref() == Some(note) => Vec::new(),
            Event::Note(note) => {
                self.last_note = Some(note.clone());
                vec![self.note(&notices::note(note))]
            }
        }
    }

    /// Of a stage that was begun and has no end.
    pub(super) fn unfinished(&self, stage: Stage, seconds: f64) -> Option<Text> {
        let row = Row { mark: Mark::Bad, name: name(stage), time: &duration(seconds) };
        (!self.quiet).then(|| self.row(row, "not finished"))
    }

    fn head(&self, row: Row<'_>) -> Text {
        let name = self.style.paint(BOLD, &format!("{:<NAME$}", row.name));
        let time = self.style.paint(DIM, &format!("{:>TIME$}", row.time));
        self.style.mark(row.mark).then(" ").then(name).then(time).then("  ")
    }

    fn row(&self, row: Row<'_>, words: &str) -> Text {
        self.style.beside(self.head(row), INDENT, words)
    }

    fn leg(&self, leg: &str, passed: bool, summary: &str) -> Text {
        const LEG: usize = INDENT - 6;
        let mark = self.style.mark(if passed { Mark::Good } else { Mark::Bad });
        let head = Text::from("  ").then(mark).then(format!(" {leg:<LEG$}  "));
        self.style.beside(head, INDENT, summary)
    }

    fn note(&self, text: &str) -> Text {
        self.style.beside("  ".into(), 2, text)
    }

    fn warning(&self, text: &str) -> Text {
        self.labelled("warning:", YELLOW, text)
    }

    fn failed(&self, message: &str, hint: Option<&str>) -> Vec<Text> {
        let hint = hint.map(|hint| Text::from("  ").then(self.labelled("hint:", BOLD, hint)));
        std::iter::once(self.labelled("error:", RED, message)).chain(hint).collect()
    }

    /// What continues a line is indented by four columns; the text's own lines stay as they are.
    fn labelled(&self, label: &'static str, code: &'static str, text: &str) -> Text {
        // The label takes part in the first line.
        let labelled = format!("{label} {text}");
        let lines: Vec<String> = labelled.lines().map(|line| self.style.wrap(line, 4).join("\n    ")).collect();
        let rest = lines.join("\n").strip_prefix(label).unwrap_or_default().to_owned();
        self.style.paint(code, label).then(rest)
    }

    /// The suites as a table under the decision, then what stands against a promotion, then what does not.
    fn verdict(&mut self, decision: &str, reasons: &[String], notes: &[String]) -> Vec<Text> {
        let mark = match decision {
            "PASS" => Mark::Good,
            "FAIL" => Mark::Bad,
            _ => Mark::Neutral,
        };
        let head = self.head(Row { mark, name: "gate", time: "" });
        let mut lines = vec![head.then(self.style.paint(verdict_colour(decision), decision))];
        let suites = std::mem::take(&mut self.suites);
        if !suites.is_empty() {
            lines.extend(self.suites_table(&suites));
        }
        let listed = |label: &str, text: &String| self.style.beside(format!("  {label} ").into(), 10, text);
        lines.extend(reasons.iter().map(|reason| listed("reason:", reason)));
        lines.extend(notes.iter().map(|note| listed("note:  ", note)));
        lines
    }

    fn suites_table(&self, suites: &[SuiteResult]) -> Vec<Text> {
        const MARGIN: usize = 2;
        let table = |counted: bool| {
            let rows = suites.iter().map(|suite| self.suite(suite, counted)).collect();
            Table { columns: suite_columns(counted), rows }
        };
        let whole = table(true);
        let fits = self.style.width.is_none_or(|width| whole.width() + MARGIN <= width);
        if fits { whole } else { table(false) }.lines(self.style, MARGIN)
    }

    fn suite(&self, suite: &SuiteResult, counted: bool) -> Vec<Cell> {
        let least = if self.style.utf8 { "≥ -" } else { ">= -" };
        let demanded = suite.margin.map_or_else(|| "better".to_owned(), |margin| format!("{least}{}", points(margin)));
        let mut cells = vec![
            Cell::new(suite.suite.as_str()),
            Cell::new(suite.prompts.to_string()),
            Cell::new(percent(suite.v1)),
            Cell::new(percent(suite.v2)),
            Cell::new(format!("{:+.1} to {:+.1}", 100.0 * suite.low, 100.0 * suite.high)),
            Cell::new(demanded),
            Cell::painted(suite.verdict.as_str(), verdict_colour(&suite.verdict)),
        ];
        if counted {
            cells.splice(5..5, [suite.fixed, suite.broken].map(|n| Cell::new(n.to_string())));
        }
        cells
    }
}

/// What stands in front of a stage's words.
struct Row<'a> {
    mark: Mark,
    name: &'a str,
    time: &'a str,
}

/// `counted`: with the prompts that v2 answers better, and worse. The interval and what is demanded are in points.
fn suite_columns(counted: bool) -> Vec<Column> {
    let left = |name| Column { name, right: false };
    let right = |name| Column { name, right: true };
    let counts: &[Column] = if counted { &[right("fixed"), right("broken")] } else { &[] };
    let mut columns = vec![left("suite"), right("prompts"), right("v1"), right("v2"), right("90 % of v2 - v1")];
    columns.extend(counts);
    columns.extend([left("demanded"), left("verdict")]);
    columns
}

fn verdict_colour(verdict: &str) -> &'static str {
    match verdict {
        "PASS" | "IMPROVED" => GREEN,
        "FAIL" => RED,
        _ => YELLOW,
    }
}

pub(super) fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Pull => "pull",
        Stage::Trial => "trial",
        Stage::Replay => "replay",
        Stage::Train => "train",
        Stage::Export => "export",
        Stage::Upload => "upload",
        Stage::Register => "register",
        Stage::Prove => "prove",
        Stage::AskV1 => "ask v1",
        Stage::AskV2 => "ask v2",
        Stage::AskControl => "control",
        Stage::AskAgain => "ask again",
        Stage::Likelihood => "likelihood",
        Stage::Choices => "choices",
        Stage::Generate => "generate",
        Stage::Index => "index",
        Stage::Ask => "ask",
        Stage::Judge => "judge",
    }
}

/// Why a stage is not done again.
fn skipped(stage: Stage) -> &'static str {
    match stage {
        Stage::Train => "trained already: none of its inputs has changed",
        Stage::Export => "exported already",
        Stage::Register => "registered already",
        Stage::Prove => "proved already",
        _ => "done already",
    }
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pulled { model } => model.clone(),
        Outcome::Tried { seconds_per_step: Some(seconds) } => format!("{seconds:.2} s a step"),
        Outcome::Tried { seconds_per_step: None } => "the largest step does not fit, and is not made".to_owned(),
        Outcome::Replayed { prompts, examples } => {
            let share = 100.0 * *prompts as f64 / (*examples).max(1) as f64;
            format!("{prompts} general prompts answered by the base itself: {share:.0} % of {examples} examples")
        }
        Outcome::ReplaySampled { answered, unanswered } => {
            format!("{answered} of {unanswered} answers, to see how long they take")
        }
        Outcome::Trained { steps, num_tokens, train_loss, eval_loss, mean_token_accuracy, entropy } => {
            let eval = eval_loss.map(|loss| format!(", eval loss {loss:.3}")).unwrap_or_default();
            format!(
                "{steps} steps, {num_tokens} tokens, loss {train_loss:.3}{eval}, accuracy {mean_token_accuracy:.3}, \
                 entropy {entropy:.3}"
            )
        }
        Outcome::Exported { path, bytes, survival } => {
            let survival = survival
                .map(|s| format!("; survival of the tune: median {}, least {}", percent(s.median), percent(s.least)));
            let mib = *bytes as f64 / f64::from(1 << 20);
            format!("{}, {mib:.0} MiB{}", path.display(), survival.unwrap_or_default())
        }
        Outcome::Uploaded { digest, bytes } => format!("{} ({} MiB)", digest.short(), bytes >> 20),
        Outcome::Registered { model, daemon_version } => format!("{model} in Ollama {daemon_version}"),
        Outcome::Proved { passed, kind, daemon_version } => {
            let word = if *passed { kind } else { "FAILED" };
            format!("{word} through Ollama {daemon_version}")
        }
        Outcome::Answered { model } => format!("answered by {model}"),
        Outcome::LikelihoodCompared { bits_per_byte_v1, bits_per_byte_v2, mean_kl, same_top, .. } => format!(
            "general text: {bits_per_byte_v1:.3} bits per byte of v1, {bits_per_byte_v2:.3} of v2; KL {mean_kl:.4} nats per \
             token, the same likeliest token in {}",
            percent(*same_top)
        ),
        Outcome::ChoicesCompared { suite, prompts: 0, .. } => format!("{suite}: no prompt with choices could be read"),
        Outcome::ChoicesCompared { suite, prompts, acc_v1, acc_v2, ece_v1, ece_v2 } => format!(
            "{suite}: the expected choice is the likeliest in {} of {prompts} prompts for v1, in {} for v2; ECE {ece_v1:.3} and \
             {ece_v2:.3}",
            percent(*acc_v1),
            percent(*acc_v2)
        ),
        Outcome::Generated { examples, rejected: 0 } => format!("{examples} examples"),
        Outcome::Generated { examples, rejected } => format!("{examples} examples; {rejected} were made and not taken"),
        Outcome::Indexed { chunks, embedded: 0 } => format!("{chunks} chunks"),
        Outcome::Indexed { chunks, embedded } => format!("{chunks} chunks, {embedded} of them embedded"),
    }
}

pub(super) fn detail_words(detail: &Detail) -> String {
    match detail {
        Detail::Item(name) => shortened(name),
        Detail::Parameters { trainable_params, trainable_percent } => {
            format!("{trainable_params} trainable parameters ({trainable_percent:.2} %)")
        }
        Detail::Step { train_loss, tokens_per_second } => format!("loss {train_loss:.3} {tokens_per_second:.0} tok/s"),
        Detail::Evaluation { eval_loss, best } => {
            format!("eval loss {eval_loss:.3}{}", if *best { ", the best" } else { "" })
        }
    }
}

/// The beginning of a text, which may be a prompt of many lines.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// How far a stage is: `3/24 steps`.
pub(super) fn count(unit: Unit, done: u64, total: Option<u64>) -> String {
    let of = |total: Option<u64>| total.map(|total| format!("/{total}")).unwrap_or_default();
    let unit = match unit {
        Unit::Steps => "steps",
        Unit::Prompts => "prompts",
        Unit::Examples => "examples",
        Unit::Chunks => "chunks",
        Unit::Tensors => "tensors",
        Unit::Probes => "probes",
        Unit::Tokens => "tokens",
        Unit::Bytes => return format!("{}{} MiB", done >> 20, of(total.map(|bytes| bytes >> 20))),
    };
    // Nothing is counted: a daemon at work.
    if done == 0 && total.is_none() { String::new() } else { format!("{done}{} {unit}", of(total)) }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn points(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 5970.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
