//! What a person sees of an example: its tokens as texts, with their mask.

use super::Example;
use crate::tokenizer::Tokenizer;

/// One token, or several that together write one character.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub ids: Vec<u32>,
    pub text: String,
    /// Whether the (last) token is a target of the loss.
    pub trained: bool,
}

/// The tokens of an example as texts. Special tokens are written out; bytes that are no UTF-8 stand as U+FFFD.
pub fn preview(example: &Example, tokenizer: &Tokenizer) -> Vec<Piece> {
    pieces(example, |id| tokenizer.token_bytes(id).unwrap_or_default())
}

fn pieces(example: &Example, bytes_of: impl Fn(u32) -> Vec<u8>) -> Vec<Piece> {
    let mut out = Vec::new();
    let (mut ids, mut bytes) = (Vec::new(), Vec::new());
    for (i, (id, trained)) in example.ids.iter().zip(&example.mask).enumerate() {
        ids.push(*id);
        bytes.extend(bytes_of(*id));
        let last = i + 1 == example.ids.len();
        // A character whose bytes are still to come: wait for them, unless the mask changes there.
        let unfinished = std::str::from_utf8(&bytes).is_err_and(|e| e.error_len().is_none());
        if unfinished && !last && example.mask[i + 1] == *trained {
            continue;
        }
        let text = String::from_utf8_lossy(&std::mem::take(&mut bytes)).into_owned();
        out.push(Piece { ids: std::mem::take(&mut ids), text, trained: *trained });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_one_character_stand_together() {
        let example = Example {
            ids: vec![b'a'.into(), 0xc3, 0xa9, b'b'.into(), 0xc3],
            mask: vec![false, true, true, true, true],
            line: 1,
            cut: 0,
            distilled: false,
        };
        let found = pieces(&example, |id| vec![id as u8]);
        let texts: Vec<_> = found.iter().map(|p| (p.text.as_str(), p.ids.len(), p.trained)).collect();
        assert_eq!(texts, [("a", 1, false), ("é", 2, true), ("b", 1, true), ("\u{fffd}", 1, true)]);
    }
}
