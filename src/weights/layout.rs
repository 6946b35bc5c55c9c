//! Which tensors a model of a shape has: the one table of names, Hugging Face's and GGUF's.

use super::{LinearId, ModelSpec, Norm, Site};

/// A tensor that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub gguf: String,
    pub hf: String,
    /// (rows, cols) of a matrix; a vector has none.
    pub rows: Option<usize>,
    pub cols: usize,
    /// Rows permuted in a GGUF of this family.
    pub permuted: bool,
}

impl Part {
    fn matrix(gguf: String, hf: String, rows: usize, cols: usize) -> Self {
        Self { gguf, hf, rows: Some(rows), cols, permuted: false }
    }

    fn vector(gguf: String, hf: String, cols: usize) -> Self {
        Self { gguf, hf, rows: None, cols, permuted: false }
    }

    /// In the order of Hugging Face: `[rows, cols]` or `[cols]`.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.rows.into_iter().chain([self.cols]).collect()
    }

    /// In the order of a GGUF: `[cols, rows]` or `[cols]`.
    pub(super) fn gguf_shape(&self) -> Vec<u64> {
        self.shape().iter().rev().map(|&n| n as u64).collect()
    }
}

pub(super) const EMBEDDING: &str = "token_embd.weight";
pub(super) const HEAD: &str = "output.weight";

pub(super) fn linear_name(id: LinearId, suffix: &str) -> String {
    format!("blk.{}.{}.{suffix}", id.layer, id.site.gguf())
}

pub(super) fn norm_name(layer: usize, norm: Norm) -> String {
    match norm {
        Norm::Output => "output_norm.weight".to_owned(),
        _ => format!("blk.{layer}.{}.weight", norm.names().1),
    }
}

/// Every tensor of a model, embedding first, block by block, head last (absent when tied).
pub(super) fn parts(spec: &ModelSpec) -> Vec<Part> {
    let mut parts = vec![Part::matrix(EMBEDDING.into(), "model.embed_tokens.weight".into(), spec.vocab, spec.hidden)];
    for (layer, block) in spec.blocks.iter().enumerate() {
        for n in &block.norms {
            let hf = format!("model.layers.{layer}.{}.weight", n.norm.hf());
            parts.push(Part::vector(norm_name(layer, n.norm), hf, n.width));
        }
        for l in &block.linears {
            let id = LinearId { layer, site: l.site };
            let hf = |suffix: &str| format!("model.layers.{layer}.{}.{suffix}", l.site.hf());
            let permuted = l.permuted_heads.is_some();
            parts.push(Part { permuted, ..Part::matrix(linear_name(id, "weight"), hf("weight"), l.rows, l.cols) });
            if l.bias {
                parts.push(Part { permuted, ..Part::vector(linear_name(id, "bias"), hf("bias"), l.rows) });
            }
        }
    }
    parts.push(Part::vector(norm_name(0, spec.final_norm.norm), "model.norm.weight".into(), spec.final_norm.width));
    if !spec.tied {
        parts.push(Part::matrix(HEAD.into(), "lm_head.weight".into(), spec.vocab, spec.hidden));
    }
    parts
}

/// `blk.0.ffn_up.weight` → the linear layer whose weight it is.
pub fn linear_of(gguf: &str) -> Option<LinearId> {
    let (layer, rest) = gguf.strip_prefix("blk.")?.split_once('.')?;
    let module = rest.strip_suffix(".weight")?;
    let site = Site::ALL.into_iter().find(|s| s.gguf() == module)?;
    Some(LinearId { layer: layer.parse().ok()?, site })
}

/// `model.layers.0.mlp.up_proj.weight` → `blk.0.ffn_up.weight`. None for a name that is none of a model's tensors.
pub fn gguf_name(hf: &str) -> Option<String> {
    match hf {
        "model.embed_tokens.weight" => return Some(EMBEDDING.to_owned()),
        "model.norm.weight" => return Some(norm_name(0, Norm::Output)),
        "lm_head.weight" => return Some(HEAD.to_owned()),
        _ => {}
    }
    let (layer, rest) = hf.strip_prefix("model.layers.")?.split_once('.')?;
    let (module, suffix) = rest.rsplit_once('.')?;
    let layer: usize = layer.parse().ok()?;
    if let Some(site) = Site::ALL.into_iter().find(|s| s.hf() == module) {
        return matches!(suffix, "weight" | "bias").then(|| linear_name(LinearId { layer, site }, suffix));
    }
    let norm = Norm::BLOCK.into_iter().find(|n| n.names().0 == module)?;
    (suffix == "weight").then(|| norm_name(layer, norm))
}

/// The inverse of [`gguf_name`].
pub fn hf_name(gguf: &str) -> Option<String> {
    match gguf {
        EMBEDDING => return Some("model.embed_tokens.weight".to_owned()),
        "output_norm.weight" => return Some("model.norm.weight".to_owned()),
        HEAD => return Some("lm_head.weight".to_owned()),
        _ => {}
    }
    let (layer, rest) = gguf.strip_prefix("blk.")?.split_once('.')?;
    let (module, suffix) = rest.rsplit_once('.')?;
    let layer: usize = layer.parse().ok()?;
    if let Some(site) = Site::ALL.into_iter().find(|s| s.gguf() == module) {
        return matches!(suffix, "weight" | "bias").then(|| format!("model.layers.{layer}.{}.{suffix}", site.hf()));
    }
    let norm = Norm::BLOCK.into_iter().find(|n| n.names().1 == module)?;
    (suffix == "weight").then(|| format!("model.layers.{layer}.{}.weight", norm.names().0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{ModelConfig, families};

    #[test]
    fn names_go_both_ways_for_every_tensor_of_every_family() {
        for family in families() {
            let config = ModelConfig {
                family,
                hidden: 8,
                layers: 2,
                heads: 2,
                kv_heads: 1,
                head_dim: 6,
                ff: 10,
                vocab: 12,
                rms_eps: 1e-5,
                rope_theta: 1e4,
                rope_factors: None,
                rope_scaling: None,
                context: 16,
                tied: false,
            };
            let parts = parts(&config.spec());
            let per_block = 9 + if family.qkv_bias { 3 } else { 0 } + if family.qk_norm { 2 } else { 0 };
            assert_eq!(parts.len(), 3 + 2 * per_block);
            for part in parts {
                assert_eq!(gguf_name(&part.hf).as_ref(), Some(&part.gguf));
                assert_eq!(hf_name(&part.gguf).as_ref(), Some(&part.hf));
                let linear = linear_of(&part.gguf).map(|id| linear_name(id, "weight"));
                assert_eq!(linear.is_some(), part.rows.is_some() && part.gguf.starts_with("blk."), "{}", part.gguf);
                assert!(linear.is_none_or(|name| name == part.gguf));
            }
        }
        for strange in ["model.layers.x.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.scale", "lm_head.bias", ""] {
            assert_eq!(gguf_name(strange), None, "{strange}");
        }
        assert_eq!(hf_name("rope_freqs.weight"), None);
    }
}
