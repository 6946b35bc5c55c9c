//! Export and proof on Qwen2.5-Coder-0.5B-Instruct Q4_K_M (Q5_0, Q8_0, Q6_K, Q4_K tensors, untied head): the right file is
//! proved through the real daemon, and planted faults are caught.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::json;
use tunesmith::base::Resolver;
use tunesmith::dataset::Record;
use tunesmith::export::{self, Floor, Quant};
use tunesmith::lora::{Adapter, Hf};
use tunesmith::ollama::Create;
use tunesmith::proof::{self, Proof};
use tunesmith::store::Digest;
use tunesmith::weights::{LinearId, Site};

use crate::daemon;
use crate::tune::{self, Recipe, To, Tune};

fn tickets() -> Vec<Record> {
    tunesmith::dataset::parse(include_str!("../fixtures/tickets_fr/train.jsonl")).unwrap()
}

fn tuned(recipe: Recipe) -> Tune {
    let base = Resolver::default().open(daemon::needed("TUNESMITH_QWEN").to_str().unwrap()).unwrap();
    Tune::of(base, &tickets(), recipe)
}

fn strong() -> &'static Tune {
    static TUNE: OnceLock<Tune> = OnceLock::new();
    let recipe = Recipe { name: "strong", rank: 8, steps: 48, batch_size: 4, learning_rate: 5e-4 };
    TUNE.get_or_init(|| tuned(recipe))
}

fn weak() -> &'static Tune {
    static TUNE: OnceLock<Tune> = OnceLock::new();
    let recipe = Recipe { name: "weak", rank: 8, steps: 8, batch_size: 4, learning_rate: 2e-4 };
    TUNE.get_or_init(|| tuned(recipe))
}

const TYPES: [(Quant, Floor); 5] = [
    (Quant::Keep, Floor::Q8_0),
    (Quant::Keep, Floor::Same),
    (Quant::Q8_0, Floor::Q8_0),
    (Quant::F16, Floor::Q8_0),
    (Quant::Bf16, Floor::Q8_0),
];

/// Registers `file` with the base's template and proves that the daemon serves `exported`.
fn prove(tune: &Tune, file: &Path, exported: &Path) -> Proof {
    let (client, name) = (daemon::newest().client(), "qwen-fault:v1");
    let digest = Digest::of_file(file).unwrap();
    client.upload(file, digest, &mut |_, _| {}).unwrap();
    let create = Create {
        model: name.to_owned(),
        files: vec![("model.gguf".to_owned(), digest)],
        template: Some(tune.base.template.go_template().unwrap()),
        parameters: json!({"stop": ["<|im_end|>"]}).as_object().unwrap().clone(),
        ..Create::default()
    };
    client.create(&create, &mut |_| {}).unwrap();
    let sample = tune::conversations_of(tickets());
    let tuned = (&tune.base, &tune.adapter, exported);
    let request = proof::Request { probes: 4, ..tune::asked(&client, name, tuned, &sample) };
    let proof = proof::prove(&request, &mut |_, _, _| {}).unwrap();
    client.delete(name).unwrap();
    proof
}

fn faults(tune: &Tune, adapter: &Adapter<Hf>, to: To<'_>) -> Vec<String> {
    tune.export(&tune.base.weights, adapter, to);
    export::verify(to.path, &tune.base.weights, &tune.adapter).unwrap().faults()
}

fn changed(tune: &Tune, change: impl FnOnce(&mut Adapter<Hf>)) -> Adapter<Hf> {
    let mut adapter = tune.adapter.clone();
    change(&mut adapter);
    adapter
}

fn neighbours(adapter: &Adapter<Hf>) -> Adapter<Hf> {
    let layers = adapter.pairs.keys().map(|id| id.layer).max().unwrap() + 1;
    let mut moved = adapter.clone();
    for (id, pair) in &adapter.pairs {
        moved.pairs.insert(LinearId { layer: (id.layer + 1) % layers, ..*id }, pair.clone());
    }
    moved
}

