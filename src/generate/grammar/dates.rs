//! French dates in sentences.

use crate::corpus::month_named;

use super::text::folded;

const DAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];

/// Whether a text begins with a day as French writes it: `9 janvier 2017`, `lundi 1er mars`, `09/01/2017`. Not a month or a
/// year alone, nor `2017-01-09`.
pub(in crate::generate) fn is_day(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.contains('/') {
        let parts: Vec<&str> = first.trim_end_matches([',', '.', ';']).split('/').collect();
        let [day, month, year] = parts.as_slice() else { return false };
        return is_number(day, 31) && is_number(month, 12) && matches!(year.len(), 2 | 4) && is_number(year, 9999);
    }
    let fold = folded(text);
    let mut words = fold.split(' ').peekable();
    if words.peek().is_some_and(|word| DAYS.contains(word)) {
        words.next();
    }
    let (Some(day), Some(month)) = (words.next(), words.next()) else { return false };
    (day == "1er" || is_number(day, 31)) && month_named(month).is_some()
}

fn is_number(text: &str, most: u32) -> bool {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && text.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told_from_months_and_years() {
        for text in
            ["9 janvier 2017", "1er août 2020", "lundi 9 janvier", "09/01/2017", "9/1/17", "31 Décembre 1999 à 8 h"]
        {
            assert!(is_day(text), "{text}");
        }
        for text in
            ["2017", "janvier 2017", "2017-01-09", "01/2017", "le 9 janvier 2017", "January 9, 2017", "9 mois", ""]
        {
            assert!(!is_day(text), "{text}");
        }
    }
}
