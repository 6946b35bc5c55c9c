//! One tensor of the exported file: copied, converted, or rounded with the adapter's ΔW.

use std::ops::Range;

use super::item::{Item, Source};
use super::rows::{Rows, each_block, encode_error, finite};
use super::{ExportError, Request, Survival, rounding};
use crate::lora::Adapter;
use crate::ops::{decode, encode_nearest};

/// Appends the tensor's bytes to `out`; says what of ΔW is in those of a touched tensor.
pub(super) fn write<O: Sync>(
    item: &Item<'_>,
    adapter: &Adapter<O>,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Survival>, ExportError> {
    let (tensor, to) = (item.name.as_str(), item.to);
    tracing::debug!(tensor, ?to, rows = item.rows, cols = item.cols, touched = item.touched.is_some(), "tensor");
    if let Some(bytes) = copied(item) {
        out.extend_from_slice(bytes);
        return Ok(None);
    }
    out.reserve(item.bytes() as usize);
    let rows = Rows { item, adapter };
    if item.touched.is_some() {
        return rounding::write(&rows, request, out).map(Some);
    }
    let nearest = |range: Range<usize>| {
        let mut bytes = Vec::with_capacity(range.len() * item.to.bytes_for(item.cols));
        let mut base = vec![0.0; item.cols];
        for row in range {
            rows.base(row, &mut base);
            finite(item, "the base", row, &base)?;
            encode_nearest(item.to, &base, &mut bytes).map_err(|source| encode_error(item, source))?;
        }
        Ok(bytes)
    };
    each_block(item, nearest, |bytes| {
        out.extend_from_slice(&bytes);
        if request.interrupt.raised() { Err(ExportError::Interrupted) } else { Ok(()) }
    })?;
    Ok(None)
}

/// The base's own bytes, where nothing changes.
pub(super) fn copied<'a>(item: &Item<'a>) -> Option<&'a [u8]> {
    match &item.source {
        Source::Weight(w) if item.touched.is_none() && item.row_of.is_none() && w.encoding == item.to => Some(w.bytes),
        _ => None,
    }
}

/// Refuses NaN and Inf in a tensor that is copied.
pub(super) fn check_base(item: &Item<'_>) -> Result<(), ExportError> {
    let Source::Weight(weight) = &item.source else { return Ok(()) };
    let mut values = vec![0.0; item.cols];
    (0..item.rows).try_for_each(|row| {
        decode(weight.encoding, weight.row(row), &mut values);
        finite(item, "the base", row, &values)
    })
}
