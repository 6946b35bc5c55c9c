//! A base, alone or with its adapter, computed by this program: one conversation, many questions together, vectors of texts.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use super::{Context, Failure};
use crate::base::Base;
use crate::chat::Message;
use crate::eval::{Answered, Answerer, Embedder, Question, Reply};
use crate::lora::{Adapter, Stored};
use crate::model::{GenerationEvent, Model, Sampling};
use crate::store::Digest;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A base, and its adapter if it has one.
pub struct NativeModel {
    base: Base,
    model: Model,
    adapter: Option<Adapter<Stored>>,
    /// Of the base's weights and, with an adapter, of its files.
    digest: String,
}

/// A rendered conversation.
struct Prompt {
    text: String,
    ids: Vec<u32>,
}

impl NativeModel {
    /// The adapter in a folder, or in a run's folder, with the base that it names, or `base_said`.
    pub(super) fn with_adapter(
        context: &mut Context<'_>,
        path: &Path,
        base_said: Option<&str>,
        threads: usize,
    ) -> Result<Self, Failure> {
        let folder = adapter_folder(path)?;
        let named = match base_said {
            Some(name) => name.to_owned(),
            None => crate::lora::base_name(&folder)?,
        };
        let opened = context.open_base_to_ask(&named);
        let base = match opened {
            Err(e) if base_said.is_none() => {
                let what = format!("{}: its base {named} is not found: {e}", folder.display());
                return Err(Failure::new(e.kind, what).hint("say where its base is: --base-model PATH or NAME"));
            }
            opened => opened?,
        };
        let adapter = super::adapter::load(context, &folder, &base)?.to_stored(&base.weights);
        let model = Model::new(&base.weights, threads)?;
        let files = Digest::of_file(folder.join("adapter_model.safetensors"))?;
        let digest = format!("{} with adapter {files}", base.weights_digest());
        Ok(Self { base, model, adapter: Some(adapter), digest })
    }

    /// A base by itself.
    pub(super) fn alone(context: &mut Context<'_>, name: &str, threads: usize) -> Result<Self, Failure> {
        let base = context.open_base_to_ask(name)?;
        let model = Model::new(&base.weights, threads)?;
        let digest = base.weights_digest().to_string();
        Ok(Self { base, model, adapter: None, digest })
    }

    /// The base, as people know it.
    pub(super) fn base_name(&self) -> String {
        self.base.reference()
    }

    /// The base's architecture and number of parameters, as [`crate::ollama::Show::architecture`] has them.
    pub(super) fn architecture(&self) -> String {
        let weights = &self.base.weights;
        crate::ollama::architecture(weights.config().family.gguf, weights.parameters())
    }

    /// How it computes, in a few words.
    pub(super) fn device(&self) -> String {
        format!("{}, {} threads", self.model.route(), self.model.threads())
    }

    /// Tokens of prompt and answer together, at most.
    pub(super) fn context(&self) -> usize {
        self.base.weights.config().context
    }

    /// Tokens of a text; of one that can't be encoded, its bytes.
    pub(super) fn count(&self, text: &str) -> usize {
        self.base.tokenizer.encode(text).map_or(text.len(), |tokens| tokens.len())
    }

    /// Answers one conversation, streaming to `on_text`.
    pub(super) fn answer(
        &self,
        conversation: &[Message],
        sampling: &Sampling,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<String, Failure> {
        let Self { base, model, adapter, .. } = self;
        let ids = self.prompt(conversation)?.ids;
        let tokenizer = &base.tokenizer;
        let room = base.weights.config().context.saturating_sub(ids.len());
        let sampling = Sampling { max_tokens: sampling.max_tokens.min(room), ..sampling.clone() };
        let (mut so_far, mut shown) = (Vec::new(), 0);
        let new = model.generate(adapter.as_ref(), &ids, &sampling, &|id| tokenizer.is_end(id), &mut |id| {
            so_far.push(id);
            // A character may span tokens: show only what can no longer change.
            if let Ok(text) = tokenizer.decode(&so_far)
                && !text.ends_with('\u{FFFD}')
                && let Some(piece) = text.get(shown..)
            {
                on_text(piece);
                shown = text.len();
            }
            true
        })?;
        Ok(tokenizer.decode(&new)?)
    }

    /// The conversation as the daemon would show it to the model: the base's SYSTEM stands before it there too.
    fn prompt(&self, conversation: &[Message]) -> Result<Prompt, Failure> {
        let shown = self.base.template.as_served(conversation, self.base.system.as_deref());
        let text = self.base.template.render(&shown, true)?.text;
        let ids = self.ids(&text)?;
        Ok(Prompt { text, ids })
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>, Failure> {
        let tokenizer = &self.base.tokenizer;
        let bos = tokenizer.bos().filter(|_| tokenizer.adds_bos());
        Ok(bos.into_iter().chain(tokenizer.encode(text)?.into_iter().map(|t| t.id)).collect())
    }
}

/// Answers questions with a [`NativeModel`], several together; greedily, unless it is said how to sample.
pub(super) struct NativeAnswerer<'a> {
    model: &'a NativeModel,
    adapter: Option<&'a Adapter<Stored>>,
    sampling: Sampling,
    /// Questions that are decoded together; the time of an answer is its share of theirs.
    together: usize,
}

impl<'a> NativeAnswerer<'a> {
    pub(super) fn new(model: &'a NativeModel, max_tokens: usize, together: usize) -> Self {
        let sampling = Sampling { temperature: 0.0, top_p: None, max_tokens, seed: 0 };
        Self { model, adapter: model.adapter.as_ref(), sampling, together: together.max(1) }
    }

