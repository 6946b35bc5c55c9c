//! Pairs of answers to one prompt, in an order that tells nothing.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::vote::{Side, Vote, VotedModel};
use crate::eval::measured::{CaseScores, Measured};

/// Both answers to a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerPair {
    pub suite: String,
    pub id: String,
    pub prompt: String,
    /// What the suite expects; empty where it names no text.
    pub expected: Vec<String>,
    pub v1: String,
    pub v2: String,
}

/// A pair as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindPair {
    pub pair: AnswerPair,
    /// Whose answer stands on the left.
    pub left: Side,
}

impl BlindPair {
    pub fn left(&self) -> &str {
        self.answer(self.left)
    }

    pub fn right(&self) -> &str {
        self.answer(self.left.other())
    }

    fn answer(&self, side: Side) -> &str {
        match side {
            Side::V1 => &self.pair.v1,
            Side::V2 => &self.pair.v2,
        }
    }
}

/// A prompt that these two models were asked, and what they said: a vote on it is not asked for again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PairKey {
    v1_digest: String,
    v2_digest: String,
    prompt: String,
    answers: [String; 2],
}

impl PairKey {
    pub(super) fn of_vote(vote: &Vote) -> Self {
        Self {
            v1_digest: vote.v1.digest.clone(),
            v2_digest: vote.v2.digest.clone(),
            prompt: vote.prompt.clone(),
            answers: [vote.v1_answer.clone(), vote.v2_answer.clone()],
        }
    }

    fn of_pair(pair: &AnswerPair, [v1, v2]: [&VotedModel; 2]) -> Self {
        Self {
            v1_digest: v1.digest.clone(),
            v2_digest: v2.digest.clone(),
            prompt: pair.prompt.clone(),
            answers: [pair.v1.clone(), pair.v2.clone()],
        }
    }
}

/// The prompts that both models answered, and differently: nobody can prefer one of two equal texts.
pub fn answer_pairs(suites: &[Measured]) -> Vec<AnswerPair> {
    let pair = |suite: &Measured, case: &CaseScores| AnswerPair {
        suite: suite.suite.clone(),
        id: case.id.clone(),
        prompt: case.prompt.clone(),
        expected: case.expected.clone(),
        v1: case.base.text.trim().to_owned(),
        v2: case.tuned.text.trim().to_owned(),
    };
    let differs = |case: &&CaseScores| are_answered(case) && !are_equal(case);
    suites.iter().flat_map(|suite| suite.cases.iter().filter(differs).map(move |case| pair(suite, case))).collect()
}

/// The number of prompts that both models answered with the same text.
pub fn equal_answers(suites: &[Measured]) -> usize {
    suites.iter().flat_map(|suite| &suite.cases).filter(|case| are_answered(case) && are_equal(case)).count()
}

fn are_answered(case: &CaseScores) -> bool {
    !case.base.failed() && !case.tuned.failed()
}

fn are_equal(case: &CaseScores) -> bool {
    case.base.text.trim() == case.tuned.text.trim()
}

/// Those of `pairs` that have no vote yet, shuffled, each with a random side on the left; deterministic in `seed`.
pub fn blind_pairs(pairs: Vec<AnswerPair>, models: [&VotedModel; 2], votes: &[Vote], seed: u64) -> Vec<BlindPair> {
    let voted: BTreeSet<PairKey> = votes.iter().map(PairKey::of_vote).collect();
    let mut pairs: Vec<AnswerPair> =
        pairs.into_iter().filter(|pair| !voted.contains(&PairKey::of_pair(pair, models))).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    pairs.shuffle(&mut random);
    pairs
        .into_iter()
        .map(|pair| BlindPair { pair, left: if random.random::<bool>() { Side::V1 } else { Side::V2 } })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::votes::vote::tests::vote;

    fn pair(n: usize) -> AnswerPair {
        AnswerPair {
            suite: "s.jsonl".into(),
            id: n.to_string(),
            prompt: format!("question {n}"),
            expected: Vec::new(),
            v1: format!("one {n}"),
            v2: format!("two {n}"),
        }
    }

    #[test]
    fn sides_and_order_are_random_and_the_seeds_own() {
        let (v1, v2) = (VotedModel::new("m:v1", "sha256:1"), VotedModel::new("m:v2", "sha256:2"));
        let shown = |seed| blind_pairs((0..200).map(pair).collect(), [&v1, &v2], &[], seed);
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1), shown(2));
        let first = shown(1).iter().filter(|pair| pair.left == Side::V1).count();
        assert!((70..=130).contains(&first), "{first} of 200 on the left");
        let order: Vec<usize> = shown(1).iter().map(|shown| shown.pair.id.parse().unwrap()).collect();
        assert!(order.windows(2).any(|two| two[0] > two[1]));
        for shown in shown(1) {
            let left_is_v1 = shown.left().starts_with("one");
            assert_eq!(left_is_v1, shown.left == Side::V1);
            assert_ne!(shown.left(), shown.right());
        }
    }

    #[test]
    fn what_was_voted_on_is_not_asked_again_unless_an_answer_changed() {
        let mut voted = vote("v2");
        (voted.prompt, voted.v1_answer, voted.v2_answer) = ("question 3".into(), "one 3".into(), "two 3".into());
        let left = |votes: &[Vote]| blind_pairs((0..5).map(pair).collect(), [&voted.v1, &voted.v2], votes, 1).len();
        assert_eq!(left(std::slice::from_ref(&voted)), 4);
        let mut other = voted.clone();
        other.v2_answer = "three".into();
        assert_eq!(left(&[other]), 5);
        let mut other = voted.clone();
        other.v2.digest = "sha256:other".into();
        assert_eq!(left(&[other]), 5);
    }

    #[test]
    fn equal_and_failed_answers_make_no_pair() {
        let case = |base: &str, tuned: &str| CaseScores {
            base: crate::eval::ArmScores { text: base.into(), ..Default::default() },
            tuned: crate::eval::ArmScores { text: tuned.into(), ..Default::default() },
            ..CaseScores::default()
        };
        let mut failed = case("a", "b");
        failed.tuned.degenerate = Some(crate::eval::Degenerate::Failed);
        let suite = Measured { cases: vec![case("a", "a "), failed, case("a", "b")], ..Measured::default() };
        let suites = [suite];
        assert_eq!((answer_pairs(&suites).len(), equal_answers(&suites)), (1, 1));
    }
}
