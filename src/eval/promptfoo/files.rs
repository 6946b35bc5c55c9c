//! The files that a promptfoo configuration names (`file://…`). They must lie in its folder once every symbolic link is followed:
//! the configuration may be a stranger's, and what is read goes to the daemon.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::dataset::decoded_text;
use crate::input;
use crate::store::{Digest, FileAction, MAX_TEXT, read_regular};

/// Before the path of a file.
const SCHEME: &str = "file://";
/// Files of one configuration, at most.
const MOST_FILES: usize = 1000;
/// Files that promptfoo would run.
const SCRIPTS: &[&str] = &["js", "cjs", "mjs", "ts", "cts", "mts", "py", "rb", "sh", "bash", "pl"];

/// A file that was read.
#[derive(Clone)]
pub(super) struct NamedFile {
    /// As the configuration names it, without the scheme.
    pub name: Arc<str>,
    pub text: Arc<str>,
    /// In lower case.
    pub extension: String,
}

/// Reads files of one folder, each once; remembers what was read.
pub(super) struct Files {
    /// None: there is no folder, and no file is read.
    folder: Option<PathBuf>,
    read: BTreeMap<PathBuf, ReadFile>,
    /// Bytes that may still be read.
    left: u64,
}

struct ReadFile {
    text: Arc<str>,
    digest: Digest,
}

/// The path of a text that names a file.
pub(super) fn path_of(text: &str) -> Option<&str> {
    text.trim().strip_prefix(SCHEME)
}

/// The scheme of a text that is one address (`https://…`, `exec:…`, `langfuse://…`) and no words.
pub(super) fn other_scheme(text: &str) -> Option<&str> {
    let text = text.trim();
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_address = is_scheme && (scheme == "exec" || (rest.starts_with("//") && !text.contains(char::is_whitespace)));
    is_address.then_some(scheme)
}

impl Files {
    /// Those beside the suite `path`, which has `used` bytes itself.
    pub(super) fn beside(path: &Path, used: usize) -> Self {
        let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        let folder = folder.and_then(|folder| folder.canonicalize().ok());
        Self { folder, read: BTreeMap::new(), left: MAX_TEXT.saturating_sub(used as u64) }
    }

    /// Where no file may be read.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { folder: None, read: BTreeMap::new(), left: 0 }
    }

    /// Reads the file of a path that stood behind `file://`.
    pub(super) fn read(&mut self, named: &str) -> Result<NamedFile, String> {
        let found = self.find(named)?;
        let extension = Path::new(named).extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if SCRIPTS.contains(&extension.split(':').next().unwrap_or_default()) {
            return Err(format!("{named} is a script, which is not run; write what it would give into a file"));
        }
        let name: Arc<str> = named.into();
        if let Some(read) = self.read.get(&found) {
            return Ok(NamedFile { name, text: Arc::clone(&read.text), extension });
        }
        if self.read.len() == MOST_FILES {
            return Err(format!("{named} is one file too many; at most {MOST_FILES} are read"));
        }
        // The resolved path: a link that is exchanged meanwhile is not followed elsewhere.
        let bytes = read_regular(FileAction::Reading("a file of the suite"), &found, self.left)
            .map_err(|e| format!("{named}: {} (all files of a suite together may have {MAX_TEXT} bytes)", e.source))?;
        self.left -= bytes.len() as u64;
        let digest = Digest::of_bytes(&bytes);
        let text: Arc<str> = decoded_text(bytes).map_err(|what| format!("{named}: {what}"))?.into();
        self.read.insert(found, ReadFile { text: Arc::clone(&text), digest });
        Ok(NamedFile { name, text, extension })
    }

    fn find(&self, named: &str) -> Result<PathBuf, String> {
        let Some(folder) = &self.folder else {
            return Err(format!("{named} is a file, and the suite has no folder to read files from"));
        };
        let outside = || {
            format!(
                "{named} lies outside the folder of the suite, so it is not read; copy it beside the suite, and write file://NAME"
            )
        };
        let path = Path::new(named);
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if named.is_empty() || !path.components().all(is_inside) || named.contains('\\') {
            return Err(if named.is_empty() { "file:// names no file".to_owned() } else { outside() });
        }
        let found = match folder.join(path).canonicalize() {
            Ok(found) => found,
            Err(_) if named.contains('*') => {
                return Err(format!("{named}: patterns of files are not read; name each file"));
            }
            Err(e) => return Err(format!("{named} in the folder of the suite can't be read: {e}")),
        };
        if found.starts_with(folder) { Ok(found) } else { Err(outside()) }
    }

    /// The value that a variable or an assertion gets from a file: YAML and JSON are read as such where `structured`.
    pub(super) fn value(&mut self, named: &str, structured: bool) -> Result<Value, String> {
        let file = self.read(named)?;
        match file.extension.as_str() {
            "json" | "yaml" | "yml" if structured => file.structure(),
            "yaml" | "yml" => file.structure().map(|value| json!(value.to_string())),
            _ => Ok(json!(file.text.trim())),
        }
    }

    /// Of the configuration's text and the bytes of every file that was read.
    pub(super) fn digest(&self, text: &str) -> Digest {
        let own = Digest::of_bytes(text.as_bytes());
        if self.read.is_empty() {
            return own;
        }
        let name = |path: &PathBuf| {
            let inside = self.folder.as_deref().and_then(|folder| path.strip_prefix(folder).ok());
            inside.unwrap_or(path).to_string_lossy().into_owned()
        };
        let files: BTreeMap<String, String> =
            self.read.iter().map(|(path, read)| (name(path), read.digest.to_string())).collect();
        let all = json!({"version": 1, "suite": own.to_string(), "files": files});
        Digest::of_bytes(all.to_string().as_bytes())
    }
}

impl NamedFile {
    /// As YAML, which JSON is.
    pub(super) fn structure(&self) -> Result<Value, String> {
        let value = input::parse(&self.text).map_err(|what| format!("{}: {what}", self.name))?;
        serde_json::to_value(value).map_err(|e| format!("{}: {e}", self.name))
    }
}
