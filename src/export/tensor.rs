//! One tensor: base rows, ΔW, the sum, its bytes in the target type, and what of ΔW is in them.

use std::ops::Range;

use super::item::{Item, Source};
use super::survival::{Row, Sums};
use super::{ExportError, Request};
use crate::lora::Adapter;
use crate::ops::{Encoding, decode, encode_dithered, encode_nearest, steps, subkey};

/// Elements of a block of rows: what one thread has in hand at a time.
const BLOCK: usize = 1 << 18;

/// Appends the tensor's bytes to `out`. `adapter`'s rows lie as the item's. Gives the sums of a touched tensor.
pub(super) fn write<O: Sync>(
    item: &Item<'_>,
    adapter: &Adapter<O>,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Sums>, ExportError> {
    if let Some(bytes) = copied(item) {
        out.extend_from_slice(bytes);
        return Ok(None);
    }
    out.reserve(item.bytes() as usize);
    let mut sums = Sums::default();
    let per_block = (BLOCK / item.cols.max(1)).max(1);
    let blocks: Vec<Range<usize>> =
        (0..item.rows).step_by(per_block).map(|r| r..(r + per_block).min(item.rows)).collect();
    for group in blocks.chunks(threads()) {
        if request.interrupt.raised() {
            return Err(ExportError::Interrupted);
        }
        // In the order of the rows, whatever thread was first: bytes and sums don't depend on the number of threads.
        for (bytes, part) in in_parallel(group, |rows| block(item, adapter, request.seed, rows))? {
            out.extend_from_slice(&bytes);
            sums.add(&part);
        }
    }
    Ok(item.touched.map(|_| sums))
}

/// The base's own bytes, where nothing changes.
pub(super) fn copied<'a>(item: &Item<'a>) -> Option<&'a [u8]> {
    match &item.source {
        Source::Weight(w) if item.touched.is_none() && item.row_of.is_none() && w.encoding == item.to => Some(w.bytes),
        _ => None,
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

type Part = Result<(Vec<u8>, Sums), ExportError>;

fn in_parallel(
    group: &[Range<usize>],
    one: impl Fn(Range<usize>) -> Part + Sync,
) -> Result<Vec<(Vec<u8>, Sums)>, ExportError> {
    if let [only] = group {
        return Ok(vec![one(only.clone())?]);
    }
    let parts: Vec<Part> = std::thread::scope(|scope| {
        let handles: Vec<_> = group.iter().map(|rows| scope.spawn(|| one(rows.clone()))).collect();
        let lost = || Err(ExportError::Other("a thread of the export was lost".to_owned()));
        handles.into_iter().map(|h| h.join().unwrap_or_else(|_| lost())).collect()
    });
    parts.into_iter().collect()
}

/// The f32 rows of a tensor: base and ΔW.
#[derive(Debug)]
pub(super) struct Rows<'i, 'a, O> {
    pub item: &'i Item<'a>,
    pub adapter: &'i Adapter<O>,
}

impl<O> Rows<'_, '_, O> {
    /// The base's row that stands at `row` of the item; its bytes in the base's type, where it has any.
    pub(super) fn base(&self, row: usize, out: &mut [f32]) -> &[u8] {
        match &self.item.source {
            Source::Weight(w) => {
                let bytes = w.row(self.item.row_of.as_ref().map_or(row, |map| map[row]));
                decode(w.encoding, bytes, out);
                bytes
            }
            Source::Values(values) => {
                out.copy_from_slice(values);
                &[]
            }
        }
    }

    /// ΔW of a touched item's row; untouched: zero.
    pub(super) fn delta(&self, row: usize, out: &mut [f32]) {
        match self.item.touched {
            Some(id) => {
                self.adapter.delta_rows(id, row..row + 1, out);
            }
            None => out.fill(0.0),
        }
    }
}

fn block<O>(item: &Item<'_>, adapter: &Adapter<O>, seed: u64, rows: Range<usize>) -> Part {
    let source = Rows { item, adapter };
    let mut out = Vec::with_capacity(rows.len() * item.to.bytes_for(item.cols));
    let mut sums = Sums::default();
    let [mut base, mut delta, mut wanted, mut written, mut step] = std::array::from_fn(|_| vec![0.0; item.cols]);
    for row in rows {
        let bytes = source.base(row, &mut base);
        finite(item, "the base", row, &base)?;
        source.delta(row, &mut delta);
        finite(item, "the adapter's ΔW", row, &delta)?;
        sum(&base, &delta, &mut wanted);
        let start = out.len();
        let encoded = if item.dithered() {
            encode_dithered(item.to, bytes, &wanted, key(seed, &item.name, row), &mut out)
        } else {
            encode_nearest(item.to, &wanted, &mut out)
        };
        encoded.map_err(|source| ExportError::Encode { tensor: item.name.clone(), source })?;
        if item.touched.is_some() {
            decode(item.to, &out[start..], &mut written);
            steps(item.to, &out[start..], &mut step);
            let row = Row { base: &base, delta: &delta, wanted: &wanted, written: &written, steps: &step };
            sums.add_row(row, item.dithered());
        }
    }
    Ok((out, sums))
}

/// base + ΔW; where ΔW is zero the base's own bits, −0 too.
pub(super) fn sum(base: &[f32], delta: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(base.iter().zip(delta)).for_each(|(o, (b, d))| *o = if *d == 0.0 { *b } else { b + d });
}

/// The same for a row whatever stands before it.
fn key(seed: u64, name: &str, row: usize) -> u64 {
    subkey(name.bytes().fold(seed, |key, b| subkey(key, u64::from(b))), row as u64)
}

fn finite(item: &Item<'_>, what: &'static str, row: usize, values: &[f32]) -> Result<(), ExportError> {
    let Some(column) = values.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    let remedy = match what {
        "the base" => "the base is damaged; get it anew",
        _ => "the training diverged; use an earlier checkpoint or a lower learning rate",
    };
    Err(ExportError::NotFinite { tensor: item.name.clone(), what, value: values[column], row, column, remedy })
}

/// ggml's name of a type, for people.
pub(super) fn name_of(encoding: Encoding) -> &'static str {
    super::types::ggml_type(encoding).name()
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
