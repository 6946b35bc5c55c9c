//! Which questions on prose are worded again, so that the parts of a split by wording can be filled: validation and test ask
//! questions of the training part in other words, and a question on prose has one wording.

use super::request::GenerateRequest;
use crate::commands::Failure;
use crate::generate::{Draft, ExampleCount, Family, Item, SplitBy, Wording, held_out_count, taught_wordings};

/// Examples for validation and test that the items' wordings do not give; 0 where the split is another one.
pub(super) fn missing(request: &GenerateRequest, items: &[Item]) -> Result<usize, Failure> {
    let (ExampleCount::Number(count), Some(shares), SplitBy::Wording) =
        (request.count, request.parts, request.split_by()?)
    else {
        return Ok(0);
    };
    let wanted = held_out_count(count, shares.0).unwrap_or_default();
    let taught = taught_wordings(request.wordings);
    let given: usize = items.iter().map(|item| can_be_held_out(item, taught)).sum();
    Ok(wanted.saturating_sub(given))
}

/// Wordings of an item that can be held out, whole families at a time, while `taught` of others are left.
fn can_be_held_out(item: &Item, taught: usize) -> usize {
    let of_family = |family: Family| item.wordings.iter().filter(|wording| wording.family == family).count();
    let mut sizes: Vec<usize> = Family::ALL.into_iter().map(of_family).collect();
    sizes.sort_unstable();
    let fits = |held: usize, size: usize| if held + size + taught <= item.wordings.len() { held + size } else { held };
    sizes.into_iter().fold(0, fits)
}

/// The items of prose among the drafts, with the one wording that each has, in the order in which they were made.
pub(super) fn of_prose(drafts: &[Draft]) -> Vec<Item> {
    let of_prose = drafts.iter().filter(|draft| draft.facts.is_empty());
    of_prose.filter_map(|draft| Some(Item { wordings: vec![Wording::of(draft)?], ..Item::of(draft, &[]) })).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::commands::generating::request::{Shares, tests::request};
    use crate::corpus::Language;
    use crate::generate::{Method, Shape};
    use crate::store::Digest;

    fn item(families: &[Family]) -> Item {
        let wording = |family: &Family| Wording {
            family: *family,
            template: "t".into(),
            question: "Why?".into(),
            answer: Arc::from("So."),
            method: Method::LlmBased,
            record: None,
        };
        Item {
            id: Digest::of_bytes(b"item"),
            shape: Shape::Value,
            facts: Vec::new(),
            entity: String::new(),
            attribute: String::new(),
            source: "s".into(),
            language: Language::En,
            values: Vec::new(),
            wordings: families.iter().map(wording).collect(),
            low_information: false,
        }
    }

    #[test]
    fn a_family_is_held_out_whole_and_enough_of_others_stays() {
        let held = |families: &[Family]| can_be_held_out(&item(families), 2);
        let (a, b, c) = (Family::Direct, Family::Polite, Family::Search);
        assert_eq!([held(&[]), held(&[a]), held(&[a, b])], [0, 0, 0]);
        assert_eq!([held(&[a, b, c]), held(&[a, a, b]), held(&[a, a, a]), held(&[a, a, b, c])], [1, 1, 0, 2]);
    }

    #[test]
    fn questions_on_prose_are_missing_wordings_where_wordings_are_held_out() {
        let of = |split_by: SplitBy, items: &[Item]| {
            let (parts, count) = (Some(Shares([80, 10, 10])), ExampleCount::Number(100));
            missing(&GenerateRequest { parts, split_by: Some(split_by), count, ..request() }, items).unwrap()
        };
        let one = item(&[Family::Direct]);
        let three = item(&[Family::Direct, Family::Polite, Family::Search]);
        assert_eq!(of(SplitBy::Wording, &vec![one.clone(); 100]), 20);
        assert_eq!(of(SplitBy::Wording, &[vec![one.clone(); 90], vec![three; 12]].concat()), 8);
        assert_eq!(of(SplitBy::Source, &vec![one; 100]), 0);
    }
}
