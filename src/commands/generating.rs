//! `data generate`: documents to training examples, with the files that say where each comes from.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use serde_json::json;

use super::documents::{self, DocumentsRequest};
use super::writing::{self, ToWord, WriterRequest};
use super::{Context, Failure, FileAction, MAX_TEXT, read_text};
pub use crate::corpus::Map as LayoutMap;
use crate::corpus::{self, Corpus, FactOptions, Facts, Language, Reading};
use crate::eval::Suite;
use crate::events::{Outcome, Stage, Unit, Warning};
use crate::generate::{
    self, AskedQuestion, DialogueContext, Draft, EntityNames, GeneratedSet, Item, ItemOptions, NoiseContext, Part,
    Plan, PlanInput, PlanOptions, Planned, TemplateQuestions, Templates, UnansweredCorpus, Wording,
};
pub use crate::generate::{AnswerStyle, ExampleCount, Method, Report, SplitBy};
use crate::store::Inputs;

/// What examples teach.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, strum::Display, strum::EnumString, strum::VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Task {
    /// To answer questions on the documents.
    #[default]
    Answer,
    /// To write a noised text without its mistakes.
    Correct,
}

/// Shares of training, validation and test: `80/10/10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shares(pub [u32; 3]);

impl FromStr for Shares {
    type Err = String;

    fn from_str(said: &str) -> Result<Self, String> {
        let fault = || format!("{said:?} are no shares; expected three whole numbers such as 80/10/10");
        let numbers: Vec<u32> =
            said.split('/').map(|part| part.trim().parse()).collect::<Result<_, _>>().map_err(|_| fault())?;
        match numbers.as_slice() {
            [train, val, test] if *train > 0 && [train, val, test].iter().all(|n| **n <= 1000) => {
                Ok(Self([*train, *val, *test]))
            }
            _ => Err(fault()),
        }
    }
}

/// What is generated, and where to.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    pub documents: DocumentsRequest,
    pub output: PathBuf,
    pub method: Method,
    pub count: ExampleCount,
    /// Training wordings of a fact before the next fact is taught.
    pub wordings: usize,
    pub answer_style: AnswerStyle,
    pub task: Task,
    /// `@FILE` reads it from a file.
    pub system: Option<String>,
    pub templates: Option<PathBuf>,
    /// Shares of the examples, from 0 to 1; None: the method's own.
    pub refusals: Option<f64>,
    pub noise: Option<f64>,
    pub multi_turn: Option<f64>,
    pub contacts: bool,
    /// Suites whose questions are not generated.
    pub suites: Vec<PathBuf>,
    pub parts: Option<Shares>,
    pub split_by: SplitBy,
    pub unseen: Option<f64>,
    pub seed: u64,
    /// Who words questions; None: the templates alone.
    pub writer: Option<WriterRequest>,
}

/// Shares of what is varied.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Variations {
    refusals: f64,
    noise: f64,
    multi_turn: f64,
}

impl Variations {
    fn of(request: &GenerateRequest) -> Result<Self, Failure> {
        let augmented = request.method == Method::Augmented;
        let share = |flag: &str, said: Option<f64>, default: f64| match said {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                Err(Failure::input(format!("--{flag} {share}: expected a share from 0 to 1")))
            }
            Some(share) => Ok(share),
            None => Ok(if augmented { default } else { 0.0 }),
        };
        Ok(Self {
            refusals: share("refusals", request.refusals, 0.08)?,
            noise: share("noise", request.noise, 0.10)?,
            multi_turn: share("multi-turn", request.multi_turn, 0.10)?,
        })
    }
}

