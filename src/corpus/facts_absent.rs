//! Values that say where a value is, or that there is none.

use super::kind_fold::folded;

/// Folded words before the place where a value is.
const REFERENCES: &[&str] = &["voir ", "see ", "cf. ", "cf "];
/// In characters; what is longer says something itself.
const LONGEST_REFERENCE: usize = 60;
/// Folded values that are no date.
const NO_DATE: &[&str] = &["aucun", "aucune", "none", "neant", "jamais", "never"];
/// Words of an attribute's key whose value is a date.
const DATE: &[&str] = &["date", "dates"];

/// `voir annexe A`, `see the README`: of an attribute with the folded `key`.
pub(super) fn is_absent(key: &str, value: &str) -> bool {
    let short = value.len() <= 4 * LONGEST_REFERENCE && value.chars().count() <= LONGEST_REFERENCE;
    if !short {
        return false;
    }
    let value = folded(value);
    let no_date = NO_DATE.contains(&value.as_str()) && key.split(' ').any(|word| DATE.contains(&word));
    no_date || REFERENCES.iter().any(|word| value.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_missing_dates_are_no_values() {
        for (key, value) in [
            ("host", "Voir l’annexe A"),
            ("host", "see README.md"),
            ("responsable", "cf. page 3"),
            ("date de fin", "Aucune"),
            ("end date", "none"),
        ] {
            assert!(is_absent(key, value), "{key} {value}");
        }
        let long = format!("see {}", "many words ".repeat(20));
        for (key, value) in
            [("dependances", "aucune"), ("host", "Seeweb"), ("nom", "Voirie"), ("date", "2024"), ("text", &long)]
        {
            assert!(!is_absent(key, value), "{key} {value}");
        }
    }
}
