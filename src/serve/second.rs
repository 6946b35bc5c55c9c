//! The second opinion: candle-transformers' quantised models, an implementation that is not ours, behind one call: ids in,
//! logits of the last position out. A self-check compares the native engine's forward pass with it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Tensor};
use candle_transformers::models::{quantized_llama, quantized_qwen2, quantized_qwen3};

use super::job::Job;
use super::reply::Fault;
use super::sample::{Next, Writing};
use crate::gguf::Gguf;
use crate::tokenizer::Tokenizer;
use crate::weights::check_gguf;

/// candle-transformers makes tables of all positions when it loads a model: the header's number alone must not decide
/// how large they are. Its llama has a table of a fixed length.
fn most_context(family: &str) -> u32 {
    if family == "llama" { quantized_llama::MAX_SEQ_LEN as u32 } else { 32_768 }
}

/// What a request's option `engine` and its answer's `engine` call it.
pub(super) use crate::ollama::SECOND_ENGINE as NAME;

/// A model in memory.
pub(super) struct Loaded {
    pub path: PathBuf,
    tokenizer: Tokenizer,
    context: usize,
    weights: Weights,
}

enum Weights {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
    Qwen3(quantized_qwen3::ModelWeights),
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Refuses by name what candle-transformers 0.11 computes wrong (reference: its llama ignores `rope_freqs.weight`, its
/// Gemma 3 uses another activation, its llama and qwen2 know one width of heads) and what it does not have.
pub(super) fn check(gguf: &Gguf) -> Result<(), Fault> {
    supported(gguf)?;
    // Counts of the header become allocations in candle-transformers: the tensors must confirm them first.
    let config = check_gguf(gguf).map_err(|e| Fault::bad(e.to_string()))?;
    match config.rope_scaling {
        Some(_) => Err(unserved(config.family.gguf, "its scaled rotary frequencies are ignored")),
        None => Ok(()),
    }
}

fn unserved(family: &str, why: &str) -> Fault {
    Fault::bad(format!("the embedded server can't serve {family} right: {why}; use Ollama"))
}

fn supported(gguf: &Gguf) -> Result<(), Fault> {
    let family = gguf.architecture().map_err(|e| Fault::bad(e.to_string()))?;
    let refuse = |why: &str| Err(unserved(family, why));
    match family {
        "llama" if gguf.tensor("rope_freqs.weight").is_some() => refuse("its scaled rotary frequencies are ignored"),
        "llama" if gguf.u64("llama.expert_count").is_ok_and(|n| n > 0) => refuse("it has experts"),
        "llama" | "qwen2" if !usual_heads(gguf, family) => {
            refuse("its heads are not embedding_length / head_count wide, as is taken for granted")
        }
        "llama" | "qwen2" | "qwen3" => Ok(()),
        _ => refuse("the architecture is not among llama, qwen2 and qwen3"),
    }
}

/// Whether the heads have the width that candle computes, whatever `key_length` says. What the file does not say is not
/// judged here: opening it then fails by itself.
fn usual_heads(gguf: &Gguf, family: &str) -> bool {
    let number = |key: &str| gguf.u64(&format!("{family}.{key}")).ok();
    let (Some(width), Some(heads)) = (number("embedding_length"), number("attention.head_count")) else { return true };
    let Some(usual) = width.checked_div(heads) else { return false };
    ["attention.key_length", "attention.value_length"].into_iter().filter_map(number).all(|n| n == usual)
}

impl Loaded {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let gguf = Gguf::open(path).map_err(Fault::internal)?;
        check(&gguf)?;
        let tokenizer = Tokenizer::from_gguf(&gguf).map_err(Fault::internal)?;
        let family = gguf.architecture().map_err(Fault::internal)?.to_owned();
        let context_key = format!("{family}.context_length");
        let context = gguf.u64(&context_key).map_or(2048, |n| n.min(most_context(&family).into()) as u32);
        let mut file = std::fs::File::open(path).map_err(Fault::internal)?;
        let mut content = Content::read(&mut file).map_err(Fault::internal)?;
        content.metadata.insert(context_key, Value::U32(context));
        let context = context as usize;
        let weights = match family.as_str() {
            "qwen2" => quantized_qwen2::ModelWeights::from_gguf(content, &mut file, &Device::Cpu).map(Weights::Qwen2),
            "qwen3" => quantized_qwen3::ModelWeights::from_gguf(content, &mut file, &Device::Cpu).map(Weights::Qwen3),
            _ => quantized_llama::ModelWeights::from_gguf(content, &mut file, &Device::Cpu).map(Weights::Llama),
        };
        Ok(Self { path: path.to_path_buf(), tokenizer, context, weights: weights.map_err(Fault::internal)? })
    }

    /// The whole answer to a job. The caller's thread waits for a client that does not read.
    pub(super) fn answer(&mut self, job: &Job, started: Instant) -> Result<(), Fault> {
        let mut writing = Writing::new(job.settings.clone(), &job.ids, self.context);
        let load = started.elapsed();
        self.clear();
        let mut logits = if job.ids.is_empty() { Vec::new() } else { self.forward(&job.ids, 0)? };
        let (prompt_took, begun) = (started.elapsed().saturating_sub(load), Instant::now());
        while !job.ids.is_empty() {
            let next = writing.take(&self.tokenizer, &logits)?;
            if job.stream
                && let Some(piece) = writing.piece(next == Next::Done)
                && job.lines.blocking_send(job.piece_line(piece)).is_err()
            {
                return Ok(());
            }
            let Next::Token(id) = next else { break };
            logits = self.forward(&[id], job.ids.len() + writing.ids.len() - 1)?;
        }
        let times = super::job::Times { total: started.elapsed(), load, prompt: prompt_took, answer: begun.elapsed() };
        // A client that went away needs no last line.
        drop(job.lines.blocking_send(job.done_line(&mut writing, times, NAME)));
        Ok(())
    }

    /// Starts a new conversation.
    fn clear(&mut self) {
        match &mut self.weights {
            Weights::Llama(m) => m.clear_kv_cache(),
            Weights::Qwen2(m) => m.clear_kv_cache(),
            Weights::Qwen3(m) => m.clear_kv_cache(),
        }
    }

    /// `ids` at positions `at..`; the logits after the last of them.
    fn forward(&mut self, ids: &[u32], at: usize) -> Result<Vec<f32>, Fault> {
        let step = || -> candle_core::Result<Vec<f32>> {
            let input = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
            let logits = match &mut self.weights {
                Weights::Llama(m) => m.forward(&input, at)?,
                Weights::Qwen2(m) => m.forward(&input, at)?,
                Weights::Qwen3(m) => m.forward(&input, at)?,
            };
            logits.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1()
        };
        let mut step = step;
        step().map_err(Fault::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{GgmlType, GgufError, Metadata, PlannedTensor, Value, write};

    fn checked(family: &str, numbers: &[(&str, u32)], tensor: &str) -> Result<(), Fault> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.gguf");
        let mut metadata = Metadata::from([("general.architecture".to_owned(), Value::String(family.to_owned()))]);
        metadata.extend(numbers.iter().map(|(key, n)| (format!("{family}.{key}"), Value::U32(*n))));
        let tensors = [PlannedTensor { name: tensor.to_owned(), ne: vec![8], ty: GgmlType::F32 }];
        write::<GgufError>(&path, &metadata, &tensors, |_, out| {
            out.extend_from_slice(&[0; 32]);
            Ok(())
        })
        .unwrap();
        supported(&Gguf::open(&path).unwrap())
    }

    #[test]
    fn what_would_be_computed_wrong_is_refused_by_name() {
        let sizes = [("embedding_length", 64), ("attention.head_count", 4)];
        let with = |more: &[(&'static str, u32)]| [&sizes[..], more].concat();
        let weight = "output_norm.weight";
        for family in ["llama", "qwen2"] {
            checked(family, &sizes, weight).unwrap();
            let usual = with(&[("attention.key_length", 16), ("attention.value_length", 16)]);
            checked(family, &usual, weight).unwrap();
            for key in ["attention.key_length", "attention.value_length"] {
                let Fault(status, why) = checked(family, &with(&[(key, 32)]), weight).unwrap_err();
                assert_eq!(status, axum::http::StatusCode::BAD_REQUEST);
                assert!(why.contains(family) && why.contains("heads") && why.contains("Ollama"), "{why}");
            }
            let none = [("embedding_length", 64), ("attention.head_count", 0)];
            assert!(checked(family, &none, weight).unwrap_err().1.contains("heads"));
        }
        // qwen3 reads the width.
        checked("qwen3", &with(&[("attention.key_length", 32)]), weight).unwrap();
        for (family, numbers, tensor, why) in [
            ("llama", &sizes[..], "rope_freqs.weight", "rotary frequencies"),
            ("llama", &with(&[("expert_count", 8)])[..], weight, "experts"),
            ("gemma3", &[][..], weight, "gemma3"),
        ] {
            let fault = checked(family, numbers, tensor).unwrap_err();
            assert!(fault.1.contains(why) && fault.1.contains("use Ollama"), "{}", fault.1);
        }
    }
}