/// What was generated.
#[derive(Clone, Debug, Serialize)]
pub struct Generated {
    pub files: Vec<PathBuf>,
    pub report: Report,
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
    pub examples: Vec<ShownExample>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShownExample {
    pub part: &'static str,
    pub category: &'static str,
    /// User and assistant in turn.
    pub turns: Vec<String>,
}

/// Documents, read, with what they state.
struct Material {
    corpus: Corpus,
    facts: Facts,
    languages: Vec<Language>,
    templates: Templates,
}

/// Makes the examples and writes their files.
pub fn run(context: &mut Context<'_>, request: &GenerateRequest) -> Result<Generated, Failure> {
    let inputs = inputs(request);
    inputs.refuse_overwrite(&request.output)?;
    let system = system(request)?;
    let material = read(context, request)?;
    context.report.begin(Stage::Generate, Unit::Examples, None);
    let plan = planned(context, &material, request)?;
    let settings = settings(request)?;
    let set = GeneratedSet {
        plan: &plan,
        corpus: &material.corpus,
        facts: &material.facts.facts,
        system: system.as_deref(),
        split_by: request.parts.map(|_| request.split_by),
        settings: &settings,
    };
    context.check_interrupt()?;
    let written = generate::write(&request.output, set, &inputs)?;
    let examples = plan.examples.iter().filter(|example| example.part != Part::Unseen).count();
    context.report.end(Outcome::Generated { examples, rejected: plan.rejected.len() });
    let files = written.files.into_iter().map(|file| file.path).collect();
    Ok(Generated { files, report: written.report })
}

/// What [`run`] would make, with some of its examples; nothing is written.
pub fn dry_run(context: &mut Context<'_>, request: &GenerateRequest, shown: usize) -> Result<DryRun, Failure> {
    let material = read(context, request)?;
    let rules = GenerateRequest { writer: None, ..request.clone() };
    let plan = planned(context, &material, &rules)?;
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
        coverage: plan.coverage.sentence(),
        parts: parts.filter(|(_, examples)| *examples > 0).collect(),
        examples: spread(&plan.examples, shown).map(example).collect(),
    })
}

/// `count` of the examples, evenly over all of them.
fn spread(examples: &[Planned], count: usize) -> impl Iterator<Item = &Planned> {
    let count = count.min(examples.len());
    (0..count).filter_map(move |i| examples.get(i * examples.len() / count.max(1)))
}

fn inputs(request: &GenerateRequest) -> Inputs {
    let mut inputs = Inputs::default();
    request.documents.inputs.iter().for_each(|path| {
        inputs.add("the documents", path);
    });
    request.suites.iter().for_each(|path| {
        inputs.add("a suite", path);
    });
    request.templates.iter().for_each(|path| {
        inputs.add("the templates", path);
    });
    inputs
}

fn system(request: &GenerateRequest) -> Result<Option<String>, Failure> {
    match request.system.as_deref() {
        Some(said) => match said.strip_prefix('@') {
            Some(path) => Ok(Some(read_text(FileAction::READING, Path::new(path), MAX_TEXT)?.trim_end().to_owned())),
            None => Ok(Some(said.to_owned())),
        },
        None => Ok(None),
    }
}

/// Conflicts that are warned of one by one.
const MOST_CONFLICTS: usize = 5;

fn read(context: &mut Context<'_>, request: &GenerateRequest) -> Result<Material, Failure> {
    let Reading { corpus, .. } = documents::read(context, &request.documents)?;
    let facts = corpus::facts(&corpus, &FactOptions { contacts: request.contacts });
    for conflict in facts.conflicts.iter().take(MOST_CONFLICTS) {
        context.report.warn(Warning::FactConflict {
            entity: conflict.entity.clone(),
            attribute: conflict.attribute.clone(),
            stated: conflict.stated.iter().map(|(source, value)| format!("{value} ({source})")).collect(),
        });
    }
    if let Some(conflicts) = facts.conflicts.len().checked_sub(MOST_CONFLICTS).filter(|more| *more > 0) {
        context.report.warn(Warning::FactConflictsMore { conflicts });
    }
    if facts.facts.is_empty() && request.writer.is_none() {
        let units = corpus.units.len();
        return Err(Failure::input(format!("the documents state no facts that rules can read ({units} passages were read)"))
            .hint("facts are read from fields of records, tables, lists, `key: value` lines and definitions; use --method llm-based for prose"));
    }
    let languages = languages(&corpus, request);
    let templates = match &request.templates {
        Some(path) => Templates::with_user(path, &read_text(FileAction::READING, path, MAX_TEXT)?)?,
        None => Templates::builtin()?,
    };
    for unused in templates.check(&facts.facts)? {
        let text = format!("{unused}: no fact of the documents has this attribute; the template is not used");
        context.report.warn(Warning::Documents { text });
    }
    Ok(Material { corpus, facts, languages, templates })
}

