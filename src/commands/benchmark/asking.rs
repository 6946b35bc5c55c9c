//! Both models asked every prompt; a line for each answer as it comes.

use super::arms::{ArmAnswerer, Who};
use crate::commands::{Context, Failure};
use crate::eval::{
    self, AnswerCache, ArmEvent, ArmRequest, BenchmarkAnswers, BenchmarkArm, Case, Embedder, EvalError, Question,
};
use crate::events::{Detail, Note, Outcome, Reporter, Stage, Unit};
use crate::model::Sampling;

/// The prompts, and who is asked.
pub(super) struct Asking<'a> {
    pub cases: &'a [Case],
    /// The base first.
    pub answerers: &'a [ArmAnswerer<'a>],
    pub sampling: &'a Sampling,
}

impl Asking<'_> {
    /// The base, then the fine-tuned model if there is one; a line for each answer.
    pub(super) fn answers(
        &self,
        context: &mut Context<'_>,
        cache: &mut AnswerCache,
        mut embedder: Option<Box<dyn Embedder + '_>>,
    ) -> Result<Vec<BenchmarkAnswers>, Failure> {
        let mut answers: Vec<BenchmarkAnswers> = vec![BenchmarkAnswers::default(); self.cases.len()];
        let mut before = 0;
        for arm in self.answerers {
            // What the embedder can't do does not take the answers away, which are kept.
            let mut fault: Option<EvalError> = None;
            before =
                self.one(context, arm, ArmState { cache: &mut *cache, before }, &mut |report, index, answer| {
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
            seed: self.sampling.seed,
            max_tokens: Some(self.sampling.max_tokens as u64),
            plain: false,
            tools: case.tools.clone(),
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
