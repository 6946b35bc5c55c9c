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

/// What stands before every case that has no system turn of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemTurn {
    /// This text, for both arms.
    Text(String),
    /// What each model is served with: its Modelfile's SYSTEM.
    Served,
    /// Nothing that we say (through `/api/chat` the daemon still puts the model's own SYSTEM there).
    Nothing,
}

/// A suite and how it is asked.
#[derive(Clone, Debug)]
pub struct Bench {
    pub suite: Suite,
    pub system: SystemTurn,
    pub max_tokens: Option<u64>,
    /// See [`Question::plain`].
    pub plain: bool,
}

impl Bench {
    /// The conversation that is asked; `served`: the system text of the model that is asked.
    pub fn messages(&self, case: &Case, served: Option<&str>) -> Vec<Message> {
        let has_own = case.messages.first().is_some_and(|m| m.role == Role::System);
        let system = match &self.system {
            SystemTurn::Text(text) => Some(text.as_str()),
            SystemTurn::Served => served,
            SystemTurn::Nothing => None,
        };
        let system = system.filter(|_| !has_own).map(|text| Message::new(Role::System, text));
        system.into_iter().chain(case.messages.iter().cloned()).collect()
    }
}

/// One case, asked `samples` times of each arm.
#[derive(Clone, Debug, Default)]
pub struct CaseAnswers {
    pub base: Vec<Reply>,
    pub tuned: Vec<Reply>,
}

