//! Which entity a field belongs to, before names are made unique.

use std::sync::Arc;

use super::Unit;
use super::heading_parts::{is_part, is_question};
use super::kind_fold::{collapsed, folded};
use super::read::stem;

/// An entity's title with what stands above it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) title: String,
    /// The title, folded.
    pub(super) title_key: String,
    /// Headings above it, outermost first.
    pub(super) parents: Vec<String>,
    pub(super) source: Arc<str>,
}

impl Place {
    /// Of a field with `entity` in a unit; None: nothing says what the field belongs to.
    pub(super) fn of(unit: &Unit, entity: Option<&str>) -> Option<Self> {
        let mut chain: Vec<String> = unit.path.iter().map(|h| clean(h)).filter(|h| !h.is_empty()).collect();
        for name in unit.title.as_deref().into_iter().chain(entity).map(clean).filter(|n| !n.is_empty()) {
            // One of the headings may be what the unit, or a list in it, is about: nothing below it stands above it.
            match chain.iter().position(|heading| folded(heading) == folded(&name)) {
                Some(heading) => chain.truncate(heading + 1),
                None => chain.push(name),
            }
        }
        let named = entity.is_some_and(|e| !e.trim().is_empty());
        while !named && chain.len() > 1 && chain.last().is_some_and(|h| is_part(h) || is_question(h)) {
            chain.pop();
        }
        // Below a question alone, the source is what it is about.
        if let [only] = chain.as_mut_slice()
            && !named
            && is_question(only)
        {
            stem(&unit.source).clone_into(only);
        }
        let title = chain.pop()?;
        Some(Self { title_key: folded(&title), title, parents: chain, source: unit.source.clone() })
    }

    /// Of a name below headings.
    pub(super) fn named(title: &str, parents: Vec<String>, unit: &Unit) -> Self {
        Self { title: title.to_owned(), title_key: folded(title), parents, source: unit.source.clone() }
    }

    /// The last `count` headings above the title.
    pub(super) fn nearest(&self, count: usize) -> &[String] {
        self.parents.get(self.parents.len().saturating_sub(count)..).unwrap_or_default()
    }
}

/// A heading without emphasis, numbering (`3.`, `2.1)`) and a last colon.
pub(super) fn clean(heading: &str) -> String {
    let text = heading.trim().trim_matches(|c: char| matches!(c, '*' | '_' | '`' | '#') || c.is_whitespace());
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(0);
    let numbering = text.get(..digits).unwrap_or_default();
    let rest = text.get(digits..).unwrap_or_default();
    let ends = numbering.ends_with('.') || rest.starts_with(')');
    let rest = rest.strip_prefix(')').unwrap_or(rest);
    let is_numbered = digits > 0 && ends && rest.starts_with(char::is_whitespace) && !rest.trim().is_empty();
    collapsed(if is_numbered { rest } else { text }.trim_end_matches([':', ' ', '\u{a0}', '\u{202f}']))
}
