//! Questions asked of one model, those that were answered before left out; what is answered is kept.

use std::time::{Duration, Instant};

use super::answerer::{Answered, Answerer, Question, Reply};
use super::cache::AnswerCache;
use super::fault::EvalError;
use crate::store::{Digest, Interrupt};

/// What is asked of one model.
#[derive(Debug)]
pub struct ArmRequest<'a> {
    pub model: &'a str,
    pub questions: &'a [Question],
    pub interrupt: &'a Interrupt,
    /// Answers of earlier arms of the same evaluation, for the message of an interruption.
    pub answered_before: usize,
}

/// Progress of an arm.
#[derive(Clone, Debug)]
pub enum ArmEvent<'a> {
    /// `kept` of the questions have been asked before, and are not asked again.
    Started { kept: usize },
    /// In the order of the questions.
    Answered { index: usize, reply: &'a Reply, kept: bool },
}

/// What an arm leaves behind beside its replies.
#[derive(Debug)]
pub struct ArmAnswers {
    /// Of the model, the same before and after.
    pub digest: String,
    /// Answers that are kept now, those of earlier arms included.
    pub answered: usize,
}

struct Planned<'a> {
    question: &'a Question,
    key: Digest,
}

/// Asks every question once (a failure twice); the model is warmed up first, unless all answers are kept.
pub fn ask_arm(
    request: &ArmRequest<'_>,
    answerer: &dyn Answerer,
    cache: &mut AnswerCache,
    on_event: &mut dyn FnMut(ArmEvent<'_>),
) -> Result<ArmAnswers, EvalError> {
    let model = request.model;
    let digest = answerer.digest(model).map_err(|source| stopped(model, source))?;
    cache.select(&digest)?;
    let planned = request
        .questions
        .iter()
        .map(|question| {
            let key = answerer.request(question).map(|request| cache.key(&request));
            Ok(Planned { question, key: key.map_err(|source| stopped(model, source))? })
        })
        .collect::<Result<Vec<_>, EvalError>>()?;
    let kept = planned.iter().filter(|p| cache.get(&p.key).is_some()).count();
    on_event(ArmEvent::Started { kept });
    if kept < planned.len() {
        answerer.warm_up(model).map_err(|source| stopped(model, source))?;
    }
    let mut inquiry = Inquiry {
        interrupt: request.interrupt,
        answerer,
        cache,
        model,
        digest,
        held: Vec::new(),
        looked: Instant::now(),
        answered: request.answered_before,
    };
    inquiry.answer(&planned, &mut |index, reply, kept| on_event(ArmEvent::Answered { index, reply: &reply, kept }))?;
    // Of an arm whose answers were all kept before, too.
    inquiry.keep()?;
    Ok(ArmAnswers { digest: inquiry.digest, answered: inquiry.answered })
}

/// Answers that arrive in any order, passed on in the order of the plan.
struct InOrder<'a> {
    /// The reply, and whether it was kept.
    waiting: Vec<Option<(Reply, bool)>>,
    next: usize,
    each: &'a mut dyn FnMut(usize, Reply, bool),
}

impl InOrder<'_> {
    fn take(&mut self, index: usize, reply: Reply) {
        self.waiting[index] = Some((reply, false));
        self.pass_on();
    }

    fn pass_on(&mut self) {
        while let Some((reply, kept)) = self.waiting.get_mut(self.next).and_then(Option::take) {
            (self.each)(self.next, reply, kept);
            self.next += 1;
        }
    }
}

/// The digest of the model is checked, and the held answers are written, at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One arm: who is asked, and what is known already.
struct Inquiry<'a> {
    interrupt: &'a Interrupt,
    answerer: &'a dyn Answerer,
    cache: &'a mut AnswerCache,
    model: &'a str,
    /// Of the model, before it was asked.
    digest: String,
    /// New answers, not yet in the cache: the model's digest has not been checked since they came.
    held: Vec<(Digest, Answered)>,
    looked: Instant,
    /// Answers of this evaluation that are kept now.
    answered: usize,
}

