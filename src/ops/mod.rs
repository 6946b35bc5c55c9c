//! The arithmetic: trait `Ops`, every operation a forward and a backward side by side; block formats; the thread pool.
#![allow(unsafe_code)]

/// How a weight lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    F32,
    F16,
    BF16,
    Q8_0,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q4K,
    Q5K,
    Q6K,
}

/// The order of q/k rows: Hugging Face's (RoPE pairs half a head apart) or ggml's for the llama architecture
/// (pairs adjacent). Families that ggml does not permute are `Hf` in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowOrder {
    Hf,
    Ggml,
}

/// A weight borrowed from a map: `rows × cols`, row-major, block-encoded along the columns.
#[derive(Clone, Copy, Debug)]
pub struct WeightRef<'a> {
    pub bytes: &'a [u8],
    pub encoding: Encoding,
    pub rows: usize,
    pub cols: usize,
    pub row_order: RowOrder,
}

#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    #[error("{what} holds {cols} columns, which {encoding:?} can't: they come in blocks of {block}")]
    Block { what: String, cols: usize, encoding: Encoding, block: usize },
    #[error("{0}")]
    Other(String),
}

impl Encoding {
    /// (elements, bytes) of a block.
    pub fn block(self) -> (usize, usize) {
        todo!()
    }
    pub fn bytes_for(self, _elements: usize) -> usize {
        todo!()
    }
}

/// Decodes `bytes` to f32; bit-equal to gguf-py's dequantize.
pub fn decode(_encoding: Encoding, _bytes: &[u8], _out: &mut [f32]) {
    todo!()
}

/// Rounds to nearest; F32, F16, BF16, Q8_0 (legacy quants too); bit-equal to gguf-py / llama.cpp. Appends to `out`.
pub fn encode_nearest(_encoding: Encoding, _values: &[f32], _out: &mut Vec<u8>) -> Result<(), OpsError> {
    todo!()
}

/// Dithered rounding on the base's own grid (gguf.md §8): block scales of `base` kept, `q = floor(f) + [u < frac]`,
/// u from a counter-based generator keyed by (seed, element index). A block whose extreme leaves the range gets a
/// new scale first, then dithers on that. F16 and BF16 dither between neighbouring floats. Appends to `out`.
pub fn encode_dithered(_encoding: Encoding, _base: &[u8], _values: &[f32], _seed: u64, _out: &mut Vec<u8>) -> Result<(), OpsError> {
    todo!()
}
