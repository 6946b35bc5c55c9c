//! `data generate`: documents to training examples, with the files that name the place of each in the documents.

mod all_taught;
mod factless;
mod held_out;
mod items;
mod material;
mod open_book;
mod remarks;
mod request;
mod vary;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::documents;
use super::writing::{self, ModelUse, ToWord};
use super::{Context, Failure};
use crate::corpus::Language;
pub use crate::corpus::Map as LayoutMap;
use crate::eval::Suite;
use crate::events::{Outcome, Stage, Unit, Warning};
use crate::generate::llm::Estimate;
use crate::generate::{self, AskedQuestion, GenerateError, GeneratedSet, Item, Part, Plan, Planned, Shape, Shortage};
pub use crate::generate::{AnswerStyle, ExampleCount, Method, Report, SplitBy};
use crate::store::Digest;
use material::Material;
use open_book::Opened;
use request::Variations;
pub use request::{GenerateRequest, Shares, Task};

/// What was generated.
#[derive(Clone, Debug, Serialize)]
pub struct Generated {
    pub files: Vec<PathBuf>,
    /// Files of an earlier run of the same output, which this run does not have.
    pub removed: Vec<PathBuf>,
    pub report: Report,
    /// None: no model was asked.
    pub model: Option<ModelUse>,
}

