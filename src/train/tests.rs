//! The loop against a toy that computes like a model: its loss depends on every variable, the ids and the dropout.

mod resume_tests;
mod test_toy;

use std::path::{Path, PathBuf};

use super::*;
use crate::batch::Example;
use crate::lora::{LoraConfig, Pair, Ranks, Stored};
use crate::model::{Cost, Dropout, Grads, LossSums, ModelError, Sequence, TEACHER_STATES_BYTES};
use crate::store::Interrupt;
use crate::weights::Weights;
use test_toy::Toy;

pub(super) fn config() -> TrainConfig {
    TrainConfig {
        lora: LoraConfig { rank: 2, alpha: 4.0, ..LoraConfig::default() },
        epochs: 2.0,
        batch_size: 2,
        learning_rate: 1e-2,
        lr_scheduler: Scheduler::Cosine,
        warmup_ratio: 0.1,
        weight_decay: 0.01,
        seed: 7,
        ..TrainConfig::default()
    }
}

fn examples(n: usize) -> Vec<Example> {
    let one = |i: usize| Example {
        ids: (0..4 + i % 5).map(|k| (i * 3 + k) as u32 % 32).collect(),
        mask: (0..4 + i % 5).map(|k| k > 1).collect(),
        line: i + 1,
        cut: 0,
        distilled: false,
    };
    (0..n).map(one).collect()
}

struct Bench {
    dir: tempfile::TempDir,
    weights: Weights,
    train: Vec<Example>,
    eval: Vec<Example>,
}

impl Bench {
    fn new(examples_: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let weights = crate::lora::tests::folder(&dir.path().join("base"), &crate::lora::tests::model(2, 1, 16, 24));
        Self { weights, train: examples(examples_), eval: examples(3), dir }
    }

