//! `evaluate-rag` and `evaluate-finetuned`: a file of questions answered by one model, with or without retrieval; a result file.

mod relevance;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use self::relevance::labelled;
use super::daemon::{AskOptions, DaemonAnswerer};
use super::documents::is_inside;
use super::native::NativeAnswerer;
use super::query::{self, Answering, CONTEXT_TOKENS};
use super::rag::{OpenIndex, counter, prompt_budget};
use super::{Context, Failure};
use crate::eval::{
    self, AnswerCache, AnswerRecord, Answerer, ArmEvent, ArmRequest, AskedWith, Question, Questions, Reply,
    ResultExtras, ResultHeader, Retrieval, RetrievalRates, Served, TestQuestion,
};
pub use crate::eval::{AnswerArm, ResultFile, ResultTable, TableLanguage};
use crate::events::{Detail, Note, Outcome, Reporter, Stage, Unit};
use crate::ollama::{OllamaError, Options};
use crate::rag::{
    GoldSearch, Index, LabelledQuestion, PromptStyle, RagPrompt, Retrieved, Retrieving, Search, citations, mean_scores,
    retrieval_scores,
};
use crate::store::{Inputs, check_replaceable, create_folder};

/// Questions that are decoded together natively.
pub(super) const NATIVE_TOGETHER: usize = 8;

/// Passages before each question.
#[derive(Clone, Debug)]
pub struct RetrievalRequest {
    pub index: PathBuf,
    pub passages: usize,
    /// Give the passages that hold the answer instead of those that are found.
    pub oracle: bool,
}

#[derive(Clone, Debug)]
pub struct QuestionsRequest {
    pub questions: PathBuf,
    /// A model in the daemon, or the folder of an adapter.
    pub model: String,
    pub base_model: Option<String>,
    pub output: PathBuf,
    pub limit: Option<usize>,
    pub max_tokens: usize,
    pub parallel: Option<usize>,
    pub retrieval: Option<RetrievalRequest>,
    pub arm: AnswerArm,
}

/// Asks every question; writes the result file.
pub fn answer(context: &mut Context<'_>, request: &QuestionsRequest) -> Result<ResultFile, Failure> {
    let questions = read(context, request)?;
    let opened = request.retrieval.as_ref().map(|r| OpenIndex::open(context, &r.index)).transpose()?;
    let answering = query::open(context, &request.model, request.base_model.as_deref(), 0)?;
    let answerer = answerer(&answering, request)?;
    let served = served(&answering)?;
    let asked: Vec<Question> = questions.questions.iter().map(|q| question(request, q)).collect();
    let arm = Arm { context, request, questions: &questions, asked: &asked };
    let answered = match (&opened, &request.retrieval) {
        (Some(opened), Some(retrieval)) => {
            let budget = prompt_budget(&answering, request.max_tokens)?;
            let prompt = PromptRoom { budget, count: &*counter(&answering) };
            arm.with_passages(&*answerer, opened, retrieval, prompt)?
        }
        _ => arm.alone(&*answerer)?,
    };
    let header = ResultHeader {
        arm: request.arm,
        model: request.model.clone(),
        digest: answered.digest,
        index: opened.as_ref().map(|opened| opened.digest.clone()),
        questions_sha256: questions.questions_sha256.clone(),
        served: Some(served),
        asked: Some(asked_with(request)),
    };
    let extras = ResultExtras {
        commonest_answer: eval::commonest_answer(&questions.questions),
        retrieval: answered.retrieval,
        losses: None,
    };
    let results = ResultFile::new(header, answered.records, extras)?;
    results.write(&request.output)?;
    Ok(results)
}

