//! A model of the daemon that words questions: new wordings of what rules ask, and questions on prose.

#[cfg(test)]
mod checks_tests;
mod likelihood;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use likelihood::NativeLikelihood;
use writer::{DaemonWriter, Daemons};

use super::{Context, Failure};
use crate::corpus::{Language, Unit};
use crate::events::{Detail, Note, Warning};
pub use crate::generate::llm::Estimate;
use crate::generate::llm::{
    Calibration, Likelihood, LlmEvent, LlmOptions, LlmOutcome, Participants, Rejected as RejectedText, RejectedDraft,
    Sources, Writer, check_writer, estimate, generate,
};
use crate::generate::{Draft, GenerateError, Item, Journal, Rejected, Wording};
use crate::ollama::{Client, Host};

/// The generator.
#[derive(Clone, Debug)]
pub struct WriterRequest {
    /// A model of the daemon.
    pub model: String,
    /// Who answers the questions again, to check them; None: the same model.
    pub judge: Option<String>,
    /// Lets a model write that is too small for it.
    pub force: bool,
    /// Refuses to run where no check of grounding can be used.
    pub strict: bool,
    /// Calls to a daemon at the same time.
    pub parallel: usize,
    /// Further daemons that share the calls.
    pub also_ask: Vec<String>,
}

impl WriterRequest {
    /// Calls at the same time to all daemons together.
    fn calls_at_once(&self) -> usize {
        self.parallel * (1 + self.also_ask.len())
    }
}

/// What is worded by the model.
#[derive(Clone, Copy)]
pub(super) struct ToWord<'a> {
    pub units: &'a [Unit],
    pub items: &'a [Item],
    pub languages: &'a [Language],
    pub seed: u64,
    /// Examples that are wanted; None: as many as can be made.
    pub count: Option<usize>,
    /// Whether questions are asked about prose too, and not new wordings of the items alone.
    pub asks_prose: bool,
}

/// What the model did.
#[derive(Clone, Debug, Serialize)]
pub struct ModelUse {
    pub model: String,
    /// Digest and daemon.
    pub identity: String,
    /// Who answered the questions again.
    pub judge: String,
    /// Of the checks of grounding; None: no question was asked about prose.
    pub calibration: Option<Calibration>,
    pub calls: usize,
    pub prompt_tokens: u64,
    pub tokens: u64,
    pub seconds: f64,
    /// Places that the model was asked about, and those that gave an example.
    pub tried: usize,
    pub accepted: usize,
    /// Examples of the set that the model worded.
    pub used: usize,
    /// Examples whose answer the judge knows without the documents.
    pub known: usize,
    /// Sources with instructions to an assistant, which the model was not shown.
    pub instructed: Vec<String>,
}

/// What the model wrote.
pub(super) struct Worded {
    pub(super) drafts: Vec<Draft>,
    pub(super) rejected: Vec<Rejected>,
    /// Why most texts were rejected; None: none was.
    pub(super) commonest: Option<RejectedText>,
    pub(super) model: ModelUse,
}

impl Worded {
    /// With what was written later.
    pub(super) fn extend(&mut self, later: Self) {
        let Self { drafts, rejected, commonest, model } = later;
        self.drafts.extend(drafts);
        self.rejected.extend(rejected);
        self.commonest = self.commonest.or(commonest);
        self.model.calibration = self.model.calibration.take().or(model.calibration);
        self.model.calls += model.calls;
        self.model.prompt_tokens += model.prompt_tokens;
        self.model.tokens += model.tokens;
        self.model.seconds += model.seconds;
        self.model.tried += model.tried;
        self.model.accepted += model.accepted;
        self.model.known += model.known;
    }
}

/// The commonest cause.
fn commonest(rejected: &[RejectedDraft]) -> Option<RejectedText> {
    let mut counts: BTreeMap<RejectedText, usize> = BTreeMap::new();
    rejected.iter().for_each(|draft| *counts.entry(draft.code).or_default() += 1);
    counts.into_iter().max_by_key(|(code, count)| (*count, std::cmp::Reverse(*code))).map(|(code, _)| code)
}

/// What is said where a plan has too few examples because the model's texts were rejected.
pub(super) fn too_few(error: GenerateError, worded: &Worded) -> Failure {
    let largest = match &error {
        GenerateError::TooMany { largest, .. } => *largest,
        GenerateError::NothingToTeach => 0,
        _ => return error.into(),
    };
    let Some(code) = worded.commonest else { return error.into() };
    let (rejected, model) = (worded.rejected.len(), &worded.model.model);
    Failure::input(format!(
        "no more than {largest} examples can be made: {rejected} texts of {model} were rejected, most of them as {}",
        code.code()
    ))
    .hint(code.remedy())
}

/// Entries that are tried to see how long a run takes.
const TIMED: usize = 3;

/// What wording all of it would take, by three entries that are tried; None: nothing could be timed. `held_out` examples need
/// further wordings of questions on prose.
pub(super) fn estimated(
    context: &mut Context<'_>,
    request: &WriterRequest,
    to_word: &ToWord<'_>,
    held_out: usize,
) -> Result<Option<Estimate>, Failure> {
    let folder = tempfile::tempdir().map_err(|e| Failure::input(format!("no temporary folder can be made: {e}")))?;
    let journal = folder.path().join("journal.jsonl");
    let Asked { outcome, .. } = ask(context, request, to_word, Trial { journal: &journal, most_entries: Some(TIMED) })?;
    let examples = to_word.count.unwrap_or(outcome.possible) + held_out * WORDINGS;
    Ok(estimate(&outcome.timed, examples, request.calls_at_once()))
}

