//! Answers that say that the documents do not hold what was asked, in French and English.

use std::sync::LazyLock;

use crate::corpus::{Language, folded};

/// Refusals for training, several so that no single phrase is learned; `{entity}` and `{attribute}` are filled in.
const FRENCH: [&str; 6] = [
    "Je ne trouve pas cette information dans les documents : « {attribute} » n'est pas indiqué pour {entity}.",
    "Les documents ne précisent pas « {attribute} » pour {entity}.",
    "Je n'ai pas d'information sur « {attribute} » pour {entity}.",
    "Pour {entity}, « {attribute} » ne figure pas dans les documents.",
    "Je ne peux pas répondre : rien dans les documents n'indique « {attribute} » pour {entity}.",
    "Désolé, je ne connais pas « {attribute} » pour {entity}.",
];
const ENGLISH: [&str; 6] = [
    "I cannot find this information in the documents: the \"{attribute}\" of {entity} is not stated.",
    "The documents do not specify the \"{attribute}\" of {entity}.",
    "I have no information about the \"{attribute}\" of {entity}.",
    "The \"{attribute}\" of {entity} is not mentioned in the documents.",
    "I cannot answer: nothing in the documents states the \"{attribute}\" of {entity}.",
    "Sorry, I do not know the \"{attribute}\" of {entity}.",
];

pub fn refusals(language: Language) -> &'static [&'static str] {
    match language {
        Language::Fr => &FRENCH,
        Language::En => &ENGLISH,
    }
}

/// Word sequences of refusals, folded. `*` stands for up to [`GAP`] words, `^` and `$` for the ends of a sentence,
/// `<name>` for a word of the list of that name, `a|b` for one of several words.
const PATTERNS: &[&str] = &[
    // What the assistant knows, has and finds.
    "je ne sais pas $",
    "je ne sais pas qui|quel|quelle|quels|quelles|quand|ou|si|comment|combien|pourquoi",
    "je ne connais|dispose|trouve|saurais * pas|aucun|aucune|d|le|la",
    "je n ai * pas|aucun|aucune|rien * <information>|trouve|acces",
    "je n ai pas|rien trouve",
    "je ne peux|puis * pas * repondre|renseigner|donner|dire|aider|indiquer|determiner",
    "ne suis pas en mesure",
    "m est impossible",
    "^ impossible de repondre|determiner|dire|savoir",
    "je manque d <information>",
    "je l ignore",
    "j ignore",
    "ne m est pas connu|connue",
    "ne me permet|permettent pas",
    "<information> dont je dispose",
    "on ne peut pas * determiner|savoir|repondre|dire",
    "pas possible de determiner|repondre|savoir|dire",
    // What documents do.
    "<documents> * ne|n * <states> pas|aucun|aucune",
    "<documents> * ne|n y|en|le|la|les|l <states> pas",
    "<documents> * ne permet|permettent pas de repondre|determiner|dire|savoir",
    "<documents> ne le|la|l|les <states> pas",
    "<documents> restent|reste muets|muet",
    "n en font|fait|parlent|parle pas",
    "rien * <documents> * ne|n",
    "aucun|aucune|nul|nulle <documents> * ne|n * <states>",
    "^ aucune|aucun <information> * sur|disponible|concernant",
    "^ pas d|de <information>",
    "n y a pas|aucun|aucune * <information> * dans|disponible|sur",
    "n existe|a|y aucune|nulle|pas mention",
    "n apparait|apparaissent pas * <documents>",
    // What is written about an information.
    "<information> * ne|n * figure|trouve|apparait pas",
    "ne figure|figurent|trouve|trouvent pas * dans * <documents>",
    "reponse|<information> * ne se trouve|trouvent pas",
    "<information> * absente|absent|absentes|insuffisante|insuffisantes|indisponible|manquante|manquantes",
    "<information> non disponible|precisee|disponibles",
    "<information> n est|sont pas * dans * <documents>",
    "n est|sont|etait pas precise|precisee|indique|indiquee|mentionne|mentionnee|renseigne|renseignee|communique|communiquee|specifie|specifiee|fourni|fournie",
    "n est|sont mentionnee|mentionne|indiquee|indique|precisee|precise nulle",
    "^ non precise|precisee|renseigne|renseignee|indique|indiquee|mentionne|mentionnee",
    "inconnu|inconnue * d apres|dans|selon * <documents>",
    // English.
    "i don't|dont know $",
    "i do not know $",
    "i don't|dont know who|what|when|where|which|whether|how|the|if|of|about",
    "i do not know who|what|when|where|which|whether|how|the|if|of|about",
    "i don't|dont have * <information>|access|enough",
    "i do not have * <information>|access|enough",
    "i have no|insufficient|little * <information>|idea|record",
    "i can't|cannot|couldn't|cant * answer|find|tell|help|say|determine|provide",
    "i can|could|am|was not|unable * answer|find|tell|help|say|determine|provide",
    "i'm unable|not * answer|find|aware|able|sure|tell|help|determine",
    "i am|was unable|not * answer|find|aware|able|sure",
    "<documents> * do|does not * <states>",
    "<documents> * don't|doesn't|dont|doesnt * <states>",
    "<documents> * has|have|contain|contains no * <information>|entry|mention|record",
    "<documents> are|is silent",
    "nothing in * <documents>",
    "no <documents> mention|mentions|state|states|say|says",
    "no <information> * available|about|on|in|is",
    "no mention of",
    "is|are not|isn't specified|stated|given|mentioned|provided|indicated",
    "<information> * is|are not|isn't * available|in|found * <documents>",
    "<information> is|are * insufficient|unavailable",
    "^ the * <information> * is missing",
    "^ not specified|stated|mentioned|available|found|given",
    "^ no <information>",
    "cannot|can't be determined|answered|found|established|inferred",
    "not possible to determine|answer|say|tell|know",
    "is|are unknown $",
];

