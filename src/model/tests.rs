mod compute_tests;
mod device_tests;
mod exhausted_tests;
mod generation_tests;
mod memory_tests;
mod session_tests;
mod speed_tests;
mod ways_tests;

use std::path::PathBuf;

use super::decoder::Decoder;
use super::facade::On;
use super::*;
use crate::gguf::Gguf;
use crate::lora::{Adapter, LoraConfig, Stored};
use crate::ops::{Cpu, uniform_at};
use crate::weights::{Site, Weights};

const FAMILIES: [&str; 5] = ["llama-gqa8", "llama-headdim", "llama-rope3", "qwen2", "qwen3"];

const DROPOUT: Option<Dropout> = Some(Dropout { p: 0.2, seed: 3, step: 7 });

fn weights(name: &str) -> Weights {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/parity/{name}.f16.gguf"));
    Weights::from_gguf(Gguf::open(path).unwrap()).unwrap()
}

/// Random non-zero A and B on these sites.
fn adapter(weights: &Weights, rank: usize, targets: &[Site]) -> Adapter<Stored> {
    let config = LoraConfig { rank, alpha: 2.0 * rank as f64, targets: targets.into(), ..LoraConfig::default() };
    let mut adapter = Adapter::fresh(config, weights.spec(), 5).unwrap().to_stored(weights);
    for (n, pair) in adapter.pairs.values_mut().enumerate() {
        for (i, b) in pair.b.iter_mut().enumerate() {
            *b = (uniform_at(n as u64, i as u64) as f32 - 0.5) * 0.05;
        }
    }
    adapter
}

/// Sequences of 1 … tokens, some trained at the end, one not at all.
fn data(weights: &Weights, lengths: &[usize]) -> Vec<(Vec<u32>, Vec<Option<u32>>)> {
    let vocab = weights.config().vocab as f64;
    let id = |s: usize, i: usize| (uniform_at(77 + s as u64, i as u64) * vocab) as u32;
    let one = |(s, &n): (usize, &usize)| {
        let ids: Vec<u32> = (0..n).map(|i| id(s, i)).collect();
        let targets = (0..n).map(|i| (i + 1 < n && i >= n / 3 && s != 2).then(|| id(s, i + 1))).collect();
        (ids, targets)
    };
    lengths.iter().enumerate().map(one).collect()
}

fn sequences(data: &[(Vec<u32>, Vec<Option<u32>>)]) -> Vec<Sequence<'_>> {
    data.iter().map(|(ids, targets)| Sequence { ids, targets, distilled: false }).collect()
}

fn grads(model: &Model, adapter: &Adapter<Stored>, s: &[Sequence<'_>], dropout: Option<Dropout>) -> (LossSums, Grads) {
    let mut grads = Grads::new();
    let sums = model.loss_and_grads(adapter, s, 0.1, dropout, &mut grads).unwrap();
    (sums, grads)
}

#[test]
fn the_same_bytes_at_any_thread_count() {
    let w = weights("llama-gqa8");
    let (a, d) = (adapter(&w, 4, &Site::ALL), data(&w, &[9, 17, 5, 2, 30]));
    let of = |threads| grads(&Model::new(&w, threads).unwrap(), &a, &sequences(&d), DROPOUT);
    let first = of(1);
    assert!(of(1) == first && of(3) == first);
}

/// Gradients, with dropout and without, against finite differences of the loss itself, under the same masks.
#[test]
fn gradients_agree_with_the_losses_slope_in_every_family() {
    for name in FAMILIES {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let all = [&Site::ALL[..], &[Site::V], &[Site::Down], &[Site::O]];
        for (targets, dropout) in all.into_iter().flat_map(|t| [None, DROPOUT].map(|dropout| (t, dropout))) {
            let (a, d) = (adapter(&w, 3, targets), data(&w, &[7, 12, 4]));
            let (sums, g) = grads(&model, &a, &sequences(&d), dropout);
            let plain = model.loss(Some(&a), &sequences(&d)).unwrap();
            assert!((sums == plain) == dropout.is_none(), "{name} {targets:?}: {sums:?} {plain:?}");
            // Along the gradient itself the slope is its squared norm: the largest there is, so rounding matters least.
            let norm: f64 = g.values().flat_map(|p| p.a.iter().chain(&p.b)).map(|v| f64::from(*v).powi(2)).sum();
            let moved = |h: f64| {
                let mut a = a.clone();
                for (id, pair) in &mut a.pairs {
                    let g = &g[id];
                    pair.a.iter_mut().zip(&g.a).for_each(|(x, g)| *x += (h * f64::from(*g) / norm.sqrt()) as f32);
                    pair.b.iter_mut().zip(&g.b).for_each(|(x, g)| *x += (h * f64::from(*g) / norm.sqrt()) as f32);
                }
                0.1 * grads(&model, &a, &sequences(&d), dropout).0.nll
            };
            let slope = (moved(1e-3) - moved(-1e-3)) / 2e-3;
            let what = format!("{name} {targets:?} {dropout:?}");
            assert!((slope / norm.sqrt() - 1.0).abs() < 5e-3, "{what}: {slope}, not {}", norm.sqrt());
        }
    }
}

/// Every second sequence is held to the base's own distribution.
fn half_distilled(data: &[(Vec<u32>, Vec<Option<u32>>)]) -> Vec<Sequence<'_>> {
    let mut sequences = sequences(data);
    sequences.iter_mut().skip(1).step_by(2).for_each(|s| s.distilled = true);
    sequences
}

