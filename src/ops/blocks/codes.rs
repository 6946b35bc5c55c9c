//! A block taken apart: integer codes, and the scale and offset of each group of them.

use crate::ops::Encoding;

/// `value = scale · code (+ offset)` for one group of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grid {
    pub scale: f32,
    pub offset: f32,
}

/// One block: `codes[..elements]` in groups of `group`, each on its own grid.
pub(super) struct Codes {
    pub codes: [i16; 256],
    pub grids: [Grid; 16],
    pub group: usize,
}

impl Codes {
    pub(super) fn new() -> Self {
        Self { codes: [0; 256], grids: [Grid::default(); 16], group: 32 }
    }

    /// The values, in gguf-py's order of operations (an absent offset is not added: −0 stays −0).
    pub(super) fn values(&self, encoding: Encoding, out: &mut [f32]) {
        let affine = is_affine(encoding);
        for ((o, c), g) in out.chunks_exact_mut(self.group).zip(self.codes.chunks_exact(self.group)).zip(&self.grids) {
            if affine {
                o.iter_mut().zip(c).for_each(|(o, &c)| *o = g.scale * f32::from(c) + g.offset);
            } else {
                o.iter_mut().zip(c).for_each(|(o, &c)| *o = g.scale * f32::from(c));
            }
        }
    }
}

pub(super) const fn is_affine(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::Q4_1 | Encoding::Q5_1 | Encoding::Q4K | Encoding::Q5K)
}

/// Smallest and largest code that we write. (Q8_0's −128 is left out: ggml never makes it.)
pub(super) const fn code_range(encoding: Encoding) -> (i16, i16) {
    match encoding {
        Encoding::Q4_0 => (-8, 7),
        Encoding::Q5_0 => (-16, 15),
        Encoding::Q4_1 | Encoding::Q4K => (0, 15),
        Encoding::Q5_1 | Encoding::Q5K => (0, 31),
        Encoding::Q6K => (-32, 31),
        _ => (-127, 127),
    }
}

pub(super) fn half_at(bytes: &[u8], at: usize) -> f32 {
    half::f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}
