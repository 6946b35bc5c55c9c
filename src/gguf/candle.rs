//! Versions 1 and 2, and keys with a hyphen, through candle's reader.

use std::io::Cursor;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, Value as V};

use super::{GgmlType, Metadata, TensorInfo, Value};

/// candle's reader checks lengths against the bytes it is given but widens arrays of small values by 32, so it is
/// given no more than this much of the file. The largest vocabularies of today take 20 MB.
const HEADER_CAP: usize = 64 << 20;

pub(super) fn parse(bytes: &[u8]) -> Result<(Metadata, Vec<TensorInfo>), String> {
    let head = &bytes[..bytes.len().min(HEADER_CAP)];
    if says_alignment_zero(head) {
        return Err("general.alignment is 0, expected a power of two".to_owned());
    }
    let content = Content::read(&mut Cursor::new(head)).map_err(|e| e.to_string())?;
    let mut tensors = Vec::with_capacity(content.tensor_infos.len());
    for (name, info) in &content.tensor_infos {
        let ty = ty(info.ggml_dtype);
        let ne: Vec<u64> = info.shape.dims().iter().rev().map(|&d| d as u64).collect();
        let bytes = ty.bytes_for(&ne).ok_or_else(|| format!("the tensor {name} is no whole number of blocks"))?;
        let offset = content
            .tensor_data_offset
            .checked_add(info.offset)
            .ok_or_else(|| format!("the offset of the tensor {name} overflows"))?;
        tensors.push(TensorInfo { name: name.clone(), ne, ty, offset, bytes });
    }
    // candle keeps them in a hash map: the file's own order is that of the offsets.
    tensors.sort_by(|a, b| (a.offset, &a.name).cmp(&(b.offset, &b.name)));
    let metadata = content.metadata.iter().map(|(k, v)| (k.clone(), ours(v))).collect();
    Ok((metadata, tensors))
}

/// candle divides by the alignment without a look at it, so a 0 has to be found before it reads the header.
fn says_alignment_zero(head: &[u8]) -> bool {
    const KEY: &[u8] = b"general.alignment";
    let zero = |rest: &[u8]| {
        let (Some(ty), Some(value)) = (rest.first_chunk::<4>(), rest.get(4..)) else { return false };
        // Value types 0 to 5: u8, i8, u16, i16, u32, i32.
        let width = match u32::from_le_bytes(*ty) {
            0 | 1 => 1,
            2 | 3 => 2,
            4 | 5 => 4,
            _ => return false,
        };
        value.get(..width).is_some_and(|bytes| bytes.iter().all(|b| *b == 0))
    };
    head.windows(KEY.len()).enumerate().any(|(at, found)| found == KEY && zero(&head[at + KEY.len()..]))
}

fn ty(theirs: GgmlDType) -> GgmlType {
    use GgmlDType as D;
    match theirs {
        D::F32 => GgmlType::F32,
        D::F16 => GgmlType::F16,
        D::BF16 => GgmlType::BF16,
        D::Q4_0 => GgmlType::Q4_0,
        D::Q4_1 => GgmlType::Q4_1,
        D::Q5_0 => GgmlType::Q5_0,
        D::Q5_1 => GgmlType::Q5_1,
        D::Q8_0 => GgmlType::Q8_0,
        D::Q8_1 => GgmlType(9),
        D::Q2K => GgmlType(10),
        D::Q3K => GgmlType(11),
        D::Q4K => GgmlType::Q4_K,
        D::Q5K => GgmlType::Q5_K,
        D::Q6K => GgmlType::Q6_K,
        D::Q8K => GgmlType(15),
    }
}

fn ours(value: &V) -> Value {
    match value {
        V::U8(v) => Value::U8(*v),
        V::I8(v) => Value::I8(*v),
        V::U16(v) => Value::U16(*v),
        V::I16(v) => Value::I16(*v),
        V::U32(v) => Value::U32(*v),
        V::I32(v) => Value::I32(*v),
        V::U64(v) => Value::U64(*v),
        V::I64(v) => Value::I64(*v),
        V::F32(v) => Value::F32(*v),
        V::F64(v) => Value::F64(*v),
        V::Bool(v) => Value::Bool(*v),
        V::String(v) => Value::String(v.clone()),
        V::Array(a) => array(a),
    }
}

fn array(values: &[V]) -> Value {
    fn all<T>(values: &[V], pick: impl Fn(&V) -> Option<T>) -> Option<Vec<T>> {
        if values.is_empty() { None } else { values.iter().map(pick).collect() }
    }
    if let Some(v) = all(values, |v| if let V::String(s) = v { Some(s.clone()) } else { None }) {
        return Value::Strings(v);
    }
    if let Some(v) = all(values, |v| if let V::I32(x) = v { Some(*x) } else { None }) {
        return Value::I32s(v);
    }
    if let Some(v) = all(values, |v| if let V::F32(x) = v { Some(*x) } else { None }) {
        return Value::F32s(v);
    }
    Value::Array(values.iter().map(ours).collect())
}