/// Σ KL(base ‖ base + adapter) as written in the books, from whole rows of log-probabilities.
fn divergence(model: &Model, adapter: &Adapter<Stored>, s: &Sequence<'_>) -> f64 {
    let positions: Vec<usize> = (0..s.ids.len()).filter(|&i| s.targets[i].is_some()).collect();
    let p = model.log_probs_at(None, &[(s.ids, &positions)]).unwrap();
    let q = model.log_probs_at(Some(adapter), &[(s.ids, &positions)]).unwrap();
    p.iter().zip(&q).map(|(p, q)| f64::from(*p).exp() * (f64::from(*p) - f64::from(*q))).sum()
}

#[test]
fn distilled_sequences_are_held_to_the_base() {
    for name in FAMILIES {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let (a, d) = (adapter(&w, 3, &Site::ALL), data(&w, &[7, 12, 4, 9]));
        let mixed = half_distilled(&d);
        let (supervised, distilled): (Vec<_>, Vec<_>) = mixed.iter().cloned().partition(|s| !s.distilled);
        let wanted: f64 = distilled.iter().map(|s| divergence(&model, &a, s)).sum();
        let found = model.loss(Some(&a), &distilled).unwrap().nll;
        assert!((found / wanted - 1.0).abs() < 1e-4, "{name}: {found}, not {wanted}");

        // Mixed is the sum of both kinds, losses and gradients.
        let (sums, g) = grads(&model, &a, &mixed, None);
        let ((x, g_supervised), (y, g_distilled)) =
            (grads(&model, &a, &supervised, None), grads(&model, &a, &distilled, None));
        assert!((sums.nll - x.nll - y.nll).abs() < 1e-5 * sums.nll, "{name}");
        let mut parts = g_supervised;
        for (id, pair) in &mut parts {
            let other = &g_distilled[id];
            pair.a.iter_mut().zip(&other.a).for_each(|(x, y)| *x += y);
            pair.b.iter_mut().zip(&other.b).for_each(|(x, y)| *x += y);
        }
        assert!(difference(&g, &parts) < 1e-5, "{name}: {}", difference(&g, &parts));
        // The gradient is the loss's slope.
        let norm: f64 = g.values().flat_map(|p| p.a.iter().chain(&p.b)).map(|v| f64::from(*v).powi(2)).sum();
        let moved = |h: f64| {
            let mut a = a.clone();
            for (id, pair) in &mut a.pairs {
                pair.a.iter_mut().zip(&g[id].a).for_each(|(x, g)| *x += (h * f64::from(*g) / norm.sqrt()) as f32);
                pair.b.iter_mut().zip(&g[id].b).for_each(|(x, g)| *x += (h * f64::from(*g) / norm.sqrt()) as f32);
            }
            0.1 * model.loss(Some(&a), &mixed).unwrap().nll
        };
        let slope = (moved(1e-3) - moved(-1e-3)) / 2e-3;
        assert!((slope / norm.sqrt() - 1.0).abs() < 5e-3, "{name}: {slope}, not {}", norm.sqrt());
        // An adapter that does nothing is where the base is: no loss, no gradient.
        let mut zero = a.clone();
        zero.pairs.values_mut().for_each(|p| p.b.fill(0.0));
        let (none, g) = grads(&model, &zero, &distilled, None);
        assert!(none.nll.abs() < 1e-6 && g.values().flat_map(|p| &p.b).all(|v| v.abs() < 1e-6), "{name}: {none:?}");
    }
}

