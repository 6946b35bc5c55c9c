//! Several questions on one entity in one conversation: those after the first say a pronoun, or leave the entity out.

use std::borrow::BorrowMut;
use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use crate::chat::{Message, Role};
use crate::corpus::{Fact, Kind, Language};

use super::grammar::{Gender, elides};
use super::noise::{EntityNames, below, change_share, choose, fold, key, seeded, shuffle};
use super::{Draft, Item, Method, Shape};

/// What dialogues have to know of the corpus and of French.
#[derive(Clone, Copy)]
pub struct DialogueContext<'a> {
    /// What the items' indices mean.
    pub facts: &'a [Fact],
    /// All entities' names, without the values that noise has to know of.
    pub entities: &'a EntityNames,
    /// Of a French noun in the singular and in lower case; None: not in the lexicon.
    pub gender: &'a dyn Fn(&str) -> Option<Gender>,
}

/// Questions after the first.
const MOST_FURTHER: usize = 3;
/// Longer attributes are no nouns.
const LONGEST_ATTRIBUTE: usize = 40;

/// The draft's question, then one to three further ones on the same entity, each with its answer; None: nothing can be
/// asked further. Its expected answer is that of the last turn; item and group stay the draft's.
///
/// A pronoun is written only while the conversation has named nothing else that it could mean; the entity is named again
/// behind that.
pub fn dialogue(
    parent: &Draft,
    further: &[&Item],
    context: &DialogueContext<'_>,
    rng: &mut ChaCha8Rng,
) -> Option<Draft> {
    let entity = entity_of(parent, context.facts)?;
    let [question, answer] = parent.turns.as_slice() else { return None };
    let is_plain = question.role == Role::User && answer.role == Role::Assistant && parent.noise.is_empty();
    if !is_plain || !question.content.contains(entity) || names_another(&question.content, entity, context.entities) {
        return None;
    }
    let mut items: Vec<&Item> = further.iter().copied().filter(|i| can_follow(i, parent, entity, context)).collect();
    items.sort_by_key(|i| i.id);
    items.dedup_by_key(|i| i.id);
    shuffle(rng, &mut items);
    // What brings in persons, organisations or other entities comes last.
    items.sort_by_cached_key(|i| names_antecedent(i, context));
    let mut draft = Draft { method: Method::Augmented, ..parent.clone() };
    let is_open = parent.facts.iter().any(|i| context.facts.get(*i).is_none_or(is_actor));
    let mut is_clear = !is_open && !names_another(&answer.content, entity, context.entities);
    let wanted = 1 + below(rng, MOST_FURTHER);
    let mut done = 0;
    for item in items {
        if item.facts.iter().any(|f| draft.facts.contains(f)) {
            continue;
        }
        let Some(wording) = choose(rng, &item.wordings) else { continue };
        let question = if is_clear { elliptic(item, context, rng) } else { named(item) };
        draft.turns.push(Message::new(Role::User, question));
        draft.turns.push(Message::new(Role::Assistant, wording.answer.as_ref()));
        draft.facts.extend(&item.facts);
        draft.expected = item.expected(wording);
        draft.shape = item.shape;
        is_clear &= !names_antecedent(item, context);
        done += 1;
        if done == wanted {
            break;
        }
    }
    (done > 0).then_some(draft)
}

/// Makes dialogues of a share (0 to 1) of the drafts that ask one fact, and returns of how many. Which drafts depends on the
/// seed and the drafts, not on their order.
pub fn add_dialogues<D: BorrowMut<Draft>>(
    drafts: &mut [D],
    share: f64,
    items: &[&Item],
    context: &DialogueContext<'_>,
    seed: u64,
) -> usize {
    let mut by_entity: BTreeMap<(&str, Language), Vec<&Item>> = BTreeMap::new();
    items.iter().for_each(|i| by_entity.entry((&i.entity, i.language)).or_default().push(i));
    let is_plain = |draft: &Draft| draft.turns.len() == 2 && draft.noise.is_empty();
    change_share(drafts, share, seed, is_plain, |draft| {
        let mut rng = seeded(seed, &["dialogue", &key(draft)]);
        let Some(entity) = entity_of(draft, context.facts) else { return false };
        let further = by_entity.get(&(entity, draft.language)).map_or(&[][..], Vec::as_slice);
        let longer = dialogue(draft, further, context, &mut rng);
        longer.map(|longer| *draft = longer).is_some()
    })
}

/// What a draft on a single entity is about.
fn entity_of<'a>(draft: &Draft, facts: &'a [Fact]) -> Option<&'a str> {
    if !matches!(draft.shape, Shape::Value | Shape::List) {
        return None;
    }
    let mut entities = draft.facts.iter().map(|i| facts.get(*i).map(|f| f.entity.as_str()));
    let first = entities.next()??;
    entities.all(|e| e == Some(first)).then_some(first)
}

