//! The whole decoder on candle's operations, as a GPU runs it, beside our CPU's.

use super::*;
use crate::ops::Tensors;

/// (loss, gradients) of every family, with shared beginnings, what the base teaches, dropout; texts; log-probabilities.
#[test]
fn on_a_device_as_on_our_cpu() {
    for name in FAMILIES {
        let w = weights(name);
        let ours = Model::new(&w, 2).unwrap();
        let (a, mut d) = (adapter(&w, 4, &Site::ALL), data(&w, &[40, 25, 30, 21]));
        let first = d[0].0[..12].to_vec();
        d[1].0[..12].copy_from_slice(&first);
        let mut s = sequences(&d);
        s[3].distilled = true;
        for device in Tensors::all() {
            let there = Model::on_device(device, &w, MemoryBudget::default()).unwrap();
            let what = format!("{name} on {}", there.route());
            for dropout in [None, Some(Dropout { p: 0.2, seed: 3, step: 7 })] {
                let ((one, g), (other, h)) = (grads(&ours, &a, &s, dropout), grads(&there, &a, &s, dropout));
                assert!((one.nll - other.nll).abs() < 1e-5 * one.nll.abs(), "{what}: {} and {}", one.nll, other.nll);
                assert!((one.entropy - other.entropy).abs() < 1e-5 * one.entropy.abs(), "{what}");
                assert_eq!((one.correct, one.tokens), (other.correct, other.tokens), "{what}");
                let far = compute_tests::apart(&g, &h);
                assert!(far < 1e-5, "{what}: gradients {far} apart");
            }
            let (one, other) = (ours.loss(Some(&a), &s).unwrap(), there.loss(Some(&a), &s).unwrap());
            assert!((one.nll - other.nll).abs() < 1e-5 * one.nll.abs(), "{what}");
            let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: 9, seed: 1 };
            let texts = |model: &Model| {
                let mut all = Vec::new();
                let prompts: Vec<&[u32]> = d.iter().map(|(ids, _)| ids.as_slice()).collect();
                let mut hear = |i, event| {
                    if let GenerationEvent::End(ids) = event {
                        all.push((i, ids));
                    }
                    true
                };
                model.generate_batch(Some(&a), &prompts, &sampling, &|_| false, &mut hear).unwrap();
                all
            };
            assert_eq!(texts(&ours), texts(&there), "{what}");
        }
    }
}

/// Layers computed again make no difference there either.
#[test]
fn on_a_device_in_little_room() {
    let w = weights("llama-gqa8");
    let (a, d) = (adapter(&w, 4, &Site::ALL), data(&w, &[40, 25]));
    for (all, few) in Tensors::all().into_iter().zip(Tensors::all()) {
        let all = Model::on_device(all, &w, MemoryBudget::default()).unwrap();
        let cost = all.cost(&a.ranks(), &sequences(&d), false, true).unwrap();
        let available = cost.least;
        let few = Model::on_device(few, &w, MemoryBudget::of(available)).unwrap();
        assert!(few.plan(&cost).unwrap().contains("computed again"));
        assert!(grads(&all, &a, &sequences(&d), None) == grads(&few, &a, &sequences(&d), None));
        let none = Model::on_device(Tensors::all().remove(0), &w, MemoryBudget::of(available - 1)).unwrap();
        let error = none.loss_and_grads(&a, &sequences(&d), 0.1, None, &mut Grads::new()).unwrap_err();
        assert!(error.is_memory(), "{error}");
    }
}
