//! Which type each tensor gets, and what `general.file_type` says of them.

use super::{Floor, Quant};
use crate::gguf::GgmlType;
use crate::ops::Encoding;

pub(super) const fn ggml_type(encoding: Encoding) -> GgmlType {
    match encoding {
        Encoding::F32 => GgmlType::F32,
        Encoding::F16 => GgmlType::F16,
        Encoding::BF16 => GgmlType::BF16,
        Encoding::Q8_0 => GgmlType::Q8_0,
        Encoding::Q4_0 => GgmlType::Q4_0,
        Encoding::Q4_1 => GgmlType::Q4_1,
        Encoding::Q5_0 => GgmlType::Q5_0,
        Encoding::Q5_1 => GgmlType::Q5_1,
        Encoding::Q4K => GgmlType::Q4_K,
        Encoding::Q5K => GgmlType::Q5_K,
        Encoding::Q6K => GgmlType::Q6_K,
    }
}

pub(super) fn encoding(ty: GgmlType) -> Option<Encoding> {
    Encoding::ALL.into_iter().find(|e| ggml_type(*e) == ty)
}

pub(super) const fn is_float(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::F32 | Encoding::F16 | Encoding::BF16)
}

/// 8 bit or wider.
pub(super) const fn is_wide(encoding: Encoding) -> bool {
    is_float(encoding) || matches!(encoding, Encoding::Q8_0)
}

/// What decides a tensor's type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor<'a> {
    pub name: &'a str,
    pub vector: bool,
    pub cols: usize,
    pub from: Encoding,
    pub touched: bool,
}

impl Tensor<'_> {
    /// llama.cpp's rule: vectors, norms and what is no weight F32, rows that are no whole blocks F16. A folder's
    /// 16-bit norms are not kept either: llama.cpp can't multiply by them, and aborts.
    pub(super) fn target(self, quant: Quant, floor: Floor) -> Encoding {
        let small = self.vector || self.name.ends_with("_norm.weight") || !self.name.ends_with(".weight");
        if small && (quant != Quant::Keep || is_float(self.from)) {
            return Encoding::F32;
        }
        let wanted = match quant {
            Quant::Keep => return self.kept(floor),
            Quant::F32 => Encoding::F32,
            Quant::F16 => Encoding::F16,
            Quant::Bf16 => Encoding::BF16,
            Quant::Q8_0 => Encoding::Q8_0,
        };
        if self.cols.is_multiple_of(wanted.block().0) { wanted } else { Encoding::F16 }
    }

    fn kept(self, floor: Floor) -> Encoding {
        if !self.touched || is_wide(self.from) || floor == Floor::Same { self.from } else { Encoding::Q8_0 }
    }
}

/// `general.file_type` by the type that most weights have (llama.h `llama_ftype`; the k-quants' M variants).
pub(super) fn file_type(elements: impl Iterator<Item = (Encoding, u64)>) -> u32 {
    let mut sums = std::collections::HashMap::new();
    elements.for_each(|(encoding, n)| *sums.entry(encoding).or_insert(0) += n);
    let most = Encoding::ALL.into_iter().max_by_key(|e| sums.get(e).copied().unwrap_or(0));
    match most.unwrap_or(Encoding::F32) {
        Encoding::F32 => 0,
        Encoding::F16 => 1,
        Encoding::Q4_0 => 2,
        Encoding::Q4_1 => 3,
        Encoding::Q8_0 => 7,
        Encoding::Q5_0 => 8,
        Encoding::Q5_1 => 9,
        Encoding::Q4K => 15,
        Encoding::Q5K => 17,
        Encoding::Q6K => 18,
        Encoding::BF16 => 32,
    }
}

/// ggml's name of a type, for people.
pub(super) fn name_of(encoding: Encoding) -> &'static str {
    ggml_type(encoding).name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_has_its_ggml_type() {
        assert!(Encoding::ALL.into_iter().all(|e| encoding(ggml_type(e)) == Some(e)));
        assert_eq!(encoding(GgmlType(99)), None);
    }

    #[test]
    fn llama_cpps_rule_and_the_floor() {
        let t = Tensor { name: "blk.0.ffn_up.weight", vector: false, cols: 64, from: Encoding::Q4_1, touched: true };
        let norm = Tensor { name: "blk.0.attn_norm.weight", vector: true, from: Encoding::F32, touched: false, ..t };
        assert_eq!(t.target(Quant::Keep, Floor::Q8_0), Encoding::Q8_0);
        assert_eq!(t.target(Quant::Keep, Floor::Same), Encoding::Q4_1);
        assert_eq!(Tensor { touched: false, ..t }.target(Quant::Keep, Floor::Q8_0), Encoding::Q4_1);
        assert_eq!(Tensor { from: Encoding::BF16, ..t }.target(Quant::Keep, Floor::Q8_0), Encoding::BF16);
        assert_eq!(t.target(Quant::Bf16, Floor::Q8_0), Encoding::BF16);
        for (from, quant) in [(Encoding::F32, Quant::F16), (Encoding::F16, Quant::Keep), (Encoding::BF16, Quant::Keep)]
        {
            assert_eq!(Tensor { from, ..norm }.target(quant, Floor::Q8_0), Encoding::F32);
        }
        assert_eq!(Tensor { cols: 48, ..t }.target(Quant::Q8_0, Floor::Q8_0), Encoding::F16);
        assert_eq!(file_type([(Encoding::F32, 10), (Encoding::Q8_0, 100)].into_iter()), 7);
    }
}
