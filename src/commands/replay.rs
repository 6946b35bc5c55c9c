//! Replay against forgetting: general prompts, answered once by the base itself (greedy, native), mixed in as examples.
//! Answers are kept in the user's cache by the base's digest, so a second run does not generate them again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use super::{Context, Failure, cuts, data};
use crate::base::Base;
use crate::batch::{BatchError, Encoded, Example};
use crate::chat::{Message, Role};
use crate::config::{Replay, RunConfig};
use crate::dataset::{self, Content, Record, RecordPlace};
use crate::events::{Detail, Outcome, Part, Stage, Unit, Warning};
use crate::model::{GenerationEvent, Model, Sampling};
use crate::store::{Digest, FileAction, Identity, MAX_TEXT, read_regular, write_cached};

/// The prompts that ship; disjoint from every suite (tested).
const SHIPPED: &str = include_str!("../../data/general/replay.jsonl");
/// The base's answers are cut here; one that does not end by then is not replayed.
const MAX_ANSWER: usize = 64;

#[derive(serde::Deserialize)]
struct Line {
    prompt: String,
}

/// The replay examples of a run: `replay_share` of all examples (own + replay), or none.
pub(super) fn examples(
    context: &mut Context<'_>,
    config: &RunConfig,
    base: &Base,
    model: &Model,
    own: &[Record],
) -> Result<Vec<Example>, Failure> {
    let Some(prompts) = prompts(config)? else { return Ok(Vec::new()) };
    let (share, wanted) = (config.replay_share, wanted(config, own.len()));
    let mut known = read_cache(context, base)?;
    context.report.begin(Stage::Replay, Unit::Prompts, Some(wanted as u64));
    // As many prompts as are wanted, then as many more as did not end, until there are none left.
    let mut asked = 0;
    loop {
        let there = prompts[..asked].iter().filter(|prompt| ended(&known, prompt)).count();
        context.report.advance(there as u64, None);
        let more = (wanted - there).min(prompts.len() - asked);
        if more == 0 {
            break;
        }
        let next: Vec<&String> = prompts[asked..asked + more].iter().filter(|p| !known.contains_key(*p)).collect();
        let answered = answer(context, Teacher { base, model }, &next, there, &mut known);
        write_cache(context, base, &known)?;
        answered?;
        asked += more;
    }
    let answers = (1..).zip(&prompts).filter(|(_, prompt)| ended(&known, prompt)).take(wanted);
    let records: Vec<Record> = answers.map(|(n, prompt)| record(n, prompt, &known[prompt])).collect();
    let (n, all) = (records.len(), records.len() + own.len());
    context.report.end(Outcome::Replayed { prompts: n, examples: all });
    if n < wanted {
        context.report.warn(Warning::FewReplayPrompts { wanted, prompts: n, share });
    }
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let limit = data::limit(config, base);
    let encoded = encode(&records, base, limit)?;
    cuts::warn(context, Part::Replay, &encoded, limit);
    Ok(distilled(encoded.examples))
}

/// What the replay will be like.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub examples: Vec<Example>,
    /// Prompts that the base has still to answer.
    pub to_answer: usize,
    /// What that takes, by those that it was asked now.
    pub seconds: f64,
}

