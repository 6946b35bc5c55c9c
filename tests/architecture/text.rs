//! Rust source as plain text: comments and literals blanked, code of tests removed, brackets matched.

/// The code with every comment, string and character literal replaced by spaces. Line numbers and offsets stay.
pub fn without_literals(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' | 'b' if !after_word => raw_string(rest).unwrap_or(0),
            '"' => string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// Bytes of the raw string that `text` begins with: `r"…"`, `br#"…"#`.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = if text.starts_with("br") { 2 } else { 1 };
    let body = text.get(prefix..)?.trim_start_matches('#');
    let hashes = text.len() - prefix - body.len();
    if !text[..prefix].ends_with('r') || !body.starts_with('"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(prefix + hashes + 1 + body[1..].find(&end)? + end.len())
}

/// Bytes of the string that `text` begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Bytes of the character literal that `text` begins with; 0 where it is a lifetime.
fn character(text: &str) -> usize {
    let inner = &text[1..];
    let end = match inner.strip_prefix('\\') {
        Some(escape) => escape.char_indices().skip(1).find(|(_, c)| *c == '\'').map(|(at, _)| at + 1),
        None => inner.chars().next().map(char::len_utf8).filter(|n| inner[*n..].starts_with('\'')),
    };
    end.map_or(0, |end| 1 + end + 1)
}

/// The code without the items that `#[cfg(test)]` stands before, which become blank lines.
pub fn without_tests(code: &str) -> String {
    const TEST: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(TEST) {
        let end = at + TEST.len() + item(&rest[at + TEST.len()..]);
        out.push_str(&rest[..at]);
        out.extend(rest[at..end].matches('\n'));
        rest = &rest[end..];
    }
    out + rest
}

/// Bytes of the item that `code` begins with: to its semicolon, or to the end of its block.
fn item(code: &str) -> usize {
    let mut at = 0;
    while let Some(found) = code[at..].find(['{', '(', '[', ';', ',']) {
        at += found;
        match &code[at..=at] {
            ";" | "," => return at + 1,
            "{" => return at + bracketed(&code[at..]),
            _ => at += bracketed(&code[at..]),
        }
    }
    code.len()
}

/// Bytes of the bracketed text that `code` begins with, both brackets included.
pub fn bracketed(code: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Bytes of the generic parameters that `code` begins with, `<` and `>` included.
pub fn generics(code: &str) -> usize {
    let mut depth = 0usize;
    let mut before = ' ';
    for (at, c) in code.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if !matches!(before, '-' | '=') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
        before = c;
    }
    code.len()
}

/// The parts of a list, cut at commas that stand in no bracket.
pub fn list(code: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut before) = (0usize, 0, ' ');
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if !matches!(before, '-' | '=') => depth -= 1,
            ',' if depth == 0 => {
                parts.push(code[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        before = c;
    }
    parts.push(code[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The identifier that `code` begins with.
pub fn identifier(code: &str) -> &str {
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    &code[..end]
}

/// Where a word stands alone.
pub fn words<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .filter(move |(at, _)| !code[..*at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part))
        .map(|(at, _)| at)
}

#[test]
fn literals_and_tests_are_not_code() {
    let source = r##"
fn a<'x>(c: char) { c == '(' || c == '\'' } // fn b()
const TEXT: &str = "\"fn c()"; const RAW: &str = r#"fn "d"()"#;
#[cfg(test)]
#[path = "x.rs"]
mod tests;
#[cfg(test)]
pub fn e(x: [u8; 3]) -> u8 { 1 }
fn f() {}
"##;
    let code = without_literals(source);
    assert_eq!(code.len(), source.len());
    let names: Vec<_> = words(&without_tests(&code), "fn").map(|at| code.len() - at).collect();
    assert_eq!(names.len(), 2, "{}", without_tests(&code));
    assert!(without_tests(&code).contains("fn a<'x>(c: char) { c ==     || c ==      }"));
    assert_eq!(without_tests(&code).lines().count(), source.lines().count());
}
