//! Reading every weight once and refusing NaN and infinities.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Weights, WeightsError};
use crate::ops::{self, WeightRef};

impl Weights {
    /// Refuses NaN and Inf, naming tensor and index; reads everything once, on all cores, however often it is asked.
    pub fn check_finite(&self) -> Result<(), WeightsError> {
        if self.checked().get().is_some() {
            return Ok(());
        }
        let names: Vec<String> = self.tensor_names();
        let (next, worst) = (AtomicUsize::new(0), Mutex::new(None));
        let look = || {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(name) = names.get(i) else { return };
                if let Some(found) = self.tensor(name).and_then(|t| fault(&t)) {
                    let mut worst = worst.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    // The first in the file, whoever finds one.
                    if worst.as_ref().is_none_or(|(j, _)| i < *j) {
                        *worst = Some((i, found));
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            let more = std::thread::available_parallelism().map_or(1, usize::from) - 1;
            // A thread that can't be started is one fewer.
            (0..more).for_each(|_| drop(std::thread::Builder::new().spawn_scoped(scope, look)));
            look();
        });
        match worst.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            None => {
                let _ = self.checked().set(());
                Ok(())
            }
            Some((i, (row, col, value))) => {
                let reason =
                    format!("the tensor {} holds {value} at row {row}, column {col}: the file is broken", names[i]);
                Err(WeightsError::bad(self.path(), reason))
            }
        }
    }
}

/// Row, column and value of the first that is no number.
fn fault(tensor: &WeightRef<'_>) -> Option<(usize, usize, f32)> {
    let index = ops::first_not_finite(tensor.encoding, tensor.bytes)?;
    let (values, size) = tensor.encoding.block();
    let mut block = vec![0.0; values];
    ops::decode(tensor.encoding, &tensor.bytes[index / values * size..][..size], &mut block);
    Some((index / tensor.cols, index % tensor.cols, block[index % values]))
}
