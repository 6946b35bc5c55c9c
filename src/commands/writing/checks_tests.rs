//! The checks of grounding with a real model: of 500 replies of a writer 25 hold another entity's value and 25 are sentences that
//! nothing supports; the thresholds are set as in every run. (The acceptance test of the checks c3 to c5.)

use std::collections::BTreeSet;

use serde_json::json;

use super::likelihood::NativeLikelihood;
use crate::base::Resolver;
use crate::corpus::{Language, Span, Unit};
use crate::generate::llm::{
    CheckOptions, LlmOptions, LlmOutcome, Participants, Rejected, Sources, WriteRequest, Writer, WriterError, Written,
    generate,
};
use crate::generate::{Family, Item, Journal, Method, Shape, Wording};
use crate::store::{Digest, Interrupt};

const HOSTS: [&str; 7] = ["Nordaline", "Ferrovault", "Quelloria", "Bastrion", "Ombrelac", "Tessivane", "Carmodel"];
const PEOPLE: [&str; 9] = [
    "Irène Valcourt",
    "Basile Monteux",
    "Odile Frémery",
    "Lucas Darvenne",
    "Hélène Quéron",
    "Marius Taldec",
    "Solange Ibarret",
    "Victor Oumzane",
    "Clara Vesprin",
];
const DOMAINS: [&str; 8] = [
    "la gestion des stages",
    "la réservation des salles",
    "le suivi des contrats",
    "la paie des agents",
    "l'inventaire du matériel",
    "la planification des tournées",
    "l'archivage des plans",
    "la relance des factures",
];
const TEAMS: [&str; 5] =
    ["l'équipe du réseau", "le service des achats", "la cellule mobile", "le pôle des données", "l'atelier central"];
const TIMES: [&str; 6] =
    ["chaque lundi", "au début du mois", "deux fois par an", "chaque nuit", "avant chaque bilan", "en fin de semaine"];
/// What no document says, and without a value that c3 could see.
const UNSUPPORTED: [&str; 25] = [
    "Les données sont sauvegardées sur un site distant.",
    "Un mot de passe oublié se change auprès du guichet.",
    "Les utilisateurs réclament davantage de formation.",
    "Le code source est ouvert à tous les partenaires.",
    "Une version pour téléphone sortira bientôt.",
    "Le contrat de maintenance arrive à son terme.",
    "L'écran d'accueil montre les alertes récentes.",
    "Les exports se font dans un tableur.",
    "L'accès exige une carte à puce.",
    "La base de données sera remplacée.",
    "Le budget a été réduit de moitié.",
    "Les pannes sont devenues rares.",
    "Un audit de sécurité est en cours.",
    "Les comptes inactifs sont supprimés sans préavis.",
    "La documentation se trouve dans le classeur bleu.",
    "Le prestataire facture chaque intervention.",
    "Les pièces jointes trop grandes sont refusées.",
    "La messagerie avertit le demandeur.",
    "Le logiciel remplace un ancien registre papier.",
    "Une signature électronique est obligatoire.",
    "Les stagiaires ont un accès limité.",
    "L'impression passe par un serveur séparé.",
    "Les statistiques sont publiées en été.",
    "Le support répond par téléphone le matin.",
    "Un comité décide des évolutions.",
];

/// One application of the catalogue.
#[derive(Clone, Debug)]
struct App {
    name: String,
    host: &'static str,
    year: usize,
    manager: &'static str,
    domain: &'static str,
    team: &'static str,
    time: &'static str,
    users: usize,
}

impl App {
    fn new(i: usize) -> Self {
        let syllables = ["vel", "dru", "mik", "sar", "tol", "ban", "ref", "gil", "nox", "pem", "cyr", "lud"];
        let at = |n: usize| syllables[n % syllables.len()];
        let name = format!("{}{}{}", at(i), at(i / 12 + 5 * i), at(i / 144 + 7 * i + 3));
        let name = format!("{}{}{}", name[..1].to_uppercase(), &name[1..], i);
        Self {
            name,
            host: HOSTS[i % HOSTS.len()],
            year: 2003 + (i * 5) % 19,
            manager: PEOPLE[(i * 4 + i / 9) % PEOPLE.len()],
            domain: DOMAINS[(i * 3 + i / 8) % DOMAINS.len()],
            team: TEAMS[(i * 2 + i / 5) % TEAMS.len()],
            time: TIMES[(i + i / 6) % TIMES.len()],
            users: 20 + (i * 37) % 900,
        }
    }

