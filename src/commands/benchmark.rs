//! `eval --suite jarvis`: a base and its adapter answer the same prompts; scores, a summary and charts, and no verdict.

mod contestants;
mod found;

use std::path::{Path, PathBuf};

use super::daemon::DaemonEmbedder;
use super::native::{HiddenStates, NativeModel};
use super::questions::kept_answers;
use super::{Context, Failure, Kind};
use crate::eval::{
    self, AnswerCache, Answerer, ArmEvent, ArmRequest, Benchmark, BenchmarkAnswers, BenchmarkArm, BenchmarkMetadata,
    BenchmarkResult, Case, CosineBy, Embedder, EvalError, HowAsked, JARVIS, Question, Suite,
};
use crate::events::{Detail, Note, Outcome, Reporter, Stage, Unit};
use crate::model::Sampling;
use crate::ollama::{Client, OllamaError};
use crate::roles::Role;
use crate::store::{check_replaceable, check_writable, create_folder, write_whole};
use contestants::{Contestants, Who};

const RESULTS: &str = "benchmark_results.json";
const SUMMARY: &str = "benchmark_results_summary.txt";
const CHARTS: &str = "benchmark_results_charts.html";

const MAX_TOKENS: usize = 128;
const TEMPERATURE: f64 = 0.7;
const TOP_P: f64 = 0.9;
/// Where none is said.
const SEED: u64 = 42;

#[derive(Clone, Debug)]
pub struct BenchmarkRequest {
    /// The folder of an adapter, or a model in the daemon; None: the latest adapter below `output/`.
    pub model: Option<String>,
    /// The base; None: the one that the adapter names, the role's, or the config's.
    pub against: Option<String>,
    pub role: Option<String>,
    /// The embedding model; None: the role's.
    pub embed: Option<String>,
    pub limit: Option<usize>,
    pub output: PathBuf,
    pub num_thread: Option<u64>,
}

/// What was written.
#[derive(Debug)]
pub struct BenchmarkReport {
    pub benchmark: Benchmark,
    pub summary: String,
    pub files: Vec<PathBuf>,
}

/// Whether the command line's suites are the benchmark, which has no verdict and so stands alone.
pub fn is_asked(suites: &[String]) -> Result<bool, Failure> {
    match suites {
        [one] => Ok(one == JARVIS),
        many if many.iter().any(|one| one == JARVIS) => {
            Err(Failure::new(Kind::Usage, "jarvis is a benchmark without a verdict: give it without other suites"))
        }
        _ => Ok(false),
    }
}

pub fn run(context: &mut Context<'_>, request: &BenchmarkRequest) -> Result<BenchmarkReport, Failure> {
    let suite = Suite::builtin(JARVIS).ok_or_else(|| Failure::input(format!("{JARVIS} is not in the program")))??;
    let all_prompts = suite.cases.len();
    let suite = suite.limited(request.limit.unwrap_or(all_prompts));
    check_output(&request.output)?;
    let role = role(context, request)?;
    let contestants = Contestants::open(context, request, role.as_ref())?;
    let sampling = Sampling {
        temperature: TEMPERATURE,
        top_p: Some(TOP_P),
        max_tokens: MAX_TOKENS,
        seed: context.seed.unwrap_or(SEED),
    };
    let vectors = Vectors::find(context, request, role.as_ref(), &contestants)?;
    create_folder(&request.output)?;
    let asking = Asking { cases: &suite.cases, output: &request.output, seed: sampling.seed };
    let answers = {
        let mut answerers = contestants.answerers(&sampling, context.parallel, request.num_thread)?;
        let embedder = vectors.embedder(&contestants);
        asking.both(context, &mut answerers, embedder)?
    };
    let metadata = BenchmarkMetadata {
        base_model: contestants.base_name(),
        lora_adapter: contestants.adapter().map(|path| path.display().to_string()),
        device: contestants.device()?,
        timestamp: jiff::Timestamp::now().to_string(),
    };
    let how = HowAsked {
        finetuned: contestants.finetuned(),
        temperature: TEMPERATURE,
        top_p: TOP_P,
        max_tokens: MAX_TOKENS,
        seed: sampling.seed,
        cosine_by: vectors.named(&contestants),
        all_prompts,
    };
    let results = suite.cases.iter().zip(answers).map(|(case, answers)| BenchmarkResult::new(case, answers));
    write(&request.output, Benchmark::new(metadata, results.collect()), &how)
}

