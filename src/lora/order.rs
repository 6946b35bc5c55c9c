//! Row orders: Hugging Face's, the base's, ggml's. One permutation, in one place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Adapter, Ggml, Hf, Pair, Stored};
use crate::ops::RowOrder;
use crate::weights::{LinearId, ModelSpec, Weights};

impl Adapter<Hf> {
    /// B rows of q and k as the base's weights lie.
    pub fn to_stored(&self, weights: &Weights) -> Adapter<Stored> {
        let pairs = reordered(&self.pairs, weights.spec(), |id| lies_permuted(weights, id));
        Adapter::from_pairs(self.config.clone(), pairs)
    }

    /// B rows of q and k as a GGUF wants them (unchanged for families that ggml does not permute).
    pub fn to_ggml(&self, model: &ModelSpec) -> Adapter<Ggml> {
        let pairs = reordered(&self.pairs, model, |_| true);
        Adapter::from_pairs(self.config.clone(), pairs)
    }
}

impl Adapter<Stored> {
    pub fn into_hf(mut self, weights: &Weights) -> Adapter<Hf> {
        for (&id, pair) in &mut self.pairs {
            if let Cow::Owned(b) = b_in_hf(id, pair, weights) {
                pair.b = b;
            }
        }
        Adapter::from_pairs(self.config, self.pairs)
    }
}

/// B of a pair that lies as the base's weights do, in Hugging Face's order.
pub fn b_in_hf<'a>(id: LinearId, pair: &'a Pair, weights: &Weights) -> Cow<'a, [f32]> {
    let permuted = weights.spec().linear(id).filter(|_| lies_permuted(weights, id));
    match permuted.and_then(|linear| Some((linear.permuted_heads?, linear.rows))) {
        Some((heads, rows)) => unpermute_rows(&pair.b, heads, pair.b.len() / rows).into(),
        None => Cow::Borrowed(&pair.b),
    }
}

fn lies_permuted(weights: &Weights, id: LinearId) -> bool {
    weights.linear(id).row_order == RowOrder::Ggml
}

/// The pairs with B's rows permuted, where a GGUF permutes the linear's rows and `permuted` agrees.
fn reordered(
    pairs: &BTreeMap<LinearId, Pair>,
    model: &ModelSpec,
    permuted: impl Fn(LinearId) -> bool,
) -> BTreeMap<LinearId, Pair> {
    let one = |id: LinearId, pair: &Pair| {
        let linear = model.linear(id).filter(|l| l.permuted_heads.is_some() && permuted(id));
        match linear.and_then(|linear| Some((linear.permuted_heads?, linear.rows))) {
            Some((heads, rows)) => Pair { a: pair.a.clone(), b: permute_rows(&pair.b, heads, pair.b.len() / rows) },
            None => pair.clone(),
        }
    };
    pairs.iter().map(|(&id, pair)| (id, one(id, pair))).collect()
}

/// Hugging Face's rows of a q or k weight (`heads` of them, `cols` columns) in ggml's llama order:
/// `reshape(heads, 2, d/2, cols).swapaxes(1, 2)` (llama.cpp `LlamaModel.permute`).
pub fn permute_rows(rows: &[f32], heads: usize, cols: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len()];
    each_move(rows.len(), heads, cols, |hf, ggml| out[ggml..ggml + cols].copy_from_slice(&rows[hf..hf + cols]));
    out
}

/// The inverse of [`permute_rows`].
pub fn unpermute_rows(rows: &[f32], heads: usize, cols: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len()];
    each_move(rows.len(), heads, cols, |hf, ggml| out[hf..hf + cols].copy_from_slice(&rows[ggml..ggml + cols]));
    out
}

/// For each row of a q or k weight in ggml's order, the row of Hugging Face's order that lies there.
pub fn hf_row_of_ggml(rows: usize, heads: usize) -> Vec<usize> {
    let mut out = vec![0; rows];
    each_move(rows, heads, 1, |hf, ggml| out[ggml] = hf);
    out
}

/// The inverse of [`hf_row_of_ggml`].
pub fn ggml_row_of_hf(rows: usize, heads: usize) -> Vec<usize> {
    let mut out = vec![0; rows];
    each_move(rows, heads, 1, |hf, ggml| out[hf] = ggml);
    out
}

/// Calls `visit` with where each row begins in Hugging Face's order and in ggml's.
fn each_move(len: usize, heads: usize, cols: usize, mut visit: impl FnMut(usize, usize)) {
    let half = len / (heads * cols * 2);
    for head in 0..heads {
        for (i, j) in (0..2).flat_map(|i| (0..half).map(move |j| (i, j))) {
            let first = head * 2 * half;
            visit((first + i * half + j) * cols, (first + 2 * j + i) * cols);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lora::tests::{adapter, any_model};
    use crate::weights::Site;
    use proptest::prelude::*;

    #[test]
    fn rows_move_as_llama_cpp_moves_them() {
        // numpy: np.arange(16).reshape(2, 2, 4, 1).swapaxes(1, 2).ravel()
        let rows: Vec<f32> = (0..16).map(|v| v as f32).collect();
        let expected = [0., 4., 1., 5., 2., 6., 3., 7., 8., 12., 9., 13., 10., 14., 11., 15.];
        assert_eq!(permute_rows(&rows, 2, 1), expected);
    }

    proptest! {
        #[test]
        fn unpermute_undoes_permute(heads in 1usize..5, half in 1usize..5, cols in 1usize..4) {
            let rows: Vec<f32> = (0..heads * half * 2 * cols).map(|v| v as f32).collect();
            prop_assert_eq!(&unpermute_rows(&permute_rows(&rows, heads, cols), heads, cols), &rows);
            prop_assert_eq!(&permute_rows(&unpermute_rows(&rows, heads, cols), heads, cols), &rows);
        }

        #[test]
        fn only_b_of_q_and_k_moves_and_delta_moves_with_it(model in any_model(), seed: u64) {
            let (hf, _) = adapter(&model, 3, 6.0, seed, true);
            let ggml = hf.to_ggml(&model.spec());
            for (id, pair) in &hf.pairs {
                let (heads, moved) = match id.site {
                    Site::Q => (model.heads, true),
                    Site::K => (model.kv_heads, true),
                    _ => (1, false),
                };
                prop_assert_eq!(&ggml.pairs[id].a, &pair.a);
                prop_assert_eq!(ggml.pairs[id].b == pair.b, !moved);
                let delta = hf.delta(*id).unwrap();
                let expected = if moved { permute_rows(&delta, heads, model.spec().linear(*id).unwrap().cols) } else { delta };
                prop_assert_eq!(ggml.delta(*id).unwrap(), expected);
            }
        }
    }
}
