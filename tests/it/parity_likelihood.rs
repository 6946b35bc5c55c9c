//! Likelihoods of two models against transformers' f32 forwards and PyTorch's f64 sums (tests/oracles/likelihood.py).

use tunesmith::chat::{ChatTemplate, Message, Role, SpecialTokens};
use tunesmith::gguf::Gguf;
use tunesmith::likelihood::{
    ChoicePassages, ChoiceQuestion, Passage, Passages, Subject, TextLikelihood, choice_log_likelihoods, choices,
    compare, general,
};
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

/// Of tests/oracles/likelihood.py: tokens of each choice after a prompt of 24; the last begins the one before it.
const CHOICES: [usize; 4] = [1, 3, 5, 2];
const LABELS: [&str; 5] = ["facturation", "livraison", "technique", "compte", "compte client"];
const SYSTEM: &str =
    "Classe le ticket du client. Réponds par un seul mot : facturation, livraison, technique, compte ou compte client.";
const TICKETS: [&str; 3] = ["Mon colis n'est pas arrivé.", "J'ai été débité deux fois.", "L'écran s'éteint tout seul."];

fn near(what: &str, ours: &[f64], theirs: &[f64], limit: f64) {
    let error = |(a, b): (&f64, &f64)| (a - b).abs() / a.abs().max(b.abs());
    let worst = ours.iter().zip(theirs).map(error).fold(0.0, f64::max);
    println!("parity: choices of {what}: worst relative difference {worst:.1e} (limit {limit:.0e})");
    assert!(ours.len() == theirs.len() && worst <= limit, "{what}: {ours:?} are not {theirs:?}");
}

/// Several questions in one pass, their prompts computed once.
#[test]
fn choices_of_tiny_models_equal_pytorchs() {
    let golden = Arrays::open("likelihood");
    for (name, _) in PAIRS {
        let weights = Weights::from_gguf(Gguf::open(fixture(&format!("{name}.f16.gguf"))).unwrap()).unwrap();
        let model = Model::new(&weights, 2).unwrap();
        let passage = |(n, length): (usize, usize)| {
            let ids = golden.u32(&format!("{name}.choices.{n}.ids"));
            assert_eq!(ids.len(), 24 + length);
            Passage { ids, scored: (24..24 + length).collect() }
        };
        let all: Vec<Passage> = CHOICES.into_iter().enumerate().map(passage).collect();
        let questions = [ChoicePassages::of_ids(all.clone()), ChoicePassages::of_ids(all[1..3].to_vec())];
        let subject = Subject { name: "tiny", model: &model, adapter: None };
        let mut read = 0;
        let found = choice_log_likelihoods(subject, &questions, &mut |tokens| read = tokens).unwrap();
        assert_eq!(read, questions.iter().map(ChoicePassages::tokens).sum::<u64>());
        let theirs = golden.f64(&format!("{name}.choices"));
        near(name, &found[0], &theirs, 2e-4);
        near(name, &found[1], &theirs[1..3], 2e-4);
        // One token less is another number: the limit is not so wide that it would hold.
        let short = Passage { scored: (24..28).collect(), ..all[2].clone() };
        let other = choice_log_likelihoods(subject, &[ChoicePassages::of_ids(vec![short])], &mut |_| {}).unwrap();
        assert!((other[0][0] - theirs[2]).abs() > 0.01 * theirs[2].abs(), "{other:?} {theirs:?}");
    }
}

/// From messages, by SmolLM2's own template and tokenizer.
#[test]
fn smollm2_choices_equal_pytorchs() {
    let golden = Arrays::open("likelihood");
    let gguf = Gguf::open(smollm2()).unwrap();
    let special = SpecialTokens { bos: Some("<|im_start|>"), eos: Some("<|im_end|>"), adds_bos: false };
    let template = ChatTemplate::new(gguf.str("tokenizer.chat_template").unwrap(), special).unwrap();
    let (tokenizer, weights) = (Tokenizer::from_gguf(&gguf).unwrap(), Weights::from_gguf(gguf).unwrap());
    let model = Model::new(&weights, 2).unwrap();
    let question = |ticket: &str| ChoiceQuestion {
        messages: vec![Message::new(Role::System, SYSTEM), Message::new(Role::User, ticket)],
        choices: LABELS.map(str::to_owned).to_vec(),
    };
    let encoded = choices(&TICKETS.map(question), &template, &tokenizer, weights.config().context);
    let encoded: Vec<ChoicePassages> = encoded.into_iter().map(Option::unwrap).collect();
    let shape = |p: &Passage| [p.ids.len() as u32, p.scored[0] as u32];
    let shapes: Vec<u32> = encoded.iter().flat_map(ChoicePassages::passages).flat_map(shape).collect();
    assert_eq!(shapes, golden.u32("smollm2.choices.tokens"));
    let subject = Subject { name: "SmolLM2", model: &model, adapter: None };
    let found = choice_log_likelihoods(subject, &encoded, &mut |_| {}).unwrap();
    near("SmolLM2", &found.concat(), &golden.f64("smollm2.choices"), 1e-3);
}