fn write(folder: &Path, benchmark: Benchmark, how: &HowAsked) -> Result<BenchmarkReport, Failure> {
    let summary = eval::benchmark_summary(&benchmark, how);
    let charts = eval::benchmark_charts(&benchmark, how);
    let mut files = Vec::new();
    for (name, text) in [(RESULTS, &benchmark.to_json()), (SUMMARY, &summary), (CHARTS, &charts)] {
        let path = folder.join(name);
        write_whole(&path, text.as_bytes())?;
        files.push(path);
    }
    Ok(BenchmarkReport { benchmark, summary, files })
}

/// The files, tried before anything is asked.
fn check_output(folder: &Path) -> Result<(), Failure> {
    let hint = "nothing was asked yet: make it writable, or name another place";
    let tried = check_writable(folder)
        .and_then(|()| [RESULTS, SUMMARY, CHARTS].iter().try_for_each(|name| check_replaceable(&folder.join(name))));
    tried.map_err(|e| Failure::from(e).hint(hint))
}

fn role(context: &mut Context<'_>, request: &BenchmarkRequest) -> Result<Option<Role>, Failure> {
    let Some(name) = &request.role else { return Ok(None) };
    let roles = context.roles()?;
    context.warn_of_roles(roles.as_ref());
    let roles = roles
        .ok_or_else(|| Failure::input(format!("--role {name}: {} is not there", context.models_yaml.display())))?;
    Ok(Some(roles.role(name)?.clone()))
}

/// What turns answers into vectors.
enum Vectors {
    Daemon {
        client: Box<Client>,
        model: String,
    },
    /// The base that answers.
    Own,
    /// The base, opened for its vectors alone: the daemon answers.
    Opened(Box<NativeModel>),
    Nothing(String),
}

impl Vectors {
    /// Only where there are two answers to compare; says what it found.
    fn find(
        context: &mut Context<'_>,
        request: &BenchmarkRequest,
        role: Option<&Role>,
        contestants: &Contestants,
    ) -> Result<Self, Failure> {
        if contestants.finetuned().is_none() {
            return Ok(Self::Nothing("there is one answer to each prompt".to_owned()));
        }
        let of_role = role.and_then(|role| role.embedding.clone());
        let found = if let Some(model) = &request.embed {
            let client = context.client()?;
            client.capabilities()?;
            client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.clone()))?;
            Self::Daemon { client: Box::new(client), model: model.clone() }
        } else if let Some((client, model)) = of_role.and_then(|model| served(context, model)) {
            Self::Daemon { client, model }
        } else if contestants.native().is_some() {
            Self::Own
        } else {
            match NativeModel::alone(context, &contestants.base_name(), 0) {
                Ok(model) => Self::Opened(Box::new(model)),
                Err(e) => Self::Nothing(format!(
                    "no embedding model is named (--embed MODEL), and the base can't be read here: {e}"
                )),
            }
        };
        context.report.note(match found.named(contestants) {
            CosineBy::Embedder(model) => Note::CosineBy { model, hidden_state: false },
            CosineBy::HiddenState(model) => Note::CosineBy { model, hidden_state: true },
            CosineBy::Nothing(reason) => Note::NoCosine { reason },
        });
        Ok(found)
    }

    fn named(&self, contestants: &Contestants) -> CosineBy {
        match self {
            Self::Daemon { model, .. } => CosineBy::Embedder(model.clone()),
            Self::Own => CosineBy::HiddenState(contestants.base_name()),
            Self::Opened(model) => CosineBy::HiddenState(model.base_name()),
            Self::Nothing(why) => CosineBy::Nothing(why.clone()),
        }
    }

    fn embedder<'a>(&'a self, contestants: &'a Contestants) -> Option<Box<dyn Embedder + 'a>> {
        match self {
            Self::Daemon { client, model } => Some(Box::new(DaemonEmbedder::new(client, model))),
            Self::Own => contestants.native().map(|model| Box::new(HiddenStates(model)) as Box<dyn Embedder>),
            Self::Opened(model) => Some(Box::new(HiddenStates(model))),
            Self::Nothing(_) => None,
        }
    }
}

/// A role's embedding model, where the daemon has it; without it the comparison is made by other means.
fn served(context: &Context<'_>, model: String) -> Option<(Box<Client>, String)> {
    let client = context.client().ok()?;
    let is_there = client.tag(&model).is_ok_and(|tag| tag.is_some());
    is_there.then(|| (Box::new(client), model))
}

/// Who answers for a model, and under which name.
struct ArmAnswerer<'a> {
    who: Who,
    model: String,
    answerer: Box<dyn Answerer + 'a>,
}

/// The prompts, and what is the same for both models.
struct Asking<'a> {
    cases: &'a [Case],
    output: &'a Path,
    seed: u64,
}

