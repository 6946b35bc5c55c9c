//! Chooses among the kinds of unanswerable questions and makes examples of them.

use std::collections::BTreeSet;

use crate::chat::{Message, Role};
use crate::generate::noise::fold;
use crate::generate::{Draft, Method, Shape};
use crate::store::Digest;

use super::input::{Questions, UnansweredCorpus};
use super::invented::{self, Models};
use super::knowledge::Knowledge;
use super::maker::{Asked, Maker};
use super::{missing, premise};

/// `count` questions that the corpus does not answer, or as many as there are: in turn an attribute that the entity lacks, an
/// entity that does not exist, and a false premise. No question is asked twice.
pub fn unanswerable<'a>(corpus: &UnansweredCorpus<'a>, count: usize, questions: &'a dyn Questions) -> Vec<Draft> {
    if corpus.facts.facts.is_empty() || corpus.languages.is_empty() || count == 0 {
        return Vec::new();
    }
    let knowledge = Knowledge::new(corpus, questions);
    let maker = Maker { knowledge, questions, languages: corpus.languages, seed: corpus.seed };
    let models = Models::new(&maker.knowledge);
    let mut kinds: [Box<dyn Iterator<Item = Asked> + '_>; 3] = [
        Box::new(missing::candidates(&maker, count).filter_map(|c| missing::ask(&maker, &c))),
        Box::new(invented::questions(&maker, &models, count)),
        Box::new(premise::candidates(&maker).into_iter().filter_map(|i| premise::ask(&maker, i))),
    ];
    let mut seen = BTreeSet::new();
    let mut made = Vec::new();
    loop {
        let before = made.len();
        for kind in &mut kinds {
            if made.len() == count {
                return made;
            }
            made.extend(kind.find(|asked| seen.insert(fold(&asked.wording.question))).map(draft));
        }
        if made.len() == before {
            return made;
        }
    }
}

fn draft(asked: Asked) -> Draft {
    let Asked { identity, wording, answer, facts, source, language } = asked;
    let identity = identity.join("\u{1f}");
    let parts = [("shape", "unanswerable".as_bytes()), ("identity", identity.as_bytes())];
    let question = [("language", language.code().as_bytes()), ("question", wording.question.as_bytes())];
    Draft {
        item: Digest::of_parts(parts),
        group: Digest::of_parts(parts.into_iter().chain(question)),
        facts,
        source,
        shape: Shape::Unanswerable,
        language,
        family: wording.family,
        template: wording.template,
        turns: vec![Message::new(Role::User, wording.question), Message::new(Role::Assistant, answer.as_str())],
        expected: vec![answer],
        noise: Vec::new(),
        method: Method::RuleBased,
        record: None,
    }
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
