//! What a run looks like on a terminal, from a fixed list of events; every kind of failure.

use super::*;
use crate::commands::{Failure, Kind};
use crate::events::{BasePlace, Survival, Warning};
use crate::store::Digest;

const UTF8: Style = Style { utf8: true, colour: false, width: Some(100) };
const ASCII: Style = Style { utf8: false, ..UTF8 };

fn shown(style: Style, quiet: bool, events: &[Event]) -> String {
    let mut renderer = Renderer::new(style, quiet);
    let lines = events.iter().flat_map(|event| renderer.lines(event));
    lines.map(|line| line.to_string()).collect::<Vec<_>>().join("\n")
}

fn ended(stage: Stage, seconds: f64, outcome: Outcome) -> Event {
    Event::StageEnded { stage, seconds, outcome }
}

fn base() -> Event {
    let place = BasePlace::OllamaStore { model: "smollm2:135m".into(), digest: "1d4a8f0c7b2e".into() };
    Event::Note(Note::Base { role: None, model: "smollm2:135m".into(), hub_id: None, place })
}

fn leg(leg: &str, faults: &[&str], summary: &str) -> Event {
    let faults: Vec<String> = faults.iter().map(|fault| (*fault).to_owned()).collect();
    Event::ProofLeg { leg: leg.into(), passed: faults.is_empty(), summary: summary.into(), faults }
}

fn suites() -> [Event; 3] {
    let role = SuiteResult {
        suite: "suites/assistant.jsonl".into(),
        prompts: 78,
        v1: 0.0,
        v2: 0.974_358,
        low: 0.912_8,
        high: 0.993,
        fixed: 76,
        broken: 0,
        margin: None,
        verdict: "IMPROVED".into(),
    };
    let general = SuiteResult {
        suite: "builtin:general".into(),
        prompts: 120,
        v1: 0.894,
        v2: 0.889,
        low: -0.031,
        high: 0.021,
        fixed: 1,
        broken: 2,
        margin: Some(0.1),
        verdict: "PASS".into(),
    };
    let held_out = SuiteResult {
        suite: "held out".into(),
        prompts: 20,
        low: -0.2625,
        high: 0.05,
        margin: Some(0.025),
        verdict: "REGRESSED_WITHIN_TOLERANCE".into(),
        ..general.clone()
    };
    [role, general, held_out].map(Event::Suite)
}

/// A run as it is the first time, as far as its gate.
fn run() -> Vec<Event> {
    let digest = Digest::of_bytes(b"weights");
    let trained = Outcome::Trained {
        steps: 150,
        num_tokens: 81_223,
        train_loss: 0.123_4,
        eval_loss: Some(0.156_7),
        mean_token_accuracy: 0.978,
        entropy: 0.114,
    };
    let exported = Outcome::Exported {
        path: "runs/demo-assistant-v1-8f3a1c2d9e10/gguf/model-q8_0.gguf".into(),
        bytes: 144_811_008,
        survival: Some(Survival { median: 0.999_2, least: 0.987 }),
    };
    let proved = Outcome::Proved { passed: true, kind: "proved".into(), daemon_version: "0.32.1".into() };
    let mut events = vec![
        base(),
        base(),
        Event::Note(Note::Run { path: "runs/demo-assistant-v1-8f3a1c2d9e10".into() }),
        Event::Warning(Warning::Dataset {
            text: "data.jsonl line 7: the same example as line 3, which is then trained on twice as often as the \
                   others are"
                .into(),
        }),
        ended(Stage::Replay, 151.2, Outcome::Replayed { prompts: 200, examples: 800 }),
        Event::StageBegun { stage: Stage::Train, unit: Unit::Steps, total: Some(150) },
        Event::StageAdvanced { stage: Stage::Train, done: 75, total: Some(150), detail: None },
        Event::Epoch {
            epoch: 1.0,
            train_loss: 0.456,
            mean_token_accuracy: 0.9,
            grad_norm: 1.25,
            tokens_per_second: 812.3,
        },
        ended(Stage::Train, 3723.0, trained),
        ended(Stage::Export, 12.3, exported),
        ended(Stage::Upload, 0.84, Outcome::Uploaded { digest, bytes: 144_811_008 }),
        ended(
            Stage::Register,
            0.2,
            Outcome::Registered { model: "demo-assistant:v1".into(), daemon_version: "0.32.1".into() },
        ),
        ended(Stage::Prove, 64.0, proved),
        leg("prompt", &[], "198 of 198 conversations give the same ids"),
        leg("exported", &[], "the exported file answers as the trained model does, at 24 prompts"),
        leg("served", &[], "the daemon answers as the exported file does"),
        ended(Stage::AskV1, 31.0, Outcome::Answered { model: "demo-assistant:base".into() }),
        ended(Stage::AskV2, 31.4, Outcome::Answered { model: "demo-assistant:v1".into() }),
    ];
    events.extend(suites());
    events.push(Event::Verdict {
        decision: "PASS".into(),
        reasons: Vec::new(),
        notes: vec!["degenerate answers: v1 0 of 198, v2 1 of 198 (p = 0.50), which is as chance gives them".into()],
    });
    let (role, from, to) = ("assistant".into(), "demo-assistant:base".into(), "demo-assistant:v1".into());
    events.push(Event::Promoted { role, from, to });
    events
}