/// Of the questions: what was said, else what most units are written in.
fn languages(corpus: &Corpus, request: &GenerateRequest) -> Vec<Language> {
    if let Some(said) = &request.documents.languages {
        return said.clone();
    }
    let units = |language| corpus.units.iter().filter(|unit| unit.language == Some(language)).count();
    let known: usize = Language::ALL.into_iter().map(units).sum();
    let written = Language::ALL.into_iter().filter(|language| 5 * units(*language) >= known.max(1));
    let found: Vec<Language> = written.collect();
    if found.is_empty() { vec![Language::En] } else { found }
}

fn planned(context: &mut Context<'_>, material: &Material, request: &GenerateRequest) -> Result<Plan, Failure> {
    let variations = Variations::of(request)?;
    let items = items(material, request, variations);
    let items = worded(context, material, request, items)?;
    let asked = asked(&request.suites)?;
    let input = PlanInput { items: &items, facts: &material.facts.facts, units: &material.corpus.units, asked: &asked };
    let options = PlanOptions {
        count: request.count,
        wordings: request.wordings,
        seed: request.seed,
        unseen: request.unseen,
        split_by: request.split_by,
        parts: request.parts.map(|shares| shares.0),
        unanswerable: variations.refusals,
        ..PlanOptions::default()
    };
    let mut plan = generate::plan(input, &options)?;
    vary(&mut plan, material, &items, request.seed, variations);
    if request.task == Task::Correct {
        correct(&mut plan, material, request.seed)?;
    }
    plan.examples.iter_mut().for_each(|example| example.draft.method = request.method);
    Ok(plan)
}

/// The items with the wordings of the model, where one is asked.
fn worded(
    context: &mut Context<'_>,
    material: &Material,
    request: &GenerateRequest,
    items: Vec<Item>,
) -> Result<Vec<Item>, Failure> {
    let Some(writer) = &request.writer else { return Ok(items) };
    let count = match request.count {
        ExampleCount::Number(n) => n,
        ExampleCount::All => items.len(),
    };
    let to_word = ToWord {
        units: &material.corpus.units,
        items: &items,
        languages: &material.languages,
        seed: request.seed,
        count,
    };
    let drafts = writing::word(context, writer, &to_word, &journal(&request.output))?.drafts;
    Ok(writing::merged(items, &drafts))
}

/// `X.journal.jsonl` of `X.jsonl`: every call of the model with its answer, so that none is made twice.
fn journal(output: &Path) -> PathBuf {
    output.with_extension("journal.jsonl")
}

/// Wordings of an item beyond those that are taught: for validation and test, and in place of those that are refused.
const SPARE_WORDINGS: usize = 4;

fn items(material: &Material, request: &GenerateRequest, variations: Variations) -> Vec<Item> {
    let options = ItemOptions {
        languages: material.languages.clone(),
        seed: request.seed,
        answer_style: request.answer_style,
        max_wordings: request.wordings + SPARE_WORDINGS,
        ..ItemOptions::new(&material.templates)
    };
    let mut items = generate::items(&material.facts.facts, &options);
    if variations.refusals > 0.0 {
        let corpus = UnansweredCorpus {
            facts: &material.facts,
            units: &material.corpus.units,
            languages: &material.languages,
            seed: request.seed,
        };
        let wanted = match request.count {
            ExampleCount::Number(n) => n,
            ExampleCount::All => items.iter().map(|item| item.wordings.len().min(request.wordings)).sum(),
        };
        // Twice the share: some are refused as near to others, and each part takes its own.
        let wanted = (2.0 * variations.refusals * wanted as f64).ceil() as usize + 1;
        let questions = TemplateQuestions::new(&material.templates, &material.facts.facts);
        let drafts = generate::unanswerable(&corpus, wanted, &questions);
        items.extend(drafts.into_iter().filter_map(|draft| unanswerable_item(&draft, &material.facts)));
    }
    items
}

