//! The proof catches what is wrong and passes what is right: a tune of eight steps, planted faults, the real daemon.

use std::path::{Path, PathBuf};

use serde_json::json;
use tunesmith::base::{Base, Resolver};
use tunesmith::chat::Message;
use tunesmith::export::{self, Floor, Quant};
use tunesmith::lora::{Adapter, Hf, LoraConfig};
use tunesmith::model::Model;
use tunesmith::ollama::{Client, Create};
use tunesmith::proof::{self, Proof};
use tunesmith::store::{Digest, Interrupt};
use tunesmith::train::{self, Job, Scheduler, TrainConfig};
use tunesmith::weights::Site;

use crate::daemon::{self, SMOLLM2_TEMPLATE};

struct Bench {
    dir: tempfile::TempDir,
    base: Base,
    adapter: Adapter<Hf>,
    sample: Vec<Vec<Message>>,
}

fn conversations() -> Vec<Vec<Message>> {
    let text = include_str!("../../data/demo/train.jsonl");
    let records = tunesmith::dataset::parse(text).unwrap();
    let chat = |r: &tunesmith::dataset::Record| match &r.content {
        tunesmith::dataset::Content::Chat(messages) => messages.clone(),
        tunesmith::dataset::Content::Text(_) => unreachable!("the demo's data is conversations"),
    };
    records.iter().take(64).map(chat).collect()
}

/// Eight steps: the weakest tune that is still to be told from its faults.
fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let base = Resolver::default().open(daemon::smollm2().to_str().unwrap()).unwrap();
    let records = tunesmith::dataset::parse(include_str!("../../data/demo/train.jsonl")).unwrap();
    let examples =
        tunesmith::batch::encode(&records[..64], Some(&base.template), &base.tokenizer, 512).unwrap().examples;
    let model = Model::new(&base.weights, 0).unwrap();
    let lora = LoraConfig { rank: 8, alpha: 16.0, dropout: 0.0, targets: Site::ALL.to_vec(), rslora: false };
    let config = TrainConfig {
        lora,
        epochs: 1.0,
        max_steps: Some(8),
        batch_size: 4,
        gradient_accumulation: 1,
        learning_rate: 2e-4,
        scheduler: Scheduler::Linear,
        warmup_ratio: 0.0,
        weight_decay: 0.0,
        max_grad_norm: 1.0,
        seed: 5,
        shuffle: true,
        save_every: 0,
    };
    let output = dir.path().join("train");
    let job = Job {
        weights: &base.weights,
        model: &model,
        base_name: "smollm2",
        tokenizer_files: &[],
        train: &examples,
        eval: &[],
        config: &config,
        from_adapter: None,
        output: &output,
        resume: false,
        interrupt: Interrupt::default(),
    };
    let (adapter, _) = train::run(job, &mut |_| {}).unwrap();
    drop(model);
    Bench { dir, base, adapter, sample: conversations() }
}

impl Bench {
    fn export(&self, adapter: &Adapter<Hf>, quant: Quant, name: &str) -> PathBuf {
        let output = self.dir.path().join(name);
        let request = export::Request {
            weights: &self.base.weights,
            tokenizer: &self.base.tokenizer,
            chat_template: Some(self.base.template.source()),
            adapter,
            lineage: &[],
            seed: 1,
            output: &output,
            interrupt: Interrupt::default(),
        };
        export::merged_gguf(&request, quant, Floor::Q8_0, &mut |_, _| {}).unwrap();
        output
    }

    fn register(&self, client: &Client, name: &str, file: &Path, template: &str) {
        let digest = Digest::of_file(file).unwrap();
        client.upload(file, digest, &mut |_, _| {}).unwrap();
        let parameters = json!({"stop": ["<|im_end|>"]}).as_object().unwrap().clone();
        let create = Create {
            model: name.to_owned(),
            files: vec![("model.gguf".to_owned(), digest)],
            template: Some(template.to_owned()),
            parameters,
            ..Create::default()
        };
        client.create(&create, &mut |_| {}).unwrap();
    }

    fn prove(&self, client: &Client, name: &str, exported: &Path) -> Proof {
        let request = proof::Request {
            client,
            model: name,
            base: &self.base,
            adapter: &self.adapter,
            exported,
            system: None,
            sample: &self.sample,
            probes: 6,
            num_thread: Some(2),
            threads: 0,
            seed: 3,
            embedded: false,
            interrupt: Interrupt::default(),
        };
        proof::prove(&request, &mut |_, _, _| {}).unwrap()
    }
}