/// What an exporter can get wrong: (what, the least number of faults, the adapter that is merged instead).
fn wrong_adapters(tune: &Tune) -> Vec<(&'static str, usize, Adapter<Hf>)> {
    let config = tune.base.weights.config();
    let rank = tune.adapter.config.rank;
    let touched = tune.adapter.pairs.len();
    let reordered = |a: &mut Adapter<Hf>| {
        for (id, pair) in &mut a.pairs {
            match id.site {
                Site::Q => pair.b = tunesmith::lora::unpermute_rows(&pair.b, config.heads, rank),
                Site::K => pair.b = tunesmith::lora::unpermute_rows(&pair.b, config.kv_heads, rank),
                _ => {}
            }
        }
    };
    let zero = |a: &mut Adapter<Hf>| a.pairs.values_mut().for_each(|p| p.b.fill(0.0));
    vec![
        ("alpha × 1.2", touched / 2, changed(tune, |a| a.config.alpha *= 1.2)),
        ("a zero adapter", touched, changed(tune, zero)),
        ("q/k of ΔW in the other order", config.layers, changed(tune, reordered)),
        ("the neighbouring layer's ΔW", touched, neighbours(&tune.adapter)),
    ]
}

fn right_files(tune: &Tune) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    for (i, (quant, floor)) in TYPES.into_iter().enumerate() {
        let to = To { quant, floor, seed: i as u64, path: &path };
        let found = faults(tune, &tune.adapter, to);
        assert!(found.is_empty(), "{} {quant:?} {floor:?}: the right file is refused: {found:?}", tune.name);
    }
}

fn wrong_files(tune: &Tune, floor: Floor) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    for (what, least, adapter) in wrong_adapters(tune) {
        let found = faults(tune, &adapter, To { quant: Quant::Keep, floor, seed: 1, path: &path });
        println!("{} {floor:?}: {what}: {} faults", tune.name, found.len());
        assert!(found.len() >= least, "{} {floor:?}: {what}: {found:?}", tune.name);
    }
}

/// The weakest tune is the hardest to tell; `way_qwen` proves a strong one through the daemon.
#[test]
fn a_tune_of_qwen_of_eight_steps_is_told_from_its_faults() {
    right_files(weak());
    wrong_files(weak(), Floor::Q8_0);
}

#[test]
#[ignore = "minutes on two cores: scripts/test --test it qwen -- --ignored"]
fn a_strong_tune_of_qwen_is_told_from_its_faults_and_a_weak_one_in_the_bases_types() {
    right_files(strong());
    wrong_files(strong(), Floor::Q8_0);
    wrong_files(strong(), Floor::Same);
    wrong_files(weak(), Floor::Same);
}

/// The default delivery and the one of the base's size, through the daemon; and another file under the tag.
#[test]
#[ignore = "minutes on two cores: scripts/test --test it qwen -- --ignored"]
fn qwen_is_proved_through_the_daemon() {
    for tune in [strong(), weak()] {
        let _alone = daemon::newest().alone();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.gguf");
        for (quant, floor) in [(Quant::Keep, Floor::Same), (Quant::Keep, Floor::Q8_0)] {
            tune.export(&tune.base.weights, &tune.adapter, To { quant, floor, seed: 1, path: &path });
            let proof = prove(tune, &path, &path);
            assert!(proof.passed, "{} {quant:?} {floor:?}: {:#?}", tune.name, proof.legs);
        }
        let untuned = daemon::needed("TUNESMITH_QWEN");
        let proof = prove(tune, &untuned, &path);
        let served = proof.legs.iter().find(|l| l.name == "served").unwrap();
        assert!(!served.passed, "{}: the untuned base under the tag: {:#?}", tune.name, proof.legs);
    }
}

/// Twenty right files over seeds and types, through the daemon: never refused.
#[test]
#[ignore = "ten minutes on two cores: scripts/test --test it qwen::twenty -- --ignored --nocapture"]
fn twenty_right_files_of_qwen_are_proved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    for tune in [strong(), weak()] {
        let _alone = daemon::newest().alone();
        for seed in [1, 2] {
            for (quant, floor) in TYPES {
                tune.export(&tune.base.weights, &tune.adapter, To { quant, floor, seed, path: &path });
                let proof = prove(tune, &path, &path);
                println!("{} {quant:?} {floor:?} seed {seed}: {}", tune.name, proof.legs[1].summary);
                assert!(proof.passed, "{} {quant:?} {floor:?} seed {seed}: {:#?}", tune.name, proof.legs);
            }
        }
    }
}