#[test]
fn a_run_that_is_promoted() {
    insta::assert_snapshot!("run_utf8", shown(UTF8, false, &run()));
    insta::assert_snapshot!("run_ascii", shown(ASCII, false, &run()));
    insta::assert_snapshot!("run_no_terminal", shown(Style { width: None, ..ASCII }, false, &run()));
    // Of a quiet run the warnings stay.
    insta::assert_snapshot!("run_quiet", shown(UTF8, true, &run()));
}

#[test]
fn a_run_that_skips_and_is_refused() {
    let faults = ["a", "b", "c", "d", "e", "not shown"];
    let mut events: Vec<Event> =
        [Stage::Train, Stage::Export, Stage::Register, Stage::Prove].map(|stage| Event::StageSkipped { stage }).into();
    events.extend([
        ended(Stage::Pull, 4.0, Outcome::Pulled { model: "smollm2:135m".into() }),
        ended(Stage::Trial, 4.0, Outcome::Tried { seconds_per_step: Some(0.456) }),
        ended(Stage::Trial, 0.0, Outcome::Tried { seconds_per_step: None }),
        ended(Stage::Replay, 8.0, Outcome::ReplaySampled { answered: 8, unanswered: 200 }),
        ended(
            Stage::Prove,
            9.94,
            Outcome::Proved { passed: false, kind: "proved".into(), daemon_version: "0.32.1".into() },
        ),
        leg("served", &faults, "18 of 24 prompts are answered as the exported file answers them"),
    ]);
    events.extend(suites());
    let reasons = vec![
        "builtin:general: 10 degenerate answers more than before, in 198 (p = 0.001); at most 2 points are allowed"
            .into(),
        "every answer equals v1's".into(),
    ];
    events.push(Event::Verdict { decision: "FAIL".into(), reasons, notes: Vec::new() });
    insta::assert_snapshot!("refused_utf8", shown(UTF8, false, &events));
    insta::assert_snapshot!("refused_coloured", shown(Style { colour: true, ..UTF8 }, false, &events));
}

#[test]
fn the_table_of_a_verdict_has_two_columns_less_where_the_terminal_is_narrow() {
    let verdict =
        Event::Verdict { decision: "INCONCLUSIVE".into(), reasons: vec!["too few prompts".into()], notes: Vec::new() };
    let events: Vec<Event> = suites().into_iter().chain([verdict]).collect();
    insta::assert_snapshot!("verdict_wide", shown(Style { width: Some(140), ..UTF8 }, false, &events));
    insta::assert_snapshot!("verdict_narrow", shown(UTF8, false, &events));
}

#[test]
fn every_kind_of_failure() {
    let kinds = [
        Kind::Error,
        Kind::Usage,
        Kind::Input,
        Kind::Daemon,
        Kind::Resources,
        Kind::Proof,
        Kind::GateFail,
        Kind::GateInconclusive,
        Kind::Interrupted,
    ];
    let failures = kinds.map(|kind| match kind {
        Kind::Error => Failure::new(kind, "writing runs/x/train.json: Permission denied (os error 13)"),
        Kind::Usage => Failure::new(kind, "give --base and --gguf, or --check"),
        Kind::Input => Failure::input(
            "data.jsonl: 2 faults\n  line 2: `messages` is empty\n  line 42: message 3 has role \"asistant\"; expected \
             system, user, assistant or tool, and the last message from the assistant",
        ),
        Kind::Daemon => Failure::new(kind, "no daemon answers at 127.0.0.1:11434").hint("start it: `ollama serve`"),
        Kind::Resources => Failure::new(kind, "memory is used up: the base takes 8192 MiB, and 4096 MiB are free")
            .hint(
                "a smaller base, or more memory (a larger --max-memory, or another machine), or a shorter max_seq_len",
            ),
        Kind::Proof => Failure::new(kind, "the proof failed, leg served: prompt 3 is answered differently")
            .hint("x:v2 is untouched; the candidate stays as x:v2-candidate; all numbers: runs/x/proof.json"),
        Kind::GateFail => Failure::new(kind, "the gate on record of x:v2 is FAIL"),
        Kind::GateInconclusive => Failure::new(kind, "`system` of the role router has changed since its recorded gate"),
        Kind::Interrupted => Failure::interrupted(),
    });
    let event = |failure: &Failure| {
        let (code, message) = (failure.kind.exit_code(), failure.message());
        format!("{code}\n{}", shown(UTF8, false, &[Event::Failed { code, message, hint: failure.hint.clone() }]))
    };
    insta::assert_snapshot!("failures", failures.each_ref().map(event).join("\n\n"));
}

#[test]
fn progress_in_words() {
    assert_eq!(count(Unit::Steps, 3, Some(24)), "3/24 steps");
    assert_eq!(count(Unit::Bytes, 3 << 20, Some(10 << 20)), "3/10 MiB");
    assert_eq!((count(Unit::Bytes, 3 << 20, None), count(Unit::Steps, 0, None)), ("3 MiB".into(), String::new()));
    assert_eq!(detail_words(&Detail::Item("first\nsecond".into())), "first");
    assert_eq!(detail_words(&Detail::Item("é".repeat(61))), format!("{}...", "é".repeat(60)));
    assert_eq!(detail_words(&Detail::Evaluation { eval_loss: 0.5, best: true }), "eval loss 0.500, the best");
    let step = Detail::Step { train_loss: 1.2345, tokens_per_second: 99.6 };
    assert_eq!(detail_words(&step), "loss 1.234 100 tok/s");
    assert_eq!([0.04, 12.0, 99.4, 120.0, 7200.0].map(duration), ["0.0 s", "12 s", "99 s", "2.0 min", "2.0 h"]);
}
