//! Rotary positions in both row orders.

use crate::ops::cpu::Cpu;
use crate::ops::cpu::simd::simd;
use crate::ops::{Rotation, RowOrder};

simd! {
    /// Pairs half a head apart.
    fn halves(head: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        let (a, b) = head.split_at_mut(cos.len());
        for i in 0..cos.len() {
            let (x, y, s) = (a[i], b[i], sign * sin[i]);
            a[i] = x * cos[i] - y * s;
            b[i] = y * cos[i] + x * s;
        }
    }
}

simd! {
    /// Adjacent pairs.
    fn pairs(head: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        for ((pair, c), s) in head.chunks_exact_mut(2).zip(cos).zip(sin) {
            let (x, y, s) = (pair[0], pair[1], sign * s);
            pair[0] = x * c - y * s;
            pair[1] = y * c + x * s;
        }
    }
}

impl Cpu {
    pub(super) fn rotate(&self, x: &mut [f32], rotation: &Rotation, back: bool) {
        let half = rotation.head_dim / 2;
        let rows = rotation.cos.len() / half.max(1);
        if rows == 0 {
            return;
        }
        let width = x.len() / rows;
        assert!(x.len() == rows * width && width.is_multiple_of(rotation.head_dim));
        let sign = if back { -1.0 } else { 1.0 };
        self.rows(x, width, &|start, part| {
            for (i, row) in part.chunks_exact_mut(width).enumerate() {
                let at = (start / width + i) * half;
                let (cos, sin) = (&rotation.cos[at..at + half], &rotation.sin[at..at + half]);
                for head in row.chunks_exact_mut(rotation.head_dim) {
                    match rotation.order {
                        RowOrder::Hf => halves(head, cos, sin, sign),
                        RowOrder::Ggml => pairs(head, cos, sin, sign),
                    }
                }
            }
        });
    }
}
