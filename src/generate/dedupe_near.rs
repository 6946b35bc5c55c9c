//! Near-duplicates among texts that have no fact by which they could be told apart.

use std::collections::HashMap;

use super::dedupe_text::{jaccard, shingles};
use super::identity_key::identity_key;
use super::minhash::{Bands, MinHasher};

/// Least likeness of two questions.
pub(super) const QUESTION: f64 = 0.85;
/// Least likeness of their answers.
const ANSWER: f64 = 0.6;
/// More texts than this are compared through MinHash.
const EXACT: usize = 50_000;

/// A question with its answer.
#[derive(Clone, Copy, Debug)]
pub struct QuestionAnswer<'a> {
    pub question: &'a str,
    pub answer: &'a str,
}

/// A text that is left out, and the earlier one that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearDuplicate {
    pub text: usize,
    pub kept: usize,
}

/// Texts whose question is at least 0.85 alike (Jaccard of runs of five characters) to that of an earlier text that is
/// kept, and whose answers are at least 0.6 alike.
pub fn near_duplicates(texts: &[QuestionAnswer<'_>]) -> Vec<NearDuplicate> {
    let sets: Vec<Vec<u128>> = texts.iter().map(|text| shingles(&identity_key(text.question))).collect();
    let answer = |i: usize| shingles(&identity_key(texts[i].answer));
    let same =
        |i: usize, j: usize| jaccard(&sets[i], &sets[j]) >= QUESTION && jaccard(&answer(i), &answer(j)) >= ANSWER;
    if sets.len() <= EXACT { exact(&sets, same) } else { banded(&sets, same) }
}

/// Pairs of sets that are alike by `likeness` or more: each set with the first such one before it. Through MinHash.
pub(super) fn alike(sets: &[Vec<u128>], likeness: f64) -> Vec<NearDuplicate> {
    banded(sets, |i, j| jaccard(&sets[i], &sets[j]) >= likeness)
}

/// By an inverted index of the rarest shingles. Two sets of likeness t or more share one of the first
/// `n − ⌈t·n⌉ + 1` of their n elements in any order that both are sorted in, so no pair is missed.
fn exact(sets: &[Vec<u128>], same: impl Fn(usize, usize) -> bool) -> Vec<NearDuplicate> {
    let mut counts: HashMap<u128, u32> = HashMap::new();
    sets.iter().flatten().for_each(|shingle| *counts.entry(*shingle).or_default() += 1);
    let mut index: HashMap<u128, Vec<u32>> = HashMap::new();
    let mut found = Vec::new();
    for (i, set) in sets.iter().enumerate() {
        let mut rarest = set.clone();
        rarest.sort_unstable_by_key(|shingle| (counts.get(shingle).copied(), *shingle));
        rarest.truncate(set.len() + 1 - ((QUESTION * set.len() as f64).ceil() as usize).min(set.len()));
        let mut candidates: Vec<u32> = rarest.iter().filter_map(|s| index.get(s)).flatten().copied().collect();
        candidates.sort_unstable();
        candidates.dedup();
        match candidates.iter().find(|j| same(i, **j as usize)) {
            Some(kept) => found.push(NearDuplicate { text: i, kept: *kept as usize }),
            None => rarest.iter().for_each(|s| index.entry(*s).or_default().push(i as u32)),
        }
    }
    found
}

fn banded(sets: &[Vec<u128>], same: impl Fn(usize, usize) -> bool) -> Vec<NearDuplicate> {
    let hasher = MinHasher::new();
    let mut bands = Bands::default();
    let mut found = Vec::new();
    for (i, set) in sets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
        let signature = hasher.signature(set);
        match bands.candidates(&signature).iter().find(|j| same(i, **j as usize)) {
            Some(kept) => found.push(NearDuplicate { text: i, kept: *kept as usize }),
            None => bands.insert(&signature, i as u32),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(n: usize) -> Vec<String> {
        // Every third is the one before it with another ending.
        let topic = |i: usize| {
            let word = |k: usize| ["storage", "network", "invoice", "mailbox", "licence", "backup", "printer"][k % 7];
            format!("how is the {} of team {} moved to the {} in step {}", word(i), i * 37 % 101, word(i / 7), i / 49)
        };
        (0..n).map(|i| if i % 3 == 1 { format!("{}s", topic(i - 1)) } else { topic(i) }).collect()
    }

    #[test]
    fn both_methods_find_the_pairs_that_all_comparisons_find() {
        let texts = texts(300);
        let sets: Vec<Vec<u128>> = texts.iter().map(|t| shingles(&identity_key(t))).collect();
        let same = |i: usize, j: usize| jaccard(&sets[i], &sets[j]) >= QUESTION;
        let mut kept: Vec<usize> = Vec::new();
        let mut expected = Vec::new();
        for i in 0..sets.len() {
            match kept.iter().find(|j| same(i, **j)) {
                Some(j) => expected.push(NearDuplicate { text: i, kept: *j }),
                None => kept.push(i),
            }
        }
        assert!(expected.len() >= 100);
        assert_eq!(exact(&sets, same), expected);
        assert_eq!(banded(&sets, same), expected);
    }

    #[test]
    fn answers_have_to_be_alike_too() {
        let pair = |answer| {
            let question = "How do I move the mailbox of a team to the new server";
            let text = |answer| QuestionAnswer { question, answer };
            near_duplicates(&[text("Ask the help desk for a form"), text(answer)]).len()
        };
        assert_eq!(pair("Ask the help desk for a form!"), 1);
        assert_eq!(pair("Run the wizard in the control panel"), 0);
    }
}
