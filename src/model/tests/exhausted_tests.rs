//! Requests for memory that the system refuses: each of a pass, one after the other.

use super::*;
use crate::model::generate::Sampling;
use crate::model::session::Session;

/// Refuses the first request of `compute`, then the second, and so on, until none is left; returns what comes out then, and
/// how many there were.
fn refusing<T>(cpu: &Cpu, mut compute: impl FnMut() -> Result<T, ModelError>) -> (T, usize) {
    let mut refused = 0;
    loop {
        cpu.refuse(refused + 1);
        match compute() {
            Ok(result) => {
                cpu.refuse(0);
                return (result, refused);
            }
            Err(e) => assert!(e.is_memory() && e.to_string().contains("refused"), "{refused}: {e}"),
        }
        refused += 1;
    }
}

fn models(w: &Weights) -> impl Iterator<Item = Model> {
    Cpu::all(2).into_iter().map(|cpu| Model::of(cpu, w, MemoryBudget::default()).unwrap())
}

#[test]
fn a_step_fails_with_an_error_and_the_next_one_is_whole() {
    for name in ["llama-gqa8", "qwen3"] {
        let w = weights(name);
        let (a, d) = (adapter(&w, 4, &Site::ALL), data(&w, &[9, 40, 5, 7]));
        let s = half_distilled(&d);
        for (model, dropout) in models(&w).map(|m| (m, None)).chain(models(&w).map(|m| (m, DROPOUT))) {
            let of = || {
                let mut grads = Grads::new();
                model.loss_and_grads(&a, &s, 0.1, dropout, &mut grads).map(|sums| (sums, grads))
            };
            let (step, refused) = refusing(model.decoder().ops(), of);
            assert!(refused > 50 && step == of().unwrap(), "{name} {} {dropout:?}: {refused}", model.route());
        }
    }
}

#[test]
fn a_text_fails_with_an_error_and_the_next_one_is_whole() {
    let w = weights("llama-gqa8");
    let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens: 3, seed: 1 };
    for model in models(&w) {
        let text = || model.generate(None, &[1, 2, 3], &sampling, &|_| false, &mut |_| true);
        let (ids, refused) = refusing(model.decoder().ops(), text);
        assert!(refused > 20 && ids == text().unwrap(), "{}: {refused}", model.route());
    }
}

#[test]
fn a_session_begins_again_after_a_refusal() {
    let w = weights("llama-gqa8");
    for model in models(&w) {
        let mut session = Session::new(model);
        let mut refused = 0;
        let first = loop {
            session.model().decoder().ops().refuse(refused + 1);
            match session.begin(&[1, 2, 3], 2) {
                Ok(begun) => break begun.unwrap(),
                Err(e) => assert!(e.is_memory(), "{refused}: {e}"),
            }
            refused += 1;
        };
        session.model().decoder().ops().refuse(0);
        let again = session.begin(&[1, 2, 3], 2).unwrap().unwrap();
        assert!(refused > 10 && again.logits == first.logits, "{}: {refused}", session.model().route());
    }
}
