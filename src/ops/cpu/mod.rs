//! The CPU: borrowed slices, an arena, SIMD, the pool.

pub mod matmul;
