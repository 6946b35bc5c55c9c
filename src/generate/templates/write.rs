//! Sentences made of templates.

use std::borrow::Cow;

use crate::corpus::Language;
use crate::generate::Family;
use crate::generate::grammar::{EnglishNoun, Noun, capitalised, de, is_day, lowered, que};

use super::entry::Template;
use super::slot::{Argument, Form, Piece, Slot};

/// What the words of an attribute agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    French(Noun),
    English(EnglishNoun),
    /// No article stands before it, and sentences quote it.
    Unknown,
}

/// An attribute, as sentences call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) words: String,
    pub(super) agreement: Agreement,
}

/// What slots are filled with.
#[derive(Clone, Debug)]
pub(in crate::generate) struct Terms<'a> {
    pub(super) language: Language,
    pub(super) attr: Option<&'a Term>,
    pub(super) link: Option<&'a Term>,
    texts: Vec<(Argument, Cow<'a, str>)>,
    /// The value is a date: French writes `le` before a day.
    pub(super) is_date: bool,
    /// There is one entity in [`Argument::Entities`].
    pub(in crate::generate) is_single: bool,
}

impl<'a> Terms<'a> {
    pub(super) fn new(language: Language) -> Self {
        Self { language, attr: None, link: None, texts: Vec::new(), is_date: false, is_single: false }
    }

    pub(in crate::generate) fn with(mut self, argument: Argument, text: impl Into<Cow<'a, str>>) -> Self {
        self.texts.retain(|(known, _)| *known != argument);
        self.texts.push((argument, text.into()));
        self
    }

    fn text(&self, argument: Argument) -> Option<&str> {
        self.texts.iter().find(|(known, _)| *known == argument).map(|(_, text)| text.as_ref())
    }
}

impl Template {
    /// None: a slot has nothing to stand in it.
    pub(in crate::generate) fn render(&self, terms: &Terms<'_>) -> Option<String> {
        write(&self.pieces, terms, self.family == Family::Search)
    }

    /// As a sentence without its full stop. None: it is a label with a value (`Version of GIDAF: 2`).
    pub(in crate::generate) fn sentence(&self, terms: &Terms<'_>) -> Option<String> {
        let mut pieces = self.clause()?;
        without_stop(&mut pieces);
        write(&pieces, terms, false)
    }

    /// As part of a sentence: as [`Self::sentence`], without a capital that is not a name's.
    pub(in crate::generate) fn statement(&self, terms: &Terms<'_>) -> Option<String> {
        let mut pieces = self.clause()?;
        match pieces.first_mut() {
            Some(Piece::Literal(text)) => *text = lowered(text),
            Some(Piece::Slot(slot)) => slot.capital = false,
            None => {}
        }
        without_stop(&mut pieces);
        write(&pieces, terms, false)
    }

    /// What a statement says of its entity: `est hébergé par OVH` of `{entity} est hébergé par {value}.` None: it does not
    /// begin with the entity, or names it again.
    pub(in crate::generate) fn predicate(&self, terms: &Terms<'_>) -> Option<String> {
        let mut pieces = self.clause()?;
        if pieces.is_empty() || !is_entity(&pieces.remove(0)) || pieces.iter().any(is_entity) {
            return None;
        }
        match pieces.first_mut() {
            Some(Piece::Literal(text)) if text.starts_with(' ') => text.remove(0),
            _ => return None,
        };
        without_stop(&mut pieces);
        write(&pieces, terms, false)
    }
}

impl Template {
    /// None: a colon stands between a label and the value, so that no clause can be made of it.
    fn clause(&self) -> Option<Vec<Piece>> {
        let labelled = self.pieces.iter().any(|piece| matches!(piece, Piece::Literal(text) if text.contains(':')));
        (!labelled).then(|| self.pieces.clone())
    }
}

fn is_entity(piece: &Piece) -> bool {
    matches!(piece, Piece::Slot(Slot { argument: Argument::Entity, .. }))
}

fn without_stop(pieces: &mut [Piece]) {
    if let Some(Piece::Literal(text)) = pieces.last_mut()
        && text.ends_with('.')
    {
        text.pop();
    }
}

fn write(pieces: &[Piece], terms: &Terms<'_>, search: bool) -> Option<String> {
    let mut out = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(text) => {
                let before = i.checked_sub(1).and_then(|before| pieces.get(before));
                let text = if needs_no_stop(before, &out) { text.strip_prefix('.').unwrap_or(text) } else { text };
                match text.strip_prefix("'s").filter(|_| before.is_some_and(is_entity)) {
                    // `Expenses (Handbook)'s`
                    Some(_) if out.ends_with(')') => return None,
                    Some(rest) if out.ends_with('s') => out.extend(["'", rest]),
                    _ => out.push_str(text),
                }
            }
            Piece::Slot(slot) => {
                let filled = fill(*slot, terms, search)?;
                if !search && takes_le(*slot, &filled, terms) && is_behind_verb_or_noun(pieces, i) {
                    out.push_str("le ");
                }
                out.push_str(&if slot.capital { Cow::Owned(capitalised(&filled)) } else { filled });
            }
        }
    }
    Some(out)
}