/// A question that can't be answered, as an item of one wording.
fn unanswerable_item(draft: &Draft, facts: &Facts) -> Option<Item> {
    let [question, answer] = draft.turns.as_slice() else { return None };
    let fact = draft.facts.first().and_then(|fact| facts.facts.get(*fact));
    Some(Item {
        id: draft.item,
        shape: draft.shape,
        facts: draft.facts.clone(),
        entity: fact.map(|fact| fact.entity.clone()).unwrap_or_default(),
        attribute: fact.map(|fact| fact.attribute.clone()).unwrap_or_default(),
        source: draft.source.clone(),
        language: draft.language,
        values: draft.expected.clone(),
        wordings: vec![Wording {
            family: draft.family,
            template: draft.template.clone(),
            question: question.content.clone(),
            answer: answer.content.clone(),
        }],
        low_information: false,
    })
}

/// The questions of suites, which are not generated.
fn asked(suites: &[PathBuf]) -> Result<Vec<AskedQuestion>, Failure> {
    let mut asked = Vec::new();
    for path in suites {
        for case in Suite::read(path)?.cases {
            let text = case.messages.last().map(|message| message.content.clone()).unwrap_or_default();
            asked.push(AskedQuestion { text, expected: case.expected().to_vec() });
        }
    }
    Ok(asked)
}

/// Further turns and noise, in training examples alone: what tests ask stays as it was planned.
fn vary(plan: &mut Plan, material: &Material, items: &[Item], seed: u64, variations: Variations) {
    let facts = &material.facts.facts;
    let names: Vec<&str> = facts.iter().map(|fact| fact.entity.as_str()).collect();
    let entities = EntityNames::new(names);
    let gender = |noun: &str| material.templates.gender(noun);
    let dialogues = DialogueContext { facts, entities: &entities, gender: &gender };
    let noise = NoiseContext { language: Language::En, entities: &entities, glossary: &[] };
    let taught: Vec<usize> = (0..plan.examples.len()).filter(|i| plan.examples[*i].part == Part::Train).collect();
    let mut drafts: Vec<Draft> = taught.iter().map(|i| plan.examples[*i].draft.clone()).collect();
    generate::add_dialogues(&mut drafts, variations.multi_turn, items, &dialogues, seed);
    generate::add_noise(&mut drafts, variations.noise, &noise, seed);
    for (i, draft) in taught.into_iter().zip(drafts) {
        plan.examples[i].draft = draft;
    }
}

/// Each example becomes the correction of its noised question; what noise can't change is left out.
fn correct(plan: &mut Plan, material: &Material, seed: u64) -> Result<(), Failure> {
    let facts = &material.facts.facts;
    let entities = EntityNames::new(facts.iter().map(|fact| fact.entity.as_str()));
    let noise = NoiseContext { language: Language::En, entities: &entities, glossary: &[] };
    let mut corrected = Vec::with_capacity(plan.examples.len());
    for example in &plan.examples {
        if let [draft] = generate::corrections(std::slice::from_ref(&example.draft), &noise, seed).as_slice() {
            corrected.push(Planned { draft: draft.clone(), ..example.clone() });
        }
    }
    if corrected.is_empty() {
        return Err(Failure::input("no question could be changed by typing and hearing mistakes"));
    }
    plan.examples = corrected;
    Ok(())
}

/// What the command was asked for, as the report keeps it.
fn settings(request: &GenerateRequest) -> Result<serde_json::Value, Failure> {
    let count = match request.count {
        ExampleCount::Number(n) => json!(n),
        ExampleCount::All => json!("all"),
    };
    Ok(json!({
        "inputs": request.documents.inputs,
        "method": request.method,
        "count": count,
        "wordings": request.wordings,
        "answer_style": request.answer_style,
        "task": request.task,
        "variations": Variations::of(request)?,
        "split": request.parts,
        "split_by": request.parts.map(|_| request.split_by),
        "unseen": request.unseen,
        "seed": request.seed,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_three_numbers() {
        assert_eq!("80/10/10".parse(), Ok(Shares([80, 10, 10])));
        for wrong in ["80/20", "a/b/c", "0/50/50", "80/10/10/0", "80/10/-10", "99999999/1/1"] {
            assert!(wrong.parse::<Shares>().is_err(), "{wrong}");
        }
    }
}
