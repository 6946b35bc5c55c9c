//! Added tokens that are named beside `tokenizer.json`, as transformers adds them to it (tokenization_utils_base.py and
//! tokenization_utils_tokenizers.py, 5.x): `added_tokens_decoder` of tokenizer_config.json, or else added_tokens.json, then
//! the special tokens by name.

use std::collections::HashSet;

use serde_json::{Map, Value as Json, json};

/// The files beside `tokenizer.json`; empty where absent.
pub(super) struct Beside {
    /// tokenizer_config.json
    pub config: Map<String, Json>,
    /// special_tokens_map.json
    pub map: Map<String, Json>,
    /// added_tokens.json, which older versions wrote: text to id.
    pub added: Map<String, Json>,
}

/// Names under which the two files keep special tokens.
const NAMED: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/// Names of lists of special tokens.
const LISTS: [&str; 2] = ["additional_special_tokens", "extra_special_tokens"];

impl Beside {
    /// The value of a special token's key: where there is no `added_tokens_decoder`, special_tokens_map.json goes first.
    pub(super) fn special(&self, key: &str) -> Option<&Json> {
        let first = if self.config.contains_key("added_tokens_decoder") {
            [&self.config, &self.map]
        } else {
            [&self.map, &self.config]
        };
        first.into_iter().find_map(|file| file.get(key).filter(|value| !value.is_null()))
    }

    /// Every named special token, as an added token, in transformers' order.
    fn named(&self) -> Vec<Json> {
        let single = NAMED.iter().filter_map(|key| self.special(key));
        let lists = LISTS.iter().filter_map(|key| self.special(key)).flat_map(|list| match list {
            Json::Array(list) => list.iter().collect::<Vec<_>>(),
            Json::Object(names) => names.values().collect(),
            _ => Vec::new(),
        });
        single.chain(lists).filter_map(|value| added(value, true)).collect()
    }
}

/// `text`, or `{"content": text, flags}`, as an entry of `added_tokens` that has no id yet.
fn added(value: &Json, special: bool) -> Option<Json> {
    let content = value.as_str().or_else(|| value["content"].as_str()).filter(|text| !text.is_empty())?;
    let flag = |key: &str, default: bool| value[key].as_bool().unwrap_or(default);
    Some(json!({
        "content": content,
        "single_word": flag("single_word", false),
        "lstrip": flag("lstrip", false),
        "rstrip": flag("rstrip", false),
        "normalized": flag("normalized", !special),
        "special": flag("special", special),
    }))
}

/// Adds to `added_tokens` of a `tokenizer.json` what stands beside it; true where that changed it. `Err` says which token
/// is given an id that it does not get.
pub(super) fn merge(json: &mut Json, beside: &Beside) -> Result<bool, String> {
    if !json.is_object() {
        return Err("tokenizer.json is no JSON object".to_owned());
    }
    let mut list = json["added_tokens"].as_array().cloned().unwrap_or_default();
    let before = list.clone();
    let mut ids = Ids::of(json, &list);
    for (id, token) in beside.with_ids()? {
        let content = token["content"].as_str().unwrap_or_default().to_owned();
        let found = ids.of_token(json, &list, &content);
        if found != id {
            return Err(format!(
                "the files beside tokenizer.json give the added token {content:?} the id {id}, but it gets {found}: save \
                 the tokenizer again with transformers"
            ));
        }
        put(&mut list, token, id);
    }
    let known: HashSet<String> = list.iter().filter_map(|t| t["content"].as_str().map(str::to_owned)).collect();
    for token in beside.named() {
        let content = token["content"].as_str().unwrap_or_default().to_owned();
        if !known.contains(&content) {
            let id = ids.of_token(json, &list, &content);
            put(&mut list, token, id);
        }
    }
    list.sort_by_key(|token| token["id"].as_u64());
    let changed = list != before;
    if changed {
        json["added_tokens"] = Json::Array(list);
    }
    Ok(changed)
}

impl Beside {
    /// (id, token) by id.
    fn with_ids(&self) -> Result<Vec<(u64, Json)>, String> {
        let mut tokens = Vec::new();
        if let Some(decoder) = self.config.get("added_tokens_decoder").and_then(Json::as_object) {
            for (id, token) in decoder {
                let number = id.parse().ok().zip(added(token, false));
                tokens.push(number.ok_or_else(|| format!("added_tokens_decoder[{id:?}] is no added token"))?);
            }
        } else {
            let special: HashSet<String> =
                self.named().iter().filter_map(|t| t["content"].as_str().map(str::to_owned)).collect();
            for (text, id) in &self.added {
                let token = added(&json!(text), special.contains(text));
                let number = id.as_u64().zip(token);
                tokens.push(number.ok_or_else(|| format!("the id of {text:?} in added_tokens.json is {id}"))?);
            }
        }
        tokens.sort_by_key(|(id, _)| *id);
        Ok(tokens)
    }
}

/// Replaces the token of that text, or adds it.
fn put(list: &mut Vec<Json>, mut token: Json, id: u64) {
    token["id"] = json!(id);
    match list.iter_mut().find(|t| t["content"] == token["content"]) {
        Some(old) => *old = token,
        None => list.push(token),
    }
}