impl Inquiry<'_> {
    fn hold(&mut self, key: Digest, answer: &Answered) -> Result<(), EvalError> {
        self.held.push((key, answer.clone()));
        if self.looked.elapsed() < LOOK_EVERY { Ok(()) } else { self.keep() }
    }

    /// Writes the held answers to the cache, if the model's digest is unchanged. Otherwise drops them, because the model
    /// that replaced it may have given any of them.
    fn keep(&mut self) -> Result<(), EvalError> {
        let held = std::mem::take(&mut self.held);
        let after = self.answerer.digest(self.model).map_err(|source| stopped(self.model, source))?;
        if after != self.digest {
            let (model, before) = (self.model.to_owned(), self.digest.clone());
            return Err(EvalError::ModelChanged { model, before, after });
        }
        self.looked = Instant::now();
        for (key, answer) in held {
            self.cache.put(key, &answer)?;
            self.answered += 1;
        }
        Ok(())
    }

    /// Calls `each` with every planned question's index, its reply and whether it was kept, in the order of the plan.
    fn answer(&mut self, planned: &[Planned<'_>], each: &mut dyn FnMut(usize, Reply, bool)) -> Result<(), EvalError> {
        let kept = |p: &Planned<'_>| self.cache.get(&p.key).map(|answer| (Reply::Answer(answer.clone()), true));
        let mut replies = InOrder { waiting: planned.iter().map(kept).collect(), next: 0, each };
        let mut open: Vec<usize> = (0..planned.len()).filter(|&i| replies.waiting[i].is_none()).collect();
        self.answered += planned.len() - open.len();
        tracing::info!(model = self.model, questions = planned.len(), kept = planned.len() - open.len(), "asking");
        replies.pass_on();
        // What cut one answer off need not cut the next: a failure is asked again. A model's own fault comes again.
        for last in [false, true] {
            open = self.round(planned, &open, last, &mut replies)?;
        }
        Ok(())
    }

    /// Asks these questions; returns those that failed and are not taken so yet.
    fn round(
        &mut self,
        planned: &[Planned<'_>],
        open: &[usize],
        last: bool,
        replies: &mut InOrder<'_>,
    ) -> Result<Vec<usize>, EvalError> {
        let (mut failed, mut asked, mut interrupted, mut fault) = (Vec::new(), 0, false, None);
        if open.is_empty() {
            return Ok(failed);
        }
        let (answerer, interrupt, model) = (self.answerer, self.interrupt, self.model);
        if interrupt.raised() {
            return Err(EvalError::Interrupted { answers: self.answered });
        }
        let questions: Vec<&Question> = open.iter().map(|&i| planned[i].question).collect();
        answerer.ask_many(&questions, &mut |at, reply| {
            asked += 1;
            if let Ok(reply) = &reply {
                let tokens = if let Reply::Answer(answer) = reply { answer.tokens } else { 0 };
                tracing::debug!(model, question = open[at], failed = reply.is_failure(), tokens, "answered");
            }
            let taken = match reply {
                Err(_) if interrupt.raised() => {
                    interrupted = true;
                    Ok(())
                }
                Err(source) => Err(stopped(model, source)),
                Ok(reply) if reply.is_failure() && !last => {
                    failed.push(open[at]);
                    Ok(())
                }
                Ok(reply) => {
                    let held = match &reply {
                        Reply::Answer(answer) if !reply.is_failure() => self.hold(planned[open[at]].key, answer),
                        _ => Ok(()),
                    };
                    replies.take(open[at], reply);
                    held
                }
            };
            if let Err(e) = taken {
                fault.get_or_insert(e);
            }
            interrupted |= asked < questions.len() && interrupt.raised();
            fault.is_none() && !interrupted
        });
        // What came before a fault or an interruption, too.
        let kept = self.keep();
        match fault {
            Some(fault) => Err(fault),
            None if interrupted => Err(EvalError::Interrupted { answers: self.answered }),
            None if asked < questions.len() => Err(stopped(model, "not every question was answered".into())),
            None => {
                kept?;
                failed.sort_unstable();
                Ok(failed)
            }
        }
    }
}

pub(super) fn stopped(model: &str, source: Box<dyn std::error::Error + Send + Sync>) -> EvalError {
    EvalError::Stopped { model: model.to_owned(), source }
}
