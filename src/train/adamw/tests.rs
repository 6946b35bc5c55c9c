use super::*;
use crate::train::Scheduler;
use crate::train::schedule::factor;
use crate::weights::Site;
use serde_json::Value;

/// tests/oracles/adamw.py: PyTorch 2.9 and transformers 5.23.
fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/adamw.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

fn pairs(value: &Value) -> BTreeMap<LinearId, Pair> {
    let pair = Pair { a: floats(&value[0]), b: floats(&value[1]) };
    BTreeMap::from([(LinearId { layer: 0, site: Site::Q }, pair)])
}

fn near(ours: &BTreeMap<LinearId, Pair>, theirs: &Value, step: usize) {
    for (ours, theirs) in ours.iter().zip(&pairs(theirs)) {
        for (x, y) in ours.1.a.iter().chain(&ours.1.b).zip(theirs.1.a.iter().chain(&theirs.1.b)) {
            assert!((x - y).abs() <= 4e-7 * y.abs().max(1e-3), "step {step}: {x} {y}");
        }
    }
}

#[test]
fn steps_are_pytorchs() {
    let golden = golden();
    let mut ours = pairs(&golden["start"]);
    let mut moments = Moments::zero(&ours);
    for (i, step) in golden["steps"].as_array().unwrap().iter().enumerate() {
        let mut grads = pairs(&step["grads"]);
        let norm = clip(&mut grads, golden["clip"].as_f64().unwrap());
        assert!((norm / step["norm"].as_f64().unwrap() - 1.0).abs() < 1e-6, "step {i}: {norm}");
        let rate = step["rate"].as_f64().unwrap();
        let weight_decay = golden["decay"].as_f64().unwrap();
        let scalars = Update { step: i as u64 + 1, learning_rate: rate, weight_decay };
        update(&mut ours, &grads, &mut moments, scalars);
        near(&ours, &step["weights"], i);
    }
}

#[test]
fn rates_are_transformers() {
    let golden = golden();
    let (warmup, total) = (golden["warmup"].as_u64().unwrap(), golden["total"].as_u64().unwrap());
    for (name, scheduler) in [
        ("linear", Scheduler::Linear),
        ("cosine", Scheduler::Cosine),
        ("constant", Scheduler::Constant),
        ("constant_with_warmup", Scheduler::ConstantWithWarmup),
    ] {
        for (done, rate) in golden[name].as_array().unwrap().iter().enumerate() {
            let ours = factor(scheduler, done as u64, warmup, total);
            assert!((ours - rate.as_f64().unwrap()).abs() < 1e-15, "{name} {done}: {ours} {rate}");
        }
    }
}

#[test]
fn a_norm_within_the_limit_or_no_limit_leaves_the_gradients() {
    let grads = pairs(&serde_json::json!([[3.0, 0.0], [4.0]]));
    for limit in [0.0, 5.1] {
        let mut clipped = grads.clone();
        assert_eq!(clip(&mut clipped, limit), 5.0);
        assert_eq!(clipped, grads);
    }
    let mut clipped = grads;
    clip(&mut clipped, 1.0);
    assert!((clip(&mut clipped, 0.0) - 1.0).abs() < 1e-5);
}

#[test]
fn what_is_taken_keeps_the_moments_finite() {
    for (norm, max_norm, taken) in [
        (f64::INFINITY, 1.0, false),
        (f64::NAN, 0.0, false),
        (1e25, 1.0, true),
        (1e25, 1e24, false),
        (1e25, 0.0, false),
        (LARGEST, 0.0, true),
    ] {
        assert_eq!(takes(norm, max_norm), taken, "{norm} {max_norm}");
    }
    let grads = pairs(&serde_json::json!([[LARGEST, 0.0], [-LARGEST]]));
    let mut ours = pairs(&serde_json::json!([[1.0, 1.0], [1.0]]));
    let mut moments = Moments::zero(&ours);
    for step in 1..20_000 {
        update(&mut ours, &grads, &mut moments, Update { step, learning_rate: 1e-3, weight_decay: 0.0 });
    }
    for pair in [&moments.first, &moments.second, &ours].into_iter().flat_map(BTreeMap::values) {
        assert!(pair.a.iter().chain(&pair.b).all(|v| v.is_finite()), "{pair:?}");
    }
}
