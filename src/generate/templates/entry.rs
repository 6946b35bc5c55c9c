//! What a template file holds.

use std::sync::Arc;

use crate::corpus::{Fact, Kind};
use crate::generate::Family;
use crate::generate::grammar::folded;

use super::slot::{Argument, Piece};

/// What a shape or an attribute without an entry of its own is worded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::generate) enum Frame {
    /// A fact whose attribute's noun is known.
    Noun,
    /// A fact whose attribute's noun is not known: no article stands before it.
    Neutral,
    /// A fact whose attribute is a question of the document's own.
    Question,
    Boolean,
    Reverse,
    Count,
    Highest,
    Lowest,
    Earliest,
    Latest,
    TwoHop,
    Everything,
}

impl Frame {
    pub(super) const NAMES: &[(&str, Self)] = &[
        ("noun", Self::Noun),
        ("neutral", Self::Neutral),
        ("question", Self::Question),
        ("boolean", Self::Boolean),
        ("reverse", Self::Reverse),
        ("count", Self::Count),
        ("highest", Self::Highest),
        ("lowest", Self::Lowest),
        ("earliest", Self::Earliest),
        ("latest", Self::Latest),
        ("two_hop", Self::TwoHop),
        ("everything", Self::Everything),
    ];

    pub(in crate::generate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, frame)| *frame == self).map_or("", |(name, _)| name)
    }

    /// What a question may hold; one of the first list's has to be in it.
    pub(super) fn question(self) -> Allowed {
        use Argument as A;
        let (needed, also): (&[A], &[A]) = match self {
            Self::Noun | Self::Neutral => (&[A::Entity], &[A::Attr]),
            Self::Question => (&[A::Question], &[A::Entity]),
            Self::Boolean => (&[A::Statement, A::Value], &[A::Entity, A::Attr]),
            Self::Reverse | Self::Count => (&[A::Value, A::Predicate], &[A::Attr]),
            Self::Highest | Self::Lowest | Self::Earliest | Self::Latest => (&[A::Entity], &[A::Other, A::Attr]),
            Self::TwoHop => (&[A::Entity], &[A::Attr, A::Link]),
            Self::Everything => (&[A::Entity], &[]),
        };
        Allowed { needed, also }
    }

    /// As [`Self::question`], of an answer.
    pub(super) fn answer(self) -> Allowed {
        use Argument as A;
        let (needed, also): (&[A], &[A]) = match self {
            Self::Noun | Self::Neutral => (&[A::Value], &[A::Entity, A::Attr]),
            Self::Question => (&[A::Value], &[A::Entity]),
            Self::Boolean => (&[A::Verdict], &[A::Right, A::Entity, A::Attr]),
            Self::Reverse => (&[A::Entities], &[A::Value, A::Attr]),
            Self::Count => (&[A::Count], &[A::Value, A::Attr]),
            Self::Highest | Self::Lowest | Self::Earliest | Self::Latest => {
                (&[A::Winner], &[A::Winning, A::Loser, A::Losing, A::Attr])
            }
            Self::TwoHop => (&[A::Right], &[A::Statement, A::Entity, A::Attr, A::Link]),
            Self::Everything => (&[A::Everything], &[A::Entity]),
        };
        Allowed { needed, also }
    }
}

pub(super) struct Allowed {
    /// At least one of them.
    pub(super) needed: &'static [Argument],
    pub(super) also: &'static [Argument],
}

impl Allowed {
    pub(super) fn all(&self) -> Vec<Argument> {
        [self.needed, self.also].concat()
    }
}

/// Values that need a sentence of their own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::generate) enum Class {
    Plain,
    List,
    /// A sentence or several.
    Text,
    /// A condition or the like, which can't stand behind `is` (`not allowed`, `from 15:00`); of attributes without an entry.
    Remark,
    /// How many of what the attribute calls in the plural there are (`rooms`: 34); of attributes without an entry.
    Quantity,
    Boolean,
}

impl Class {
    pub(super) const NAMES: &[(&str, Self)] = &[
        ("list", Self::List),
        ("text", Self::Text),
        ("remark", Self::Remark),
        ("quantity", Self::Quantity),
        ("boolean", Self::Boolean),
    ];

