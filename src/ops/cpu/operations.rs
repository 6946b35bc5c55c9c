//! [`Ops`] on this machine's cores. Once memory was refused nothing is computed until [`Ops::fault`] has said so, since
//! buffers may be missing.

#[cfg(target_arch = "x86_64")]
use crate::ops::api::{each_linear, each_linear_back};
use crate::ops::cpu::arena::Buf;
use crate::ops::cpu::weights::Codes;
use crate::ops::cpu::{Cpu, mlp};
use crate::ops::{
    Attended, Heads, InputGrad, Linear, LinearGrad, LowRank, LowRankGrad, Matrix, Ops, OpsError, Qkv, QkvGrad,
    Rotation, RowLoss, Segment, WeightRef, decode,
};

impl Ops for Cpu {
    type Buf = Buf;
    type Weight = Codes;

    fn fault(&self) -> Option<OpsError> {
        self.arena.refused().map(|bytes| OpsError::Memory { bytes })
    }

    fn buf(&self, len: usize) -> Buf {
        self.scratch(len).unwrap_or_else(|| self.missing(len))
    }
    fn zeros(&self, len: usize) -> Buf {
        let mut buf = self.buf(len);
        buf.fill(0.0);
        buf
    }
    fn upload(&self, values: &[f32]) -> Buf {
        self.copied(values).unwrap_or_else(|| self.missing(values.len()))
    }
    fn download(&self, buf: &Buf) -> Vec<f32> {
        if self.is_sound() { buf.to_vec() } else { vec![0.0; buf.asked()] }
    }
    fn len(&self, buf: &Buf) -> usize {
        buf.asked()
    }

    /// Nothing is held beside the map: each product widens what it needs; codes in eight bits may be kept later.
    fn prepare(&self, weight: WeightRef<'_>) -> Result<Codes, OpsError> {
        weight.check().map(|()| Codes::default())
    }

