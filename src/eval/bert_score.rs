//! BERTScore (Zhang et al. 2020, arXiv:1904.09675): each token with the most similar one of the other text.

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Turns a text into the vectors of its tokens.
pub trait TokenEmbedder {
    fn token_vectors(&self, text: &str) -> Result<TokenVectors, Cause>;
    /// What the vectors are of; two scores compare only under one signature.
    fn signature(&self) -> &str;
}

/// The vectors of a text's tokens, each of length 1.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenVectors {
    width: usize,
    /// Token by token.
    values: Vec<f32>,
    /// False: the token may be the most similar one of another, and has no similarity that counts (`[CLS]`, `[SEP]`).
    weighs: Vec<bool>,
}

impl TokenVectors {
    /// `values`: of `width` numbers for each token, of any length. A token without a whole vector is left out.
    pub fn new(width: usize, mut values: Vec<f32>, weighs: Vec<bool>) -> Self {
        for vector in values.chunks_mut(width.max(1)) {
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            if length > 0.0 {
                vector.iter_mut().for_each(|value| *value /= length);
            }
        }
        Self { width: width.max(1), values, weighs }
    }

    fn tokens(&self) -> impl Iterator<Item = (&[f32], bool)> {
        self.values.chunks_exact(self.width).zip(self.weighs.iter().copied())
    }

    fn is_empty(&self) -> bool {
        !self.weighs.contains(&true)
    }

    /// The mean, over the tokens that weigh, of the greatest cosine with any token of `other`.
    fn found_in(&self, other: &Self) -> f64 {
        let greatest = |token: &[f32]| {
            let cosines = other.tokens().map(|(candidate, _)| dot(token, candidate));
            cosines.fold(f32::NEG_INFINITY, f32::max)
        };
        let found = self.tokens().filter(|(_, weighs)| *weighs).map(|(token, _)| f64::from(greatest(token)));
        let (sum, n) = found.fold((0.0, 0u32), |(sum, n), cosine| (sum + cosine, n + 1));
        if n == 0 { 0.0 } else { sum / f64::from(n) }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// From about 0 to 1; without rescaling, unrelated texts have well above 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BertScore {
    /// How much of the answer is in the reference.
    pub precision: f64,
    /// How much of the reference is in the answer.
    pub recall: f64,
    pub f1: f64,
}

fn bert_score(answer: &TokenVectors, reference: &TokenVectors) -> BertScore {
    if answer.is_empty() || reference.is_empty() {
        return BertScore::default();
    }
    let (precision, recall) = (answer.found_in(reference), reference.found_in(answer));
    let sum = precision + recall;
    BertScore { precision, recall, f1: if sum == 0.0 { 0.0 } else { 2.0 * precision * recall / sum } }
}

/// As bert_score does with several references: the greatest of each number. Without a reference: 0.
pub fn best_bert_score(answer: &TokenVectors, references: &[TokenVectors]) -> BertScore {
    let mut scores = references.iter().map(|reference| bert_score(answer, reference));
    let Some(first) = scores.next() else { return BertScore::default() };
    scores.fold(first, |best, score| BertScore {
        precision: best.precision.max(score.precision),
        recall: best.recall.max(score.recall),
        f1: best.f1.max(score.f1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(vectors: &[[f32; 2]]) -> TokenVectors {
        TokenVectors::new(2, vectors.concat(), vec![true; vectors.len()])
    }

    #[test]
    fn each_token_is_met_by_the_nearest_of_the_other_text() {
        let (answer, reference) = (text(&[[2.0, 0.0], [0.0, 3.0]]), text(&[[1.0, 0.0]]));
        let score = best_bert_score(&answer, std::slice::from_ref(&reference));
        assert_eq!((score.precision, score.recall), (0.5, 1.0));
        assert!((score.f1 - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(best_bert_score(&answer, &[reference, answer.clone()]).precision, 1.0);
    }

    #[test]
    fn empty_texts_have_nothing_in_common_with_any() {
        let unweighted = TokenVectors::new(2, vec![1.0, 0.0, 0.0, 1.0], vec![false, false]);
        let word = text(&[[1.0, 0.0]]);
        assert_eq!(best_bert_score(&unweighted, std::slice::from_ref(&word)), BertScore::default());
        assert_eq!(best_bert_score(&word, &[unweighted]), BertScore::default());
        assert_eq!(best_bert_score(&word, &[]), BertScore::default());
        // A vector without length, and numbers that fill no vector.
        let odd = TokenVectors::new(2, vec![0.0, 0.0, 1.0], vec![true, true]);
        assert!(best_bert_score(&odd, &[word]).f1.is_finite());
    }
}
