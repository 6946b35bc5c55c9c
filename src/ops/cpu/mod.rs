//! The CPU: borrowed slices, an arena, SIMD, the pool.

mod arena;
mod attention;
mod gemv;
mod linear;
mod loss;
mod matmul;
mod mlp;
mod norm;
mod rope;
mod simd;

use std::sync::Arc;

pub use arena::Buf;
use matmul::Route;

use crate::ops::pool::{Parts, Pool};
use crate::ops::{
    Attended, Heads, LowRank, LowRankGrad, Matrix, Ops, OpsError, Rotation, RowLoss, Segment, WeightRef, decode,
};

/// Arithmetic on this machine's cores.
#[derive(Debug)]
pub struct Cpu {
    pool: Pool,
    route: Route,
    arena: Arc<arena::Arena>,
}

/// A weight in f32, row-major.
#[derive(Debug)]
pub struct Widened {
    values: Vec<f32>,
}

impl Cpu {
    /// `threads` 0 = all cores.
    pub fn new(threads: usize) -> Self {
        Self { pool: Pool::new(threads), route: Route::detect(), arena: Arc::default() }
    }

    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Which code computes the matrix products: "avx512" or "portable".
    pub fn route(&self) -> &'static str {
        match self.route {
            Route::Avx512 => "avx512",
            Route::Gemm => "portable",
        }
    }

    /// The portable route, whatever the CPU: what tests compare with.
    #[cfg(test)]
    pub(crate) fn portable(threads: usize) -> Self {
        Self { route: Route::Gemm, ..Self::new(threads) }
    }

    /// Calls `f(first, part)` on parts of `out` of a whole number of rows, about 16 Ki values each.
    fn rows(&self, out: &mut [f32], width: usize, f: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        assert!(width > 0 && out.len().is_multiple_of(width), "{} values in rows of {width}", out.len());
        let step = (16_384 / width).max(1) * width;
        let (len, parts) = (out.len(), Parts::new(out));
        self.pool.run(len.div_ceil(step), &|i| {
            let start = i * step;
            // SAFETY: each task takes its own range.
            f(start, unsafe { parts.slice(start, step.min(len - start)) });
        });
    }
}

impl Ops for Cpu {
    type Buf = Buf;
    type Weight = Widened;

    fn buf(&self, len: usize) -> Buf {
        Buf::new(&self.arena, len)
    }
    fn zeros(&self, len: usize) -> Buf {
        let mut buf = self.buf(len);
        buf.fill(0.0);
        buf
    }
    fn upload(&self, values: &[f32]) -> Buf {
        let mut buf = self.buf(values.len());
        buf.copy_from_slice(values);
        buf
    }
    fn download(&self, buf: &Buf) -> Vec<f32> {
        buf.to_vec()
    }
    fn len(&self, buf: &Buf) -> usize {
        buf.len()
    }

    fn prepare(&self, weight: WeightRef<'_>) -> Result<Widened, OpsError> {
        weight.encoding.check_columns("the weight", weight.cols)?;
        let (len, row) = (weight.rows * weight.cols, weight.encoding.bytes_for(weight.cols));
        if weight.bytes.len() != weight.rows * row {
            return Err(OpsError::BaseSize {
                base: weight.bytes.len(),
                values: len,
                encoding: weight.encoding,
                expected: weight.rows * row,
            });
        }
        let mut values = vec![0.0; len];
        if len > 0 {
            self.rows(&mut values, weight.cols, &|start, part| {
                let first = start / weight.cols * row;
                decode(weight.encoding, &weight.bytes[first..first + part.len() / weight.cols * row], part);
            });
        }
        Ok(Widened { values })
    }

