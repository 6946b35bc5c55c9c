//! Domain relevance and cosine similarity of answers: with an embedder by its vectors; without one relevance is keyword coverage,
//! and is named so.

use super::answerer::Embedder;
use super::fault::EvalError;

/// Fewer references have no centre worth the name; a smaller gap can't be rescaled.
const LEAST_REFERENCES: usize = 3;
const LEAST_GAP: f64 = 0.02;

/// Of two vectors of one length; 0 where one has no length.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
    let norm = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scale = norm(a) * norm(b);
    if scale > 0.0 && a.len() == b.len() { dot / scale } else { 0.0 }
}

/// clamp((cos(answer, c) − μ_out) / (μ_in − μ_out)): c the centre of the domain's references, μ the mean cosines of
/// references (in) and of general answers (out) to it.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    centre: Vec<f32>,
    out: f64,
    gap: f64,
}

impl Domain {
    /// None: too few texts, or the embedder can't tell them apart.
    pub(super) fn new(references: &[Vec<f32>], outside: &[Vec<f32>]) -> Option<Self> {
        if references.len() < LEAST_REFERENCES || outside.len() < LEAST_REFERENCES {
            return None;
        }
        let mut centre = vec![0.0f32; references[0].len()];
        for v in references {
            centre.iter_mut().zip(v).for_each(|(c, x)| *c += x / references.len() as f32);
        }
        let mean = |vs: &[Vec<f32>]| vs.iter().map(|v| cosine(v, &centre)).sum::<f64>() / vs.len() as f64;
        let (inside, out) = (mean(references), mean(outside));
        (inside - out >= LEAST_GAP).then_some(Self { out, gap: inside - out, centre })
    }

    pub(super) fn relevance(&self, answer: &[f32]) -> f64 {
        ((cosine(answer, &self.centre) - self.out) / self.gap).clamp(0.0, 1.0)
    }
}

/// Vectors of `texts`, asked in one call each of at most 64; empty texts get no vector.
pub fn embed(embedder: &mut dyn Embedder, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>, EvalError> {
    let stopped = |name: String, source| EvalError::Stopped { model: name, source };
    let full: Vec<String> = texts.iter().filter(|t| !t.trim().is_empty()).map(|t| t.to_string()).collect();
    let mut vectors = Vec::with_capacity(full.len());
    for part in full.chunks(64) {
        let got = embedder.embed(part).map_err(|e| stopped(embedder.name(), e))?;
        if got.len() != part.len() || got.iter().any(|v| v.len() != got[0].len() || v.is_empty()) {
            let what = format!("{} texts gave {} vectors, or vectors of several lengths", part.len(), got.len());
            return Err(stopped(embedder.name(), what.into()));
        }
        vectors.extend(got);
    }
    let mut vectors = vectors.into_iter();
    Ok(texts.iter().map(|t| if t.trim().is_empty() { None } else { vectors.next() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relevance_is_one_inside_and_none_outside() {
        let inside = vec![vec![1.0, 0.1], vec![1.0, -0.1], vec![1.0, 0.0]];
        let outside = vec![vec![0.0, 1.0]; 3];
        let domain = Domain::new(&inside, &outside).unwrap();
        assert_eq!(domain.relevance(&[1.0, 0.0]), 1.0);
        assert!(domain.relevance(&[0.0, 1.0]) < 1e-6);
        let half = domain.relevance(&[1.0, 1.0]);
        assert!((0.6..0.8).contains(&half), "{half}");
        assert!(Domain::new(&inside, &inside).is_none());
        assert!(Domain::new(&inside[..2], &outside).is_none());
        assert!((cosine(&[1.0, 1.0], &[1.0, 0.0]) - 0.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), 0.0);
    }
}
