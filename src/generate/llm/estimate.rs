//! What a whole run takes, from a few examples that were timed.

use serde::Serialize;

use super::calls::CallCost;

/// One entry of the plan, with all its calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TimedEntry {
    pub cost: CallCost,
    pub accepted: bool,
}

/// What is expected of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub seconds: f64,
    /// Of prompts and answers.
    pub tokens: f64,
    /// Entries of the plan that give no example.
    pub rejects: f64,
}

/// For `wanted` accepted examples; None: nothing was timed. The share of accepted entries is Laplace's (one more of each kind
/// than was seen): three entries say little, and a share of zero would mean that the run never ends.
pub fn estimate(timed: &[TimedEntry], wanted: usize, parallel: usize) -> Option<Estimate> {
    if timed.is_empty() {
        return None;
    }
    let n = timed.len() as f64;
    let accepted = timed.iter().filter(|t| t.accepted).count() as f64;
    let share = (accepted + 1.0) / (n + 2.0);
    let entries = wanted as f64 / share;
    let seconds: f64 = timed.iter().map(|t| t.cost.seconds).sum::<f64>() / n;
    let tokens: f64 = timed.iter().map(|t| (t.cost.prompt_tokens + t.cost.tokens) as f64).sum::<f64>() / n;
    let rejects = entries - wanted as f64;
    Some(Estimate { seconds: seconds * entries / parallel.max(1) as f64, tokens: tokens * entries, rejects })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_cost_as_much_as_what_is_kept() {
        let entry = |seconds, accepted| TimedEntry {
            cost: CallCost { calls: 4, seconds, prompt_tokens: 900, tokens: 100 },
            accepted,
        };
        let found = estimate(&[entry(2.0, true), entry(4.0, true), entry(6.0, false)], 300, 1).unwrap();
        assert_eq!(found, Estimate { seconds: 2000.0, tokens: 500_000.0, rejects: 200.0 });
        let none = estimate(&[entry(1.0, false)], 10, 2).unwrap();
        assert_eq!(none, Estimate { seconds: 15.0, tokens: 30_000.0, rejects: 20.0 });
        assert_eq!(estimate(&[], 10, 1), None);
    }
}
