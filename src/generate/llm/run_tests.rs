//! Whole runs: exact counts, kills and interrupts, small models, paraphrases, calibration.

use super::*;

#[test]
fn the_count_is_exact_and_no_matter_how_many_calls_are_in_flight() {
    let answer = |r: &Request<'_>| {
        if r.kind == Kind::Question && r.app.is_multiple_of(3) { written("{}".into()) } else { written(right(r)) }
    };
    let of = |count, parallel| {
        let mut bench = Bench::new(apps(40), items(40));
        bench.options.count = Some(count);
        bench.options.parallel = parallel;
        bench.outcome(&Model::new(answer))
    };
    for count in [1, 7, 20] {
        let outcome = of(count, 1);
        assert_eq!(outcome.drafts.len(), count);
        for parallel in [3, 64] {
            assert_eq!(of(count, parallel), outcome, "{count} {parallel}");
        }
    }
    assert_eq!(of(100, 4).drafts.len(), 26);
}

#[test]
fn a_run_that_is_killed_at_any_moment_ends_as_an_unbroken_one() {
    use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
    let answer = |r: &Request<'_>| match (r.kind, r.seed % 4) {
        (Kind::Question, 0) => Written { done: false, ..written(right(r)) },
        (Kind::Question, 1) => written("{".into()),
        _ => written(right(r)),
    };
    let bench = || {
        let mut bench = Bench::new(apps(6), items(6));
        bench.options.checks = CheckOptions::default();
        bench.options.wordings_per_item = 1;
        bench.options.parallel = 2;
        bench
    };
    let whole = bench();
    let model = Model::new(answer);
    let expected = whole.outcome(&model);
    let journal = std::fs::read(whole.path()).unwrap();
    assert!(expected.rejected.iter().any(|r| r.code == Rejected::CallFailed));
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    for _ in 0..50 {
        let bench = bench();
        let killed = Model { most: random.next_u32() as usize % model.calls.get(), ..Model::new(answer) };
        assert!(matches!(bench.run(&killed, &mut |_| {}), Err(LlmError::Writer(WriterError::Stopped(_)))));
        // The kill falls into the writing of a line.
        let written = std::fs::read(bench.path()).unwrap();
        let torn = written.len().saturating_sub(random.next_u32() as usize % 300);
        std::fs::write(bench.path(), &written[..torn]).unwrap();
        let rest = Model::new(answer);
        assert_eq!(bench.outcome(&rest), expected);
        assert!(rest.calls.get() <= model.calls.get());
        // Failures that were asked again stand in the journal twice, and of the calls in flight another may be the first.
        let answers = |bytes: &[u8]| -> BTreeSet<String> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.lines().filter(|l| !l.contains("\"failed\"")).map(str::to_owned).collect()
        };
        assert_eq!(answers(&std::fs::read(bench.path()).unwrap()), answers(&journal));
    }
    let again = Model::new(answer);
    assert_eq!(whole.outcome(&again), expected);
    assert!(again.calls.get() < model.calls.get() / 4, "only failed calls are asked again");
}

#[test]
fn an_interrupt_leaves_a_run_that_goes_on() {
    let bench = Bench::new(apps(10), items(10));
    let fifth = bench.order()[4];
    let model = Model::new(|r| {
        if r.app == fifth {
            bench.interrupt.raise();
        }
        written(right(r))
    });
    assert!(matches!(bench.run(&model, &mut |_| {}), Err(LlmError::Interrupted { accepted: 4 })));
    let other = Bench { interrupt: Interrupt::default(), ..bench_of(&bench) };
    std::fs::copy(bench.path(), other.path()).unwrap();
    let rest = Model::new(|r| written(right(r)));
    let unbroken = Bench::new(apps(10), items(10));
    assert_eq!(other.outcome(&rest), unbroken.outcome(&Model::new(|r| written(right(r)))));
}

fn bench_of(bench: &Bench) -> Bench {
    Bench::new(bench.units.clone(), bench.items.clone())
}

#[test]
fn a_run_of_rejections_is_hinted_at_and_stopped_with_samples() {
    let bench = Bench::new(apps(120), items(20));
    let order = bench.order();
    let bad = |share: usize| {
        let bad: BTreeSet<usize> = order[..share].iter().chain(&order[100..100 + share.min(20)]).copied().collect();
        Model::new(move |r: &Request<'_>| {
            if r.kind == Kind::Question && bad.contains(&r.app) { written("HELLO".into()) } else { written(right(r)) }
        })
    };
    let mut hints = Vec::new();
    let outcome = bench.run(&bad(40), &mut |event| {
        if let LlmEvent::ManyRejected { code, tried, .. } = event {
            hints.push((code.code(), *tried));
        }
    });
    let message = outcome.unwrap_err().to_string();
    assert!(
        message.starts_with("40 of 40 answers were rejected, most with c1-not-json: ")
            && message.matches("HELLO").count() >= 3,
        "{message}"
    );
    assert_eq!(hints, []);
    let bench = Bench::new(apps(120), items(20));
    bench
        .run(&bad(25), &mut |event| {
            if let LlmEvent::ManyRejected { code, tried, .. } = event {
                hints.push((code.code(), *tried));
            }
        })
        .unwrap();
    assert_eq!(hints, [("c1-not-json", 40)]);
}