/// New wordings of the items, and questions on prose.
pub(super) fn word(
    context: &mut Context<'_>,
    request: &WriterRequest,
    to_word: &ToWord<'_>,
    journal: &Path,
) -> Result<Worded, Failure> {
    let Asked { outcome, identity } = ask(context, request, to_word, Trial { journal, most_entries: None })?;
    let commonest = commonest(&outcome.rejected);
    let rejected = outcome.rejected.into_iter().map(|draft| Rejected {
        code: draft.code.code(),
        item: draft.item,
        source: Arc::from(draft.source),
        question: String::new(),
        answer: draft.reply,
        detail: draft.detail,
    });
    Ok(Worded {
        rejected: rejected.collect(),
        commonest,
        model: ModelUse {
            model: request.model.clone(),
            identity,
            judge: request.judge.as_ref().unwrap_or(&request.model).clone(),
            calibration: outcome.calibration,
            calls: outcome.cost.calls,
            prompt_tokens: outcome.cost.prompt_tokens,
            tokens: outcome.cost.tokens,
            seconds: outcome.cost.seconds,
            tried: outcome.tried,
            accepted: outcome.drafts.len(),
            used: 0,
            known: outcome.known,
            instructed: outcome.instructed.into_iter().collect(),
        },
        drafts: outcome.drafts,
    })
}

/// How far the model is asked.
struct Trial<'a> {
    journal: &'a Path,
    /// None: until there are as many examples as are wanted.
    most_entries: Option<usize>,
}

struct Asked {
    outcome: LlmOutcome,
    /// Of the writer.
    identity: String,
}

fn ask(
    context: &mut Context<'_>,
    request: &WriterRequest,
    to_word: &ToWord<'_>,
    trial: Trial<'_>,
) -> Result<Asked, Failure> {
    let mut daemons = Daemons { first: context.client()?, others: Vec::new() };
    for host in &request.also_ask {
        daemons.others.push(Client::new(Host::parse(host)?, context.interrupt.clone())?);
    }
    let writer = DaemonWriter::new(&daemons, &request.model, request.parallel)?;
    let judge =
        request.judge.as_deref().map(|model| DaemonWriter::new(&daemons, model, request.parallel)).transpose()?;
    let options = LlmOptions {
        seed: to_word.seed,
        count: to_word.count,
        languages: to_word.languages.to_vec(),
        wordings_per_item: WORDINGS,
        questions_per_unit: usize::from(to_word.asks_prose),
        parameters: writer.parameters,
        force: request.force,
        strict: request.strict,
        parallel: request.calls_at_once(),
        most_entries: trial.most_entries,
        ..LlmOptions::default()
    };
    check_writer(&options)?;
    let rates = request.judge.as_deref().unwrap_or(&request.model);
    // A new wording has the answer of the wording before, which is checked already.
    let likelihood = match to_word.asks_prose.then(|| NativeLikelihood::open(context, rates)).transpose() {
        Ok(native) => native,
        Err(failure) => {
            let text =
                format!("{rates} is not computed here, so no check by likelihood is made: {}", failure.message());
            context.report.note(Note::Documents { text });
            None
        }
    };
    let mut journal = Journal::open(trial.journal)?;
    let interrupt = context.interrupt.clone();
    let participants = Participants {
        writer: &writer,
        judge: judge.as_ref().unwrap_or(&writer),
        likelihood: likelihood.as_ref().map(|native| native as &dyn Likelihood),
        interrupt: &interrupt,
    };
    let sources = Sources { units: to_word.units, items: to_word.items };
    let outcome = generate(&sources, &options, participants, &mut journal, &mut |event| show(context, event));
    if outcome.is_err() && interrupt.raised() {
        return Err(Failure::interrupted().hint("the same command goes on from here"));
    }
    let outcome = outcome?;
    writer.is_still_served()?;
    judge.as_ref().map_or(Ok(()), DaemonWriter::is_still_served)?;
    Ok(Asked { outcome, identity: writer.identity() })
}

fn show(context: &mut Context<'_>, event: &LlmEvent<'_>) {
    match event {
        LlmEvent::Progress(progress) => {
            let item = progress.rejected.map(|code| Detail::Item(format!("rejected: {}", code.code())));
            context.report.advance(progress.accepted as u64, item);
        }
        LlmEvent::Calibrated(calibration) => {
            for check in &calibration.checks {
                context.report.note(Note::Documents { text: format!("check {check}") });
            }
        }
        LlmEvent::ManyRejected { code, rejected, tried } => {
            context.report.warn(Warning::Documents {
                text: format!("{rejected} of {tried} answers were rejected ({}): {}", code.code(), code.remedy()),
            });
        }
    }
}

/// New wordings of each item.
const WORDINGS: usize = 2;

/// The items with the model's wordings, and the items of prose that only the model words.
pub(super) fn merged(mut items: Vec<Item>, drafts: &[Draft]) -> Vec<Item> {
    let places: BTreeMap<_, usize> = items.iter().enumerate().map(|(i, item)| ((item.id, item.language), i)).collect();
    let mut prose: BTreeMap<_, Item> = BTreeMap::new();
    for draft in drafts {
        let Some(wording) = Wording::of(draft) else { continue };
        match places.get(&(draft.item, draft.language)).and_then(|i| items.get_mut(*i)) {
            Some(item) => item.wordings.push(wording),
            None => {
                let item = prose.entry((draft.item, draft.language)).or_insert_with(|| Item::of(draft, &[]));
                item.wordings.push(wording);
            }
        }
    }
    items.extend(prose.into_values());
    items
}