    fn linear(&self, y: &mut Buf, x: &Buf, w: Matrix<'_, Widened>, bias: Option<&Buf>) {
        self.linear_forward(y, x, w, bias.map(|b| &b[..]));
    }
    fn linear_back(&self, dx: &mut Buf, dy: &Buf, w: Matrix<'_, Widened>, set: bool) {
        self.linear_backward(dx, dy, w, set);
    }
    fn low_rank(&self, y: &mut Buf, x: &Buf, pair: LowRank<'_>) -> Buf {
        self.low_rank_forward(y, x, pair)
    }
    fn low_rank_back(
        &self,
        dx: Option<&mut Buf>,
        grad: LowRankGrad<'_>,
        dy: &Buf,
        (x, down): (&Buf, &Buf),
        pair: LowRank<'_>,
    ) {
        self.low_rank_backward(dx.map(|d| &mut d[..]), grad, dy, (x, down), pair);
    }

    fn rms_norm(&self, y: &mut Buf, x: &Buf, w: &Buf, eps: f32) {
        self.norm_forward(y, x, w, eps);
    }
    fn rms_norm_back(&self, dx: &mut Buf, dy: &Buf, x: &Buf, w: &Buf, eps: f32, set: bool) {
        self.norm_backward(dx, (dy, x, w), eps, set);
    }
    fn rope(&self, x: &mut Buf, rotation: &Rotation, back: bool) {
        self.rotate(x, rotation, back);
    }

    fn attention(&self, out: &mut Buf, qkv: (&Buf, &Buf, &Buf), heads: Heads, segments: &[Segment]) -> Buf {
        self.attend(out, (&qkv.0[..], &qkv.1[..], &qkv.2[..]), heads, segments)
    }
    fn attention_back(
        &self,
        (dq, dk, dv): (&mut Buf, &mut Buf, &mut Buf),
        dout: &Buf,
        saved: Attended<'_, Buf>,
        heads: Heads,
        segments: &[Segment],
    ) {
        self.attend_back((&mut dq[..], &mut dk[..], &mut dv[..]), dout, saved, heads, segments);
    }

    fn swiglu(&self, h: &mut Buf, gate: &Buf, up: &Buf) {
        self.gate_forward(h, gate, up);
    }
    fn swiglu_back(&self, dgate: &mut Buf, dup: &mut Buf, dh: &Buf, gate: &Buf, up: &Buf) {
        self.gate_backward(dgate, dup, dh, gate, up);
    }

    fn add(&self, y: &mut Buf, x: &Buf) {
        assert_eq!(y.len(), x.len());
        self.rows(y, 1, &|start, part| mlp::add(part, &x[start..start + part.len()]));
    }
    fn embed(&self, out: &mut Buf, ids: &[u32], table: WeightRef<'_>) {
        assert_eq!(out.len(), ids.len() * table.cols);
        for (row, &id) in out.chunks_exact_mut(table.cols).zip(ids) {
            decode(table.encoding, table.row(id as usize), row);
        }
    }
    fn gather(&self, out: &mut Buf, x: &Buf, rows: &[usize], width: usize) {
        assert_eq!(out.len(), rows.len() * width);
        for (to, &row) in out.chunks_exact_mut(width).zip(rows) {
            to.copy_from_slice(&x[row * width..][..width]);
        }
    }
    fn scatter_add(&self, x: &mut Buf, from: &Buf, rows: &[usize], width: usize) {
        assert_eq!(from.len(), rows.len() * width);
        for (from, &row) in from.chunks_exact(width).zip(rows) {
            mlp::add(&mut x[row * width..][..width], from);
        }
    }
    fn copy_into(&self, to: &mut Buf, at: usize, from: &Buf) {
        to[at..at + from.len()].copy_from_slice(from);
    }

    fn cross_entropy(&self, logits: &mut Buf, targets: &[u32], weight: Option<f32>, smoothing: f32) -> Vec<RowLoss> {
        self.cross_entropy_rows(logits, targets, weight, smoothing)
    }
    fn distil(&self, logits: &mut Buf, teacher: &mut Buf, width: usize, weight: Option<f32>) -> Vec<RowLoss> {
        self.distil_rows(logits, teacher, width, weight)
    }
    fn log_softmax(&self, logits: &mut Buf, width: usize) {
        self.log_softmax_rows(logits, width);
    }
}

#[cfg(test)]
mod tests;
