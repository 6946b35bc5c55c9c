//! Small tunes of the real model, made once for the tests that need one.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tunesmith::base::{Base, Resolver};
use tunesmith::batch::Example;
use tunesmith::chat::Message;
use tunesmith::dataset::{Content, Record};
use tunesmith::export::{self, Exported, Floor, Quant};
use tunesmith::lora::{Adapter, Hf, LoraConfig};
use tunesmith::model::Model;
use tunesmith::ollama::Client;
use tunesmith::proof;
use tunesmith::store::Interrupt;
use tunesmith::train::{self, Job, TrainConfig};
use tunesmith::weights::Weights;

use crate::daemon;

/// A base with an adapter trained on it.
pub struct Tune {
    pub name: &'static str,
    pub base: Base,
    pub adapter: Adapter<Hf>,
}

#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub name: &'static str,
    pub rank: usize,
    pub steps: u64,
    pub batch_size: usize,
    pub learning_rate: f64,
}

/// Eight short steps: the weakest tune that is still to be told from its faults.
pub fn weak() -> &'static Tune {
    static TUNE: OnceLock<Tune> = OnceLock::new();
    let recipe = Recipe { name: "weak", rank: 8, steps: 8, batch_size: 4, learning_rate: 2e-4 };
    TUNE.get_or_init(|| Tune::new(recipe))
}

/// An epoch at a rate that teaches the task.
pub fn strong() -> &'static Tune {
    static TUNE: OnceLock<Tune> = OnceLock::new();
    let recipe = Recipe { name: "strong", rank: 16, steps: 43, batch_size: 8, learning_rate: 5e-4 };
    TUNE.get_or_init(|| Tune::new(recipe))
}

pub fn base() -> Base {
    Resolver::default().open(daemon::smollm2().to_str().unwrap()).unwrap()
}

pub fn records() -> Vec<Record> {
    tunesmith::dataset::parse(include_str!("../../data/demo/train.jsonl")).unwrap()
}

pub fn conversations() -> Vec<Vec<Message>> {
    conversations_of(records())
}

/// The first 64 of some records.
pub fn conversations_of(records: Vec<Record>) -> Vec<Vec<Message>> {
    let chat = |r: Record| match r.content {
        Content::Chat(messages) => messages,
        Content::Text(_) => unreachable!("these records are conversations"),
    };
    records.into_iter().take(64).map(chat).collect()
}

pub fn encoded(base: &Base, records: &[Record]) -> Vec<Example> {
    tunesmith::batch::encode(records, Some(&base.template), &base.tokenizer, 512).unwrap().examples
}

impl Tune {
    pub fn new(recipe: Recipe) -> Self {
        Self::of(base(), &records(), recipe)
    }

    /// A base tuned on some records.
    pub fn of(base: Base, records: &[Record], recipe: Recipe) -> Self {
        let examples = encoded(&base, records);
        let model = Model::new(&base.weights, 0).unwrap();
        let lora = LoraConfig { rank: recipe.rank, alpha: 2.0 * recipe.rank as f64, ..LoraConfig::default() };
        let config = TrainConfig {
            lora,
            max_steps: Some(recipe.steps),
            batch_size: recipe.batch_size,
            learning_rate: recipe.learning_rate,
            seed: 5,
            ..TrainConfig::default()
        };
        let output = tempfile::tempdir().unwrap();
        let job = Job {
            weights: &base.weights,
            model: &model,
            base_name: "base",
            origin: None,
            tokenizer_files: &[],
            train: &examples,
            eval: &[],
            config: &config,
            from_adapter: None,
            output: output.path(),
            resume: false,
            interrupt: Interrupt::default(),
        };
        let (adapter, _) = train::run(job, &mut |_| {}).unwrap();
        drop(model);
        Self { name: recipe.name, base, adapter }
    }

    fn request<'a>(&'a self, weights: &'a Weights, adapter: &'a Adapter<Hf>, output: &'a Path) -> export::Request<'a> {
        export::Request {
            weights,
            tokenizer: &self.base.tokenizer,
            chat_template: Some(self.base.template.source()),
            adapter,
            lineage: &[],
            seed: 1,
            output,
            interrupt: Interrupt::default(),
        }
    }

    /// The merged file of any adapter over any weights, with this base's tokenizer and template.
    pub fn export(&self, weights: &Weights, adapter: &Adapter<Hf>, to: To<'_>) -> Exported {
        let request = export::Request { seed: to.seed, ..self.request(weights, adapter, to.path) };
        export::merged_gguf(&request, to.quant, to.floor, &mut |_, _| {}).unwrap()
    }

    /// The base through the export that `tuned` came from, with a tune of zero.
    pub fn control(&self, tuned: &Exported, to: To<'_>) {
        let request = export::Request { seed: to.seed, ..self.request(&self.base.weights, &self.adapter, to.path) };
        let like = export::TuneFile { quant: to.quant, floor: to.floor, survival: &tuned.survival };
        export::control_gguf(&request, like, &mut |_, _| {}).unwrap();
    }

    /// The LoRA GGUF of any adapter.
    pub fn lora_gguf(&self, adapter: &Adapter<Hf>, path: &Path) {
        export::adapter_gguf(&self.request(&self.base.weights, adapter, path)).unwrap();
    }

    pub fn merged(&self, adapter: &Adapter<Hf>, quant: Quant, path: PathBuf) -> PathBuf {
        self.export(&self.base.weights, adapter, To { quant, floor: Floor::Q8_0, seed: 1, path: &path });
        path
    }
}

/// Asks of a proof what tests mostly ask; the rest is said by struct update.
pub fn asked<'a>(
    client: &'a Client,
    model: &'a str,
    (base, adapter, exported): (&'a Base, &'a Adapter<Hf>, &'a Path),
    sample: &'a [Vec<Message>],
) -> proof::Request<'a> {
    proof::Request {
        client,
        model,
        base,
        adapter,
        exported,
        system: None,
        sample,
        probes: 6,
        num_thread: Some(2),
        threads: 0,
        seed: 3,
        num_ctx: 2048,
        interrupt: Interrupt::default(),
    }
}

#[derive(Clone, Copy, Debug)]
pub struct To<'a> {
    pub quant: Quant,
    pub floor: Floor,
    pub seed: u64,
    pub path: &'a Path,
}
