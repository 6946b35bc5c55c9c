//! Questions that presuppose a value that the entity does not have.

use crate::corpus::{Fact, Kind, Language};
use crate::generate::Family;
use crate::generate::grammar::shown;
use crate::generate::noise::{choose, shuffle};
use crate::generate::notation::Notation;
use crate::generate::templates::measured_value;

use super::input::QuestionWording;
use super::knowledge::Value;
use super::maker::{Asked, Maker};
use super::texts::{corrections, filled, premises};

/// Characters of a value.
const LONGEST: usize = 80;

/// The facts whose value can be replaced by another, in the order that the seed decides.
pub(super) fn candidates(maker: &Maker<'_>) -> Vec<usize> {
    let facts = maker.knowledge.facts.iter().enumerate().filter(|(_, f)| is_suited(f));
    let mut found: Vec<([u8; 32], usize)> = facts.map(|(i, f)| (maker.rank(&["premise", &f.id.hex()]), i)).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, i)| i).collect()
}

fn is_suited(fact: &Fact) -> bool {
    let kinds = [
        Kind::Person,
        Kind::Organisation,
        Kind::Date,
        Kind::Version,
        Kind::Number,
        Kind::Money,
        Kind::Identifier,
        Kind::Enumeration,
    ];
    let [value] = fact.values.as_slice() else { return false };
    !fact.is_question() && kinds.contains(&fact.kind) && is_word_like(value)
}

/// Whether a value can stand in a sentence, which may end with it.
fn is_word_like(value: &str) -> bool {
    value.chars().count() <= LONGEST && !value.ends_with(['.', '!', '?', '…'])
}

/// None: no other entity has a value of this attribute that this entity's documents do not hold, or the document is in a
/// language that is not asked in.
pub(super) fn ask(maker: &Maker<'_>, index: usize) -> Option<Asked> {
    let fact = maker.knowledge.facts.get(index)?;
    let mut rng = maker.random(&["premise", &fact.id.hex()]);
    let right = fact.values.first()?;
    let concept = maker.knowledge.concepts.get(maker.knowledge.fact_concepts.get(index)?)?;
    let mut others: Vec<&Value> = concept.values.values().collect();
    shuffle(&mut rng, &mut others);
    let right_notation = Notation::of(right, fact.kind);
    let is_wrong = |value: &&Value| {
        let is_apart = !Notation::of(&value.written, value.kind).may_be(&right_notation);
        is_apart && is_word_like(&value.written) && !maker.knowledge.may_hold(&fact.entity, value)
    };
    let wrong = &others.into_iter().find(is_wrong)?.written;
    // As answers say it: a price with its currency.
    let said = |value: &String| measured_value(&Fact { values: vec![value.clone()], ..fact.clone() }, 0);
    let (right, wrong) = (&said(right)?, &said(wrong)?);
    let language = language_of(maker, fact, &mut rng)?;
    let values = [
        ("entity", fact.entity.as_str()),
        ("attribute", fact.attribute.as_str()),
        ("right", right.as_str()),
        ("wrong", wrong.as_str()),
    ];
    let attribute = shown(&fact.attribute);
    let asked = [("entity", fact.entity.as_str()), ("attribute", attribute.as_str()), ("wrong", wrong.as_str())];
    let forms: Vec<(usize, &&str)> = (1..).zip(premises(language)).collect();
    let (number, form) = choose(&mut rng, &forms)?;
    let wording = QuestionWording {
        family: Family::Direct,
        template: format!("premise/{}/direct/{number}", language.code()).into(),
        question: filled(form, &asked),
    };
    Some(Asked {
        identity: ["premise", &fact.entity, &fact.attribute, wrong].map(str::to_owned).to_vec(),
        answer: filled(choose(&mut rng, corrections(language))?, &values),
        facts: vec![index],
        source: fact.source.clone(),
        language,
        wording,
    })
}

/// The document's, whose words the question quotes: None where it is not asked in. Where it is not known, any.
fn language_of(maker: &Maker<'_>, fact: &Fact, rng: &mut rand_chacha::ChaCha8Rng) -> Option<Language> {
    match fact.language {
        Some(own) => maker.languages.contains(&own).then_some(own),
        None => choose(rng, maker.languages).copied(),
    }
}
