//! What the base says of the sequences that it is to teach: its last hidden states, computed once and kept while there is
//! room. Each sequence is computed alone, so they are the same bits in whatever step it stands, kept or not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::model::ModelError;
use crate::model::decoder::{Decoder, Lora};
use crate::model::forward::Pass;
use crate::model::packed::Packed;
use crate::ops::{Compute, Ops};

/// Bytes of hidden states that are kept; sequences beyond are computed anew in each epoch.
pub const MOST: usize = 32 << 20;

/// A sequence's ids, the places that are read of them, and how it was computed.
type Key = (Vec<u32>, Vec<usize>, Compute);

#[derive(Debug, Default)]
pub struct Taught(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    states: HashMap<Key, Arc<Vec<f32>>>,
    bytes: usize,
}

impl Taught {
    fn get(&self, key: &Key) -> Option<Arc<Vec<f32>>> {
        self.0.lock().ok()?.states.get(key).cloned()
    }

    fn keep(&self, key: Key, states: &Arc<Vec<f32>>) {
        let bytes = 4 * (states.len() + key.0.len()) + 8 * key.1.len();
        if let Ok(mut kept) = self.0.lock()
            && kept.bytes + bytes <= MOST
        {
            kept.bytes += bytes;
            kept.states.insert(key, Arc::clone(states));
        }
    }
}

impl<O: Ops> Decoder<O> {
    /// The base's last hidden states at the rows where it teaches, sequence after sequence; None where it does not.
    pub fn taught(&self, packed: &Packed, compute: Compute) -> Result<Option<O::Buf>, ModelError> {
        if packed.taught.is_empty() {
            return Ok(None);
        }
        let mut all = Vec::with_capacity(packed.distilled.rows.len() * self.config().hidden);
        for alone in &packed.taught {
            all.extend_from_slice(&self.states_of(alone, compute)?);
        }
        Ok(Some(self.ops.upload(&all)))
    }

    fn states_of(&self, alone: &Packed, compute: Compute) -> Result<Arc<Vec<f32>>, ModelError> {
        let places = alone.read.as_ref().map_or_else(Vec::new, |read| read.rows.clone());
        let key = (alone.ids.clone(), places, compute);
        if let Some(states) = self.taught.get(&key) {
            return Ok(states);
        }
        let lora = Lora { compute, ..Lora::default() };
        // Nothing else is read of it, so these are the rows that are asked for, in order.
        let states = Arc::new(self.ops.download(&self.stack(&alone.ids, Pass::of(alone, lora), None)?));
        self.sound()?;
        self.taught.keep(key, &states);
        Ok(states)
    }
}
