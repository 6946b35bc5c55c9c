//! The arithmetic: trait `Ops`, every operation a forward and a backward side by side; block formats; the thread pool.
#![expect(unsafe_code, reason = "kernels and the thread pool")]

mod api;
mod blocks;
mod candle;
mod cpu;
mod encoding;
mod free;
mod pool;
mod random;

pub use api::{
    Attended, Compute, Heads, InputGrad, Linear, LinearGrad, LowRank, LowRankGrad, Mask, Matrix, Ops, Qkv, QkvGrad,
    Rotation, RowLoss, Segment,
};
pub use blocks::{
    Levels, decode, encode_dithered, encode_nearest, encode_on_grid, first_not_finite, float_step, levels, same_scales,
};
pub use candle::Tensors;
pub use cpu::{CODES_BYTES, Codes, Cpu, FEW_ROWS, cpu_features};
pub use encoding::{Encoding, OpsError, RowOrder, WeightRef};
pub use free::FreeRanges;
pub use random::{bits_at, subkey, uniform_at};
