//! `rag index` and `rag ask`: documents to an index, and a question answered with what it finds.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::daemon::DaemonEmbedder;
use super::documents::{self, DocumentsRequest};
use super::query::{self, Answering, QueryRequest};
use super::{Context, Failure};
use crate::corpus::{self, Language, Map, estimated_tokens};
use crate::eval::{AnswerCache, KeptEmbedder};
use crate::events::{Note, Outcome, Stage, Unit, Warning};
use crate::generate;
use crate::ollama::{Client, OllamaError};
use crate::rag::{
    Assembled, ChunkOptions, Citations, EmbedderIdentity, Embedding, Index, IndexPlan, MANIFEST, Origin, Prefixes,
    Progress, PromptStyle, RagError, Retriever, Search, SourceRoot, check_replaceable, citations, prefixes_of,
};
use crate::store::{Digest, Inputs};

/// The model that embeds.
#[derive(Clone, Debug)]
pub struct EmbedRequest {
    pub model: String,
    /// None: those of the model's family.
    pub query_prefix: Option<String>,
    pub document_prefix: Option<String>,
}

/// What is indexed, and where to.
#[derive(Clone, Debug)]
pub struct IndexRequest {
    pub documents: DocumentsRequest,
    pub output: PathBuf,
    /// None: words and trigrams alone.
    pub embed: Option<EmbedRequest>,
    /// A file of examples whose sources stay out of the index.
    pub without: Option<PathBuf>,
}

/// What `rag index` made.
#[derive(Clone, Debug, Serialize)]
pub struct IndexReport {
    pub index: PathBuf,
    pub documents: usize,
    pub units: usize,
    pub chunks: usize,
    /// Different words and trigrams.
    pub terms: usize,
    /// The embedding model; None: there are no vectors.
    pub embedder: Option<String>,
    /// Chunks that were embedded now, and those whose vectors were kept.
    pub embedded: usize,
    pub kept: usize,
    /// Sources that were left out.
    pub excluded: Vec<String>,
}

pub fn index(context: &mut Context<'_>, request: &IndexRequest) -> Result<IndexReport, Failure> {
    let mut inputs = Inputs::default();
    request.documents.inputs.iter().for_each(|path| {
        inputs.add("the documents", path);
    });
    request.without.iter().for_each(|path| {
        inputs.add("the generated examples", path);
    });
    inputs.refuse_overwrite(&request.output)?;
    documents::refuse_among(&request.documents, &request.output)?;
    check_replaceable(&request.output)?;
    // Before the documents are read: a file that comes meanwhile is new.
    let origin = Origin::new(roots(&request.documents), options(request))?;
    let reading = documents::read(context, &request.documents)?;
    let excluded = request.without.as_deref().map(generate::unseen_sources).transpose()?.unwrap_or_default();
    let size: &dyn Fn(&str) -> usize = &estimated_tokens;
    let plan = IndexPlan { corpus: &reading.corpus, chunker: ChunkOptions::default(), excluded: &excluded, size };
    context.report.begin(Stage::Index, Unit::Chunks, None);
    let kept = request.embed.as_ref().map(|embed| KeptVectors::of(context, embed, &request.output)).transpose()?;
    let (index, update) = match &kept {
        None => {
            context.report.note(Note::LexicalOnly { reason: "no embedding model is named (--embed MODEL)".to_owned() });
            (Index::build(&plan, None)?, crate::rag::Update::default())
        }
        Some(kept) => embedded(context, kept, &plan, &request.output)?,
    };
    let index = index.with_origin(origin);
    index.write(&request.output)?;
    kept.as_ref().map_or(Ok(()), KeptVectors::forget)?;
    let counts = index.manifest().counts;
    context.report.end(Outcome::Indexed { chunks: counts.chunks, embedded: update.embedded });
    Ok(IndexReport {
        index: request.output.clone(),
        documents: counts.documents,
        units: counts.units,
        chunks: counts.chunks,
        terms: counts.terms,
        embedder: index.manifest().embedder.as_ref().map(|e| e.identity.model.clone()),
        embedded: update.embedded,
        kept: update.kept,
        excluded: excluded.into_iter().collect(),
    })
}

