//! What can be taught: questions on facts, and questions that the documents do not answer.

use super::material::Material;
use super::request::{GenerateRequest, Variations};
use crate::commands::Failure;
use crate::corpus::Facts;
use crate::generate::ExampleCount;
use crate::generate::{self, Draft, Item, ItemOptions, Shape, TemplateQuestions, UnansweredCorpus, Wording};

/// Wordings of an item beyond those that are taught: for validation and test, and in place of those that are refused.
const SPARE_WORDINGS: usize = 4;

/// Every item, with the wordings of the templates.
pub(super) fn items(
    material: &Material,
    request: &GenerateRequest,
    variations: Variations,
) -> Result<Vec<Item>, Failure> {
    let options = ItemOptions {
        languages: material.languages.clone(),
        own_languages: material.own_languages.clone(),
        seed: request.seed,
        answer_style: request.answer_style,
        disputed: material.facts.conflicts.iter().map(|conflict| conflict.attribute.clone()).collect(),
        units: &material.corpus.units,
        max_wordings: request.wordings + SPARE_WORDINGS,
        interrupt: material.interrupt.clone(),
        ..ItemOptions::new(&material.templates)
    };
    let mut items = generate::items(&material.facts.facts, &options);
    if material.interrupt.raised() {
        return Err(Failure::interrupted());
    }
    items.extend(refusals(material, request, &items, variations));
    Ok(items)
}

/// The items with as many refusals as another count wants.
pub(super) fn with_refusals(
    material: &Material,
    request: &GenerateRequest,
    items: &[Item],
) -> Result<Vec<Item>, Failure> {
    let mut all: Vec<Item> = items.iter().filter(|item| item.shape != Shape::Unanswerable).cloned().collect();
    all.extend(refusals(material, request, &all, Variations::of(request)?));
    Ok(all)
}

/// Questions that the documents do not answer, for the share that is wanted beside `items`.
fn refusals(material: &Material, request: &GenerateRequest, items: &[Item], variations: Variations) -> Vec<Item> {
    let possible: usize = items.iter().map(|item| item.wordings.len()).sum();
    let wanted = match request.count {
        ExampleCount::Number(n) => n.min(possible),
        ExampleCount::All => possible,
    };
    let refusals = variations.refusals * wanted as f64;
    if refusals < 1.0 {
        return Vec::new();
    }
    let corpus = UnansweredCorpus {
        facts: &material.facts,
        units: &material.corpus.units,
        languages: &material.languages,
        seed: request.seed,
    };
    // Twice the share: some are refused as near to others, and each part takes its own.
    let wanted = (2.0 * refusals).ceil() as usize + 1;
    let questions = TemplateQuestions::new(&material.templates, &material.facts.facts);
    let drafts = generate::unanswerable(&corpus, wanted, &questions);
    drafts.into_iter().filter_map(|draft| unanswerable_item(&draft, &material.facts)).collect()
}

/// A question that can't be answered, as an item of one wording.
fn unanswerable_item(draft: &Draft, facts: &Facts) -> Option<Item> {
    Some(Item { wordings: vec![Wording::of(draft)?], ..Item::of(draft, &facts.facts) })
}
