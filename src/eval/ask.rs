//! Every prompt asked of both models: one arm, then the other, each warmed up; progress as events.

use crate::chat::{Message, Role};
use crate::store::{Digest, Interrupt};

use super::answerer::{Answerer, Question, Reply};
use super::fault::EvalError;
use super::journal::Journal;
use super::suite::{Case, Suite};

/// One of the two models compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// What the role serves now.
    Base,
    /// The candidate.
    Tuned,
}

impl Arm {
    pub const BOTH: [Arm; 2] = [Arm::Base, Arm::Tuned];
}

/// A suite and how it is asked.
#[derive(Clone, Debug)]
pub struct Bench {
    pub suite: Suite,
    /// Put before every case that has no system turn of its own; None: what the model's own Modelfile says.
    pub system: Option<String>,
    pub max_tokens: Option<u64>,
}

/// One case, asked `samples` times of each arm.
#[derive(Clone, Debug, Default)]
pub struct CaseAnswers {
    pub base: Vec<Reply>,
    pub tuned: Vec<Reply>,
}

#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// `kept` of `questions` are answered by the journal.
    ArmStarted {
        arm: Arm,
        model: &'a str,
        questions: usize,
        kept: usize,
    },
    Answered {
        arm: Arm,
        index: usize,
        of: usize,
        suite: &'a str,
        case: &'a Case,
        reply: &'a Reply,
        kept: bool,
    },
    ArmDone {
        arm: Arm,
    },
}

/// What is asked of whom.
#[derive(Debug)]
pub struct Asking<'a> {
    pub benches: &'a [Bench],
    pub base_model: &'a str,
    pub tuned_model: &'a str,
    /// Answers per prompt and arm; 1 at temperature 0, where all would be equal.
    pub samples: usize,
    pub interrupt: &'a Interrupt,
}

struct Planned {
    bench: usize,
    case: usize,
    question: Question,
    key: Digest,
}

