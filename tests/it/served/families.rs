//! The real daemon serves what was trained, for every family that can be trained: proofs of right and of wrong files.

use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use tunesmith::base::Base;
use tunesmith::export::{self, Floor, Quant};
use tunesmith::gguf::Value;
use tunesmith::lora::{Adapter, Hf, LoraConfig, unpermute_rows};
use tunesmith::ollama::{Client, Create};
use tunesmith::proof::{self, Proof};
use tunesmith::store::{Digest, Interrupt};
use tunesmith::weights::Site;

use crate::daemon::{self, Daemon};
use crate::oracle::values;
use crate::tiny::{GQA8, HEAD_DIM, LLAMA3, METASPACE, MISTRAL, QWEN2, QWEN3, Tiny, changed};
use crate::tune;

/// A base and an adapter on all its linears.
struct Bench {
    name: &'static str,
    dir: TempDir,
    base: Base,
    adapter: Adapter<Hf>,
    daemon: &'static Daemon,
    client: Client,
}

/// Random, and strong enough to be told from rounding.
fn adapter(base: &Base) -> Adapter<Hf> {
    let lora = LoraConfig { rank: 8, alpha: 16.0, ..LoraConfig::default() };
    let mut adapter = Adapter::fresh(lora, base.weights.spec(), 3).unwrap();
    for (id, pair) in &mut adapter.pairs {
        pair.b = values(&format!("{id:?}"), pair.b.len(), 0.0, 0.1);
    }
    adapter
}

impl Bench {
    fn new(tiny: &Tiny, daemon: &'static Daemon) -> Self {
        let dir = tiny.folder();
        let base = Tiny::open(dir.path());
        Self { name: tiny.name, adapter: adapter(&base), dir, base, daemon, client: daemon.client() }
    }

    /// The same tune on the base as a GGUF.
    fn on(&self, file: &Path) -> Self {
        let (base, dir) = (Tiny::open(file), tempfile::tempdir().unwrap());
        let (daemon, adapter) = (self.daemon, self.adapter.clone());
        Self { name: self.name, dir, base, adapter, daemon, client: daemon.client() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.gguf"))
    }

    fn request<'a>(&'a self, adapter: &'a Adapter<Hf>, output: &'a Path) -> export::Request<'a> {
        export::Request {
            weights: &self.base.weights,
            tokenizer: &self.base.tokenizer,
            chat_template: Some(self.base.template.source()),
            adapter,
            lineage: &[],
            seed: 1,
            output,
            interrupt: Interrupt::default(),
        }
    }

    fn export(&self, name: &str, adapter: &Adapter<Hf>, quant: Quant) -> PathBuf {
        let path = self.path(name);
        export::merged_gguf(&self.request(adapter, &path), quant, Floor::Q8_0, &mut |_, _| {}).unwrap();
        path
    }

    /// An adapter that changes nothing.
    fn zero(&self) -> Adapter<Hf> {
        let mut zero = self.adapter.clone();
        zero.pairs.values_mut().for_each(|p| p.b.fill(0.0));
        zero
    }

    /// The base itself.
    fn base_file(&self) -> PathBuf {
        self.export("base", &self.zero(), Quant::F16)
    }

    /// Uploads `file` and makes `create` of it.
    fn register(&self, file: &Path, create: impl FnOnce(Digest) -> Create) {
        let digest = Digest::of_file(file).unwrap();
        self.client.upload(file, digest, &mut |_, _| {}).unwrap();
        self.client.create(&create(digest), &mut |_| {}).unwrap();
    }

    fn model(&self, model: &str, digest: Digest) -> Create {
        Create {
            model: model.to_owned(),
            files: vec![("model.gguf".to_owned(), digest)],
            template: Some(self.base.template.go_template().unwrap()),
            parameters: json!({"stop": self.base.template.wrappers().stop}).as_object().unwrap().clone(),
            ..Create::default()
        }
    }

    /// Registers `served`, and proves that the daemon serves `exported`.
    fn serve(&self, served: &Path, exported: &Path) -> Proof {
        let model = format!("families:{}", self.name);
        self.register(served, |digest| self.model(&model, digest));
        self.prove(&model, exported)
    }

    fn prove(&self, model: &str, exported: &Path) -> Proof {
        // One thread for each of two models: what a small one takes is mostly waiting for the other.
        let (tuned, sample) = ((&self.base, &self.adapter, exported), tune::conversations());
        let request =
            proof::Request { num_thread: Some(1), threads: 1, ..tune::asked(&self.client, model, tuned, &sample) };
        let proof = proof::prove(&request, &mut |_, _, _| {}).unwrap();
        self.client.delete(model).unwrap();
        proof
    }

    /// `expected`: which legs pass, of prompt, exported, served.
    #[track_caller]
    fn expect(&self, what: &str, proof: &Proof, expected: [bool; 3]) {
        let legs: Vec<_> = proof.legs.iter().map(|l| l.passed).collect();
        assert_eq!(legs, expected, "{}: {what}: {:#?}", self.name, proof.legs);
        println!("families: {}: {what}: {:?}, {:?}", self.name, proof.legs[1].numbers, proof.legs[2].numbers);
    }

    /// A wrong file: the second leg sees it where it was exported, the third where it only got under the tag, and there by
    /// what it answers too.
    #[track_caller]
    fn catches(&self, what: &str, wrong: &Path, right: &Path) {
        self.expect(&format!("{what}, exported"), &self.serve(wrong, wrong), [true, false, true]);
        let proof = self.serve(wrong, right);
        self.expect(&format!("{what}, under the tag"), &proof, [true, true, false]);
        let answers = proof.legs[2].faults.iter().any(|f| f.starts_with("mean KL"));
        assert!(answers, "{}: {what} answers as the right file does: {:?}", self.name, proof.legs[2]);
    }
}

