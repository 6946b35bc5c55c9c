//! ggml's tensor types: number, name, block. Sources: ggml.h and ggml-common.h of llama.cpp b10488.

/// ggml's tensor types by their number in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GgmlType(pub u32);

/// (number, name, elements of a block, bytes of a block)
const TYPES: &[(u32, &str, usize, usize)] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
    (42, "Q2_0", 64, 18),
];

impl GgmlType {
    pub const F32: Self = Self(0);
    pub const F16: Self = Self(1);
    pub const Q4_0: Self = Self(2);
    pub const Q4_1: Self = Self(3);
    pub const Q5_0: Self = Self(6);
    pub const Q5_1: Self = Self(7);
    pub const Q8_0: Self = Self(8);
    pub const Q4_K: Self = Self(12);
    pub const Q5_K: Self = Self(13);
    pub const Q6_K: Self = Self(14);
    pub const BF16: Self = Self(30);

    /// ggml's name, `Q4_1`.
    pub fn name(self) -> &'static str {
        self.row().map_or("an unknown type", |r| r.1)
    }

    /// (elements of a block, bytes of a block); None for a type we do not know.
    pub fn block(self) -> Option<(usize, usize)> {
        self.row().map(|r| (r.2, r.3))
    }

    /// The bytes of a tensor of this shape; None when the type is unknown, a row is no whole number of blocks, or
    /// the size overflows.
    pub fn bytes_for(self, ne: &[u64]) -> Option<u64> {
        let (block, bytes) = self.block()?;
        let first = *ne.first()?;
        if first % block as u64 != 0 {
            return None;
        }
        let elements = ne.iter().try_fold(1u64, |n, &d| n.checked_mul(d))?;
        (elements / block as u64).checked_mul(bytes as u64)
    }

    fn row(self) -> Option<&'static (u32, &'static str, usize, usize)> {
        TYPES.iter().find(|r| r.0 == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_agree_with_the_two_container_crates() {
        use gguf_rs_lib::prelude::GGUFTensorType;
        for &(n, name, block, bytes) in TYPES {
            let theirs = GGUFTensorType::from_u32(n).unwrap();
            assert_eq!((theirs.block_size(), theirs.block_size_bytes()), (block, Some(bytes)), "{name}");
            assert_eq!(theirs.name().to_uppercase(), name);
        }
        use candle_core::quantized::GgmlDType as D;
        for (ours, theirs) in [
            (GgmlType::F32, D::F32),
            (GgmlType::F16, D::F16),
            (GgmlType::BF16, D::BF16),
            (GgmlType::Q4_0, D::Q4_0),
            (GgmlType::Q4_1, D::Q4_1),
            (GgmlType::Q5_0, D::Q5_0),
            (GgmlType::Q5_1, D::Q5_1),
            (GgmlType::Q8_0, D::Q8_0),
            (GgmlType::Q4_K, D::Q4K),
            (GgmlType::Q5_K, D::Q5K),
            (GgmlType::Q6_K, D::Q6K),
        ] {
            assert_eq!(ours.block(), Some((theirs.block_size(), theirs.type_size())), "{}", ours.name());
        }
        assert_eq!(GgmlType::Q4_1.bytes_for(&[64, 3]), Some(120));
        assert_eq!(GgmlType::Q4_1.bytes_for(&[33, 32]), None);
        assert_eq!(GgmlType(99).bytes_for(&[32]), None);
        assert_eq!(GgmlType::F32.bytes_for(&[u64::MAX, 2]), None);
    }
}
