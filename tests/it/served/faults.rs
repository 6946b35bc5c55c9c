//! The proof catches what is wrong and passes what is right: a strong tune and one of eight steps, planted faults, the
//! real daemon.

use std::path::{Path, PathBuf};

use serde_json::json;
use tunesmith::chat::{Message, Role};
use tunesmith::export::{Floor, Quant};
use tunesmith::lora::{Adapter, Hf};
use tunesmith::ollama::{Client, Create};
use tunesmith::proof::{self, Leg, Proof};
use tunesmith::store::Digest;
use tunesmith::weights::Site;

use crate::daemon::{self, SMOLLM2_TEMPLATE};
use crate::exports::{another_base, double_bos, faults, wrong_files};
use crate::program::{Ended, Place};
use crate::tiny::{QWEN2, Tiny};
use crate::tiny_run;
use crate::tune::{self, To, Tune};

struct Bench {
    dir: tempfile::TempDir,
    tune: &'static Tune,
    client: Client,
}

/// The names of the legs that failed.
fn failed(proof: &Proof) -> Vec<&str> {
    proof.legs.iter().filter(|l| !l.passed).map(|l| l.name.as_str()).collect()
}

/// What its words say of each comparison: how many were equal, of how many.
fn counts(leg: &Leg) -> Vec<[f64; 2]> {
    let words: Vec<&str> = leg.summary.split([' ', ';', ',']).collect();
    let count = |w: &[&str]| (w[1] == "of").then(|| Some([w[0].parse().ok()?, w[2].parse().ok()?])).flatten();
    words.windows(3).filter_map(count).collect()
}

/// The words of the prompt's leg are its numbers, and they say that something differs where, and only where, it failed.
#[track_caller]
fn says_what_it_counted(proof: &Proof) {
    let leg = &proof.legs[0];
    let number = |name: &str| leg.numbers[name].as_f64().unwrap();
    let renderings = [number("renderings_equal"), number("renderings")];
    let ids = [number("prompt_ids_equal"), number("prompt_ids")];
    assert_eq!(counts(leg), [renderings, ids], "{leg:#?}");
    let all_equal = renderings[1] > 0.0 && [renderings, ids].iter().all(|[equal, of]| equal == of);
    assert_eq!((all_equal, leg.faults.is_empty()), (leg.passed, leg.passed), "{leg:#?}");
}

impl Bench {
    fn new(tune: &'static Tune) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), tune, client: daemon::newest().client() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.gguf"))
    }

    /// The merged file of an adapter that was changed first.
    fn merged(&self, name: &str, quant: Quant, change: impl FnOnce(&mut Adapter<Hf>)) -> PathBuf {
        let mut adapter = self.tune.adapter.clone();
        change(&mut adapter);
        self.tune.merged(&adapter, quant, self.path(name))
    }

    /// Registers `file` with `template`, and proves that the daemon serves `exported`.
    fn prove(&self, file: &Path, template: &str, exported: &Path, probes: usize) -> Proof {
        let name = "fault:v1";
        let digest = Digest::of_file(file).unwrap();
        self.client.upload(file, digest, &mut |_, _| {}).unwrap();
        let create = Create {
            model: name.to_owned(),
            files: vec![("model.gguf".to_owned(), digest)],
            template: Some(template.to_owned()),
            parameters: json!({"stop": ["<|im_end|>"]}).as_object().unwrap().clone(),
            ..Create::default()
        };
        self.client.create(&create, &mut |_| {}).unwrap();
        let tuned = (&self.tune.base, &self.tune.adapter, exported);
        let sample = tune::conversations();
        let request = proof::Request { probes, ..tune::asked(&self.client, name, tuned, &sample) };
        let proof = proof::prove(&request, &mut |_, _, _| {}).unwrap();
        self.client.delete(name).unwrap();
        says_what_it_counted(&proof);
        proof
    }

    /// The proof of a wrong file, exported, uploaded and served as if it were right, fails at `leg`.
    #[track_caller]
    fn catches(&self, what: &str, file: &Path, template: &str, leg: &str) {
        let proof = self.prove(file, template, file, 4);
        assert!(failed(&proof).contains(&leg), "{}: {what} was not caught: {:#?}", self.tune.name, proof.legs);
    }
}

