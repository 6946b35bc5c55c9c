//! The styles of a DOCX file: which are headings, and which hide text.

use std::collections::{BTreeMap, BTreeSet};

use super::xml::{XmlToken, attribute, is_on};

/// Levels of headings that Markdown has.
const MAX_LEVEL: usize = 6;

/// Which paragraph styles are headings, by their names: their ids are translated. Which styles hide text.
#[derive(Default)]
pub(super) struct Styles {
    pub(super) levels: BTreeMap<String, usize>,
    pub(super) hidden: BTreeSet<String>,
    /// The id of the style that is read.
    style: Option<String>,
}

impl Styles {
    pub(super) fn token(&mut self, token: XmlToken<'_>) {
        let (XmlToken::Start(start) | XmlToken::Empty(start)) = token else { return };
        match start.local_name().as_ref() {
            "style" => self.style = attribute(start, "styleId"),
            "vanish" if is_on(start) => self.hidden.extend(self.style.clone()),
            "name" => {
                let name = attribute(start, "val").unwrap_or_default().to_lowercase();
                if let (Some(level), Some(style)) = (heading_level(&name), self.style.clone()) {
                    self.levels.insert(style, level);
                }
            }
            _ => {}
        }
    }
}

fn heading_level(name: &str) -> Option<usize> {
    if matches!(name, "title" | "titre") {
        return Some(1);
    }
    let number = ["heading ", "titre ", "heading", "titre"].iter().find_map(|prefix| name.strip_prefix(prefix))?;
    number.parse().ok().filter(|level| (1..=9).contains(level)).map(|level: usize| level.min(MAX_LEVEL))
}
