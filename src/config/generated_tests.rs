//! Files of the repository that are made from the code, compared with what the code makes.

use std::path::Path;

/// Compares the file at `path` (from the root of the repository) with `text`; with `UPDATE=1`, writes it.
pub(crate) fn check(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let difference = found.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = difference.unwrap_or(found.lines().count().min(text.lines().count()));
    assert!(
        found == text,
        "{path} is not what the code makes of it, from line {}:\n  committed: {:?}\n  made:      {:?}\nmake it again: UPDATE=1 INSTA_UPDATE=always cargo test --lib documents",
        line + 1,
        found.lines().nth(line),
        text.lines().nth(line),
    );
}

/// The text in lines of at most `width` characters, where its words allow.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
