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
    /// Where the loss is −log p(target).
    pub told: Asked,
    /// Where it is the divergence from the base.
    pub distilled: Asked,
    /// The distilled sequences alone, as the base is asked.
    pub taught: Option<Box<Packed>>,
}

/// Rows whose prediction is asked for, and what they must predict.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub rows: Vec<usize>,
    pub targets: Vec<u32>,
}

impl Packed {
    pub fn is_empty(&self) -> bool {
        self.told.rows.is_empty() && self.distilled.rows.is_empty()
    }
}

impl<O: Ops> Decoder<O> {
    /// Packs whole sequences. What follows a sequence's last trained position is left out: with causal attention
    /// nothing trained depends on it.
    pub fn pack(&self, sequences: &[Sequence<'_>]) -> Result<Packed, ModelError> {
        let mut packed = self.pack_all(sequences.iter())?;
        if !packed.distilled.rows.is_empty() {
            packed.taught = Some(Box::new(self.pack_all(sequences.iter().filter(|s| s.distilled))?));
        }
        Ok(packed)
    }

    fn pack_all<'a>(&self, sequences: impl Iterator<Item = &'a Sequence<'a>>) -> Result<Packed, ModelError> {
        let (mut ids, mut segments) = (Vec::new(), Vec::new());
        let (mut told, mut distilled) = (Asked::default(), Asked::default());
        for s in sequences {
            if s.ids.len() != s.targets.len() {
                let (found, expected) = (s.targets.len(), s.ids.len());
                return Err(ModelError::Shape { what: "the targets of a sequence".to_owned(), found, expected });
            }
            self.check_ids(s.ids)?;
            let start = ids.len();
            let trained = |(i, t): (usize, &Option<u32>)| t.map(|t| (start + i, t));
            let asked = if s.distilled { &mut distilled } else { &mut told };
            let mut used = 0;
            for (row, target) in s.targets.iter().enumerate().filter_map(trained) {
                if target as usize >= self.config().vocab {
                    return Err(ModelError::BadToken { id: target, vocab: self.config().vocab });
                }
                asked.rows.push(row);
                asked.targets.push(target);
                used = row + 1 - start;
            }
            if used > 0 {
                ids.extend_from_slice(&s.ids[..used]);
                segments.push(Segment { query: start, queries: used, key: start, keys: used });
            }
        }
        let rotation = self.rotation(segments.iter().flat_map(|s| 0..s.queries));
        Ok(Packed { ids, segments, rotation, told, distilled, taught: None })
    }
}