fn roots(documents: &DocumentsRequest) -> Vec<SourceRoot> {
    let root = |path: &PathBuf| {
        let named = path.to_string_lossy().into_owned();
        std::path::absolute(path).ok().map(|path| SourceRoot { named, path })
    };
    documents.inputs.iter().filter_map(root).collect()
}

/// The options that were given, as they are given again to make the same index.
fn options(request: &IndexRequest) -> Vec<String> {
    let DocumentsRequest { inputs: _, map, fix_encoding, languages } = &request.documents;
    let mut options = Vec::new();
    let mut add = |name: &str, value: String| options.extend([name.to_owned(), value]);
    if *map != Map::default() {
        add("--map", map.to_string());
    }
    if let Some(languages) = languages {
        let codes: Vec<&str> = languages.iter().map(|language| language.code()).collect();
        add("--lang", codes.join(","));
    }
    if let Some(EmbedRequest { model, query_prefix, document_prefix }) = &request.embed {
        add("--embed", model.clone());
        query_prefix.iter().for_each(|prefix| add("--query-prefix", prefix.clone()));
        document_prefix.iter().for_each(|prefix| add("--doc-prefix", prefix.clone()));
    }
    request.without.iter().for_each(|path| add("--without", path.to_string_lossy().into_owned()));
    if *fix_encoding {
        options.push("--fix-encoding".to_owned());
    }
    options
}

/// The index that is there, whose vectors may be kept; None: there is none that can be read.
fn earlier(context: &mut Context<'_>, folder: &Path) -> Result<Option<Index>, Failure> {
    match Index::read(folder) {
        Ok(index) => Ok(Some(index)),
        Err(RagError::NoIndex { .. }) => Ok(None),
        Err(fault @ RagError::Damaged { .. }) => {
            let text = format!("no vector of the earlier index is kept: {fault}");
            context.report.warn(Warning::Documents { text });
            Ok(None)
        }
        Err(fault) => Err(fault.into()),
    }
}

/// What was embedded is kept beside the index until that is written: an interrupted command goes on where it was.
struct KeptVectors<'a> {
    embed: &'a EmbedRequest,
    cache: AnswerCache,
    /// What the vectors depend on beside the text.
    identity: String,
}

impl<'a> KeptVectors<'a> {
    fn of(context: &mut Context<'_>, embed: &'a EmbedRequest, output: &Path) -> Result<Self, Failure> {
        let identity = DaemonEmbedder::identity(&context.client()?, &embed.model)?;
        Ok(Self { embed, cache: AnswerCache::beside(output)?, identity })
    }

    fn forget(&self) -> Result<(), Failure> {
        Ok(KeptEmbedder::forget(&self.cache, &self.identity)?)
    }
}

/// The index with vectors; those of an earlier index of the same embedder are kept.
fn embedded(
    context: &mut Context<'_>,
    kept_vectors: &KeptVectors<'_>,
    plan: &IndexPlan<'_>,
    output: &Path,
) -> Result<(Index, crate::rag::Update), Failure> {
    let before = earlier(context, output)?;
    let client = context.client()?;
    let KeptVectors { embed, cache, identity: whose } = kept_vectors;
    let identity = identity(context, &client, embed)?;
    let mut embedder = DaemonEmbedder::new(&client, &embed.model);
    let mut kept = KeptEmbedder::new(&mut embedder, cache, whose)?;
    let (report, interrupt) = (&mut context.report, &context.interrupt);
    let mut progress = |p: Progress| {
        report.advance(p.done as u64, None);
        !interrupt.raised()
    };
    let same = before.as_ref().filter(|index| index.manifest().check_embedder(&identity).is_ok());
    let mut embedding = Embedding::new(&mut kept, identity).with_progress(&mut progress);
    let made = match same {
        Some(before) => before.update(plan, Some(&mut embedding)),
        None => Index::build(plan, Some(&mut embedding)).map(|index| {
            let embedded = index.chunks().len();
            (index, crate::rag::Update { embedded, ..crate::rag::Update::default() })
        }),
    };
    // What is kept is no better than what the embedder says.
    if matches!(made, Err(RagError::Unequal { .. })) {
        kept_vectors.forget()?;
    }
    made.map_err(|fault| match fault {
        RagError::Interrupted { done, of } => Failure::interrupted()
            .hint(format!("{done} of {of} chunks are embedded and kept; the same command goes on from here")),
        fault => fault.into(),
    })
}

