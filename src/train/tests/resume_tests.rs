//! Runs that are killed, interrupted, damaged or out of memory, and resumed.

use super::test_toy::KILLED;
use super::*;
use crate::store::Digest;
use proptest::prelude::*;

/// Of a run that ended at `step`: the digests of its files, the trainer's state and the metrics, both without times.
fn result(output: &Path, step: u64) -> (Vec<Digest>, String, Vec<serde_json::Value>) {
    let checkpoint = output.join(format!("checkpoint-{step}"));
    let files = [
        checkpoint.join("adapter_model.safetensors"),
        checkpoint.join("adapter_config.json"),
        checkpoint.join("optimizer.safetensors"),
        output.join("final/adapter_model.safetensors"),
    ];
    let state = std::fs::read_to_string(checkpoint.join("state.json")).unwrap();
    let state = state.lines().filter(|line| !line.contains("seconds\":")).collect::<Vec<_>>().join("\n");
    let text = std::fs::read_to_string(output.join("metrics.jsonl")).unwrap();
    let timeless = |line: &str| {
        let mut v: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = v.as_object_mut().unwrap();
        fields.retain(|k, _| !k.ends_with("_second") && !k.ends_with("_seconds") && !k.ends_with("peak_memory_bytes"));
        v
    };
    (files.map(|f| Digest::of_file(f).unwrap()).to_vec(), state, text.lines().map(timeless).collect())
}

/// How a part of a run ends before its time.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Interrupted after so many of its steps: what was trained is saved.
    Interrupted(u64),
    /// Killed at the call of this number, of a step or of an evaluation: what was trained since the last save is lost.
    Killed(usize),
}

fn ends() -> impl Strategy<Value = Vec<End>> {
    let one = prop_oneof![(1u64..8).prop_map(End::Interrupted), (1usize..12).prop_map(End::Killed)];
    prop::collection::vec(one, 0..3)
}

proptest! {
    // Each case begins with a kill that strikes: as many kills as cases at least, and as many ends of either kind again.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_run_killed_anywhere_ends_as_the_straight_one(
        first: prop::sample::Index, more in ends(), accumulation in 1usize..3, dropout: bool, save_every in 0u64..5,
        eval_steps in 0u64..4, patience in prop::option::of(1u64..3), load_best_model_at_end: bool,
        save_total_limit in prop::option::of(1u64..3), group_by_length: bool,
    ) {
        let bench = Bench::new(7);
        let mut config = TrainConfig {
            epochs: 2.5,
            gradient_accumulation: accumulation,
            save_every,
            eval_steps,
            early_stopping_patience: patience,
            // So much that some evaluations count and some do not.
            early_stopping_threshold: 0.01,
            load_best_model_at_end,
            save_total_limit,
            group_by_length,
            ..config()
        };
        config.lora.dropout = if dropout { 0.1 } else { 0.0 };
        let straight = bench.output("straight");
        let toy = Toy::default();
        let (adapter, summary) = bench.run(&toy, &config, &straight, false, &mut |_, _| {}).unwrap();
        let resumed = bench.output("resumed");
        let mut ends = more.into_iter().rev().chain([End::Killed(1 + first.index(toy.calls.get()))]).collect::<Vec<_>>();
        let mut struck = Vec::new();
        let (again, summary_again) = loop {
            let end = ends.pop();
            let killed_at = if let Some(End::Killed(call)) = end { Some(call) } else { None };
            let mut steps = 0;
            let mut interrupt = |e: &Event, interrupt: &Interrupt| {
                steps += u64::from(matches!(e, Event::Step(_)));
                if matches!((e, end), (Event::Step(_), Some(End::Interrupted(after))) if after == steps) {
                    interrupt.raise();
                }
            };
            let toy = Toy { killed_at, ..Toy::default() };
            match bench.run(&toy, &config, &resumed, !struck.is_empty(), &mut interrupt) {
                Ok(done) if end.is_none() => break done,
                // It was over before.
                Ok(_) => struck.push(false),
                Err(TrainError::Interrupted { .. }) => struck.push(true),
                Err(TrainError::Model(ModelError::Other(said))) if said == KILLED => struck.push(true),
                Err(e) => panic!("{e}"),
            }
        };
        prop_assert!(struck[0]);
        prop_assert!(again == adapter);
        prop_assert_eq!(summary_again.train_loss, summary.train_loss);
        prop_assert_eq!((summary_again.steps, summary_again.best), (summary.steps, summary.best));
        prop_assert_eq!(result(&resumed, summary.steps), result(&straight, summary.steps));
    }
}

