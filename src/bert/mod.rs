//! The vectors of a text's tokens by a BERT of the user's: a folder as Hugging Face has it, computed by candle-transformers.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_transformers::models::bert::{BertModel, Config};
use serde::Deserialize;
use tokenizers::Tokenizer;

use crate::eval::{TokenEmbedder, TokenVectors};
use crate::store::{Digest, FileAction, read_regular, read_text};

const MAX_CONFIG: u64 = 1 << 20;
const MAX_TOKENIZER: u64 = 64 << 20;
/// BERT-large is 1.3 GB.
const MAX_WEIGHTS: u64 = 4 << 30;
/// Of a model whose config names an absurd size.
const MAX_LAYERS: usize = 128;
/// Tokens of a text: `[CLS]`, `[SEP]` and some between them at least.
const TOKENS: std::ops::RangeInclusive<usize> = 8..=1 << 16;

/// What is wrong with a folder, or with a text.
#[derive(Debug, thiserror::Error)]
pub enum BertError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("{}: {reason}", path.display())]
    Folder { path: PathBuf, reason: String },
    #[error("a text can't be embedded by BERT: {0}")]
    Text(String),
}

/// The first layers of a BERT.
pub struct Bert {
    model: BertModel,
    tokenizer: Tokenizer,
    /// `[CLS]` and `[SEP]`, which have a vector and no weight.
    unweighted: [u32; 2],
    max_tokens: usize,
    signature: String,
}

impl std::fmt::Debug for Bert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bert").field("signature", &self.signature).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Shape {
    model_type: Option<String>,
    num_hidden_layers: usize,
    hidden_size: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
}

impl Shape {
    /// Why nothing can be computed with it.
    fn fault(&self) -> Option<String> {
        let Self { num_hidden_layers, hidden_size, num_attention_heads: heads, max_position_embeddings, .. } = self;
        if !(1..=MAX_LAYERS).contains(num_hidden_layers) {
            return Some(format!("num_hidden_layers is {num_hidden_layers}, not from 1 to {MAX_LAYERS}"));
        }
        if *heads == 0 || hidden_size % heads != 0 || *hidden_size == 0 {
            return Some(format!("hidden_size {hidden_size} is not divisible by num_attention_heads {heads}"));
        }
        (!TOKENS.contains(max_position_embeddings)).then(|| {
            format!(
                "max_position_embeddings is {max_position_embeddings}, not from {} to {}",
                TOKENS.start(),
                TOKENS.end()
            )
        })
    }
}

impl Bert {
    /// Reads `config.json`, `tokenizer.json` and `model.safetensors`. `layers`: that are computed; None: three quarters of them,
    /// as bert_score takes 9 of the 12 of BERT-base (Zhang et al. 2020, arXiv:1904.09675, appendix B).
    pub fn open(folder: &Path, layers: Option<usize>) -> Result<Self, BertError> {
        let wrong = |name: &str, reason: String| BertError::Folder { path: folder.join(name), reason };
        let config = read_text(FileAction::READING, &folder.join("config.json"), MAX_CONFIG)?;
        let read = |e: serde_json::Error| wrong("config.json", e.to_string());
        let shape: Shape = serde_json::from_str(&config).map_err(read)?;
        if let Some(other) = shape.model_type.as_deref().filter(|name| *name != "bert") {
            return Err(wrong("config.json", format!("model_type is {other:?}; only \"bert\" is computed here")));
        }
        let mut config: Config = serde_json::from_str(&config).map_err(read)?;
        if let Some(fault) = shape.fault() {
            return Err(wrong("config.json", fault));
        }
        let all = shape.num_hidden_layers;
        let layers = layers.unwrap_or((all * 3).div_ceil(4));
        if !(1..=all).contains(&layers) {
            return Err(wrong("config.json", format!("it has {all} layers, not {layers}")));
        }
        config.num_hidden_layers = layers;
        let path = folder.join("tokenizer.json");
        let bytes = read_regular(FileAction::READING, &path, MAX_TOKENIZER)?;
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|e| wrong("tokenizer.json", e.to_string()))?;
        tokenizer.with_padding(None);
        let id = |token: &str| {
            let id = tokenizer.token_to_id(token);
            id.ok_or_else(|| wrong("tokenizer.json", format!("it has no {token}; BERT's have [CLS] and [SEP]")))
        };
        let unweighted = [id("[CLS]")?, id("[SEP]")?];
        let max_tokens = shape.max_position_embeddings;
        let truncation = tokenizers::TruncationParams { max_length: max_tokens, ..Default::default() };
        let limited = |e: tokenizers::Error| wrong("config.json", format!("max_position_embeddings {max_tokens}: {e}"));
        tokenizer.with_truncation(Some(truncation)).map_err(limited)?;
        let weights = read_regular(FileAction::READING, &folder.join("model.safetensors"), MAX_WEIGHTS)?;
        let digest = Digest::of_bytes(&weights);
        let model = load(weights, &config).map_err(|e| wrong("model.safetensors", e.to_string()))?;
        let signature = format!(
            "bertscore|model:sha256-{}|layer:{layers}/{all}|idf:no|rescale:no|refs:best|like:bert_score 0.3.13",
            digest.short()
        );
        Ok(Self { model, tokenizer, unweighted, max_tokens, signature })
    }

    fn vectors(&self, text: &str) -> Result<TokenVectors, BertError> {
        let wrong = |e: &dyn std::fmt::Display| BertError::Text(e.to_string());
        let encoding = self.tokenizer.encode(text.trim(), true).map_err(|e| wrong(&e))?;
        let ids = &encoding.get_ids()[..encoding.len().min(self.max_tokens)];
        let compute = || -> candle_core::Result<(usize, Vec<f32>)> {
            let ids = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
            let states = self.model.forward(&ids, &ids.zeros_like()?, None)?.squeeze(0)?;
            let width = states.dim(1)?;
            Ok((width, states.flatten_all()?.to_vec1()?))
        };
        let (width, values) = compute().map_err(|e| wrong(&e))?;
        let weighs = ids.iter().map(|id| !self.unweighted.contains(id)).collect();
        Ok(TokenVectors::new(width, values, weighs))
    }
}

