//! Sequences laid end to end: no padding, no position that nobody reads.

use crate::model::{ModelError, Sequence};
use crate::ops::{Ops, Rotation, Segment};

use crate::model::decoder::Decoder;

/// The rows of one pass.
#[derive(Debug)]
pub(super) struct Packed {
    pub ids: Vec<u32>,
    pub segments: Vec<Segment>,
    pub rotation: Rotation,
    /// Rows whose prediction is asked for, and what they must predict.
    pub rows: Vec<usize>,
    pub targets: Vec<u32>,
}

impl<O: Ops> Decoder<O> {
    /// Packs whole sequences. What follows a sequence's last trained position is left out: with causal attention
    /// nothing trained depends on it.
    pub fn pack(&self, sequences: &[Sequence<'_>]) -> Result<Packed, ModelError> {
        let (mut ids, mut segments, mut rows, mut targets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for s in sequences {
            if s.ids.len() != s.targets.len() {
                let (found, expected) = (s.targets.len(), s.ids.len());
                return Err(ModelError::Shape { what: "the targets of a sequence".to_owned(), found, expected });
            }
            self.check_ids(s.ids)?;
            let start = ids.len();
            let trained = |(i, t): (usize, &Option<u32>)| t.map(|t| (start + i, t));
            for (row, target) in s.targets.iter().enumerate().filter_map(trained) {
                if target as usize >= self.config().vocab {
                    return Err(ModelError::BadToken { id: target, vocab: self.config().vocab });
                }
                rows.push(row);
                targets.push(target);
            }
            let used = rows.last().map_or(0, |&row| (row + 1).saturating_sub(start));
            if used > 0 {
                ids.extend_from_slice(&s.ids[..used]);
                segments.push(Segment { query: start, queries: used, key: start, keys: used });
            }
        }
        let rotation = self.rotation(segments.iter().flat_map(|s| 0..s.queries));
        Ok(Packed { ids, segments, rotation, rows, targets })
    }
}
