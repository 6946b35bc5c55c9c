//! Version 3 through gguf-rs-lib: values both ways, and its reader over the mapped bytes.

use std::io::Cursor;

use gguf_rs_lib::error::GGUFError;
use gguf_rs_lib::format::metadata::{Metadata as Theirs, MetadataArray, MetadataValue as V};
use gguf_rs_lib::format::types::GGUFValueType as T;
use gguf_rs_lib::reader::file_reader::{GGUFFileReader, GGUFReaderConfig};

use super::{GgmlType, Metadata, TensorInfo, Value};

/// Parses the header. The crate caps strings, arrays, nesting and the decoded size before it allocates.
pub(super) fn parse(bytes: &[u8]) -> Result<(Metadata, Vec<TensorInfo>), GGUFError> {
    // Ranges and overlaps are checked by `check`, for both readers alike and with the tensor named.
    let config = GGUFReaderConfig { validate_integrity: false, ..GGUFReaderConfig::default() };
    let reader = GGUFFileReader::with_config(Cursor::new(bytes), config)?;
    let start = reader.tensor_data_offset();
    let mut tensors = Vec::with_capacity(reader.tensor_count());
    for t in reader.tensor_infos() {
        let offset = start
            .checked_add(t.data_offset())
            .ok_or_else(|| GGUFError::Format(format!("the offset of the tensor {} overflows", t.name())))?;
        tensors.push(TensorInfo {
            name: t.name().to_owned(),
            ne: t.shape().dimensions.clone(),
            ty: GgmlType(t.tensor_type() as u32),
            offset,
            bytes: t.checked_expected_data_size()?,
        });
    }
    let metadata = reader.metadata().data.iter().map(|(k, v)| (k.clone(), ours(v))).collect();
    Ok((metadata, tensors))
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
        V::Array(a) => array(a.element_type, &a.values),
    }
}

fn array(of: T, values: &[V]) -> Value {
    match of {
        T::String => Value::Strings(values.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()),
        T::I32 => Value::I32s(values.iter().filter_map(|v| if let V::I32(x) = v { Some(*x) } else { None }).collect()),
        T::F32 => Value::F32s(values.iter().filter_map(|v| if let V::F32(x) = v { Some(*x) } else { None }).collect()),
        _ => Value::Array(values.iter().map(ours).collect()),
    }
}

/// Our metadata as the crate's; `Err` names the key.
pub(super) fn metadata(metadata: &Metadata) -> Result<Theirs, (String, String)> {
    let mut out = Theirs::new();
    for (key, value) in metadata {
        let theirs = theirs(value).map_err(|e| (key.clone(), format!("can't be written: {e}")))?;
        out.insert(key.clone(), theirs);
        let mut one = Theirs::new();
        one.insert(key.clone(), V::Bool(true));
        if key != "general.alignment" && one.validate().is_err() {
            let reason = "can't be written: the writer takes lower-case words joined by dots and underscores only";
            return Err((key.clone(), reason.to_owned()));
        }
    }
    Ok(out)
}

fn theirs(value: &Value) -> Result<V, GGUFError> {
    let array = |of, values| Ok(V::Array(Box::new(MetadataArray::new(of, values)?)));
    match value {
        Value::U8(v) => Ok(V::U8(*v)),
        Value::I8(v) => Ok(V::I8(*v)),
        Value::U16(v) => Ok(V::U16(*v)),
        Value::I16(v) => Ok(V::I16(*v)),
        Value::U32(v) => Ok(V::U32(*v)),
        Value::I32(v) => Ok(V::I32(*v)),
        Value::U64(v) => Ok(V::U64(*v)),
        Value::I64(v) => Ok(V::I64(*v)),
        Value::F32(v) => Ok(V::F32(*v)),
        Value::F64(v) => Ok(V::F64(*v)),
        Value::Bool(v) => Ok(V::Bool(*v)),
        Value::String(v) => Ok(V::String(v.clone())),
        Value::Strings(v) => array(T::String, v.iter().cloned().map(V::String).collect()),
        Value::I32s(v) => array(T::I32, v.iter().copied().map(V::I32).collect()),
        Value::F32s(v) => array(T::F32, v.iter().copied().map(V::F32).collect()),
        Value::Array(v) => {
            let values = v.iter().map(theirs).collect::<Result<Vec<_>, _>>()?;
            // The type of an empty array is not known any more; no reader asks for it.
            array(values.first().map_or(T::U32, V::value_type), values)
        }
    }
}