/// Every answer, and which weights gave them.
#[derive(Debug)]
pub struct Asked {
    /// Per bench, per case.
    pub answers: Vec<Vec<CaseAnswers>>,
    /// Read before the arm and again after it.
    pub base_digest: String,
    pub tuned_digest: String,
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

/// Arm by arm. Interrupted, it has kept every answer in the journal.
pub fn ask_all(
    asking: &Asking<'_>,
    answerer: &mut dyn Answerer,
    journal: &mut Journal,
    on_event: &mut dyn FnMut(&Event<'_>),
) -> Result<Asked, EvalError> {
    let mut answers: Vec<Vec<CaseAnswers>> =
        asking.benches.iter().map(|b| vec![CaseAnswers::default(); b.suite.cases.len()]).collect();
    let [mut base_digest, mut tuned_digest] = [String::new(), String::new()];
    for arm in Arm::BOTH {
        let model = if arm == Arm::Base { asking.base_model } else { asking.tuned_model };
        let before = answerer.digest(model).map_err(|source| stopped(model, source))?;
        let planned = plan(asking, answerer, (model, &before))?;
        let kept = planned.iter().filter(|p| journal.get(&p.key).is_some()).count();
        on_event(&Event::ArmStarted { arm, model, questions: planned.len(), kept });
        if kept < planned.len() {
            answerer.warm_up(model).map_err(|source| stopped(model, source))?;
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
            let answers = &mut answers[p.bench][p.case];
            if arm == Arm::Base { answers.base.push(reply) } else { answers.tuned.push(reply) }
        }
        let after = answerer.digest(model).map_err(|source| stopped(model, source))?;
        if after != before {
            return Err(EvalError::ModelChanged { model: model.to_owned(), before, after });
        }
        *(if arm == Arm::Base { &mut base_digest } else { &mut tuned_digest }) = after;
        on_event(&Event::ArmDone { arm });
    }
    Ok(Asked { answers, base_digest, tuned_digest })
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

fn plan(
    asking: &Asking<'_>,
    answerer: &mut dyn Answerer,
    (model, digest): (&str, &str),
) -> Result<Vec<Planned>, EvalError> {
    let signature = answerer.signature();
    let served = if asking.benches.iter().any(|b| b.system == SystemTurn::Served) {
        answerer.served_system(model).map_err(|source| stopped(model, source))?
    } else {
        None
    };
    let mut planned = Vec::new();
    for (bench_index, bench) in asking.benches.iter().enumerate() {
        for (case_index, case) in bench.suite.cases.iter().enumerate() {
            for sample in 0..asking.samples.max(1) {
                let question = Question {
                    model: model.to_owned(),
                    messages: bench.messages(case, served.as_deref()),
                    seed: seed(&bench.suite.name, &case.id, sample),
                    max_tokens: bench.max_tokens,
                    plain: bench.plain,
                };
                let key = Journal::key(digest, &signature, &question);
                planned.push(Planned { bench: bench_index, case: case_index, question, key });
            }
        }
    }
    Ok(planned)
}

/// The same for both arms, so that sampling noise is paired too. 31 bits: the daemon's seed is a C int.
fn seed(suite: &str, case: &str, sample: usize) -> u64 {
    let digest = Digest::of_bytes(format!("{suite}\n{case}\n{sample}").as_bytes());
    u64::from_str_radix(&digest.hex()[..8], 16).unwrap_or_default() & 0x7fff_ffff
}

fn stopped(model: &str, source: Box<dyn std::error::Error + Send + Sync>) -> EvalError {
    EvalError::Stopped { model: model.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Answered;

    type Cause = Box<dyn std::error::Error + Send + Sync>;

    /// Answers `<model>: <prompt>`; raises the interrupt or changes the model after so many questions.
    struct Table {
        asked: Vec<String>,
        interrupt: Interrupt,
        stop_after: usize,
        digest: String,
    }

    impl Answerer for Table {
        fn warm_up(&mut self, model: &str) -> Result<(), Cause> {
            if self.digest == "too big" && model == "v1" {
                return Err("out of memory".into());
            }
            self.asked.push(format!("{model} loaded"));
            Ok(())
        }
        fn ask(&mut self, q: &Question) -> Result<Reply, Cause> {
            let prompt = &q.messages[q.messages.len() - 1].content;
            if prompt == "fails" {
                return Ok(Reply::Failed("500".into()));
            }
            let system: Vec<&str> =
                q.messages.iter().filter(|m| m.role == Role::System).map(|m| m.content.as_str()).collect();
            self.asked.push(format!("{} [{}] {prompt}", q.model, system.join(" ")));
            if self.asked.len() == self.stop_after {
                self.interrupt.raise();
            }
            Ok(Reply::Answer(Answered { text: format!("{}: {prompt}", q.model), done: true, ..Answered::default() }))
        }
        fn served_system(&mut self, model: &str) -> Result<Option<String>, Cause> {
            Ok((model == "v2").then(|| "of v2".to_owned()))
        }
        fn digest(&mut self, model: &str) -> Result<String, Cause> {
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

    fn run(table: &mut Table, journal: &mut Journal, system: SystemTurn) -> Result<Asked, EvalError> {
        let text = "{\"prompt\": \"one\", \"expected\": \"1\"}\n{\"prompt\": \"fails\", \"expected\": \"1\"}\n\
                    {\"messages\": [{\"role\":\"system\",\"content\":\"own\"},{\"role\":\"user\",\"content\":\"two\"}], \"expected\": \"1\"}";
        let benches = [Bench { suite: Suite::parse(text, "s").unwrap(), system, max_tokens: None, plain: false }];
        let interrupt = table.interrupt.clone();
        let asking =
            Asking { benches: &benches, base_model: "v1", tuned_model: "v2", samples: 1, interrupt: &interrupt };
        ask_all(&asking, table, journal, &mut |_| {})
    }

    fn table(stop_after: usize, digest: &str) -> Table {
        Table { asked: vec![], interrupt: Interrupt::default(), stop_after, digest: digest.into() }
    }

    fn text() -> SystemTurn {
        SystemTurn::Text("sys".into())
    }

    #[test]
    fn arm_by_arm_and_what_is_kept_is_not_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answers.jsonl");
        // Warm-up, one, two of v1; interrupted before v2's first question.
        let mut first = table(3, "");
        let e = run(&mut first, &mut Journal::open(&path).unwrap(), text()).unwrap_err();
        assert!(matches!(e, EvalError::Interrupted { answers: 2 }), "{e}");
        let mut second = table(0, "");
        let all = run(&mut second, &mut Journal::open(&path).unwrap(), text()).unwrap();
        // v1: the failed one alone is asked again (after a warm-up); v2: all.
        assert_eq!(second.asked, ["v1 loaded", "v2 loaded", "v2 [sys] one", "v2 [own] two"]);
        assert_eq!(all.answers[0][0].tuned[0].text(), "v2: one");
        assert_eq!(all.answers[0][1].base[0], Reply::Failed("500".into()));
        assert_eq!((all.base_digest.as_str(), all.tuned_digest.as_str()), ("v1", "v2"));
        // Other weights under the name: everything is asked again.
        let mut third = table(0, "other");
        run(&mut third, &mut Journal::open(&path).unwrap(), text()).unwrap();
        assert_eq!(third.asked.len(), 6);
    }

    #[test]
    fn each_model_is_asked_with_the_system_it_is_served_with() {
        let dir = tempfile::tempdir().unwrap();
        let asked = |system| {
            let mut table = table(0, "");
            let journal = dir.path().join(format!("{system:?}"));
            run(&mut table, &mut Journal::open(&journal).unwrap(), system).unwrap();
            table.asked.into_iter().filter(|a| !a.ends_with("loaded")).collect::<Vec<_>>()
        };
        assert_eq!(asked(SystemTurn::Served), ["v1 [] one", "v1 [own] two", "v2 [of v2] one", "v2 [own] two"]);
        assert_eq!(asked(SystemTurn::Nothing), ["v1 [] one", "v1 [own] two", "v2 [] one", "v2 [own] two"]);
    }

    #[test]
    fn a_model_that_moves_or_cannot_load_voids_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("j")).unwrap();
        let e = run(&mut table(0, "moves"), &mut journal, text()).unwrap_err();
        assert!(matches!(e, EvalError::ModelChanged { .. }), "{e}");
        let mut too_big = table(0, "too big");
        let e = run(&mut too_big, &mut journal, text()).unwrap_err();
        assert_eq!((e.to_string().as_str(), too_big.asked.len()), ("asking v1: out of memory", 0));
    }
}
