//! Headings that name no thing: parts of a description, which is about what stands above them, and questions.

use super::names::{Names, name_key};

/// Whether a heading names a part of a description, or several: `Contacts and basics`.
pub(super) fn is_part(heading: &str) -> bool {
    let all = |joint: &str| {
        let mut parts = heading.split(joint).map(name_key);
        heading.contains(joint) && parts.all(|part| Names::Part.has(&part))
    };
    Names::Part.has(&name_key(heading)) || [" and ", " et ", " & "].into_iter().any(all)
}

/// Words of a question, at least.
const SHORTEST_QUESTION: usize = 3;

/// Whether a heading or a key is a question: `Do you rent helmets?`, not `Helmets?`.
pub(super) fn is_question(text: &str) -> bool {
    let words = text.split_whitespace().filter(|word| word.contains(char::is_alphabetic)).count();
    text.trim_end().ends_with('?') && words >= SHORTEST_QUESTION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_several_parts_are_parts() {
        for heading in ["Contacts and basics", "Coordonnées et accès", "Details & features", "Contact"] {
            assert!(is_part(heading), "{heading}");
        }
        for heading in ["Contacts and boats", "Contacts and", "Boats"] {
            assert!(!is_part(heading), "{heading}");
        }
    }
}
