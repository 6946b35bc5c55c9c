//! Elision and gender, against tables that were written without the code.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::generate::grammar::elision::elides;
use crate::generate::grammar::french::Gender;

/// Names that elide.
#[rustfmt::skip]
const ELIDED: &[&str] = &[
    "Orion", "orion", "Azure", "API", "Élan", "élan", "EDF", "ONU", "Œuvre", "œnologie", "Æthelred", "Ubuntu", "URSSAF", "USB",
    "Unix", "Uber", "Europe", "Île-de-France", "île", "Inria", "iOS", "IBM", "IoT", "Ionos", "Ottawa", "Ouest-France",
    "Ouagadougou", "Albi", "Agen", "Évry", "Ems", "e-mail", "eBay", "A380", "O2", "ENT", "IGN", "INSEE", "ADEME", "Ypres",
    "Yvetot", "Yves", "YMCA", "Yonne", "York", "yeux", "Yeu", "Hermès", "Hélios", "Henri", "Hector", "Hugo", "Hubert", "Hérault",
    "hébergeur", "histoire", "heure", "horaire", "héroïne", "homme", "hôpital", "hôtel", "habitant", "habitat",
    "harmonie", "Harmonie", "héritage", "hiver", "huile", "humain", "humanité", "humeur", "hydrogène", "hygiène", "hypothèse",
    "hyperviseur", "HTML", "HTTP", "HTTPS", "HSBC", "HLM", "HP", "HAProxy", "Hibernate", "Åland", "Öland", "Ørsted", "Ü", "a",
    "À la carte", "Ouïe", "un jour", "Un jour", "Amazon Web Services", "Angular", "Elasticsearch", "Express.js", "Icinga",
    "Ember", "Odoo", "OpenStack", "Oracle", "OVH",
];

/// Names that do not.
#[rustfmt::skip]
const WHOLE: &[&str] = &[
    "GIDAF", "6Tzen", "11", "11e arrondissement", "8", "1", "80 jours", "« Orion »", "\"Orion\"", "(Orion)", "@orion", ".NET",
    "-e", "npm", "PostgreSQL", "Java", "SQL", "SNCF", "SFR", "FMI", "LVMH", "MSF", "NRJ", "RTE", "RGPD", "XML", "SSO", "M6",
    "Le Monde", "le monde", "Les Échos", "La Poste", "Lyon", "Yahoo", "Yann", "yaourt", "Yaoundé", "Yemen", "Yougoslavie",
    "yoga", "onze", "Onze", "onzième", "oui", "Oui", "OUIGO", "ouistiti", "iota", "uhlan", "Hadoop", "hadoop", "Hugging Face",
    "Huawei", "Heroku", "Helm", "HashiCorp", "Haskell", "Harbor", "Honda", "Hyundai", "Hong Kong", "Hongrie", "Hollande",
    "Hambourg", "Hanoï", "Hawaï ouest", "hauteur", "Haute-Savoie", "Hauts-de-France", "Haut-Rhin", "haut débit", "hasard",
    "héros", "hiérarchie", "handicap", "handball", "hameau", "hangar", "haricot", "harnais", "hache", "haine", "halte", "harpe",
    "hausse", "hibou", "hockey", "homard", "honte", "hors-série", "hors ligne", "hub", "huit", "huitième", "hublot", "hutte",
    "hotline", "hackathon", "hacker", "hashtag", "holding", "hobby", "hall", "hérisson", "hernie", "hêtre", "heurt", "hamster",
    "Web", "Wi-Fi", "Windows", "Word", "W3C", "Zabbix", "Grafana", "Kubernetes", "Docker", "Java EE", "Django", "Ruby",
    "日本", "Москва", "", "—", "2Fast", "Φ", "Çedilla", "ñandú",
];

#[test]
fn names_elide_as_french_writes_them() {
    assert!(ELIDED.len() + WHOLE.len() >= 200, "{}", ELIDED.len() + WHOLE.len());
    for name in ELIDED {
        assert!(elides(name), "{name}");
        assert_eq!((de(name), que(name)), (format!("d'{name}"), format!("qu'{name}")));
    }
    for name in WHOLE {
        assert!(!elides(name), "{name}");
        assert_eq!(que(name), format!("que {name}"));
    }
    assert_eq!(de("GIDAF"), "de GIDAF");
    assert_eq!(de("Le Havre"), "de « Le Havre »");
    assert_eq!(de("Les Échos"), "de « Les Échos »");
    assert_eq!(de("Le"), "de Le");
    assert_eq!(de("La Poste"), "de La Poste");
}

