//! The rows of one tensor: the base, ΔW and their sum, a block of rows at a time on each core.

use std::ops::Range;

use super::ExportError;
use super::item::{Item, Source};
use super::statistics::{Grid, Row, Sums};
use crate::lora::Adapter;
use crate::ops::{Encoding, Levels, decode, levels};

/// Elements of a block of rows: what one thread has in hand at a time.
const BLOCK: usize = 1 << 18;

pub(super) fn encode_error(item: &Item<'_>, source: crate::ops::OpsError) -> ExportError {
    ExportError::Encode { tensor: item.name.clone(), source }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// One block of rows at a time on each core; the parts in the order of the rows, whatever thread was first, so that
/// bytes and sums don't depend on the number of threads.
fn in_parallel<T: Send>(
    group: &[Range<usize>],
    one: impl Fn(Range<usize>) -> Result<T, ExportError> + Sync,
) -> Result<Vec<T>, ExportError> {
    if let [only] = group {
        return Ok(vec![one(only.clone())?]);
    }
    std::thread::scope(|scope| {
        let handles: Vec<_> = group.iter().map(|rows| scope.spawn(|| one(rows.clone()))).collect();
        let lost = || Err(ExportError::Other("a thread of the export was lost".to_owned()));
        handles.into_iter().map(|h| h.join().unwrap_or_else(|_| lost())).collect()
    })
}

/// Calls `take` with what `one` makes of each block of the item's rows, in order.
pub(super) fn each_block<T: Send>(
    item: &Item<'_>,
    one: impl Fn(Range<usize>) -> Result<T, ExportError> + Sync,
    mut take: impl FnMut(T) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let per_block = (BLOCK / item.cols.max(1)).max(1);
    let blocks: Vec<Range<usize>> =
        (0..item.rows).step_by(per_block).map(|r| r..(r + per_block).min(item.rows)).collect();
    for group in blocks.chunks(threads()) {
        in_parallel(group, &one)?.into_iter().try_for_each(&mut take)?;
    }
    Ok(())
}

/// The f32 rows of a tensor: base and ΔW.
#[derive(Debug)]
pub(super) struct Rows<'i, 'a, O> {
    pub item: &'i Item<'a>,
    pub adapter: &'i Adapter<O>,
}

impl<O> Rows<'_, '_, O> {
    /// The bytes of the base's row that stands at `row` of the item; none where it has no tensor.
    pub(super) fn base_bytes(&self, row: usize) -> &[u8] {
        match &self.item.source {
            Source::Weight(w) => w.row(self.item.row_of.as_ref().map_or(row, |map| map[row])),
            Source::Values(_) => &[],
        }
    }

    /// Fills `out` with the base's row that stands at `row` of the item; [`Self::base_bytes`].
    pub(super) fn base(&self, row: usize, out: &mut [f32]) -> &[u8] {
        match &self.item.source {
            Source::Weight(w) => {
                let bytes = self.base_bytes(row);
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

/// Buffers of one row.
#[derive(Debug)]
pub(super) struct Buffers {
    pub base: Vec<f32>,
    pub delta: Vec<f32>,
    pub wanted: Vec<f32>,
    written: Vec<f32>,
    pub levels: Vec<Levels>,
}

impl Buffers {
    pub(super) fn new(cols: usize) -> Self {
        let zeros = || vec![0.0; cols];
        let levels = vec![Levels::default(); cols];
        Self { base: zeros(), delta: zeros(), wanted: zeros(), written: zeros(), levels }
    }

    /// Fills base, ΔW and their sum for one row; the base's bytes.
    pub(super) fn load<'r, O>(&mut self, rows: &'r Rows<'_, '_, O>, row: usize) -> Result<&'r [u8], ExportError> {
        let item = rows.item;
        let bytes = rows.base(row, &mut self.base);
        finite(item, "the base", row, &self.base)?;
        rows.delta(row, &mut self.delta);
        finite(item, "the adapter's ΔW", row, &self.delta)?;
        sum(&self.base, &self.delta, &mut self.wanted);
        Ok(bytes)
    }

    /// Adds what of ΔW is in the bytes of this row.
    pub(super) fn count(&mut self, encoding: Encoding, grid: Grid, bytes: &[u8], sums: &mut Sums) {
        decode(encoding, bytes, &mut self.written);
        if encoding.block().0 > 1 {
            levels(encoding, bytes, &mut self.levels);
        }
        let row = Row { base: &self.base, delta: &self.delta, written: &self.written, levels: &self.levels };
        sums.add_row(encoding, grid, row);
    }
}

/// base + ΔW; where ΔW is zero the base's own bits, −0 too.
fn sum(base: &[f32], delta: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(base.iter().zip(delta)).for_each(|(o, (b, d))| *o = if *d == 0.0 { *b } else { b + d });
}

pub(super) fn finite(item: &Item<'_>, what: &'static str, row: usize, values: &[f32]) -> Result<(), ExportError> {
    let Some(column) = values.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    let remedy = match what {
        "the base" => "the base is damaged; get it anew",
        _ => "the training diverged; use an earlier checkpoint or a lower learning rate",
    };
    Err(ExportError::NotFinite { tensor: item.name.clone(), what, value: values[column], row, column, remedy })
}
