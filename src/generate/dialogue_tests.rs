use std::sync::Arc;

use super::*;
use crate::generate::{Family, Wording};
use crate::store::Digest;

fn lexicon(noun: &str) -> Option<Gender> {
    match noun {
        "version" | "adresse" | "url" | "hauteur" | "horloge" | "langue" | "technologie" => Some(Gender::Feminine),
        "hébergeur" | "accès" | "responsable" | "journal" | "lieu" | "statut" => Some(Gender::Masculine),
        _ => None,
    }
}

struct Corpus {
    facts: Vec<Fact>,
    items: Vec<Item>,
}

impl Corpus {
    fn new(entity: &str, language: Language, attributes: &[(&str, Kind, &str)]) -> Self {
        let mut corpus = Self { facts: Vec::new(), items: Vec::new() };
        for (i, (attribute, kind, value)) in attributes.iter().enumerate() {
            let id = Digest::of_bytes(format!("{entity}{attribute}").as_bytes());
            let source: Arc<str> = Arc::from("a.md");
            let values = vec![(*value).to_owned()];
            corpus.facts.push(Fact {
                id,
                entity: entity.to_owned(),
                attribute: (*attribute).to_owned(),
                values: values.clone(),
                kind: *kind,
                measure: None,
                language: Some(language),
                unit: 0,
                source: source.clone(),
                spans: Vec::new(),
                low_information: false,
            });
            let wording = Wording {
                family: Family::Direct,
                template: "x".into(),
                question: format!("{attribute} : {entity} ?"),
                answer: format!("{entity} : {value}.").into(),
                method: Method::RuleBased,
                record: None,
            };
            corpus.items.push(Item {
                id,
                shape: Shape::Value,
                facts: vec![i],
                entity: entity.to_owned(),
                attribute: (*attribute).to_owned(),
                source,
                language,
                values,
                wordings: vec![wording],
                low_information: false,
            });
        }
        corpus
    }

    fn draft(&self, item: usize) -> Draft {
        let item = &self.items[item];
        let wording = &item.wordings[0];
        Draft {
            item: item.id,
            group: Digest::of_bytes(wording.question.as_bytes()),
            facts: item.facts.clone(),
            source: item.source.clone(),
            shape: item.shape,
            language: item.language,
            family: wording.family,
            template: wording.template.clone(),
            turns: vec![
                Message::new(Role::User, wording.question.as_str()),
                Message::new(Role::Assistant, wording.answer.as_ref()),
            ],
            expected: item.expected(wording),
            noise: Vec::new(),
            method: Method::RuleBased,
            record: None,
        }
    }

    fn made(&self, parent: usize, seed: u64, entities: &EntityNames) -> Option<Draft> {
        let context = DialogueContext { facts: &self.facts, entities, gender: &lexicon };
        let items: Vec<&Item> = self.items.iter().collect();
        dialogue(&self.draft(parent), &items, &context, &mut seeded(seed, &["test"]))
    }
}

fn further(draft: &Draft) -> Vec<&str> {
    draft.turns.iter().skip(2).filter(|t| t.role == Role::User).map(|t| t.content.as_str()).collect()
}

#[test]
fn possessives_have_the_nouns_gender_and_number() {
    for (noun, expected) in [
        ("version", Some("sa")),
        ("adresse", Some("son")),
        ("URL", Some("son")),
        ("hauteur", Some("sa")),
        ("horloge", Some("son")),
        ("hébergeur", Some("son")),
        ("accès", Some("son")),
        ("langues parlées", Some("ses")),
        ("journaux", Some("ses")),
        ("lieux", Some("ses")),
        ("version du noyau", Some("sa")),
        ("bidule", None),
        ("", None),
    ] {
        assert_eq!(possessive(noun, &lexicon), expected, "{noun}");
    }
    assert_eq!(noun("Hébergeur principal"), Some("hébergeur principal".to_owned()));
    assert_eq!(noun("URL"), Some("URL".to_owned()));
    assert_eq!((noun("host_name"), noun("hostName"), noun("Port 2"), noun("")), (None, None, None, None));
}

#[test]
fn turns_follow_on_one_entity() {
    let attributes = [
        ("Version", Kind::Version, "1.2"),
        ("Statut", Kind::Enumeration, "actif"),
        ("Technologies", Kind::List, "Rust"),
        ("Bidule", Kind::Text, "x"),
        ("Machin", Kind::Enumeration, "y"),
    ];
    let corpus = Corpus::new("GIDAF", Language::Fr, &attributes);
    let entities = EntityNames::new(["GIDAF", "6Tzen"]);
    let mut lengths = [0; 5];
    let mut questions = Vec::new();
    for seed in 0..200 {
        let draft = corpus.made(0, seed, &entities).unwrap();
        assert_eq!(draft.turns[..2], corpus.draft(0).turns);
        let turns = draft.turns.len() / 2;
        lengths[turns] += 1;
        assert_eq!((draft.facts.len(), draft.item, draft.method), (turns, corpus.items[0].id, Method::Augmented));
        assert!(draft.turns.iter().enumerate().all(|(i, t)| (t.role == Role::User) == (i % 2 == 0)));
        let last = draft.facts[turns - 1];
        assert_eq!(draft.expected, [corpus.items[last].values[0].clone(), draft.turns[2 * turns - 1].content.clone()]);
        questions.extend(further(&draft).into_iter().map(str::to_owned));
    }
    assert!(lengths[2] > 20 && lengths[3] > 20 && lengths[4] > 20, "{lengths:?}");
    questions.sort();
    questions.dedup();
    let expected = [
        "Et pour « Machin » ?",
        "Et ses technologies ?",
        "Et son statut ?",
        "Qu'en est-il de ses technologies ?",
        "Qu'en est-il de son statut ?",
        "Quid de ses technologies ?",
        "Quid de son statut ?",
    ];
    assert_eq!(questions, expected, "a long text is not asked, an unknown noun in the neutral form");
}

