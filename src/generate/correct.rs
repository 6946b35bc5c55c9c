//! Examples whose task is to mend a text: the noisy text is asked, the clean one answered.

use rand_chacha::ChaCha8Rng;

use crate::chat::{Message, Role};
use crate::store::Digest;

use super::noise::{NoiseContext, draw_kinds, noisy, seeded};
use super::{Draft, Method, Shape};

/// Draws of kinds until one of them finds something to change.
const ATTEMPTS: usize = 4;

/// The correction of a draft's first question, of the question's group; None if noise finds nothing to change in it.
///
/// It teaches no fact. The language of `context` is replaced by the draft's.
pub fn correction(draft: &Draft, context: &NoiseContext<'_>, rng: &mut ChaCha8Rng) -> Option<Draft> {
    let clean = draft.turns.iter().find(|t| t.role == Role::User).filter(|_| draft.noise.is_empty())?.content.clone();
    let context = NoiseContext { language: draft.language, ..*context };
    let (text, noise) = (0..ATTEMPTS).find_map(|_| noisy(&clean, &draw_kinds(rng), &context, rng))?;
    let item = Digest::of_parts([("shape", "correction".as_bytes()), ("text", clean.as_bytes())]);
    Some(Draft {
        item,
        facts: Vec::new(),
        shape: Shape::Correction,
        turns: vec![Message::new(Role::User, text), Message::new(Role::Assistant, clean.clone())],
        expected: vec![clean],
        noise,
        method: Method::Augmented,
        ..draft.clone()
    })
}

/// The corrections of all drafts that noise can change, in the order of the drafts. Each depends on the seed and its draft alone.
pub fn corrections(drafts: &[Draft], context: &NoiseContext<'_>, seed: u64) -> Vec<Draft> {
    let of = |draft: &Draft| {
        let question = draft.turns.first().map_or("", |t| t.content.as_str());
        let mut rng = seeded(seed, &["correction", &draft.group.to_string(), &draft.template, question]);
        correction(draft, context, &mut rng)
    };
    drafts.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::corpus::Language;
    use crate::generate::{EntityNames, Family};

    #[test]
    fn the_noisy_text_is_asked_and_the_clean_one_answered() {
        let entities = EntityNames::new(["Chrome"]);
        let context = NoiseContext { language: Language::En, entities: &entities, glossary: &[] };
        let draft = |question: &str| Draft {
            item: Digest::of_bytes(b"item"),
            group: Digest::of_bytes(question.as_bytes()),
            facts: vec![1],
            source: Arc::from("a.md"),
            shape: Shape::Value,
            language: Language::Fr,
            family: Family::Direct,
            template: "open/1".into(),
            turns: vec![Message::new(Role::User, question), Message::new(Role::Assistant, "Oui.")],
            expected: vec!["Oui.".to_owned()],
            noise: Vec::new(),
            method: Method::RuleBased,
            record: None,
        };
        let drafts = [draft("ouvre chrome"), draft("12 `x`"), draft("ferme la fenêtre")];
        let made = corrections(&drafts, &context, 3);
        assert_eq!(made.len(), 2, "a question without words has no correction");
        for (draft, of) in made.iter().zip([&drafts[0], &drafts[2]]) {
            let clean = &of.turns[0].content;
            assert_eq!(draft.turns[1], Message::new(Role::Assistant, clean.as_str()));
            assert_ne!(&draft.turns[0].content, clean);
            assert_eq!(
                (&draft.expected, draft.group, draft.shape),
                (&vec![clean.clone()], of.group, Shape::Correction)
            );
            assert!(draft.facts.is_empty() && !draft.noise.is_empty() && draft.item != of.item);
            assert_eq!(correction(draft, &context, &mut seeded(1, &[])), None, "noise is not put on noise");
        }
        let mut backwards = drafts.clone();
        backwards.reverse();
        let mut again = corrections(&backwards, &context, 3);
        again.reverse();
        assert_eq!(made, again);
    }
}