/// The questions, up to the limit. Everything that the command writes to is tried before anything is asked.
fn read(context: &mut Context<'_>, request: &QuestionsRequest) -> Result<Questions, Failure> {
    let mut inputs = Inputs::default();
    inputs.add("the questions", &request.questions).refuse_overwrite(&request.output)?;
    if let Some(index) = request.retrieval.as_ref().map(|retrieval| &retrieval.index)
        && is_inside(&request.output, index)
    {
        let what = format!("--output {} lies in the index {}", request.output.display(), index.display());
        return Err(Failure::input(what).hint("write the results elsewhere"));
    }
    let mut questions = eval::read_questions(&request.questions)?;
    for (key, records) in &questions.ignored {
        context.report.note(Note::Dataset { text: format!("{key}: nothing reads this key ({records} questions)") });
    }
    if let Some(limit) = request.limit {
        questions.questions.truncate(limit);
    }
    if let Some(folder) = request.output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_folder(folder)?;
    }
    check_replaceable(&request.output)?;
    Ok(questions)
}

fn question(request: &QuestionsRequest, question: &TestQuestion) -> Question {
    Question {
        model: request.model.clone(),
        messages: question.messages.clone(),
        seed: 0,
        max_tokens: Some(request.max_tokens as u64),
        plain: false,
        tools: Vec::new(),
    }
}

fn answerer<'a>(answering: &'a Answering, request: &QuestionsRequest) -> Result<Box<dyn Answerer + 'a>, Failure> {
    Ok(match answering {
        Answering::Native(native) => {
            let together = request.parallel.unwrap_or(NATIVE_TOGETHER);
            Box::new(NativeAnswerer::new(native, request.max_tokens, together))
        }
        Answering::Daemon { client, .. } => {
            let options = Options::greedy(query::num_predict(request.max_tokens), CONTEXT_TOKENS as u64);
            let asked = AskOptions { template: None, options, seed: Some(0), think: None, format: None };
            Box::new(DaemonAnswerer::new(client, asked, Some(request.parallel.unwrap_or(1)))?)
        }
    })
}

fn served(answering: &Answering) -> Result<Served, Failure> {
    Ok(match answering {
        Answering::Native(native) => Served {
            daemon: format!("native {}", env!("CARGO_PKG_VERSION")),
            architecture: Some(native.architecture()),
            quantisation: None,
            num_ctx: None,
        },
        Answering::Daemon { client, model } => {
            let show = client.show(model)?.ok_or_else(|| OllamaError::NoModel(model.clone()))?;
            Served {
                daemon: client.capabilities()?.version.text,
                architecture: show.architecture(),
                quantisation: Some(show.quantization).filter(|name| !name.is_empty()),
                num_ctx: Some(CONTEXT_TOKENS as u64),
            }
        }
    })
}

fn asked_with(request: &QuestionsRequest) -> AskedWith {
    let found = request.retrieval.as_ref().filter(|retrieval| !retrieval.oracle);
    AskedWith {
        max_tokens: request.max_tokens as u64,
        // Every arm is asked greedily, natively and by the daemon.
        temperature: 0.0,
        passages: found.map(|retrieval| retrieval.passages as u64),
    }
}

/// What one arm gave.
struct Answered {
    digest: String,
    records: Vec<AnswerRecord>,
    retrieval: Option<RetrievalRates>,
}

/// What fits before a question.
#[derive(Clone, Copy)]
struct PromptRoom<'a> {
    /// Tokens of extracts and question.
    budget: usize,
    count: &'a dyn Fn(&str) -> usize,
}

/// One arm, ready to be asked.
struct Arm<'a, 'r> {
    context: &'a mut Context<'r>,
    request: &'a QuestionsRequest,
    questions: &'a Questions,
    asked: &'a [Question],
}

impl Arm<'_, '_> {
    fn alone(self, answerer: &dyn Answerer) -> Result<Answered, Failure> {
        let questions = &self.questions.questions;
        let (digest, replies) = self.replies(answerer)?;
        let records = questions.iter().zip(&replies).map(|(question, reply)| AnswerRecord::new(question, reply, None));
        Ok(Answered { digest, records: records.collect(), retrieval: None })
    }