/// Per bench, per case. Interrupted, it has kept every answer in the journal.
pub fn ask_all(
    asking: &Asking<'_>,
    answerer: &mut dyn Answerer,
    journal: &mut Journal,
    on_event: &mut dyn FnMut(&Event<'_>),
) -> Result<Vec<Vec<CaseAnswers>>, EvalError> {
    let mut all: Vec<Vec<CaseAnswers>> =
        asking.benches.iter().map(|b| vec![CaseAnswers::default(); b.suite.cases.len()]).collect();
    for arm in Arm::BOTH {
        let model = if arm == Arm::Base { asking.base_model } else { asking.tuned_model };
        let before = answerer.digest(model).map_err(|source| stopped(model, source))?;
        let planned = plan(asking, model, &before, &answerer.signature());
        let kept = planned.iter().filter(|p| journal.get(&p.key).is_some()).count();
        on_event(&Event::ArmStarted { arm, model, questions: planned.len(), kept });
        if kept < planned.len() {
            warm_up(answerer, model)?;
        }
        for (index, p) in planned.iter().enumerate() {
            let (reply, was_kept) = one(asking, answerer, journal, p)?;
            let bench = &asking.benches[p.bench];
            let case = &bench.suite.cases[p.case];
            on_event(&Event::Answered {
                arm,
                index,
                of: planned.len(),
                suite: &bench.suite.name,
                case,
                reply: &reply,
                kept: was_kept,
            });
            let answers = &mut all[p.bench][p.case];
            if arm == Arm::Base { answers.base.push(reply) } else { answers.tuned.push(reply) }
        }
        let after = answerer.digest(model).map_err(|source| stopped(model, source))?;
        if after != before {
            return Err(EvalError::ModelChanged { model: model.to_owned(), before, after });
        }
        on_event(&Event::ArmDone { arm });
    }
    Ok(all)
}

fn one(
    asking: &Asking<'_>,
    answerer: &mut dyn Answerer,
    journal: &mut Journal,
    p: &Planned,
) -> Result<(Reply, bool), EvalError> {
    if let Some(answer) = journal.get(&p.key) {
        return Ok((Reply::Answer(answer.clone()), true));
    }
    let interrupted = |journal: &Journal| EvalError::Interrupted { answers: journal.len() };
    if asking.interrupt.raised() {
        return Err(interrupted(journal));
    }
    let reply = match answerer.ask(&p.question) {
        Ok(reply) => reply,
        Err(_) if asking.interrupt.raised() => return Err(interrupted(journal)),
        Err(source) => return Err(stopped(&p.question.model, source)),
    };
    if let Reply::Answer(answer) = &reply {
        journal.put(p.key, answer)?;
    }
    Ok((reply, false))
}

fn plan(asking: &Asking<'_>, model: &str, digest: &str, signature: &str) -> Vec<Planned> {
    let mut planned = Vec::new();
    for (bench_index, bench) in asking.benches.iter().enumerate() {
        for (case_index, case) in bench.suite.cases.iter().enumerate() {
            for sample in 0..asking.samples.max(1) {
                let question = Question {
                    model: model.to_owned(),
                    messages: messages(bench, case),
                    seed: seed(&bench.suite.name, &case.id, sample),
                    max_tokens: bench.max_tokens,
                };
                let key = Journal::key(digest, signature, &question);
                planned.push(Planned { bench: bench_index, case: case_index, question, key });
            }
        }
    }
    planned
}

fn messages(bench: &Bench, case: &Case) -> Vec<Message> {
    let has_own = case.messages.first().is_some_and(|m| m.role == Role::System);
    let system = bench.system.as_ref().filter(|_| !has_own);
    let system = system.map(|content| Message { role: Role::System, content: content.clone() });
    system.into_iter().chain(case.messages.iter().cloned()).collect()
}

/// The same for both arms, so that sampling noise is paired too. 31 bits: the daemon's seed is a C int.
fn seed(suite: &str, case: &str, sample: usize) -> u64 {
    let digest = Digest::of_bytes(format!("{suite}\n{case}\n{sample}").as_bytes());
    u64::from_str_radix(&digest.hex()[..8], 16).unwrap_or_default() & 0x7fff_ffff
}

/// Loads the model; its answer and time are dropped.
fn warm_up(answerer: &mut dyn Answerer, model: &str) -> Result<(), EvalError> {
    let messages = vec![Message { role: Role::User, content: "Hello.".into() }];
    let question = Question { model: model.to_owned(), messages, seed: 0, max_tokens: Some(1) };
    answerer.ask(&question).map(|_| ()).map_err(|source| stopped(model, source))
}

fn stopped(model: &str, source: Box<dyn std::error::Error + Send + Sync>) -> EvalError {
    EvalError::Stopped { model: model.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Answered;

    /// Answers `<model>: <prompt>`; raises the interrupt or changes the model after so many questions.
    struct Table {
        asked: Vec<String>,
        interrupt: Interrupt,
        stop_after: usize,
        digest: String,
    }

    impl Answerer for Table {
        fn ask(&mut self, q: &Question) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
            let prompt = &q.messages[q.messages.len() - 1].content;
            if prompt == "fails" {
                return Ok(Reply::Failed("500".into()));
            }
            self.asked.push(format!("{} {} {}", q.model, q.messages.len(), prompt));
            if self.asked.len() == self.stop_after {
                self.interrupt.raise();
            }
            Ok(Reply::Answer(Answered { text: format!("{}: {prompt}", q.model), done: true, ..Answered::default() }))
        }
        fn digest(&mut self, model: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
            if self.digest == "moves" {
                self.asked.push(String::new());
                return Ok(self.asked.len().to_string());
            }
            Ok(format!("{model}{}", self.digest))
        }
        fn signature(&self) -> String {
            "t0".into()
        }
    }

    fn run(table: &mut Table, journal: &mut Journal) -> Result<Vec<Vec<CaseAnswers>>, EvalError> {
        let text = "{\"prompt\": \"one\", \"expected\": \"1\"}\n{\"prompt\": \"fails\", \"expected\": \"1\"}\n\
                    {\"messages\": [{\"role\":\"system\",\"content\":\"own\"},{\"role\":\"user\",\"content\":\"two\"}], \"expected\": \"1\"}";
        let benches = [Bench { suite: Suite::parse(text, "s").unwrap(), system: Some("sys".into()), max_tokens: None }];
        let interrupt = table.interrupt.clone();
        let asking =
            Asking { benches: &benches, base_model: "v1", tuned_model: "v2", samples: 1, interrupt: &interrupt };
        ask_all(&asking, table, journal, &mut |_| {})
    }

    fn table(stop_after: usize, digest: &str) -> Table {
        Table { asked: vec![], interrupt: Interrupt::default(), stop_after, digest: digest.into() }
    }

    #[test]
    fn arm_by_arm_and_what_is_kept_is_not_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answers.jsonl");
        // Warm-up, one, two of v1; interrupted before v2's first real question.
        let mut first = table(4, "");
        let e = run(&mut first, &mut Journal::open(&path).unwrap()).unwrap_err();
        assert!(matches!(e, EvalError::Interrupted { answers: 2 }), "{e}");
        let mut second = table(0, "");
        let all = run(&mut second, &mut Journal::open(&path).unwrap()).unwrap();
        // v1: the failed one alone is asked again (after a warm-up); v2: all.
        assert_eq!(second.asked, ["v1 1 Hello.", "v2 1 Hello.", "v2 2 one", "v2 2 two"]);
        assert_eq!(all[0][0].tuned[0].text(), "v2: one");
        assert_eq!(all[0][1].base[0], Reply::Failed("500".into()));
        // Other weights under the name: everything is asked again.
        let mut third = table(0, "other");
        run(&mut third, &mut Journal::open(&path).unwrap()).unwrap();
        assert_eq!(third.asked.len(), 6);
    }

    #[test]
    fn a_model_that_moves_voids_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("j")).unwrap();
        let e = run(&mut table(0, "moves"), &mut journal).unwrap_err();
        assert!(matches!(e, EvalError::ModelChanged { .. }), "{e}");
    }
}
