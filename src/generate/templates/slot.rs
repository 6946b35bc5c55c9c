//! `{slots}` of a template.

use crate::corpus::Language;
use crate::generate::grammar::lowered;

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::generate) enum Argument {
    /// The entity that is asked about.
    Entity,
    /// The second entity of a comparison.
    Other,
    /// The attribute's name.
    Attr,
    /// Of two hops, the attribute that leads from the entity to the next.
    Link,
    /// The attribute's name, which is a question.
    Question,
    /// The values, joined.
    Value,
    /// An answer's sentence, without its full stop, with the value that is asked about.
    Statement,
    /// As `Statement`, with the right value.
    Right,
    /// A statement without its entity: `is hosted by OVH`.
    Predicate,
    /// Yes or no.
    Verdict,
    /// The entities that have the value.
    Entities,
    Count,
    /// Of a comparison, the entity that is first, and its value.
    Winner,
    Winning,
    Loser,
    Losing,
    /// Every statement about the entity, one sentence each.
    Everything,
}

impl Argument {
    const NAMES: &[(&str, Self)] = &[
        ("entity", Self::Entity),
        ("other", Self::Other),
        ("attr", Self::Attr),
        ("link", Self::Link),
        ("question", Self::Question),
        ("value", Self::Value),
        ("statement", Self::Statement),
        ("right", Self::Right),
        ("predicate", Self::Predicate),
        ("verdict", Self::Verdict),
        ("entities", Self::Entities),
        ("count", Self::Count),
        ("winner", Self::Winner),
        ("winning", Self::Winning),
        ("loser", Self::Loser),
        ("losing", Self::Losing),
        ("everything", Self::Everything),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, argument)| *argument == self).map_or("", |(name, _)| name)
    }

    fn is_noun(self) -> bool {
        matches!(self, Self::Attr | Self::Link)
    }
}

/// What stands before the argument and agrees with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    /// `d'Orion`
    De,
    /// `qu'Orion`
    Que,
    /// `l'hébergeur`
    Le,
    /// `de l'hébergeur`
    Du,
    /// `quelle version`
    Quel,
    /// `quelles sont les technologies`
    QuelEst,
    /// `sont`; the noun itself is not written.
    Est,
    /// `the host`
    The,
    /// `what are the dependencies`
    WhatIs,
    /// `are`; the noun itself is not written.
    Is,
    /// `a` or `ont`, by how many entities there are; they themselves are not written.
    Ont,
    /// `ses` or `leurs`
    Leurs,
    /// `this has` or `these have`
    TheseHave,
    /// `its` or `their`
    Their,
}

impl Form {
    const FRENCH: &[(&str, Self)] = &[
        ("de", Self::De),
        ("que", Self::Que),
        ("le", Self::Le),
        ("du", Self::Du),
        ("quel", Self::Quel),
        ("quel est le", Self::QuelEst),
        ("est", Self::Est),
        ("ont", Self::Ont),
        ("leurs", Self::Leurs),
    ];
    const ENGLISH: &[(&str, Self)] = &[
        ("the", Self::The),
        ("what is the", Self::WhatIs),
        ("is", Self::Is),
        ("these have", Self::TheseHave),
        ("their", Self::Their),
    ];

    fn of(language: Language) -> &'static [(&'static str, Self)] {
        match language {
            Language::Fr => Self::FRENCH,
            Language::En => Self::ENGLISH,
        }
    }

    pub(super) fn name(self) -> &'static str {
        Self::FRENCH.iter().chain(Self::ENGLISH).find(|(_, form)| *form == self).map_or("", |(name, _)| name)
    }

    fn takes(self, argument: Argument) -> bool {
        match self {
            Self::Plain => true,
            Self::De | Self::Que => !argument.is_noun(),
            Self::Ont | Self::Leurs | Self::TheseHave | Self::Their => argument == Argument::Entities,
            _ => argument.is_noun(),
        }
    }

    /// Whether the argument itself is written.
    pub(super) fn writes_argument(self) -> bool {
        !matches!(self, Self::Est | Self::Is | Self::Ont | Self::Leurs | Self::TheseHave | Self::Their)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) form: Form,
    pub(super) argument: Argument,
    /// Begins with a capital, as the slot's name does.
    pub(super) capital: bool,
}

