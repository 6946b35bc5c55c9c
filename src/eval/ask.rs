//! Every prompt asked of both models: one arm, then the other, each warmed up; progress as events.

use crate::chat::{Message, Role};
use crate::store::{Digest, Interrupt};

use super::answerer::{Answerer, Question, Reply};
use super::arm::{ArmEvent, ArmRequest, ask_arm, stopped};
use super::cache::AnswerCache;
use super::case::Case;
use super::fault::EvalError;
use super::suite::Suite;

/// One of the models compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// What the role serves now.
    Base,
    /// The candidate.
    Tuned,
    /// The base, exported as the candidate was, with a tune of zero.
    Control,
    /// What the role serves now, asked a second time.
    Again,
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
pub struct Answers {
    /// Per bench, per case.
    pub answers: Vec<Vec<CaseAnswers>>,
    /// Read before the arm and again after it.
    pub base_digest: String,
    pub tuned_digest: String,
    /// Answers that are kept now.
    pub answered: usize,
}

#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// `kept` of `questions` have been asked before, and are not asked again.
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
        model: &'a str,
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

/// Where a planned question belongs.
struct Planned {
    bench: usize,
    case: usize,
}

/// What is asked of one model.
#[derive(Debug)]
pub struct ArmAsking<'a> {
    pub arm: Arm,
    pub model: &'a str,
    pub benches: &'a [Bench],
    /// As [`Asking::samples`].
    pub samples: usize,
    pub interrupt: &'a Interrupt,
    /// Answers of earlier arms of the same evaluation, for the message of an interruption.
    pub answered: usize,
}

/// Every answer of one model.
#[derive(Debug)]
pub struct ModelAnswers {
    /// Per bench, per case, per sample.
    pub answers: Vec<Vec<Vec<Reply>>>,
    /// Of the model, the same before and after.
    pub digest: String,
    /// Answers that are kept now, those of earlier arms included.
    pub answered: usize,
}

