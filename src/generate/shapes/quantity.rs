//! Dates and numbers that can be compared.

use crate::corpus::{Fact, Kind, Language, normalised};
use crate::generate::templates::measured_value;

/// What two values are compared by.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Quantity {
    /// Year, month, day; a part that is not given is 0. Dates are compared with those that give the same parts.
    Date {
        year: u32,
        month: u32,
        day: u32,
    },
    Number(f64),
}

/// A quantity with its unit, as [`normalised`] writes it; empty: none is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measure {
    pub(super) quantity: Quantity,
    pub(super) unit: String,
}

impl Measure {
    /// None: not a quantity, or one that can be read in two ways (`1,024` in a text of no known language, `03/04/2021`).
    pub(super) fn of(fact: &Fact) -> Option<Self> {
        let [value] = fact.values.as_slice() else { return None };
        // A number whose measure another text gives is compared with it.
        let normal = normalised(&measured_value(fact, 0)?, fact.kind);
        match fact.kind {
            Kind::Date if !day_or_month(value, fact.language) => {
                Some(Self { quantity: date(&normal)?, unit: String::new() })
            }
            Kind::Number | Kind::Money if !thousands_or_decimals(value, fact.language) => {
                let (number, unit) = normal.split_once(' ').unwrap_or((&normal, ""));
                let number: f64 = number.parse().ok()?;
                number.is_finite().then(|| Self { quantity: Quantity::Number(number), unit: unit.to_owned() })
            }
            _ => None,
        }
    }
}

impl Quantity {
    /// Whether the two can be compared, and are not the same.
    pub(super) fn differs(self, other: Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => (a - b).abs() > f64::EPSILON * a.abs().max(b.abs()),
            (Self::Date { month: am, day: ad, .. }, Self::Date { month: bm, day: bd, .. }) => {
                (am == 0) == (bm == 0) && (ad == 0) == (bd == 0) && self != other
            }
            _ => false,
        }
    }
}

/// `2024`, `2024-12` or `2024-12-28`.
fn date(iso: &str) -> Option<Quantity> {
    let mut parts = iso.split('-').map(str::parse);
    let mut part = || parts.next().map_or(Ok(0), |part| part);
    let (year, month, day) = (part().ok()?, part().ok()?, part().ok()?);
    let real = parts.next().is_none() && month <= 12 && day <= 31;
    real.then_some(Quantity::Date { year, month, day })
}

/// Whether a number's only separator may stand between thousands or before decimals: `1.100` may be either wherever it
/// stands; a comma is one of thousands in English alone.
fn thousands_or_decimals(value: &str, language: Option<Language>) -> bool {
    let number: String = value
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(|c| c.is_ascii_digit() || ".,".contains(*c))
        .collect();
    let number = number.trim_end_matches(['.', ',']);
    let mut parts = number.split(['.', ',']);
    let first = parts.next().unwrap_or_default();
    let (Some(second), None) = (parts.next(), parts.next()) else { return false };
    let is_comma = number.contains(',');
    !(is_comma && language == Some(Language::En)) && second.len() == 3 && (1..=3).contains(&first.len()) && first != "0"
}

/// Whether the day and the month of `03/04/2021` may be either: French has the day first.
fn day_or_month(value: &str, language: Option<Language>) -> bool {
    let parts: Vec<&str> = value.split(['/', '.', '-']).map(str::trim).collect();
    let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    match (parts.as_slice(), numbers.as_slice()) {
        ([_, _, year], [a, b, _]) if year.len() == 4 => {
            language != Some(Language::Fr) && *a <= 12 && *b <= 12 && a != b
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Digest;

    fn of(value: &str, kind: Kind, language: Option<Language>) -> Option<Measure> {
        Measure::of(&Fact {
            id: Digest::of_bytes(b"fact"),
            entity: "GIDAF".to_owned(),
            attribute: "value".to_owned(),
            values: vec![value.to_owned()],
            kind,
            measure: None,
            language,
            unit: 0,
            spans: Vec::new(),
            source: "a.md".into(),
            low_information: false,
        })
    }

    #[test]
    fn dates_are_read_as_facts_are() {
        let fr = Some(Language::Fr);
        let date = |text, language| of(text, Kind::Date, language).map(|measure| measure.quantity);
        for text in ["2021-03-12", "12/03/2021", "le 12 mars 2021", "March 12, 2021", "2021-03-12T08:00:00Z"] {
            assert_eq!(date(text, fr), Some(Quantity::Date { year: 2021, month: 3, day: 12 }), "{text}");
        }
        for text in ["mars 2021", "2021-03", "03/2021"] {
            assert_eq!(date(text, fr), Some(Quantity::Date { year: 2021, month: 3, day: 0 }), "{text}");
        }
        assert_eq!(date("2021", None), Some(Quantity::Date { year: 2021, month: 0, day: 0 }));
        assert_eq!(date("25/12/2021", None), Some(Quantity::Date { year: 2021, month: 12, day: 25 }));
        assert_eq!(date("04/04/2021", None), Some(Quantity::Date { year: 2021, month: 4, day: 4 }));
        for text in ["03/04/2021", "2021-13-01", "T2 2021", "hier", ""] {
            assert_eq!(date(text, Some(Language::En)), None, "{text}");
        }
    }

    #[test]
    fn numbers_with_two_readings_are_left_out() {
        let number = |text, kind, language| {
            of(text, kind, language).map(|measure| (measure.quantity, measure.unit)).map(|(quantity, unit)| {
                let Quantity::Number(number) = quantity else { panic!("{quantity:?}") };
                format!("{number} {unit}")
            })
        };
        let (fr, en) = (Some(Language::Fr), Some(Language::En));
        for (text, kind, language, expected) in [
            ("1\u{202f}024,5", Kind::Number, fr, "1024.5 "),
            ("1 024", Kind::Number, None, "1024 "),
            ("1,024.5", Kind::Number, None, "1024.5 "),
            ("1.024,5", Kind::Number, None, "1024.5 "),
            ("2,750 MiB", Kind::Number, en, "2750 mib"),
            ("1,024,000", Kind::Number, None, "1024000 "),
            ("0,125", Kind::Number, None, "0.125 "),
            ("-3.5", Kind::Number, en, "-3.5 "),
            ("1,5 M€", Kind::Money, fr, "1500000 EUR"),
            ("$800k", Kind::Money, en, "800000 USD"),
        ] {
            assert_eq!(number(text, kind, language).as_deref(), Some(expected), "{text}");
        }
        for (text, language) in [
            ("2,750", fr),
            ("2,750", None),
            ("2.750 kg", fr),
            ("1.100", en),
            ("12a", en),
            ("", en),
            ("1.2.3", en),
            ("1,02,4", en),
        ] {
            assert_eq!(number(text, Kind::Number, language), None, "{text}");
        }
    }

    #[test]
    fn only_quantities_of_one_precision_differ() {
        let day = Quantity::Date { year: 2021, month: 3, day: 12 };
        let year = Quantity::Date { year: 2020, month: 0, day: 0 };
        assert!(!day.differs(year) && !day.differs(day));
        assert!(day.differs(Quantity::Date { year: 2021, month: 3, day: 13 }));
        assert!(!Quantity::Number(1.0).differs(Quantity::Number(1.0)));
        assert!(!Quantity::Number(2021.0).differs(year));
    }
}
