//! The `---` block at the start of a Markdown file: `key: value`, `key: [a, b]`, and `- item` lines below a key.

use super::error::slice;
use super::names::{Names, name_key};
use super::outline::trimmed;
use super::{Field, FieldForm, Span};

/// Keys for the program that makes pages out of the files, and about the page: they say nothing about the page's subject.
const IGNORED: &[&str] = &[
    "layout",
    "draft",
    "slug",
    "weight",
    "permalink",
    "toc",
    "template",
    "lang",
    "locale",
    "aliases",
    "sidebar",
    "sidebarposition",
    "id",
    "tag",
    "tags",
    "etiquettes",
    "keyword",
    "keywords",
    "motcle",
    "motscles",
    "category",
    "categories",
    "categorie",
];
/// Who wrote the page, and when: left out as well.
const PUBLISHING: &[&str] = &[
    "author",
    "authors",
    "auteur",
    "auteurs",
    "auteure",
    "autrice",
    "date",
    "lastmod",
    "lastmodified",
    "lastupdated",
    "publishdate",
    "published",
];

/// Whether a key says who wrote a page, or when: front matter may state it, and no fact is made of that.
pub fn is_of_publishing(key: &str) -> bool {
    PUBLISHING.contains(&name_key(key).as_str())
}

#[derive(Debug)]
pub(super) struct FrontMatter {
    /// The byte after it.
    pub(super) end: usize,
    pub(super) title: Option<String>,
    pub(super) fields: Vec<Field>,
}

pub(super) fn read(text: &str) -> Option<FrontMatter> {
    let first = text.split_inclusive('\n').next().filter(|line| line.trim_end() == "---")?;
    let mut at = first.len();
    let mut fields: Vec<Field> = Vec::new();
    // The key that `- item` lines belong to.
    let mut open: Option<Field> = None;
    for line in text.get(at..)?.split_inclusive('\n') {
        let span = trimmed(text, Span { start: at, end: at + line.len() });
        at += line.len();
        let content = slice(text, span);
        if content == "---" || content == "..." {
            fields.extend(open.take().filter(|field| !field.values.is_empty()));
            return Some(finished(at, fields));
        }
        match (content.strip_prefix("- "), &mut open) {
            (Some(item), Some(field)) => {
                let scalar = parts(item, false);
                push(text, field, Span { start: span.end - item.len(), end: span.end - item.len() + scalar.end });
            }
            (Some(_), None) => {}
            (None, _) => {
                fields.extend(open.take().filter(|field| !field.values.is_empty()));
                open = (!line.starts_with(char::is_whitespace)).then(|| key_line(text, span)).flatten();
            }
        }
    }
    None
}

/// A title is the document's; the other fields are about it.
fn finished(end: usize, fields: Vec<Field>) -> FrontMatter {
    let (titles, mut fields): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|field| matches!(name_key(&field.key).as_str(), "title" | "titre"));
    fields.retain(|field| {
        let key = name_key(&field.key);
        !IGNORED.contains(&key.as_str()) && !is_of_publishing(&key) && !Names::Technical.has(&key)
    });
    let title = titles.into_iter().next().and_then(|title| title.values.into_iter().next());
    fields.iter_mut().for_each(|field| field.entity.clone_from(&title));
    FrontMatter { end, title, fields }
}

fn key_line(text: &str, span: Span) -> Option<Field> {
    let (key, value) = slice(text, span).split_once(':')?;
    if key.is_empty() || key.starts_with('#') || !(value.is_empty() || value.starts_with(' ')) {
        return None;
    }
    let mut field = Field {
        entity: None,
        key: key.trim().to_owned(),
        values: Vec::new(),
        spans: Vec::new(),
        form: FieldForm::Record,
    };
    let start = span.end - value.len();
    let is_list = value.trim_start().starts_with('[');
    let Parts { commas, end } = parts(value, is_list);
    let value = trimmed(text, Span { start, end: start + end });
    match is_list && slice(text, value).ends_with(']') {
        true => {
            let mut at = value.start + 1;
            for end in commas.into_iter().map(|comma| start + comma).chain([value.end - 1]) {
                push(text, &mut field, Span { start: at, end });
                at = end + 1;
            }
        }
        false => push(text, &mut field, value),
    }
    Some(field)
}