/// The embedder with its digest and its prefixes.
fn identity(context: &mut Context<'_>, client: &Client, embed: &EmbedRequest) -> Result<EmbedderIdentity, Failure> {
    let tag = client.tag(&embed.model)?.ok_or_else(|| OllamaError::NoModel(embed.model.clone()))?;
    let found = prefixes_of(&embed.model);
    if found.family.is_none() && (embed.query_prefix.is_none() || embed.document_prefix.is_none()) {
        context.report.note(Note::NoPrefixes { model: embed.model.clone() });
    }
    let prefixes = Prefixes {
        query: embed.query_prefix.clone().unwrap_or(found.prefixes.query),
        document: embed.document_prefix.clone().unwrap_or(found.prefixes.document),
    };
    Ok(EmbedderIdentity { model: embed.model.clone(), digest: tag.digest, prefixes })
}

/// An index that is ready to be searched.
pub(super) struct OpenIndex {
    pub index: Index,
    /// Of the manifest.
    pub digest: String,
    /// The embedder's client, where the index has vectors.
    client: Option<Client>,
}

impl OpenIndex {
    pub(super) fn open(context: &mut Context<'_>, folder: &Path) -> Result<Self, Failure> {
        let index = Index::read(folder)?;
        let command = index.manifest().origin.command(folder);
        if !index.manifest().check_sources(&command)? {
            let text =
                format!("the documents of {} are not here: whether they have changed is not known", folder.display());
            context.report.note(Note::Documents { text });
        }
        let client = index.vectors().map(|_| context.client()).transpose()?;
        Ok(Self { index, digest: Digest::of_file(folder.join(MANIFEST))?.to_string(), client })
    }

    /// The embedder of the vectors; None: there are none.
    pub(super) fn embedder(&self) -> Option<DaemonEmbedder<'_>> {
        let record = self.index.manifest().embedder.as_ref()?;
        Some(DaemonEmbedder::new(self.client.as_ref()?, &record.identity.model))
    }

    /// A search of words, trigrams and, with the embedder, vectors.
    pub(super) fn retriever<'a>(
        &'a self,
        embedder: Option<&'a mut DaemonEmbedder<'a>>,
    ) -> Result<Retriever<'a>, Failure> {
        let (Some(embedder), Some(record), Some(client)) = (embedder, &self.index.manifest().embedder, &self.client)
        else {
            return Ok(Retriever::lexical(&self.index));
        };
        let model = &record.identity.model;
        let tag = client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.clone()))?;
        let identity = EmbedderIdentity { digest: tag.digest, ..record.identity.clone() };
        Ok(Retriever::with_vectors(&self.index, Embedding::new(embedder, identity), VECTOR_WEIGHT)?)
    }

    /// The language that most chunks are written in.
    pub(super) fn language(&self) -> Language {
        let chunks = self.index.chunks();
        let every = chunks.len().div_ceil(LANGUAGE_SAMPLE).max(1);
        corpus::commonest_language(chunks.iter().step_by(every).map(|chunk| chunk.text.as_str()))
            .unwrap_or(Language::En)
    }
}

