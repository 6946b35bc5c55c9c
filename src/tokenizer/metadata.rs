//! A vocabulary as the `tokenizer.json` that behaves as llama.cpp does with it, and as a tokenizer at work.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};
use tokenizers::AddedToken;
use tokenizers::models::bpe::{self, BPE};

use super::vocab::{Kind, Model, Vocab};
use super::{TokenizerError, pre, spm};

/// What a `tokenizer.json` says beside its tokens.
struct Parts<'v> {
    normalizer: Json,
    pre_tokenizer: Json,
    decoder: Json,
    merges: Cow<'v, [(String, String)]>,
    ignore_merges: bool,
    /// Makes it SentencePiece's: bytes stand in for what is not known.
    unknown: Option<&'v str>,
}

/// `tokenizer.json` around its model.
#[derive(Serialize)]
struct Around<'p, M> {
    version: &'static str,
    truncation: (),
    padding: (),
    added_tokens: Vec<Json>,
    normalizer: &'p Json,
    pre_tokenizer: &'p Json,
    post_processor: Json,
    decoder: &'p Json,
    model: M,
}

/// The model of `tokenizer.json`, written without a copy of its tokens.
#[derive(Serialize)]
struct Bpe<'p> {
    r#type: &'static str,
    dropout: (),
    unk_token: Option<&'p str>,
    continuing_subword_prefix: (),
    end_of_word_suffix: (),
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    vocab: Ids<'p>,
    merges: &'p [(String, String)],
}

/// Each token's first id.
struct Ids<'p>(&'p [String]);

impl Serialize for Ids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seen = HashSet::with_capacity(self.0.len());
        serializer.collect_map(self.0.iter().zip(0_u32..).filter(|(token, _)| seen.insert(token.as_str())))
    }
}

/// `tokenizer.json` of a vocabulary.
pub(super) fn tokenizer_json(vocab: &Vocab, source: &str) -> Result<String, TokenizerError> {
    let parts = parts(vocab, source)?;
    let added = added(vocab).map(|(id, text, special)| {
        json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": special})
    });
    let bpe = Bpe {
        r#type: "BPE",
        dropout: (),
        unk_token: parts.unknown,
        continuing_subword_prefix: (),
        end_of_word_suffix: (),
        fuse_unk: parts.unknown.is_some(),
        byte_fallback: parts.unknown.is_some(),
        ignore_merges: parts.ignore_merges,
        vocab: Ids(&vocab.tokens),
        merges: &parts.merges,
    };
    around(vocab, &parts, added.collect(), bpe).map_err(|e| TokenizerError::Bad(source.to_owned(), e.to_string()))
}

/// What the library makes of [`tokenizer_json`], built without it: reading the tokens as JSON takes it longer than all
/// else.
pub(super) fn engine(vocab: &Vocab, source: &str) -> Result<tokenizers::Tokenizer, TokenizerError> {
    let bad = |e: tokenizers::Error| TokenizerError::Bad(source.to_owned(), e.to_string());
    let parts = parts(vocab, source)?;
    let none = json!({"type": "BPE", "vocab": {}, "merges": []});
    let shell = around(vocab, &parts, Vec::new(), none).map_err(|e| bad(e.into()))?;
    let mut engine = tokenizers::Tokenizer::from_bytes(shell).map_err(bad)?;
    let mut ids = bpe::Vocab::default();
    for (i, token) in vocab.tokens.iter().enumerate() {
        ids.entry(token.clone()).or_insert(i as u32);
    }
    let mut model = BPE::builder()
        .vocab_and_merges(ids, parts.merges.into_owned())
        .ignore_merges(parts.ignore_merges)
        .fuse_unk(parts.unknown.is_some())
        .byte_fallback(parts.unknown.is_some());
    if let Some(unknown) = parts.unknown {
        model = model.unk_token(unknown.to_owned());
    }
    engine.with_model(model.build().map_err(bad)?);
    let added = added(vocab).map(|(_, text, special)| AddedToken::from(text, special).normalized(false));
    engine.add_tokens(added).map_err(bad)?;
    Ok(engine)
}

fn around<M: Serialize>(vocab: &Vocab, parts: &Parts<'_>, added: Vec<Json>, model: M) -> serde_json::Result<String> {
    serde_json::to_string(&Around {
        version: "1.0",
        truncation: (),
        padding: (),
        added_tokens: added,
        normalizer: &parts.normalizer,
        pre_tokenizer: &parts.pre_tokenizer,
        post_processor: post_processor(vocab),
        decoder: &parts.decoder,
        model,
    })
}

/// Id, text, whether it is special.
fn added(vocab: &Vocab) -> impl Iterator<Item = (usize, &str, bool)> {
    let tokens = vocab.tokens.iter().zip(&vocab.kinds).enumerate();
    let wanted = tokens.filter(|(_, (text, kind))| kind.is_added() && !text.is_empty());
    wanted.map(|(id, (text, kind))| (id, text.as_str(), *kind != Kind::UserDefined))
}

fn parts<'v>(vocab: &'v Vocab, source: &str) -> Result<Parts<'v>, TokenizerError> {
    match &vocab.model {
        Model::ByteLevel { pre: name, merges } => byte_level(name.unwrap_or("default"), merges),
        Model::Spm { scores, space_prefix } => spm_parts(vocab, scores, *space_prefix, source),
    }
}

fn byte_level<'v>(name: &str, merges: &'v [(String, String)]) -> Result<Parts<'v>, TokenizerError> {
    let (row, _) = pre::by_name(name).ok_or_else(|| TokenizerError::UnknownPre(name.to_owned()))?;
    Ok(Parts {
        normalizer: Json::Null,
        pre_tokenizer: row.json(),
        decoder: json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true}),
        merges: merges.into(),
        ignore_merges: row.ignore_merges,
        unknown: None,
    })
}

fn spm_parts<'v>(
    vocab: &'v Vocab,
    scores: &[f32],
    space_prefix: bool,
    source: &str,
) -> Result<Parts<'v>, TokenizerError> {
    let unknown = vocab.unknown.and_then(|id| vocab.tokens.get(id as usize)).ok_or_else(|| {
        TokenizerError::Bad(source.to_owned(), "a SentencePiece vocabulary without an unknown token".to_owned())
    })?;
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
    let merges = spm::merges(&vocab.tokens, &vocab.kinds, scores);
    let merges = merges.into_iter().map(|(l, r)| (l.to_owned(), r.to_owned()));
    Ok(Parts {
        normalizer,
        pre_tokenizer: Json::Null,
        decoder: json!({"type": "Sequence", "decoders": decoders}),
        merges: merges.collect::<Vec<_>>().into(),
        ignore_merges: false,
        unknown: Some(unknown),
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