/// `value` in every element of the F32 tensors whose names end so.
fn filled(bench: &Bench, right: &Path, ending: &str, value: f32) -> PathBuf {
    changed(right, bench.path("filled"), |_, tensors| {
        let found = tensors.iter_mut().filter(|t| t.0.name.ends_with(ending));
        let n = found.map(|t| t.1.chunks_exact_mut(4).for_each(|b| b.copy_from_slice(&value.to_le_bytes()))).count();
        assert!(n > 0, "{ending}");
    })
}

/// Right files of a folder and of a GGUF, in 16 and 8 bit, and what every family can get wrong.
fn proofs(tiny: &Tiny) -> (Bench, PathBuf) {
    let bench = Bench::new(tiny, daemon::newest());
    let base = bench.base_file();
    let right = bench.export("right", &bench.adapter, Quant::F16);
    bench.expect("f16", &bench.serve(&right, &right), [true; 3]);
    let kept = bench.export("kept", &bench.adapter, Quant::Keep);
    bench.expect("the folder's own type", &bench.serve(&kept, &kept), [true; 3]);
    bench.catches("no tune", &base, &right);

    let of_gguf = bench.on(&base);
    for (name, quant) in [("f16 of a GGUF", Quant::F16), ("q8_0 of a GGUF", Quant::Q8_0)] {
        let file = of_gguf.export("of-gguf", &of_gguf.adapter, quant);
        of_gguf.expect(name, &of_gguf.serve(&file, &file), [true; 3]);
    }
    (bench, right)
}

/// q and k of the tune in Hugging Face's order among rows in ggml's.
fn unpermuted(bench: &Bench) -> PathBuf {
    let (config, mut adapter) = (bench.base.weights.config(), bench.adapter.clone());
    for (id, pair) in &mut adapter.pairs {
        let heads = match id.site {
            Site::Q => config.heads,
            Site::K => config.kv_heads,
            _ => continue,
        };
        pair.b = unpermute_rows(&pair.b, heads, adapter.config.rank);
    }
    bench.export("unpermuted", &adapter, Quant::F16)
}

fn llama_proofs(tiny: &Tiny) -> (Bench, PathBuf) {
    let (bench, right) = proofs(tiny);
    bench.catches("q/k of the tune in the other order", &unpermuted(&bench), &right);
    (bench, right)
}

#[test]
fn qwen2_with_its_biases() {
    let _alone = daemon::newest().alone();
    let (bench, right) = proofs(&QWEN2);
    bench.catches("no biases", &filled(&bench, &right, ".bias", 0.0), &right);
}

