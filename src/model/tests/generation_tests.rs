//! Generation with a cache, alone and many together.

use super::*;
use crate::ops::{Compute, Ops};

/// The cache, token by token, says what whole forwards say.
#[test]
fn greedy_generation_equals_argmax_of_full_forwards() {
    for name in FAMILIES {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let a = adapter(&w, 4, &Site::ALL);
        let prompt = [1u32, 5, 9, 2];
        let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: 8, seed: 0 };
        let mut streamed = Vec::new();
        let new = model
            .generate(Some(&a), &prompt, &sampling, &|_| false, &mut |id| {
                streamed.push(id);
                true
            })
            .unwrap();
        assert_eq!((new.len(), &new), (8, &streamed));
        let mut ids = prompt.to_vec();
        for &id in &new {
            let logits = model.logits(Some(&a), &ids).unwrap();
            let last = &logits[logits.len() - w.config().vocab..];
            let best = last.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
            assert!(last[id as usize] >= best - 1e-4 * best.abs().max(1.0), "{name}: {id} is not the best");
            ids.push(id);
        }
        // It ends where it is told to, and the end is left out.
        let end = new[3];
        let short = model.generate(Some(&a), &prompt, &sampling, &|id| id == end, &mut |_| true).unwrap();
        assert_eq!(short, new[..new.iter().position(|&n| n == end).unwrap()]);
        let mut calls = 0;
        let stopped = model.generate(Some(&a), &prompt, &sampling, &|_| false, &mut |_| {
            calls += 1;
            calls < 2
        });
        assert_eq!(stopped.unwrap(), new[..2]);
    }
}

/// Texts decoded together, more of them than find room at once, are what each would be alone: with other lengths, ends and
/// limits beside them, greedy and sampled.
#[test]
fn a_batch_says_what_each_prompt_says_alone() {
    for name in FAMILIES {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let a = adapter(&w, 4, &Site::ALL);
        let lengths: Vec<usize> = (0..45).map(|i| 1 + i * 7 % 41).collect();
        let d = data(&w, &lengths);
        let prompts: Vec<&[u32]> = d.iter().map(|(ids, _)| &ids[..]).collect();
        for (adapter, temperature) in [(None, 0.0), (Some(&a), 0.0), (Some(&a), 1.3)] {
            let sampling = Sampling { temperature, top_p: None, max_tokens: 12, seed: 3 };
            let is_end = |id: u32| id % 13 == 5;
            let mut together = vec![None; prompts.len()];
            let mut on = |i: usize, event| {
                if let GenerationEvent::End(new) = event {
                    assert!(together[i].replace(new).is_none());
                }
                true
            };
            model.generate_batch(adapter, &prompts, &sampling, &is_end, &mut on).unwrap();
            for (prompt, new) in prompts.iter().zip(&together) {
                let alone = model.generate(adapter, prompt, &sampling, &is_end, &mut |_| true).unwrap();
                assert_eq!(new.as_ref(), Some(&alone), "{name}");
            }
        }
    }
}

#[test]
fn a_batch_is_checked_first_and_stops_when_told() {
    let w = weights("llama-gqa8");
    let model = Model::new(&w, 1).unwrap();
    let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: 3, seed: 0 };
    let run = |prompts: &[&[u32]], sampling: &Sampling, most: usize| {
        let mut calls = 0;
        let result = model.generate_batch(None, prompts, sampling, &|_| false, &mut |_, _| {
            calls += 1;
            calls < most
        });
        result.map(|()| calls)
    };
    assert_eq!(run(&[], &sampling, 99).unwrap(), 0);
    // Three tokens and the end of each.
    assert_eq!(run(&[&[1], &[2, 3]], &sampling, 99).unwrap(), 8);
    for most in [1, 2, 3, 7] {
        assert_eq!(run(&[&[1], &[2, 3]], &sampling, most).unwrap(), most);
    }
    assert_eq!(run(&[&[1], &[2]], &Sampling { max_tokens: 0, ..sampling.clone() }, 99).unwrap(), 2);
    assert!(run(&[&[1], &[]], &sampling, 99).is_err());
    assert!(matches!(run(&[&[1], &[u32::MAX]], &sampling, 99), Err(ModelError::BadToken { .. })));
}

#[test]
fn sampling_is_seeded() {
    let w = weights("qwen2");
    let model = Model::new(&w, 1).unwrap();
    let of = |seed, temperature| {
        let sampling = Sampling { temperature, top_p: Some(0.9), max_tokens: 12, seed };
        model.generate(None, &[1, 2], &sampling, &|_| false, &mut |_| true).unwrap()
    };
    assert_eq!(of(1, 1.5), of(1, 1.5));
    assert!((2..8).any(|seed| of(seed, 1.5) != of(1, 1.5)));
}

/// What the head makes of the mean is the mean of what it makes of each position.
#[test]
fn the_mean_hidden_state_is_the_mean_of_what_the_head_reads() {
    let ids = [1u32, 5, 9, 2, 7];
    for name in FAMILIES {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let mean = model.mean_hidden_state(&ids).unwrap();
        assert_eq!(mean.len(), w.config().hidden);
        let On::Cpu(decoder) = &model.0 else { panic!("{name} is not on the CPU") };
        let (ops, vocab) = (decoder.ops(), w.config().vocab);
        let mut logits = ops.buf(vocab);
        ops.linear(&mut logits, &ops.upload(&mean), decoder.head_matrix(Compute::F32), None);
        let all = model.logits(None, &ids).unwrap();
        for (v, of_mean) in ops.download(&logits).into_iter().enumerate() {
            let expected = all.iter().skip(v).step_by(vocab).sum::<f32>() / ids.len() as f32;
            assert!((of_mean - expected).abs() < 1e-3 * expected.abs().max(1.0), "{name} {v}: {of_mean} {expected}");
        }
        assert!(model.mean_hidden_state(&[]).unwrap().iter().all(|value| *value == 0.0));
        assert!(matches!(model.mean_hidden_state(&[u32::MAX]), Err(ModelError::BadToken { .. })));
    }
}
