//! The commands on documents: their arguments to requests, their results to words.

use std::path::Path;

use super::args::{Documents, EvaluateFinetuned, EvaluateRag, Generate, Questions, RagAsk, RagIndex, Retrieval};
use super::output::result;
use super::terminal;
use crate::commands::documents::{DocumentsRequest, languages};
use crate::commands::generating::{self, DryRun, GenerateRequest, Generated, Method};
use crate::commands::questions::{
    self, AnswerArm, QuestionsRequest, ResultFile, ResultTable, RetrievalRequest, TableLanguage,
};
use crate::commands::rag::{self, AskRequest, EmbedRequest, IndexReport, IndexRequest, RagAnswer, ShownExtract};
use crate::commands::writing::{Estimate, ModelUse, WriterRequest};
use crate::commands::{Context, Failure, Kind};

fn documents(args: &Documents) -> Result<DocumentsRequest, Failure> {
    let languages = languages(&args.lang).map_err(|what| Failure::new(Kind::Usage, format!("--lang: {what}")))?;
    let map = args.map.clone().unwrap_or_default();
    Ok(DocumentsRequest { inputs: args.inputs.clone(), map, fix_encoding: args.fix_encoding, languages })
}

pub(super) fn generate(context: &mut Context<'_>, args: &Generate, json: bool) -> Result<(), Failure> {
    let writer = writer(args)?;
    let request = GenerateRequest {
        writer,
        documents: documents(&args.documents)?,
        output: args.output.clone(),
        method: args.method,
        count: args.count,
        wordings: usize::from(args.wordings),
        answer_style: args.answer_style,
        task: args.task,
        system: args.system.clone(),
        templates: args.templates.clone(),
        refusals: args.refusals,
        noise: args.noise,
        multi_turn: args.multi_turn,
        open_book: args.open_book,
        contacts: args.contacts,
        suites: args.suite.clone(),
        parts: args.split,
        split_by: args.split_by,
        unseen: args.unseen,
        seed: context.seed.unwrap_or(42),
    };
    match args.dry_run {
        Some(examples) => would_generate(&generating::dry_run(context, &request, examples)?, json),
        None => generated(&generating::run(context, &request)?, json),
    }
    Ok(())
}

/// The model that words questions, where the method has one.
pub(super) fn writer(args: &Generate) -> Result<Option<WriterRequest>, Failure> {
    match (&args.model, args.method) {
        (None, Method::LlmBased) => {
            Err(Failure::new(Kind::Usage, "--method llm-based needs the model that words the questions: --model NAME"))
        }
        (Some(_), Method::RuleBased) => Err(Failure::new(
            Kind::Usage,
            "--model has no effect with --method rule-based: leave it out, or give another method",
        )),
        (None, _) if args.parallel.is_some() => Err(Failure::new(
            Kind::Usage,
            "--parallel has no effect without --model: rules ask nobody; leave it out, or name a model",
        )),
        (None, _) => Ok(None),
        (Some(model), _) => Ok(Some(WriterRequest {
            model: model.clone(),
            judge: args.judge.clone(),
            force: args.force,
            strict: args.strict,
            parallel: args.parallel.map_or(1, usize::from),
            also_ask: args.also_ask.clone(),
        })),
    }
}

fn generated(made: &Generated, json: bool) {
    result(json, made, || {
        let parts = made.report.parts.iter().map(|(part, examples)| format!("{part} {examples}"));
        let mut lines = vec![made.report.summary.clone(), parts.collect::<Vec<_>>().join(", ")];
        lines.extend(made.model.as_ref().map(|model| {
            let ModelUse { model, calls, tried, accepted, used, seconds, .. } = model;
            format!(
                "{model}: {accepted} wordings from {tried} places passed the checks, {used} examples have one; {calls} calls in {seconds:.0} s"
            )
        }));
        lines.extend(made.files.iter().map(|path| format!("wrote {}", path.display())));
        let removed = made.removed.iter();
        lines.extend(removed.map(|path| format!("removed {}, which an earlier run wrote", path.display())));
        lines.join("\n")
    });
}

fn would_generate(dry: &DryRun, json: bool) {
    result(json, dry, || {
        let mut lines = vec![
            format!("{} passages state {} facts; {} conflicts", dry.units, dry.facts, dry.conflicts),
            dry.coverage.clone(),
            dry.parts.iter().map(|(part, examples)| format!("{part} {examples}")).collect::<Vec<_>>().join(", "),
        ];
        lines.extend(dry.model.map(|estimate| {
            let Estimate { seconds, tokens, rejects } = estimate;
            let minutes = (seconds / 60.0).ceil();
            format!("the model's wordings would take about {minutes:.0} min and {tokens:.0} tokens; {rejects:.0} would be rejected")
        }));
        for example in &dry.examples {
            lines.push(format!("\n{} {}", example.part, example.category));
            let marks = ["> ", "  "].into_iter().cycle();
            lines.extend(example.turns.iter().zip(marks).map(|(turn, mark)| format!("{mark}{turn}")));
        }
        lines.join("\n")
    });
}

