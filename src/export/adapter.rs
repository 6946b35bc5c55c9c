//! The adapter alone, as llama.cpp's LoRA GGUF.

use super::metadata::{self, alpha};
use super::plan::check_disk;
use super::{ExportError, Exported, Request};
use crate::gguf::{self, GgmlType, PlannedTensor};
use crate::lora::{Adapter, Ggml, Hf};
use crate::weights::{LinearId, ModelSpec};

/// One of a pair's two tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    A,
    B,
}

/// `blk.N.attn_q.weight.lora_a`
pub(super) fn tensor_name(id: LinearId, half: Half) -> String {
    let half = if half == Half::A { "lora_a" } else { "lora_b" };
    format!("blk.{}.{}.weight.{half}", id.layer, id.site.gguf())
}

/// The adapter as llama.cpp reads it: B's rows in ggml's order, and in B what its factor would leave out of the pair's
/// own (alpha_pattern; rsLoRA where rank_pattern gives other ranks).
pub(super) fn for_llama_cpp(adapter: &Adapter<Hf>, model: &ModelSpec) -> Adapter<Ggml> {
    let mut adapter = adapter.to_ggml(model);
    let config = &adapter.config;
    for (id, pair) in &mut adapter.pairs {
        let ratio = config.scale_of(*id) * config.rank_of(*id) as f64 / alpha(config);
        if ratio != 1.0 {
            pair.b.iter_mut().for_each(|b| *b = (f64::from(*b) * ratio) as f32);
        }
    }
    adapter
}

/// The adapter as llama.cpp's LoRA GGUF, F32: exact, but for the last bit of a B that takes up a pattern's factor.
pub fn adapter_gguf(request: &Request<'_>) -> Result<Exported, ExportError> {
    request.check_output()?;
    let adapter = for_llama_cpp(request.adapter, request.weights.spec());
    let halves: Vec<_> =
        adapter.pairs.iter().flat_map(|(id, p)| [(*id, Half::A, &p.a), (*id, Half::B, &p.b)]).collect();
    let tensors: Vec<_> = halves
        .iter()
        .map(|(id, half, values)| {
            let rank = adapter.rank_of(*id) as u64;
            let other = values.len() as u64 / rank;
            let ne = if *half == Half::A { vec![other, rank] } else { vec![rank, other] };
            PlannedTensor { name: tensor_name(*id, *half), ne, ty: GgmlType::F32 }
        })
        .collect();
    let payload: u64 = halves.iter().map(|h| 4 * h.2.len() as u64 + 32).sum();
    check_disk(request.output, payload + (1 << 20))?;
    let (digest, bytes) = gguf::write(request.output, &metadata::adapter(request), &tensors, |i, out| {
        if request.interrupt.raised() {
            return Err(ExportError::Interrupted);
        }
        let values = halves[i].2;
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let columns = tensors[i].ne[0] as usize;
            return Err(ExportError::NotFinite {
                tensor: tensors[i].name.clone(),
                what: "the adapter",
                value: values[at],
                row: at / columns,
                column: at % columns,
                remedy: "the training diverged; use an earlier checkpoint or a lower learning rate",
            });
        }
        values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        Ok::<_, ExportError>(())
    })?;
    Ok(Exported { path: request.output.to_path_buf(), digest, bytes, survival: Vec::new() })
}
