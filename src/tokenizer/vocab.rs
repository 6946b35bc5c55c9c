//! What a tokenizer consists of, wherever it came from.

use super::TokenizerError;

/// GGUF's token types (`tokenizer.ggml.token_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl Kind {
    pub(super) fn from_number(n: i64) -> Option<Self> {
        Some(match n {
            // 0 is "undefined", which llama.cpp treats as a normal token.
            0 | 1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }

    pub(super) fn number(self) -> i32 {
        match self {
            Self::Normal => 1,
            Self::Unknown => 2,
            Self::Control => 3,
            Self::UserDefined => 4,
            Self::Unused => 5,
            Self::Byte => 6,
        }
    }

    /// Cut out of a text before the model sees the rest (llama.cpp's `tokenizer_st_partition` with `parse_special`).
    pub(super) fn is_added(self) -> bool {
        matches!(self, Self::Unknown | Self::Control | Self::UserDefined)
    }
}

/// How pieces are made of text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Model {
    /// GPT-2's byte-level BPE; `pre` is llama.cpp's name of the pre-tokenizer, where it is known.
    ByteLevel { pre: Option<&'static str>, merges: Vec<(String, String)> },
    /// SentencePiece's BPE: the higher score is merged first.
    Spm { scores: Vec<f32>, space_prefix: bool },
}

/// Tokens by id, and the rules.
#[derive(Clone, Debug)]
pub(super) struct Vocab {
    pub tokens: Vec<String>,
    pub kinds: Vec<Kind>,
    pub model: Model,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub unknown: Option<u32>,
    pub padding: Option<u32>,
    /// End-of-turn, end-of-message and whatever else the source calls an end.
    pub ends: Vec<u32>,
    pub add_bos: bool,
    pub add_eos: bool,
}

impl Vocab {
    /// Ids in range, merges that tokens can hold, and the types that every text of an end-of-turn token has in llama.cpp.
    pub(super) fn settle(mut self, source: &str) -> Result<Self, TokenizerError> {
        let n = self.tokens.len();
        let bad = |reason: String| Err(TokenizerError::Bad(source.to_owned(), reason));
        if n == 0 || u32::try_from(n).is_err() {
            return bad(format!("its vocabulary holds {n} tokens"));
        }
        if self.kinds.len() != n {
            return bad(format!("it has {n} tokens but {} token types", self.kinds.len()));
        }
        if let Model::ByteLevel { merges, .. } = &self.model
            && let Some(reason) = too_long(self.tokens.iter().map(String::as_str), merges)
        {
            return bad(reason);
        }
        for (what, id) in [("bos", self.bos), ("eos", self.eos), ("unknown", self.unknown)] {
            if let Some(id) = id.filter(|id| *id as usize >= n) {
                return bad(format!("its {what} token is {id}, but there are only {n} tokens"));
            }
        }
        for (token, kind) in self.tokens.iter().zip(&mut self.kinds) {
            if *kind == Kind::Normal && super::ends::is_end_text(token) {
                *kind = Kind::Control;
            }
        }
        self.ends.retain(|id| (*id as usize) < n);
        self.padding = self.padding.filter(|id| (*id as usize) < n);
        self.add_bos &= self.bos.is_some();
        self.add_eos &= self.eos.is_some();
        Ok(self)
    }
}

impl Vocab {
    /// The vocabulary for an embedding of so many rows, and the texts of the added tokens that have none. Such a token is
    /// a pad token as a rule, added for a training whose embedding was not resized: that does no harm where no text makes
    /// it. A token that ends or begins a text needs its row.
    pub(super) fn within(mut self, rows: usize, source: &str) -> Result<(Self, Vec<String>), TokenizerError> {
        if self.tokens.len() <= rows {
            return Ok((self, Vec::new()));
        }
        let bad = |reason: String| TokenizerError::Bad(source.to_owned(), reason);
        let ordinary = self.kinds[rows..].iter().position(|k| matches!(k, Kind::Normal | Kind::Byte));
        if let Some(at) = ordinary {
            return Err(bad(format!(
                "the tokenizer has {} tokens ({:?} has the id {}), but the embedding has {rows} rows: they belong to \
                 different models",
                self.tokens.len(),
                self.tokens[rows + at],
                rows + at
            )));
        }
        for (what, id) in [("bos", self.bos), ("eos", self.eos), ("unknown", self.unknown)] {
            if let Some(id) = id.filter(|id| *id as usize >= rows) {
                return Err(bad(format!(
                    "the {what} token {:?} has the id {id}, but the embedding has {rows} rows: it was added to the \
                     tokenizer and the embedding was not resized: resize it with \
                     transformers (model.resize_token_embeddings) and save the model",
                    self.tokens[id as usize]
                )));
            }
        }
        let beyond = self.tokens.split_off(rows);
        self.kinds.truncate(rows);
        if let Model::Spm { scores, .. } = &mut self.model {
            scores.truncate(rows);
        }
        self.ends.retain(|id| (*id as usize) < rows);
        self.padding = self.padding.filter(|id| (*id as usize) < rows);
        Ok((self, beyond))
    }
}

/// The first merge that is longer than every token, as a message: the library panics at one whose parts are tokens.
pub(super) fn too_long<'t>(tokens: impl Iterator<Item = &'t str>, merges: &[(String, String)]) -> Option<String> {
    let longest = tokens.map(str::len).max().unwrap_or(0);
    let (l, r) = merges.iter().find(|(l, r)| l.len() + r.len() > longest)?;
    Some(format!("the merge {l:?} {r:?} makes none of its tokens"))
}
