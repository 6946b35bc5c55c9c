use super::*;
use crate::corpus::kind_fold::attribute_key;

fn kind(attribute: &str, value: &str) -> Kind {
    typed(&attribute_key(attribute), value).kind
}

#[test]
fn extensions_of_telephones_are_contacts() {
    for (key, value) in [
        ("extension", "212"),
        ("poste", "4512"),
        ("phone", "212"),
        ("poste", "poste 4512"),
        ("ext.", "ext. 31204"),
        ("numero de poste", "810"),
        ("desk", "ext. 4410"),
        ("contact", "Nina Holm (ext 4410)"),
        ("who to ask", "x4412"),
        ("interlocuteur", "M. Roux, poste 4512"),
        ("accueil", "ext.4410"),
    ] {
        assert_eq!(kind(key, value), Kind::Contact, "{key}: {value}");
    }
    for (key, value) in [
        ("poste", "comptable"),
        ("users", "212"),
        ("poste", "12"),
        ("extension", "30 m"),
        ("mobile users", "150"),
        ("model", "x1"),
        ("text", "next 4410"),
        ("format", "xlsx"),
    ] {
        assert_ne!(kind(key, value), Kind::Contact, "{key}: {value}");
    }
}

#[test]
fn values_have_the_kind_of_their_form_and_attribute() {
    use Kind::{Boolean, Contact, Date, Identifier, Money, Number, Organisation, Person, Text, Url, Version};
    for (attribute, value, expected) in [
        ("Date de mise en service", "2024-12-28", Date),
        ("Date de mise en service", "28/12/2024", Date),
        ("mise en service", "28 décembre 2024", Date),
        ("released", "December 28, 2024", Date),
        ("released", "28th December 2024", Date),
        ("depuis", "1er août 2021", Date),
        ("created_at", "2024-12-28T10:00:00Z", Date),
        ("Année", "2019", Date),
        ("quantité", "2019", Number),
        ("échéance", "31/02/2024", Text),
        ("version", "3.2", Version),
        ("version", "v2", Version),
        ("Version", "2024.1 LTS", Version),
        ("moteur", "1.4.2-beta", Version),
        ("moteur", "v1.4", Version),
        ("Version", "stable", Text),
        ("Utilisateurs", "12 500", Number),
        ("Utilisateurs", "12\u{202f}500 agents", Number),
        ("taille", "512Mo", Number),
        ("disponibilité", "99,9 %", Number),
        ("code postal", "01000", Text),
        ("adresse", "24 Avenue Foch", Text),
        ("support", "24/7", Text),
        ("Budget annuel", "120 000 €", Money),
        ("Budget annuel", "120 k€", Money),
        ("Annual budget", "€120,000 per year", Money),
        ("cost", "EUR 1,200.50", Money),
        ("coût", "1,2 million d'euros", Money),
        ("critique", "Oui", Boolean),
        ("critical", "false", Boolean),
        ("URL", "https://gidaf.example.fr/accueil", Url),
        ("site", "gidaf.example.fr", Url),
        ("hébergeur", "gidaf.example.fr", Text),
        ("contact", "jeanne.dorval@example.fr", Contact),
        ("Responsable", "Jeanne Dorval <jeanne@example.fr>", Contact),
        ("Téléphone", "01 42 34 56 78", Contact),
        ("poste", "+33 1 42 34 56 78", Contact),
        ("Tel", "4711", Contact),
        ("ratio", "0.123456789", Number),
        ("Responsable", "Jeanne Dorval", Person),
        ("Owner", "J.-P. de La Tour", Person),
        ("suivi par", "Mme Dorval", Person),
        ("Responsable", "DSI", Organisation),
        ("Responsable", "Direction des achats", Organisation),
        ("Hébergeur", "Nuage Armor", Organisation),
        ("Éditeur", "6Soft", Organisation),
        ("Hébergeur", "en interne", Text),
        ("lieu", "Université de Brest", Organisation),
        ("chunk_id", "12", Identifier),
        ("ref", "550e8400-e29b-41d4-a716-446655440000", Identifier),
        ("commit", "sha256:0f343b0931126a20f133d67c2b018a3b", Identifier),
        ("source", "apps/gidaf.md", Identifier),
        ("Criticité", "haute", Text),
        ("6Tzen", "6Tzen", Text),
    ] {
        assert_eq!(kind(attribute, value), expected, "{attribute}: {value}");
    }
    let long = "mot ".repeat(80);
    assert_eq!(kind("responsable", &long), Text);
    assert_eq!(kind("note", &format!("{long} a@example.fr")), Contact);
}

#[test]
fn measures_are_kept_as_written() {
    for (value, expected) in [
        ("12 500 utilisateurs", Some("utilisateurs")),
        ("512MiB", Some("MiB")),
        ("99,9 %", Some("%")),
        ("120 k€ par an", Some("k€ par an")),
        ("$5M", Some("$ M")),
        ("12", None),
    ] {
        assert_eq!(typed("x", value).measure.as_deref(), expected, "{value}");
    }
}