    fn unit(&self) -> Unit {
        let Self { name, host, year, manager, domain, team, time, users } = self;
        let text = format!(
            "{name} est une application pour {domain}. Cette application est hébergée par {host} depuis {year}. {manager} en est \
             responsable, et {team} la met à jour {time}. Elle compte {users} utilisateurs."
        );
        Unit {
            id: Digest::of_bytes(text.as_bytes()),
            document: 0,
            source: name.as_str().into(),
            title: Some(name.clone()),
            path: Vec::new(),
            span: Span { start: 0, end: text.len() },
            text,
            language: Some(Language::Fr),
            fields: Vec::new(),
        }
    }

    /// What rules ask about it; the calibration is made of these.
    fn item(&self, fact: usize) -> Item {
        let wording = Wording {
            family: Family::Direct,
            template: "host/fr/direct/0".into(),
            question: format!("Qui héberge {} ?", self.name),
            answer: format!("{} est hébergée par {}.", self.name, self.host).into(),
            method: Method::RuleBased,
            record: None,
        };
        Item {
            id: Digest::of_bytes(format!("item {}", self.name).as_bytes()),
            shape: Shape::Value,
            facts: vec![fact],
            entity: self.name.clone(),
            attribute: "hébergeur".into(),
            source: self.name.as_str().into(),
            language: Language::Fr,
            values: vec![self.host.into()],
            wordings: vec![wording],
            low_information: false,
        }
    }

    /// One of its facts, in words that its document does not have.
    fn reworded(&self, form: usize) -> String {
        let Self { name, host, manager, domain, team, time, users, .. } = self;
        match form % 5 {
            0 => format!("L'hébergement de {name} est assuré par {host}."),
            1 => format!("{manager} est responsable de l'application {name}."),
            2 => format!("C'est {team} qui met à jour {name} {time}."),
            3 => format!("L'application {name} compte {users} utilisateurs."),
            _ => format!("L'application {name} sert pour {domain}."),
        }
    }
}

/// What a reply is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Planted {
    Right,
    /// With another entity's value.
    OtherValue,
    Unsupported,
}

/// Which replies are wrong, and what they say.
struct Catalogue(Vec<App>);

impl Catalogue {
    fn new(count: usize) -> Self {
        Self((0..count).map(App::new).collect())
    }

    fn planted(i: usize) -> Planted {
        match i % 20 {
            7 => Planted::OtherValue,
            13 => Planted::Unsupported,
            _ => Planted::Right,
        }
    }

    /// What the planted reply would answer.
    fn question(i: usize) -> &'static str {
        let form = match Self::planted(i) {
            Planted::Right => i / 3,
            Planted::OtherValue => i / 20 % 2,
            Planted::Unsupported => return "Que faut-il encore savoir de cette application ?",
        };
        match form % 5 {
            0 => "Qui héberge cette application ?",
            1 => "Qui est responsable de cette application ?",
            2 => "Qui met à jour cette application, et quand ?",
            3 => "Combien d'utilisateurs cette application compte-t-elle ?",
            _ => "À quoi sert cette application ?",
        }
    }

    fn reply(&self, i: usize) -> String {
        let app = &self.0[i];
        match Self::planted(i) {
            Planted::Right => app.reworded(i / 3),
            Planted::OtherValue => {
                let form = i / 20 % 2;
                let of = |other: &&App| other.host != app.host && other.manager != app.manager;
                let other = self.0.iter().cycle().skip(i + 1).find(of).unwrap();
                App { name: app.name.clone(), ..other.clone() }.reworded(form)
            }
            Planted::Unsupported => UNSUPPORTED[i / 20 % UNSUPPORTED.len()].to_owned(),
        }
    }
}

/// Quotes its document rightly, asks, and answers as planted. As a judge it agrees with everything.
impl Writer for Catalogue {
    fn write(&self, request: &WriteRequest) -> Result<Written, WriterError> {
        let has = |key| request.schema["properties"].get(key).is_some();
        let user = request.messages.last().map(|m| m.content.as_str()).unwrap_or_default();
        let i = self.0.iter().position(|app| user.contains(&app.name)).unwrap();
        let text = match (has("evidence"), has("question")) {
            (true, _) => json!({
                "evidence": format!("Cette application est hébergée par {} depuis", self.0[i].host),
                "fact": format!("L'application {} est hébergée par {}.", self.0[i].name, self.0[i].host),
            }),
            (_, true) => json!({"question": Self::question(i), "reply": self.reply(i)}),
            _ => json!({"answer": self.reply(i)}),
        };
        Ok(Written {
            text: text.to_string(),
            done: true,
            done_reason: "stop".into(),
            prompt_tokens: 100,
            tokens: 20,
            seconds: 0.1,
            logprobs: Vec::new(),
        })
    }

