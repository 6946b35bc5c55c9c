//! How well the relevant documents are ranked. Relevance is binary; the definitions are those of trec_eval.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Of one question, or their means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetrievalScores {
    /// Whether the first document is relevant.
    #[serde(rename = "hit@1")]
    pub hit_1: f64,
    /// Whether one of the first four is.
    #[serde(rename = "hit@4")]
    pub hit_4: f64,
    #[serde(rename = "mrr@10")]
    pub mrr_10: f64,
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: f64,
}

/// None: nothing is relevant, so that no ranking is better than another. `ranked`: best first, no document twice.
pub fn retrieval_scores<T: Ord>(ranked: &[T], relevant: &BTreeSet<T>) -> Option<RetrievalScores> {
    if relevant.is_empty() {
        return None;
    }
    Some(RetrievalScores {
        hit_1: hit_at(ranked, relevant, 1),
        hit_4: hit_at(ranked, relevant, 4),
        mrr_10: reciprocal_rank_at(ranked, relevant, 10),
        ndcg_10: ndcg_at(ranked, relevant, 10),
    })
}

/// 1 where one of the first `k` is relevant, else 0.
pub fn hit_at<T: Ord>(ranked: &[T], relevant: &BTreeSet<T>, k: usize) -> f64 {
    f64::from(u8::from(ranked.iter().take(k).any(|d| relevant.contains(d))))
}

/// 1 / the place of the first relevant one among the first `k`, else 0.
pub fn reciprocal_rank_at<T: Ord>(ranked: &[T], relevant: &BTreeSet<T>, k: usize) -> f64 {
    ranked.iter().take(k).position(|d| relevant.contains(d)).map_or(0.0, |at| 1.0 / (at + 1) as f64)
}

/// Σ 1 / log2(place + 1) over the relevant ones among the first `k`, divided by the largest possible sum.
pub fn ndcg_at<T: Ord>(ranked: &[T], relevant: &BTreeSet<T>, k: usize) -> f64 {
    let gain = |at: usize| 1.0 / ((at + 2) as f64).log2();
    let found = ranked.iter().take(k).enumerate().filter(|(_, d)| relevant.contains(d));
    let best: f64 = (0..relevant.len().min(k)).map(gain).sum();
    if best > 0.0 { found.map(|(at, _)| gain(at)).sum::<f64>() / best } else { 0.0 }
}

/// None: of no question.
pub fn mean_scores(scores: impl IntoIterator<Item = RetrievalScores>) -> Option<RetrievalScores> {
    let (mut sum, mut count) = (RetrievalScores::default(), 0u32);
    for s in scores {
        sum.hit_1 += s.hit_1;
        sum.hit_4 += s.hit_4;
        sum.mrr_10 += s.mrr_10;
        sum.ndcg_10 += s.ndcg_10;
        count += 1;
    }
    let n = f64::from(count);
    let RetrievalScores { hit_1, hit_4, mrr_10, ndcg_10 } = sum;
    (count > 0).then(|| RetrievalScores {
        hit_1: hit_1 / n,
        hit_4: hit_4 / n,
        mrr_10: mrr_10 / n,
        ndcg_10: ndcg_10 / n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Fixture {
        questions: Vec<FixtureQuestion>,
        mean: RetrievalScores,
    }

    #[derive(Deserialize)]
    struct FixtureQuestion {
        ranked: Vec<u32>,
        relevant: BTreeSet<u32>,
        scores: RetrievalScores,
    }

    fn close(a: &RetrievalScores, b: &RetrievalScores) -> bool {
        let pairs = [(a.hit_1, b.hit_1), (a.hit_4, b.hit_4), (a.mrr_10, b.mrr_10), (a.ndcg_10, b.ndcg_10)];
        pairs.iter().all(|(a, b)| (a - b).abs() < 1e-9)
    }

    #[test]
    fn scores_are_those_of_ir_measures() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/rag/retrieval.json");
        let fixture: Fixture = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(fixture.questions.len() >= 40);
        for q in &fixture.questions {
            let scores = retrieval_scores(&q.ranked, &q.relevant).unwrap();
            assert!(close(&scores, &q.scores), "{scores:?}, not {:?}", q.scores);
        }
        let all = fixture.questions.iter().filter_map(|q| retrieval_scores(&q.ranked, &q.relevant));
        assert!(close(&mean_scores(all).unwrap(), &fixture.mean));
        assert_eq!(retrieval_scores(&[1], &BTreeSet::new()), None);
        assert_eq!(mean_scores([]), None);
    }
}