#[cfg(test)]
impl Slot {
    /// As it is written between the braces, in lower case.
    pub(super) fn name(self) -> String {
        named(self.form, self.argument)
    }
}

fn named(form: Form, argument: Argument) -> String {
    match form {
        Form::Plain => argument.name().to_owned(),
        form => format!("{} {}", form.name(), argument.name()),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Slot(Slot),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum SlotFault {
    /// The text between the braces.
    Unknown(String),
    Unclosed,
    /// A closing brace without an opening one.
    Unopened,
}

/// Every slot of these arguments that a template in this language may have.
pub(super) fn known(arguments: &[Argument], language: Language) -> Vec<String> {
    let forms = std::iter::once(Form::Plain).chain(Form::of(language).iter().map(|(_, form)| *form));
    let all = forms.flat_map(|form| arguments.iter().map(move |argument| (form, *argument)));
    all.filter(|(form, argument)| form.takes(*argument)).map(|(form, argument)| named(form, argument)).collect()
}

/// Cuts a template into its pieces. Braces can't be escaped: no sentence needs them.
pub(super) fn pieces(text: &str, arguments: &[Argument], language: Language) -> Result<Vec<Piece>, SlotFault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (literal, from) = rest.split_at(at);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        let inside = from.strip_prefix('{').ok_or(SlotFault::Unopened)?;
        let (name, behind) = inside.split_once('}').ok_or(SlotFault::Unclosed)?;
        let slot = slot(name, language).filter(|slot| arguments.contains(&slot.argument));
        pieces.push(Piece::Slot(slot.ok_or_else(|| SlotFault::Unknown(name.chars().take(60).collect()))?));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

fn slot(name: &str, language: Language) -> Option<Slot> {
    let lower = lowered(name);
    let (form, argument) = lower.rsplit_once(' ').map_or((None, lower.as_str()), |(form, name)| (Some(form), name));
    let argument = Argument::NAMES.iter().find(|(known, _)| *known == argument).map(|(_, argument)| *argument)?;
    let form = match form {
        None => Form::Plain,
        Some(form) => Form::of(language).iter().find(|(known, _)| *known == form).map(|(_, form)| *form)?,
    };
    form.takes(argument).then_some(Slot { form, argument, capital: lower != name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &[Argument] = &[Argument::Entity, Argument::Attr];

    #[test]
    fn templates_are_cut_at_their_slots() {
        let cut = pieces("{Quel est le attr} {de entity} ?", ASKED, Language::Fr).unwrap();
        let slot = |form, argument, capital| Piece::Slot(Slot { form, argument, capital });
        assert_eq!(
            cut,
            [
                slot(Form::QuelEst, Argument::Attr, true),
                Piece::Literal(" ".into()),
                slot(Form::De, Argument::Entity, false),
                Piece::Literal(" ?".into())
            ]
        );
    }

    #[test]
    fn unknown_slots_are_faults() {
        for (text, name) in [
            ("{entité} ?", "entité"),
            ("{value}", "value"),
            ("{the attr}", "the attr"),
            ("{le entity}", "le entity"),
            ("{de attr}", "de attr"),
            ("{}", ""),
            ("{ entity}", " entity"),
        ] {
            assert_eq!(pieces(text, ASKED, Language::Fr), Err(SlotFault::Unknown(name.into())), "{text}");
        }
        assert_eq!(pieces("a {entity", ASKED, Language::Fr), Err(SlotFault::Unclosed));
        assert_eq!(pieces("a entity}", ASKED, Language::Fr), Err(SlotFault::Unopened));
    }

    #[test]
    fn every_known_slot_is_read() {
        for language in Language::ALL {
            for name in known(ASKED, language) {
                let cut = pieces(&format!("{{{name}}}"), ASKED, language).unwrap();
                assert!(matches!(&cut[..], [Piece::Slot(slot)] if slot.name() == name), "{name}");
            }
        }
        assert_eq!(known(ASKED, Language::Fr).len(), 2 + 2 + 5);
    }
}
