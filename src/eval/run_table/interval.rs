//! How sure a mean score is: Wilson's interval of shares (Wilson 1927, JASA 22:209), else bootstrap-t over the clusters.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entrant::PromptScore;
use crate::eval::bootstrap::{self, Confidence, bootstrap_t};
use crate::eval::paired::Z95;

/// A model's score on a suite, with its 90 % interval (each bound holds with 95 %).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ModelScore {
    /// 0 to 1.
    pub score: f64,
    pub low: f64,
    pub high: f64,
    pub n: usize,
    /// `wilson`, `bootstrap-t` or `bonett-price`.
    pub method: &'static str,
}

impl ModelScore {
    /// None without a score.
    pub(super) fn of(prompts: &[PromptScore], seed: u64) -> Option<Self> {
        let n = prompts.len();
        let score = prompts.iter().map(|prompt| prompt.score).sum::<f64>() / n.max(1) as f64;
        let groups = clusters(prompts.iter().map(|prompt| (prompt, prompt.score)));
        let is_share = groups.len() == n && prompts.iter().all(|prompt| is_binary(prompt.score));
        let ((low, high), method) = match is_share {
            true => (wilson(score, n, Z95), "wilson"),
            false => (bootstrap_t(&groups, seed, Confidence::P95), bootstrap::method(&groups)),
        };
        (n > 0).then_some(Self { score, low: low.clamp(0.0, 1.0), high: high.clamp(0.0, 1.0), n, method })
    }
}

pub(super) fn is_binary(score: f64) -> bool {
    score == 0.0 || score == 1.0
}

/// Values grouped by what is not independent; a prompt without a cluster is a group of its own.
pub(super) fn clusters<'a>(values: impl Iterator<Item = (&'a PromptScore, f64)>) -> Vec<Vec<f64>> {
    let mut named: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut groups = Vec::new();
    for (prompt, value) in values {
        match &prompt.cluster {
            Some(name) => named.entry(name).or_default().push(value),
            None => groups.push(vec![value]),
        }
    }
    groups.extend(named.into_values());
    groups
}

/// Wilson's interval of a share of `n` (Wilson 1927, JASA 22:209).
pub(in crate::eval) fn wilson(share: f64, n: usize, z: f64) -> (f64, f64) {
    let n = n.max(1) as f64;
    let z2 = z * z;
    let middle = share + z2 / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((middle - half) / (1.0 + z2 / n), (middle + half) / (1.0 + z2 / n))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe 1998 (Stat Med 17:857), table I, method 3: 95 % intervals.
    #[test]
    fn wilsons_interval_is_the_published_one() {
        for (right, n, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (l, h) = wilson(f64::from(right) / n as f64, n, 1.959_963_984_540_054);
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{right}/{n}: {l} {h}");
        }
    }

    #[test]
    fn shares_have_wilsons_interval_and_clusters_the_bootstraps() {
        let prompts = |score: fn(usize) -> f64, clusters: usize| -> Vec<PromptScore> {
            let cluster = |i: usize| (clusters > 0).then(|| format!("c{}", i % clusters));
            (0..40).map(|i| PromptScore { id: i.to_string(), cluster: cluster(i), score: score(i) }).collect()
        };
        let right = |i: usize| f64::from(u8::from(i < 30));
        let share = ModelScore::of(&prompts(right, 0), 1).unwrap();
        assert_eq!((share.score, share.n, share.method), (0.75, 40, "wilson"));
        assert!(share.low < 0.65 && share.high > 0.83, "{share:?}");
        let clustered = ModelScore::of(&prompts(right, 10), 1).unwrap();
        assert_eq!((clustered.score, clustered.method), (0.75, "bootstrap-t"));
        let partial = ModelScore::of(&prompts(|i| i as f64 / 39.0, 0), 1).unwrap();
        assert!(partial.method == "bootstrap-t" && partial.low < 0.5 && 0.5 < partial.high, "{partial:?}");
        assert_eq!(ModelScore::of(&[], 1), None);
    }
}
