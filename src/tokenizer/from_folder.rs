//! A Hugging Face folder's tokenizer: `tokenizer.json`, and the special tokens around it.

use std::path::Path;

use serde_json::{Map, Value as Json};

use super::added::{self, Beside};
use super::vocab::{Kind, Model, Vocab, too_long};
use super::{TokenizerError, hashes, metadata, pre, probe, rules, spm};

/// A tokenizer read from a folder.
pub(super) struct Read {
    pub vocab: Vocab,
    pub engine: tokenizers::Tokenizer,
    /// The `tokenizer.json`, with the added tokens that are named beside it.
    pub original: String,
    /// Texts of the added tokens for which the embedding has no row.
    pub beyond: Vec<String>,
}

/// Tokens that every vocabulary of llama.cpp's table has at least.
const PUBLISHED: usize = 16_384;

/// Vocabularies of today take 35 MB at most.
const CAP: u64 = 256 << 20;

pub(super) fn read(folder: &Path, rows: Option<usize>) -> Result<Read, TokenizerError> {
    let source = folder.display().to_string();
    let bad = |reason: String| TokenizerError::Bad(source.clone(), reason);
    let mut original = text(folder, "tokenizer.json")?.ok_or_else(|| {
        let hint = if folder.join("tokenizer.model").is_file() {
            " (tokenizer.model alone is not read: save the tokenizer with transformers, which writes it)"
        } else {
            ""
        };
        bad(format!("it has no tokenizer.json{hint}"))
    })?;
    let mut json: Json = serde_json::from_str(&original).map_err(|e| bad(format!("tokenizer.json is no JSON: {e}")))?;
    let beside = Beside {
        config: object(folder, "tokenizer_config.json")?,
        map: object(folder, "special_tokens_map.json")?,
        added: object(folder, "added_tokens.json")?,
    };
    if added::merge(&mut json, &beside).map_err(bad)? {
        original = json.to_string();
    }
    as_llama_cpp(&mut json);
    let mut vocab = vocabulary(&json, &source)?;
    specials(folder, &beside, &mut vocab)?;
    let unkept = |rule: String| TokenizerError::Unkept { file: source.clone(), rule };
    let byte_level = matches!(vocab.model, Model::ByteLevel { .. });
    if let Some(rule) = rules::unkept(&json, byte_level) {
        return Err(unkept(rule));
    }
    let mut engine = safely(|| tokenizers::Tokenizer::from_bytes(json.to_string())).map_err(bad)?;
    if let Model::ByteLevel { pre: name, .. } = &mut vocab.model {
        let found = pre_tokenizer(&json, &engine).map_err(bad)?;
        *name = Some(found.ok_or_else(|| unkept(format!("the pre-tokenizer {}", rules::pre_tokenizer_words(&json))))?);
    }
    if vocab.bos.is_some() && !beside.config.get("add_bos_token").is_some_and(Json::is_boolean) {
        let probe = safely(|| engine.encode("a", true)).map_err(bad)?;
        vocab.add_bos = probe.get_ids().first() == vocab.bos.as_ref();
    }
    let vocab = vocab.settle(&source)?;
    let (vocab, beyond) = match rows {
        Some(rows) => vocab.within(rows, &source)?,
        None => (vocab, Vec::new()),
    };
    let served = served(&vocab, &beyond, &source)?;
    stand_in(&mut engine, &vocab).map_err(bad)?;
    if let Some(text) = probe::difference(&vocab, &engine, &served) {
        return Err(unkept(format!("how it reads {text:?}")));
    }
    Ok(Read { vocab, engine: served, original, beyond })
}

/// llama.cpp's name of a byte-level file's pre-tokenizer, as its converter finds it; by its words where that knows none.
fn pre_tokenizer(json: &Json, engine: &tokenizers::Tokenizer) -> Result<Option<&'static str>, String> {
    let ignore_merges = json["model"]["ignore_merges"].as_bool().unwrap_or(false);
    let by_words = pre::by_structure(&json["pre_tokenizer"], ignore_merges);
    // The converter's table is of published vocabularies: no unknown regex is run for a small one.
    if by_words.is_none() && json["model"]["vocab"].as_object().is_none_or(|vocab| vocab.len() < PUBLISHED) {
        return Ok(None);
    }
    // (The text is in NFC already.)
    let ids = safely(|| engine.encode(hashes::TEXT, true))?;
    Ok(hashes::lookup(&hashes::of_ids(ids.get_ids())).or(by_words))
}

/// The tokenizer that the GGUF made of this folder gives: training uses it too.
fn served(vocab: &Vocab, beyond: &[String], source: &str) -> Result<tokenizers::Tokenizer, TokenizerError> {
    let mut engine = match vocab.model {
        // llama.cpp's default where the metadata names no unknown token.
        Model::Spm { .. } if vocab.unknown.is_none() => {
            metadata::engine(&Vocab { unknown: Some(0), ..vocab.clone() }, source)?
        }
        _ => metadata::engine(vocab, source)?,
    };
    let special = beyond.iter().map(|text| tokenizers::AddedToken::from(text.as_str(), true).normalized(false));
    engine.add_tokens(special).map_err(|e| TokenizerError::Bad(source.to_owned(), e.to_string()))?;
    Ok(engine)
}