fn load(weights: Vec<u8>, config: &Config) -> candle_core::Result<BertModel> {
    let tensors = candle_nn::VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
    BertModel::load(tensors, config)
}

impl TokenEmbedder for Bert {
    fn token_vectors(&self, text: &str) -> Result<TokenVectors, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.vectors(text)?)
    }

    fn signature(&self) -> &str {
        &self.signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::best_bert_score;

    /// Made by `tests/oracles/bert_score.py`: bert_score 0.3.13 with PyTorch 2.9.0.
    const SCORES: &str = include_str!("../../tests/fixtures/bert_score.json");

    fn minilm() -> PathBuf {
        std::env::var_os("TUNESMITH_MINILM").expect("run the tests with scripts/test, which fetches MiniLM").into()
    }

    #[test]
    fn scores_are_bert_scores_own() {
        let file: serde_json::Value = serde_json::from_str(SCORES).unwrap();
        let mut compared = 0;
        for (layers, rows) in file["precision_recall_f1"].as_object().unwrap() {
            let bert = Bert::open(&minilm(), Some(layers.parse().unwrap())).unwrap();
            for (case, row) in file["cases"].as_array().unwrap().iter().zip(rows.as_array().unwrap()) {
                let text = |value: &serde_json::Value| bert.token_vectors(value.as_str().unwrap()).unwrap();
                let references: Vec<TokenVectors> = case["references"].as_array().unwrap().iter().map(text).collect();
                let score = best_bert_score(&text(&case["answer"]), &references);
                for (ours, theirs) in [score.precision, score.recall, score.f1].into_iter().zip(row.as_array().unwrap())
                {
                    let theirs = theirs.as_f64().unwrap();
                    assert!((ours - theirs).abs() < 1e-4, "layer {layers}, {case}: {ours} and {theirs}");
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 3 * 14 * 3);
    }

    #[test]
    fn what_is_no_bert_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |config: &str, layers| {
            std::fs::write(folder.path().join("config.json"), config).unwrap();
            Bert::open(folder.path(), layers).unwrap_err().to_string()
        };
        assert!(Bert::open(folder.path(), None).unwrap_err().to_string().contains("config.json"));
        let real = std::fs::read_to_string(minilm().join("config.json")).unwrap();
        assert!(refused(&real.replace("\"bert\"", "\"roberta\""), None).contains("model_type is \"roberta\""));
        assert!(refused(&real, Some(7)).contains("it has 6 layers, not 7"));
        assert!(refused(&real, Some(0)).contains("it has 6 layers, not 0"));
        assert!(refused(&real, None).contains("tokenizer.json"));
        assert!(
            refused(&real.replace("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 9999999"), None)
                .contains("9999999")
        );
        for (named, wrong) in [
            ("\"num_attention_heads\": 12", "\"num_attention_heads\": 0"),
            ("\"num_attention_heads\": 12", "\"num_attention_heads\": 7"),
            ("\"max_position_embeddings\": 512", "\"max_position_embeddings\": 1"),
            ("\"max_position_embeddings\": 512", "\"max_position_embeddings\": 99999999"),
        ] {
            assert!(real.contains(named));
            let said = refused(&real.replace(named, wrong), None);
            assert!(said.contains("config.json: ") && said.contains(wrong.split('"').nth(1).unwrap()), "{said}");
        }
        std::fs::copy(minilm().join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
        assert!(refused(&real, None).contains("model.safetensors"));
        std::fs::write(folder.path().join("model.safetensors"), [0xff; 64]).unwrap();
        assert!(refused(&real, None).contains("model.safetensors"));
        // Weights of another shape than the config's.
        std::fs::copy(minilm().join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
        assert!(
            refused(&real.replace("\"hidden_size\": 384", "\"hidden_size\": 768"), None).contains("model.safetensors")
        );
        std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        assert!(refused(&real, None).contains("tokenizer.json"));
    }
}
