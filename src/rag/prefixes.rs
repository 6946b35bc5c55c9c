//! The task prefixes that families of embedding models were trained with: the daemon adds none, and without them retrieval is
//! much worse.

use serde::{Deserialize, Serialize};

/// What stands before a text that is embedded. `{title}` is replaced by the chunk's title, or by `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefixes {
    pub query: String,
    pub document: String,
}

impl Prefixes {
    pub(super) fn of_query(&self, query: &str) -> String {
        format!("{}{query}", self.query.replace("{title}", "none"))
    }

    pub(super) fn of_document(&self, title: Option<&str>, text: &str) -> String {
        format!("{}{text}", self.document.replace("{title}", title.unwrap_or("none")))
    }
}

/// The prefixes of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPrefixes {
    pub prefixes: Prefixes,
    /// The row of the table; None: the model is unknown and gets no prefixes, which the user has to be told.
    pub family: Option<&'static str>,
}

struct Row {
    /// In the model's name, lower case.
    family: &'static str,
    query: &'static str,
    document: &'static str,
}

const PASSAGES: &str = "Represent this sentence for searching relevant passages: ";

/// The first row whose family the name holds is taken, so that the longer of two names stands first.
const TABLE: &[Row] = &[
    Row { family: "nomic-embed", query: "search_query: ", document: "search_document: " },
    Row { family: "embeddinggemma", query: "task: search result | query: ", document: "title: {title} | text: " },
    Row {
        family: "e5-mistral",
        query: "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
        document: "",
    },
    Row {
        family: "e5-large-instruct",
        query: "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
        document: "",
    },
    Row { family: "e5-", query: "query: ", document: "passage: " },
    Row { family: "mxbai-embed", query: PASSAGES, document: "" },
    Row { family: "snowflake-arctic-embed2", query: "query: ", document: "" },
    Row { family: "snowflake-arctic-embed", query: PASSAGES, document: "" },
    Row {
        family: "qwen3-embedding",
        query: "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
        document: "",
    },
    Row { family: "bge-m3", query: "", document: "" },
    Row { family: "bge-small", query: PASSAGES, document: "" },
    Row { family: "bge-base", query: PASSAGES, document: "" },
    Row { family: "bge-large", query: PASSAGES, document: "" },
    Row { family: "minilm", query: "", document: "" },
    Row { family: "paraphrase-multilingual", query: "", document: "" },
    Row { family: "granite-embedding", query: "", document: "" },
];

/// By the last part of the model's name (`nomic-embed-text:v1.5`, `hf.co/x/multilingual-e5-small`).
pub fn prefixes_of(model: &str) -> FoundPrefixes {
    let name = model.rsplit('/').next().unwrap_or(model).to_lowercase();
    match TABLE.iter().find(|row| name.contains(row.family)) {
        Some(row) => {
            let prefixes = Prefixes { query: row.query.to_owned(), document: row.document.to_owned() };
            FoundPrefixes { prefixes, family: Some(row.family) }
        }
        None => FoundPrefixes { prefixes: Prefixes::default(), family: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_found_by_name() {
        let found = |model| prefixes_of(model).prefixes;
        assert_eq!(found("nomic-embed-text:latest").of_query("qui ?"), "search_query: qui ?");
        let gemma = found("embeddinggemma:300m");
        assert_eq!(gemma.of_document(Some("GIDAF"), "x"), "title: GIDAF | text: x");
        assert_eq!(gemma.of_document(None, "x"), "title: none | text: x");
        assert_eq!(found("hf.co/intfloat/Multilingual-E5-small").of_document(None, "x"), "passage: x");
        assert_eq!(found("snowflake-arctic-embed2").query, "query: ");
        assert_eq!(found("snowflake-arctic-embed:33m").query, PASSAGES);
        assert_eq!((found("bge-m3").query.as_str(), found("bge-large").query.as_str()), ("", PASSAGES));
        assert_eq!(prefixes_of("all-minilm").family, Some("minilm"));
        assert_eq!(prefixes_of("mystery"), FoundPrefixes { prefixes: Prefixes::default(), family: None });
    }

    #[test]
    fn no_row_hides_a_later_one() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(!TABLE[..at].iter().any(|before| row.family.contains(before.family)), "{}", row.family);
        }
    }
}
