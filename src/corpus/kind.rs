//! What a value is, and its one notation for comparison.

use super::Kind;
use super::kind_contact::{holds_email, is_hash, is_phone, is_url};
use super::kind_date::{is_year, iso_date};
use super::kind_fold::folded;
use super::kind_name::{is_organisation, is_person};
use super::kind_number::{normalised_quantity, quantity};
use super::names::{Names, name_key};

/// In characters; what is longer is free text.
pub const LONGEST_VALUE: usize = 300;
/// In bytes, in UTF-8: no character has more than four.
const SURELY_SHORT: usize = LONGEST_VALUE;

/// Folded words for true and for false.
const TRUE: &[&str] = &["oui", "yes", "true", "vrai"];
const FALSE: &[&str] = &["non", "no", "false", "faux"];

/// Words of an attribute's key, for a telephone number.
const PHONE: &[&str] = &["tel", "telephone", "phone", "mobile", "fax", "portable"];
/// For the extension of a telephone, which has few digits.
const EXTENSION: &[&str] = &["extension", "ext", "poste"];
/// What may stand beside these words.
const NUMBERING: &[&str] = &["numero", "number", "no", "num", "de", "interne", "internal", "direct", "line", "ligne"];
const URL: &[&str] = &["url", "site", "lien", "link", "homepage", "website", "adresse", "address", "uri"];
const VERSION: &[&str] = &["version", "release", "revision"];
const DATE: &[&str] = &["date", "annee", "year", "depuis", "since", "created", "released", "creation", "debut", "fin"];
/// Words of a key whose value identifies the record, not what it describes.
const IDENTIFIER: &[&str] =
    &["id", "ids", "uuid", "guid", "hash", "sha", "sha1", "sha256", "md5", "md5sum", "checksum", "digest", "etag"];

/// What one value is.
#[derive(Debug, PartialEq)]
pub(super) struct Typed {
    pub(super) kind: Kind,
    /// Of a number or an amount of money, as written.
    pub(super) measure: Option<String>,
}

/// Of one value, by the folded key of its attribute and by its form. Enumerations cannot be told from one value.
pub(super) fn typed(key: &str, value: &str) -> Typed {
    let value = value.trim();
    let of = |kind| Typed { kind, measure: None };
    if is_long(value) {
        return of(if holds_email(value) { Kind::Contact } else { Kind::Text });
    }
    let has = |words: &[&str]| key.split(' ').any(|w| words.contains(&w));
    if let Some(kind) = by_form(key, value) {
        return of(kind);
    }
    let is_date = iso_date(value).is_some() || (is_year(value) && has(DATE));
    if has(VERSION) && is_version_number(value) && !(has(DATE) && is_date) {
        return of(Kind::Version);
    }
    if is_date {
        return of(Kind::Date);
    }
    if is_version_form(value) {
        return of(Kind::Version);
    }
    if let Some(quantity) = quantity(value) {
        let kind = if quantity.currency.is_some() { Kind::Money } else { Kind::Number };
        return Typed { kind, measure: quantity.measure };
    }
    of(if is_person(key, value) {
        Kind::Person
    } else if is_organisation(key, value) {
        Kind::Organisation
    } else {
        Kind::Text
    })
}

/// Contacts, URLs, identifiers and booleans.
fn by_form(key: &str, value: &str) -> Option<Kind> {
    let has = |words: &[&str]| key.split(' ').any(|w| words.contains(&w));
    let is_contact = holds_email(value) || (iso_date(value).is_none() && is_phone(value, has(PHONE)));
    if is_contact || is_extension(key, value) {
        return Some(Kind::Contact);
    }
    let names_record = names_record(key);
    let is_identifier = has(IDENTIFIER) || names_record || is_hash(value);
    if is_url(value, has(URL)) && !names_record {
        return Some(Kind::Url);
    }
    if is_identifier {
        return Some(Kind::Identifier);
    }
    truth(value).map(|_| Kind::Boolean)
}