fn swap_two_layers(a: &mut Adapter<Hf>) {
    let ids: Vec<_> = a.pairs.keys().copied().filter(|id| id.site == Site::Up && id.layer < 2).collect();
    let (x, y) = (a.pairs[&ids[0]].clone(), a.pairs[&ids[1]].clone());
    a.pairs.insert(ids[0], y);
    a.pairs.insert(ids[1], x);
}

fn planted_faults_are_caught(tune: &'static Tune) {
    let _alone = daemon::newest().alone();
    let bench = Bench::new(tune);
    let config = tune.base.weights.config();
    let (heads, kv_heads, rank) = (config.heads, config.kv_heads, tune.adapter.config.rank);
    let newline = SMOLLM2_TEMPLATE.replacen(
        "<|im_end|>\n{{ end }}<|im_start|>assistant",
        "<|im_end|>\n\n{{ end }}<|im_start|>assistant",
        1,
    );
    let no_system = SMOLLM2_TEMPLATE.split_once("{{- range").map(|(_, rest)| format!("{{{{- range{rest}")).unwrap();
    let other_base = another_base(tune, bench.path("another-base"));

    for quant in [Quant::F16, Quant::Q8_0] {
        let right = bench.merged("right", quant, |_| {});
        let proof = bench.prove(&right, SMOLLM2_TEMPLATE, &right, 4);
        assert!(proof.passed, "{}, {quant:?}: the right file is refused: {:#?}", tune.name, proof.legs);

        // What an exporter can get wrong.
        let zero = |a: &mut Adapter<Hf>| a.pairs.values_mut().for_each(|p| p.b.fill(0.0));
        let unpermuted = |a: &mut Adapter<Hf>| {
            for (id, pair) in &mut a.pairs {
                let heads = match id.site {
                    Site::Q => heads,
                    Site::K => kv_heads,
                    _ => continue,
                };
                pair.b = tunesmith::lora::unpermute_rows(&pair.b, heads, rank);
            }
        };
        let file = bench.merged("wrong", quant, zero);
        bench.catches("a zero adapter", &file, SMOLLM2_TEMPLATE, "exported");
        // The leg refuses whatever the files alone show, as it did here.
        let is_caught = |what: &str, change: &dyn Fn(&mut Adapter<Hf>)| {
            let found = faults(tune, &bench.merged("wrong", quant, change));
            assert!(!found.is_empty(), "{}, {quant:?}: {what} was not caught", tune.name);
        };
        is_caught("q/k of ΔW in the other order", &unpermuted);
        is_caught("alpha doubled", &|a| a.config.alpha *= 2.0);
        is_caught("alpha × 1.2", &|a| a.config.alpha *= 1.2);
        is_caught("two layers' tensors swapped", &swap_two_layers);
        let to = To { quant, floor: Floor::Q8_0, seed: 1, path: &bench.path("wrong") };
        tune.export(&other_base, &tune.adapter, to);
        bench.catches("the wrong base", to.path, SMOLLM2_TEMPLATE, "exported");

        // What a Modelfile or a tokenizer can get wrong.
        let file = double_bos(&right, bench.path("wrong"));
        bench.catches("a double BOS", &file, SMOLLM2_TEMPLATE, "prompt");
        bench.catches("one newline more in the template", &right, &newline, "prompt");
        bench.catches("a lost default system turn", &right, &no_system, "prompt");

        // Another file under the tag than the one that was exported and is right.
        tune.export(&other_base, &tune.adapter, to);
        for (what, served) in [("the untuned base", daemon::smollm2().as_path()), ("the wrong base", to.path)] {
            let proof = bench.prove(served, SMOLLM2_TEMPLATE, &right, 4);
            assert!(failed(&proof).contains(&"served"), "{}: {what} under the tag: {:#?}", tune.name, proof.legs);
        }
    }
}

#[test]
fn planted_faults_are_caught_in_a_strong_tune() {
    planted_faults_are_caught(tune::strong());
}

#[test]
fn planted_faults_are_caught_in_a_tune_of_eight_steps() {
    planted_faults_are_caught(tune::weak());
}

/// On the base's own grid, where a step is coarsest beside the tune.
#[test]
fn wrong_files_in_the_bases_own_types_are_caught() {
    // Of 210 touched tensors.
    wrong_files(tune::strong(), Floor::Same, 105);
    wrong_files(tune::weak(), Floor::Same, 84);
}