/// Gives the folder's tokenizer the pre-tokenizer by which llama.cpp stands in for its own (some are not the same in all
/// letters): only what differs besides is to be found.
fn stand_in(folders: &mut tokenizers::Tokenizer, vocab: &Vocab) -> Result<(), String> {
    if let Model::ByteLevel { pre: Some(name), .. } = &vocab.model
        && let Some((row, _)) = pre::by_name(name)
    {
        let step: tokenizers::PreTokenizerWrapper = serde_json::from_value(row.json()).map_err(|e| e.to_string())?;
        folders.with_pre_tokenizer(Some(step));
    }
    Ok(())
}

/// The library panics at some files (tokenizers 0.23: a post-processor's token that is not listed, a pre-tokenizer's length
/// of 0); a base's file must not bring us down.
fn safely<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|e| e.to_string()),
        Err(_) => Err("the tokenizers library broke on its tokenizer.json".to_owned()),
    }
}

/// llama.cpp normalises nothing, so neither does training: a text in another form is then the same in both. Nor does it
/// drop merges, or know the lengths that somebody cut and filled texts to before the file was saved.
fn as_llama_cpp(json: &mut Json) {
    if let Some(file) = json.as_object_mut() {
        file.remove("truncation");
        file.remove("padding");
    }
    if let Some(model) = json.pointer_mut("/model").and_then(Json::as_object_mut) {
        model.remove("dropout");
    }
    if json["normalizer"]["type"] == "NFC" {
        json["normalizer"] = Json::Null;
    }
    if let Some(steps) = json.pointer_mut("/normalizer/normalizers").and_then(Json::as_array_mut) {
        steps.retain(|s| s["type"] != "NFC");
        if steps.is_empty() {
            json["normalizer"] = Json::Null;
        }
    }
}

fn text(folder: &Path, name: &str) -> Result<Option<String>, TokenizerError> {
    let path = folder.join(name);
    let bad = |reason: String| TokenizerError::Bad(path.display().to_string(), reason);
    match std::fs::metadata(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(bad(e.to_string())),
        Ok(m) if !m.is_file() => return Err(bad("it is not a regular file".to_owned())),
        Ok(m) if m.len() > CAP => return Err(bad(format!("it holds {} bytes, expected at most {CAP}", m.len()))),
        Ok(_) => {}
    }
    std::fs::read_to_string(&path).map(Some).map_err(|e| bad(e.to_string()))
}

/// A JSON object of the folder; empty when the file is absent.
fn object(folder: &Path, name: &str) -> Result<Map<String, Json>, TokenizerError> {
    let Some(text) = text(folder, name)? else { return Ok(Map::new()) };
    serde_json::from_str(&text)
        .map_err(|e| TokenizerError::Bad(folder.join(name).display().to_string(), format!("it is no JSON object: {e}")))
}

fn vocabulary(json: &Json, source: &str) -> Result<Vocab, TokenizerError> {
    let bad = |reason: String| TokenizerError::Bad(source.to_owned(), reason);
    let model = &json["model"];
    if model["type"].as_str().unwrap_or("BPE") != "BPE" {
        return Err(bad(format!("its model is {}, and only BPE can be computed", model["type"])));
    }
    let entries = model["vocab"].as_object().ok_or_else(|| bad("tokenizer.json has no model.vocab".to_owned()))?;
    let empty = Vec::new();
    let added = json["added_tokens"].as_array().unwrap_or(&empty);
    let all = entries
        .iter()
        .map(|(t, id)| (t.as_str(), id.as_u64()))
        .chain(added.iter().map(|a| (a["content"].as_str().unwrap_or_default(), a["id"].as_u64())));
    // Ids may have holes, but not many: a wild id must not make a wild table.
    let limit = 2 * (entries.len() + added.len()) + 1024;
    let mut tokens: Vec<Option<&str>> = Vec::new();
    for (token, id) in all {
        let id = id.and_then(|id| usize::try_from(id).ok()).filter(|id| *id < limit);
        let id = id.ok_or_else(|| bad(format!("the id of the token {token:?} is no small number")))?;
        if tokens.len() <= id {
            tokens.resize(id + 1, None);
        }
        tokens[id] = Some(token);
    }
    let fallback = model["byte_fallback"].as_bool().unwrap_or(false);
    let unknown = model["unk_token"].as_str().and_then(|u| tokens.iter().position(|t| *t == Some(u)));
    let mut kinds: Vec<Kind> = tokens.iter().map(|t| kind(*t, fallback)).collect();
    for a in added {
        let id = a["id"].as_u64().unwrap_or(u64::MAX) as usize;
        let content = a["content"].as_str().unwrap_or_default();
        let special = a["special"].as_bool().unwrap_or(false) || (content.starts_with("<|") && content.ends_with("|>"));
        kinds[id] = if special { Kind::Control } else { Kind::UserDefined };
    }
    if let Some(id) = unknown.filter(|_| fallback) {
        kinds[id] = Kind::Unknown;
    }
    let names: Vec<String> =
        tokens.iter().enumerate().map(|(i, t)| t.map_or_else(|| format!("[PAD{i}]"), str::to_owned)).collect();
    let merges = merges(model).ok_or_else(|| bad("tokenizer.json's merges are no pairs".to_owned()))?;
    if let Some(reason) = too_long(entries.keys().map(String::as_str), &merges) {
        return Err(bad(reason));
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
        if model[key].as_str().is_some_and(|affix| !affix.is_empty()) {
            return Err(bad(format!("its pieces have a {key}, which a GGUF can't hold")));
        }
    }
    let model = kind_of_model(json, merges, &names, fallback).ok_or_else(|| {
        bad("it is neither byte-level BPE nor SentencePiece's BPE, the two that a GGUF can hold".to_owned())
    })?;
    let unknown = unknown.map(|u| u as u32);
    let none = Vocab {
        tokens: names,
        kinds,
        model,
        bos: None,
        eos: None,
        unknown,
        padding: None,
        ends: Vec::new(),
        add_bos: false,
        add_eos: false,
    };
    Ok(none)
}

