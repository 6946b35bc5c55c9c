//! The CPU: borrowed slices, an arena, SIMD, the pool.

mod arena;
mod attention;
mod device;
#[cfg(target_arch = "x86_64")]
mod fused;
mod gemv;
mod linear;
mod loss;
mod matmul;
mod mlp;
mod norm;
mod operations;
mod rope;
mod simd;
mod weight;
#[cfg(target_arch = "x86_64")]
mod widen;
mod words;

pub use device::Cpu;
pub use linear::FEW_ROWS;
pub(in crate::ops) use matmul::tiles;
pub use weight::{CODES_BYTES, Codes};

#[cfg(test)]
mod tests;
