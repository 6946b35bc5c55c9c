//! Which wordings of a subject are taught and which are held out.

use super::parts::hash;
use super::plan_fill::Allotment;
use super::plan_subjects::{Choice, FAMILIES, Subject};
use super::{Item, Wording};

/// The wordings of one subject.
#[derive(Debug, Default)]
pub(super) struct Picked {
    pub train: Vec<Choice>,
    pub held: Vec<Choice>,
    pub new: Vec<Choice>,
}

/// As many as `allotment` says, spread over families and languages.
pub(super) fn pick(items: &[Item], subject: &Subject, choices: &[Choice], what: Pick) -> Picked {
    let Pick { allotment, seed } = what;
    let mut numbered: Vec<(u64, &Choice)> =
        choices.iter().map(|choice| (number(items, choice, seed), choice)).collect();
    // A model was asked for its wordings: they come before the rules'.
    let is_rule = |choice: &Choice| wording(items, choice).record.is_none();
    numbered.sort_by_key(|(number, choice)| (is_rule(choice), *number, choice.place));
    let held = |choice: &Choice| allotment.families >> choice.family as u8 & 1 == 1;
    let of = |wanted: &dyn Fn(&Choice) -> bool, n: usize| {
        let list: Vec<Choice> = numbered.iter().filter(|(_, c)| wanted(c)).map(|(_, c)| **c).collect();
        spread(list, n)
    };
    debug_assert!(allotment.train <= subject.wordings());
    Picked {
        train: of(&|c| !c.new_family && !held(c), allotment.train),
        held: of(&|c| !c.new_family && held(c), allotment.held),
        new: of(&|c| c.new_family, allotment.new),
    }
}

/// How many wordings, and the seed that chooses them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    pub allotment: Allotment,
    pub seed: u64,
}

fn number(items: &[Item], choice: &Choice, seed: u64) -> u64 {
    let wording = wording(items, choice);
    let id = items[choice.place.item as usize].id.hex();
    hash(seed, &[b"wording", id.as_bytes(), wording.template.as_bytes(), wording.question.as_bytes()])
}

fn wording<'a>(items: &'a [Item], choice: &Choice) -> &'a Wording {
    &items[choice.place.item as usize].wordings[choice.place.wording as usize]
}

/// Each time the choice whose language and family were taken least.
fn spread(mut list: Vec<Choice>, n: usize) -> Vec<Choice> {
    let (mut languages, mut families) = ([0usize; 2], [0usize; FAMILIES]);
    let mut out = Vec::with_capacity(n.min(list.len()));
    while out.len() < n {
        let taken = |c: &Choice| (languages[c.language as usize], families[c.family as usize]);
        let Some((at, _)) = list.iter().enumerate().min_by_key(|(i, choice)| (taken(choice), *i)) else { break };
        let choice = list.remove(at);
        languages[choice.language as usize] += 1;
        families[choice.family as usize] += 1;
        out.push(choice);
    }
    out
}