/// Whichever call it is, of a step's micro-batches or of an evaluation: it has added half of its gradients by then.
#[test]
fn what_is_given_up_in_its_middle_leaves_no_trace() {
    let bench = Bench::new(7);
    let mut config = TrainConfig {
        gradient_accumulation: 2,
        eval_steps: 3,
        save_every: 2,
        load_best_model_at_end: true,
        ..config()
    };
    config.lora.dropout = 0.1;
    let straight = bench.output("straight");
    let (_, summary) = bench.run(&Toy::default(), &config, &straight, false, &mut |_, _| {}).unwrap();
    let calls = 11;
    for call in 1..=calls + 1 {
        let output = bench.output(&format!("stopped-{call}"));
        let toy = Toy { stopped_at: Some((call, Interrupt::default())), ..Toy::default() };
        match bench.run(&toy, &config, &output, false, &mut |_, _| {}) {
            Err(TrainError::Interrupted { .. }) => assert!(call <= calls),
            other => assert!(call > calls && other.is_ok(), "{call}: {other:?}"),
        }
        bench.run(&Toy::default(), &config, &output, true, &mut |_, _| {}).unwrap();
        assert_eq!(result(&output, summary.steps), result(&straight, summary.steps), "stopped at call {call}");
    }
}

#[test]
fn another_run_is_not_resumed_and_the_difference_is_named() {
    let mut bench = Bench::new(4);
    let output = bench.output("out");
    bench.run(&Toy::default(), &config(), &output, false, &mut |_, _| {}).unwrap();
    let mut refused = |change: &mut dyn FnMut(&mut TrainConfig, &mut Toy, &mut Bench)| {
        let (mut config, mut toy) = (config(), Toy::default());
        change(&mut config, &mut toy, &mut bench);
        match bench.run(&toy, &config, &output, true, &mut |_, _| {}) {
            Err(e @ TrainError::Resume { .. }) => e.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let e = refused(&mut |c, _, _| c.learning_rate = 0.02);
    assert!(e.contains("learning_rate was 0.01 and is 0.02") && e.contains("checkpoint-4"), "{e}");
    let e = refused(&mut |c, _, _| c.lora.rank = 3);
    assert!(e.contains("lora_rank was 2 and is 3"), "{e}");
    let e = refused(&mut |_, t, _| t.route = Some("another"));
    assert!(e.contains("the route of computing was \"toy\" and is \"another\"") && e.contains("resume with"), "{e}");
    let e = refused(&mut |_, _, b| b.train[0].ids[2] += 1);
    assert!(e.contains("the training data has changed"), "{e}");
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_an_earlier_one() {
    let bench = Bench::new(6);
    let output = bench.output("out");
    let config = TrainConfig { save_every: 2, ..config() };
    let toy = Toy::default();
    bench.run(&toy, &config, &output, false, &mut |_, _| {}).unwrap();
    let before = result(&output, 6).0;
    let damaged = output.join("checkpoint-6/optimizer.safetensors");
    let mut bytes = std::fs::read(&damaged).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    std::fs::write(output.join("checkpoint-4/state.json"), "{").unwrap();
    let (mut passed, mut first) = (Vec::new(), None);
    bench
        .run(&toy, &config, &output, true, &mut |e, _| match e {
            Event::PassedOver { folder, reason } => passed.push((folder.clone(), reason.clone())),
            Event::Started { first_step, .. } => first = Some(*first_step),
            _ => {}
        })
        .unwrap();
    assert_eq!(first, Some(2));
    assert!(passed[0].0.ends_with("checkpoint-6") && passed[0].1.contains("optimizer.safetensors"), "{passed:?}");
    assert!(passed[1].0.ends_with("checkpoint-4") && passed[1].1.contains("state.json"), "{passed:?}");
    assert_eq!(result(&output, 6).0, before);
}

#[test]
fn what_a_training_leaves_says_whether_it_ended() {
    let bench = Bench::new(6);
    let output = bench.output("out");
    assert_eq!(left(&output).unwrap(), Left::default());
    let config = TrainConfig { save_every: 2, ..config() };
    let run = |toy: &Toy, resume| bench.run(toy, &config, &output, resume, &mut |_, _| {});
    let found = || {
        let left = left(&output).unwrap();
        let name = |p: &PathBuf| p.file_name().unwrap().to_str().unwrap().to_owned();
        (left.checkpoints.iter().map(name).collect::<Vec<_>>(), left.finished)
    };
    let stops = || Toy { stopped_at: Some((4, Interrupt::default())), ..Toy::default() };
    run(&stops(), false).unwrap_err();
    // Another program's is none of ours.
    std::fs::create_dir_all(output.join("checkpoint-9")).unwrap();
    assert_eq!(found(), (vec!["checkpoint-2".to_owned(), "checkpoint-3".to_owned()], false));
    run(&Toy::default(), true).unwrap();
    let all = ["checkpoint-2", "checkpoint-3", "checkpoint-4", "checkpoint-6"].map(ToOwned::to_owned).to_vec();
    assert_eq!(found(), (all, true));
    // What was begun after it has not ended, though final/ is still there.
    run(&stops(), false).unwrap_err();
    assert!(!found().1 && output.join("final").is_dir());
}

#[test]
fn where_no_checkpoint_can_be_read_nothing_is_begun_anew() {
    let bench = Bench::new(6);
    let output = bench.output("out");
    let config = TrainConfig { save_every: 2, ..config() };
    let toy = Toy::default();
    bench.run(&toy, &config, &output, false, &mut |_, _| {}).unwrap();
    let states = [2, 4, 6].map(|step| output.join(format!("checkpoint-{step}/state.json")));
    states.iter().for_each(|state| std::fs::write(state, "{").unwrap());
    let mut passed = 0;
    let mut count = |e: &Event, _: &Interrupt| match e {
        Event::PassedOver { .. } => passed += 1,
        other => panic!("{other:?}"),
    };
    let e = bench.run(&toy, &config, &output, true, &mut count).unwrap_err();
    assert!(matches!(e, TrainError::Resume { .. }) && passed == 3, "{e}");
    for words in [
        "none of its checkpoints can be read (checkpoint-2, checkpoint-4, checkpoint-6)",
        "move them away, and begin anew",
    ] {
        assert!(e.to_string().contains(words), "{words} not in {e}");
    }
    assert!(states.iter().all(|state| std::fs::read_to_string(state).unwrap() == "{"));
    // Where there was never one, the training begins.
    bench.run(&toy, &config, &bench.output("empty"), true, &mut |_, _| {}).unwrap();
}

#[test]
fn a_loss_that_is_no_number_stops_with_the_remedy_and_the_last_good_checkpoint() {
    let bench = Bench::new(8);
    let output = bench.output("out");
    let config = TrainConfig { save_every: 2, ..config() };
    let toy = Toy { breaks_at: Some(3), ..Toy::default() };
    let e = bench.run(&toy, &config, &output, false, &mut |_, _| {}).unwrap_err();
    assert!(matches!(e, TrainError::Diverged { step: 4, .. }), "{e}");
    let said = e.to_string();
    assert!(said.contains("lower the learning rate") && said.contains("checkpoint-2"), "{said}");
    assert!(!output.join("final").exists());
    // Step 4 shows that what was saved after step 3 is no good; the one before is kept for that.
    let output = bench.output("one");
    let config = TrainConfig { save_every: 1, save_total_limit: Some(1), ..config };
    let toy = Toy { breaks_at: Some(3), ..Toy::default() };
    let said = bench.run(&toy, &config, &output, false, &mut |_, _| {}).unwrap_err().to_string();
    assert!(
        said.contains("checkpoint-2 (go on from it in a training of its own: --from-adapter ")
            && output.join("checkpoint-2").exists(),
        "{said}"
    );
    let toy = Toy { breaks_at: Some(0), ..Toy::default() };
    let said = bench.run(&toy, &config, &bench.output("none"), false, &mut |_, _| {}).unwrap_err().to_string();
    assert!(said.contains("the last good checkpoint is none"), "{said}");
}

/// What AdamW's moments can't hold would make every later checkpoint one that is not read.
#[test]
fn a_gradient_that_is_too_large_stops_before_anything_is_saved_of_it() {
    let bench = Bench::new(8);
    let said = |name: &str, times: f32, max_grad_norm: f64| {
        let config = TrainConfig { save_every: 1, max_grad_norm, ..config() };
        let toy = Toy { steeper_from: Some((3, times)), ..Toy::default() };
        let e = bench.run(&toy, &config, &bench.output(name), false, &mut |_, _| {}).unwrap_err();
        assert!(matches!(e, TrainError::Diverged { step: 3, .. }), "{e}");
        assert_eq!(folders::steps_in(&bench.output(name)).unwrap(), [1, 2]);
        e.to_string()
    };
    let e = said("finite", 1e30, 0.0);
    for words in ["the gradient's norm became ", " at step 3", "max_grad_norm 1; now 0", "checkpoint-1"] {
        assert!(e.contains(words), "{words} not in {e}");
    }
    let e = said("infinite", f32::INFINITY, 1.0);
    assert!(e.contains("the gradient's norm became ") && !e.contains("max_grad_norm"), "{e}");
    // Clipped, a finite one is taken.
    let toy = Toy { steeper_from: Some((3, 1e30)), ..Toy::default() };
    bench.run(&toy, &config(), &bench.output("clipped"), false, &mut |_, _| {}).unwrap();
    bench.run(&toy, &config(), &bench.output("clipped"), true, &mut |_, _| {}).unwrap();
}

#[test]
fn where_memory_is_short_what_was_trained_is_saved() {
    let bench = Bench::new(8);
    let (output, straight) = (bench.output("out"), bench.output("straight"));
    let toy = Toy { no_memory_at: Some(4), ..Toy::default() };
    let e = bench.run(&toy, &config(), &output, false, &mut |_, _| {}).unwrap_err();
    let said = e.to_string();
    assert!(said.contains("a step needs 2 MiB") && said.contains("checkpoint-3") && said.contains("resume"), "{said}");
    bench.run(&Toy::default(), &config(), &output, true, &mut |_, _| {}).unwrap();
    bench.run(&Toy::default(), &config(), &straight, false, &mut |_, _| {}).unwrap();
    assert_eq!(result(&output, 8), result(&straight, 8));
    // In the evaluation after the first epoch.
    let (output, toy) = (bench.output("evaluating"), Toy { no_memory_at: Some(5), ..Toy::default() });
    let said = bench.run(&toy, &config(), &output, false, &mut |_, _| {}).unwrap_err().to_string();
    assert!(said.contains("checkpoint-4"), "{said}");
    bench.run(&Toy::default(), &config(), &output, true, &mut |_, _| {}).unwrap();
    assert_eq!(result(&output, 8), result(&straight, 8));
    // Nothing is trained yet: nothing is saved.
    let toy = Toy { no_memory_at: Some(1), ..Toy::default() };
    let e = bench.run(&toy, &config(), &bench.output("none"), false, &mut |_, _| {}).unwrap_err();
    assert!(matches!(e, TrainError::Model(ModelError::Memory { .. })), "{e}");
}
