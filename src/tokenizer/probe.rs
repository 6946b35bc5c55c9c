//! Texts by which a folder's tokenizer is compared with the one that its GGUF gives: for what `rules` knows no name of.

use std::collections::HashSet;

use super::vocab::{Kind, Model, Vocab};

/// Words of many kinds: cases, contractions, compositions, compatibility characters, scripts, emoji, digits, marks.
const WORDS: &[&str] = &[
    "the",
    "Hello",
    "WORLD",
    "McDonald",
    "I'll",
    "we'Ve",
    "DON'T",
    "it\u{2019}s",
    "café",
    "cafe\u{301}",
    "naïve",
    "ÉTÉ",
    "Straße",
    "İstanbul",
    "ﬁrst",
    "①",
    "½",
    "x²",
    "Ａｂ",
    "ﷺ",
    "日本語",
    "한국어",
    "ไทยกำ",
    "العربية",
    "नमस्ते",
    "Привет",
    "Ωμέγα",
    "🚀",
    "👩\u{200d}👩\u{200d}👧",
    "🇩🇪",
    "a\u{200b}b",
    "\u{feff}x",
    "1",
    "12",
    "123",
    "1234",
    "12345.67",
    "1,000",
    "٣٤",
    "$5",
    "a_b",
    "foo(bar)",
    "--",
    "...",
    "!?",
    "'s",
    "http://a.b/c?d=e",
    "\\n",
    "{x}",
    "#1",
    "e\u{300}\u{323}",
];
const SPACES: &[&str] = &["", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "\u{a0}", "\u{3000}"];
/// What stands around a special token.
const AROUND: &[(&str, &str)] =
    &[("a", "b"), ("a ", " b"), (" ", " "), ("\n", "\n"), ("", "  x"), ("x \n", "1"), ("", "")];
/// Special tokens that are tried in all surroundings; some vocabularies have hundreds, reserved ones.
const TRIED: usize = 64;

fn texts() -> impl Iterator<Item = String> {
    let pairs = WORDS.iter().zip(WORDS.iter().cycle().skip(1));
    pairs.flat_map(|(a, b)| SPACES.iter().map(move |space| format!("{a}{space}{b}")))
}

/// The first text that the folder's tokenizer reads in another manner than its GGUF's. None where there is none.
pub(super) fn difference(
    vocab: &Vocab,
    folders: &tokenizers::Tokenizer,
    ggufs: &tokenizers::Tokenizer,
) -> Option<String> {
    let ids = |engine: &tokenizers::Tokenizer, text: &str| {
        engine.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).ok()
    };
    let differs = |text: &String| {
        let (of_folder, of_gguf) = (ids(folders, text), ids(ggufs, text));
        of_folder.is_none() || of_folder != of_gguf
    };
    if let Some(text) = texts().find(differs) {
        return Some(text);
    }
    if matches!(vocab.model, Model::Spm { .. }) {
        // Folders differ from llama.cpp in the space after a special token; training has llama.cpp's rule.
        return None;
    }
    special_tokens(vocab, folders).into_iter().enumerate().find_map(|(n, (id, token))| {
        let around = if n < TRIED { AROUND } else { &AROUND[1..2] };
        around.iter().find_map(|(before, after)| {
            let text = format!("{before}{token}{after}");
            let expected = [ids(ggufs, before)?, vec![id], ids(ggufs, after)?].concat();
            (ids(folders, &text)? != expected).then_some(text)
        })
    })
}

/// The added tokens that look like markup: such as no text of the probes makes, and none holds another.
fn special_tokens<'v>(vocab: &'v Vocab, folders: &tokenizers::Tokenizer) -> Vec<(u32, &'v str)> {
    let known: HashSet<&str> = folders.get_added_vocabulary().get_vocab().keys().map(String::as_str).collect();
    let all = vocab.tokens.iter().zip(&vocab.kinds).enumerate();
    let added = all.filter(|(_, (text, kind))| {
        matches!(kind, Kind::Control | Kind::UserDefined) && text.len() > 2 && known.contains(text.as_str())
    });
    let marked = added.filter(|(_, (text, _))| text.starts_with(['<', '[']) && text.ends_with(['>', ']']));
    marked.map(|(id, (text, _))| (id as u32, text.as_str())).collect()
}
