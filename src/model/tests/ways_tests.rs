//! The same step computed in other ways: sequence by sequence, beginnings shared, layers computed again, cut into passes.

use super::*;
use crate::model::backward::Backward;

type Step = (LossSums, Grads);

/// The same but for rounding: sums and every tensor within 1e-5 of what they are, counts alike.
#[track_caller]
fn assert_like(what: &str, one: &Step, other: &Step) {
    let (x, y) = (one.0, other.0);
    assert_eq!((x.tokens, x.correct), (y.tokens, y.correct), "{what}");
    assert!((x.nll - y.nll).abs() <= 1e-5 * x.nll.abs(), "{what}: {x:?} {y:?}");
    assert!((x.entropy - y.entropy).abs() <= 1e-5 * x.entropy.abs(), "{what}: {x:?} {y:?}");
    let apart = difference(&one.1, &other.1);
    assert!(apart <= 1e-5, "{what}: gradients {apart} apart");
}

/// [`data`] of which 0, 1, 3 and 4 share their first 20 ids, 3 and 4 eight more; 5 lies wholly within 0's beginning.
fn with_common_beginnings(weights: &Weights, lengths: [usize; 6]) -> Vec<(Vec<u32>, Vec<Option<u32>>)> {
    let mut d = data(weights, &lengths);
    let first = d[0].0.clone();
    for s in [1, 3, 4] {
        d[s].0[..20].copy_from_slice(&first[..20]);
    }
    let more = d[3].0[20..28].to_vec();
    d[4].0[20..28].copy_from_slice(&more);
    let within = lengths[5];
    d[5].0.copy_from_slice(&first[..within]);
    d
}