#[test]
fn a_pronoun_has_one_antecedent() {
    let attributes = [
        ("Host", Kind::Organisation, "OVH"),
        ("Version", Kind::Version, "1.2"),
        ("Owner", Kind::Person, "Ada"),
        ("Status", Kind::Enumeration, "like Gamma"),
    ];
    let corpus = Corpus::new("GIDAF Mobile", Language::En, &attributes);
    let entities = EntityNames::new(["GIDAF", "GIDAF Mobile", "Gamma"]);
    for seed in 0..100 {
        // `its` could mean OVH.
        let draft = corpus.made(0, seed, &entities).unwrap();
        assert!(further(&draft).iter().all(|q| q.contains("GIDAF Mobile") && !q.contains("its")), "{draft:?}");
        let draft = corpus.made(1, seed, &entities).unwrap();
        let [first, rest @ ..] = &further(&draft)[..] else { panic!("{draft:?}") };
        assert!(first.contains("its"), "{first}");
        assert!(rest.iter().all(|q| q.contains("GIDAF Mobile")), "Ada or Gamma could be meant: {rest:?}");
    }
}

#[test]
fn an_english_attribute_without_an_entry_is_quoted() {
    let attributes = [("Version", Kind::Version, "1.2"), ("Discontinued", Kind::Boolean, "no")];
    let mut corpus = Corpus::new("C49", Language::En, &attributes);
    let entities = EntityNames::new(["C49"]);
    let asked = |corpus: &Corpus| -> Vec<String> {
        let drafts: Vec<Draft> = (0..20).map(|seed| corpus.made(0, seed, &entities).unwrap()).collect();
        drafts.iter().flat_map(|draft| further(draft).into_iter().map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    assert!(asked(&corpus).iter().all(|question| question.contains("its discontinued")));
    for template in ["frame-neutral-boolean/en/direct/1", "user-frame-neutral/en/direct/1"] {
        corpus.items[1].wordings[0].template = template.into();
        assert!(asked(&corpus).iter().all(|question| question == "And for “Discontinued”?"));
    }
}

#[test]
fn what_cannot_be_continued_is_refused() {
    let entities = EntityNames::new(["GIDAF", "GIDAF Mobile", "Gamma"]);
    let alone = Corpus::new("GIDAF", Language::Fr, &[("Version", Kind::Version, "1.2")]);
    assert_eq!(alone.made(0, 1, &entities), None);
    let corpus = Corpus::new(
        "GIDAF",
        Language::Fr,
        &[("Version", Kind::Version, "1.2"), ("Statut", Kind::Enumeration, "actif")],
    );
    let context = DialogueContext { facts: &corpus.facts, entities: &entities, gender: &lexicon };
    let items: Vec<&Item> = corpus.items.iter().collect();
    let refuse = |change: &dyn Fn(&mut Draft)| {
        let mut draft = corpus.draft(0);
        change(&mut draft);
        assert_eq!(dialogue(&draft, &items, &context, &mut seeded(1, &[])), None, "{draft:?}");
    };
    refuse(&|d| d.shape = Shape::Reverse);
    refuse(&|d| d.noise = vec![crate::generate::Noise::Case]);
    refuse(&|d| d.turns[0].content = "Version de gidaf ?".to_owned());
    refuse(&|d| d.turns[0].content = "GIDAF est-il comme Gamma ?".to_owned());
    refuse(&|d| d.turns[0].content = "GIDAF remplace GIDAF Mobile ?".to_owned());
    refuse(&|d| d.facts = vec![99]);
    refuse(&|d| d.language = Language::En);
    refuse(&|d| d.source = Arc::from("b.md"));
}

#[test]
fn a_share_of_drafts_whatever_their_order() {
    let attributes =
        [("Version", Kind::Version, "1.2"), ("Statut", Kind::Enumeration, "actif"), ("Adresse", Kind::Text, "x")];
    let corpus = Corpus::new("GIDAF", Language::Fr, &attributes);
    let entities = EntityNames::new(["GIDAF"]);
    let context = DialogueContext { facts: &corpus.facts, entities: &entities, gender: &lexicon };
    let mut drafts: Vec<Draft> = (0..40)
        .map(|i| {
            let mut draft = corpus.draft(i % 2);
            draft.turns[0].content.push_str(&" ?".repeat(i));
            draft
        })
        .collect();
    let mut backwards: Vec<Draft> = drafts.iter().rev().cloned().collect();
    assert_eq!(add_dialogues(&mut drafts, 0.25, &corpus.items.iter().collect::<Vec<_>>(), &context, 5), 10);
    assert_eq!(drafts.iter().filter(|d| d.turns.len() > 2).count(), 10);
    add_dialogues(&mut backwards, 0.25, &corpus.items.iter().collect::<Vec<_>>(), &context, 5);
    backwards.reverse();
    assert_eq!(drafts, backwards);
}
