//! The CPU: borrowed slices, an arena, SIMD, the pool.

mod arena;
mod attention;
mod device;
mod features;
#[cfg(target_arch = "x86_64")]
mod fused;
mod gemm;
mod gemv;
#[cfg(target_arch = "x86_64")]
mod kernels;
mod linear;
mod loss;
mod mlp;
mod norm;
mod operations;
mod region;
mod rope;
mod simd;
mod weights;
mod words;

pub use device::Cpu;
pub use features::cpu_features;
pub use linear::FEW_ROWS;
pub use weights::{CODES_BYTES, Codes};

#[cfg(test)]
mod tests;