/// What would be generated.
#[derive(Clone, Debug, Serialize)]
pub struct DryRun {
    pub units: usize,
    pub facts: usize,
    pub conflicts: usize,
    /// Of [`generate::Coverage::sentence`].
    pub coverage: String,
    pub parts: Vec<(&'static str, usize)>,
    /// Of the rules' wordings.
    pub examples: Vec<ShownExample>,
    /// What the model's wordings would take; None: no model is asked, or it gave nothing to time.
    pub model: Option<Estimate>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShownExample {
    pub part: &'static str,
    pub category: &'static str,
    /// User and assistant in turn.
    pub turns: Vec<String>,
}

/// A plan with its variations.
struct VariedPlan {
    plan: Plan,
    /// What is less than was asked for, and why.
    shortfalls: Vec<String>,
}

/// A plan, and what the model did for it.
struct Made {
    varied: VariedPlan,
    model: Option<ModelUse>,
}

/// Makes the examples and writes their files.
pub fn run(context: &mut Context<'_>, request: &GenerateRequest) -> Result<Generated, Failure> {
    request.check_options()?;
    let inputs = request.inputs();
    check_name(&request.output)?;
    inputs.refuse_overwrite(&request.output)?;
    inputs.refuse_overwrite(&generate::journal_path(&request.output))?;
    documents::refuse_among(&request.documents, &request.output)?;
    let (system, split_by) = (request.system()?, request.split_by()?);
    let material = material::read(context, request)?;
    context.report.begin(Stage::Generate, Unit::Examples, None);
    let Made { varied: VariedPlan { plan, shortfalls }, model } = made(context, &material, request)?;
    shortfalls.into_iter().for_each(|text| context.report.warn(Warning::Documents { text }));
    let settings = settings(request, system.as_deref(), model.as_ref())?;
    let set = GeneratedSet {
        plan: &plan,
        corpus: &material.corpus,
        facts: &material.facts.facts,
        conflicts: &material.facts.conflicts,
        system: system.as_deref(),
        split_by: request.parts.map(|_| split_by),
        settings: &settings,
    };
    context.check_interrupt()?;
    let written = generate::write(&request.output, set, &inputs)?;
    let examples = plan.examples.iter().filter(|example| example.part != Part::Unseen).count();
    context.report.end(Outcome::Generated { examples, rejected: plan.rejected.len() });
    let files = written.files.into_iter().map(|file| file.path).collect();
    Ok(Generated { files, removed: written.removed, report: written.report, model })
}

/// Refuses a folder, a device and the names of other formats: the files of a set are named after `X.jsonl`.
fn check_name(output: &Path) -> Result<(), Failure> {
    let name = output.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    let is_file = std::fs::metadata(output).is_ok_and(|found| found.is_file());
    let fault = match ending {
        _ if name.is_empty() || name == "-" => "is no name of a file",
        _ if output.exists() && !is_file => "is a folder or a device",
        None | Some("jsonl") => return Ok(()),
        Some(_) => "has the ending of another format",
    };
    Err(Failure::input(format!("--output {}: {fault}", output.display()))
        .hint("name a file such as data/examples.jsonl"))
}

/// What [`run`] would make by rules, with some of its examples, and what a model's wordings would take. Nothing is written.
pub fn dry_run(context: &mut Context<'_>, request: &GenerateRequest, shown: usize) -> Result<DryRun, Failure> {
    request.check_options()?;
    let material = material::read(context, request)?;
    let items = items::items(&material, request, Variations::of(request)?)?;
    let model = match &request.writer {
        Some(writer) => {
            let wanted = wanted(&material, request, &items)?;
            let further = held_out::missing(request, &items)?;
            writing::estimated(context, writer, &to_word(&material, request, &wanted), further)?
        }
        None => None,
    };
    let VariedPlan { plan, shortfalls } = match planned(&material, request, &items) {
        // The model's wordings are not made here, and without them there may be fewer than are wanted.
        Err(_) if request.writer.is_some() => {
            planned(&material, &GenerateRequest { count: ExampleCount::All, ..request.clone() }, &items)?
        }
        varied => varied?,
    };
    shortfalls.into_iter().for_each(|text| context.report.warn(Warning::Documents { text }));
    let parts = Part::ALL.into_iter().map(|part| {
        let examples = plan.examples.iter().filter(|example| example.part == part).count();
        (part.name(), examples)
    });
    let example = |planned: &Planned| ShownExample {
        part: planned.part.name(),
        category: planned.category(),
        turns: planned.draft.turns.iter().map(|turn| turn.content.clone()).collect(),
    };
    Ok(DryRun {
        units: material.corpus.units.len(),
        facts: material.facts.facts.len(),
        conflicts: material.facts.conflicts.len(),
        coverage: plan.coverage().sentence(),
        parts: parts.filter(|(_, examples)| *examples > 0).collect(),
        examples: spread(&plan.examples, shown).map(example).collect(),
        model,
    })
}

/// `count` of the examples, evenly over all of them.
fn spread(examples: &[Planned], count: usize) -> impl Iterator<Item = &Planned> {
    let count = count.min(examples.len());
    (0..count).filter_map(move |i| examples.get(i * examples.len() / count.max(1)))
}

/// The plan over the items, which the model words too where one is asked.
fn made(context: &mut Context<'_>, material: &Material, request: &GenerateRequest) -> Result<Made, Failure> {
    let items = items::items(material, request, Variations::of(request)?)?;
    let Some(writer) = &request.writer else {
        return Ok(Made { varied: planned(material, request, &items)?, model: None });
    };
    let journal = generate::journal_path(&request.output);
    let wanted = wanted(material, request, &items)?;
    let to_word = to_word(material, request, &wanted);
    let mut worded = writing::word(context, writer, &to_word, &journal)?;
    let mut items = writing::merged(items.clone(), &worded.drafts);
    let mut prose = held_out::of_prose(&worded.drafts).into_iter();
    let asked = asked(&request.suites)?;
    let plan = loop {
        let plan = generate::plan(material.plan_input(&items, &asked), &request.plan_options()?);
        let is_short = matches!(plan, Err(GenerateError::TooMany { reason: Shortage::HeldOut, .. }));
        let size = if is_short { held_out::missing(request, &items)?.max(1) } else { 0 };
        let batch: Vec<Item> = prose.by_ref().take(size).collect();
        if batch.is_empty() {
            break plan;
        }
        let further = ToWord { items: &batch, count: None, asks_prose: false, ..to_word };
        let later = writing::word(context, writer, &further, &journal)?;
        items = writing::merged(items, &later.drafts);
        worded.extend(later);
    };
    let plan = plan.map_err(|error| writing::too_few(error, &worded))?;
    let used = plan.examples.iter().filter(|example| example.draft.record.is_some()).count();
    let mut varied = varied(all_taught::Planned { material, request, items: &items, asked: &asked }, plan)?;
    varied.plan.rejected.extend(worded.rejected);
    Ok(Made { varied, model: Some(ModelUse { used, ..worded.model }) })
}

/// The items that the model words: those of which the plan takes examples, so that no call is made for a wording that is not
/// used. All of them where the rules' wordings alone are too few.
fn wanted<'a>(material: &Material, request: &GenerateRequest, items: &'a [Item]) -> Result<Cow<'a, [Item]>, Failure> {
    let asked = asked(&request.suites)?;
    let plan = match generate::plan(material.plan_input(items, &asked), &request.plan_options()?) {
        Err(GenerateError::TooMany { .. } | GenerateError::NothingToTeach) => return Ok(Cow::Borrowed(items)),
        plan => plan?,
    };
    let chosen: BTreeSet<Digest> = plan.examples.iter().map(|example| example.draft.item).collect();
    Ok(items.iter().filter(|item| chosen.contains(&item.id)).cloned().collect())
}