#[test]
fn one_notation_for_one_value() {
    for (kind, expected, values) in [
        (
            Kind::Number,
            "1024.5",
            &["1 024,5", "1,024.5", "1024.5", "1024,50", "1\u{a0}024,5", "1\u{202f}024,5", "1'024.5"][..],
        ),
        (Kind::Number, "1234567", &["1 234 567", "1,234,567", "1.234.567", "1234567"]),
        (Kind::Number, "-3.5", &["-3,5", "−3.50"]),
        (Kind::Number, "0.125", &["0,125", "0.125"]),
        (Kind::Number, "512 mo", &["512 Mo", "512Mo", "512\u{a0}mo"]),
        (
            Kind::Date,
            "2024-12-28",
            &[
                "2024-12-28",
                "28/12/2024",
                "28.12.2024",
                "le 28 Décembre 2024",
                "12/28/2024",
                "Dec. 28, 2024",
                "samedi 28 déc. 2024",
                "2024-12-28 10:30",
            ],
        ),
        (Kind::Date, "2024-12", &["décembre 2024", "December 2024", "12/2024", "2024-12"]),
        (
            Kind::Money,
            "120000 EUR",
            &["120 000 €", "€120,000", "120 k€", "EUR 120,000.00", "0,12 M€", "120 000 euros", "120kEUR"],
        ),
        (Kind::Money, "1200000 EUR", &["1,2 million d'euros", "1.2 million euros", "€1.2 million"]),
        (Kind::Money, "-5 USD", &["-$5", "$-5", "-5 dollars"]),
        (Kind::Boolean, "true", &["Oui", "yes", "VRAI", "true"]),
        (Kind::Version, "3.2", &["v3.2", "3.2", "Version 3.2"]),
        (Kind::Url, "https://a.example/X", &["https://A.example/X/", "HTTPS://a.example/X"]),
        (Kind::Contact, "0142345678", &["01 42 34 56 78", "01.42.34.56.78"]),
        (Kind::Text, "hebergee en region", &["Hébergée  en région.", "hebergee en region"]),
    ] {
        for value in values {
            assert_eq!(normalised(value, kind), expected, "{kind:?} {value}");
        }
    }
    // Two readings stay apart, and different values too.
    for (kind, a, b) in [
        (Kind::Number, "1.024", "1,024"),
        (Kind::Number, "10", "100"),
        (Kind::Number, "5", "-5"),
        (Kind::Number, "007", "7"),
        (Kind::Money, "120 €", "120 $"),
        (Kind::Money, "120 € HT", "120 € TTC"),
        (Kind::Date, "05/06/2024", "06/05/2024"),
        (Kind::Version, "3.10", "3.1"),
    ] {
        assert_ne!(normalised(a, kind), normalised(b, kind), "{kind:?} {a} {b}");
    }
}

const FRENCH: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Digits in groups of three.
fn grouped(number: u64, separator: &str) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push_str(separator);
        }
        out.push(digit);
    }
    out
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn dates_of_all_forms_are_equal(year in 1900_i16..2100, month in 1_i8..=12, day in 1_i8..=28, last in proptest::bool::ANY) {
        let first = jiff::civil::date(year, month, 1);
        let date = if last { first.last_of_month() } else { jiff::civil::date(year, month, day) };
        let (day, at) = (date.day(), usize::try_from(month).unwrap() - 1);
        let iso = date.to_string();
        let ordinal = if day == 1 { "1er".to_owned() } else { day.to_string() };
        for form in [
            iso.clone(),
            format!("{day:02}/{month:02}/{year}"),
            format!("{ordinal} {} {year}", FRENCH[at]),
            format!("{} {day}, {year}", ENGLISH[at]),
        ] {
            proptest::prop_assert_eq!(typed("x", &form).kind, Kind::Date, "{}", form);
            proptest::prop_assert_eq!(&normalised(&form, Kind::Date), &iso, "{}", form);
        }
        // Of another day it is another text.
        let next = date.tomorrow().unwrap().to_string();
        proptest::prop_assert_ne!(normalised(&next, Kind::Date), iso);
    }

    #[test]
    fn numbers_in_french_and_english_are_equal(whole in 0_u64..10_000_000_000, fraction in "[0-9]{0,4}", shift in 0_u32..10) {
        let whole = whole / 10_u64.pow(shift);
        // A comma before three digits has two readings.
        let ambiguous = whole < 1000 && (fraction.len() == 3 || fraction.is_empty() && whole == 0) && whole > 0;
        proptest::prop_assume!(!ambiguous);
        let with = |separator: &str, point: &str| {
            let whole = grouped(whole, separator);
            if fraction.is_empty() { whole } else { format!("{whole}{point}{fraction}") }
        };
        let plain = with("", ".");
        let expected = if fraction.is_empty() { plain.clone() } else { plain.trim_end_matches('0').trim_end_matches('.').to_owned() };
        for form in [with(" ", ","), with("\u{a0}", ","), with("\u{202f}", ","), with(",", "."), with("", ","), plain] {
            // `1234,567` and `1234.567` have one reading; the group of four says so.
            proptest::prop_assert_eq!(&normalised(&form, Kind::Number), &expected, "{}", form);
        }
    }

    #[test]
    fn any_text_has_a_kind_and_a_notation(key in "\\PC{0,12}", value in "[0-9a-zA-Zé€$.,:/@+()\u{a0} -]{0,24}") {
        let kind = typed(&attribute_key(&key), &value).kind;
        let once = normalised(&value, kind);
        if kind == Kind::Number || kind == Kind::Date {
            proptest::prop_assert_eq!(normalised(&once, kind), once);
        }
    }
}
