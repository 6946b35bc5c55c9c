//! Arithmetic composed of candle's operations, in f32: CUDA and Metal, and candle's own CPU, on which tests hold it against
//! ours.
//!
//! candle's operations can fail, but those of [`Ops`] return no error: the first failure is kept, and [`Ops::fault`] returns
//! it. What is computed after it is zeros, and worthless.

mod attention;
mod elementwise;
mod linear;
mod loss;

use std::sync::Mutex;

use candle_core::{DType, Device, Result, Shape, Tensor, WithDType};

use crate::ops::{
    Attended, Compute, Heads, LowRank, LowRankGrad, Matrix, Ops, OpsError, Qkv, QkvGrad, Rotation, RowLoss, Segment,
    WeightRef, decode,
};

/// Arithmetic on a device of candle's. One thread at a time may use it: candle gives each thread a stream of its own, and
/// nothing orders one after another. Products of few rows are rounded by how many there are, unlike our CPU's.
#[derive(Debug)]
pub struct Tensors {
    device: Device,
    fault: Mutex<Option<OpsError>>,
}

/// So many f32 values on the device; zeros as long as nothing was written.
#[derive(Debug)]
pub struct Buf {
    values: Option<Tensor>,
    len: usize,
}

/// Whether there is such a device, by trying.
fn tried(name: &'static str, made: Result<Device>) -> std::result::Result<Tensors, OpsError> {
    let works = |device: &Device| -> Result<Vec<f32>> {
        let one = Tensor::ones((1, 1), DType::F32, device)?;
        (one.matmul(&one)? + 1.0)?.flatten_all()?.to_vec1()
    };
    // A driver may be older than the kernels, or the GPU another than they were made for.
    let device = made.and_then(|device| works(&device).map(|_| device));
    let device = device.map_err(|e| OpsError::NoDevice { device: name, why: words(&e) })?;
    Ok(Tensors { device, fault: Mutex::default() })
}

/// How CUDA, cuBLAS, cuRAND and Metal say that they have no memory.
const NO_MEMORY: [&str; 6] = [
    "out of memory",
    "out_of_memory",
    "insufficient memory",
    "alloc_failed",
    "allocation_failed",
    "failed to create metal resource",
];

/// An error without the backtrace that candle may hang on it.
fn words(e: &candle_core::Error) -> String {
    e.to_string().lines().next().unwrap_or_default().to_owned()
}

impl Tensors {
    /// # Errors
    /// The program was built without CUDA; no such GPU, or its driver is too old.
    pub fn cuda() -> std::result::Result<Self, OpsError> {
        tried("cuda", Device::new_cuda(0))
    }

    /// # Errors
    /// The program was built without Metal; no such GPU.
    pub fn metal() -> std::result::Result<Self, OpsError> {
        // Where there is no GPU at all, candle 0.11 panics.
        let made = std::panic::catch_unwind(|| Device::new_metal(0));
        tried("metal", made.unwrap_or_else(|_| Err(candle_core::Error::Msg("no GPU".to_owned()))))
    }

