//! Export and proof on Qwen2.5-Coder-0.5B-Instruct Q4_K_M (Q5_0, Q8_0, Q6_K, Q4_K tensors, untied head): the right file is
//! proved through the real daemon, and planted faults are caught.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::json;
use tunesmith::base::Resolver;
use tunesmith::dataset::Record;
use tunesmith::export::{Floor, Quant};
use tunesmith::ollama::Create;
use tunesmith::proof::{self, Proof};
use tunesmith::store::Digest;

use crate::daemon;
use crate::exports::{TYPES, another_base, double_bos, faults, right_files, wrong_files};
use crate::tune::{self, Recipe, To, Tune};

/// What the tickets' conversations begin with.
pub const SYSTEM: &str =
    "Classe le ticket du client. Réponds par un seul mot : facturation, livraison, technique, compte ou retour.";

/// Of the 168 touched tensors.
const HALF: usize = 84;

fn tickets() -> Vec<Record> {
    tunesmith::dataset::parse(include_str!("../../fixtures/tickets_fr/train.jsonl")).unwrap()
}

fn tuned(recipe: Recipe) -> Tune {
    let base = Resolver::default().open(daemon::needed("TUNESMITH_QWEN").to_str().unwrap()).unwrap();
    Tune::of(base, &tickets(), recipe)
}

pub fn strong() -> &'static Tune {
    static TUNE: OnceLock<Tune> = OnceLock::new();
    let recipe = Recipe { name: "strong", rank: 8, steps: 48, batch_size: 4, learning_rate: 5e-4 };
    TUNE.get_or_init(|| tuned(recipe))
}

pub fn weak() -> &'static Tune {
    static TUNE: OnceLock<Tune> = OnceLock::new();
    let recipe = Recipe { name: "weak", rank: 8, steps: 8, batch_size: 4, learning_rate: 2e-4 };
    TUNE.get_or_init(|| tuned(recipe))
}

/// Registers `file` with `template` and proves that the daemon serves `exported`.
fn prove(tune: &Tune, file: &Path, exported: &Path, template: &str) -> Proof {
    let (client, name) = (daemon::newest().client(), "qwen-fault:v1");
    let digest = Digest::of_file(file).unwrap();
    client.upload(file, digest, &mut |_, _| {}).unwrap();
    let create = Create {
        model: name.to_owned(),
        files: vec![("model.gguf".to_owned(), digest)],
        template: Some(template.to_owned()),
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

/// The file with another default system turn in its own chat template, which Ollama 0.34.4 renders of this file, whatever
/// TEMPLATE it is registered with.
fn other_default_system(file: &Path, to: &Path) {
    let (own, other) = (b"You are Qwen, created by Alibaba Cloud.", b"You are Qwen, created by nobody at all.");
    let mut bytes = std::fs::read(file).unwrap();
    let mut changed = 0;
    for at in 0..bytes.len().min(16 << 20) - own.len() {
        if bytes[at..].starts_with(own) {
            bytes[at..at + own.len()].copy_from_slice(other);
            changed += 1;
        }
    }
    assert!(changed > 0);
    std::fs::write(to, bytes).unwrap();
}

/// The weakest tune is the hardest to tell; `pipeline_qwen` proves a strong one through the daemon.
#[test]
fn a_tune_of_qwen_of_eight_steps_is_told_from_its_faults() {
    right_files(weak());
    wrong_files(weak(), Floor::Q8_0, HALF);
    wrong_files(weak(), Floor::Same, HALF);
}

/// What a Modelfile, a tokenizer or a registration can get wrong, of the tune that is the hardest to tell.
#[test]
fn what_qwen_is_served_with_is_told_from_its_faults() {
    let _alone = daemon::newest().alone();
    let tune = weak();
    let dir = tempfile::tempdir().unwrap();
    let [right, wrong, other] = ["right", "wrong", "other"].map(|name| dir.path().join(format!("{name}.gguf")));
    let to = |path| To { quant: Quant::Keep, floor: Floor::Q8_0, seed: 1, path };
    let template = tune.base.template.go_template().unwrap();
    tune.export(&tune.base.weights, &tune.adapter, to(&right));
    let proof = prove(tune, &right, &right, &template);
    assert!(proof.passed, "the right file is refused: {:#?}", proof.legs);
    let caught = |what: &str, proof: Proof, leg: &str| {
        assert!(proof.legs.iter().any(|l| l.name == leg && !l.passed), "{what} was not caught: {:#?}", proof.legs);
    };
    double_bos(&right, wrong.clone());
    caught("a double BOS", prove(tune, &wrong, &wrong, &template), "prompt");
    other_default_system(&right, &wrong);
    caught("another default system turn", prove(tune, &wrong, &wrong, &template), "prompt");
    tune.export(&another_base(tune, other), &tune.adapter, to(&wrong));
    let proof = prove(tune, &wrong, &right, &template);
    caught("another base under the tag", proof, "served");
    assert!(!faults(tune, &wrong).is_empty(), "another base is not seen in the file");
    let untuned = daemon::needed("TUNESMITH_QWEN");
    caught("the untuned base under the tag", prove(tune, &untuned, &right, &template), "served");
}

#[test]
#[ignore = "minutes on two cores: scripts/test --test it qwen -- --ignored"]
fn a_strong_tune_of_qwen_is_told_from_its_faults() {
    right_files(strong());
    wrong_files(strong(), Floor::Q8_0, HALF);
    wrong_files(strong(), Floor::Same, HALF);
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
                let proof = prove(tune, &path, &path, &tune.base.template.go_template().unwrap());
                println!("{} {quant:?} {floor:?} seed {seed}: {}", tune.name, proof.legs[1].summary);
                assert!(proof.passed, "{} {quant:?} {floor:?} seed {seed}: {:#?}", tune.name, proof.legs);
            }
        }
    }
}