/// Whether a full stop behind this piece is left out: the text ends with one.
fn needs_no_stop(before: Option<&Piece>, out: &str) -> bool {
    matches!(before, Some(Piece::Slot(_))) && out.ends_with(['.', '!', '?', '…'])
}

/// Whether French writes `le` before this in a sentence: a day, not a month or a year.
fn takes_le(slot: Slot, filled: &str, terms: &Terms<'_>) -> bool {
    terms.language == Language::Fr
        && terms.is_date
        && slot.argument == Argument::Value
        && slot.form == Form::Plain
        && is_day(filled)
}

/// Whether a slot follows a form of `être` (`la date est le 9 janvier 2017`) or the attribute (`a pour date de fin le 9
/// janvier 2017`), and is no label's (`Date de fin : 9 janvier 2017`).
fn is_behind_verb_or_noun(pieces: &[Piece], slot: usize) -> bool {
    let before = |n: usize| slot.checked_sub(n).and_then(|at| pieces.get(at));
    match before(1) {
        Some(Piece::Literal(text)) if text == " " => {
            matches!(before(2), Some(Piece::Slot(Slot { argument: Argument::Attr, .. })))
        }
        Some(Piece::Literal(text)) => {
            let last = text.strip_suffix(' ').and_then(|text| text.rsplit([' ', '\u{a0}']).next());
            matches!(last, Some("est" | "était" | "sera"))
        }
        _ => false,
    }
}

fn fill<'t>(slot: Slot, terms: &'t Terms<'_>, search: bool) -> Option<Cow<'t, str>> {
    let term = match slot.argument {
        Argument::Attr => terms.attr?,
        Argument::Link => terms.link?,
        other => {
            let text = terms.text(other)?;
            return Some(match slot.form {
                Form::De => Cow::Owned(de(text)),
                Form::Que => Cow::Owned(que(text)),
                Form::Ont => Cow::Borrowed(if terms.is_single { "a" } else { "ont" }),
                Form::Leurs => Cow::Borrowed(if terms.is_single { "ses" } else { "leurs" }),
                Form::TheseHave => Cow::Borrowed(if terms.is_single { "this has" } else { "these have" }),
                Form::Their => Cow::Borrowed(if terms.is_single { "its" } else { "their" }),
                _ => Cow::Borrowed(text),
            });
        }
    };
    Some(match (slot.form, term.agreement) {
        (Form::Plain, Agreement::Unknown) if search => Cow::Borrowed(&term.words),
        (Form::Plain, Agreement::French(_) | Agreement::English(_)) => Cow::Borrowed(&term.words),
        (form, Agreement::French(noun)) => french(form, noun, &term.words),
        (form, Agreement::English(noun)) => english(form, noun, &term.words),
        (form, Agreement::Unknown) => quoted(form, &term.words, terms.language),
    })
}

fn french(form: Form, noun: Noun, words: &str) -> Cow<'static, str> {
    match form {
        Form::Du => Cow::Owned(noun.du(words)),
        Form::Quel => Cow::Owned(noun.quel(words)),
        Form::QuelEst => Cow::Owned(noun.quel_est(words)),
        Form::Est => Cow::Borrowed(noun.est()),
        _ => Cow::Owned(noun.le(words)),
    }
}

fn english(form: Form, noun: EnglishNoun, words: &str) -> Cow<'static, str> {
    let is = if noun.plural { "are" } else { "is" };
    match form {
        Form::WhatIs => Cow::Owned(format!("what {is} the {words}")),
        Form::Is => Cow::Borrowed(is),
        _ => Cow::Owned(format!("the {words}")),
    }
}

/// Of a noun that nothing is known of.
fn quoted(form: Form, words: &str, language: Language) -> Cow<'static, str> {
    let quoted = match language {
        Language::Fr => format!("« {words} »"),
        Language::En => format!("\"{words}\""),
    };
    Cow::Owned(match form {
        Form::Du => format!("de {quoted}"),
        Form::Quel => format!("quelle valeur de {quoted}"),
        Form::QuelEst => format!("quelle est la valeur de {quoted}"),
        Form::WhatIs => format!("what is the value of {quoted}"),
        Form::Est => return Cow::Borrowed("est"),
        Form::Is => return Cow::Borrowed("is"),
        _ => quoted,
    })
}
