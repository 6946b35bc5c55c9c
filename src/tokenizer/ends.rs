//! Tokens that end a turn or a text.

/// Texts that llama.cpp b10488 takes as end-of-generation whatever the metadata says (llama-vocab.cpp,
/// `special_eog_ids`).
const TEXTS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<｜end▁of▁sentence｜>",
];

pub(super) fn is_end_text(token: &str) -> bool {
    TEXTS.contains(&token)
}