    fn with_passages(
        self,
        answerer: &dyn Answerer,
        opened: &OpenIndex,
        retrieval: &RetrievalRequest,
        room: PromptRoom<'_>,
    ) -> Result<Answered, Failure> {
        let questions = &self.questions.questions;
        let index = &opened.index;
        let labelled = labelled(index, questions);
        let mut embedder = opened.embedder().filter(|_| !retrieval.oracle);
        let (mut gold, mut found);
        let search: &mut dyn Search = if retrieval.oracle {
            gold = GoldSearch::new(index, &labelled);
            &mut gold
        } else {
            found = opened.retriever(embedder.as_mut())?;
            &mut found
        };
        let style = PromptStyle { k: retrieval.passages, ..PromptStyle::new(opened.language()) };
        let PromptRoom { budget, count } = room;
        let retrieving = Retrieving::new(answerer, search, RagPrompt { style, budget, count });
        let (digest, replies) = self.replies(&retrieving)?;
        let retrieved: Vec<Option<Retrieved>> = questions.iter().map(|q| retrieving.retrieved(&q.messages)).collect();
        let records = questions.iter().zip(&replies).zip(&retrieved).map(|((question, reply), retrieved)| {
            let Some(retrieved) = retrieved else { return AnswerRecord::new(question, reply, None) };
            let shown = shown(index, retrieved);
            AnswerRecord::new(question, reply, Some(&given(question, reply, Given { retrieved, shown: &shown })))
        });
        Ok(Answered { digest, records: records.collect(), retrieval: rates(index, &labelled, &retrieved) })
    }

    /// The digest of the model, and a reply to each question.
    fn replies(self, answerer: &dyn Answerer) -> Result<(String, Vec<Reply>), Failure> {
        let mut cache = AnswerCache::beside(&self.request.output)?;
        let request = ArmRequest {
            model: &self.request.model,
            questions: self.asked,
            interrupt: &self.context.interrupt,
            answered_before: 0,
        };
        let mut replies = Vec::with_capacity(self.asked.len());
        let (report, questions) = (&mut self.context.report, &self.questions.questions);
        let answers = eval::ask_arm(&request, answerer, &mut cache, &mut |event| {
            show(report, questions, &event);
            if let ArmEvent::Answered { reply, .. } = event {
                replies.push(reply.clone());
            }
        })?;
        self.context.report.end(Outcome::Answered { model: self.request.model.clone() });
        Ok((answers.digest, replies))
    }
}

fn show(report: &mut Reporter<'_>, questions: &[TestQuestion], event: &ArmEvent<'_>) {
    match event {
        ArmEvent::Started { kept } => {
            report.begin(Stage::Ask, Unit::Prompts, Some(questions.len() as u64));
            report.advance(*kept as u64, None);
        }
        ArmEvent::Answered { index, .. } => {
            let item = questions.get(*index).map(|question| Detail::Item(question.id.clone()));
            report.advance(*index as u64 + 1, item);
        }
    }
}

/// The extracts of a prompt with their headings, as the model reads them, by their places among the chunks.
fn shown(index: &Index, retrieved: &Retrieved) -> BTreeMap<usize, String> {
    let chunk = |&at: &usize| Some((at, index.chunks().get(at)?.indexed()));
    retrieved.used.iter().filter_map(chunk).collect()
}

/// What was retrieved for a question, and what of it the model was shown.
#[derive(Clone, Copy)]
struct Given<'a> {
    retrieved: &'a Retrieved,
    shown: &'a BTreeMap<usize, String>,
}

/// What was given with a question, as its record has it.
fn given<'a>(question: &TestQuestion, reply: &Reply, given: Given<'a>) -> Retrieval<'a> {
    let Given { retrieved, shown } = given;
    let text = |chunk: &usize| shown.get(chunk).map(String::as_str);
    let texts: Vec<&str> = retrieved.used.iter().rev().filter_map(text).collect();
    let cited = citations(reply.text(), &retrieved.used);
    let supports = |chunk: &usize| text(chunk).is_some_and(|text| eval::texts_answer(question, &[text]) == Some(true));
    let right = cited.cited.iter().filter(|chunk| supports(chunk)).count();
    Retrieval {
        ids: retrieved.found.iter().map(ToString::to_string).collect(),
        scores: retrieved.scores.iter().map(|score| f64::from(*score)).collect(),
        texts,
        hit: None,
        seconds: retrieved.seconds,
        left_out: retrieved.left_out,
        citations: Some(eval::Citations { cited: (cited.cited.len() + cited.wrong.len()) as u64, right: right as u64 }),
    }
}