#[test]
fn small_models_do_not_write_and_middle_ones_only_word_facts() {
    let model = Model::new(|r| written(right(r)));
    let mut bench = Bench::new(apps(12), items(12));
    bench.options.parameters = Some(134_515_008);
    let message = bench.run(&model, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("134 million") && message.contains("rule-based"), "{message}");
    assert_eq!(model.calls.get(), 0);
    bench.options.force = true;
    assert_eq!(bench.outcome(&model).drafts.len(), 12);
    bench.options = LlmOptions { force: false, parameters: Some(1_235_814_432), ..bench.options };
    assert!(matches!(bench.run(&model, &mut |_| {}), Err(LlmError::NothingToAsk)));
    bench.options.wordings_per_item = 1;
    let outcome = bench.outcome(&model);
    assert_eq!((outcome.calibration, outcome.drafts[3].method), (None, Method::LlmBased));
    assert_eq!(outcome.drafts.len(), 12);
}

#[test]
fn a_paraphrase_keeps_names_and_is_new_and_its_answer_is_found() {
    let mut bench = Bench::new(apps(12), items(12));
    bench.options = LlmOptions { wordings_per_item: 1, questions_per_unit: 0, ..bench.options };
    let question = |text: String| written(serde_json::json!({"question": text}).to_string());
    let answer = |r: &Request<'_>| match (r.kind, r.app) {
        (Kind::Paraphrase, 0) => question(format!("qui heberge {} ?", name(0))),
        (Kind::Paraphrase, 1) => question("Chez quel hébergeur se trouve cette application ?".into()),
        (Kind::Paraphrase, 2) => question(format!("Quel hébergeur avait {} en 2019 ?", name(2))),
        (Kind::Paraphrase, 3) => question(format!("{} se trouve-t-elle chez {} ?", name(3), host(3))),
        (Kind::Paraphrase, 4) => question(format!("Which company hosts {}?", name(4))),
        (Kind::Answer, 5) => written(r#"{"answer": "En 2019."}"#.into()),
        _ => written(right(r)),
    };
    let outcome = bench.outcome(&Model::new(answer));
    let codes: Vec<_> = outcome.losses.iter().map(|(code, n)| (code.code(), *n)).collect();
    let expected = [("c1-language", 1), ("c3-value-changed", 3), ("c6-round-trip", 1), ("same-wording", 1)];
    assert_eq!(codes, expected);
    let draft = outcome.drafts.iter().find(|draft| draft.facts == [6]).unwrap();
    assert_eq!(draft.expected, [host(6).to_owned(), format!("{} est hébergée par {}.", name(6), host(6))]);
    assert_eq!(draft.item, item(6).id);
}

#[test]
fn without_rule_facts_evidence_calibrates_and_strict_wants_enough_of_it() {
    let model = Model::new(|r| written(right(r)));
    let bench = Bench::new(apps(30), Vec::new());
    let calibration = bench.outcome(&model).calibration.unwrap();
    assert_eq!((calibration.positives, calibration.negatives), (24, 24));
    assert!(!calibration.deciding().is_empty());
    let mut few = Bench::new(apps(3), Vec::new());
    assert_eq!(few.outcome(&model).calibration.unwrap().deciding(), []);
    few.options.strict = true;
    let message = few.run(&model, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("3 right and 3 wrong replies") && message.contains("--strict"), "{message}");
}

#[test]
fn a_dry_run_is_no_waste_and_known_answers_are_flagged() {
    let mut bench = Bench::new(apps(12), items(12));
    bench.options.checks.closed_book = true;
    bench.options.most_entries = Some(3);
    let second = bench.order()[1];
    let answer = |r: &Request<'_>| {
        let knows = r.kind == Kind::Answer && r.app == second;
        if knows {
            written(serde_json::json!({"answer": format!("Par {}.", host(second))}).to_string())
        } else {
            written(right(r))
        }
    };
    let dry = bench.outcome(&Model::new(answer));
    // Evidence, question, round trip, closed book; one rating.
    assert!(dry.timed.iter().all(|t| t.accepted && t.cost.calls == 5 && t.cost.seconds == 2.0));
    let found = estimate(&dry.timed, 1000, 1).unwrap();
    assert_eq!((found.seconds, found.rejects), (2500.0, 250.0));
    bench.options.most_entries = None;
    let model = Model::new(answer);
    let outcome = bench.outcome(&model);
    assert_eq!(
        (outcome.known, outcome.drafts[1].record.as_ref().unwrap().known, outcome.drafts.len()),
        (1, Some(true), 12)
    );
    assert_eq!(model.calls.get(), 4 * 9);
}
