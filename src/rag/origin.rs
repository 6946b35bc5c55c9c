//! What an index was asked for, so that its documents are found again and the same index can be made again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::corpus::{self, CorpusError, NamedPath};
use crate::store::Digest;

/// A file or folder that was named, so that its documents can be found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRoot {
    /// As it was named.
    pub named: String,
    /// The same, from the root of the file system.
    pub path: PathBuf,
}

/// The documents and the options of the command that made an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// What was named.
    pub roots: Vec<SourceRoot>,
    /// The files that were there, documents or not, by the names that they have as documents: one that had no text may have
    /// some later.
    pub files: BTreeMap<String, Digest>,
    /// Options of `rag index` with their values, `--output` left out.
    pub options: Vec<String>,
}

impl Origin {
    /// Of documents that are named now.
    pub fn new(roots: Vec<SourceRoot>, options: Vec<String>) -> Result<Self, CorpusError> {
        let origin = Self { roots, files: BTreeMap::new(), options };
        // The reading of the documents says of a file that it cannot be read.
        let mut files = BTreeMap::new();
        for (name, path) in origin.present()? {
            if let Ok(digest) = Digest::of_file(path) {
                files.insert(name, digest);
            }
        }
        Ok(Self { files, ..origin })
    }

    /// The command that makes the index again in `folder`, as a shell reads it.
    pub fn command(&self, folder: &Path) -> String {
        let folder = folder.to_string_lossy();
        let named = self.roots.iter().map(|root| root.named.as_str());
        let options = self.options.iter().map(String::as_str);
        let words = ["tunesmith", "rag", "index"].into_iter().chain(named).chain(options).chain(["--output", &folder]);
        words.map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// The files that are there now, by the names that they have as documents.
    pub(super) fn present(&self) -> Result<BTreeMap<String, PathBuf>, CorpusError> {
        let roots: Vec<NamedPath<'_>> =
            self.roots.iter().map(|root| NamedPath { named: &root.named, path: &root.path }).collect();
        corpus::named_files(&roots)
    }
}

/// A word of a command as a POSIX shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_./:=,@%+-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_quoted_for_a_shell() {
        let root = |named: &str| SourceRoot { named: named.to_owned(), path: named.into() };
        let origin = Origin {
            roots: vec![root("dd/é 1.md"), root("it's")],
            options: ["--query-prefix", "", "--doc-prefix", "passage: ", "--map", "text=a,title=b.c"]
                .map(str::to_owned)
                .into(),
            ..Origin::default()
        };
        let expected = "tunesmith rag index 'dd/é 1.md' 'it'\\''s' --query-prefix '' --doc-prefix 'passage: ' \
            --map text=a,title=b.c --output '$st'";
        assert_eq!(origin.command(Path::new("$st")), expected);
    }
}
