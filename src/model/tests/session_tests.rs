//! Sequences that begin and end at any time.

use super::*;

fn argmax(logits: &[f32]) -> u32 {
    let best = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    logits.iter().position(|l| *l == best).unwrap() as u32
}

/// `new` greedy tokens after a prompt: each step's logits.
fn alone(session: &mut Session, prompt: &[u32], new: usize) -> (Vec<Vec<f32>>, usize) {
    let begun = session.begin(prompt, new).unwrap().unwrap();
    let mut all = vec![begun.logits];
    for _ in 1..new {
        let next = argmax(&all[all.len() - 1]);
        all.push(session.step(&[(begun.id, next)]).unwrap());
    }
    session.end(begun.id);
    (all, begun.reused)
}

/// The logits of a session are the model's own, and the same bits in company and with a prefix from the cache.
#[test]
fn a_sequence_is_the_same_alone_together_and_with_a_known_prefix() {
    for name in FAMILIES {
        let w = weights(name);
        let vocab = w.config().vocab;
        let new_session = || Session::new(Model::new(&w, 2).unwrap());
        let d = data(&w, &[5, 40, 70, 17, 33]);
        // Two more that begin as the third does.
        let mut prompts: Vec<Vec<u32>> = d.iter().map(|(ids, _)| ids.clone()).collect();
        prompts.push([&prompts[2][..30], &[3, 4, 5]].concat());
        prompts.push(prompts[2].clone());
        let new = 4;
        let lonely: Vec<_> = prompts.iter().map(|p| alone(&mut new_session(), p, new).0).collect();
        let model = Model::new(&w, 1).unwrap();
        for (prompt, steps) in prompts.iter().zip(&lonely) {
            let logits = model.logits(None, prompt).unwrap();
            let last = &logits[logits.len() - vocab..];
            let off = last.iter().zip(&steps[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-3, "{name}: {off}");
        }
        // One after the other: prefixes are found.
        let mut session = new_session();
        let reused: Vec<usize> = prompts
            .iter()
            .zip(&lonely)
            .map(|(prompt, expected)| {
                let (steps, reused) = alone(&mut session, prompt, new);
                assert!(steps == *expected, "{name}: a known prefix changes the logits");
                reused
            })
            .collect();
        assert_eq!(reused, [0, 0, 0, 0, 0, 24, 64], "{name}");
        // All at once.
        let mut session = new_session();
        let begun: Vec<_> = prompts.iter().map(|p| session.begin(p, new).unwrap().unwrap()).collect();
        let mut last: Vec<Vec<f32>> = begun.iter().map(|b| b.logits.clone()).collect();
        for step in 0..new {
            for (steps, last) in lonely.iter().zip(&last) {
                assert!(steps[step] == *last, "{name}: step {step} differs in company");
            }
            if step + 1 < new {
                let next: Vec<_> = begun.iter().zip(&last).map(|(b, l)| (b.id, argmax(l))).collect();
                last = session.step(&next).unwrap().chunks(vocab).map(<[f32]>::to_vec).collect();
            }
        }
    }
}

#[test]
fn what_does_not_fit_waits_or_is_refused() {
    let w = weights("llama-gqa8");
    let c = w.config().clone();
    let row = c.layers * c.kv_heads * c.head_dim * 2 * 4;
    // Half of what is left: 40 tokens.
    let budget = MemoryBudget::of((80 * row) as u64);
    let mut session = Session::new(Model::within(&w, 1, budget).unwrap());
    let begin = |session: &mut Session, prompt: &[u32], new| session.begin(prompt, new).map(|b| b.map(|b| b.id));
    let one = begin(&mut session, &[1; 20], 10).unwrap().unwrap();
    assert!(begin(&mut session, &[2; 20], 10).unwrap().is_none(), "no place beside the first");
    session.end(one);
    // What is remembered of the first makes way.
    let two = begin(&mut session, &[2; 20], 20).unwrap().unwrap();
    // Its place has 40 tokens: 20 more, and no further.
    for _ in 0..20 {
        session.step(&[(two, 3)]).unwrap();
    }
    assert!(matches!(session.step(&[(two, 3)]), Err(ModelError::TooLong { .. })));
    session.end(two);
    assert!(session.step(&[(two, 3)]).is_err(), "it has ended");
    assert!(begin(&mut session, &[], 1).is_err());
    assert!(matches!(begin(&mut session, &[u32::MAX], 1), Err(ModelError::BadToken { .. })));
    let long = vec![1; c.context + 1];
    assert!(matches!(begin(&mut session, &long, 1), Err(ModelError::TooLong { .. })));
    if c.context > 90 {
        assert!(matches!(begin(&mut session, &[1; 85], 5), Err(ModelError::Memory { .. })));
    }
}