    fn output(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(
        &self,
        toy: &Toy,
        config: &TrainConfig,
        output: &Path,
        resume: bool,
        on_event: &mut dyn FnMut(&Event, &Interrupt),
    ) -> Result<(Adapter<Hf>, Summary), TrainError> {
        let interrupt = toy.stopped_at.as_ref().map(|(_, i)| i.clone()).unwrap_or_default();
        let job = Job {
            weights: &self.weights,
            model: toy,
            base_name: "toy",
            origin: None,
            tokenizer_files: &[("tokenizer.json".to_owned(), "{}".to_owned())],
            train: &self.train,
            eval: &self.eval,
            config,
            from_adapter: None,
            output,
            resume,
            interrupt: interrupt.clone(),
        };
        run(job, &mut |e| on_event(e, &interrupt))
    }
}

/// Digests of what a resume must reproduce to the byte, and the metrics without times.
#[test]
fn the_loss_falls_and_what_happened_is_told() {
    let bench = Bench::new(6);
    let output = bench.output("out");
    let config = TrainConfig { epochs: 8.0, save_every: 10, ..config() };
    let mut events = Vec::new();
    let (adapter, summary) =
        bench.run(&Toy::default(), &config, &output, false, &mut |e, _| events.push(e.clone())).unwrap();
    assert_eq!(summary.steps, 24);
    let losses: Vec<f64> =
        events.iter().filter_map(|e| if let Event::Step(m) = e { Some(m.train_loss) } else { None }).collect();
    assert_eq!(losses.len(), 24);
    assert!(losses[23] < 0.8 * losses[0], "{losses:?}");
    assert_eq!(events.iter().filter(|e| matches!(e, Event::Eval { .. })).count(), 8);
    let saved: Vec<u64> =
        events.iter().filter_map(|e| if let Event::Saved { step, .. } = e { Some(*step) } else { None }).collect();
    assert_eq!(saved, [10, 20, 24, 24]);
    assert!(Adapter::load(&output.join("final"), bench.weights.spec()).unwrap().pairs == adapter.pairs);
    assert!(output.join("final/tokenizer.json").is_file());
    // Tokens of the examples: 4, 5, 6, 7, 8, 4, eight times over.
    assert_eq!(summary.num_tokens, 34 * 8);
    assert!(summary.peak_memory_bytes > 0 || !cfg!(target_os = "linux"));
    let lines = std::fs::read_to_string(output.join("metrics.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert!(last.get("step").is_none() && last["trainable_params"].as_u64() == Some(adapter.trainable_params()));
}

#[test]
fn training_stops_when_no_better_evaluation_comes_and_the_best_one_is_delivered() {
    let bench = Bench::new(6);
    let output = bench.output("out");
    // Three steps an epoch; evaluations at 2, 3, 4, 6 …, of one call each; that of step 4 is the best.
    let config = TrainConfig {
        epochs: 8.0,
        eval_steps: 2,
        early_stopping_patience: Some(3),
        load_best_model_at_end: true,
        save_every: 1,
        save_total_limit: Some(2),
        ..config()
    };
    let toy = || Toy { worse_after: Some(3), ..Toy::default() };
    let (adapter, summary) = bench.run(&toy(), &config, &output, false, &mut |_, _| {}).unwrap();
    assert_eq!((summary.steps, summary.stopped_early, summary.final_step), (9, true, 4));
    assert_eq!(summary.best.map(|(step, _)| step), Some(4));
    let model = bench.weights.spec();
    let at = |name: &str| Adapter::load(&output.join(name), model).unwrap().pairs;
    assert!(at("final") == at("checkpoint-4") && at("final") == adapter.pairs && at("final") != at("checkpoint-9"));
    let mut kept: Vec<_> = std::fs::read_dir(&output).unwrap().map(|e| e.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["checkpoint-4", "checkpoint-8", "checkpoint-9", "final", "metrics.jsonl"]);
    // Said again, nothing more is trained; without the wish, the last is delivered.
    let mut steps = 0;
    let mut count = |e: &Event, _: &Interrupt| steps += usize::from(matches!(e, Event::Step(_)));
    let (again, _) = bench.run(&toy(), &config, &output, true, &mut count).unwrap();
    assert!(steps == 0 && again == adapter);
    let last = TrainConfig { load_best_model_at_end: false, ..config.clone() };
    let (_, summary) = bench.run(&toy(), &last, &bench.output("last"), false, &mut |_, _| {}).unwrap();
    assert_eq!((summary.steps, summary.final_step), (9, 9));
    // A best checkpoint that is gone is heard of before anything more is trained.
    std::fs::remove_dir_all(output.join("checkpoint-4")).unwrap();
    let e = bench.run(&toy(), &config, &output, true, &mut |_, _| {}).unwrap_err().to_string();
    assert!(e.contains("checkpoint-4") && e.contains("the best one so far"), "{e}");
}

#[test]
fn where_training_may_stop_early_the_best_checkpoint_is_there_at_the_end() {
    let bench = Bench::new(6);
    let config = TrainConfig {
        epochs: 8.0,
        eval_steps: 2,
        early_stopping_patience: Some(3),
        save_every: 0,
        save_total_limit: Some(1),
        ..config()
    };
    let kept = |name: &str, config: &TrainConfig| {
        let toy = Toy { worse_after: Some(3), ..Toy::default() };
        bench.run(&toy, config, &bench.output(name), false, &mut |_, _| {}).unwrap();
        folders::steps_in(&bench.output(name)).unwrap()
    };
    // That of step 4 is the best, that of step 9 the last.
    assert_eq!(kept("stops", &config), [4, 9]);
    assert_eq!(kept("goes on", &TrainConfig { early_stopping_patience: None, ..config }), [24]);
}

#[test]
fn what_no_evaluation_will_say_and_examples_without_a_target_are_refused() {
    let mut bench = Bench::new(4);
    let said = |bench: &Bench, config: TrainConfig| {
        let never = &mut |e: &Event, _: &Interrupt| panic!("{e:?}");
        bench.run(&Toy::default(), &config, &bench.output("x"), false, never).unwrap_err().to_string()
    };
    bench.train[2].mask.fill(false);
    let e = said(&bench, config());
    assert!(e.contains("line 3") && e.contains("no token that is trained") && e.contains("data preview"), "{e}");
    bench.train[2].mask = vec![true];
    assert!(said(&bench, config()).contains("not as many marks as tokens"));
    bench.train.remove(2);
    bench.eval.clear();
    let e = said(&bench, TrainConfig { early_stopping_patience: Some(2), ..config() });
    assert!(e.contains("early_stopping_patience needs an evaluation") && e.contains("eval_split"), "{e}");
}

/// Over several shapes of a run: as many steps and evaluations as it makes, and the tokens that these predict.
#[test]
fn a_trial_counts_what_the_run_then_does() {
    let bench = Bench::new(7);
    for (n, (epochs, batch_size, accumulation, eval_steps, dropout)) in
        [(2.0, 2, 1, 0, 0.0), (2.5, 2, 2, 3, 0.1), (1.3, 3, 1, 2, 0.0), (3.0, 4, 2, 1, 0.1)].into_iter().enumerate()
    {
        let mut config =
            TrainConfig { epochs, batch_size, gradient_accumulation: accumulation, eval_steps, ..config() };
        config.lora.dropout = dropout;
        let toy = Toy::default();
        let fresh = Adapter::fresh(config.lora.clone(), bench.weights.spec(), config.seed).unwrap();
        let adapter = fresh.to_stored(&bench.weights);
        let examples = Examples { train: &bench.train, eval: &bench.eval };
        let mut trial = TrialSteps::of(&toy, &config, adapter, examples, Interrupt::default()).unwrap();
        let course = trial.course().unwrap();
        let (mut evaluations, mut losses) = (0, Vec::new());
        let mut see = |e: &Event, _: &Interrupt| match e {
            Event::Eval { .. } => evaluations += 1,
            Event::Step(m) => losses.push(m.train_loss),
            _ => {}
        };
        let (_, summary) = bench.run(&toy, &config, &bench.output(&n.to_string()), false, &mut see).unwrap();
        assert_eq!((course.steps, course.evaluations), (summary.steps, evaluations), "{n}");
        let text = std::fs::read_to_string(bench.output(&format!("{n}/checkpoint-{}/state.json", summary.steps)));
        let state: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
        assert_eq!(course.products, 2.0 * state["totals"]["trained_tokens"].as_f64().unwrap(), "{n}");
        // Three examples, of 2, 3 and 4 trained tokens.
        assert_eq!((course.evaluation.products, course.evaluation.least), (9.0, 3 + 4 + 5 + 9), "{n}");
        let tried: Vec<Cost> = (0..course.steps).map(|s| trial.step(s).unwrap().cost).collect();
        assert_eq!(course.largest_cost.kept, tried.iter().map(|e| e.kept).max().unwrap(), "{n}");
        let least = tried.iter().map(|e| e.least).max().unwrap();
        assert_eq!(Cost { least, ..tried[course.largest as usize] }, course.largest_cost, "{n}");
    }
}

/// Of a training of ten steps of four examples, (tokens, those trained) each, in passes of one example.
fn course_of(examples: impl Iterator<Item = (usize, usize)>) -> Course {
    let mut bench = Bench::new(40);
    bench.train.iter_mut().zip(examples).for_each(|(e, (n, trained))| {
        e.ids = vec![5; n];
        e.mask = (0..n).map(|k| k + trained >= n).collect();
    });
    let mut config = TrainConfig { epochs: 1.0, batch_size: 1, gradient_accumulation: 4, no_shuffle: true, ..config() };
    config.lora.dropout = 0.1;
    let adapter = Adapter::fresh(config.lora.clone(), bench.weights.spec(), config.seed).unwrap();
    let (toy, examples) = (Toy::default(), Examples { train: &bench.train, eval: &bench.eval });
    let adapter = adapter.to_stored(&bench.weights);
    TrialSteps::of(&toy, &config, adapter, examples, Interrupt::default()).unwrap().course().unwrap()
}

/// Nine steps take in more tokens, in passes of 16; one pass of the tenth takes in 20, of which the last feeds nothing. Only
/// one of these is trained, so it is not the one that takes the most at least.
#[test]
fn the_largest_step_may_be_that_of_one_long_example() {
    let course = course_of([(16, 14); 36].into_iter().chain([(3, 1), (20, 1), (3, 1), (3, 1)]));
    let largest = course.largest_cost;
    assert_eq!((course.steps, course.largest, largest.rows, largest.kept, largest.least), (10, 9, 19, 38, 15 + 14));
}

/// Of what is trained logits stand in memory: the most may be wanted by a step of few tokens.
#[test]
fn the_most_at_least_may_be_that_of_many_trained_tokens() {
    let course = course_of([(16, 1); 36].into_iter().chain([(12, 10); 4]));
    let largest = course.largest_cost;
    assert_eq!((largest.kept, largest.least), (2 * 15, 11 + 10));
}

/// The base is asked in the first epoch, and again only for what there was no room to keep.
#[test]
fn what_the_base_teaches_is_counted_once_where_it_is_kept() {
    let mut bench = Bench::new(6);
    bench.train.iter_mut().take(4).for_each(|e| e.distilled = true);
    let config = TrainConfig { epochs: 3.0, batch_size: 2, ..config() };
    let products = |bytes_to_keep: u64| {
        let toy = Toy { bytes_to_keep, ..Toy::default() };
        let adapter = Adapter::fresh(config.lora.clone(), bench.weights.spec(), config.seed).unwrap();
        let examples = Examples { train: &bench.train, eval: &bench.eval };
        let adapter = adapter.to_stored(&bench.weights);
        TrialSteps::of(&toy, &config, adapter, examples, Interrupt::default()).unwrap().course().unwrap().products
    };
    let of = |examples: &[Example]| examples.iter().flat_map(|e| &e.mask[1..]).filter(|m| **m).count() as f64;
    let (all, teacher) = (of(&bench.train), of(&bench.train[..4]));
    assert_eq!(products(1), 3.0 * 2.0 * all + teacher);
    // Half of what there is to keep finds room.
    let half = 2 * TEACHER_STATES_BYTES as u64 / teacher as u64;
    assert!((products(half) - (6.0 * all + 2.0 * teacher)).abs() < 1e-3);
}

#[test]
fn time_goes_with_the_work() {
    let tried = |seconds, products| Tried { seconds, cost: Cost { products, ..Cost::default() } };
    assert_eq!(seconds(&[tried(1.0, 10.0), tried(2.0, 10.0)], 200.0), 30.0);
    assert_eq!(seconds(&[], 200.0), 0.0);
}

#[test]
fn epochs_are_told_with_their_own_means() {
    let bench = Bench::new(5);
    let (mut epochs, mut losses) = (Vec::new(), Vec::new());
    let config = TrainConfig { epochs: 1.5, ..config() };
    let mut see = |e: &Event, _: &Interrupt| match e {
        Event::Epoch(m) => epochs.push(m.clone()),
        Event::Step(m) => losses.push(m.clone()),
        _ => {}
    };
    bench.run(&Toy::default(), &config, &bench.output("out"), false, &mut see).unwrap();
    assert_eq!(epochs.iter().map(|e| (e.step, e.epoch)).collect::<Vec<_>>(), [(3, 1.0), (5, 5.0 / 3.0)]);
    // Tokens of the first epoch: 4, 5, 6, 7, 8; trained of them 2, 3, 4, 5, 6.
    assert_eq!(epochs[0].epoch_num_tokens, 30);
    let norms = losses[..3].iter().map(|s| s.grad_norm).sum::<f64>() / 3.0;
    assert!(
        (epochs[0].epoch_grad_norm - norms).abs() < 1e-9 && epochs[1].epoch_learning_rate == losses[4].learning_rate
    );
    assert_eq!(epochs[0].epoch_num_tokens + epochs[1].epoch_num_tokens, losses[4].num_tokens);
    let (least, most) =
        losses[3..].iter().fold((f64::MAX, 0.0f64), |(l, m), s| (l.min(s.train_loss), m.max(s.train_loss)));
    assert!((least..=most).contains(&epochs[1].epoch_train_loss));
    let text = std::fs::read_to_string(bench.output("out/metrics.jsonl")).unwrap();
    assert_eq!(text.lines().filter(|l| l.contains("epoch_train_loss")).count(), 2);
}

#[test]
fn a_variable_that_no_gradient_reaches_is_named() {
    let bench = Bench::new(4);
    let toy = Toy { dead_layer: Some(1), ..Toy::default() };
    let e = bench.run(&toy, &config(), &bench.output("out"), false, &mut |_, _| {}).unwrap_err().to_string();
    assert!(e.contains("model.layers.1.self_attn.q_proj.lora_B"), "{e}");
}

/// What the base teaches moves nothing of an adapter that changes nothing yet; that is no fault of the adapter's place.
#[test]
fn a_first_step_may_hold_only_what_the_base_teaches() {
    let mut bench = Bench::new(4);
    bench.train[0].distilled = true;
    let config = TrainConfig { batch_size: 1, gradient_accumulation: 1, no_shuffle: true, ..config() };
    let mut norms = Vec::new();
    let mut see = |e: &Event, _: &Interrupt| {
        if let Event::Step(m) = e {
            norms.push(m.grad_norm);
        }
    };
    bench.run(&Toy::default(), &config, &bench.output("a"), false, &mut see).unwrap();
    assert!(norms[0] == 0.0 && norms[1] > 0.0, "{norms:?}");
    // The next step says it.
    let toy = Toy { dead_layer: Some(1), ..Toy::default() };
    let e = bench.run(&toy, &config, &bench.output("b"), false, &mut |_, _| {}).unwrap_err().to_string();
    assert!(e.contains("model.layers.1.self_attn.q_proj.lora_B"), "{e}");
}

#[test]
fn accumulation_is_weighted_by_tokens_not_by_batches() {
    // One batch of four or four of one: the same gradients, whatever lengths the examples have.
    let bench = Bench::new(8);
    let run = |batch_size, gradient_accumulation, name| {
        let config = TrainConfig { batch_size, gradient_accumulation, no_shuffle: true, ..config() };
        bench.run(&Toy::default(), &config, &bench.output(name), false, &mut |_, _| {}).unwrap().0
    };
    let (whole, split) = (run(4, 1, "a"), run(1, 4, "b"));
    for (x, y) in whole.pairs.values().zip(split.pairs.values()) {
        assert!(x.b.iter().zip(&y.b).all(|(x, y)| (x - y).abs() < 1e-5));
    }
}

#[test]
fn numbers_that_train_nothing_are_refused() {
    let bench = Bench::new(4);
    for (change, named) in [
        (TrainConfig { epochs: f64::NAN, ..config() }, "epochs"),
        (TrainConfig { batch_size: 0, ..config() }, "batch_size"),
        (TrainConfig { learning_rate: -1.0, ..config() }, "learning_rate"),
        (TrainConfig { warmup_ratio: 2.0, ..config() }, "warmup_ratio"),
        (TrainConfig { max_grad_norm: -1.0, ..config() }, "max_grad_norm"),
    ] {
        let e = bench.run(&Toy::default(), &change, &bench.output("x"), false, &mut |_, _| {}).unwrap_err().to_string();
        assert!(e.contains(named), "{e}");
    }
}
