//! Matrices as products read and write them: strided views of f32 values.

/// A matrix to be read: element (i, j) at `ptr[i·row + j·col]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(super) data: &'a [f32],
    rows: usize,
    cols: usize,
    pub(super) row: usize,
    pub(super) col: usize,
}

impl<'a> View<'a> {
    /// Row-major `rows × cols`, `stride` elements from row to row.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(rows == 0 || cols == 0 || (rows - 1) * stride + cols <= data.len(), "{rows}×{cols} of {}", data.len());
        Self { data, rows, cols, row: stride, col: 1 }
    }

    /// Rows without gaps.
    pub(crate) fn packed(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::new(data, rows, cols, cols)
    }

    /// The transpose, without moving anything.
    pub(crate) fn t(self) -> Self {
        Self { data: self.data, rows: self.cols, cols: self.rows, row: self.col, col: self.row }
    }
}

/// A matrix to be written, row-major.
#[derive(Debug)]
pub(crate) struct ViewMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row: usize,
}

impl<'a> ViewMut<'a> {
    pub(crate) fn new(data: &'a mut [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(rows == 0 || cols == 0 || (rows - 1) * stride + cols <= data.len(), "{rows}×{cols} of {}", data.len());
        assert!(rows <= 1 || stride >= cols);
        Self { data, rows, cols, row: stride }
    }

    pub(crate) fn packed(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::new(data, rows, cols, cols)
    }
}

/// What is done with what C held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Set,
    Add,
}

/// Raw shape of a product for the kernels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: (*const f32, usize, usize),
    pub(super) b: (*const f32, usize, usize),
    pub(super) c: (*mut f32, usize),
    pub(super) into: Store,
}

// SAFETY: tasks write disjoint tiles of C and only read A and B, which the views borrow for the whole call.
unsafe impl Send for Product {}

// SAFETY: as above.
unsafe impl Sync for Product {}

pub(super) fn product(c: &mut ViewMut<'_>, a: View<'_>, b: View<'_>, into: Store) -> Option<Product> {
    assert!(c.rows == a.rows && c.cols == b.cols && a.cols == b.rows, "{c:?} from {a:?} and {b:?}");
    if c.rows == 0 || c.cols == 0 {
        return None;
    }
    if a.cols == 0 {
        if into == Store::Set {
            (0..c.rows).for_each(|i| c.data[i * c.row..i * c.row + c.cols].fill(0.0));
        }
        return None;
    }
    Some(Product {
        m: c.rows,
        n: c.cols,
        k: a.cols,
        a: (a.data.as_ptr(), a.row, a.col),
        b: (b.data.as_ptr(), b.row, b.col),
        c: (c.data.as_mut_ptr(), c.row),
        into,
    })
}