#[test]
fn qwen3_with_its_norms_of_q_and_k() {
    let _alone = daemon::newest().alone();
    let (bench, right) = proofs(&QWEN3);
    bench.catches("q norms of one", &filled(&bench, &right, "_q_norm.weight", 1.0), &right);
}

#[test]
fn llama3_with_its_rotary_factors() {
    let _alone = daemon::newest().alone();
    let (bench, right) = llama_proofs(&LLAMA3);
    let lost = changed(&right, bench.path("lost"), |_, tensors| tensors.retain(|t| t.0.name != "rope_freqs.weight"));
    bench.catches("no rotary factors", &lost, &right);
    without_bos(&bench, &right);
}

#[test]
fn llama_with_one_head_of_keys_for_eight() {
    let _alone = daemon::newest().alone();
    llama_proofs(&GQA8);
}

#[test]
fn llama_with_heads_wider_than_its_hidden_size_says() {
    let _alone = daemon::newest().alone();
    llama_proofs(&HEAD_DIM);
}

#[test]
fn mistral_with_sentencepiece() {
    let _alone = daemon::newest().alone();
    let (bench, right) = llama_proofs(&MISTRAL);
    without_bos(&bench, &right);
}

#[test]
fn llama_with_a_sentencepiece_folder_of_today() {
    let _alone = daemon::newest().alone();
    let (bench, right) = llama_proofs(&METASPACE);
    let file = with_flag(&bench, &right, "add_space_prefix", false);
    assert!(!bench.serve(&file, &file).legs[0].passed, "a lost space before a text");
}

/// The ids are others, and so are the answers.
fn without_bos(bench: &Bench, right: &Path) {
    let file = with_flag(bench, right, "add_bos_token", false);
    let proof = bench.serve(&file, &file);
    assert!(!proof.legs[0].passed && !proof.legs[2].passed, "{}: a lost BOS: {:#?}", bench.name, proof.legs);
}

fn with_flag(bench: &Bench, right: &Path, key: &str, value: bool) -> PathBuf {
    changed(right, bench.path("flag"), |metadata, _| {
        let old = metadata.insert(format!("tokenizer.ggml.{key}"), Value::Bool(value));
        assert_eq!(old, Some(Value::Bool(!value)));
    })
}

/// What the daemon tells of tokens that end inside a character is not their bytes; it ends such an answer where it is no
/// text any more.
#[test]
fn answers_that_break_characters_are_followed_as_far_as_they_can_be() {
    let _alone = daemon::newest().alone();
    let bench = Bench::new(&Tiny { name: "halves", halves: true, ..QWEN3 }, daemon::newest());
    let right = bench.export("right", &bench.adapter, Quant::F16);
    let served = &bench.serve(&right, &right).legs[2];
    let positions = served.numbers["positions"].as_f64().unwrap();
    assert!(served.passed && served.numbers["mean_kl"].as_f64() < Some(1e-4), "{served:?}");
    assert!(positions > 6.0 && positions < 96.0, "no character was broken: {served:?}");
}

/// The other delivery, by the last daemon that takes it.
#[test]
fn adapters_of_every_family() {
    let old = daemon::with_adapters();
    let _alone = old.alone();
    for tiny in [QWEN2, QWEN3, LLAMA3, GQA8, HEAD_DIM, MISTRAL, METASPACE] {
        let folder = Bench::new(&tiny, old);
        let bench = folder.on(&folder.base_file());
        let of = format!("families:{}-base", tiny.name);
        bench.register(bench.base.weights.path(), |digest| bench.model(&of, digest));
        for (what, adapter, right) in [("adapter", &bench.adapter, true), ("zero adapter", &bench.zero(), false)] {
            let path = bench.path(what);
            export::adapter_gguf(&bench.request(adapter, &path)).unwrap();
            let model = format!("families:{}", tiny.name);
            bench.register(&path, |digest| Create {
                model: model.clone(),
                from: Some(of.clone()),
                adapters: vec![("adapter.gguf".to_owned(), digest)],
                ..Create::default()
            });
            bench.expect(what, &bench.prove(&model, &path), [true, right, right]);
        }
    }
}
