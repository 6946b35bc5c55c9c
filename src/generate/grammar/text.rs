//! Text made comparable, and words made of attribute names.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::corpus::{Language, written_out};

/// Lower case, without accents; runs of what is neither letter nor digit become one space.
pub(in crate::generate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            push_folded(c.to_ascii_lowercase(), &mut out);
        } else {
            let letters = std::iter::once(c).nfkd().filter(|c| !is_combining_mark(*c));
            letters.flat_map(char::to_lowercase).for_each(|c| push_folded(c, &mut out));
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn push_folded(c: char, out: &mut String) {
    if let Some(letters) = written_out(c) {
        out.push_str(letters);
        return;
    }
    match c {
        c if c.is_alphanumeric() => out.push(c),
        _ if out.is_empty() || out.ends_with(' ') => {}
        _ => out.push(' '),
    }
}

/// An attribute's name as words of a sentence: `dateCreation` → `date creation`, `Hébergeur` → `hébergeur`; acronyms stay.
pub(in crate::generate) fn shown(attribute: &str) -> String {
    let mut out = String::with_capacity(attribute.len() + 4);
    let mut before = ' ';
    for c in attribute.chars() {
        match c {
            '.' if !before.is_ascii_digit() => push_space(&mut out),
            c if c == '_' || c.is_whitespace() => push_space(&mut out),
            c => {
                if c.is_uppercase() && before.is_lowercase() {
                    push_space(&mut out);
                }
                out.push(c);
            }
        }
        before = c;
    }
    let words: Vec<_> = out.trim_end().split(' ').filter(|w| !w.is_empty()).map(without_capital).collect();
    words.join(" ")
}

fn push_space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// Words with a second capital or a digit are acronyms and names: `URL`, `LaTeX`, `H2`.
fn without_capital(word: &str) -> String {
    let named = word.chars().skip(1).any(|c| c.is_uppercase() || c.is_ascii_digit());
    if named || word.chars().count() < 2 { word.to_owned() } else { lowered(word) }
}

/// With its first letter in lower case.
pub(in crate::generate) fn lowered(text: &str) -> String {
    with_first(text, |c| c.to_lowercase().collect())
}

/// With its first letter in upper case.
pub(in crate::generate) fn capitalised(text: &str) -> String {
    with_first(text, |c| c.to_uppercase().collect())
}

fn with_first(text: &str, change: impl Fn(char) -> String) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| change(first) + chars.as_str())
}

/// `a, b et c`, `a, b and c`.
pub(in crate::generate) fn joined<S: AsRef<str>>(values: &[S], language: Language) -> String {
    let and = match language {
        Language::Fr => " et ",
        Language::En => " and ",
    };
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push_str(if i + 1 == values.len() { and } else { ", " });
        }
        out.push_str(value.as_ref());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_names_become_words() {
        for (attribute, words) in [
            ("Hébergeur", "hébergeur"),
            ("date_de_création", "date de création"),
            ("dateCreation", "date creation"),
            ("Installed-Size", "Installed-Size"),
            ("metadata.owner", "metadata owner"),
            ("URL", "URL"),
            ("API Key", "API key"),
            ("version 2.1", "version 2.1"),
            ("  Nombre   d'utilisateurs ", "nombre d'utilisateurs"),
            ("Éditeur", "éditeur"),
            ("X", "X"),
            ("", ""),
            ("_", ""),
        ] {
            assert_eq!(shown(attribute), words, "{attribute:?}");
        }
    }

    #[test]
    fn folding_leaves_letters_and_digits() {
        assert_eq!(folded("  L'Hébergeur (n° 1) — ŒUVRE !"), "l hebergeur n 1 oeuvre");
        assert_eq!(folded("Straße_Ø"), "strasse o");
        assert_eq!(folded("…"), "");
    }

    #[test]
    fn lists_are_joined() {
        let letters = ["a", "b", "c"];
        assert_eq!(joined(&letters, Language::Fr), "a, b et c");
        assert_eq!(joined(&letters[..2], Language::En), "a and b");
        assert_eq!(joined(&letters[..1], Language::En), "a");
        assert_eq!(joined::<&str>(&[], Language::En), "");
    }
}
