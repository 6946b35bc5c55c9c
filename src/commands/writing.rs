//! A model of the daemon that words questions: new wordings of what rules ask, and questions on prose.

mod likelihood;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use likelihood::NativeLikelihood;

use super::{Context, Failure};
use crate::corpus::{Language, Unit};
use crate::events::{Detail, Note, Warning};
use crate::generate::llm::{
    Alternative, Likelihood, LlmEvent, LlmOptions, LlmOutcome, Participants, Sources, Token, WriteRequest, Writer,
    WriterError, Written, generate,
};
use crate::generate::{Draft, Item, Journal, Wording};
use crate::ollama::{Ask, Client, OllamaError, Options, Prompt};

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
    /// Calls at the same time.
    pub parallel: usize,
}

/// What is worded by the model.
pub(super) struct ToWord<'a> {
    pub units: &'a [Unit],
    pub items: &'a [Item],
    pub languages: &'a [Language],
    pub seed: u64,
    /// Examples that are wanted.
    pub count: usize,
}

/// Adds the model's wordings to the items, and items of prose.
pub(super) fn word(
    context: &mut Context<'_>,
    request: &WriterRequest,
    to_word: &ToWord<'_>,
    journal: &Path,
) -> Result<LlmOutcome, Failure> {
    let client = context.client()?;
    let writer = DaemonWriter::new(&client, &request.model)?;
    let judge = request.judge.as_deref().map(|model| DaemonWriter::new(&client, model)).transpose()?;
    let options = LlmOptions {
        seed: to_word.seed,
        count: Some(to_word.count),
        languages: to_word.languages.to_vec(),
        wordings_per_item: WORDINGS,
        parameters: writer.parameters,
        force: request.force,
        strict: request.strict,
        parallel: request.parallel,
        ..LlmOptions::default()
    };
    let likelihood = NativeLikelihood::open(context, request.judge.as_deref().unwrap_or(&request.model));
    let mut journal = Journal::open(journal)?;
    let interrupt = context.interrupt.clone();
    let participants = Participants {
        writer: &writer,
        judge: judge.as_ref().unwrap_or(&writer),
        likelihood: likelihood.as_ref().map(|native| native as &dyn Likelihood),
        interrupt: &interrupt,
    };
    let sources = Sources { units: to_word.units, items: to_word.items };
    let report = &mut context.report;
    let outcome = generate(&sources, &options, participants, &mut journal, &mut |event| match event {
        LlmEvent::Progress(progress) => {
            let item = progress.rejected.map(|code| Detail::Item(format!("rejected: {}", code.code())));
            report.advance(progress.accepted as u64, item);
        }
        LlmEvent::Calibrated(calibration) => {
            for check in &calibration.checks {
                report.note(Note::Documents { text: format!("check {check}") });
            }
        }
        LlmEvent::ManyRejected { code, rejected, tried } => {
            report.warn(Warning::Documents {
                text: format!("{rejected} of {tried} answers were rejected ({}): {}", code.code(), code.remedy()),
            });
        }
    });
    if outcome.is_err() && interrupt.raised() {
        return Err(Failure::interrupted().hint("the same command goes on from here"));
    }
    Ok(outcome?)
}

/// New wordings of each item.
const WORDINGS: usize = 2;

/// The items with the model's wordings, and the items of prose that only the model words.
pub(super) fn merged(mut items: Vec<Item>, drafts: &[Draft]) -> Vec<Item> {
    let places: BTreeMap<_, usize> = items.iter().enumerate().map(|(i, item)| ((item.id, item.language), i)).collect();
    let mut prose: BTreeMap<_, Item> = BTreeMap::new();
    for draft in drafts {
        let [question, answer, ..] = draft.turns.as_slice() else { continue };
        let wording = Wording {
            family: draft.family,
            template: draft.template.clone(),
            question: question.content.clone(),
            answer: answer.content.clone(),
        };
        match places.get(&(draft.item, draft.language)).and_then(|i| items.get_mut(*i)) {
            Some(item) => item.wordings.push(wording),
            None => prose.entry((draft.item, draft.language)).or_insert_with(|| of_prose(draft)).wordings.push(wording),
        }
    }
    items.extend(prose.into_values());
    items
}

fn of_prose(draft: &Draft) -> Item {
    Item {
        id: draft.item,
        shape: draft.shape,
        facts: draft.facts.clone(),
        entity: String::new(),
        attribute: String::new(),
        source: draft.source.clone(),
        language: draft.language,
        values: draft.expected.clone(),
        wordings: Vec::new(),
        low_information: false,
    }
}

/// Writes through `/api/chat` with a schema.
struct DaemonWriter<'a> {
    client: &'a Client,
    model: String,
    digest: String,
    version: String,
    /// The model can think, and is told not to.
    thinks: bool,
    /// None: the daemon does not say.
    parameters: Option<u64>,
}

impl<'a> DaemonWriter<'a> {
    fn new(client: &'a Client, model: &str) -> Result<Self, Failure> {
        let missing = || OllamaError::NoModel(model.to_owned());
        let show = client.show(model)?.ok_or_else(missing)?;
        Ok(Self {
            client,
            model: model.to_owned(),
            digest: client.tag(model)?.ok_or_else(missing)?.digest,
            version: client.capabilities()?.version.text,
            thinks: show.capabilities.iter().any(|capability| capability == "thinking"),
            parameters: show.model_info.get("general.parameter_count").and_then(Value::as_u64),
        })
    }
}

impl Writer for DaemonWriter<'_> {
    fn write(&self, request: &WriteRequest) -> Result<Written, WriterError> {
        let options = Options {
            temperature: request.temperature,
            seed: i64::from(request.seed & 0x7fff_ffff),
            ..Options::greedy(request.max_tokens as i64, request.num_ctx)
        };
        let mut ask = Ask::new(self.model.clone(), Prompt::Chat(request.messages.clone()), options);
        ask.format = Some(request.schema.clone());
        ask.think = self.thinks.then_some(false);
        ask.top_logprobs = request.top_logprobs;
        let answer = self.client.ask(&ask, &mut |_| {}).map_err(|e| match e {
            OllamaError::Said { status: 400 | 500, message, .. } => WriterError::Failed { reason: message },
            e => WriterError::Stopped(e.into()),
        })?;
        let alternatives = |top: Vec<(Vec<u8>, f64)>| {
            top.into_iter()
                .map(|(bytes, logprob)| Alternative { token: String::from_utf8_lossy(&bytes).into_owned(), logprob })
                .collect()
        };
        let tokens = answer.logprobs.into_iter();
        Ok(Written {
            text: answer.text,
            done: answer.done,
            done_reason: answer.done_reason,
            prompt_tokens: answer.prompt_eval_count,
            tokens: answer.eval_count,
            seconds: answer.total.saturating_sub(answer.load).as_secs_f64(),
            logprobs: tokens.map(|l| Token { token: l.token, alternatives: alternatives(l.top) }).collect(),
        })
    }

    fn identity(&self) -> String {
        format!("{} Ollama {}", self.digest, self.version)
    }
}