fn to_word<'a>(material: &'a Material, request: &GenerateRequest, items: &'a [Item]) -> ToWord<'a> {
    let count = match request.count {
        ExampleCount::Number(n) => Some(n),
        ExampleCount::All => None,
    };
    ToWord {
        units: &material.corpus.units,
        items,
        languages: &material.languages,
        seed: request.seed,
        count,
        asks_prose: true,
    }
}

fn planned(material: &Material, request: &GenerateRequest, items: &[Item]) -> Result<VariedPlan, Failure> {
    let asked = asked(&request.suites)?;
    let plan = generate::plan(material.plan_input(items, &asked), &request.plan_options()?)?;
    varied(all_taught::Planned { material, request, items, asked: &asked }, plan)
}

/// The plan with its variations.
fn varied(planned: all_taught::Planned<'_>, mut plan: Plan) -> Result<VariedPlan, Failure> {
    let all_taught::Planned { material, request, items, .. } = planned;
    let variations = Variations::of(request)?;
    if variations.refusals > 0.0 && request.task == Task::Answer {
        planned.confirm(&mut plan)?;
    }
    let mut shortfalls: Vec<String> = unasked(&plan, request).into_iter().collect();
    match request.task {
        Task::Answer => {
            let share = variations.refusals;
            let made = plan.examples.iter().filter(|example| example.draft.shape == Shape::Unanswerable).count();
            let wanted = (share * plan.coverage().examples as f64).floor() as usize;
            if made < wanted {
                shortfalls.push(format!(
                    "--refusals {share}: the documents give {made} unanswerable questions of {wanted} that are wanted; they are made \
                     of what some things have and others of their kind lack: give more documents on things of one kind, or a \
                     lower --refusals"
                ));
            }
            vary::vary(&mut plan, material, items, request.seed, variations);
            let share = variations.open_book;
            let Opened { wanted, made } = open_book::open_book(&mut plan, material, share, request.seed)?;
            if made < wanted {
                shortfalls.push(format!(
                    "--open-book {share}: {made} of {wanted} examples have passages; the others are needed without them, have \
                     several turns, or are about more passages than fit"
                ));
            }
        }
        Task::Correct => vary::correct(&mut plan, material, request.seed)?,
    }
    Ok(VariedPlan { plan, shortfalls })
}

/// What is said where sources are set aside in vain.
fn unasked(plan: &Plan, request: &GenerateRequest) -> Option<String> {
    let share = request.unseen.filter(|share| *share > 0.0)?;
    let is_asked = plan.examples.iter().any(|example| example.part == Part::Unseen);
    (!is_asked).then(|| {
        let sources = plan.unseen_sources.len();
        format!(
            "--unseen {share}: no question can be asked about the sources that are set aside ({sources}), because the others \
             are about the same things"
        )
    })
}

/// The questions of suites, which are not generated.
fn asked(suites: &[PathBuf]) -> Result<Vec<AskedQuestion>, Failure> {
    let mut asked = Vec::new();
    for path in suites {
        for case in Suite::read(path)?.cases {
            let text = case.messages.last().map(|message| message.content.clone()).unwrap_or_default();
            asked.push(AskedQuestion { text, expected: case.expected().to_vec(), keywords: case.keywords() });
        }
    }
    Ok(asked)
}

/// What the command was asked for, as the report keeps it.
fn settings(
    request: &GenerateRequest,
    system: Option<&str>,
    model: Option<&ModelUse>,
) -> Result<serde_json::Value, Failure> {
    let count = match request.count {
        ExampleCount::Number(n) => json!(n),
        ExampleCount::All => json!("all"),
    };
    let split_by = request.split_by()?;
    let codes = |found: &Vec<Language>| found.iter().map(|language| language.code()).collect::<Vec<_>>();
    let languages = request.documents.languages.as_ref().map(codes);
    Ok(json!({
        "inputs": request.documents.inputs,
        "map": request.documents.map,
        "fix_encoding": request.documents.fix_encoding,
        "languages": languages,
        "method": request.method,
        "count": count,
        "wordings": request.wordings,
        "answer_style": request.answer_style,
        "system": system,
        "templates": request.templates,
        "suites": request.suites,
        "contacts": request.contacts,
        "task": request.task,
        "variations": Variations::of(request)?,
        "split": request.parts,
        "split_by": request.parts.map(|_| split_by),
        "unseen": request.unseen,
        "seed": request.seed,
        "generator": model,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}