    /// With this sampling; each question begins its random numbers anew, so the number decoded together changes nothing.
    pub(super) fn sampled(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    /// The base, its adapter left out.
    pub(super) fn without_adapter(self) -> Self {
        Self { adapter: None, ..self }
    }

    fn limit(&self, question: &Question) -> usize {
        question.max_tokens.map_or(self.sampling.max_tokens, |tokens| tokens as usize)
    }

    /// The replies of questions that are decoded together, in their order; Err: none of them can be answered.
    fn answer(&self, questions: &[&Question]) -> Result<Vec<Reply>, Cause> {
        let NativeModel { base, model, .. } = self.model;
        if questions.iter().any(|question| !question.tools.is_empty()) {
            return Err("this program's own engine gives a model no tools; ask a daemon".into());
        }
        let began = Instant::now();
        let prompts = questions
            .iter()
            .map(|question| self.model.prompt(&question.messages))
            .collect::<Result<Vec<_>, Failure>>()
            .map_err(|e| Cause::from(e.to_string()))?;
        let context = base.weights.config().context;
        let fits: Vec<usize> =
            (0..prompts.len()).filter(|&i| prompts[i].ids.len() + self.limit(questions[i]) <= context).collect();
        let ids: Vec<&[u32]> = fits.iter().map(|&i| prompts[i].ids.as_slice()).collect();
        let max_tokens = fits.iter().map(|&i| self.limit(questions[i])).max().unwrap_or(0);
        let sampling = Sampling { max_tokens, ..self.sampling.clone() };
        let mut ended: Vec<Option<Vec<u32>>> = vec![None; prompts.len()];
        let is_end = |id| base.tokenizer.is_end(id);
        if !ids.is_empty() {
            model.generate_batch(self.adapter, &ids, &sampling, &is_end, &mut |index, event| {
                if let (GenerationEvent::End(new), Some(&i)) = (event, fits.get(index)) {
                    ended[i] = Some(new);
                }
                true
            })?;
        }
        let seconds = began.elapsed().as_secs_f64() / questions.len().max(1) as f64;
        let replies = prompts.iter().zip(questions).zip(ended).map(|((prompt, question), new)| {
            let (tokens, limit) = (prompt.ids.len(), self.limit(question));
            let Some(mut new) = new else {
                let what = format!(
                    "the prompt has {tokens} tokens; with {limit} for the answer it exceeds the context of {context}"
                );
                return Ok(Reply::Failed(what));
            };
            let cut = new.len() >= limit;
            new.truncate(limit);
            Ok(Reply::Answer(Answered {
                text: base.tokenizer.decode(&new)?,
                done: true,
                done_reason: if cut { "length" } else { "stop" }.to_owned(),
                prompt_tokens: tokens as u64,
                tokens: new.len() as u64,
                seconds,
                eval_seconds: seconds,
                tool_calls: Vec::new(),
            }))
        });
        replies.collect()
    }
}

impl Answerer for NativeAnswerer<'_> {
    fn warm_up(&self, _model: &str) -> Result<(), Cause> {
        Ok(())
    }

    fn ask(&self, question: &Question) -> Result<Reply, Cause> {
        self.answer(&[question])?.pop().ok_or_else(|| "the engine gave no answer to a question".into())
    }

    fn ask_many(&self, questions: &[&Question], on: &mut dyn FnMut(usize, Result<Reply, Cause>) -> bool) {
        for (chunk, some) in questions.chunks(self.together).enumerate() {
            let first = chunk * self.together;
            match self.answer(some) {
                Ok(replies) => {
                    for (i, reply) in replies.into_iter().enumerate() {
                        if !on(first + i, Ok(reply)) {
                            return;
                        }
                    }
                }
                Err(e) => {
                    on(first, Err(e));
                    return;
                }
            }
        }
    }

    fn served_system(&self, _model: &str) -> Result<Option<String>, Cause> {
        Ok(self.model.base.system.clone())
    }

    fn digest(&self, _model: &str) -> Result<String, Cause> {
        let base = self.adapter.is_none() && self.model.adapter.is_some();
        Ok(if base { self.model.base.weights_digest().to_string() } else { self.model.digest.clone() })
    }

    fn request(&self, question: &Question) -> Result<String, Cause> {
        let prompt = self.model.prompt(&question.messages).map_err(|e| Cause::from(e.to_string()))?;
        let version = env!("CARGO_PKG_VERSION");
        let mut request = json!({"native": version, "prompt": prompt.text, "num_predict": self.limit(question)});
        let Sampling { temperature, top_p, seed, .. } = &self.sampling;
        if let Some(map) = request.as_object_mut().filter(|_| *temperature > 0.0) {
            map.insert("sampled".to_owned(), json!({"temperature": temperature, "top_p": top_p, "seed": seed}));
        }
        Ok(request.to_string())
    }
}

/// The last hidden states of a model without its adapter, the mean over the tokens of a text.
pub(super) struct HiddenStates<'a>(pub(super) &'a NativeModel);

impl Embedder for HiddenStates<'_> {
    fn name(&self) -> String {
        self.0.base_name()
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
        let one = |text: &String| {
            let mut ids = self.0.ids(text).map_err(|e| Cause::from(e.to_string()))?;
            ids.truncate(self.0.context());
            Ok(self.0.model.mean_hidden_state(&ids)?)
        };
        texts.iter().map(one).collect()
    }
}

pub(super) fn adapter_folder(path: &Path) -> Result<PathBuf, Failure> {
    for folder in [path.to_path_buf(), path.join("final"), path.join("adapter/final")] {
        if folder.join("adapter_config.json").is_file() {
            return Ok(folder);
        }
    }
    Err(Failure::input(format!("{}: no adapter there", path.display()))
        .hint("give a folder with adapter_config.json, a run's folder, or the name of a model in the daemon"))
}