/// `ext. 4512` anywhere, `x4512` alone, and `212` under an attribute that is called a telephone or an extension, and nothing
/// else.
fn is_extension(key: &str, value: &str) -> bool {
    let value = folded(value);
    let of_extension = |text: &str| (3..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let mut words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    let mut is_named = false;
    while let Some(word) = words.next() {
        let joined = EXTENSION.iter().find_map(|name| word.strip_prefix(name)).is_some_and(of_extension);
        is_named |= joined || (EXTENSION.contains(&word) && words.peek().is_some_and(|next| of_extension(next)));
    }
    is_named || value.strip_prefix('x').is_some_and(of_extension) || is_number_of_extension(key, &value, of_extension)
}

fn is_number_of_extension(key: &str, value: &str, of_extension: impl Fn(&str) -> bool) -> bool {
    let words = || key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let telephones = |word: &str| PHONE.contains(&word) || EXTENSION.contains(&word);
    let named = words().any(telephones) && words().all(|word| telephones(word) || NUMBERING.contains(&word));
    named && of_extension(value.trim_start_matches(['.', ' ', ':', '#']))
}

/// Whether a whole key says which record it is, or where it comes from.
fn names_record(key: &str) -> bool {
    let key = name_key(key);
    let is_address = URL.contains(&key.as_str());
    !is_address && [Names::Id, Names::Source, Names::Technical, Names::Vector].iter().any(|names| names.has(&key))
}

/// Whether a value is free text by its length, so that it is not asked as a single value.
pub(super) fn is_long(value: &str) -> bool {
    value.len() > SURELY_SHORT && value.chars().count() > LONGEST_VALUE
}

fn truth(value: &str) -> Option<bool> {
    if value.len() > 5 {
        return None;
    }
    let value = folded(value);
    if TRUE.contains(&value.as_str()) {
        return Some(true);
    }
    FALSE.contains(&value.as_str()).then_some(false)
}

/// `3.2`, `v3`, `2024.1-beta`, under an attribute that says version.
fn is_version_number(value: &str) -> bool {
    let number = without_v(value);
    let allowed = |c: char| c.is_alphanumeric() || " .-+~_()".contains(c);
    number.starts_with(|c: char| c.is_ascii_digit()) && value.chars().count() <= 30 && value.chars().all(allowed)
}

/// `1.2.3` and `v1.2`, under any attribute.
fn is_version_form(value: &str) -> bool {
    let number = value.strip_prefix(['v', 'V']).unwrap_or(value);
    let end = number.find(['-', '+', '~']).unwrap_or(number.len());
    let parts = number[..end].split('.').collect::<Vec<_>>();
    let digits = parts.iter().all(|p| !p.is_empty() && p.len() <= 8 && p.bytes().all(|b| b.is_ascii_digit()));
    let tail = number[end..].chars().all(|c| c.is_ascii_alphanumeric() || ".-+~".contains(c));
    let is_grouped = parts.iter().skip(1).all(|p| p.len() == 3);
    let enough = if number.len() < value.len() { true } else { parts.len() >= 3 && !is_grouped };
    digits && tail && enough
}

fn without_v(value: &str) -> &str {
    let value = value.strip_prefix("version").or_else(|| value.strip_prefix("Version")).unwrap_or(value);
    let value = value.trim_start();
    value.strip_prefix(['v', 'V']).unwrap_or(value)
}

/// One notation for one value: `1 024,5` and `1,024.5` are `1024.5`, `28/12/2024` is `2024-12-28`, `oui` is `true`; case,
/// accents and a last full stop do not count. What has no such form is folded.
pub fn normalised(value: &str, kind: Kind) -> String {
    let value = value.trim();
    let form = match kind {
        Kind::Number | Kind::Money => normalised_quantity(value),
        Kind::Date => iso_date(value),
        Kind::Boolean => truth(value).map(|t| t.to_string()),
        Kind::Version => Some(folded(without_v(value))),
        Kind::Url => Some(url(value)),
        Kind::Contact if is_phone(value, true) => {
            Some(value.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect())
        }
        _ => None,
    };
    form.unwrap_or_else(|| folded(value).trim_end_matches(['.', ' ']).to_owned())
}

/// Scheme and host have no case; a last slash does not count.
fn url(value: &str) -> String {
    let value = value.trim_end_matches('/');
    let host = value.find("://").map_or(0, |at| at + 3);
    let end = value[host..].find('/').map_or(value.len(), |at| host + at);
    format!("{}{}", value[..end].to_lowercase(), &value[end..])
}

#[cfg(test)]
#[path = "kind_tests.rs"]
mod tests;