/// The names of the legs that failed.
fn failed(proof: &Proof) -> Vec<&str> {
    proof.legs.iter().filter(|l| !l.passed).map(|l| l.name.as_str()).collect()
}

#[test]
fn planted_faults_are_caught_and_the_right_file_is_not_refused() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    let bench = bench();

    for (quant, name) in [(Quant::F16, "right-f16.gguf"), (Quant::Q8_0, "right-q8.gguf")] {
        let right = bench.export(&bench.adapter, quant, name);
        bench.register(&client, "fault-right:v1", &right, SMOLLM2_TEMPLATE);
        let proof = bench.prove(&client, "fault-right:v1", &right);
        assert!(proof.passed, "{name}: {:#?}", proof.legs);
    }
    let right = bench.dir.path().join("right-q8.gguf");

    // The template, altered by one newline, and without its default system turn.
    let newline = SMOLLM2_TEMPLATE.replacen(
        "<|im_end|>\n{{ end }}<|im_start|>assistant",
        "<|im_end|>\n\n{{ end }}<|im_start|>assistant",
        1,
    );
    let lost = SMOLLM2_TEMPLATE.split_once("{{- range").map(|(_, rest)| format!("{{{{- range{rest}")).unwrap();
    for template in [newline, lost] {
        assert_ne!(template, SMOLLM2_TEMPLATE);
        bench.register(&client, "fault-template:v1", &right, &template);
        let proof = bench.prove(&client, "fault-template:v1", &right);
        assert_eq!(failed(&proof), ["prompt"], "{:#?}", proof.legs);
    }

    // Another file under the tag: the untuned base is served.
    bench.register(&client, "fault-other:v1", &daemon::smollm2(), SMOLLM2_TEMPLATE);
    let proof = bench.prove(&client, "fault-other:v1", &right);
    assert!(failed(&proof).contains(&"served"), "{:#?}", proof.legs);
}

#[test]
fn a_wrong_export_is_caught_tensor_by_tensor() {
    let bench = bench();
    let verify = |file: &Path| export::verify(file, &bench.base.weights, &bench.adapter).unwrap();
    let faults = |file: &Path| verify(file).iter().filter(|c| c.fault.is_some()).count();
    for quant in [Quant::F16, Quant::Q8_0] {
        let plant = |name: &str, change: &dyn Fn(&mut Adapter<Hf>)| {
            let mut wrong = bench.adapter.clone();
            change(&mut wrong);
            bench.export(&wrong, quant, name)
        };
        let right = plant("right.gguf", &|_| {});
        assert_eq!(faults(&right), 0, "{quant:?}: the right file");
        let zero = plant("zero.gguf", &|a| a.pairs.values_mut().for_each(|p| p.b.iter_mut().for_each(|x| *x = 0.0)));
        let doubled = plant("doubled.gguf", &|a| a.config.alpha *= 2.0);
        let more = plant("more.gguf", &|a| a.config.alpha *= 1.2);
        let swapped = plant("swapped.gguf", &|a| {
            let ids: Vec<_> = a.pairs.keys().copied().filter(|id| id.site == Site::Up && id.layer < 2).collect();
            let (x, y) = (a.pairs[&ids[0]].clone(), a.pairs[&ids[1]].clone());
            a.pairs.insert(ids[0], y);
            a.pairs.insert(ids[1], x);
        });
        let (heads, kv_heads) = (bench.base.weights.config().heads, bench.base.weights.config().kv_heads);
        let rank = bench.adapter.config.rank;
        let unpermuted = plant("unpermuted.gguf", &|a| {
            for (id, pair) in &mut a.pairs {
                let n = match id.site {
                    Site::Q => heads,
                    Site::K => kv_heads,
                    _ => continue,
                };
                pair.b = tunesmith::lora::unpermute_rows(&pair.b, n, rank);
            }
        });
        for file in [zero, doubled, more, swapped, unpermuted] {
            assert!(faults(&file) > 0, "{quant:?}: {} was not caught", file.display());
        }
        assert!(faults(&daemon::smollm2()) > 0, "the untuned base was not caught");
    }
}
