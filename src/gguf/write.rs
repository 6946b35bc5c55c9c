//! Writing: version 3, sorted keys, 32-byte alignment, streamed one tensor at a time, padded at the end.

use std::io::Write as _;
use std::path::Path;

use gguf_rs_lib::error::GGUFError;
use gguf_rs_lib::format::types::GGUFTensorType;
use gguf_rs_lib::prelude::{GGUFFileWriter, GGUFHeader};
use gguf_rs_lib::tensor::data::TensorData;
use gguf_rs_lib::tensor::info::TensorInfo as Theirs;
use gguf_rs_lib::tensor::shape::TensorShape;

use super::{GgmlType, GgufError, Metadata, v3};
use crate::store::{Digest, FileAction, HashingWriter, StoreError, WholeFile};

/// llama.cpp demands a power of two; 32 is what every reader assumes.
const ALIGNMENT: u64 = 32;

/// A tensor to be written: its bytes are asked for when its turn comes, so only one is in memory.
#[derive(Clone, Debug)]
pub struct PlannedTensor {
    pub name: String,
    pub ne: Vec<u64>,
    pub ty: GgmlType,
}

impl PlannedTensor {
    /// The bytes it takes in the file, without padding.
    pub fn bytes(&self) -> Option<u64> {
        self.ty.bytes_for(&self.ne)
    }
}

/// Writes a whole GGUF v3 file, streamed, 32-byte aligned and padded at its end; returns digest and size.
/// `fill(i, out)` appends exactly the bytes of `tensors[i]`; an error of it leaves nothing behind.
/// `general.alignment` of the metadata is left out, because the file is aligned to 32, the default.
pub fn write<E: From<GgufError>>(
    path: &Path,
    metadata: &Metadata,
    tensors: &[PlannedTensor],
    mut fill: impl FnMut(usize, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(Digest, u64), E> {
    let fault = |e: GGUFError| E::from(wrap(path, e));
    let mut metadata = metadata.clone();
    metadata.remove("general.alignment");
    let theirs = v3::metadata(&metadata)
        .map_err(|(key, reason)| E::from(GgufError::Key { path: path.to_path_buf(), key, reason }))?;
    let infos = plan(path, tensors)?;
    let file = WholeFile::create(path).map_err(GgufError::from)?;
    let mut writer = GGUFFileWriter::new(HashingWriter::new(file));
    writer.write_header(&GGUFHeader::new(tensors.len() as u64, metadata.len() as u64)).map_err(fault)?;
    writer.write_metadata(&theirs).map_err(fault)?;
    writer.write_tensor_infos(&infos).map_err(fault)?;
    writer.align_for_tensor_data().map_err(fault)?;
    let mut buffer = Vec::new();
    for (i, info) in infos.iter().enumerate() {
        buffer.clear();
        fill(i, &mut buffer)?;
        let data = TensorData::new_owned(buffer);
        writer.write_tensor_data(info, &data).map_err(fault)?;
        buffer = data.into_owned();
    }
    // llama.cpp reads the payload as one padded blob; the crate does not pad the last tensor.
    let position = writer.position();
    let padding = position.next_multiple_of(ALIGNMENT) - position;
    let mut hashing = writer.finalize().map_err(fault)?;
    hashing.write_all(&[0; ALIGNMENT as usize][..padding as usize]).map_err(|e| fault(GGUFError::Io(e)))?;
    let (file, digest, bytes) = hashing.finish();
    file.finish().map_err(GgufError::from)?;
    Ok((digest, bytes))
}

/// The crate's tensor infos, each at its aligned offset.
fn plan(path: &Path, tensors: &[PlannedTensor]) -> Result<Vec<Theirs>, GgufError> {
    let bad = |t: &PlannedTensor, what: &str| GgufError::Bad {
        path: path.to_path_buf(),
        reason: format!("the tensor {} ({} of shape {:?}) {what}", t.name, t.ty.name(), t.ne),
    };
    let mut offset = 0u64;
    let mut infos = Vec::with_capacity(tensors.len());
    for t in tensors {
        let bytes = t.bytes().ok_or_else(|| bad(t, "can't be written: its rows are no whole number of blocks"))?;
        let ty = GGUFTensorType::from_u32(t.ty.0).map_err(|e| bad(t, &e.to_string()))?;
        let shape = TensorShape::new(t.ne.clone()).map_err(|e| bad(t, &e.to_string()))?;
        infos.push(Theirs::new(t.name.clone(), shape, ty, offset));
        offset = offset
            .checked_add(bytes)
            .and_then(|end| end.checked_next_multiple_of(ALIGNMENT))
            .ok_or_else(|| bad(t, "makes the file larger than can be addressed"))?;
    }
    Ok(infos)
}

fn wrap(path: &Path, e: GGUFError) -> GgufError {
    match e {
        GGUFError::Io(e) => StoreError::new(FileAction::WRITING, path, e).into(),
        e => GgufError::Bad { path: path.to_path_buf(), reason: e.to_string() },
    }
}
