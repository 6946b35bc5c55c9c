//! A vocabulary as the `tokenizer.json` that behaves as llama.cpp does with it.

use serde_json::{Map, Value as Json, json};

use super::vocab::{Kind, Model, Vocab};
use super::{TokenizerError, pre, spm};

/// `tokenizer.json` of a vocabulary.
pub(super) fn tokenizer_json(vocab: &Vocab, source: &str) -> Result<Json, TokenizerError> {
    let mut ids = Map::new();
    for (i, token) in vocab.tokens.iter().enumerate() {
        ids.entry(token.clone()).or_insert(json!(i));
    }
    let (normalizer, pre_tokenizer, decoder, model) = match &vocab.model {
        Model::ByteLevel { pre: name, merges } => byte_level(name.unwrap_or("default"), merges, ids)?,
        Model::Spm { scores, space_prefix } => spm_parts(vocab, scores, *space_prefix, ids, source)?,
    };
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added(vocab),
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor(vocab),
        "decoder": decoder,
        "model": model,
    }))
}

fn added(vocab: &Vocab) -> Vec<Json> {
    let tokens = vocab.tokens.iter().zip(&vocab.kinds).enumerate();
    let wanted = tokens.filter(|(_, (text, kind))| kind.is_added() && !text.is_empty());
    wanted
        .map(|(id, (text, kind))| {
            json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": *kind != Kind::UserDefined})
        })
        .collect()
}

/// (normalizer, pre_tokenizer, decoder, model)
type Parts = (Json, Json, Json, Json);

fn byte_level(name: &str, merges: &[(String, String)], ids: Map<String, Json>) -> Result<Parts, TokenizerError> {
    let (row, _) = pre::by_name(name).ok_or_else(|| TokenizerError::UnknownPre(name.to_owned()))?;
    let decoder = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true});
    Ok((Json::Null, row.json(), decoder, bpe(ids, json!(merges), row.ignore_merges, None)))
}

fn spm_parts(
    vocab: &Vocab,
    scores: &[f32],
    space_prefix: bool,
    ids: Map<String, Json>,
    source: &str,
) -> Result<Parts, TokenizerError> {
    let unknown = vocab.unknown.and_then(|id| vocab.tokens.get(id as usize)).ok_or_else(|| {
        TokenizerError::Bad(source.to_owned(), "a SentencePiece vocabulary without an unknown token".to_owned())
    })?;
    let merges = spm::merges(&vocab.tokens, &vocab.kinds, scores);
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    let normalizer = if space_prefix {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]})
    } else {
        replace
    };
    let decoder = json!({"type": "Sequence", "decoders": decoders});
    Ok((normalizer, Json::Null, decoder, bpe(ids, json!(merges), false, Some(unknown))))
}

/// `unknown` makes it SentencePiece's: bytes stand in for what is not known.
fn bpe(ids: Map<String, Json>, merges: Json, ignore_merges: bool, unknown: Option<&str>) -> Json {
    json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": unknown,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": unknown.is_some(),
        "byte_fallback": unknown.is_some(),
        "ignore_merges": ignore_merges,
        "vocab": ids,
        "merges": merges,
    })
}

/// BOS and EOS around a text, for those who load the file elsewhere.
fn post_processor(vocab: &Vocab) -> Json {
    let mut special = Map::new();
    let mut token = |wanted: bool, id: Option<u32>| {
        let id = id.filter(|_| wanted)?;
        let text = vocab.tokens.get(id as usize)?;
        special.insert(text.clone(), json!({"id": text, "ids": [id], "tokens": [text]}));
        Some(json!({"SpecialToken": {"id": text, "type_id": 0}}))
    };
    let (before, after) = (token(vocab.add_bos, vocab.bos), token(vocab.add_eos, vocab.eos));
    if before.is_none() && after.is_none() {
        return Json::Null;
    }
    let sequence = |id: &str, n: u32| json!({"Sequence": {"id": id, "type_id": n}});
    let single: Vec<Json> = before.into_iter().chain([sequence("A", 0)]).chain(after).collect();
    let pair: Vec<Json> = single.iter().cloned().chain([sequence("B", 1)]).collect();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special})
}