/// Over the questions whose answer stands in a chunk.
fn rates(index: &Index, labelled: &[LabelledQuestion], retrieved: &[Option<Retrieved>]) -> Option<RetrievalRates> {
    let scores = labelled.iter().zip(retrieved).filter_map(|(question, retrieved)| {
        let relevant: BTreeSet<_> =
            question.relevant.iter().filter_map(|at| Some(index.chunks().get(*at)?.id)).collect();
        retrieval_scores(&retrieved.as_ref()?.found, &relevant)
    });
    let mean = mean_scores(scores)?;
    let seconds: Vec<f64> = retrieved.iter().flatten().map(|retrieved| retrieved.seconds).collect();
    Some(RetrievalRates {
        hit_at_1: mean.hit_1,
        hit_at_4: mean.hit_4,
        mrr_at_10: mean.mrr_10,
        ndcg_at_10: mean.ndcg_10,
        seconds: seconds.iter().sum::<f64>() / seconds.len().max(1) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{self, Language, ReadOptions, estimated_tokens};
    use crate::eval::Answered;
    use crate::rag::{ChunkOptions, IndexPlan, Retriever};

    type Cause = Box<dyn std::error::Error + Send + Sync>;

    /// Gives one answer to everything.
    struct Says(&'static str);

    impl Answerer for Says {
        fn warm_up(&self, _: &str) -> Result<(), Cause> {
            Ok(())
        }
        fn ask(&self, _: &Question) -> Result<Reply, Cause> {
            Ok(Reply::Answer(Answered { text: self.0.to_owned(), done: true, ..Answered::default() }))
        }
        fn served_system(&self, _: &str) -> Result<Option<String>, Cause> {
            Ok(None)
        }
        fn digest(&self, _: &str) -> Result<String, Cause> {
            Ok(String::new())
        }
        fn request(&self, _: &Question) -> Result<String, Cause> {
            Ok(String::new())
        }
    }

    /// The name of an application stands in the heading of its passage alone.
    #[test]
    fn a_heading_supports_an_answer_as_its_text_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("apps.md");
        std::fs::write(&path, "# GIDAF\n\nHosted by OVH.\n\n# Trani\n\nHosted by Datavelle.\n").unwrap();
        let corpus = corpus::read(&[path], &ReadOptions::default()).unwrap().corpus;
        let excluded = BTreeSet::new();
        let plan = IndexPlan {
            corpus: &corpus,
            chunker: ChunkOptions::default(),
            excluded: &excluded,
            size: &estimated_tokens,
        };
        let index = Index::build(&plan, None).unwrap();
        let question = TestQuestion::for_test("Which application is hosted by OVH?", &["GIDAF"]);
        let messages = &question.messages;
        let record = |answer: &'static str| {
            let (says, mut search) = (Says(answer), Retriever::lexical(&index));
            let prompt = RagPrompt { style: PromptStyle::new(Language::En), budget: 1000, count: &estimated_tokens };
            let retrieving = Retrieving::new(&says, &mut search, prompt);
            let asked = Question {
                model: "m".into(),
                messages: messages.clone(),
                seed: 0,
                max_tokens: None,
                plain: false,
                tools: Vec::new(),
            };
            let reply = retrieving.ask(&asked).unwrap();
            let retrieved = retrieving.retrieved(messages).unwrap();
            assert_eq!(retrieved.used, [1, 0], "the best one is the last");
            let shown = shown(&index, &retrieved);
            AnswerRecord::new(
                &question,
                &reply,
                Some(&given(&question, &reply, Given { retrieved: &retrieved, shown: &shown })),
            )
        };
        let right = record("It is GIDAF [2].");
        assert_eq!(right.citations, Some(eval::Citations { cited: 1, right: 1 }));
        assert_eq!((right.hit, right.grounded), (Some(true), Some(true)));
        assert_eq!(record("It is GIDAF [1].").citations, Some(eval::Citations { cited: 1, right: 0 }));
    }
}
