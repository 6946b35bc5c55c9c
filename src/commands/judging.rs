//! `eval --judge`: a model of the daemon says which of the two answers is better, and people's votes say what that is worth.

use std::path::{Path, PathBuf};

use super::daemon::{AskOptions, DaemonAnswerer};
use super::delivery::lineage_of;
use super::{Context, Failure, Kind};
pub use crate::eval::JudgeReport;
use crate::eval::{
    self, AnswerCache, AnswerPair, ArmEvent, ArmRequest, Choice, JUDGE_TOKENS, JudgeRun, JudgeVerdict, JudgedAnswers,
    Order, Question, Reply, Vote,
};
use crate::events::{Outcome, Stage, Unit};
use crate::ollama::{Client, OllamaError, Options, Show};
use crate::store::{Digest, write_whole};

/// The file of the judge's words.
pub(super) const NAME: &str = "judge.json";
/// Votes that a judge is tried on, the newest.
const MOST_VOTES: usize = 100;
/// Room for the request, the reference and both answers, each cut to 8,000 characters, in most texts.
const CONTEXT_TOKENS: u64 = 16_384;
/// Times the room for an answer is doubled where it was not enough for a verdict.
const RETRIES: u32 = 2;

/// A judge that may judge these two models.
#[derive(Debug)]
pub(super) struct Judge {
    model: String,
    thinks: bool,
}

impl Judge {
    /// Refused where its weights are those of a model that it would judge, or their base's: models prefer their own words.
    pub(super) fn new(client: &Client, model: &str, judged: [&str; 2]) -> Result<Self, Failure> {
        if client.capabilities()?.version.is_embedded_server() {
            let what = "--judge: the embedded server has no constrained output, which a judge needs";
            return Err(Failure::new(Kind::Usage, what).hint("start Ollama, and ask that by --ollama-host"));
        }
        let shown = |name: &str| client.show(name)?.ok_or_else(|| OllamaError::NoModel(name.to_owned()));
        let judge = shown(model)?;
        let own = weights(&judge);
        for name in judged {
            let shared = weights(&shown(name)?).into_iter().any(|digest| own.contains(&digest));
            if shared {
                let what = format!("--judge {model} and {name} have the same weights or the same base");
                return Err(Failure::input(what)
                    .hint("a model prefers its own words: name a judge of another family, a larger one"));
            }
        }
        Ok(Self { model: model.to_owned(), thinks: judge.capabilities.iter().any(|c| c == "thinking") })
    }

    /// Asks about `pairs`, and about the newest of `votes`; writes [`NAME`] to `output`.
    pub(super) fn judge(
        &self,
        context: &mut Context<'_>,
        client: &Client,
        judging: &Judging<'_>,
    ) -> Result<JudgeReport, Failure> {
        let newest = &judging.votes[judging.votes.len().saturating_sub(MOST_VOTES)..];
        let mut asked: Vec<JudgedAnswers<'_>> = judging.pairs.iter().map(of_pair).collect();
        asked.extend(newest.iter().map(of_vote));
        let options = Options::greedy(JUDGE_TOKENS as i64, CONTEXT_TOKENS);
        let think = self.thinks.then_some(false);
        let format = Some(eval::judge_schema());
        let ask = AskOptions { template: None, options, seed: Some(0), think, format };
        let answerer = DaemonAnswerer::new(client, ask, context.parallel)?;
        let mut cache = AnswerCache::open(&judging.output.join("answers"))?;
        let (judge_digest, verdicts) = self.verdicts(context, &answerer, &mut cache, &asked)?;
        let (of_pairs, of_votes) = verdicts.split_at(judging.pairs.len());
        let votes: Vec<(Choice, [JudgeVerdict; 2])> =
            newest.iter().map(|vote| vote.choice).zip(of_votes.iter().cloned()).collect();
        let run = JudgeRun {
            judge: self.model.clone(),
            judge_digest,
            equal_answers: judging.equal_answers,
            calibration: eval::calibration(&votes),
        };
        let judged: Vec<_> = judging.pairs.iter().cloned().zip(of_pairs.iter().cloned()).collect();
        let report = eval::judge_report(run, &judged);
        write_whole(judging.output.join(NAME), report.to_json().as_bytes())?;
        Ok(report)
    }