/// It is the arena's high water that is looked at, where all values of a pass lie. (Lists of rows are not counted, nor the
/// threads' own scratch, which only grows.) A like step touches no word more. Smaller ones are cut otherwise and may leave
/// gaps between their buffers: a hundredth more, and none when they come again.
#[test]
fn nothing_is_allocated_after_the_first_step() {
    for (name, dropout) in FAMILIES.into_iter().flat_map(|name| [None, DROPOUT].map(|dropout| (name, dropout))) {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let a = adapter(&w, 4, &Site::ALL);
        let mut g = grads(&model, &a, &[], None).1;
        let mut step = |lengths: &[usize]| {
            let d = data(&w, lengths);
            model.loss_and_grads(&a, &half_distilled(&d), 0.01, dropout, &mut g).unwrap();
            model.decoder().ops().touched()
        };
        // The largest comes first; in a training, one that is larger than all before takes what it has more.
        let touched = step(&[40, 60, 17]);
        assert!(touched > 0);
        assert!((0..3).all(|_| step(&[40, 60, 17]) == touched), "{name}");
        let mut smaller = || (1..60).map(|n| step(&[40, n, 17])).fold(0, usize::max);
        let gaps = smaller();
        assert!(gaps <= touched + touched / 100, "{name}, {dropout:?}: {gaps} words, {touched} before");
        assert!(smaller() == gaps && step(&[40, 60, 17]) == gaps, "{name}, {dropout:?}");
    }
}

/// Wherever it is asked, forwards, backwards or between stretches of the head.
#[test]
fn what_nobody_wants_any_more_is_given_up_between_layers() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    static STOP_AT: AtomicUsize = AtomicUsize::new(0);
    let w = weights("llama-gqa8");
    let (a, d) = (adapter(&w, 4, &Site::ALL), data(&w, &[9, 17, 5]));
    let model = Model::new(&w, 2).unwrap();
    let whole = grads(&model, &a, &half_distilled(&d), None);
    let stop = || ASKED.fetch_add(1, Ordering::SeqCst) + 1 == STOP_AT.load(Ordering::SeqCst);
    let model = model.with_cancellation(stop);
    let mut at = 0;
    let came = loop {
        at += 1;
        ASKED.store(0, Ordering::SeqCst);
        STOP_AT.store(at, Ordering::SeqCst);
        let mut g = Grads::new();
        match model.loss_and_grads(&a, &half_distilled(&d), 0.1, None, &mut g) {
            Err(ModelError::Stopped) => {}
            other => break (other.unwrap(), g),
        }
    };
    // The stack, the base's for what is distilled, and the stack backwards.
    assert!(at > 3 * w.config().layers, "{at}");
    assert!(came == whole);
    STOP_AT.store(1, Ordering::SeqCst);
    ASKED.store(0, Ordering::SeqCst);
    assert!(matches!(model.loss(Some(&a), &sequences(&d)), Err(ModelError::Stopped)));
}

/// The largest difference of a tensor in units of its largest value.
fn difference(one: &Grads, other: &Grads) -> f32 {
    let largest = |v: &mut dyn Iterator<Item = f32>| v.fold(0.0f32, |m, x| m.max(x.abs()));
    let of = |a: &[f32], b: &[f32]| {
        let scale = largest(&mut a.iter().copied()).max(1e-12);
        largest(&mut a.iter().zip(b).map(|(a, b)| a - b)) / scale
    };
    assert!(one.keys().eq(other.keys()));
    one.values().zip(other.values()).fold(0.0, |m, (p, q)| m.max(of(&p.a, &q.a)).max(of(&p.b, &q.b)))
}

