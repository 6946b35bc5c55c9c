//! The rows of a weight that a product with few rows reads.

use std::cell::RefCell;

use crate::ops::{WeightRef, decode};

/// `rows × cols` of a stored weight, or of f32 values.
#[derive(Clone, Copy)]
pub(in crate::ops::cpu) struct Rows<'a> {
    pub stored: Option<WeightRef<'a>>,
    pub wide: &'a [f32],
    pub rows: usize,
    pub cols: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn of(w: WeightRef<'a>) -> Self {
        Self { stored: Some(w), wide: &[], rows: w.rows, cols: w.cols }
    }

    pub(crate) fn plain(values: &'a [f32], cols: usize) -> Self {
        Self { stored: None, wide: values, rows: values.len() / cols, cols }
    }

    /// Calls `f` with rows `first` … `first + n` in f32, made here where they are stored otherwise.
    pub(super) fn with_wide<R>(self, first: usize, n: usize, f: impl FnOnce(&[f32]) -> R) -> R {
        match self.stored {
            None => f(&self.wide[first * self.cols..(first + n) * self.cols]),
            Some(stored) => WIDE.with_borrow_mut(|wide| {
                wide.resize((n * self.cols).max(wide.len()), 0.0);
                for (i, row) in wide.chunks_exact_mut(self.cols).take(n).enumerate() {
                    decode(stored.encoding, stored.row(first + i), row);
                }
                f(&wide[..n * self.cols])
            }),
        }
    }
}

thread_local! {
    static WIDE: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}