    fn linear(&self, y: &mut Buf, x: &Buf, w: Matrix<'_, Codes>, bias: Option<&Buf>) {
        if self.is_sound() {
            self.linear_forward(y, x, w, bias.map(|b| &b[..]));
        }
    }
    fn linear_back(&self, dx: &mut Buf, dy: &Buf, w: Matrix<'_, Codes>, set: bool) {
        if self.is_sound() {
            self.linear_backward(dx, dy, w, set);
        }
    }
    fn low_rank(&self, y: &mut Buf, x: &Buf, pair: LowRank<'_>) -> Buf {
        let down = if self.is_sound() { self.low_rank_forward(y, x, pair) } else { None };
        down.unwrap_or_else(|| self.missing(x.asked() / (pair.a.len() / pair.rank) * pair.rank))
    }
    fn low_rank_back(
        &self,
        dx: Option<&mut Buf>,
        grad: LowRankGrad<'_>,
        dy: &Buf,
        x: &Buf,
        down: &Buf,
        pair: LowRank<'_>,
    ) {
        if self.is_sound() {
            self.low_rank_backward(dx.map(|d| &mut d[..]), grad, dy, x, down, pair);
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn linears(&self, ys: &mut [Buf], x: &Buf, linears: &[Linear<'_, Buf, Codes>]) -> Vec<Option<Buf>> {
        if !self.is_sound() {
            return each_linear(self, ys, x, linears);
        }
        let few = self.few_linears(ys, x, linears);
        few.or_else(|| self.fused(ys, x, linears)).unwrap_or_else(|| each_linear(self, ys, x, linears))
    }
    #[cfg(target_arch = "x86_64")]
    fn linears_back(
        &self,
        mut dx: Option<InputGrad<'_, Buf>>,
        x: &Buf,
        linears: &[Linear<'_, Buf, Codes>],
        mut grads: Vec<LinearGrad<'_, Buf>>,
    ) {
        if !self.is_sound() || !self.fused_back(&mut dx, x, linears, &mut grads) {
            each_linear_back(self, dx, x, linears, grads);
        }
    }

    fn rms_norm(&self, y: &mut Buf, x: &Buf, w: &Buf, eps: f32) {
        if self.is_sound() {
            self.norm_forward(y, x, w, eps);
        }
    }
    fn rms_norm_back(&self, dx: &mut Buf, dy: &Buf, x: &Buf, w: &Buf, eps: f32, set: bool) {
        if self.is_sound() {
            self.norm_backward(dx, dy, x, w, eps, set);
        }
    }
    fn rope(&self, x: &mut Buf, rotation: &Rotation, back: bool) {
        if self.is_sound() {
            self.rotate(x, rotation, back);
        }
    }

    fn attention(&self, out: &mut Buf, qkv: Qkv<'_, Buf>, heads: Heads, segments: &[Segment]) -> Buf {
        let slices = Qkv { q: &qkv.q[..], k: &qkv.k[..], v: &qkv.v[..] };
        let lse = if self.is_sound() { self.attend(out, slices, heads, segments) } else { None };
        lse.unwrap_or_else(|| self.missing(qkv.q.asked() / heads.head_dim))
    }
    fn attention_back(
        &self,
        grad: QkvGrad<'_, Buf>,
        dout: &Buf,
        saved: Attended<'_, Buf>,
        heads: Heads,
        segments: &[Segment],
    ) {
        if self.is_sound() {
            let grad = QkvGrad { dq: &mut grad.dq[..], dk: &mut grad.dk[..], dv: &mut grad.dv[..] };
            self.attend_back(grad, dout, saved, heads, segments);
        }
    }

    fn swiglu(&self, h: &mut Buf, gate: &Buf, up: &Buf) {
        if self.is_sound() {
            self.gate_forward(h, gate, up);
        }
    }
    fn swiglu_back(&self, dgate: &mut Buf, dup: &mut Buf, dh: &Buf, gate: &Buf, up: &Buf) {
        if self.is_sound() {
            self.gate_backward(dgate, dup, dh, gate, up);
        }
    }

    fn add(&self, y: &mut Buf, x: &Buf) {
        if self.is_sound() {
            assert_eq!(y.len(), x.len());
            self.rows(y, 1, &|start, part| mlp::add(part, &x[start..start + part.len()]));
        }
    }
    fn embed(&self, out: &mut Buf, ids: &[u32], table: WeightRef<'_>) {
        if self.is_sound() {
            assert_eq!(out.len(), ids.len() * table.cols);
            for (row, &id) in out.chunks_exact_mut(table.cols).zip(ids) {
                decode(table.encoding, table.row(id as usize), row);
            }
        }
    }
    fn gather(&self, out: &mut Buf, x: &Buf, rows: &[usize], width: usize) {
        if self.is_sound() {
            assert_eq!(out.len(), rows.len() * width);
            for (to, &row) in out.chunks_exact_mut(width).zip(rows) {
                to.copy_from_slice(&x[row * width..][..width]);
            }
        }
    }
    fn scatter_add(&self, x: &mut Buf, from: &Buf, rows: &[usize], width: usize) {
        if self.is_sound() {
            assert_eq!(from.len(), rows.len() * width);
            for (from, &row) in from.chunks_exact(width).zip(rows) {
                mlp::add(&mut x[row * width..][..width], from);
            }
        }
    }
    fn scatter(&self, to: &mut Buf, from: &Buf, rows: &[usize], width: usize) {
        if self.is_sound() {
            assert_eq!(from.len(), rows.len() * width);
            for (from, &row) in from.chunks_exact(width).zip(rows) {
                to[row * width..][..width].copy_from_slice(from);
            }
        }
    }

    fn cross_entropy(&self, logits: &mut Buf, targets: &[u32], weight: Option<f32>, smoothing: f32) -> Vec<RowLoss> {
        if !self.is_sound() {
            return vec![RowLoss::default(); targets.len()];
        }
        self.cross_entropy_rows(logits, targets, weight, smoothing)
    }
    fn distil(&self, logits: &mut Buf, teacher: &mut Buf, width: usize, weight: Option<f32>) -> Vec<RowLoss> {
        if !self.is_sound() {
            return vec![RowLoss::default(); logits.asked() / width];
        }
        self.distil_rows(logits, teacher, width, weight)
    }
    fn log_softmax(&self, logits: &mut Buf, width: usize) {
        if self.is_sound() {
            self.log_softmax_rows(logits, width);
        }
    }
}