#[test]
fn only_what_is_adapted_gets_gradients_and_they_are_added() {
    let w = weights("llama-gqa8");
    let model = Model::new(&w, 2).unwrap();
    let mut a = adapter(&w, 2, &[Site::Q, Site::Up]);
    let top = w.config().layers - 1;
    a.pairs.retain(|id, _| id.layer == top);
    let d = data(&w, &[9, 12]);
    let (_, once) = grads(&model, &a, &sequences(&d), None);
    assert_eq!(once.keys().collect::<Vec<_>>(), a.pairs.keys().collect::<Vec<_>>());
    assert!(once.values().all(|p| p.a.iter().chain(&p.b).any(|v| *v != 0.0)));
    let mut twice = once.clone();
    model.loss_and_grads(&a, &sequences(&d), 0.1, None, &mut twice).unwrap();
    for (one, two) in once.values().zip(twice.values()) {
        assert!(one.a.iter().zip(&two.a).all(|(a, b)| (2.0 * a - b).abs() <= 1e-5 * a.abs().max(1e-6)));
    }
}

#[test]
fn log_probs_are_the_logits_normalised() {
    let w = weights("llama-rope3");
    let model = Model::new(&w, 2).unwrap();
    let ids = [3u32, 1, 4, 1, 5];
    let (v, logits) = (w.config().vocab, model.logits(None, &ids).unwrap());
    assert_eq!(logits.len(), 5 * v);
    let log_probs = model.log_probs_at(None, &[(&ids, &[4, 1])]).unwrap();
    for (row, at) in log_probs.chunks(v).zip([4, 1]) {
        let l = &logits[at * v..(at + 1) * v];
        let sum = l.iter().map(|&l| f64::from(l).exp()).sum::<f64>().ln();
        assert!(row.iter().zip(l).all(|(&p, &l)| (f64::from(p) - (f64::from(l) - sum)).abs() < 1e-5));
    }
    assert!(model.log_probs_at(None, &[(&ids, &[])]).unwrap().is_empty());
    // Several sequences in one pass don't see each other.
    let other = [7u32, 2, 9];
    let together = model.log_probs_at(None, &[(&other, &[2]), (&ids, &[]), (&ids, &[4, 1])]).unwrap();
    let alone = model.log_probs_at(None, &[(&other, &[2])]).unwrap();
    let expected = alone.iter().chain(&log_probs);
    assert_eq!(together.len(), 3 * v);
    assert!(together.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn foreign_tokens_adapters_and_lengths_are_refused() {
    let w = weights("llama-gqa8");
    let model = Model::new(&w, 1).unwrap();
    let vocab = w.config().vocab as u32;
    assert!(matches!(model.logits(None, &[0, vocab]), Err(ModelError::BadToken { id, .. }) if id == vocab));
    let long = vec![0; w.config().context + 1];
    assert!(matches!(model.logits(None, &long), Err(ModelError::TooLong { .. })));
    assert!(matches!(model.log_probs_at(None, &[(&[0], &[1])]), Err(ModelError::Shape { .. })));
    let uneven = Sequence { ids: &[0, 1], targets: &[None], distilled: false };
    assert!(matches!(model.loss(None, &[uneven]), Err(ModelError::Shape { .. })));
    let bad_target = Sequence { ids: &[0], targets: &[Some(vocab)], distilled: false };
    assert!(matches!(model.loss(None, &[bad_target]), Err(ModelError::BadToken { .. })));
    let mut a = adapter(&w, 2, &[Site::Q]);
    a.pairs.values_mut().for_each(|p| p.b.truncate(p.b.len() - 1));
    assert!(matches!(model.loss(Some(&a), &[]), Err(ModelError::Shape { .. })));
    let other = adapter(&weights("llama-headdim"), 3, &Site::ALL);
    assert!(model.loss(Some(&other), &[]).is_err());
    for sampling in [
        Sampling { temperature: f64::NAN, top_p: None, max_tokens: 1, seed: 0 },
        Sampling { temperature: 1.0, top_p: Some(0.0), max_tokens: 1, seed: 0 },
    ] {
        assert!(model.generate(None, &[1], &sampling, &|_| false, &mut |_| true).is_err());
    }
    let greedy = Sampling { temperature: 0.0, top_p: None, max_tokens: 4, seed: 0 };
    assert!(model.generate(None, &[], &greedy, &|_| false, &mut |_| true).is_err());
    let full = vec![0; w.config().context];
    assert!(matches!(model.generate(None, &full, &greedy, &|_| false, &mut |_| true), Err(ModelError::TooLong { .. })));
}
