//! The events that a run keeps in its folder.

use std::path::PathBuf;

use serde_json::json;
use tunesmith::events::{Event, Note, Outcome, Stage};

use crate::program::Place;
use crate::tiny::QWEN2;
use crate::tiny_run;

const RUN: [&str; 4] = ["run", "--embedded", "--until", "register"];

/// The log of the place's one run.
fn log(place: &Place) -> PathBuf {
    let runs = std::fs::read_dir(place.path("runs")).unwrap().map(|entry| entry.unwrap().path());
    runs.map(|run| run.join("events.jsonl")).find(|path| path.is_file()).expect("a run with events")
}

/// Every whole line of the log.
fn events(place: &Place) -> Vec<Event> {
    let text = std::fs::read_to_string(log(place)).unwrap();
    let event = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(value["version"], tunesmith::events::VERSION, "{line}");
        assert!(value["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        serde_json::from_value(value).unwrap_or_else(|e| panic!("{e}: {line}"))
    };
    text.lines().map(event).collect()
}

/// What began, ended or was skipped, in order.
fn stages(events: &[Event]) -> Vec<(&'static str, Stage)> {
    let stage = |event: &Event| match event {
        Event::StageBegun { stage, .. } => Some(("begun", *stage)),
        Event::StageEnded { stage, .. } => Some(("ended", *stage)),
        Event::StageSkipped { stage } => Some(("skipped", *stage)),
        _ => None,
    };
    events.iter().filter_map(stage).collect()
}

#[test]
fn a_run_leaves_its_events_stage_by_stage() {
    let (base, place) = (QWEN2.folder(), Place::new());
    tiny_run::lay_out(&place, base.path(), &json!({}));
    place.run(&RUN).says(0, &[]);
    let first = events(&place);
    let done = |stage| [("begun", stage), ("ended", stage)];
    let registered = [Stage::Upload, Stage::Register].map(done).concat();
    let expected = [[Stage::Train, Stage::Export].map(done).concat(), registered.clone()].concat();
    assert_eq!(stages(&first), expected, "{first:#?}");
    assert!(matches!(&first[0], Event::Note(Note::Run { path }) if path.starts_with("runs")), "{first:#?}");
    let outcome = |stage: Stage| {
        let ended = |event: &Event| match event {
            Event::StageEnded { stage: s, outcome, seconds } if *s == stage && *seconds >= 0.0 => Some(outcome.clone()),
            _ => None,
        };
        first.iter().find_map(ended).unwrap()
    };
    assert!(matches!(outcome(Stage::Train), Outcome::Trained { steps: 4, .. }));
    assert!(matches!(outcome(Stage::Export), Outcome::Exported { bytes, .. } if bytes > 0));
    // What is done already is skipped; only the candidate was registered, which is done again.
    place.run(&RUN).says(0, &["trained already", "exported already"]);
    let both = events(&place);
    assert_eq!(both[..first.len()], first[..], "a second run only adds");
    let skipped = [("skipped", Stage::Train), ("skipped", Stage::Export)];
    assert_eq!(stages(&both[first.len()..]), [&skipped[..], &registered[..]].concat());
}

/// A killed run may have cut its last line; a run that fails says why.
#[test]
fn a_line_that_was_cut_stays_alone_and_a_failure_is_kept() {
    let (base, place) = (QWEN2.folder(), Place::new());
    tiny_run::lay_out(&place, base.path(), &json!({"num_ctx": 16}));
    let until = |step| place.run(&["run", "--embedded", "--until", step]);
    until("data").says(0, &[]);
    let log = log(&place);
    let mut text = std::fs::read_to_string(&log).unwrap();
    text += "{\"version\":1,\"event\":\"stage_adv";
    std::fs::write(&log, &text).unwrap();
    // No conversation has a place in the model's context.
    until("prove").says(6, &["error: the proof failed", "hint: "]);
    let lines = std::fs::read_to_string(&log).unwrap();
    let rest = lines.strip_prefix(&text).and_then(|rest| rest.strip_prefix('\n')).expect("the cut line is ended");
    let rest: Vec<Event> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let proved =
        |event: &Event| matches!(event, Event::StageEnded { outcome: Outcome::Proved { passed: false, .. }, .. });
    assert!(rest.iter().any(proved), "{rest:#?}");
    assert!(rest.iter().any(|event| matches!(event, Event::ProofLeg { leg, passed: false, .. } if leg == "prompt")));
    let Some(Event::Failed { code: 6, message, hint: Some(hint) }) = rest.last() else { panic!("{rest:#?}") };
    assert!(message.starts_with("the proof failed") && hint.contains("proof.json"), "{message}: {hint}");
}