/// Without asking the base all of it: some prompts of those that it has not answered (they are kept for the run), whose
/// answers, with those known before, stand in for the rest.
pub(super) fn expected(
    context: &mut Context<'_>,
    config: &RunConfig,
    base: &Base,
    model: &Model,
    own: usize,
) -> Result<Expected, Failure> {
    /// As many as are answered together, and as many that follow.
    const SAMPLE: usize = 64;
    let Some(prompts) = prompts(config)? else { return Ok(Expected::default()) };
    let (wanted, mut known) = (wanted(config, own), read_cache(context, base)?);
    let missing: Vec<&String> = prompts.iter().take(wanted).filter(|p| !known.contains_key(*p)).collect();
    let asked = &missing[..missing.len().min(SAMPLE)];
    let began = Instant::now();
    if !asked.is_empty() {
        context.report.begin(Stage::Replay, Unit::Prompts, Some(asked.len() as u64));
        let answered = answer(context, Teacher { base, model }, asked, 0, &mut known);
        write_cache(context, base, &known)?;
        answered?;
        context.report.end(Outcome::ReplaySampled { answered: asked.len(), unanswered: missing.len() });
    }
    let a_prompt = began.elapsed().as_secs_f64() / asked.len().max(1) as f64;
    let answers: Vec<&String> = prompts.iter().filter(|p| ended(&known, p)).map(|p| &known[p]).collect();
    let tried = prompts.iter().filter(|p| known.contains_key(*p)).count();
    // Of those not asked, as many come to an end as of those that were.
    let (there, unknown) = (answers.len().min(wanted), prompts.len() - tried);
    let to_answer = ((wanted - there) * tried.max(1)).div_ceil(answers.len().max(1)).min(unknown);
    let to_come = (to_answer * answers.len() / tried.max(1)).min(wanted - there);
    let records: Vec<_> = (1..)
        .zip(&prompts)
        .filter(|(_, p)| ended(&known, p))
        .take(there)
        .map(|(n, p)| record(n, p, &known[p]))
        .collect();
    let others = (1..).zip(&prompts).filter(|(_, p)| !known.contains_key(*p)).take(to_come);
    let stand_ins = others.zip(answers.iter().cycle()).map(|((n, prompt), answer)| record(n, prompt, answer));
    let records: Vec<_> = records.into_iter().chain(stand_ins).collect();
    let seconds = a_prompt * to_answer as f64;
    if records.is_empty() {
        return Ok(Expected { examples: Vec::new(), to_answer, seconds });
    }
    let examples = distilled(encode(&records, base, data::limit(config, base))?.examples);
    Ok(Expected { examples, to_answer, seconds })
}

fn prompts(config: &RunConfig) -> Result<Option<Vec<String>>, Failure> {
    Ok(match &config.replay {
        Replay::Off => None,
        Replay::Auto => Some(parse(SHIPPED)?),
        Replay::File(path) => Some(from_file(path)?),
    })
}

fn wanted(config: &RunConfig, own: usize) -> usize {
    (own as f64 * config.replay_share / (1.0 - config.replay_share)).round() as usize
}

/// Where nothing is left of it, it is the replay that does not fit, not the dataset.
fn encode(records: &[Record], base: &Base, limit: usize) -> Result<Encoded, Failure> {
    data::encode(records, base, limit).map_err(|e| match e.error.downcast_ref() {
        Some(BatchError::NothingTrained) => Failure::input(format!(
            "replay: max_seq_len {limit} cuts off every answer of its {} prompts",
            records.len()
        ))
        .hint("a larger --max-seq-len, or none of it: --replay off"),
        _ => e,
    })
}

fn distilled(mut examples: Vec<Example>) -> Vec<Example> {
    examples.iter_mut().for_each(|e| e.distilled = true);
    examples
}

/// Number `number` of the prompts.
fn record(number: usize, prompt: &str, answer: &str) -> Record {
    let message = |role, content: &str| Message { role, content: content.to_owned() };
    let content = Content::Chat(vec![message(Role::User, prompt), message(Role::Assistant, answer)]);
    let place = RecordPlace { unit: dataset::Unit::Record, ..RecordPlace::line(number) };
    Record { place, category: Some("replay".to_owned()), ..Record::new(number, content) }
}

/// Whether the base has answered this prompt and come to an end.
fn ended(known: &BTreeMap<String, String>, prompt: &str) -> bool {
    known.get(prompt).is_some_and(|answer| !answer.trim().is_empty())
}

/// The base that answers the prompts, and its decoder.
#[derive(Clone, Copy)]
struct Teacher<'a> {
    base: &'a Base,
    model: &'a Model,
}