fn kind(token: Option<&str>, fallback: bool) -> Kind {
    match token {
        None => Kind::Unused,
        Some(t) if fallback && t.len() == 6 && t.starts_with("<0x") && t.ends_with('>') => Kind::Byte,
        Some(_) => Kind::Normal,
    }
}

/// Both forms that `tokenizers` has written: `"a b"` and `["a", "b"]`.
fn merges(model: &Json) -> Option<Vec<(String, String)>> {
    let pair = |m: &Json| match m {
        Json::String(s) => s.split_once(' ').map(|(l, r)| (l.to_owned(), r.to_owned())),
        Json::Array(a) if a.len() == 2 => Some((a[0].as_str()?.to_owned(), a[1].as_str()?.to_owned())),
        _ => None,
    };
    // The first line of a merges.txt, which the library passes over, too.
    let version = |m: &&Json| m.as_str().is_some_and(|line| line.starts_with("#version"));
    model["merges"].as_array()?.iter().filter(|m| !version(m)).map(pair).collect()
}

fn kind_of_model(json: &Json, merges: Vec<(String, String)>, tokens: &[String], fallback: bool) -> Option<Model> {
    let steps = |section: &Json, list: &str| match section[list].as_array() {
        Some(steps) => steps.clone(),
        None => vec![section.clone()],
    };
    let pre = steps(&json["pre_tokenizer"], "pretokenizers");
    if pre.iter().any(|s| s["type"] == "ByteLevel") {
        return Some(Model::ByteLevel { pre: None, merges });
    }
    if !fallback {
        return None;
    }
    let prepends = steps(&json["normalizer"], "normalizers").iter().any(|s| s["type"] == "Prepend");
    let metaspace = pre.iter().find(|s| s["type"] == "Metaspace");
    let space_prefix = prepends
        || metaspace.is_some_and(|m| match m["prepend_scheme"].as_str() {
            Some(scheme) => scheme != "never",
            None => m["add_prefix_space"].as_bool().unwrap_or(true),
        });
    Some(Model::Spm { scores: spm::scores(tokens, &merges)?, space_prefix })
}

/// bos, eos, pad, unk and what ends a turn, from the files beside `tokenizer.json`.
fn specials(folder: &Path, beside: &Beside, vocab: &mut Vocab) -> Result<(), TokenizerError> {
    let config = &beside.config;
    let find = |key: &str| {
        let value = beside.special(key)?;
        let text = value.as_str().or_else(|| value["content"].as_str())?;
        vocab.tokens.iter().position(|t| t == text).map(|i| i as u32)
    };
    let (bos, eos, unknown, padding) = (find("bos_token"), find("eos_token"), find("unk_token"), find("pad_token"));
    (vocab.bos, vocab.eos, vocab.padding) = (bos, eos, padding);
    vocab.unknown = vocab.unknown.or(unknown);
    vocab.add_bos = config.get("add_bos_token").and_then(Json::as_bool).unwrap_or(false);
    vocab.add_eos = config.get("add_eos_token").and_then(Json::as_bool).unwrap_or(false);
    for file in ["generation_config.json", "config.json"] {
        let object = object(folder, file)?;
        let ids = |key: &str| match object.get(key) {
            Some(Json::Array(list)) => list.iter().filter_map(Json::as_u64).collect(),
            Some(one) => one.as_u64().into_iter().collect::<Vec<_>>(),
            None => Vec::new(),
        };
        let in_range = |id: u64| u32::try_from(id).ok().filter(|id| (*id as usize) < vocab.tokens.len());
        let eos: Vec<u32> = ids("eos_token_id").into_iter().filter_map(in_range).collect();
        vocab.eos = vocab.eos.or(eos.first().copied());
        vocab.bos = vocab.bos.or_else(|| ids("bos_token_id").first().copied().and_then(in_range));
        vocab.ends.extend(eos);
    }
    Ok(())
}
