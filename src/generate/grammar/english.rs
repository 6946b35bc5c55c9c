//! English number.

use super::text::folded;

/// Words that end with s and are singular.
const SINGULAR: &[&str] =
    &["news", "series", "species", "https", "dns", "sms", "gps", "os", "css", "aws", "tls", "cms", "lens"];
/// Words of French and of neither language, which `the` cannot stand before.
const FRENCH: &[&str] =
    &["de", "du", "des", "d", "la", "le", "les", "l", "et", "en", "au", "aux", "par", "pour", "sur"];

/// Last words of names that are no nouns: `made in`, `opens`.
const NO_NOUNS: &[&str] = &[
    "in", "on", "at", "by", "to", "from", "for", "with", "since", "until", "up", "out", "off", "opens", "closes",
    "opened", "closed", "starts", "ends", "begins", "made", "built", "written", "sold", "used", "required", "needed",
    "included", "works", "runs", "is", "has", "can", "breaking", "sent", "paid", "held", "won", "led", "known",
    "given", "taken", "shown", "chosen", "driven", "bought", "found", "kept", "lost", "born", "drawn", "grown", "worn",
    "when", "where", "how", "why", "who", "through", "via", "before", "after", "within", "without", "during", "into",
    "over", "about", "against", "between", "towards",
];

/// First words of names that are no nouns.
const PREPOSITIONS: &[&str] = &["in", "on", "at", "by", "from", "for", "with", "since", "until", "under", "per"];

/// First words of clauses, before which no article stands: `every new colleague receives`, `we sell`.
const CLAUSES: &[&str] = &[
    "every", "each", "any", "some", "this", "that", "these", "those", "our", "your", "my", "their", "his", "her",
    "its", "the", "a", "an", "we", "you", "they", "it", "he", "she", "i", "if", "when", "where", "how", "why", "who",
    "what", "which", "please", "do", "does", "must", "should", "is", "are", "has", "have", "not",
];
/// Adjectives that stand alone as the name of a column or a line, or at the end of one.
const ADJECTIVES: &[&str] = &[
    "small",
    "medium",
    "large",
    "big",
    "little",
    "tall",
    "short",
    "long",
    "wide",
    "narrow",
    "high",
    "low",
    "deep",
    "old",
    "new",
    "young",
    "hot",
    "cold",
    "warm",
    "cheap",
    "expensive",
    "fast",
    "slow",
    "heavy",
    "light",
    "hard",
    "soft",
    "full",
    "empty",
    "free",
    "active",
    "inactive",
    "public",
    "private",
    "early",
    "late",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "annual",
    "vegan",
    "vegetarian",
    "organic",
    "electric",
    "manual",
    "automatic",
    "online",
    "offline",
    "indoor",
    "outdoor",
    "safe",
    "secure",
    "ready",
    "mandatory",
    "optional",
    "internal",
    "external",
    "local",
    "remote",
    "heated",
    "present",
    "absent",
];
/// Nouns that end as participles and adjectives do.
const NOUNS: &[&str] = &[
    "bed",
    "speed",
    "seed",
    "feed",
    "need",
    "shed",
    "breed",
    "weed",
    "deed",
    "reed",
    "thread",
    "greed",
    "creed",
    "feed",
    "table",
    "cable",
    "variable",
    "timetable",
    "vegetable",
    "deliverable",
    "consumable",
    "constable",
    "bible",
    "crucible",
];

/// Whether a word is no noun, such as a participle or an adjective: `founded`, `large`, `accessible`.
fn is_no_noun(word: &str) -> bool {
    let ends = |endings: &[&str]| endings.iter().any(|end| word.len() > end.len() + 2 && word.ends_with(end));
    NO_NOUNS.contains(&word)
        || ADJECTIVES.contains(&word)
        || (ends(&["ed", "able", "ible", "less"]) && !NOUNS.contains(&word))
}

/// A noun phrase that an English sentence can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generate) struct EnglishNoun {
    pub(in crate::generate) plural: bool,
}

impl EnglishNoun {
    /// None: the words are not English, as far as can be seen.
    pub(in crate::generate) fn of(words: &str) -> Option<Self> {
        let fold = folded(words);
        let is_no_noun = fold.split(' ').next_back().is_some_and(is_no_noun);
        // `in stock`
        let is_no_noun = is_no_noun
            || fold.split(' ').next().is_some_and(|first| PREPOSITIONS.contains(&first) || CLAUSES.contains(&first));
        if fold.is_empty() || is_no_noun || !words.is_ascii() || fold.split(' ').any(|w| FRENCH.contains(&w)) {
            return None;
        }
        // `date of creation`: the head stands before `of`.
        let head = fold.split(" of ").next().and_then(|head| head.split(' ').next_back()).unwrap_or_default();
        let plural = head.len() > 3
            && head.ends_with('s')
            && !["ss", "us", "is", "ics"].iter().any(|end| head.ends_with(end))
            && !SINGULAR.contains(&head);
        Some(Self { plural })
    }
}

/// The plural of a singular noun of one word; None where it has several words or is an acronym.
pub(in crate::generate) fn plural(noun: &str) -> Option<String> {
    if noun.contains(' ') || noun.chars().any(char::is_uppercase) {
        return None;
    }
    let vowel_y = ["ay", "ey", "oy", "uy"].iter().any(|end| noun.ends_with(end));
    if let Some(stem) = noun.strip_suffix('y').filter(|_| !vowel_y) {
        return Some(format!("{stem}ies"));
    }
    let hissing = ["s", "x", "z", "ch", "sh"].iter().any(|end| noun.ends_with(end));
    Some(format!("{noun}{}", if hissing { "es" } else { "s" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_read_off_the_head() {
        for (words, number) in [
            ("host", Some(false)),
            ("dependencies", Some(true)),
            ("number of users", Some(false)),
            ("names of owners", Some(true)),
            ("status", Some(false)),
            ("address", Some(false)),
            ("topics", Some(false)),
            ("DNS", Some(false)),
            ("hébergeur", None),
            ("made in", None),
            ("available since", None),
            ("opens", None),
            ("opening hours", Some(true)),
            ("founded", None),
            ("in stock", None),
            ("large", None),
            ("every new colleague receives", None),
            ("booked through", None),
            ("present", None),
            ("excused", None),
            ("you receive", None),
            ("wheelchair accessible", None),
            ("speed", Some(false)),
            ("top speed", Some(false)),
            ("timetable", Some(false)),
            ("date de creation", None),
            ("", None),
        ] {
            assert_eq!(EnglishNoun::of(words).map(|n| n.plural), number, "{words}");
        }
    }

    #[test]
    fn plurals() {
        for (one, many) in [("host", "hosts"), ("dependency", "dependencies"), ("key", "keys"), ("box", "boxes")] {
            assert_eq!(plural(one).as_deref(), Some(many));
        }
        assert_eq!(plural("URL"), None);
    }
}
