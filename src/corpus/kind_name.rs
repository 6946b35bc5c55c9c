//! Names of persons and organisations, by the attribute's name and the value's form.

use super::kind_fold::folded;

/// Words of an attribute's key whose value is a person.
const PERSON_ATTRIBUTES: &[&str] = &[
    "responsable",
    "auteur",
    "auteure",
    "author",
    "authors",
    "owner",
    "proprietaire",
    "manager",
    "chef",
    "cheffe",
    "lead",
    "leader",
    "directeur",
    "directrice",
    "director",
    "maintainer",
    "mainteneur",
    "mainteneuse",
    "referent",
    "referente",
    "pilote",
    "developpeur",
    "developpeuse",
    "developer",
    "createur",
    "creatrice",
    "creator",
    "founder",
    "fondateur",
    "fondatrice",
    "gerant",
    "gerante",
    "president",
    "presidente",
    "ceo",
    "cto",
    "head",
    "correspondant",
    "correspondante",
    "contact",
    "interlocuteur",
    "interlocutrice",
    "redacteur",
    "redactrice",
    "person",
    "personne",
    "administrateur",
    "administratrice",
    "administrator",
];

/// Words of an attribute's key whose value is an organisation.
const ORGANISATION_ATTRIBUTES: &[&str] = &[
    "hebergeur",
    "hebergement",
    "host",
    "hosting",
    "hosted",
    "editeur",
    "publisher",
    "vendor",
    "editor",
    "fournisseur",
    "supplier",
    "provider",
    "prestataire",
    "organisation",
    "organization",
    "organisme",
    "societe",
    "company",
    "entreprise",
    "client",
    "customer",
    "direction",
    "service",
    "department",
    "departement",
    "entite",
    "equipe",
    "team",
    "employer",
    "employeur",
    "sponsor",
    "ministere",
    "ministry",
    "manufacturer",
    "fabricant",
    "constructeur",
    "integrateur",
    "integrator",
    "agence",
    "agency",
    "institution",
    "commanditaire",
    "partenaire",
    "partner",
];

/// Folded first or last words of an organisation's name.
const ORGANISATION_WORDS: &[&str] = &[
    "sa",
    "sas",
    "sarl",
    "inc",
    "ltd",
    "llc",
    "gmbh",
    "corp",
    "corporation",
    "universite",
    "university",
    "ministere",
    "ministry",
    "direction",
    "departement",
    "department",
    "agence",
    "agency",
    "association",
    "fondation",
    "foundation",
    "groupe",
    "group",
    "institut",
    "institute",
    "societe",
    "company",
    "service",
    "equipe",
    "team",
    "dsi",
    "bureau",
    "office",
    "pole",
    "mission",
    "prefecture",
    "rectorat",
    "academie",
    "conseil",
    "council",
    "laboratoire",
    "laboratory",
];

const HONORIFICS: &[&str] = &["m", "mme", "mlle", "mr", "mrs", "ms", "dr", "pr", "prof", "me"];
const PARTICLES: &[&str] =
    &["de", "du", "des", "d", "la", "le", "van", "von", "der", "den", "di", "da", "el", "al", "ben"];

/// A name has no more words.
const MOST_WORDS: usize = 8;
const LONGEST: usize = 80;

/// `key`: the attribute's, folded.
pub(super) fn is_person(key: &str, value: &str) -> bool {
    let words = value.split_whitespace().collect::<Vec<_>>();
    let titled =
        words.first().is_some_and(|w| HONORIFICS.contains(&folded(w).trim_end_matches('.')) && starts_upper(w));
    let names = if titled { &words[1..] } else { &words[..] };
    let is_name = |w: &&str| {
        let particle = PARTICLES.contains(&folded(w).as_str());
        let letters = w.chars().all(|c| c.is_alphabetic() || "'’-.".contains(c));
        letters && (particle || starts_upper(w) || has_elision(w))
    };
    let capitals = names.iter().filter(|w| starts_upper(w)).count();
    let formed = names.len() <= 5 && capitals > 0 && names.iter().all(is_name) && !has_organisation_word(value);
    if titled {
        return formed;
    }
    let is_acronym = |w: &&str| w.chars().all(|c| c.is_uppercase() || !c.is_alphabetic()) && w.chars().count() <= 5;
    let alone = names.len() == 1 && names.iter().any(is_acronym);
    has_word(key, PERSON_ATTRIBUTES) && formed && !alone
}

/// `key`: the attribute's, folded.
pub(super) fn is_organisation(key: &str, value: &str) -> bool {
    let words = value.split_whitespace().count();
    let begins = value.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    let is_phrase = value.contains(['!', '?', ';', ':']) || value.trim_end().ends_with('.') && words > 3;
    let formed = words <= MOST_WORDS && value.len() <= LONGEST && begins && !is_phrase;
    let acronym = value.len() >= 2 && words == 1 && value.chars().all(char::is_uppercase);
    let named = has_word(key, ORGANISATION_ATTRIBUTES) || (has_word(key, PERSON_ATTRIBUTES) && acronym);
    formed && (named || (words > 1 && has_organisation_word(value)))
}

/// `d'Arc`
fn has_elision(word: &str) -> bool {
    word.split_once(['\'', '’']).is_some_and(|(_, rest)| starts_upper(rest))
}

fn starts_upper(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

fn has_word(key: &str, words: &[&str]) -> bool {
    key.split(' ').any(|w| words.contains(&w))
}

fn has_organisation_word(value: &str) -> bool {
    let folded = folded(value);
    let mut words = folded.split(' ').map(|w| w.trim_matches(|c: char| !c.is_alphanumeric()));
    let first = words.next().unwrap_or_default();
    let last = words.next_back().unwrap_or(first);
    ORGANISATION_WORDS.contains(&first) || ORGANISATION_WORDS.contains(&last)
}