    /// Every device that there is; candle's CPU, which nobody else is offered, is always one.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let cpu = Self { device: Device::Cpu, fault: Mutex::default() };
        std::iter::once(cpu).chain(Self::cuda()).chain(Self::metal()).collect()
    }

    pub fn route(&self) -> &'static str {
        match self.device {
            Device::Cuda(_) => "cuda",
            Device::Metal(_) => "metal",
            Device::Cpu => "candle",
        }
    }

    /// Bytes of its memory that nobody uses, where it says.
    pub fn free(&self) -> Option<u64> {
        #[cfg(feature = "cuda")]
        if let Ok(device) = self.device.as_cuda_device() {
            let (free, _) = device.cuda_stream().context().mem_get_info().ok()?;
            return Some(free as u64);
        }
        None
    }

    /// How precisely products can be computed here.
    pub fn computes(&self) -> &'static [Compute] {
        &[Compute::F32]
    }

    fn failed(&self, e: &candle_core::Error) {
        let said = words(e);
        let memory = NO_MEMORY.iter().any(|words| said.to_lowercase().contains(words));
        if let Ok(mut fault) = self.fault.lock() {
            fault.get_or_insert(if memory { OpsError::DeviceMemory } else { OpsError::Device(said) });
        }
    }

    /// The buffer's values in this shape.
    fn get(&self, buf: &Buf, shape: impl Into<Shape>) -> Result<Tensor> {
        match &buf.values {
            Some(values) => values.reshape(shape),
            None => Tensor::zeros(buf.len, DType::F32, &self.device)?.reshape(shape),
        }
    }

    /// Puts there what `make` makes, unless there is nothing to put.
    fn set(&self, to: &mut Buf, make: impl FnOnce() -> Result<Tensor>) {
        if to.len == 0 {
            return;
        }
        let made = make().and_then(|t| t.flatten_all()?.contiguous());
        to.values = made.map_err(|e| self.failed(&e)).ok();
        assert!(to.values.as_ref().is_none_or(|t| t.elem_count() == to.len), "{:?} for {}", to.values, to.len);
    }

    fn made(&self, len: usize, make: impl FnOnce() -> Result<Tensor>) -> Buf {
        let mut buf = self.buf(len);
        self.set(&mut buf, make);
        buf
    }

    fn host(&self, values: &[f32], shape: impl Into<Shape>) -> Result<Tensor> {
        Tensor::from_slice(values, shape, &self.device)
    }

    fn indices(&self, rows: impl Iterator<Item = usize>) -> Result<Tensor> {
        let rows: Vec<u32> = rows.map(|r| r as u32).collect();
        Tensor::from_slice(&rows, rows.len(), &self.device)
    }

    /// The values on the host, when all that was asked before is done.
    fn read<T: WithDType>(&self, tensor: &Tensor) -> Result<Vec<T>> {
        let values = tensor.flatten_all()?.to_vec1()?;
        self.device.synchronize()?;
        Ok(values)
    }

    /// The values on the host; zeros after a failure.
    fn values(&self, len: usize, made: Result<Tensor>) -> Vec<f32> {
        let read = made.and_then(|t| self.read(&t));
        read.map_err(|e| self.failed(&e)).unwrap_or_else(|()| vec![0.0; len])
    }
}

impl Ops for Tensors {
    type Buf = Buf;
    type Weight = Tensor;

    fn fault(&self) -> Option<OpsError> {
        self.fault.lock().ok()?.take()
    }

    fn buf(&self, len: usize) -> Buf {
        Buf { values: None, len }
    }
    fn zeros(&self, len: usize) -> Buf {
        self.buf(len)
    }
    fn upload(&self, values: &[f32]) -> Buf {
        self.made(values.len(), || self.host(values, values.len()))
    }
    fn download(&self, buf: &Buf) -> Vec<f32> {
        buf.values.as_ref().map_or_else(|| vec![0.0; buf.len], |t| self.values(buf.len, Ok(t.clone())))
    }
    fn len(&self, buf: &Buf) -> usize {
        buf.len
    }

    /// Widened, `rows × cols`.
    fn prepare(&self, weight: WeightRef<'_>) -> std::result::Result<Tensor, OpsError> {
        weight.check()?;
        let mut values = vec![0.0; weight.rows * weight.cols];
        decode(weight.encoding, weight.bytes, &mut values);
        Tensor::from_vec(values, (weight.rows, weight.cols), &self.device).map_err(|e| {
            self.failed(&e);
            self.fault().unwrap_or(OpsError::DeviceMemory)
        })
    }

    fn linear(&self, y: &mut Buf, x: &Buf, w: Matrix<'_, Tensor>, bias: Option<&Buf>) {
        self.set(y, || self.product(x, w.resident, bias));
    }
    fn linear_back(&self, dx: &mut Buf, dy: &Buf, w: Matrix<'_, Tensor>, set: bool) {
        self.sum(dx, set, || self.product_back(dy, w.resident));
    }
    fn low_rank(&self, y: &mut Buf, x: &Buf, pair: LowRank<'_>) -> Buf {
        self.low_rank_term(y, x, pair)
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
        self.low_rank_gradient(dx, grad, dy, x, down, pair);
    }

