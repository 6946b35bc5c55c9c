//! Likelihoods of two models against transformers' f32 forwards and PyTorch's f64 sums (tests/oracles/likelihood.py).

use tunesmith::gguf::Gguf;
use tunesmith::likelihood::{Passage, Passages, Subject, TextLikelihood, compare, general};
use tunesmith::model::Model;
use tunesmith::tokenizer::Tokenizer;
use tunesmith::weights::Weights;

use crate::oracle::{Arrays, fixture, json, smollm2};
use crate::oracle_lora::start;

const PAIRS: [(&str, &str); 2] = [("qwen2", "qwen3"), ("llama-tied", "llama-gqa8")];
/// Tokens, and the first that is scored.
const PASSAGES: [(usize, usize); 3] = [(40, 1), (97, 60), (3, 2)];

/// Numbers relative to the largest of both sides; the share of equal tokens exactly.
fn equal(what: &str, ours: &TextLikelihood, theirs: &[f64], limit: f64) {
    let nats = |bits_per_byte: f64| bits_per_byte * ours.bytes as f64 * std::f64::consts::LN_2 / ours.tokens as f64;
    let found = [
        nats(ours.bits_per_byte_v1),
        nats(ours.bits_per_byte_v2),
        nats(ours.bits_per_byte_difference_standard_error),
        ours.mean_kl,
        ours.mean_kl_standard_error,
        ours.p99_kl,
        ours.max_kl,
        ours.same_top,
        ours.rms_delta_p,
    ];
    let error = |(a, b): (&f64, &f64)| (a - b).abs() / a.abs().max(b.abs()).max(1e-12);
    let worst = found.iter().zip(theirs).map(error).fold(0.0, f64::max);
    println!("parity: likelihoods of {what}: worst relative difference {worst:.1e} (limit {limit:.0e})");
    assert!(theirs.len() == found.len() && worst <= limit, "{what}: {found:?} are not {theirs:?}");
}

#[test]
fn likelihoods_of_tiny_pairs_equal_pytorchs() {
    let golden = Arrays::open("likelihood");
    for (v1, v2) in PAIRS {
        let weights =
            [v1, v2].map(|n| Weights::from_gguf(Gguf::open(fixture(&format!("{n}.f16.gguf"))).unwrap()).unwrap());
        let models = weights.each_ref().map(|w| Model::new(w, 2).unwrap());
        let passage = |(n, (length, first)): (usize, (usize, usize))| {
            let ids = golden.u32(&format!("{v1}.{v2}.{n}.ids"));
            assert_eq!(ids.len(), length);
            Passage { ids, scored: (first..length).collect() }
        };
        let text = Passages::of_ids("own", PASSAGES.into_iter().enumerate().map(passage).collect(), 1000);
        let subject = |i: usize| Subject { name: "tiny", model: &models[i], adapter: None };
        let mut read = 0;
        let ours = compare(subject(0), subject(1), &text, &mut |tokens| read = tokens).unwrap();
        assert_eq!((read, ours.tokens), (140, 39 + 37 + 1));
        equal(&format!("{v1} and {v2}"), &ours, &golden.f64(&format!("{v1}.{v2}")), 2e-4);
        // A model against itself: no divergence at all.
        let same = compare(subject(0), subject(0), &text, &mut |_| {}).unwrap();
        assert_eq!((same.mean_kl, same.max_kl, same.same_top, same.bits_per_byte_difference), (0.0, 0.0, 1.0, 0.0));
    }
}

/// The general text through our tokenizer and windows, the tune as an adapter.
#[test]
fn smollm2_likelihoods_equal_pytorchs() {
    let golden = Arrays::open("likelihood");
    let gguf = Gguf::open(smollm2()).unwrap();
    let (tokenizer, weights) = (Tokenizer::from_gguf(&gguf).unwrap(), Weights::from_gguf(gguf).unwrap());
    let run = json("smollm2_training.json");
    let adapter = start("smollm2/adapter", &run["run"], weights.spec()).to_stored(&weights);
    let model = Model::new(&weights, 2).unwrap();
    let text = general(&tokenizer, weights.config().context).unwrap();
    let base = Subject { name: "base", model: &model, adapter: None };
    let ours = compare(base, Subject { adapter: Some(&adapter), ..base }, &text, &mut |_| {}).unwrap();
    assert_eq!([ours.tokens as u32, ours.bytes as u32], golden.u32("smollm2.counts")[..]);
    equal("SmolLM2 and its adapter", &ours, &golden.f64("smollm2"), 1e-3);
}