    /// Both orders of each pair. What has no verdict is asked again with more room.
    fn verdicts(
        &self,
        context: &mut Context<'_>,
        answerer: &DaemonAnswerer<'_>,
        cache: &mut AnswerCache,
        asked: &[JudgedAnswers<'_>],
    ) -> Result<(String, Vec<[JudgeVerdict; 2]>), Failure> {
        let ways: Vec<(usize, Order)> =
            (0..asked.len()).flat_map(|pair| Order::BOTH.map(|order| (pair, order))).collect();
        let mut verdicts = vec![JudgeVerdict::Unreadable; ways.len()];
        let mut digest = String::new();
        for attempt in 0..=RETRIES {
            let open: Vec<usize> = (0..ways.len()).filter(|at| verdicts[*at] == JudgeVerdict::Unreadable).collect();
            if open.is_empty() && attempt > 0 {
                break;
            }
            let question = |at: &usize| Question {
                model: self.model.clone(),
                messages: eval::judge_messages(&asked[ways[*at].0], ways[*at].1),
                seed: 0,
                max_tokens: Some(JUDGE_TOKENS << attempt),
                plain: false,
                tools: Vec::new(),
            };
            let questions: Vec<Question> = open.iter().map(question).collect();
            let interrupt = context.interrupt.clone();
            let request =
                ArmRequest { model: &self.model, questions: &questions, interrupt: &interrupt, answered_before: 0 };
            let report = &mut context.report;
            let mut read = |index: usize, reply: &Reply| {
                let at = open[index];
                verdicts[at] = JudgeVerdict::read(reply.text(), ways[at].1);
            };
            let answers = eval::ask_arm(&request, answerer, cache, &mut |event| match event {
                ArmEvent::Started { kept } => {
                    report.begin(Stage::Judge, Unit::Prompts, Some(questions.len() as u64));
                    report.advance(kept as u64, None);
                }
                ArmEvent::Answered { index, reply, .. } => {
                    read(index, reply);
                    report.advance(index as u64 + 1, None);
                }
            })?;
            context.report.end(Outcome::Answered { model: self.model.clone() });
            digest = answers.digest;
        }
        let pairs = verdicts.chunks_exact(2).filter_map(|two| <[JudgeVerdict; 2]>::try_from(two.to_vec()).ok());
        Ok((digest, pairs.collect()))
    }
}

/// What a judge is asked about.
#[derive(Debug)]
pub(super) struct Judging<'a> {
    pub(super) pairs: &'a [AnswerPair],
    pub(super) equal_answers: usize,
    pub(super) votes: &'a [Vote],
    pub(super) output: &'a Path,
}

/// A model's own blob, and the base that it was made from.
fn weights(show: &Show) -> Vec<String> {
    let blob = PathBuf::from(&show.from).file_name().map(|name| name.to_string_lossy().into_owned());
    let base = lineage_of(show, "base").and_then(|text| text.parse::<Digest>().ok()).map(|digest| digest.blob_name());
    blob.into_iter().chain(base).collect()
}

fn of_pair(pair: &AnswerPair) -> JudgedAnswers<'_> {
    JudgedAnswers { prompt: &pair.prompt, expected: &pair.expected, v1: &pair.v1, v2: &pair.v2 }
}

fn of_vote(vote: &Vote) -> JudgedAnswers<'_> {
    JudgedAnswers { prompt: &vote.prompt, expected: &vote.expected, v1: &vote.v1_answer, v2: &vote.v2_answer }
}