    fn rms_norm(&self, y: &mut Buf, x: &Buf, w: &Buf, eps: f32) {
        self.set(y, || self.norm(x, w, eps));
    }
    fn rms_norm_back(&self, dx: &mut Buf, dy: &Buf, x: &Buf, w: &Buf, eps: f32, set: bool) {
        self.sum(dx, set, || self.norm_back(dy, x, w, eps));
    }
    fn rope(&self, x: &mut Buf, rotation: &Rotation, back: bool) {
        let turned = self.rotated(x, rotation, back);
        self.set(x, || turned);
    }

    fn attention(&self, out: &mut Buf, qkv: Qkv<'_, Buf>, heads: Heads, segments: &[Segment]) -> Buf {
        self.attend(out, qkv, heads, segments)
    }
    fn attention_back(
        &self,
        grad: QkvGrad<'_, Buf>,
        dout: &Buf,
        saved: Attended<'_, Buf>,
        heads: Heads,
        segments: &[Segment],
    ) {
        self.attend_back(grad, dout, saved, heads, segments);
    }

    fn swiglu(&self, h: &mut Buf, gate: &Buf, up: &Buf) {
        self.set(h, || self.gated(gate, up));
    }
    fn swiglu_back(&self, dgate: &mut Buf, dup: &mut Buf, dh: &Buf, gate: &Buf, up: &Buf) {
        self.gated_back(dgate, dup, dh, gate, up);
    }

    fn add(&self, y: &mut Buf, x: &Buf) {
        self.sum(y, false, || self.get(x, x.len));
    }
    fn embed(&self, out: &mut Buf, ids: &[u32], table: WeightRef<'_>) {
        let mut rows = vec![0.0; ids.len() * table.cols];
        for (row, &id) in rows.chunks_exact_mut(table.cols).zip(ids) {
            decode(table.encoding, table.row(id as usize), row);
        }
        self.set(out, || self.host(&rows, rows.len()));
    }
    fn gather(&self, out: &mut Buf, x: &Buf, rows: &[usize], width: usize) {
        self.set(out, || self.get(x, (x.len / width, width))?.index_select(&self.indices(rows.iter().copied())?, 0));
    }
    fn scatter_add(&self, x: &mut Buf, from: &Buf, rows: &[usize], width: usize) {
        if rows.is_empty() {
            return;
        }
        let sum = || {
            let from = self.get(from, (rows.len(), width))?;
            self.get(x, (x.len / width, width))?.index_add(&self.indices(rows.iter().copied())?, &from, 0)
        };
        let sum = sum();
        self.set(x, || sum);
    }
    fn scatter(&self, to: &mut Buf, from: &Buf, rows: &[usize], width: usize) {
        let put = || {
            let (into, from) = (self.get(to, (to.len / width, width))?, self.get(from, (rows.len(), width))?);
            // In place: a cache has no other owner. Rows that follow one another go together.
            for run in runs(rows) {
                into.slice_set(&from.narrow(0, run.start, run.len())?.contiguous()?, 0, rows[run.start])?;
            }
            Ok(into)
        };
        let put = put();
        self.set(to, || put);
    }

    fn cross_entropy(&self, logits: &mut Buf, targets: &[u32], weight: Option<f32>, smoothing: f32) -> Vec<RowLoss> {
        self.cross_entropies(logits, targets, weight, smoothing)
    }
    fn distil(&self, logits: &mut Buf, teacher: &mut Buf, width: usize, weight: Option<f32>) -> Vec<RowLoss> {
        self.divergences(logits, teacher, width, weight)
    }
    fn log_softmax(&self, logits: &mut Buf, width: usize) {
        self.log_probabilities(logits, width);
    }
}

/// Stretches of `rows` in which each is one more than the one before.
fn runs(rows: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut out: Vec<std::ops::Range<usize>> = Vec::new();
    for i in 0..rows.len() {
        match out.last_mut() {
            Some(run) if rows[i] == rows[i - 1] + 1 => run.end = i + 1,
            _ => out.push(i..i + 1),
        }
    }
    out
}

#[cfg(test)]
mod tests;
