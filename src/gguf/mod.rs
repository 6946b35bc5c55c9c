//! The GGUF container: header, values, tensor infos; a distrusting reader over a map, a whole streaming writer.
//!
//! gguf-rs-lib parses and writes version 3; what it can't read (versions 1 and 2, keys with a hyphen) goes through
//! candle's reader and the same checks. Both see only the header: payloads are borrowed from the map.

mod candle;
mod check;
mod ggml_type;
mod keys;
mod map;
mod read;
mod v3;
mod value;
mod write;

pub use ggml_type::GgmlType;
pub use map::Map;
pub use read::{Gguf, begins_as_gguf};
pub use value::{Metadata, Value};
pub use write::{PlannedTensor, write};

use std::path::PathBuf;

use crate::store::StoreError;

/// One tensor: `ne` as in the file (innermost first), so a weight of `out × in` has `ne = [in, out]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    pub name: String,
    pub ne: Vec<u64>,
    pub ty: GgmlType,
    /// From the start of the file.
    pub offset: u64,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}: no usable GGUF file: {reason}", path.display())]
    Bad { path: PathBuf, reason: String },
    #[error("{}: the metadata key {key} {reason}", path.display())]
    Key { path: PathBuf, key: String, reason: String },
}
