//! A number and its unit, compared by their distance.

use crate::eval::number::{END, END_JOINED, START};
use crate::eval::text::comparables;

/// A number, and what stands beside it as its unit (`km`, `%`, `€`; empty: any).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    number: f64,
    unit: String,
}

/// A number in a text, and the text on either side of it.
struct Place<'a> {
    number: f64,
    before: &'a str,
    after: &'a str,
}

impl Quantity {
    pub(super) fn of_number(number: f64) -> Self {
        Self { number, unit: String::new() }
    }

    /// The only number of `text`; what stands beside it is its unit.
    pub(super) fn read(text: &str) -> Option<Self> {
        // The last reading is the one in which spaces join groups of digits.
        let reading = comparables(text).pop()?;
        let mut places = places(&reading);
        let only = places.pop().filter(|_| places.is_empty())?;
        let sides = [only.before.trim(), only.after.trim()];
        match sides {
            ["", unit] | [unit, ""] => Some(Self { number: only.number, unit: unit.to_owned() }),
            _ => None,
        }
    }

    /// How far the nearest number of `answer` with this unit is from this one; None where there is none.
    pub(super) fn distance(&self, answer: &str) -> Option<f64> {
        let of_reading = |reading: &String| {
            let beside = places(reading).into_iter().filter(|place| self.is_unit_of(place));
            beside.map(|place| (place.number - self.number).abs()).reduce(f64::min)
        };
        comparables(answer).iter().filter_map(of_reading).reduce(f64::min)
    }

    /// Whether the unit stands after the number, or before it as currencies do.
    fn is_unit_of(&self, place: &Place<'_>) -> bool {
        let ends = |rest: &str, outward: fn(&str) -> Option<char>| !outward(rest).is_some_and(char::is_alphanumeric);
        let after = place.after.trim_start().strip_prefix(&self.unit);
        let before = place.before.trim_end().strip_suffix(&self.unit);
        after.is_some_and(|rest| self.unit.is_empty() || ends(rest, |rest| rest.chars().next()))
            || before.is_some_and(|rest| ends(rest, |rest| rest.chars().next_back()))
    }
}

/// The numbers of a text in the form of [`comparables`]. What can be read in two ways (`1.000`) is no number here.
fn places(reading: &str) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    for (start, _) in reading.match_indices(START) {
        let inside = start + START.len_utf8();
        let Some(length) = reading[inside..].find([END, END_JOINED]) else { continue };
        let written = &reading[inside..inside + length];
        let Ok(number) = written.parse::<f64>() else { continue };
        // One notation for one number: what is not written so is a code, or has two readings.
        if number.is_finite() && number.to_string() == written {
            let after = &reading[inside + length + END.len_utf8()..];
            places.push(Place { number, before: &reading[..start], after });
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_number_with_the_unit_counts() {
        let distance = |value: &str, answer: &str| Quantity::read(value).unwrap().distance(answer);
        assert_eq!(distance("12 km", "It is 12 km away, 14 minutes."), Some(0.0));
        assert_eq!(distance("12 km", "It is 12.5km away, 12 minutes."), Some(0.5));
        assert_eq!(distance("12 km", "12 kmh, 12 miles"), None);
        assert_eq!(distance("1 200 €", "€1,200.00"), Some(0.0));
        assert_eq!(distance("$5", "5 dollars"), None);
        assert_eq!(distance("$5", "-$5"), Some(10.0));
        assert_eq!(distance("15 %", "15% or 0.15"), Some(0.0));
        assert_eq!(distance("1200", "1 200 euros, or 200"), Some(0.0));
        assert_eq!(distance("3", "v3 and 3rd and 1.000"), Some(0.0));
        assert_eq!(distance("3", "v3, 1.000, 007"), None);
    }

    #[test]
    fn a_value_is_one_number_with_one_unit() {
        assert_eq!(Quantity::read("-2,5 °C"), Some(Quantity { number: -2.5, unit: "°c".to_owned() }));
        for text in ["", "km", "1 or 2", "about 3 km", "1.000"] {
            assert_eq!(Quantity::read(text), None, "{text}");
        }
    }
}
