//! The daemon reports tokens as bytes; this maps exact bytes back to ids, where that is unambiguous.

use std::collections::{HashMap, HashSet};

use crate::tokenizer::Tokenizer;

/// Bytes → the one id that has them.
#[derive(Debug)]
pub(super) struct Vocabulary {
    ids: HashMap<Vec<u8>, Option<u32>>,
    /// What is left of tokens that end inside a character, without that character.
    cut: HashSet<Vec<u8>>,
}

impl Vocabulary {
    pub(super) fn of(tokenizer: &Tokenizer) -> Self {
        let (mut ids, mut cut) = (HashMap::<Vec<u8>, Option<u32>>::new(), HashSet::new());
        for id in 0..tokenizer.vocab_size() as u32 {
            if let Some(bytes) = tokenizer.token_bytes(id) {
                if let Err(e) = std::str::from_utf8(&bytes)
                    && e.error_len().is_none()
                {
                    cut.insert(bytes[..e.valid_up_to()].to_vec());
                }
                // SentencePiece has a letter as a piece and as a byte, and writes the byte only where there is no piece.
                let one = |old: u32| match (is_byte(tokenizer, old), is_byte(tokenizer, id)) {
                    (true, false) => Some(id),
                    (false, true) => Some(old),
                    _ => None,
                };
                ids.entry(bytes).and_modify(|e| *e = e.and_then(one)).or_insert(Some(id));
            }
        }
        Self { ids, cut }
    }

    /// None for empty bytes, for U+FFFD (an incomplete tail the daemon replaced), and for bytes of two ids.
    pub(super) fn id(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.is_empty()
            || bytes.windows(3).any(|w| w == "\u{FFFD}".as_bytes())
            || std::str::from_utf8(bytes).is_err()
        {
            return None;
        }
        self.ids.get(bytes).copied().flatten()
    }

    /// As [`Self::id`], in a list of likely tokens: there the daemon cuts off half a character, so that a space and an
    /// emoji's first token, which begins with one, read alike.
    pub(super) fn id_in_list(&self, bytes: &[u8]) -> Option<u32> {
        self.id(bytes).filter(|_| !self.cut.contains(bytes))
    }
}

/// `<0x41>`
fn is_byte(tokenizer: &Tokenizer, id: u32) -> bool {
    tokenizer.token_text(id).is_some_and(|t| t.len() == 6 && t.starts_with("<0x") && t.ends_with('>'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{Metadata, Value};

    fn of(tokens: &[&str], types: &[i32], model: &str) -> Vocabulary {
        let keys = [
            ("model", Value::String(model.into())),
            ("pre", Value::String("gpt-2".into())),
            ("tokens", Value::Strings(tokens.iter().map(|t| (*t).to_owned()).collect())),
            ("token_type", Value::I32s(types.to_vec())),
            ("scores", Value::F32s((0..tokens.len()).map(|i| -(i as f32)).collect())),
            ("merges", Value::Strings(Vec::new())),
        ];
        let keys: Metadata = keys.into_iter().map(|(k, v)| (format!("tokenizer.ggml.{k}"), v)).collect();
        Vocabulary::of(&Tokenizer::from_metadata(&keys, "test").unwrap())
    }

    #[test]
    fn of_a_piece_and_a_byte_the_piece_is_meant() {
        let v = of(&["<unk>", "<s>", "</s>", "<0x61>", "<0x0A>", "a", "▁a"], &[2, 3, 3, 6, 6, 1, 1], "llama");
        assert_eq!(
            [v.id(b"a"), v.id(b"\n"), v.id(b" a"), v.id(b"b"), v.id(b"")],
            [Some(5), Some(4), Some(6), None, None]
        );
    }

    #[test]
    fn what_a_cut_token_reads_like_is_not_certain_in_a_list() {
        // "Ġð" is a space and the first byte of an emoji.
        let v = of(&["Ġ", "a", "Ġð", "aa"], &[1; 4], "gpt2");
        assert_eq!([v.id(b" "), v.id(b"a"), v.id(" \u{fffd}".as_bytes())], [Some(0), Some(1), None]);
        assert_eq!([v.id_in_list(b" "), v.id_in_list(b"a"), v.id_in_list(b"aa")], [None, Some(1), Some(3)]);
    }
}
