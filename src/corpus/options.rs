//! What is asked of a reading.

use std::str::FromStr;

use serde::Serialize;

use super::Language;
use crate::store::Interrupt;

/// Tokens of a unit, at most, where the caller says nothing else.
const MAX_UNIT: usize = 400;

/// Where a record holds what, as dotted paths (`metadata.source`); a path that is left out is guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Map {
    pub text: Option<String>,
    pub title: Option<String>,
    pub source: Option<String>,
    pub id: Option<String>,
}

impl Map {
    pub(super) fn get(&self, part: Part) -> Option<&str> {
        match part {
            Part::Text => self.text.as_deref(),
            Part::Title => self.title.as_deref(),
            Part::Source => self.source.as_deref(),
            Part::Id => self.id.as_deref(),
        }
    }
}

/// What a path of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Part {
    Text,
    Title,
    Source,
    Id,
}

impl Part {
    pub(super) const ALL: [Self; 4] = [Self::Text, Self::Title, Self::Source, Self::Id];
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("{0:?} is no mapping; expected text=PATH, title=PATH, source=PATH or id=PATH")]
    NotAPair(String),
    #[error("{0:?} cannot be mapped; expected text, title, source or id")]
    UnknownPart(String),
    #[error("{0} is mapped twice")]
    Twice(Part),
}

/// As [`Map::from_str`] reads it.
impl std::fmt::Display for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs = Part::ALL.into_iter().filter_map(|part| Some(format!("{part}={}", self.get(part)?)));
        f.write_str(&pairs.collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Map {
    type Err = MapError;

    /// `text=body,title=metadata.name`
    fn from_str(given: &str) -> Result<Self, MapError> {
        let mut map = Self::default();
        for pair in given.split(',') {
            let cut = pair.split_once('=').map(|(part, path)| (part.trim(), path.trim()));
            let Some((part, path)) = cut.filter(|(_, path)| !path.is_empty()) else {
                return Err(MapError::NotAPair(pair.to_owned()));
            };
            let part: Part = part.parse().map_err(|_| MapError::UnknownPart(part.to_owned()))?;
            let place = match part {
                Part::Text => &mut map.text,
                Part::Title => &mut map.title,
                Part::Source => &mut map.source,
                Part::Id => &mut map.id,
            };
            if place.replace(path.to_owned()).is_some() {
                return Err(MapError::Twice(part));
            }
        }
        Ok(map)
    }
}

#[derive(Clone)]
pub struct ReadOptions<'a> {
    pub map: Map,
    /// Undo UTF-8 that was read in another encoding, which is refused otherwise.
    pub fix_encoding: bool,
    /// What a unit's language can be; none: every [`Language`].
    pub languages: Vec<Language>,
    /// Tokens of a text.
    pub count: &'a dyn Fn(&str) -> usize,
    /// Tokens of a unit, at most.
    pub max_unit: usize,
    /// Ends the reading with [`super::CorpusError::Interrupted`].
    pub interrupt: Interrupt,
}

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        Self {
            map: Map::default(),
            fix_encoding: false,
            languages: Vec::new(),
            count: &estimated_tokens,
            max_unit: MAX_UNIT,
            interrupt: Interrupt::default(),
        }
    }
}

/// Where no tokenizer is at hand: 1.3 tokens a word, or a token for four bytes where that is more, as in tables, addresses and
/// languages that write without spaces.
pub fn estimated_tokens(text: &str) -> usize {
    let of_words = text.split_whitespace().count().saturating_mul(13).div_ceil(10);
    of_words.max(text.len().div_ceil(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_and_wrong_ones_named() {
        let map: Map = "text=body, title=meta.name".parse().unwrap();
        assert_eq!((map.text.as_deref(), map.title.as_deref()), (Some("body"), Some("meta.name")));
        assert_eq!(map.to_string(), "text=body,title=meta.name");
        assert_eq!("text".parse::<Map>(), Err(MapError::NotAPair("text".into())));
        assert_eq!("text=".parse::<Map>(), Err(MapError::NotAPair("text=".into())));
        assert_eq!("body=x".parse::<Map>(), Err(MapError::UnknownPart("body".into())));
        assert_eq!("id=x,id=y".parse::<Map>(), Err(MapError::Twice(Part::Id)));
    }

    #[test]
    fn tokens_are_estimated_by_words_and_bytes() {
        assert_eq!(estimated_tokens("one two three four five six seven eight nine ten"), 13);
        assert_eq!(estimated_tokens(""), 0);
        assert_eq!(estimated_tokens("|https://example.org/a|https://example.org/b|"), 12);
    }
}