/// Ids as the tokenizers library gives them: a text of the vocabulary keeps its own, another gets the next one.
struct Ids {
    next: u64,
}

impl Ids {
    fn of(json: &Json, list: &[Json]) -> Self {
        let size = json["model"]["vocab"].as_object().map_or(0, Map::len) as u64;
        let most = list.iter().filter_map(|t| t["id"].as_u64()).max();
        Self { next: most.map_or(size, |most| size.max(most.saturating_add(1))) }
    }

    fn of_token(&mut self, json: &Json, list: &[Json], content: &str) -> u64 {
        let added = list.iter().find(|t| t["content"] == content).and_then(|t| t["id"].as_u64());
        if let Some(id) = added.or_else(|| json["model"]["vocab"][content].as_u64()) {
            return id;
        }
        self.next = self.next.saturating_add(1);
        self.next - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(added: Json) -> Json {
        json!({"added_tokens": added, "model": {"vocab": {"a": 0, "b": 1, "<eos>": 2}}})
    }

    fn beside(config: Json, map: Json, added: Json) -> Beside {
        let object = |value: Json| value.as_object().cloned().unwrap_or_default();
        Beside { config: object(config), map: object(map), added: object(added) }
    }

    /// (id, text, special) of every added token after the merge.
    fn merged(json: Json, beside: &Beside) -> Result<Vec<(u64, String, bool)>, String> {
        let mut json = json;
        merge(&mut json, beside)?;
        let list = json["added_tokens"].as_array().unwrap();
        let one = |t: &Json| {
            (t["id"].as_u64().unwrap(), t["content"].as_str().unwrap().to_owned(), t["special"].as_bool().unwrap())
        };
        Ok(list.iter().map(one).collect())
    }

    fn of(id: u64, text: &str, special: bool) -> (u64, String, bool) {
        (id, text.to_owned(), special)
    }

    #[test]
    fn tokens_of_every_file_are_added_with_their_ids() {
        let decoder = json!({"4": {"content": "<end>", "special": true}, "3": {"content": "<tool>", "special": false}});
        let config = beside(json!({"added_tokens_decoder": decoder}), Json::Null, Json::Null);
        let expected = [of(3, "<tool>", false), of(4, "<end>", true)];
        assert_eq!(merged(file(json!([])), &config).unwrap(), expected);
        // Named special tokens: one of the vocabulary, one of a dictionary, one that is new.
        let named = json!({"eos_token": "<eos>", "pad_token": {"content": "<pad>", "lstrip": true}, "bos_token": null});
        let found = merged(file(json!([])), &beside(named, Json::Null, Json::Null)).unwrap();
        assert_eq!(found, [of(2, "<eos>", true), of(3, "<pad>", true)]);
        // added_tokens.json with special_tokens_map.json: what the map names is special.
        let old = beside(json!({}), json!({"eos_token": "<end>"}), json!({"<tool>": 3, "<end>": 4}));
        assert_eq!(merged(file(json!([])), &old).unwrap(), expected);
        // A decoder makes transformers pass over added_tokens.json.
        let both = Beside { added: Map::from_iter([("<x>".to_owned(), json!(9))]), ..config };
        assert_eq!(merged(file(json!([])), &both).unwrap(), expected);
    }

    #[test]
    fn the_flags_of_the_config_replace_those_of_the_file_and_nothing_else_changes() {
        let token = |rstrip: bool| {
            json!({"id": 3, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": rstrip,
                "normalized": false, "special": true})
        };
        let config = beside(json!({"added_tokens_decoder": {"3": token(true)}}), Json::Null, Json::Null);
        let mut json = file(json!([token(false)]));
        assert!(merge(&mut json, &config).unwrap());
        assert_eq!(json["added_tokens"], json!([token(true)]));
        assert!(!merge(&mut json, &config).unwrap());
    }

    #[test]
    fn an_id_that_the_library_would_not_give_is_refused() {
        for (id, added) in [("5", json!([])), ("1", json!([])), ("4", json!([{"id": 3, "content": "<end>"}]))] {
            let decoder = json!({"added_tokens_decoder": {id: {"content": "<end>", "special": true}}});
            let e = merged(file(added), &beside(decoder, Json::Null, Json::Null)).unwrap_err();
            assert!(e.contains("\"<end>\"") && e.contains(&format!("the id {id}")) && e.contains("gets 3"), "{e}");
        }
        let old = beside(json!({}), json!({}), json!({"<tool>": "x"}));
        assert!(merged(file(json!([])), &old).unwrap_err().contains("<tool>"));
        let named = beside(json!({"eos_token": "<end>"}), Json::Null, Json::Null);
        assert!(merged(json!([]), &named).unwrap_err().contains("object"));
        let odd = beside(json!({"added_tokens_decoder": {"x": {}}}), Json::Null, Json::Null);
        assert!(merged(file(json!([])), &odd).unwrap_err().contains("added_tokens_decoder"));
    }
}