/// Where a value ends before a comment, and the commas of a list; both outside of quotes.
struct Parts {
    commas: Vec<usize>,
    end: usize,
}

fn parts(value: &str, is_list: bool) -> Parts {
    let mut commas = Vec::new();
    let mut quote: Option<char> = None;
    // A quotation mark within a word is no quotation.
    let mut begins = true;
    let mut before = ' ';
    let mut chars = value.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match quote {
            // `\"` and `''` stand for the mark itself.
            Some('"') if c == '\\' => {
                chars.next();
            }
            Some('\'') if c == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
            }
            Some(mark) if c == mark => quote = None,
            Some(_) => {}
            None if begins && matches!(c, '"' | '\'') => quote = Some(c),
            None if c == '#' && before.is_whitespace() => return Parts { commas, end: at },
            None if c == ',' && is_list => commas.push(at),
            None => {}
        }
        begins = (begins && c.is_whitespace()) || (quote.is_none() && is_list && matches!(c, '[' | ','));
        before = c;
    }
    Parts { commas, end: value.len() }
}

/// A value without its quotation marks; one with escapes is left out.
fn push(text: &str, field: &mut Field, span: Span) {
    let mut span = trimmed(text, span);
    let value = slice(text, span);
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            span = Span { start: span.start + 1, end: span.start + 1 + inner.len() };
            if inner.contains([quote, '\\']) {
                return;
            }
        }
    }
    let value = slice(text, span);
    if !value.is_empty() && !matches!(value, "|" | ">" | "|-" | ">-" | "~" | "null" | "{}") {
        field.values.push(value.to_owned());
        field.spans.push(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lists_and_the_title_are_read() {
        let text = "---\ntitle: \"GIDAF : guide\"\nlayout: page\nowner: Jean Petit\nauteur: A\ntags: [x]\nMots-clés: y\ndate: 2024-01-02\nparts: [a, 'b c']\nhosts:\n  - one\n  - two\nx: |\n  y: z\n---\nBody\n";
        let front = read(text).unwrap();
        assert_eq!(front.title.as_deref(), Some("GIDAF : guide"));
        assert_eq!(&text[front.end..], "Body\n");
        let found: Vec<_> = front.fields.iter().map(|f| (f.key.as_str(), f.values.join("|"))).collect();
        assert_eq!(found, [("owner", "Jean Petit".into()), ("parts", "a|b c".into()), ("hosts", "one|two".into())]);
        for field in &front.fields {
            assert_eq!(field.entity, front.title);
            for (span, value) in field.spans.iter().zip(&field.values) {
                assert_eq!(slice(text, *span), value);
            }
        }
        let text = "---\nowner: Jean Petit  # depuis 2020\nhosts: [\"Lyon, FR\", Brest, 'l''île, là'] # two\nrefs: [a#1, 'b # c', \"d \\\" , # e\"]\n\
            places:\n  - \"Caen # nord\" # new\n  - l'île, # x\nempty: # nothing\nname: l'équipe \"A, # b\n---\n";
        let found: Vec<_> =
            read(text).unwrap().fields.iter().map(|f| format!("{}: {}", f.key, f.values.join("|"))).collect();
        assert_eq!(
            found,
            [
                "owner: Jean Petit",
                "hosts: Lyon, FR|Brest",
                "refs: a#1|b # c",
                "places: Caen # nord|l'île,",
                "name: l'équipe \"A,",
            ]
        );
        assert!(read("--- x\n").is_none() && read("---\na: b\n").is_none() && read("text").is_none());
    }
}
