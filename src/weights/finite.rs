//! Reading every weight once and refusing NaN and infinities.

use super::{Weights, WeightsError};
use crate::ops::{self, WeightRef};

/// Elements decoded at a time; a multiple of every block.
const CHUNK: usize = 1 << 16;

impl Weights {
    /// Refuses NaN and Inf, naming tensor and index; reads everything once.
    pub fn check_finite(&self) -> Result<(), WeightsError> {
        let mut buffer = vec![0.0; CHUNK];
        for name in self.tensor_names() {
            let Some(tensor) = self.tensor(&name) else { continue };
            if let Some((index, value)) = first_fault(&tensor, &mut buffer) {
                let (row, col) = (index / tensor.cols, index % tensor.cols);
                let reason = format!("the tensor {name} holds {value} at row {row}, column {col}: the file is broken");
                return Err(WeightsError::bad(self.path(), reason));
            }
        }
        Ok(())
    }
}

fn first_fault(tensor: &WeightRef<'_>, buffer: &mut [f32]) -> Option<(usize, f32)> {
    let total = tensor.rows * tensor.cols;
    let (block, bytes) = tensor.encoding.block();
    for start in (0..total).step_by(CHUNK) {
        let n = CHUNK.min(total - start);
        let out = &mut buffer[..n];
        ops::decode(tensor.encoding, &tensor.bytes[start / block * bytes..(start + n) / block * bytes], out);
        if let Some(i) = out.iter().position(|x| !x.is_finite()) {
            return Some((start + i, out[i]));
        }
    }
    None
}