/// Adds the answers to what is known, greedy; an empty text where the base does not come to an end within the limit.
fn answer(
    context: &mut Context<'_>,
    teacher: Teacher<'_>,
    prompts: &[&String],
    answered: usize,
    known: &mut BTreeMap<String, String>,
) -> Result<(), Failure> {
    let Teacher { base, model } = teacher;
    let ids = prompts.iter().map(|prompt| encoded(base, prompt)).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: MAX_ANSWER, seed: 0 };
    let (mut done, mut fault) = (answered, Ok(()));
    model.generate_batch(None, &ids, &sampling, &|id| base.tokenizer.is_end(id), &mut |i, event| {
        if context.interrupt.raised() {
            fault = Err(Failure::interrupted());
        } else if let GenerationEvent::End(new) = event {
            match text(base, &new) {
                Ok(answer) => {
                    done += usize::from(!answer.trim().is_empty());
                    known.insert(prompts[i].clone(), answer);
                    context.report.advance(done as u64, Some(Detail::Item(prompts[i].clone())));
                }
                Err(e) => fault = Err(e),
            }
        }
        fault.is_ok()
    })?;
    fault
}

fn encoded(base: &Base, prompt: &str) -> Result<Vec<u32>, Failure> {
    let text = base.template.render(&[Message { role: Role::User, content: prompt.to_owned() }], true)?.text;
    // A thought takes longer than the limit, and belongs to no short answer.
    let text = text + base.template.unthought();
    let bos = base.tokenizer.bos().filter(|_| base.tokenizer.adds_bos());
    Ok(bos.into_iter().chain(base.tokenizer.encode(&text)?.into_iter().map(|t| t.id)).collect())
}

fn text(base: &Base, new: &[u32]) -> Result<String, Failure> {
    if new.len() >= MAX_ANSWER {
        return Ok(String::new());
    }
    let answer = base.tokenizer.decode(new)?;
    if answer.trim().is_empty() {
        return Ok(String::new());
    }
    Ok(base.template.content_unthought(&answer)?)
}

fn parse(text: &str) -> Result<Vec<String>, Failure> {
    text.lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
        .map(|(i, l)| {
            let line: Line =
                serde_json::from_str(l).map_err(|e| Failure::input(format!("replay prompts, line {}: {e}", i + 1)))?;
            Ok(line.prompt)
        })
        .collect()
}

/// The user's prompts: a line `{"prompt": …}` each, or any dataset, whose first user turns are taken.
fn from_file(path: &PathBuf) -> Result<Vec<String>, Failure> {
    let bytes = read_regular(FileAction::Reading("the replay prompts"), path, MAX_TEXT)?;
    if let Ok(prompts) = std::str::from_utf8(&bytes).map_err(Failure::input).and_then(parse) {
        return Ok(prompts);
    }
    let dataset = dataset::read(std::slice::from_ref(path), dataset::ReadOptions::default())?;
    Ok(data::conversations(&dataset.records)
        .into_iter()
        .filter_map(|c| c.into_iter().find(|m| m.role == Role::User).map(|m| m.content))
        .collect())
}

fn cache_path(context: &Context<'_>, base: &Base) -> PathBuf {
    // Whatever decides the answers; not the parameters and the SYSTEM that Ollama has for the base.
    let identity = base.identity();
    let part = |name| identity.get(name).map(|digest| digest.to_string());
    let parts = [Identity::WEIGHTS, Identity::CONFIG, Identity::TOKENIZER, Identity::CHAT_TEMPLATE].map(part);
    let key = serde_json::json!({"base": parts, "unthought": base.template.unthought(), "most": MAX_ANSWER});
    let key = Digest::of_bytes(key.to_string().as_bytes());
    context.env.cache_dir().join("replay").join(format!("{}.json", key.short()))
}

fn read_cache(context: &mut Context<'_>, base: &Base) -> Result<BTreeMap<String, String>, Failure> {
    let path = cache_path(context, base);
    match std::fs::read(&path) {
        Err(_) => Ok(BTreeMap::new()),
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_else(|e| {
            context.report.warn(Warning::ReplayAnswersLost { path: path.clone(), reason: e.to_string() });
            BTreeMap::new()
        })),
    }
}

fn write_cache(context: &Context<'_>, base: &Base, known: &BTreeMap<String, String>) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(known).map_err(|e| Failure::new(super::Kind::Error, e))?;
    Ok(write_cached(cache_path(context, base), &text)?)
}