pub(super) fn index(context: &mut Context<'_>, args: &RagIndex, json: bool) -> Result<(), Failure> {
    let embed = (args.embed != "off").then(|| EmbedRequest {
        model: args.embed.clone(),
        query_prefix: args.query_prefix.clone(),
        document_prefix: args.doc_prefix.clone(),
    });
    let request = IndexRequest {
        documents: documents(&args.documents)?,
        output: args.output.clone(),
        embed,
        without: args.without.clone(),
    };
    indexed(&rag::index(context, &request)?, json);
    Ok(())
}

fn indexed(report: &IndexReport, json: bool) {
    result(json, report, || {
        let IndexReport { index, documents, units, chunks, terms, embedder, embedded, kept, excluded } = report;
        let mut lines = vec![format!(
            "{}: {chunks} chunks of {units} passages in {documents} documents, {terms} words and trigrams",
            index.display()
        )];
        lines.extend(embedder.as_ref().map(|m| format!("vectors by {m}: {embedded} made, {kept} kept")));
        if !excluded.is_empty() {
            lines.push(format!("{} sources are left out", excluded.len()));
        }
        lines.join("\n")
    });
}

pub(super) fn ask(context: &mut Context<'_>, args: &RagAsk, json: bool) -> Result<(), Failure> {
    let request = AskRequest {
        question: args.question.clone(),
        index: args.retrieval.index.clone(),
        passages: usize::from(args.retrieval.passages),
        model: args.model.clone(),
        base_model: args.base_model.clone(),
        max_tokens: args.max_tokens,
    };
    let answer = rag::ask(context, &request, &mut |piece| {
        if !json {
            terminal::print_piece(piece);
        }
    })?;
    answered(&answer, json);
    Ok(())
}

/// The extracts that were given, below the answer, which was printed as it came.
fn answered(answer: &RagAnswer, json: bool) {
    result(json, answer, || {
        let mut lines = vec![String::new()];
        if !answer.extracts.is_empty() {
            lines.push("extracts, the best last; * is cited:".to_owned());
        }
        for extract in &answer.extracts {
            let ShownExtract { number, document, start, end, heading, score, cited, .. } = extract;
            let mark = if *cited { "*" } else { " " };
            lines.push(format!("{mark}[{number}] {score:.2} {document} {start}..{end} {heading}"));
        }
        if !answer.wrong_citations.is_empty() {
            let wrong: Vec<String> = answer.wrong_citations.iter().map(|n| format!("[{n}]")).collect();
            lines.push(format!("cited and not given: {}", wrong.join(", ")));
        }
        lines.join("\n")
    });
}

fn request(args: &Questions, retrieval: Option<RetrievalRequest>, arm: AnswerArm) -> QuestionsRequest {
    QuestionsRequest {
        questions: args.questions.clone(),
        model: args.model.clone(),
        base_model: args.base_model.clone(),
        output: args.output.clone(),
        limit: args.limit,
        max_tokens: args.max_tokens,
        parallel: args.parallel.map(usize::from),
        retrieval,
        arm,
    }
}

pub(super) fn evaluate_rag(context: &mut Context<'_>, args: &EvaluateRag, json: bool) -> Result<(), Failure> {
    let Retrieval { index, passages } = args.retrieval.clone();
    let retrieval = RetrievalRequest { index, passages: usize::from(passages), oracle: args.oracle };
    let arm = if args.oracle { AnswerArm::Oracle } else { AnswerArm::Rag };
    let results = questions::answer(context, &request(&args.questions, Some(retrieval), arm))?;
    evaluated(&results, &args.questions.output, json);
    Ok(())
}

pub(super) fn evaluate_finetuned(
    context: &mut Context<'_>,
    args: &EvaluateFinetuned,
    json: bool,
) -> Result<(), Failure> {
    let passages = usize::from(args.passages);
    let retrieval = args.index.clone().map(|index| RetrievalRequest { index, passages, oracle: false });
    let arm = match (&retrieval, args.base) {
        (Some(_), _) => AnswerArm::Hybrid,
        (None, true) => AnswerArm::Base,
        (None, false) => AnswerArm::Finetuned,
    };
    let results = questions::answer(context, &request(&args.questions, retrieval, arm))?;
    evaluated(&results, &args.questions.output, json);
    Ok(())
}

fn evaluated(results: &ResultFile, path: &Path, json: bool) {
    result(json, results, || {
        let table = ResultTable { results: std::slice::from_ref(results), language: TableLanguage::English };
        format!("{table}\nwrote {}", path.display())
    });
}