    fn identity(&self) -> String {
        "catalogue v1".into()
    }
}

/// What became of the planted replies.
#[derive(Debug)]
struct Found {
    other_values_rejected: usize,
    other_values: usize,
    unsupported_rejected: usize,
    unsupported: usize,
    right_lost: usize,
    right: usize,
}

fn found(catalogue: &Catalogue, outcome: &LlmOutcome) -> Found {
    let rejected = |code: fn(Rejected) -> bool| -> BTreeSet<&str> {
        outcome.rejected.iter().filter(|r| code(r.code)).map(|r| r.source.as_str()).collect()
    };
    let by_value = rejected(|code| code == Rejected::ValueNotInUnit);
    let all = rejected(|_| true);
    let of = |wanted: Planted| {
        let found = catalogue.0.iter().enumerate().filter(move |(i, _)| Catalogue::planted(*i) == wanted);
        found.map(|(_, app)| app.name.as_str()).collect::<Vec<_>>()
    };
    let among = |names: &[&str], set: &BTreeSet<&str>| names.iter().filter(|name| set.contains(*name)).count();
    let (values, unsupported, right) = (of(Planted::OtherValue), of(Planted::Unsupported), of(Planted::Right));
    Found {
        other_values_rejected: among(&values, &by_value),
        other_values: values.len(),
        unsupported_rejected: among(&unsupported, &all),
        unsupported: unsupported.len(),
        right_lost: among(&right, &all),
        right: right.len(),
    }
}

/// `data generate` on a catalogue whose writer answers as planted, with a model's likelihoods.
fn checked(model: &str, count: usize) -> Found {
    let path = std::env::var(model).unwrap_or_else(|_| panic!("{model} is not set: run the tests with scripts/test"));
    let likelihood = NativeLikelihood::of(Resolver::default().open(&path).unwrap()).unwrap();
    let catalogue = Catalogue::new(count);
    let units: Vec<Unit> = catalogue.0.iter().map(App::unit).collect();
    let items: Vec<Item> = catalogue.0.iter().enumerate().map(|(i, app)| app.item(i)).collect();
    let options = LlmOptions {
        languages: vec![Language::Fr],
        wordings_per_item: 0,
        checks: CheckOptions { closed_book: false, ..CheckOptions::default() },
        strict: true,
        ..LlmOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::default();
    let parts =
        Participants { writer: &catalogue, judge: &catalogue, likelihood: Some(&likelihood), interrupt: &interrupt };
    let mut journal = Journal::open(&folder.path().join("x.journal.jsonl")).unwrap();
    let sources = Sources { units: &units, items: &items };
    let outcome = generate(&sources, &options, parts, &mut journal, &mut |_| {}).unwrap();
    found(&catalogue, &outcome)
}

/// Of the wrong replies those that the checks let through are few.
fn assert_wrong_are_found(found: &Found) {
    assert_eq!(found.other_values_rejected, found.other_values, "{found:?}");
    assert!(found.unsupported_rejected * 10 >= found.unsupported * 9, "{found:?}");
}

/// A fifth of the catalogue: the whole takes minutes.
#[test]
fn wrong_replies_are_found_with_the_likelihoods_of_smollm2() {
    let found = checked("TUNESMITH_SMOLLM2", 100);
    assert_wrong_are_found(&found);
    // A check that rejects everything finds all wrong replies too.
    assert!(found.right_lost * 10 <= found.right * 6, "{found:?}");
}

#[test]
#[ignore = "not reached: 42 of 90 right replies in other words are lost (docs/benchmarks/generated-data.md)"]
fn right_replies_among_500_are_kept_with_the_likelihoods_of_smollm2() {
    let found = checked("TUNESMITH_SMOLLM2", 500);
    assert_wrong_are_found(&found);
    assert!(found.right_lost * 10 <= found.right, "{found:?}");
}

#[test]
#[ignore = "a quarter of an hour, and its figure is not known yet"]
fn right_replies_among_500_are_kept_with_the_likelihoods_of_qwen() {
    let found = checked("TUNESMITH_QWEN", 500);
    assert_wrong_are_found(&found);
    assert!(found.right_lost * 10 <= found.right, "{found:?}");
}
