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

/// Pairs of ends of a token.
const ENDS: &[(&str, &str)] = &[("<|", "|>"), ("<｜", "｜>")];
/// Bytes of a token between its ends, at most.
const MAX_NAME: usize = 40;
/// Of the tokens, those that documents have for other reasons: `<s>` is struck out in HTML.
const COMMON: &[&str] = &["<s>", "</s>"];

/// The first token in a text, whole: `<|im_end|>`, `[INST]`.
pub fn chat_token(text: &str) -> Option<&str> {
    let named = || TOKENS.iter().filter(|token| token.ends_with(['>', ']']) && !token.starts_with(['|', '｜']));
    text.match_indices(['<', '[']).find_map(|(at, _)| {
        let rest = text.get(at..)?;
        let paired = ENDS.iter().find_map(|(open, close)| {
            let name = rest.strip_prefix(open)?;
            let length = name.find(close).filter(|length| (1..=MAX_NAME).contains(length))?;
            let is_name = !name.get(..length)?.contains(char::is_whitespace);
            rest.get(..open.len() + length + close.len()).filter(|_| is_name)
        });
        let known = || named().find(|token| rest.starts_with(**token) && !COMMON.contains(token));
        paired.or_else(|| known().and_then(|token| rest.get(..token.len())))
    })
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

    #[test]
    fn whole_tokens_are_found() {
        for (text, token) in [
            ("a<|im_end|>\nb", "<|im_end|>"),
            ("x [INST] y", "[INST]"),
            ("<｜User｜>", "<｜User｜>"),
            ("a <s>b</s> <think>", "<think>"),
        ] {
            assert_eq!(chat_token(text), Some(token));
        }
        for text in ["a |> b <| c |> d", "<s>old</s>", "[x](y) <br>", "<||>", ""] {
            assert_eq!(chat_token(text), None, "{text}");
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