fn can_follow(item: &Item, parent: &Draft, entity: &str, context: &DialogueContext<'_>) -> bool {
    let is_noun = |f: &Fact| !f.is_question() && !matches!(f.kind, Kind::Definition | Kind::Text);
    let has_noun = |i: &usize| context.facts.get(*i).is_some_and(is_noun);
    // The question says the attribute's name as the document writes it.
    let is_foreign = |i: &usize| context.facts.get(*i).is_some_and(|f| f.language.is_some_and(|l| l != item.language));
    matches!(item.shape, Shape::Value | Shape::List)
        && !item.facts.iter().any(is_foreign)
        && item.entity == entity
        && item.language == parent.language
        && item.source == parent.source
        && !item.attribute.trim().is_empty()
        && !item.facts.is_empty()
        && item.facts.iter().all(has_noun)
}

/// Whether a pronoun could mean the fact's value.
fn is_actor(fact: &Fact) -> bool {
    matches!(fact.kind, Kind::Person | Kind::Organisation)
}

/// Whether an item's answers name what a pronoun could mean.
fn names_antecedent(item: &Item, context: &DialogueContext<'_>) -> bool {
    item.facts.iter().any(|i| context.facts.get(*i).is_none_or(is_actor))
        || item.wordings.iter().any(|w| names_another(&w.answer, &item.entity, context.entities))
}

/// Whether a text names an entity beside its own.
fn names_another(text: &str, entity: &str, entities: &EntityNames) -> bool {
    let own = fold(entity);
    entities.mentions(text).into_iter().filter_map(|m| text.get(m.range)).any(|name| fold(name) != own)
}

/// A question that only the conversation makes whole.
fn elliptic(item: &Item, context: &DialogueContext<'_>, rng: &mut ChaCha8Rng) -> String {
    let attribute = item.attribute.trim();
    let is_known = item.language == Language::Fr || has_entry(item);
    let noun = noun(attribute).filter(|_| is_known && is_written_in(item, context.facts));
    let (forms, filled) = match (item.language, noun) {
        (Language::Fr, Some(noun)) => match possessive(&noun, context.gender) {
            Some(word) => (&["Et {} ?", "Qu'en est-il de {} ?", "Quid de {} ?"][..], format!("{word} {noun}")),
            None => (&["Et pour « {} » ?"][..], attribute.to_owned()),
        },
        (Language::En, Some(noun)) => (&["And its {}?", "What about its {}?", "How about its {}?"][..], noun),
        (Language::Fr, None) => (&["Et pour « {} » ?"][..], attribute.to_owned()),
        (Language::En, None) => (&["And for “{}”?"][..], attribute.to_owned()),
    };
    choose(rng, forms).map_or_else(String::new, |form| form.replace("{}", &filled))
}

/// Whether the templates have an entry for the attribute, which is a noun then. There is no English lexicon: `discontinued`
/// may not stand behind `its`.
fn has_entry(item: &Item) -> bool {
    let is_frame = |name: &str| name.strip_prefix("user-").unwrap_or(name).starts_with("frame-");
    item.wordings.iter().any(|wording| wording.method == Method::RuleBased && !is_frame(&wording.template))
}

/// A short question that names the entity.
fn named(item: &Item) -> String {
    let (attribute, entity) = (item.attribute.trim(), &item.entity);
    match item.language {
        Language::Fr => format!("Et « {attribute} » pour {entity} ?"),
        Language::En => format!("And “{attribute}” for {entity}?"),
    }
}

/// Whether the attribute is a noun of the question's language. The French lexicon decides where the document's is unknown.
fn is_written_in(item: &Item, facts: &[Fact]) -> bool {
    let unknown = item.language == Language::Fr;
    item.facts.iter().filter_map(|i| facts.get(*i)).all(|f| f.language.map_or(unknown, |l| l == item.language))
}

/// The attribute as it stands in a sentence; None: it is a key and no phrase.
fn noun(attribute: &str) -> Option<String> {
    let is_phrase = attribute.chars().all(|c| c.is_alphabetic() || " '’-".contains(c));
    let mut chars = attribute.chars();
    let first = chars.next().filter(|_| is_phrase && attribute.chars().count() <= LONGEST_ATTRIBUTE)?;
    let head = attribute.split(' ').next().unwrap_or_default();
    match head.chars().skip(1).any(char::is_uppercase) {
        // An acronym, or a key in camel case.
        true if head.chars().any(char::is_lowercase) => None,
        true => Some(attribute.to_owned()),
        false => Some(first.to_lowercase().chain(chars).collect()),
    }
}

/// `son`, `sa` or `ses` before a noun phrase whose first word is a known noun.
fn possessive(noun: &str, gender: &dyn Fn(&str) -> Option<Gender>) -> Option<&'static str> {
    let head = noun.split(' ').next()?.to_lowercase();
    let singular = head.strip_suffix("aux").map(|stem| format!("{stem}al"));
    let singular = head.strip_suffix(['s', 'x']).map(str::to_owned).into_iter().chain(singular);
    if singular.into_iter().any(|word| gender(&word).is_some()) {
        return Some("ses");
    }
    Some(match gender(&head)? {
        Gender::Feminine if !elides(&head) => "sa",
        _ => "son",
    })
}

#[cfg(test)]
#[path = "dialogue_tests.rs"]
mod tests;
