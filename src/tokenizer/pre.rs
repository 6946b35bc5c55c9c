//! llama.cpp's pre-tokenizers (`tokenizer.ggml.pre`), as `tokenizer.json` says them. Source: src/llama-vocab.cpp,
//! b10488; a name that is not here is refused, for llama.cpp's regex would not be ours.

use serde_json::{Value as Json, json};

const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// What tokenizer.json files say; llama.cpp's adaptation differs from it in letters without case.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// llama.cpp's adaptations, which are what runs.
const TEKKEN_RUN: &str = r"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O_RUN: &str = r"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Split {
    /// A regex whose matches are the words: (as it runs, as tokenizer.json says it).
    Regex(&'static str, &'static str),
    /// Each digit alone, then GPT-2's regex.
    DigitsGpt2,
    Gpt2,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Pre {
    pub names: &'static [&'static str],
    split: Split,
    /// A word that is a token as a whole is that token, whatever the merges say.
    pub ignore_merges: bool,
    /// BOS where the metadata does not say.
    pub add_bos: bool,
}

const fn plain(names: &'static [&'static str], split: Split) -> Pre {
    Pre { names, split, ignore_merges: false, add_bos: false }
}

const fn eager(names: &'static [&'static str], split: Split) -> Pre {
    Pre { names, split, ignore_merges: true, add_bos: true }
}

const TABLE: &[Pre] = &[
    eager(
        &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
        Split::Regex(LLAMA3, LLAMA3),
    ),
    plain(&["smaug-bpe", "dbrx", "chatglm-bpe", "glm4"], Split::Regex(LLAMA3, LLAMA3)),
    plain(
        &["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"],
        Split::Regex(QWEN2, QWEN2),
    ),
    plain(&["qwen35"], Split::Regex(QWEN35, QWEN35)),
    plain(
        &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
        Split::DigitsGpt2,
    ),
    plain(
        &[
            "gpt-2",
            "phi-2",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "exaone4",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
        ],
        Split::Gpt2,
    ),
    eager(&["tekken"], Split::Regex(TEKKEN_RUN, TEKKEN)),
    plain(&["gpt-4o", "llama4", "kanana2", "talkie"], Split::Regex(GPT4O_RUN, GPT4O)),
];

/// The row of a name, and the table's own copy of the name.
pub(super) fn by_name(name: &str) -> Option<(&'static Pre, &'static str)> {
    TABLE.iter().find_map(|p| Some((p, *p.names.iter().find(|n| **n == name)?)))
}

/// The name whose pre-tokenizer a `tokenizer.json` has, by its words: for vocabularies whose hash is not known.
pub(super) fn by_structure(pre_tokenizer: &Json, ignore_merges: bool) -> Option<&'static str> {
    let found = TABLE.iter().find(|p| p.ignore_merges == ignore_merges && p.is(pre_tokenizer))?;
    Some(found.names[0])
}

fn split(regex: &str) -> Json {
    json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false})
}

fn byte_level(use_regex: bool) -> Json {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": use_regex})
}

impl Pre {
    /// The `pre_tokenizer` of tokenizer.json.
    pub(super) fn json(&self) -> Json {
        match self.split {
            Split::Regex(runs, _) => json!({"type": "Sequence", "pretokenizers": [split(runs), byte_level(false)]}),
            Split::DigitsGpt2 => {
                json!({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, byte_level(true)]})
            }
            Split::Gpt2 => byte_level(true),
        }
    }

    /// Whether a `pre_tokenizer` section does the same.
    fn is(&self, section: &Json) -> bool {
        let steps = match section["pretokenizers"].as_array() {
            Some(steps) => steps.iter().collect(),
            None => vec![section],
        };
        let is_bytes = |step: &Json, regex: bool| {
            step["type"] == "ByteLevel"
                && step["add_prefix_space"] == false
                && step["use_regex"].as_bool().unwrap_or(true) == regex
        };
        match (self.split, &steps[..]) {
            (Split::Regex(runs, says), [first, second]) => {
                let regex = first["pattern"]["Regex"].as_str();
                first["type"] == "Split"
                    && first["behavior"] == "Isolated"
                    && first["invert"] == false
                    && (regex == Some(says) || regex == Some(runs))
                    && is_bytes(second, false)
            }
            (Split::DigitsGpt2, [first, second]) => {
                first["type"] == "Digits" && first["individual_digits"] == true && is_bytes(second, true)
            }
            (Split::Gpt2, [only]) => is_bytes(only, true),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_row_knows_its_own_json() {
        let mut names: Vec<_> = TABLE.iter().flat_map(|p| p.names).collect();
        let n = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n);
        for row in TABLE {
            let found = by_structure(&row.json(), row.ignore_merges).unwrap();
            assert_eq!(by_name(found).unwrap().0.split, row.split, "{found}");
        }
        assert!(by_name("default").is_none());
        assert!(by_structure(&split(LLAMA3), true).is_none());
    }
}
