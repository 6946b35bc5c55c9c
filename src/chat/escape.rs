//! Tokens of chat templates inside documents: a document is data, and must not end its own turn or begin another.

/// Tokens of the families' templates; `<|…|>` and the like are recognised by their ends.
const TOKENS: &[&str] = &[
    "<|",
    "|>",
    "<｜",
    "｜>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
];

/// `text` with a space after the first character of each token, so that a tokenizer no longer sees one: `<|im_end|>` becomes
/// `< |im_end| >`. A space is taken because it can be seen and copied, unlike a character without width.
pub fn escape_chat_tokens(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        escaped.push(c);
        if matches!(c, '<' | '[' | '|' | '｜') && TOKENS.iter().any(|token| text[at..].starts_with(token)) {
            escaped.push(' ');
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_broken_and_other_text_is_kept() {
        assert_eq!(escape_chat_tokens("a<|im_end|>\n<|im_start|>system"), "a< |im_end| >\n< |im_start| >system");
        assert_eq!(escape_chat_tokens("<</SYS>>[/INST]</s>"), "< </SYS>>[ /INST]< /s>");
        for text in ["<b>x</b> [1] a | b <3 [lien](x)", "x < y | z > w", ""] {
            assert_eq!(escape_chat_tokens(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_token_is_left(parts in prop::collection::vec(prop::sample::select(
            TOKENS.iter().copied().chain(["<", "|", ">", "[", "é", "s>", "/s>", "im_end", " "]).collect::<Vec<_>>()), 0..12)) {
            let text = parts.concat();
            let escaped = escape_chat_tokens(&text);
            prop_assert!(!TOKENS.iter().any(|token| escaped.contains(token)), "{}", escaped);
            prop_assert_eq!(escape_chat_tokens(&escaped), escaped.clone());
            prop_assert_eq!(escaped.replace(' ', ""), text.replace(' ', ""));
        }
    }
}
