//! The estimate of memory against what is really held.

use super::*;
use crate::lora::tests::{folder, model as shape};
use crate::model::cost::cost_of;
use crate::model::forward::{Pass, Saved, SavedWidth};
use crate::ops::Ops;
use crate::weights::{Family, ModelConfig};

/// Wide enough for a rank of 256 on every linear; heads wider than hidden / heads.
fn wide(family: &str) -> (tempfile::TempDir, Weights) {
    let dir = tempfile::tempdir().unwrap();
    let family = Family::named(family).unwrap();
    let weights = folder(dir.path(), &ModelConfig { family, head_dim: 128, context: 512, ..shape(4, 2, 256, 320) });
    (dir, weights)
}

/// Floats of every buffer. A value that `Saved` comes to hold has to be counted here too.
fn floats(ops: &Cpu, saved: &Saved<Cpu>) -> usize {
    let Saved { middle, raw_q, raw_k, q, k, v, attended, lse, gate, up, down } = saved;
    let always = [middle, q, k, v, attended, lse, gate, up];
    always.into_iter().chain(raw_q).chain(raw_k).chain(down.values()).map(|b| ops.len(b)).sum()
}

/// Every layer, also the last, which is read at few rows only.
#[test]
fn what_is_kept_of_each_layer_is_what_is_estimated() {
    for family in ["llama", "qwen2", "qwen3"] {
        let (_dir, w) = wide(family);
        let model = Model::within(&w, 2, MemoryBudget::default()).unwrap();
        let decoder = model.decoder();
        let d = data(&w, &[40, 25, 30, 21]);
        let packed = decoder.packer().pack(&sequences(&d), true).unwrap();
        let read = packed.read.as_ref().unwrap().rows.len();
        assert!(read < packed.ids.len());
        let adapters: Vec<_> = [(4, &Site::ALL[..]), (256, &Site::ALL), (256, &[Site::Q, Site::V, Site::Down])]
            .map(|(rank, sites)| adapter(&w, rank, sites))
            .into();
        for a in adapters.iter().map(Some).chain([None]) {
            let ranks = a.map(Adapter::ranks).unwrap_or_default();
            let lora = decoder::Lora { adapter: a, ..Default::default() };
            let (_, kept) = decoder.stack_kept(&packed.ids, Pass::of(&packed, lora), 0, usize::MAX).unwrap();
            let mut bytes = 0;
            for (layer, one) in kept.iter().enumerate() {
                let held = floats(decoder.ops(), one.saved.as_ref().unwrap());
                let width = SavedWidth::of(&w.spec().blocks[layer], layer, &ranks);
                let read = if layer + 1 == kept.len() { read } else { packed.ids.len() };
                assert_eq!(width.floats(packed.ids.len(), read), held, "{family}, layer {layer}, {ranks:?}");
                bytes += 4 * held as u64;
            }
            let cost = cost_of(w.spec(), &ranks, &packed, true);
            let estimated = (cost.layers, cost.kept - cost.least);
            assert_eq!(estimated, if a.is_some() { (kept.len(), bytes) } else { (0, 0) }, "{family}, {ranks:?}");
        }
    }
}

/// Below the lowest layer that the adapter reaches nothing is kept.
#[test]
fn layers_below_the_adapter_cost_nothing() {
    let (_dir, w) = wide("qwen3");
    let model = Model::within(&w, 2, MemoryBudget::default()).unwrap();
    let d = data(&w, &[40, 25]);
    let mut a = adapter(&w, 4, &Site::ALL);
    let all = model.cost(&a.ranks(), &sequences(&d), false, true).unwrap();
    a.pairs.retain(|id, _| id.layer == 1);
    let upper = model.cost(&a.ranks(), &sequences(&d), false, true).unwrap();
    assert_eq!((all.layers, upper.layers), (2, 1));
    assert!(upper.least < all.least && upper.kept < all.kept);
}

/// A step takes no more than is estimated, whether all layers' values are kept or none; nor is the estimate idle.
#[test]
fn a_step_takes_what_is_estimated_and_no_more() {
    for family in ["llama", "qwen3"] {
        let (_dir, w) = wide(family);
        let d = data(&w, &[400, 300, 250, 200]);
        for (rank, dropout) in [(4, None), (256, None), (256, DROPOUT)] {
            let a = adapter(&w, rank, &Site::ALL);
            let model = || Model::within(&w, 2, MemoryBudget::default()).unwrap();
            let cost = model().cost(&a.ranks(), &sequences(&d), dropout.is_some(), true).unwrap();
            for estimated in [cost.kept, cost.least] {
                let model = Model::within(&w, 2, MemoryBudget::of(estimated)).unwrap();
                grads(&model, &a, &sequences(&d), dropout);
                let share = 4.0 * model.decoder().ops().touched() as f64 / estimated as f64;
                assert!((0.5..=1.0).contains(&share), "{family}, rank {rank}, {dropout:?}: {share} of {cost:?}");
            }
        }
    }
}