impl Asking<'_> {
    /// The base, then the fine-tuned model if there is one; a line for each answer.
    fn both(
        &self,
        context: &mut Context<'_>,
        answerers: &mut [ArmAnswerer<'_>],
        mut embedder: Option<Box<dyn Embedder + '_>>,
    ) -> Result<Vec<BenchmarkAnswers>, Failure> {
        let mut answers: Vec<BenchmarkAnswers> = vec![BenchmarkAnswers::default(); self.cases.len()];
        let mut cache = AnswerCache::open(&kept_answers(&self.output.join(RESULTS)))?;
        let mut before = 0;
        for arm in answerers {
            // What the embedder can't do does not take the answers away, which are kept.
            let mut fault: Option<EvalError> = None;
            before = self.one(context, arm, ArmState { cache: &mut cache, before }, &mut |report, index, answer| {
                let (Some(case), Some(both)) = (self.cases.get(index), answers.get_mut(index)) else { return };
                let mut scored = self.scored(index, case, &answer);
                if let Who::Finetuned = arm.who {
                    if let Some(embedder) = embedder.as_deref_mut().filter(|_| fault.is_none()) {
                        match cosine(embedder, &both.base, &answer) {
                            Ok(cosine) => both.cosine = cosine,
                            Err(e) => fault = Some(e),
                        }
                    }
                    scored = Scored { finetuned: true, cosine: both.cosine, ..scored };
                    both.finetuned = Some(answer);
                } else {
                    both.base = answer;
                }
                report.note(scored.note());
            })?;
            if let Some(fault) = fault {
                return Err(fault.into());
            }
        }
        Ok(answers)
    }

    /// The number of answers that are kept now.
    fn one(
        &self,
        context: &mut Context<'_>,
        arm: &ArmAnswerer<'_>,
        state: ArmState<'_>,
        on: &mut dyn FnMut(&mut Reporter<'_>, usize, BenchmarkArm),
    ) -> Result<usize, Failure> {
        let question = |case: &Case| Question {
            model: arm.model.clone(),
            messages: case.messages.clone(),
            seed: self.seed,
            max_tokens: Some(MAX_TOKENS as u64),
            plain: false,
        };
        let questions: Vec<Question> = self.cases.iter().map(question).collect();
        let request = ArmRequest {
            model: &arm.model,
            questions: &questions,
            interrupt: &context.interrupt,
            answered_before: state.before,
        };
        let stage = if let Who::Base = arm.who { Stage::AskV1 } else { Stage::AskV2 };
        let report = &mut context.report;
        let answered = eval::ask_arm(&request, &*arm.answerer, state.cache, &mut |event| match event {
            ArmEvent::Started { kept } => {
                report.begin(stage, Unit::Prompts, Some(self.cases.len() as u64));
                report.advance(kept as u64, None);
            }
            ArmEvent::Answered { index, reply, .. } => {
                let Some(case) = self.cases.get(index) else { return };
                report.advance(index as u64 + 1, Some(Detail::Item(case.id.clone())));
                on(report, index, BenchmarkArm::new(case, reply));
            }
        })?;
        report.end(Outcome::Answered { model: arm.model.clone() });
        Ok(answered.answered)
    }

    fn scored(&self, index: usize, case: &Case, answer: &BenchmarkArm) -> Scored {
        Scored {
            prompt: case.id.clone(),
            number: index + 1,
            of: self.cases.len(),
            finetuned: false,
            found: answer.keywords.map(|keywords| keywords.found),
            keywords: answer.keywords.map_or(0, |keywords| keywords.total),
            relevance: answer.relevance,
            cosine: None,
        }
    }
}

/// What the arms hand on to each other.
struct ArmState<'a> {
    cache: &'a mut AnswerCache,
    /// Answers of the arm before.
    before: usize,
}

/// A line of the console.
struct Scored {
    prompt: String,
    number: usize,
    of: usize,
    finetuned: bool,
    found: Option<usize>,
    keywords: usize,
    relevance: Option<f64>,
    cosine: Option<f64>,
}

impl Scored {
    fn note(self) -> Note {
        let Self { prompt, number, of, finetuned, found, keywords, relevance, cosine } = self;
        Note::AnswerScored { prompt, number, of, finetuned, keywords_found: found, keywords, relevance, cosine }
    }
}

/// Of both answers; None where one of them says nothing.
fn cosine(
    embedder: &mut dyn Embedder,
    base: &BenchmarkArm,
    finetuned: &BenchmarkArm,
) -> Result<Option<f64>, EvalError> {
    let (base, finetuned) = (base.spoken(), finetuned.spoken());
    let vectors = eval::embed(embedder, &[&base, &finetuned])?;
    Ok(match vectors.as_slice() {
        [Some(base), Some(finetuned)] => Some(eval::cosine(base, finetuned)),
        _ => None,
    })
}
