//! Short forms: those of a glossary, and those of text messages. None holds a digit.

use rand_chacha::ChaCha8Rng;

use crate::corpus::Language;

use super::draw::shuffle;
use super::sentence::Sentence;

/// The longest first.
const FRENCH: &[(&str, &str)] = &[
    ("s'il vous plaît", "svp"),
    ("s'il te plaît", "stp"),
    ("qu'est-ce que", "keske"),
    ("qu'est-ce qui", "keski"),
    ("est-ce que", "esk"),
    ("c'est quoi", "c koi"),
    ("je voudrais", "jvoudrais"),
    ("je veux", "jveu"),
    ("tu peux", "tpeu"),
    ("c'est", "c"),
    ("quelqu'un", "qqn"),
    ("quelque chose", "qqch"),
    ("aujourd'hui", "ajd"),
    ("pourquoi", "pk"),
    ("beaucoup", "bcp"),
    ("toujours", "tjs"),
    ("maintenant", "mtn"),
    ("bonjour", "bjr"),
    ("comment", "cmt"),
    ("combien", "cb"),
    ("quelle", "kel"),
    ("quels", "kel"),
    ("quelles", "kel"),
    ("quel", "kel"),
    ("quand", "qd"),
    ("quoi", "koi"),
    ("avec", "avc"),
    ("dans", "ds"),
    ("pour", "pr"),
    ("vous", "vs"),
    ("nous", "ns"),
    ("tout", "tt"),
    ("tous", "ts"),
    ("être", "etr"),
    ("merci", "mci"),
    ("peut", "peu"),
    ("qui", "ki"),
    ("que", "ke"),
    ("est", "é"),
];

const ENGLISH: &[(&str, &str)] = &[
    ("as soon as possible", "asap"),
    ("could you tell me", "cn u tell me"),
    ("can you tell me", "cn u tell me"),
    ("i would like", "id like"),
    ("what is", "whats"),
    ("who is", "whos"),
    ("because", "cuz"),
    ("please", "pls"),
    ("thanks", "thx"),
    ("people", "ppl"),
    ("about", "abt"),
    ("which", "wich"),
    ("could", "cud"),
    ("would", "wud"),
    ("should", "shud"),
    ("your", "ur"),
    ("what", "wat"),
    ("know", "kno"),
    ("with", "w"),
    ("the", "da"),
    ("you", "u"),
    ("are", "r"),
    ("and", "n"),
];

/// Puts the short forms of text messages; whether there was a word for one.
pub(crate) fn shorten_as_sms(sentence: &mut Sentence, language: Language) -> bool {
    let table = match language {
        Language::Fr => FRENCH,
        Language::En => ENGLISH,
    };
    table.iter().filter(|(long, short)| sentence.replace_outside_names(long, short)).count() > 0
}

/// Puts one of the glossary's abbreviations.
pub(crate) fn abbreviate(sentence: &mut Sentence, glossary: &[(String, String)], rng: &mut ChaCha8Rng) -> bool {
    let mut order: Vec<usize> = (0..glossary.len()).collect();
    shuffle(rng, &mut order);
    order
        .into_iter()
        .filter_map(|i| glossary.get(i))
        .any(|(long, short)| !long.is_empty() && !short.is_empty() && sentence.replace(long, short))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::noise::EntityNames;

    #[test]
    fn short_forms_are_put_and_names_stay() {
        let names = EntityNames::new(["Que Choisir"]);
        let mut sentence = Sentence::new("Bonjour, qu’est-ce que Que Choisir et qui l'héberge ?", &names);
        assert!(shorten_as_sms(&mut sentence, Language::Fr));
        assert_eq!(sentence.text(), "bjr, keske Que Choisir et ki l'héberge ?");
        assert!(!shorten_as_sms(&mut Sentence::new("GIDAF ?", &names), Language::En));
    }

    /// A short form that held a digit would add a number.
    #[test]
    fn the_tables_are_sound() {
        for (long, short) in FRENCH.iter().chain(ENGLISH) {
            assert!(long != short && !short.is_empty() && !short.contains(|c: char| c.is_numeric()), "{long}");
        }
    }
}