/// All sequences in one pass, whatever they take, with the inner values of `keep` layers.
fn one_pass(model: &Model, a: &Adapter<Stored>, s: &[Sequence<'_>], share: bool, keep: usize) -> (usize, Step) {
    let decoder = model.decoder();
    let packed = decoder.packer().pack(s, share).unwrap();
    let mut g = grads(model, a, &[], None).1;
    let lora = decoder::Lora { adapter: Some(a), ..Default::default() };
    let sums = decoder.reverse(lora, &packed, Backward { weight: 0.1, lowest: 0, keep }, &mut g).unwrap();
    (packed.ids.len(), (sums, g))
}

/// Packing changes nothing: each sequence alone gives the same sums and gradients, and what nobody trains adds nothing.
/// Some of them have as few rows as are computed another way.
#[test]
fn packed_sequences_are_the_sum_of_their_parts() {
    for name in FAMILIES {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let (a, d) = (adapter(&w, 4, &Site::ALL), data(&w, &[9, 17, 6, 1, 70, 41]));
        for s in [sequences(&d), half_distilled(&d)] {
            let mut parts = Step::default();
            let (mut tuned, mut base) = (Step::default(), Step::default());
            for one in s.chunks(1) {
                parts.0.add(&model.loss_and_grads(&a, one, 0.1, None, &mut parts.1).unwrap());
                tuned.0.add(&model.loss(Some(&a), one).unwrap());
                base.0.add(&model.loss(None, one).unwrap());
            }
            let looked = |a| (model.loss(a, &s).unwrap(), Grads::new());
            assert_like(name, &grads(&model, &a, &s, None), &parts);
            assert_like(name, &looked(Some(&a)), &tuned);
            assert_like(name, &looked(None), &base);
        }
        assert_eq!(model.loss(None, &[]).unwrap(), LossSums::default());
    }
}

/// A beginning in common is computed once, under accumulation too, and nothing else changes.
#[test]
fn a_common_beginning_changes_nothing() {
    for name in FAMILIES {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let a = adapter(&w, 4, &Site::ALL);
        let d = with_common_beginnings(&w, [30, 41, 9, 30, 35, 12]);
        let s = half_distilled(&d);
        let of = |share| one_pass(&model, &a, &s, share, usize::MAX);
        let ((rows, apart), (fewer, together)) = (of(false), of(true));
        assert!(fewer + 60 < rows, "{name}: {fewer} rows of {rows}");
        assert_like(name, &apart, &together);
        // Micro-batches are parts of the same sum.
        let (mut sums, mut parts) = grads(&model, &a, &s[..3], None);
        sums.add(&model.loss_and_grads(&a, &s[3..], 0.1, None, &mut parts).unwrap());
        assert_like(name, &(sums, parts), &together);
    }
}

/// Keeping inner values and making them again are the same arithmetic: the same bytes, however many layers there is room
/// for.
#[test]
fn recomputed_layers_give_the_same_bytes() {
    for (name, dropout) in FAMILIES.into_iter().flat_map(|name| [None, DROPOUT].map(|dropout| (name, dropout))) {
        let w = weights(name);
        let (a, d) = (adapter(&w, 4, &Site::ALL), with_common_beginnings(&w, [30, 41, 9, 30, 35, 12]));
        let s = half_distilled(&d);
        let all = Model::within(&w, 2, MemoryBudget::default()).unwrap();
        let whole = grads(&all, &a, &s, dropout);
        let cost = all.cost(&a.ranks(), &s, dropout.is_some(), true).unwrap();
        assert_eq!(cost.layers, w.config().layers);
        for keep in 0..=cost.layers {
            let budget = MemoryBudget::of(cost.least + keep as u64 * cost.layer);
            let model = Model::within(&w, 2, budget).unwrap();
            assert_eq!(memory::kept_layers(budget, &cost).unwrap(), keep);
            assert!(grads(&model, &a, &s, dropout) == whole, "{name}, {keep} layers kept, {dropout:?}");
        }
    }
}

/// A step too large for one pass is made in several, of which each shares and recomputes for itself.
#[test]
fn a_step_that_is_cut_into_passes_is_the_uncut_one() {
    for name in FAMILIES {
        let w = weights(name);
        let model = Model::new(&w, 2).unwrap();
        let a = adapter(&w, 4, &Site::ALL);
        let d = [with_common_beginnings(&w, [250, 201, 40, 230, 190, 25]), data(&w, &[180, 1, 240, 33, 220])].concat();
        let s = half_distilled(&d);
        let passes = model.decoder().passes(&s, true, true).unwrap();
        assert!(passes.len() > 2, "{name}: {} passes", passes.len());
        let (rows, uncut) = one_pass(&model, &a, &s, true, usize::MAX);
        let largest = passes.iter().map(|p| p.ids.len()).max().unwrap();
        assert!(largest < rows, "{name}");
        assert_like(name, &grads(&model, &a, &s, None), &uncut);
        // So too where each pass computes its layers again: to the byte.
        let least = passes.iter().map(|p| cost::cost_of(w.spec(), &a.ranks(), p, true).least).max().unwrap();
        let little = Model::within(&w, 2, MemoryBudget::of(least)).unwrap();
        assert!(grads(&little, &a, &s, None) == grads(&model, &a, &s, None), "{name}");
        // Masks of dropout belong to one pass.
        assert_eq!(model.decoder().passes(&s, false, true).unwrap().len(), 1, "{name}");
    }
}

/// What is only looked at keeps nothing for a backward, and is cut smaller: it holds less than the step that it follows.
#[test]
fn an_evaluation_takes_less_than_a_step_of_the_same() {
    let path = std::env::var("TUNESMITH_SMOLLM2").expect("TUNESMITH_SMOLLM2: run the tests by scripts/test");
    let w = Weights::from_gguf(Gguf::open(path).unwrap()).unwrap();
    let model = Model::within(&w, 1, MemoryBudget::default()).unwrap();
    let d = data(&w, &[100; 32]);
    let ranks = adapter(&w, 8, &Site::ALL).ranks();
    let of = |back| model.cost(&ranks, &sequences(&d), false, back).unwrap();
    let (looked, step) = (of(false), of(true));
    // Without a target at its end a sequence is a row shorter.
    assert!((512..=1024).contains(&looked.rows) && step.rows > 3000, "{looked:?} {step:?}");
    assert!(looked.least == looked.kept && 8 * looked.kept < step.least, "{looked:?} {step:?}");
    // Not where a long beginning would be computed again for each pass.
    let mut alike = data(&w, &[700; 32]);
    let first = alike[0].0.clone();
    alike.iter_mut().for_each(|(ids, _)| ids[..600].copy_from_slice(&first[..600]));
    let looked = model.cost(&ranks, &sequences(&alike), false, false).unwrap();
    assert!((2000..=2200).contains(&looked.rows), "{looked:?}");
}