/// Chunks whose language is looked at.
const LANGUAGE_SAMPLE: usize = 200;

/// Of the vector list against the lexical one.
const VECTOR_WEIGHT: f64 = 0.5;

/// A question to a model and an index.
#[derive(Clone, Debug)]
pub struct AskRequest {
    pub question: String,
    pub index: PathBuf,
    pub passages: usize,
    pub model: String,
    pub base_model: Option<String>,
    pub max_tokens: usize,
}

/// An extract that was put before the question.
#[derive(Clone, Debug, Serialize)]
pub struct ShownExtract {
    /// Its number in the prompt.
    pub number: usize,
    pub document: String,
    pub start: usize,
    pub end: usize,
    pub heading: String,
    pub text: String,
    pub score: f32,
    /// Whether the answer cites it.
    pub cited: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct RagAnswer {
    pub question: String,
    pub answer: String,
    /// In the order of their numbers; the best one is the last.
    pub extracts: Vec<ShownExtract>,
    /// Passages among those that were asked for that did not fit the model's context.
    pub left_out: usize,
    /// Numbers in the answer that no extract has.
    pub wrong_citations: Vec<u64>,
}

/// Answers one question; the answer's text is passed on as it is written.
pub fn ask(
    context: &mut Context<'_>,
    request: &AskRequest,
    on_text: &mut dyn FnMut(&str),
) -> Result<RagAnswer, Failure> {
    if request.question.trim().is_empty() {
        return Err(Failure::input("the question is empty"));
    }
    let opened = OpenIndex::open(context, &request.index)?;
    let answering = query::open(context, &request.model, request.base_model.as_deref(), 0)?;
    let mut embedder = opened.embedder();
    let mut retriever = opened.retriever(embedder.as_mut())?;
    let style = PromptStyle { k: request.passages, ..PromptStyle::new(opened.language()) };
    let hits = retriever.find(&request.question, request.passages)?;
    let ranked: Vec<_> = hits.iter().filter_map(|hit| opened.index.chunks().get(hit.chunk)).collect();
    let count = counter(&answering);
    let budget = prompt_budget(&answering, request.max_tokens)?;
    let prompt = style.assemble(&request.question, &ranked, budget, &*count);
    if let Some(text) = not_shown(&prompt) {
        context.report.warn(Warning::Documents { text });
    }
    let mut conversation = query::opening(Some(&prompt.system));
    conversation.push(query::user(&prompt.user));
    let asked = QueryRequest { temperature: 0.0, top_p: None, max_tokens: request.max_tokens, seed: 0 };
    let answer = query::answer(&answering, &mut conversation, &asked, on_text)?;
    let Citations { cited, wrong } = citations(&answer, &prompt.used);
    let extracts = prompt.used.iter().zip(1..).filter_map(|(&place, number)| {
        let (chunk, hit) = (ranked.get(place)?, hits.get(place)?);
        Some(ShownExtract {
            number,
            document: chunk.document.clone(),
            start: chunk.span.start,
            end: chunk.span.end,
            heading: chunk.heading.clone(),
            text: chunk.text.clone(),
            score: hit.score,
            cited: cited.contains(&place),
        })
    });
    Ok(RagAnswer {
        question: request.question.clone(),
        answer,
        extracts: extracts.collect(),
        left_out: prompt.left_out,
        wrong_citations: wrong,
    })
}

/// What is said of passages that were found and are not in the prompt; None: all of them are.
fn not_shown(prompt: &Assembled) -> Option<String> {
    let found = prompt.left_out + prompt.used.len();
    let said = format!(
        "{} of the {found} passages that were found do not fit the model's context and are left out",
        prompt.left_out
    );
    (prompt.left_out > 0).then_some(said)
}

/// Of the chat template, at most.
const TEMPLATE_TOKENS: usize = 64;

/// Tokens that extracts and question may have, so that an answer of `max_tokens` fits the context too.
pub(super) fn prompt_budget(answering: &Answering, max_tokens: usize) -> Result<usize, Failure> {
    budget_within(answering.context_tokens(), max_tokens)
}

fn budget_within(context: usize, max_tokens: usize) -> Result<usize, Failure> {
    context.checked_sub(max_tokens.saturating_add(TEMPLATE_TOKENS)).filter(|budget| *budget > 0).ok_or_else(|| {
        let what = format!("--max-tokens {max_tokens} leaves no room for a question in a context of {context} tokens");
        Failure::input(what).hint("give a smaller number")
    })
}

/// Counts tokens with the model's tokenizer where it is here; else an upper bound for French and English, three bytes a token.
pub(super) fn counter(answering: &Answering) -> Box<dyn Fn(&str) -> usize + '_> {
    match answering {
        Answering::Native(native) => Box::new(|text| native.count(text)),
        Answering::Daemon { .. } => Box::new(|text| text.len().div_ceil(3)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rag::Chunk;

    /// A table whose cells have no spaces between them was one chunk that never fitted.
    #[test]
    fn a_table_without_spaces_fits_and_what_does_not_is_said() {
        let row =
            |i| format!("|application-{i}|https://application-{i}.intranet.example/a/rather/long/path?x={i}|Ferme|\n");
        let rows: String = (0..300).map(row).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.md");
        std::fs::write(&path, format!("# Applications\n\n|Name|Address|Host|\n|---|---|---|\n{rows}")).unwrap();
        let corpus = corpus::read(&[path], &corpus::ReadOptions::default()).unwrap().corpus;
        let chunker = ChunkOptions::default();
        let plan = IndexPlan { corpus: &corpus, chunker, excluded: &BTreeSet::new(), size: &estimated_tokens };
        let index = Index::build(&plan, None).unwrap();
        let ranked: Vec<&Chunk> = index.chunks().iter().collect();
        assert!(ranked.len() > 10 && ranked.iter().all(|chunk| chunk.indexed().len() <= 4 * chunker.limit));
        let upper_bound = |text: &str| text.len().div_ceil(3);
        let prompt = |budget| PromptStyle::new(Language::En).assemble("q", &ranked, budget, &upper_bound);
        assert_eq!(not_shown(&prompt(query::CONTEXT_TOKENS - 512)), None);
        let said = "3 of the 4 passages that were found do not fit the model's context and are left out";
        assert_eq!(not_shown(&prompt(1000)).as_deref(), Some(said));
    }

    #[test]
    fn an_answer_that_leaves_no_room_for_a_question_is_refused() {
        assert_eq!(budget_within(4096, 256).unwrap(), 4096 - 256 - TEMPLATE_TOKENS);
        for max_tokens in [4096, 4096 - TEMPLATE_TOKENS, usize::MAX] {
            assert!(budget_within(4096, max_tokens).is_err(), "{max_tokens}");
        }
    }

    #[test]
    fn the_options_of_a_request_are_given_again() {
        let documents = DocumentsRequest { inputs: vec!["dd".into()], ..DocumentsRequest::default() };
        let plain = IndexRequest { documents, output: "st".into(), embed: None, without: None };
        assert!(options(&plain).is_empty());
        let documents = DocumentsRequest {
            map: "text=body".parse().unwrap(),
            fix_encoding: true,
            languages: Some(vec![Language::Fr, Language::En]),
            ..plain.documents.clone()
        };
        let embed = EmbedRequest { model: "bge-m3".into(), query_prefix: Some(String::new()), document_prefix: None };
        let full = IndexRequest { documents, embed: Some(embed), without: Some("x_unseen.jsonl".into()), ..plain };
        let command = Origin { options: options(&full), ..Origin::default() }.command(&full.output);
        let expected = "tunesmith rag index --map text=body --lang fr,en --embed bge-m3 --query-prefix '' --without \
            x_unseen.jsonl --fix-encoding --output st";
        assert_eq!(command, expected);
    }
}