/// The words of each pattern.
static SPLIT: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| PATTERNS.iter().map(|p| p.split(' ').collect()).collect());

/// Words a gap may hold, at most.
const GAP: usize = 5;

/// The lists that patterns name.
const LISTS: &[(&str, &[&str])] = &[
    (
        "<information>",
        &[
            "information",
            "informations",
            "info",
            "infos",
            "donnee",
            "donnees",
            "element",
            "elements",
            "precision",
            "precisions",
            "detail",
            "details",
            "data",
            "answer",
            "reponse",
            "mention",
        ],
    ),
    (
        "<documents>",
        &[
            "document",
            "documents",
            "extrait",
            "extraits",
            "texte",
            "textes",
            "text",
            "contexte",
            "context",
            "source",
            "sources",
            "catalogue",
            "corpus",
            "documentation",
            "passage",
            "passages",
            "extracts",
            "excerpt",
            "excerpts",
            "base",
            "fiche",
            "fiches",
            "catalog",
            "article",
            "articles",
        ],
    ),
    (
        "<states>",
        &[
            "mentionne",
            "mentionnent",
            "precise",
            "precisent",
            "indique",
            "indiquent",
            "dit",
            "disent",
            "donne",
            "donnent",
            "fournit",
            "fournissent",
            "contient",
            "contiennent",
            "parle",
            "parlent",
            "evoque",
            "evoquent",
            "specifie",
            "specifient",
            "comporte",
            "comportent",
            "repond",
            "repondent",
            "mention",
            "say",
            "state",
            "specify",
            "provide",
            "contain",
            "include",
            "give",
            "list",
            "indicate",
            "answer",
            "cover",
            "tell",
        ],
    ),
];

/// Whether an answer says that what was asked is not known or not in the documents, by its words alone.
pub fn is_refusal(text: &str) -> bool {
    sentences(text).iter().any(|words| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        SPLIT.iter().any(|pattern| is_found(pattern, &words))
    })
}

/// Folded words of each sentence; quoted words are nobody's statement and are left out.
fn sentences(text: &str) -> Vec<Vec<String>> {
    let folded = folded(&without_quotes(text));
    let parts = folded.split(['.', '!', '?', ';', ':', ',']);
    let words = |part: &str| {
        let words = part.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|w| !w.is_empty());
        words.flat_map(elided).map(str::to_owned).collect::<Vec<String>>()
    };
    parts.map(words).filter(|words| !words.is_empty()).collect()
}

/// `n'ai` is two words, `don't` is one.
fn elided(word: &str) -> Vec<&str> {
    match word.split_once('\'') {
        Some((before, after)) if !after.is_empty() && (before.len() == 1 && before != "i" || before == "qu") => {
            vec![before, after]
        }
        _ => vec![word.trim_matches('\'')],
    }
}

fn without_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find(['«', '“', '"']) {
        let quote = rest[open..].chars().next().unwrap_or('"');
        let close = match quote {
            '«' => '»',
            '“' => '”',
            other => other,
        };
        let inner = &rest[open + quote.len_utf8()..];
        let Some(end) = inner.find(close) else { break };
        out.push_str(&rest[..open]);
        out.push_str(" X ");
        rest = &inner[end + close.len_utf8()..];
    }
    out.push_str(rest);
    out
}

fn is_found(pattern: &[&str], words: &[&str]) -> bool {
    match pattern.split_first() {
        Some((&"^", rest)) => matches(rest, words, 0),
        _ => (0..words.len()).any(|at| matches(pattern, words, at)),
    }
}

fn matches(pattern: &[&str], words: &[&str], at: usize) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return true };
    match *first {
        "$" => at == words.len(),
        "*" => (at..=at + GAP).any(|next| next <= words.len() && matches(rest, words, next)),
        choice => words.get(at).is_some_and(|word| fits(choice, word)) && matches(rest, words, at + 1),
    }
}

fn fits(choice: &str, word: &str) -> bool {
    let in_list = |name: &str| LISTS.iter().any(|(n, list)| *n == name && list.contains(&word));
    choice.split('|').any(|option| option == word || in_list(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Example {
        language: Language,
        refusal: bool,
        text: String,
    }

    fn examples() -> Vec<Example> {
        let lines = include_str!("../../tests/fixtures/refusals.jsonl").lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn refusals_are_told_from_answers_that_look_alike() {
        let examples = examples();
        let count = |language| examples.iter().filter(|e| e.language == language).count();
        assert_eq!((count(Language::Fr), count(Language::En)), (120, 80));
        let wrong: Vec<_> = examples.iter().filter(|e| is_refusal(&e.text) != e.refusal).collect();
        let error = 100.0 * wrong.len() as f64 / examples.len() as f64;
        println!("error: {error:.1} % of {}", examples.len());
        for example in &wrong {
            println!("  {} {}", if example.refusal { "missed:" } else { "false: " }, example.text);
        }
        assert!(error <= 3.0);
    }

    #[test]
    fn what_is_taught_is_found() {
        for language in Language::ALL {
            for refusal in refusals(language) {
                assert!(refusal.contains("{entity}") && refusal.contains("{attribute}"), "{refusal}");
                let filled = refusal.replace("{entity}", "GIDAF").replace("{attribute}", "version");
                assert!(is_refusal(&filled), "{filled}");
            }
        }
    }

    #[test]
    fn empty_text_and_open_quotes_are_no_refusals() {
        for text in ["", "...", "« ouvert", "\"", "«» “”", "'", "n'"] {
            assert!(!is_refusal(text), "{text}");
        }
    }
}