fn lexicon() -> Lexicon {
    Lexicon::parse(include_str!("../../../templates/nouns.fr.yaml")).unwrap()
}

/// From a dictionary of another author: tests/oracles/french_genders.py.
fn genders() -> BTreeMap<&'static str, &'static str> {
    let table = include_str!("../../../tests/fixtures/french_genders.tsv");
    table.lines().filter_map(|line| line.split_once('\t')).collect()
}

/// Nouns with h, by hand; the rest goes by the first letter.
fn noun_elides(noun: &str) -> bool {
    match noun {
        "hébergement" | "hébergeur" | "heure" | "histoire" | "horaire" => true,
        "hameau" | "hauteur" => false,
        _ => noun.to_lowercase().starts_with(['a', 'â', 'e', 'é', 'è', 'ê', 'i', 'o', 'u']),
    }
}

#[test]
fn every_noun_of_the_lexicon_agrees_with_the_dictionary() {
    let lexicon = lexicon();
    let genders = genders();
    assert!(genders.len() > 350 && lexicon.len() >= genders.len());
    for (noun, both) in genders {
        let found = lexicon.noun(noun).unwrap_or_else(|| panic!("{noun}"));
        assert!(!found.plural, "{noun}");
        assert!(both.contains(if found.gender == Gender::Masculine { 'm' } else { 'f' }), "{noun}: {both}");
        let (le, du, quel) = match (noun_elides(noun), found.gender) {
            (true, Gender::Masculine) => (format!("l'{noun}"), format!("de l'{noun}"), "quel"),
            (true, Gender::Feminine) => (format!("l'{noun}"), format!("de l'{noun}"), "quelle"),
            (false, Gender::Masculine) => (format!("le {noun}"), format!("du {noun}"), "quel"),
            (false, Gender::Feminine) => (format!("la {noun}"), format!("de la {noun}"), "quelle"),
        };
        assert_eq!((found.le(noun), found.du(noun), found.quel(noun)), (le.clone(), du, format!("{quel} {noun}")));
        assert_eq!(found.quel_est(noun), format!("{quel} est {le}"));
    }
}

#[test]
fn plurals_and_complements_agree() {
    let lexicon = lexicon();
    let shown = |words: &str| lexicon.noun(words).map(|noun| noun.quel_est(words));
    assert_eq!(shown("technologies").as_deref(), Some("quelles sont les technologies"));
    assert_eq!(shown("hébergeurs").as_deref(), Some("quels sont les hébergeurs"));
    assert_eq!(shown("date de création").as_deref(), Some("quelle est la date de création"));
    assert_eq!(shown("niveaux d'accès").as_deref(), Some("quels sont les niveaux d'accès"));
    assert_eq!(shown("accès").as_deref(), Some("quel est l'accès"));
    assert_eq!(shown("date of birth"), None);
    assert_eq!(shown("sponsoring"), None);
    assert_eq!(shown(""), None);
    for (one, many) in [
        ("niveau", Some("niveaux")),
        ("canal", Some("canaux")),
        ("prix", Some("prix")),
        ("langage de programmation", Some("langages de programmation")),
        ("matériau", Some("matériaux")),
        ("mot-clé", Some("mots-clés")),
        ("version actuelle", None),
        ("sponsoring", None),
    ] {
        assert_eq!(lexicon.plural(one).as_deref(), many, "{one}");
    }
    assert_eq!(lexicon.spelt("hebergeur"), "hébergeur");
    assert_eq!(lexicon.spelt("criticite du service"), "criticité du service");
    assert_eq!(lexicon.spelt("zorglub"), "zorglub");
}

proptest! {
    #[test]
    fn any_name_is_held_whole(name in "\\PC{0,30}") {
        prop_assert!(de(&name).contains(&name));
        prop_assert!(que(&name).ends_with(&name));
        let words = shown(&name);
        prop_assert_eq!(shown(&words), words.clone(), "shown twice");
        prop_assert!(!words.starts_with(' ') && !words.ends_with(' ') && !words.contains("  "));
        let fold = folded(&name);
        prop_assert_eq!(folded(&fold), fold);
    }
}
