//! The GGUF container: header, values, tensor infos; a distrusting reader over a map, a whole streaming writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::{Digest, StoreError};

/// A metadata value. Integers of every width are `Int`/`UInt` on reading; the writer keeps the width it is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
    F64(f64),
    Bool(bool),
    String(String),
    Strings(Vec<String>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
    /// Any other array.
    Array(Vec<Value>),
}

impl Value {
    pub fn as_u64(&self) -> Option<u64> {
        todo!()
    }
    pub fn as_f64(&self) -> Option<f64> {
        todo!()
    }
    pub fn as_bool(&self) -> Option<bool> {
        todo!()
    }
    pub fn as_str(&self) -> Option<&str> {
        todo!()
    }
}

/// Key order is kept sorted, so that output is reproducible.
pub type Metadata = std::collections::BTreeMap<String, Value>;

/// ggml's tensor types by their number in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GgmlType(pub u32);

impl GgmlType {
    pub const F32: Self = Self(0);
    pub const F16: Self = Self(1);
    pub const Q4_0: Self = Self(2);
    pub const Q4_1: Self = Self(3);
    pub const Q5_0: Self = Self(6);
    pub const Q5_1: Self = Self(7);
    pub const Q8_0: Self = Self(8);
    pub const Q4_K: Self = Self(12);
    pub const Q5_K: Self = Self(13);
    pub const Q6_K: Self = Self(14);
    pub const BF16: Self = Self(30);

    /// ggml's name, `Q4_1`.
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// (elements of a block, bytes of a block); None for a type we do not know.
    pub fn block(self) -> Option<(usize, usize)> {
        todo!()
    }
}

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

/// An open file, mapped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gguf(Arc<()>);

impl Gguf {
    /// Opens and checks everything the header says: sizes, ranges, overlaps, duplicates, alignment.
    pub fn open(_path: impl AsRef<Path>) -> Result<Self, GgufError> {
        todo!()
    }
    pub fn path(&self) -> &Path {
        todo!()
    }
    pub fn metadata(&self) -> &Metadata {
        todo!()
    }
    /// `general.architecture`.
    pub fn architecture(&self) -> Result<&str, GgufError> {
        todo!()
    }
    pub fn tensors(&self) -> &[TensorInfo] {
        todo!()
    }
    pub fn tensor(&self, _name: &str) -> Option<&TensorInfo> {
        todo!()
    }
    /// The tensor's bytes, borrowed from the map.
    pub fn bytes(&self, _info: &TensorInfo) -> &[u8] {
        todo!()
    }
    pub fn str(&self, _key: &str) -> Result<&str, GgufError> {
        todo!()
    }
    pub fn u64(&self, _key: &str) -> Result<u64, GgufError> {
        todo!()
    }
    pub fn f64(&self, _key: &str) -> Result<f64, GgufError> {
        todo!()
    }
}

/// A tensor to be written: its bytes are asked for when its turn comes, so only one is in memory.
#[derive(Clone, Debug)]
pub struct PlannedTensor {
    pub name: String,
    pub ne: Vec<u64>,
    pub ty: GgmlType,
}

/// Writes a whole GGUF v3 file, streamed, 32-byte aligned and padded at its end; returns digest and size.
/// `fill(i, out)` appends exactly the bytes of `tensors[i]`; an error of it leaves nothing behind.
pub fn write<E: From<GgufError>>(
    _path: &Path,
    _metadata: &Metadata,
    _tensors: &[PlannedTensor],
    _fill: impl FnMut(usize, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(Digest, u64), E> {
    todo!()
}
