//! A catalogue of applications that nobody has read before: names, attributes and questions about them.

use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::corpus::{Corpus, Document, Span, Unit};
use crate::store::Digest;

pub(super) struct Catalogue {
    pub(super) corpus: Corpus,
    /// By unit.
    pub(super) names: Vec<String>,
}

const KEYS: [&str; 12] = [
    "Responsable",
    "Hébergeur",
    "Technologies",
    "Criticité",
    "Version",
    "Utilisateurs",
    "Domaine",
    "Date de mise en service",
    "Adresse",
    "Dépendances",
    "Éditeur",
    "Sauvegarde",
];
const PEOPLE: &[&str] =
    &["Claire Dupont", "Éric Müller", "Anaïs Lefèvre", "Jean Petit", "Noémie Garçon", "Luc Bernard"];
const PLACES: &[&str] = &["Lyon", "Nîmes", "Orléans", "Besançon", "Rennes", "Évry"];
const WORDS: &[&str] = &["Java", "PostgreSQL", "Angular", "Python", "Oracle", "PHP", "Symfony", "Kubernetes"];
const DOMAINS: &[&str] = &["ressources humaines", "état civil", "finances", "urbanisme", "voirie", "action sociale"];

/// GIDAF, 6Tzen, Melipo …
fn name(rng: &mut ChaCha8Rng) -> String {
    let pick = |rng: &mut ChaCha8Rng, set: &str| {
        let letters: Vec<char> = set.chars().collect();
        *letters.choose(rng).unwrap()
    };
    let syllables = rng.random_range(2..4);
    let mut name = String::new();
    for _ in 0..syllables {
        name.push(pick(rng, "bcdfglmnprstvz"));
        name.push(pick(rng, "aeiou"));
    }
    name.push(pick(rng, "flnrstx"));
    match rng.random_range(0..4) {
        0 => name.to_uppercase(),
        1 => format!("{}{name}", rng.random_range(2..10)),
        _ => name[..1].to_uppercase() + &name[1..],
    }
}

fn value(key: &str, rng: &mut ChaCha8Rng) -> String {
    let number = rng.random_range(10..9000);
    let pick = |set: &[&str], rng: &mut ChaCha8Rng| (*set.choose(rng).unwrap()).to_owned();
    match key {
        "Responsable" | "Éditeur" => pick(PEOPLE, rng),
        "Hébergeur" => format!("centre de {}", pick(PLACES, rng)),
        "Technologies" | "Dépendances" => format!("{}, {}", pick(WORDS, rng), pick(WORDS, rng)),
        "Criticité" | "Sauvegarde" => pick(&["haute", "moyenne", "faible", "quotidienne"], rng),
        "Version" => format!("{}.{}", number % 9, number % 7),
        "Domaine" => pick(DOMAINS, rng),
        "Date de mise en service" => format!("{}/0{}/20{:02}", number % 28 + 1, number % 9 + 1, number % 25),
        "Adresse" => format!("https://app{number}.exemple.fr"),
        _ => number.to_string(),
    }
}

pub(super) fn catalogue(records: usize, seed: u64) -> Catalogue {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut names: Vec<String> = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    while names.len() < records {
        let next = name(&mut rng);
        if known.insert(next.to_lowercase()) {
            names.push(next);
        }
    }
    let digest = Digest::of_bytes(&seed.to_le_bytes());
    let document =
        Document { path: "applications.jsonl".into(), digest, text: "".into(), converted: false, json: true };
    let units = names.iter().map(|name| {
        let lines: Vec<String> = KEYS.iter().map(|key| format!("{key} : {}", value(key, &mut rng))).collect();
        let text = format!("{name} est une application du domaine public.\n{}", lines.join("\n"));
        Unit {
            id: Digest::of_bytes(format!("{seed} {text}").as_bytes()),
            document: 0,
            source: name.as_str().into(),
            title: Some(name.clone()),
            path: vec!["Applications".into()],
            span: Span { start: 0, end: text.len() },
            text,
            language: None,
            fields: Vec::new(),
        }
    });
    let units = units.collect();
    Catalogue { corpus: Corpus { documents: vec![document], units }, names }
}

/// A question about an attribute of an application.
pub(super) fn question(name: &str, rng: &mut ChaCha8Rng) -> String {
    let key = KEYS.choose(rng).unwrap().to_lowercase();
    match rng.random_range(0..3) {
        0 => format!("Quel est le champ {key} de {name} ?"),
        1 => format!("Pour l'application {name}, donne-moi : {key}"),
        _ => format!("{name} {key}"),
    }
}

/// One edit: a letter is replaced, left out, doubled or changes places with the next.
pub(super) fn misspelt(name: &str, rng: &mut ChaCha8Rng) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    loop {
        let at = rng.random_range(0..letters.len() - 1);
        match rng.random_range(0..4) {
            0 => letters[at] = char::from(b'a' + rng.random_range(0..26)),
            1 => drop(letters.remove(at)),
            2 => letters.insert(at, letters[at]),
            _ => letters.swap(at, at + 1),
        }
        let changed: String = letters.iter().collect();
        if !changed.eq_ignore_ascii_case(name) {
            return changed;
        }
    }
}

/// A vector by the words of a text: the same word, the same direction.
pub(super) struct WordEmbedder {
    pub(super) sent: usize,
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl crate::eval::Embedder for WordEmbedder {
    fn name(&self) -> String {
        "words".into()
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
        self.sent += texts.len();
        let vector = |text: &String| {
            let mut sum = vec![0.01f32; 64];
            for word in text.split(|c: char| !c.is_alphanumeric()) {
                let digest = Digest::of_bytes(word.to_lowercase().as_bytes()).hex();
                sum[usize::from_str_radix(&digest[..2], 16).unwrap() % 64] += 1.0;
            }
            let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            sum.iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}
