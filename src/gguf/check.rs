//! What any reader's tensor list must satisfy before a byte of it is borrowed.

use std::collections::HashSet;

use super::{Metadata, TensorInfo};

/// ggml takes a power of two only.
pub(super) fn alignment(metadata: &Metadata) -> Result<(), String> {
    match metadata.get("general.alignment") {
        Some(value) if !value.as_u64().is_some_and(u64::is_power_of_two) => {
            let found = value.as_i64().map_or_else(|| value.kind().to_owned(), |n| n.to_string());
            Err(format!("general.alignment is {found}, expected a power of two"))
        }
        _ => Ok(()),
    }
}

/// Sizes by type, ranges inside the file, no overlap, no name twice. `Err` says what is wrong with which tensor.
pub(super) fn tensors(tensors: &[TensorInfo], file_bytes: u64) -> Result<(), String> {
    let mut names = HashSet::new();
    for t in tensors {
        if !names.insert(t.name.as_str()) {
            return Err(format!("the tensor {} is there twice", t.name));
        }
        let Some(bytes) = t.ty.bytes_for(&t.ne) else {
            let (name, ty) = (&t.name, t.ty);
            return Err(match ty.block() {
                None => format!("the tensor {name} has the unknown type {}", ty.0),
                Some((block, _)) => {
                    format!(
                        "the tensor {name} ({} of shape {:?}) is no whole number of blocks of {block}",
                        ty.name(),
                        t.ne
                    )
                }
            });
        };
        if bytes != t.bytes {
            return Err(format!("the tensor {} takes {bytes} bytes, not {}", t.name, t.bytes));
        }
        match t.offset.checked_add(bytes) {
            Some(end) if end <= file_bytes => {}
            _ => {
                return Err(format!(
                    "the tensor {} ends at byte {}, but the file has only {file_bytes}: it was cut off or is still \
                     being copied; fetch it again",
                    t.name,
                    t.offset.saturating_add(bytes),
                ));
            }
        }
    }
    let mut order: Vec<&TensorInfo> = tensors.iter().filter(|t| t.bytes > 0).collect();
    order.sort_unstable_by_key(|t| t.offset);
    match order.windows(2).find(|w| w[0].offset + w[0].bytes > w[1].offset) {
        Some(w) => Err(format!("the tensors {} and {} overlap", w[0].name, w[1].name)),
        None => Ok(()),
    }
}
