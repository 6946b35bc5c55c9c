//! Where French elides: `de` → `d'`, `le` and `la` → `l'`, `que` → `qu'`.
//!
//! The rule, by the first word of what follows:
//!
//! 1. What does not begin with a Latin letter (digits, quotes, `@`) takes no elision: `de 6Tzen`, `de « Orion »`, `de 11`.
//! 2. A vowel letter elides (`d'API`, `d'Élan`), also in an acronym, whether it is spelt or read as a word; words whose
//!    first sound is a glide do not (`onze`, `oui`, `yaourt`, `Ouigo`).
//! 3. `y` elides before a consonant (`d'Ypres`, `d'YMCA`) and not before a vowel (`de Yahoo`), but for `Yonne` and a few.
//! 4. `h` elides, but for the words of [`ASPIRATE`]: French words with an aspirate h, and English names, which are said so.
//! 5. A spelt acronym that begins with another letter takes no elision even where the letter's name begins with a vowel
//!    (F, L, M, N, R, S, X): written French has `le SQL`, `de SNCF`. With H it does: `l'HTML`, `d'HTTP`.

use super::text::folded;

/// First words, folded, that begin with a vowel letter and take no elision.
const GLIDES: &[&str] = &[
    "iota",
    "onze",
    "onzieme",
    "onziemes",
    "oui",
    "ouibus",
    "ouigo",
    "ouisharing",
    "ouistiti",
    "ouistitis",
    "uhlan",
    "uhlans",
    "ululement",
];

/// First words, folded, that begin with y before a vowel and elide all the same.
const VOWEL_Y: &[&str] = &["yerres", "yeu", "yeuse", "yeux", "yevre", "yeble", "yonne", "york"];

/// First words, folded, whose h is aspirate. Words that begin with one of [`ASPIRATE_STEMS`] are so too.
#[rustfmt::skip]
const ASPIRATE: &[&str] = &[
    "ha", "hache", "haches", "hacheur", "hachage", "hachages", "hachoir", "hack", "hacker", "hackers", "hackathon", "hackathons",
    "hacking", "hackeur", "hackeurs", "hadoop", "haie", "haies", "haine", "haines", "hall", "halle", "halles", "halls", "halo",
    "halte", "haltes", "hamac", "hambourg", "hamburger", "hameau", "hameaux", "hampe", "hampshire", "hamster", "hanche",
    "hanches", "hand", "handball", "handicap", "handicape", "handicapes", "handicaps", "hangar", "hangars", "hanoi", "hanovre",
    "hanse", "hantise", "harbor", "harcelement", "hardcore", "hardware", "harddisk", "harem", "hareng", "hargne", "haricot",
    "haricots", "harnais", "harpe", "harpes", "harpie", "harpon", "harry", "hasard", "hasards", "hash", "hashes", "hashicorp",
    "hashtag", "hashtags", "haskell", "hate", "hausse", "hausses", "haut", "haute", "hautes", "hauteur", "hauteurs",
    "hautbois", "hauts", "havre", "havane", "hawai", "hawaii", "haye", "hayon", "hazelcast", "headless", "heap", "hello", "helm",
    "helpdesk", "henne", "hennin", "hercher", "here", "heraut", "herauts", "herisson", "herissons", "hernie", "hernies",
    "heroku", "heron", "herons", "heros", "herse", "hertz", "hetre", "hetres", "heurt", "heurts", "hewlett", "hibou", "hiboux",
    "hic", "hideux", "hierarchie", "hierarchies", "hierarchique", "highlight", "hip", "hippie", "hippies", "hit", "hits",
    "hobby", "hobbies", "hochet", "hockey", "hold", "holding", "holdings", "hollande", "hollandais", "homard", "homards",
    "home", "homebrew", "hongrie", "hongrois", "hong", "honte", "hontes", "honteux", "hook", "hooks", "hop", "hoquet", "hors",
    "hostname", "hot", "hotfix", "hotline", "hotlines", "hotspot", "hotspots", "hotte", "hottes", "houblon", "houe", "houille",
    "houle", "houlette", "housse", "housses", "houston", "houx", "honda", "huawei", "hub", "hublot", "hublots", "hubs",
    "hubspot", "huche", "hudson", "huee", "huees", "hugging", "huguenot", "huis", "huit", "huitaine", "huitieme", "huitiemes",
    "hulk", "humvee", "hun", "huns", "hune", "huppe", "hurlement", "hurlements", "huron", "hussard", "hussards", "hutte",
    "huttes", "hyundai",
];

/// Beginnings of words with an aspirate h.
const ASPIRATE_STEMS: &[&str] = &["haut", "hard", "handi", "hors", "hack"];

/// Whether `de`, `le`, `la` and `que` lose their vowel before this text.
pub(in crate::generate) fn elides(text: &str) -> bool {
    if !text.starts_with(char::is_alphabetic) {
        return false;
    }
    let fold = folded(text);
    let word = fold.split(' ').next().unwrap_or_default();
    let mut letters = word.chars();
    match (letters.next(), letters.next()) {
        (Some('a' | 'e' | 'i' | 'o' | 'u'), _) => !GLIDES.contains(&word),
        (Some('y'), Some(second)) => !"aeiouy0123456789".contains(second) || VOWEL_Y.contains(&word),
        (Some('h'), Some(_)) => !ASPIRATE.contains(&word) && !ASPIRATE_STEMS.iter().any(|stem| word.starts_with(stem)),
        _ => false,
    }
}

/// `de GIDAF`, `d'Orion`. A name that begins with an article is quoted, since `de Le Havre` is wrong and `du Havre`
/// does not hold the name: `de « Le Havre »`.
pub(in crate::generate) fn de(name: &str) -> String {
    let article = name.split(' ').next().unwrap_or_default();
    if name.contains(' ') && (article.eq_ignore_ascii_case("le") || article.eq_ignore_ascii_case("les")) {
        format!("de « {name} »")
    } else if elides(name) {
        format!("d'{name}")
    } else {
        format!("de {name}")
    }
}

/// `que GIDAF`, `qu'Orion`.
pub(in crate::generate) fn que(text: &str) -> String {
    if elides(text) { format!("qu'{text}") } else { format!("que {text}") }
}
