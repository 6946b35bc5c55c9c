//! The base as the teacher of distilled sequences.

use std::sync::Arc;

use crate::model::ModelError;
use crate::model::decoder::{Decoder, Lora};
use crate::model::forward::Pass;
use crate::model::packed::Packed;
use crate::model::teacher_states::Key;
use crate::ops::{Compute, Ops};

impl<O: Ops> Decoder<O> {
    /// The base's last hidden states at the rows where it teaches, sequence after sequence; None where it does not.
    pub(super) fn teacher_states_of(&self, packed: &Packed, compute: Compute) -> Result<Option<O::Buf>, ModelError> {
        if packed.teacher.is_empty() {
            return Ok(None);
        }
        let mut all = Vec::with_capacity(packed.distilled.rows.len() * self.spec().hidden);
        for alone in &packed.teacher {
            all.extend_from_slice(&self.states_of(alone, compute)?);
        }
        Ok(Some(self.ops().upload(&all)))
    }

    fn states_of(&self, alone: &Packed, compute: Compute) -> Result<Arc<Vec<f32>>, ModelError> {
        let rows = alone.read.as_ref().map_or_else(Vec::new, |read| read.rows.clone());
        let key = Key { ids: alone.ids.clone(), rows, compute };
        if let Some(states) = self.teacher_states().get(&key) {
            return Ok(states);
        }
        let lora = Lora { compute, ..Lora::default() };
        // Nothing else is read of it, so these are the rows that are asked for, in order.
        let states = Arc::new(self.ops().download(&self.stack(&alone.ids, Pass::of(alone, lora), None)?));
        self.sound()?;
        self.teacher_states().keep(key, &states);
        Ok(states)
    }
}