    pub(in crate::generate) fn of(fact: &Fact) -> Self {
        match (fact.kind, fact.values.as_slice()) {
            (_, [_, _, ..]) => Self::List,
            (Kind::Boolean, _) => Self::Boolean,
            (Kind::Definition | Kind::Text, [value]) if is_sentence(value) => Self::Text,
            _ => Self::Plain,
        }
    }
}

/// Folded first words of values that say how something is and not what.
const REMARKS: &[&str] = &[
    "admis",
    "admise",
    "admises",
    "allowed",
    "apres",
    "ask",
    "aucun",
    "aucune",
    "autorise",
    "autorisee",
    "autorisees",
    "autorises",
    "avant",
    "avec",
    "before",
    "by",
    "closed",
    "dans",
    "demander",
    "en",
    "excluded",
    "exclus",
    "ferme",
    "fermee",
    "fermees",
    "fermes",
    "forbidden",
    "free",
    "from",
    "gratuit",
    "gratuite",
    "gratuites",
    "gratuits",
    "included",
    "inclus",
    "incluse",
    "incluses",
    "interdit",
    "interdite",
    "interdites",
    "interdits",
    "jusqu",
    "none",
    "not",
    "obligatoire",
    "obligatoires",
    "on",
    "only",
    "open",
    "permitted",
    "prohibited",
    "required",
    "sans",
    "see",
    "seulement",
    "sous",
    "sur",
    "uniquement",
    "until",
    "upon",
    "with",
    "within",
    "without",
];

/// Whether a value says how something is: `not allowed`, `from 15:00`, `sur demande`. A name begins with a capital.
pub(in crate::generate) fn is_remark(fact: &Fact) -> bool {
    let (Kind::Text | Kind::Enumeration | Kind::Number | Kind::Money, [value]) = (fact.kind, fact.values.as_slice())
    else {
        return false;
    };
    let fold = folded(value);
    let mut words = fold.split(' ');
    let first = words.next().unwrap_or_default();
    // `non autorisés`; `non` alone is a boolean.
    let is_denied = first == "non" && words.next().is_some();
    value.starts_with(char::is_lowercase) && (is_denied || REMARKS.contains(&first))
}

/// Whether a value can't stand behind `is` in a sentence.
fn is_sentence(value: &str) -> bool {
    const MOST_CHARS: usize = 60;
    value.chars().count() > MOST_CHARS || value.contains('\n') || value.trim_end().ends_with(['.', '!', '?', '…'])
}

/// A question or an answer with slots.
#[derive(Clone, Debug)]
pub(in crate::generate) struct Template {
    /// `hebergeur/fr/direct/2`
    pub(in crate::generate) name: Arc<str>,
    pub(in crate::generate) family: Family,
    /// From a user's file.
    pub(in crate::generate) is_users: bool,
    pub(super) pieces: Vec<Piece>,
}

/// The wordings of an attribute or of a frame, in one language.
#[derive(Clone, Debug)]
pub(in crate::generate) struct Entry {
    /// `hebergeur`, `frame-noun-list`; a user's begins with `user-`.
    pub(super) name: String,
    /// Folded names of attributes; none: a frame.
    pub(super) attributes: Vec<String>,
    /// Empty: all but [`Class::Boolean`] and [`Class::Text`].
    pub(super) kinds: Vec<Kind>,
    pub(super) frame: Option<(Frame, Class)>,
    /// What the attribute is called in this language.
    pub(super) noun: Option<String>,
    pub(in crate::generate) questions: Vec<Template>,
    pub(in crate::generate) answers: Vec<Template>,
    /// Of a number or an amount of money, in place of `answers`; empty: as these.
    pub(in crate::generate) quantities: Vec<Template>,
}

impl Entry {
    pub(super) fn answers_for(&self, fact: &Fact) -> &[Template] {
        let is_quantity = matches!(fact.kind, Kind::Number | Kind::Money) && fact.values.len() == 1;
        if is_quantity && !self.quantities.is_empty() { &self.quantities } else { &self.answers }
    }

    pub(super) fn takes(&self, fact: &Fact) -> bool {
        if self.kinds.is_empty() {
            matches!(Class::of(fact), Class::Plain | Class::List)
        } else {
            self.kinds.contains(&fact.kind)
        }
    }
}
