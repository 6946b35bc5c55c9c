//! Adapters and data of the parity tests, in PEFT's names and by the same formula as tests/oracles/common/lora.py.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::Value as Json;
use tunesmith::batch::Example;
use tunesmith::lora::{Adapter, Hf, LoraConfig, Pair, Pattern, Stored, TargetModules};
use tunesmith::model::{Grads, Model, Sequence};
use tunesmith::train::{Scheduler, TrainConfig};
use tunesmith::weights::{LinearId, ModelSpec, Weights};

use crate::oracle::{Arrays, values};

/// `model.layers.0.self_attn.q_proj.lora_A.weight`
pub fn peft_name(id: LinearId, half: char) -> String {
    format!("model.layers.{}.{}.lora_{half}.weight", id.layer, id.site.hf())
}

pub fn config(run: &Json) -> LoraConfig {
    let targets = run["targets"].as_array().expect("targets").iter();
    let pattern = |key: &str| {
        let entries = run[key].as_object().into_iter().flatten();
        Pattern::new(entries.map(|(k, v)| (k.clone(), v.as_f64().expect("a number")))).expect("a pattern")
    };
    LoraConfig {
        rank: run["rank"].as_u64().expect("rank") as usize,
        alpha: run["alpha"].as_f64().expect("alpha"),
        targets: TargetModules::Names(targets.map(|t| t.as_str().expect("a module").to_owned()).collect()),
        rank_pattern: pattern("rank_pattern"),
        alpha_pattern: pattern("alpha_pattern"),
        rslora: run["rslora"].as_bool().expect("rslora"),
        ..LoraConfig::default()
    }
}

/// An adapter whose halves come from `values_of(PEFT's name, elements)`.
pub fn adapter(
    config: LoraConfig,
    model: &ModelSpec,
    mut values_of: impl FnMut(&str, usize, usize) -> Vec<f32>,
) -> Adapter<Hf> {
    let mut pairs = BTreeMap::new();
    for id in config.targeted(model).expect("targets") {
        let (linear, rank) = (model.linear(id).expect("a linear of the model"), config.rank_of(id));
        let (rows, cols) = (linear.rows, linear.cols);
        let a = values_of(&peft_name(id, 'A'), rank * cols, cols);
        let b = values_of(&peft_name(id, 'B'), rows * rank, rank);
        assert!(a.len() == rank * cols && b.len() == rows * rank, "{id:?}");
        pairs.insert(id, Pair { a, b });
    }
    Adapter { config, pairs, order: PhantomData }
}

/// The starting adapter of a run: A and B both non-zero.
pub fn start(seed: &str, run: &Json, model: &ModelSpec) -> Adapter<Hf> {
    let b_scale = run["b_scale"].as_f64().expect("b_scale") as f32;
    adapter(config(run), model, |name, n, cols| {
        let scale = if name.contains("lora_A") { (1.0 / (cols as f64).sqrt()) as f32 } else { b_scale };
        values(&format!("{seed}/{name}"), n, 0.0, scale)
    })
}

/// The adapter that PEFT held, from the fixture.
pub fn state(golden: &Arrays, prefix: &str, run: &Json, model: &ModelSpec) -> Adapter<Hf> {
    adapter(config(run), model, |name, _, _| golden.f32(&format!("{prefix}.state.{name}")))
}

pub fn examples(data: &Json) -> Vec<Example> {
    let whole = |v: &Json| v.as_u64().expect("a whole number");
    let one = |(line, e): (usize, &Json)| Example {
        ids: e["ids"].as_array().expect("ids").iter().map(|v| whole(v) as u32).collect(),
        mask: e["mask"].as_array().expect("mask").iter().map(|v| whole(v) == 1).collect(),
        line: line + 1,
        cut: 0,
        distilled: false,
    };
    data.as_array().expect("data").iter().enumerate().map(one).collect()
}

pub fn train_config(run: &Json) -> TrainConfig {
    let (whole, float) = (|k: &str| run[k].as_u64().expect("whole"), |k: &str| run[k].as_f64().expect("a number"));
    TrainConfig {
        lora: config(run),
        epochs: 1000.0,
        max_steps: Some(whole("steps")),
        batch_size: whole("batch_size") as usize,
        gradient_accumulation: whole("gradient_accumulation") as usize,
        learning_rate: float("learning_rate"),
        lr_scheduler: match run["scheduler"].as_str() {
            Some("linear") => Scheduler::Linear,
            Some("cosine") => Scheduler::Cosine,
            Some("constant") => Scheduler::Constant,
            _ => Scheduler::ConstantWithWarmup,
        },
        warmup_ratio: float("warmup_ratio"),
        weight_decay: float("weight_decay"),
        max_grad_norm: float("max_grad_norm"),
        seed: 0,
        no_shuffle: true,
        ..TrainConfig::default()
    }
}

/// The examples of optimiser step `step`, in micro-batches, in the file's order (as lora.py's `micro_batches`).
pub fn micro_batches(data: &[Example], config: &TrainConfig, step: usize) -> Vec<Vec<Example>> {
    let batches: Vec<Vec<Example>> = data.chunks(config.batch_size).map(<[_]>::to_vec).collect();
    let steps: Vec<Vec<Vec<Example>>> = batches.chunks(config.gradient_accumulation).map(<[_]>::to_vec).collect();
    steps[step % steps.len()].clone()
}

/// What every position must predict.
pub fn targets(example: &Example) -> Vec<Option<u32>> {
    (0..example.ids.len()).map(|i| example.mask.get(i + 1).is_some_and(|m| *m).then(|| example.ids[i + 1])).collect()
}

/// Mean loss and gradients, in Hugging Face's row order, of one optimiser step.
pub fn gradients(
    weights: &Weights,
    model: &Model,
    adapter: &Adapter<Hf>,
    micro: &[Vec<Example>],
) -> (f64, Adapter<Hf>) {
    let stored = adapter.to_stored(weights);
    let zero = |p: &Pair| Pair { a: vec![0.0; p.a.len()], b: vec![0.0; p.b.len()] };
    let mut grads: Grads = stored.pairs.iter().map(|(id, p)| (*id, zero(p))).collect();
    let all: Vec<Vec<(&Example, Vec<Option<u32>>)>> =
        micro.iter().map(|b| b.iter().map(|e| (e, targets(e))).collect()).collect();
    let tokens = all.iter().flatten().flat_map(|(_, t)| t).flatten().count();
    let mut nll = 0.0;
    for batch in &all {
        let sequences: Vec<Sequence<'_>> =
            batch.iter().map(|(e, t)| Sequence { ids: &e.ids, targets: t, distilled: e.distilled }).collect();
        let sums = model.loss_and_grads(&stored, &sequences, 1.0 / tokens as f32, None, &mut grads).expect("a loss");
        nll += sums.nll;
    }
    let grads = Adapter::<Stored> { config: adapter.config.clone(), pairs: grads, order: PhantomData };
    (nll / tokens as f64, grads.into_hf(weights))
}
