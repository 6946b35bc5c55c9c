//! From chosen wordings to examples, each in its part.

use crate::chat::{Message, Role};
use crate::corpus::Language;
use crate::store::Digest;

use super::identity_key::identity_key;
use super::parts::{Part, Planned, SplitBy, group_of, hash, quotas};
use super::plan_fill::Chosen;
use super::plan_options::PlanOptions;
use super::plan_pick::{Pick, Picked, pick};
use super::plan_subjects::{Choice, Subjects};
use super::{Draft, Item};

/// What examples are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drafting<'a> {
    pub items: &'a [Item],
    pub subjects: &'a Subjects,
    pub seed: u64,
}

/// The examples by part, within a part in the order of their groups' hashes.
pub(super) fn assign(drafting: Drafting<'_>, chosen: &[Chosen<'_>], options: &PlanOptions) -> Vec<Planned> {
    let mut out = Vec::new();
    // Sorted by number, then by id, so that the held-out wordings of one subject are in one part where the sizes allow it.
    let mut held: Vec<(u64, Digest, Choice)> = Vec::new();
    for Chosen { subject, allotment, part } in chosen.iter().filter(|chosen| !is_empty(chosen)) {
        let what = Pick { allotment: *allotment, seed: drafting.seed };
        let Picked { train, held: more, new } = pick(drafting.items, subject, drafting.subjects.choices(subject), what);
        let number = hash(drafting.seed, &[b"held", subject.id.hex().as_bytes()]);
        out.extend(train.into_iter().map(|choice| drafting.planned(choice, *part)));
        out.extend(new.into_iter().map(|choice| drafting.planned(choice, Part::Test)));
        held.extend(more.into_iter().map(|choice| (number, subject.id, choice)));
    }
    held.sort_by_key(|(number, id, _)| (*number, *id));
    let val = match options.parts {
        Some(parts) if options.split_by == SplitBy::Wording => {
            let counted = held.len() + out.iter().filter(|example| example.part != Part::Unseen).count();
            let chosen = out.iter().filter(|example| example.part == Part::Val).count();
            quotas(counted, parts).map_or(0, |sizes| sizes[1].saturating_sub(chosen))
        }
        _ => 0,
    };
    for ((_, _, choice), i) in held.into_iter().zip(0..) {
        out.push(drafting.planned(choice, if i < val { Part::Val } else { Part::Test }));
    }
    if let (SplitBy::Random, Some(parts)) = (options.split_by, options.parts) {
        at_random(&mut out, parts, drafting.seed);
    }
    out.sort_by_cached_key(|example| (example.part, group_number(example, drafting.seed), example.draft.group));
    out
}

fn is_empty(chosen: &Chosen<'_>) -> bool {
    chosen.allotment.train + chosen.allotment.held + chosen.allotment.new == 0
}

fn group_number(example: &Planned, seed: u64) -> u64 {
    hash(seed, &[b"group", example.draft.group.hex().as_bytes()])
}

fn at_random(examples: &mut [Planned], parts: [u32; 3], seed: u64) {
    examples.sort_by_cached_key(|e| (e.part == Part::Unseen, group_number(e, seed), e.draft.group));
    let counted = examples.iter().take_while(|example| example.part != Part::Unseen).count();
    let Some([_, val, test]) = quotas(counted, parts) else { return };
    for (i, example) in examples.iter_mut().take(counted).enumerate() {
        example.part = match i {
            i if i < test => Part::Test,
            i if i < test + val => Part::Val,
            _ => Part::Train,
        };
    }
}

impl Drafting<'_> {
    fn planned(&self, choice: Choice, part: Part) -> Planned {
        Planned { draft: self.draft(choice), part, new_family: choice.new_family }
    }

    fn draft(&self, choice: Choice) -> Draft {
        let item = &self.items[choice.place.item as usize];
        let wording = &item.wordings[choice.place.wording as usize];
        let turns = vec![
            Message::new(Role::User, wording.question.clone()),
            Message::new(Role::Assistant, wording.answer.as_ref()),
        ];
        Draft {
            item: item.id,
            group: group_of(item.id, Language::code(item.language), &identity_key(&wording.question)),
            facts: item.facts.clone(),
            source: item.source.clone(),
            shape: item.shape,
            language: item.language,
            family: wording.family,
            template: wording.template.clone(),
            turns,
            expected: item.expected(wording),
            noise: Vec::new(),
            method: wording.method,
            record: wording.record.clone(),
        }
    }
}
