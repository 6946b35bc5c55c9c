//! The one rule by which a touched tensor is rounded.
//!
//! 1. Target type = the base's, and it has block scales: the base's own grid. Its scales and minima stay, codes move with
//!    dither by g·ΔW, g ≥ 1 giving back what the ends of the codes' range clip ([`super::gain`]).
//! 2. Else, or where g would be above 1.25, a new grid: to nearest where that keeps the tune, measured on the tensor
//!    itself, because it has half the noise; elsewhere with dither.
//!
//! Random numbers are those at (seed, tensor name, row, column): threads and order don't matter.

use std::ops::Range;

use super::gain::Clipping;
use super::rows::{Buffers, Rows, each_block, encode_error};
use super::statistics::{Grid, Sums};
use super::{ExportError, Request, Rounding, Survival};
use crate::ops::{Encoding, encode_dithered, encode_nearest, encode_on_grid, levels, subkey};

/// Appends a touched tensor's bytes to `out`.
pub(super) fn write<O: Sync>(
    rows: &Rows<'_, '_, O>,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<Survival, ExportError> {
    let item = rows.item;
    if item.from() == item.to
        && item.to.block().0 > 1
        && let Some(gain) = clipping(rows)?.gain()
    {
        let grid = Grid::Own { gain };
        let sums = encode(rows, Rounding::OwnGrid, grid, request, out)?;
        return Ok(sums.report(item, grid, Some(Rounding::OwnGrid)));
    }
    if has_nearest(item.to) {
        let start = out.len();
        let sums = encode(rows, Rounding::Nearest, Grid::New, request, out)?;
        if item.to == Encoding::F32 || sums.nearest_keeps(item.to) {
            return Ok(sums.report(item, Grid::New, Some(Rounding::Nearest)));
        }
        out.truncate(start);
    }
    let sums = encode(rows, Rounding::Dither, Grid::New, request, out)?;
    Ok(sums.report(item, Grid::New, Some(Rounding::Dither)))
}

/// As [`write`] by a rule that is known already.
pub(super) fn write_as<O: Sync>(
    rows: &Rows<'_, '_, O>,
    rounding: Rounding,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ExportError> {
    let grid = if rounding == Rounding::OwnGrid { Grid::Own { gain: 1.0 } } else { Grid::New };
    encode(rows, rounding, grid, request, out).map(drop)
}

/// K-quants have no single nearest grid.
fn has_nearest(encoding: Encoding) -> bool {
    !matches!(encoding, Encoding::Q4K | Encoding::Q5K | Encoding::Q6K)
}

/// What the ends of the codes' range clip where the base's scales are kept.
pub(super) fn clipping<O: Sync>(rows: &Rows<'_, '_, O>) -> Result<Clipping, ExportError> {
    let item = rows.item;
    let one = |range: Range<usize>| {
        let (mut part, mut buffers) = (Clipping::new(), Buffers::new(item.cols));
        for row in range {
            let bytes = buffers.load(rows, row)?;
            levels(item.from(), bytes, &mut buffers.levels);
            part.add_row(&buffers.base, &buffers.levels, &buffers.delta);
        }
        Ok(part)
    };
    let mut whole = Clipping::new();
    each_block(item, one, |part| {
        whole.add(&part);
        Ok(())
    })?;
    Ok(whole)
}

/// One pass over the tensor, in blocks of rows.
fn encode<O: Sync>(
    rows: &Rows<'_, '_, O>,
    rounding: Rounding,
    grid: Grid,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<Sums, ExportError> {
    let item = rows.item;
    let one = |range: Range<usize>| {
        let mut bytes = Vec::with_capacity(range.len() * item.to.bytes_for(item.cols));
        let (mut sums, mut buffers) = (Sums::default(), Buffers::new(item.cols));
        for row in range {
            let base = buffers.load(rows, row)?;
            let start = bytes.len();
            let key = key(request.seed, &item.name, row);
            match (rounding, grid) {
                (_, Grid::Own { gain }) => encode_on_grid(item.to, base, &buffers.delta, gain, key, &mut bytes),
                (Rounding::Nearest, Grid::New) => encode_nearest(item.to, &buffers.wanted, &mut bytes),
                (_, Grid::New) => encode_dithered(item.to, &buffers.wanted, key, &mut bytes),
            }
            .map_err(|e| encode_error(item, e))?;
            buffers.count(item.to, grid, &bytes[start..], &mut sums);
        }
        Ok((bytes, sums))
    };
    let mut whole = Sums::default();
    each_block(item, one, |(bytes, sums)| {
        out.extend_from_slice(&bytes);
        whole.add(&sums);
        if request.interrupt.raised() { Err(ExportError::Interrupted) } else { Ok(()) }
    })?;
    Ok(whole)
}

/// The same for a row whatever stands before it.
fn key(seed: u64, name: &str, row: usize) -> u64 {
    subkey(name.bytes().fold(seed, |key, b| subkey(key, u64::from(b))), row as u64)
}
