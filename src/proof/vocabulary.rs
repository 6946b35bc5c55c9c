//! The daemon reports tokens as bytes; this maps exact bytes back to ids, where that is unambiguous.

use std::collections::HashMap;

use crate::tokenizer::Tokenizer;

/// Bytes → the one id that has them.
#[derive(Debug)]
pub struct Vocabulary {
    ids: HashMap<Vec<u8>, Option<u32>>,
}

impl Vocabulary {
    pub fn of(tokenizer: &Tokenizer) -> Self {
        let mut ids: HashMap<Vec<u8>, Option<u32>> = HashMap::new();
        for id in 0..tokenizer.vocab_size() as u32 {
            if let Some(bytes) = tokenizer.token_bytes(id) {
                ids.entry(bytes).and_modify(|e| *e = None).or_insert(Some(id));
            }
        }
        Self { ids }
    }

    /// None for empty bytes, for U+FFFD (an incomplete tail the daemon replaced), and for bytes of two ids.
    pub fn id(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.is_empty()
            || bytes.windows(3).any(|w| w == "\u{FFFD}".as_bytes())
            || std::str::from_utf8(bytes).is_err()
        {
            return None;
        }
        self.ids.get(bytes).copied().flatten()
    }
}