/// Arm by arm. Interrupted, it has kept every answer, unless the model was replaced since.
pub fn ask_all(
    asking: &Asking<'_>,
    answerer: &dyn Answerer,
    cache: &mut AnswerCache,
    on_event: &mut dyn FnMut(&Event<'_>),
) -> Result<Answers, EvalError> {
    let Asking { benches, base_model, tuned_model, samples, interrupt } = *asking;
    let of = |arm, model, answered| ArmAsking { arm, model, benches, samples, interrupt, answered };
    let base = ask_model(&of(Arm::Base, base_model, 0), answerer, cache, on_event)?;
    let tuned = ask_model(&of(Arm::Tuned, tuned_model, base.answered), answerer, cache, on_event)?;
    let mut answers = Vec::new();
    for (base, tuned) in base.answers.into_iter().zip(tuned.answers) {
        answers.push(base.into_iter().zip(tuned).map(|(base, tuned)| CaseAnswers { base, tuned }).collect());
    }
    Ok(Answers { answers, base_digest: base.digest, tuned_digest: tuned.digest, answered: tuned.answered })
}

/// Every question of every bench asked of one model. Interrupted, it has kept every answer, unless the model was replaced since.
pub fn ask_model(
    asking: &ArmAsking<'_>,
    answerer: &dyn Answerer,
    cache: &mut AnswerCache,
    on_event: &mut dyn FnMut(&Event<'_>),
) -> Result<ModelAnswers, EvalError> {
    let ArmAsking { arm, model, benches, interrupt, answered, .. } = *asking;
    let mut answers: Vec<Vec<Vec<Reply>>> = benches.iter().map(|b| vec![Vec::new(); b.suite.cases.len()]).collect();
    let (planned, questions) = plan(asking, answerer)?;
    let request = ArmRequest { model, questions: &questions, interrupt, answered_before: answered };
    let asked = ask_arm(&request, answerer, cache, &mut |event| match event {
        ArmEvent::Started { kept } => {
            on_event(&Event::ArmStarted { arm, model, questions: questions.len(), kept });
        }
        ArmEvent::Answered { index, reply, kept } => {
            let p = &planned[index];
            let suite = &benches[p.bench].suite;
            let case = &suite.cases[p.case];
            on_event(&Event::Answered { arm, index, of: planned.len(), suite: &suite.name, case, reply, kept });
            answers[p.bench][p.case].push(reply.clone());
        }
    })?;
    on_event(&Event::ArmDone { arm, model });
    Ok(ModelAnswers { answers, digest: asked.digest, answered: asked.answered })
}

/// Every question of every bench to this model.
fn plan(asking: &ArmAsking<'_>, answerer: &dyn Answerer) -> Result<(Vec<Planned>, Vec<Question>), EvalError> {
    let model = asking.model;
    let served = if asking.benches.iter().any(|b| b.system == SystemTurn::Served) {
        answerer.served_system(model).map_err(|source| stopped(model, source))?
    } else {
        None
    };
    let (mut planned, mut questions) = (Vec::new(), Vec::new());
    for (bench_index, bench) in asking.benches.iter().enumerate() {
        for (case_index, case) in bench.suite.cases.iter().enumerate() {
            for sample in 0..asking.samples.max(1) {
                questions.push(Question {
                    model: model.to_owned(),
                    messages: bench.messages(case, served.as_deref()),
                    seed: seed(&bench.suite.name, &case.id, sample),
                    max_tokens: bench.max_tokens,
                    plain: bench.plain,
                    tools: case.tools.clone(),
                });
                planned.push(Planned { bench: bench_index, case: case_index });
            }
        }
    }
    Ok((planned, questions))
}

/// The same for both arms, so that sampling noise is paired too. 31 bits: the daemon's seed is a C int.
fn seed(suite: &str, case: &str, sample: usize) -> u64 {
    let digest = Digest::of_bytes(format!("{suite}\n{case}\n{sample}").as_bytes());
    u64::from_str_radix(&digest.hex()[..8], 16).unwrap_or_default() & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::path::Path;

    use super::*;
    use crate::eval::Answered;

    type Cause = Box<dyn std::error::Error + Send + Sync>;

    /// Answers `<model>: <prompt>`; raises the interrupt or changes the model after so many questions.
    struct Table {
        asked: RefCell<Vec<String>>,
        failures: Cell<usize>,
        interrupt: Interrupt,
        stop_after: usize,
        /// What its models' digests end in, or how it behaves.
        digest: String,
        candidate: &'static str,
    }

    impl Answerer for Table {
        fn warm_up(&self, model: &str) -> Result<(), Cause> {
            if self.digest == "too big" && model == "v1" {
                return Err("out of memory".into());
            }
            self.asked.borrow_mut().push(format!("{model} loaded"));
            Ok(())
        }
        fn ask(&self, q: &Question) -> Result<Reply, Cause> {
            let prompt = &q.messages[q.messages.len() - 1].content;
            if prompt == "fails" && self.digest != "answers" {
                self.failures.set(self.failures.get() + 1);
                return Ok(match self.digest.as_str() {
                    "torn" => Reply::Answer(Answered { text: "half".into(), ..Answered::default() }),
                    _ => Reply::Failed("500".into()),
                });
            }
            let system: Vec<&str> =
                q.messages.iter().filter(|m| m.role == Role::System).map(|m| m.content.as_str()).collect();
            self.asked.borrow_mut().push(format!("{} [{}] {prompt}", q.model, system.join(" ")));
            if self.asked.borrow().len() == self.stop_after {
                self.interrupt.raise();
            }
            Ok(Reply::Answer(Answered { text: format!("{}: {prompt}", q.model), done: true, ..Answered::default() }))
        }
        fn served_system(&self, model: &str) -> Result<Option<String>, Cause> {
            Ok((model == "v2").then(|| "of v2".to_owned()))
        }
        fn digest(&self, model: &str) -> Result<String, Cause> {
            let asked = self.asked.borrow().len();
            match self.digest.as_str() {
                // As it was, until its first answer.
                "replaced" if asked > 1 => Ok(format!("{model} replaced")),
                "replaced" => Ok(model.to_owned()),
                suffix => Ok(format!("{model}{suffix}")),
            }
        }
        fn request(&self, q: &Question) -> Result<String, Cause> {
            Ok(format!("t0 {:?} {}", q.messages, q.seed))
        }
    }

    fn run(table: &Table, folder: &Path, system: SystemTurn) -> Result<Answers, EvalError> {
        let text = "{\"prompt\": \"one\", \"expected\": \"1\"}\n{\"prompt\": \"fails\", \"expected\": \"1\"}\n\
                    {\"messages\": [{\"role\":\"system\",\"content\":\"own\"},{\"role\":\"user\",\"content\":\"two\"}], \"expected\": \"1\"}";
        let benches = [Bench { suite: Suite::parse(text, "s").unwrap(), system, max_tokens: None, plain: false }];
        let interrupt = table.interrupt.clone();
        let tuned_model = table.candidate;
        let asking = Asking { benches: &benches, base_model: "v1", tuned_model, samples: 1, interrupt: &interrupt };
        ask_all(&asking, table, &mut AnswerCache::open(folder).unwrap(), &mut |_| {})
    }

    fn table(stop_after: usize, digest: &str) -> Table {
        let interrupt = Interrupt::default();
        let (asked, failures) = (RefCell::default(), Cell::new(0));
        Table { asked, failures, interrupt, stop_after, digest: digest.into(), candidate: "v2" }
    }

    fn text() -> SystemTurn {
        SystemTurn::Text("sys".into())
    }

    #[test]
    fn arm_by_arm_and_what_is_kept_is_not_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        // Warm-up, one, two of v1; interrupted before v2's first question.
        let e = run(&table(3, ""), dir.path(), text()).unwrap_err();
        assert!(matches!(e, EvalError::Interrupted { answers: 2 }), "{e}");
        let second = table(0, "");
        let all = run(&second, dir.path(), text()).unwrap();
        // v1: the failed one alone is asked again (after a warm-up); v2: all.
        assert_eq!(*second.asked.borrow(), ["v1 loaded", "v2 loaded", "v2 [sys] one", "v2 [own] two"]);
        assert_eq!(all.answers[0][0].tuned[0].text(), "v2: one");
        assert_eq!(all.answers[0][1].base[0], Reply::Failed("500".into()));
        assert_eq!((all.base_digest.as_str(), all.tuned_digest.as_str()), ("v1", "v2"));
        // A failure is tried twice, in each arm.
        assert_eq!(second.failures.get(), 4);
        // Other weights under the name: everything is asked again.
        let third = table(0, "other");
        run(&third, dir.path(), text()).unwrap();
        assert_eq!(third.asked.borrow().len(), 6);
    }

    #[test]
    fn a_second_candidate_of_the_same_base_asks_only_v2() {
        let dir = tempfile::tempdir().unwrap();
        let ask = |candidate, fails: &'static str| {
            let table = Table { candidate, ..table(0, fails) };
            run(&table, dir.path(), text()).unwrap();
            table.asked.into_inner()
        };
        assert_eq!(ask("v2", "answers").len(), 8);
        assert_eq!(ask("v3", "answers"), ["v3 loaded", "v3 [sys] one", "v3 [sys] fails", "v3 [own] two"]);
        // The same again: nothing is loaded.
        assert_eq!(ask("v3", "answers"), Vec::<String>::new());
    }

    #[test]
    fn a_stream_that_ends_without_done_is_asked_again_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let torn = table(0, "torn");
        let all = run(&torn, dir.path(), text()).unwrap();
        assert_eq!(torn.failures.get(), 4);
        assert!(all.answers[0][1].base[0].is_failure() && !all.answers[0][0].base[0].is_failure());
        let again = table(0, "torn");
        run(&again, dir.path(), text()).unwrap();
        assert_eq!(*again.asked.borrow(), ["v1 loaded", "v2 loaded"]);
        assert_eq!(again.failures.get(), 4);
    }

    #[test]
    fn each_model_is_asked_with_the_system_it_is_served_with() {
        let dir = tempfile::tempdir().unwrap();
        let asked = |system| {
            let table = table(0, "");
            let folder = dir.path().join(format!("{system:?}"));
            run(&table, &folder, system).unwrap();
            table.asked.into_inner().into_iter().filter(|a| !a.ends_with("loaded")).collect::<Vec<_>>()
        };
        assert_eq!(asked(SystemTurn::Served), ["v1 [] one", "v1 [own] two", "v2 [of v2] one", "v2 [own] two"]);
        assert_eq!(asked(SystemTurn::Nothing), ["v1 [] one", "v1 [own] two", "v2 [] one", "v2 [own] two"]);
    }

    #[test]
    fn a_model_that_moves_or_cannot_load_voids_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let e = run(&table(0, "replaced"), dir.path(), text()).unwrap_err();
        assert!(matches!(e, EvalError::ModelChanged { .. }), "{e}");
        // Nor after an interruption is anything kept that the other model may have said.
        let e = run(&table(2, "replaced"), dir.path(), text()).unwrap_err();
        assert!(matches!(e, EvalError::Interrupted { answers: 0 }), "{e}");
        let back = table(0, "");
        run(&back, dir.path(), text()).unwrap();
        assert_eq!(back.asked.borrow().len(), 6);
        let too_big = table(0, "too big");
        let e = run(&too_big, dir.path(), text()).unwrap_err();
        assert_eq!((e.to_string().as_str(), too_big.asked.borrow().len()), ("asking v1: out of memory", 0));
    }
}
