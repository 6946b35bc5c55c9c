//! Values in notations that can be compared.

use super::identity_key::identity_key;
use crate::corpus::{Kind, normalised};

/// A value in the notations by which two of them are compared.
pub(super) struct Notation {
    /// `10 EUR` and `EUR 10` are one.
    normal: String,
    /// Without spaces and marks: `O.V.H.` is `ovh`.
    letters: String,
}

impl Notation {
    pub(super) fn of(value: &str, kind: Kind) -> Self {
        Self { normal: normalised(value, kind), letters: identity_key(value).replace(' ', "") }
    }

    /// Whether both may mean the same; one that holds the other may be it in other words (`PostgreSQL`, `PostgreSQL 14`), and a
    /// month has the day in it (`January 2020`, `2020-01-05`).
    pub(super) fn may_be(&self, other: &Self) -> bool {
        let holds_day = |month: &Self, day: &Self| {
            day.normal.strip_prefix(&*month.normal).is_some_and(|rest| rest.starts_with('-'))
        };
        self.normal == other.normal
            || holds_day(self, other)
            || holds_day(other, self)
            || self.letters.contains(&other.letters)
            || other.letters.contains(&self.letters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_known_in_any_notation() {
        let may_be = |a: &str, b: &str, kind| Notation::of(a, kind).may_be(&Notation::of(b, kind));
        for (a, b, kind, same) in [
            ("EUR 10", "10 EUR", Kind::Money, true),
            ("2020-01-05", "5 janvier 2020", Kind::Date, true),
            ("2020-01-05", "6 janvier 2020", Kind::Date, false),
            ("January 2020", "2020-01-05", Kind::Date, true),
            ("2020", "5 janvier 2020", Kind::Date, true),
            ("February 2020", "2020-01-05", Kind::Date, false),
            ("O.V.H.", "OVH", Kind::Organisation, true),
            ("PostgreSQL", "PostgreSQL 14", Kind::Enumeration, true),
            ("C++", "C#", Kind::Enumeration, false),
        ] {
            assert_eq!((may_be(a, b, kind), may_be(b, a, kind)), (same, same), "{a} {b}");
        }
    }
}
