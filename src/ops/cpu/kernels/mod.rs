//! The innermost loops and what packs their operands: vectors (AVX2, AVX-512), their products in eight bits, matrix tiles.

pub(super) mod amx;
pub(super) mod avx2;
pub(super) mod avx512;
pub(super) mod int8;
pub(super) mod int8_amx;
pub(super) mod int8_avx2;
pub(super) mod outer;
pub(super) mod tile;
pub(super) mod x86;