/// Twenty right files, over seeds and types, of both tunes; those of one seed are also served.
#[test]
fn the_right_file_is_never_refused() {
    let _alone = daemon::newest().alone();
    let types = [
        (Quant::F16, Floor::Q8_0),
        (Quant::Bf16, Floor::Q8_0),
        (Quant::Q8_0, Floor::Q8_0),
        (Quant::Keep, Floor::Q8_0),
        (Quant::Keep, Floor::Same),
    ];
    for tune in [tune::strong(), tune::weak()] {
        let bench = Bench::new(tune);
        for seed in [1, 2] {
            for (quant, floor) in types {
                let to = To { quant, floor, seed, path: &bench.path("right") };
                tune.export(&tune.base.weights, &tune.adapter, to);
                let found = faults(tune, to.path);
                assert!(found.is_empty(), "{}, {quant:?} {floor:?}, seed {seed}: {found:?}", tune.name);
                if seed == 1 {
                    let proof = bench.prove(to.path, SMOLLM2_TEMPLATE, to.path, 3);
                    assert!(proof.passed, "{}, {quant:?} {floor:?}: {:#?}", tune.name, proof.legs);
                }
            }
        }
    }
}

#[test]
fn a_wrong_export_names_its_tensors() {
    let bench = Bench::new(tune::weak());
    assert!(faults(bench.tune, &bench.merged("right", Quant::Q8_0, |_| {})).is_empty());
    let wrong = faults(bench.tune, &bench.merged("wrong", Quant::Q8_0, swap_two_layers));
    let (tensors, pooled): (Vec<_>, Vec<_>) = wrong.iter().partition(|w| w.starts_with("blk."));
    assert!(tensors.len() == 2 && tensors.iter().all(|w| w.contains("ffn_up")), "{wrong:?}");
    // And what they have in common: the kind and both layers.
    assert_eq!(pooled.len(), 3, "{wrong:?}");
    assert!(!faults(bench.tune, &daemon::smollm2()).is_empty(), "the untuned base was not caught");
}

/// The proof of a run of a tiny base whose model has this context, by the embedded server, and how the run ended.
fn proved_within(num_ctx: usize) -> (Proof, Ended) {
    let base = QWEN2.folder();
    let place = Place::new();
    tiny_run::lay_out(&place, base.path(), &json!({"num_ctx": num_ctx}));
    let ended = place.run(&["run", "--embedded", "--until", "prove"]);
    let runs = std::fs::read_dir(place.path("runs")).unwrap().map(|entry| entry.unwrap().path());
    let proof = runs.map(|run| run.join("proof.json")).find(|path| path.is_file()).expect(&ended.err);
    (serde_json::from_slice(&std::fs::read(proof).unwrap()).unwrap(), ended)
}

/// No conversation has a place in the model's context.
#[test]
fn a_proof_that_compared_nothing_fails_and_says_so() {
    let (proof, ended) = proved_within(16);
    says_what_it_counted(&proof);
    assert!(!proof.legs[0].passed, "{:#?}", proof.legs[0]);
    ended.says(6, &["the proof failed, leg prompt: no conversation could be compared", "prompt            0 of 0"]);
}

/// Short prompts have a place in the model's context, long ones are left out: a right model is not refused for them.
#[test]
fn a_proof_within_a_small_context_counts_what_it_compared() {
    let folder = QWEN2.folder();
    let base = Tiny::open(folder.path());
    let tokens = |text: &str| {
        let prompt = base.template.render(&[Message::new(Role::User, text)], true).unwrap().text;
        base.tokenizer.encode(&prompt).unwrap().len()
    };
    // With its answer of 16 tokens, the longest question that is made up.
    let small = tokens("What could a teacher have to do with 12345 horses?") + 16;
    let mut compared = Vec::new();
    for num_ctx in [tokens("say 3") + 16, small - 4, small, 2048] {
        let (proof, ended) = proved_within(num_ctx);
        ended.says(0, &["✓ prompt"]);
        says_what_it_counted(&proof);
        compared.push(proof.legs[0].numbers["renderings"].as_f64().unwrap());
    }
    assert!(compared.is_sorted() && compared[0] < compared[3], "{compared:?}");
}
