//! How weights lie on disk: the encodings, their blocks, and a borrowed weight.

/// How a weight lies on disk. Digests that checkpoints keep are made of the names (`Display`): they stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
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
    #[error(
        "the value {value} at index {index} can't be written as {encoding:?}; the weights are damaged, or choose a wider type"
    )]
    Range { value: f32, index: usize, encoding: Encoding },
    #[error(
        "{encoding:?} can't be made by rounding to nearest here; choose F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 or Q5_1"
    )]
    NoEncoder { encoding: Encoding },
    #[error("{encoding:?} has no block scales that could be kept")]
    NoGrid { encoding: Encoding },
    #[error("the base holds {base} bytes, but {values} values in {encoding:?} take {expected}")]
    BaseSize { base: usize, values: usize, encoding: Encoding, expected: usize },
    #[error(
        "the device is out of memory: train fewer or shorter examples a step (batch_size 1, a smaller max_seq_len), or give --max-memory, under which layers are computed again"
    )]
    DeviceMemory,
    #[error(
        "the system refused {} MiB of memory for the values of a pass: train fewer or shorter examples a step (batch_size 1, a smaller max_seq_len), give --max-memory, under which layers are computed again, or raise the process's limit (ulimit -v)", bytes >> 20
    )]
    Memory { bytes: u64 },
    #[error("there is no {device} here ({why}): leave the device out, or say cpu")]
    NoDevice { device: &'static str, why: String },
    #[error("the device failed: {0}")]
    Device(String),
}

impl Encoding {
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// (elements, bytes) of a block, as in ggml-common.h.
    pub const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::BF16 => (1, 2),
            Self::Q8_0 => (32, 34),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
        }
    }

    /// Bytes of `elements` values; a part of a block counts as a whole one.
    pub const fn bytes_for(self, elements: usize) -> usize {
        let (n, bytes) = self.block();
        elements.div_ceil(n) * bytes
    }

    /// `Ok` where rows of `cols` values divide into whole blocks; `what` names the tensor in the error.
    pub fn check_columns(self, what: &str, cols: usize) -> Result<(), OpsError> {
        let block = self.block().0;
        if cols.is_multiple_of(block) {
            return Ok(());
        }
        Err(OpsError::Block { what: what.to_owned(), cols, encoding: self, block })
    }
}

impl WeightRef<'_> {
    /// The bytes of row `i`.
    pub fn row(&self, i: usize) -> &[u8] {
        let n = self.encoding.bytes_for(self.cols);
        &self.bytes[i * n..(i + 1) * n]
    }

    /// Whole blocks, and as many as the shape says.
    pub(in crate::ops) fn check(&self) -> Result<(), OpsError> {
        self.encoding.check_columns("the weight", self.cols)?;
        let expected = self.rows * self.encoding.bytes_for(self.cols);
        if self.bytes.len() != expected {
            let (base, values, encoding) = (self.bytes.len(), self.rows * self.cols, self.encoding);
            return Err(OpsError::BaseSize { base, values, encoding, expected });
        }
        Ok(())
    }
}
