//! What votes on two models show: the exact sign test over the decided ones, with the share's interval.

use std::collections::BTreeMap;

use serde::Serialize;

use super::pair::PairKey;
use super::vote::{Choice, Side, Vote, VotedModel};
use crate::eval::paired::sign_test;
use crate::eval::run_table::wilson;

/// Two-sided.
const SIGNIFICANT: f64 = 0.05;
/// Of the 95 % interval.
const Z: f64 = 1.959_963_984_540_054;
/// Decided votes up to which is looked for how many are needed.
const MOST_NEEDED: usize = 10_000;

/// The votes on one pair of models. A pair of answers counts once, by its last vote.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tally {
    pub v1: VotedModel,
    pub v2: VotedModel,
    /// Pairs where v2's answer was preferred.
    pub wins: usize,
    /// Pairs where v1's answer was.
    pub losses: usize,
    pub ties: usize,
    /// Pairs where neither would do.
    pub bad: usize,
    /// Of the exact two-sided sign test of `wins` against `losses`; ties have no part in it.
    pub p: f64,
    /// Wins of the decided; null where none is.
    pub share: Option<f64>,
    /// Wilson's 95 % interval of `share`.
    pub interval: Option<[f64; 2]>,
    /// The better one, where p is below .05.
    pub winner: Option<Side>,
    /// Decided votes at which a share like this one would be significant; null where it is already, or is one half.
    pub needed: Option<usize>,
    /// Decided votes for what stood on the left: near one half, unless the place decides.
    pub left_share: Option<f64>,
    /// Of the exact two-sided sign test of left against right.
    pub left_p: f64,
    /// Votes on answers that hold a model's name.
    pub named: usize,
}

/// A tally for each pair of models, in the order of their first votes.
pub fn tallies(votes: &[Vote]) -> Vec<Tally> {
    let last: BTreeMap<PairKey, &Vote> = votes.iter().map(|vote| (PairKey::of_vote(vote), vote)).collect();
    let models = |vote: &Vote| [vote.v1.digest.clone(), vote.v2.digest.clone()];
    let mut order: Vec<[String; 2]> = Vec::new();
    for vote in votes {
        if !order.contains(&models(vote)) {
            order.push(models(vote));
        }
    }
    let of = |pair: &[String; 2]| last.values().copied().filter(|vote| models(vote) == *pair).collect::<Vec<_>>();
    order.iter().filter_map(|pair| tally(&of(pair))).collect()
}

fn tally(votes: &[&Vote]) -> Option<Tally> {
    let newest = votes.iter().max_by(|a, b| a.ts.cmp(&b.ts))?;
    let count = |choice: Choice| votes.iter().filter(|vote| vote.choice == choice).count();
    let (wins, losses) = (count(Choice::V2), count(Choice::V1));
    let decided = wins + losses;
    let left = votes.iter().filter(|vote| vote.choice.side() == Some(vote.left)).count();
    let p = sign_test(wins, losses);
    let share = |part: usize| (decided > 0).then(|| part as f64 / decided as f64);
    let interval = share(wins).map(|share| {
        let (low, high) = wilson(share, decided, Z);
        [low, high]
    });
    let winner = (p < SIGNIFICANT).then_some(if wins > losses { Side::V2 } else { Side::V1 });
    Some(Tally {
        v1: newest.v1.clone(),
        v2: newest.v2.clone(),
        wins,
        losses,
        ties: count(Choice::Tie),
        bad: count(Choice::Bad),
        p,
        share: share(wins),
        interval,
        winner,
        needed: share(wins).filter(|_| winner.is_none()).and_then(|share| needed(share, decided)),
        left_share: share(left),
        left_p: sign_test(left, decided - left),
        named: votes.iter().filter(|vote| vote.named).count(),
    })
}

fn needed(share: f64, decided: usize) -> Option<usize> {
    (decided + 1..=MOST_NEEDED).find(|n| {
        let wins = (share * *n as f64).round() as usize;
        sign_test(wins, n - wins) < SIGNIFICANT
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::votes::vote::tests::vote;

    fn votes(choices: &[(&str, usize)]) -> Vec<Vote> {
        let mut all = Vec::new();
        for (choice, n) in choices {
            for _ in 0..*n {
                let prompt = format!("question {}", all.len());
                all.push(Vote { prompt, left: if all.len() % 2 == 0 { Side::V1 } else { Side::V2 }, ..vote(choice) });
            }
        }
        all
    }

    #[test]
    fn wins_and_losses_are_tested_and_ties_are_not_half_wins() {
        let tally = &tallies(&votes(&[("v2", 8), ("v1", 2), ("tie", 5), ("bad", 1)]))[0];
        assert_eq!((tally.wins, tally.losses, tally.ties, tally.bad), (8, 2, 5, 1));
        // scipy.stats.binomtest: 8 of 10 is .109; of the like shares of more, 10 of 12 is the first below .05 (.0386).
        assert!((tally.p - 0.109375).abs() < 1e-12);
        assert_eq!((tally.winner, tally.needed), (None, Some(12)));
        let [low, high] = tally.interval.unwrap();
        assert!((low - 0.490_16).abs() < 1e-4 && (high - 0.943_32).abs() < 1e-4, "{low} {high}");
        let won = &tallies(&votes(&[("v2", 10), ("v1", 1)]))[0];
        assert_eq!((won.winner, won.needed), (Some(Side::V2), None));
        let lost = &tallies(&votes(&[("v2", 1), ("v1", 10)]))[0];
        assert_eq!(lost.winner, Some(Side::V1));
        let even = &tallies(&votes(&[("v2", 4), ("v1", 4)]))[0];
        assert_eq!((even.p, even.winner, even.needed), (1.0, None, None));
        let none = &tallies(&votes(&[("tie", 2)]))[0];
        assert_eq!((none.share, none.interval, none.p), (None, None, 1.0));
    }

    #[test]
    fn a_pair_of_answers_counts_once_and_models_are_told_apart_by_digest() {
        let mut all = votes(&[("v2", 3)]);
        all.push(Vote { choice: Choice::V1, ..all[0].clone() });
        let mut other = vote("v1");
        other.v2.digest = "sha256:3".into();
        all.push(other);
        let tallies = tallies(&all);
        assert_eq!(tallies.len(), 2);
        assert_eq!((tallies[0].wins, tallies[0].losses), (2, 1));
        assert_eq!((tallies[1].wins, tallies[1].losses), (0, 1));
    }

    #[test]
    fn who_always_takes_the_left_is_seen() {
        let mut all = votes(&[("v2", 12)]);
        all.iter_mut().for_each(|vote| vote.choice = vote.left.into());
        let tally = &tallies(&all)[0];
        assert_eq!((tally.left_share, tally.wins, tally.losses), (Some(1.0), 6, 6));
        assert!(tally.left_p < 0.001);
    }
}
