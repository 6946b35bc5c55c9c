//! How like the suite's reference texts the answers of both arms are: every score of [`super::reference_scores`] over a suite.

use std::collections::BTreeMap;

use super::assertion::{EXPECTED, spoken};
use super::bert_score::{BertScore, TokenEmbedder, best_bert_score};
use super::case::Case;
use super::fault::EvalError;
use super::measured::{ArmScores, CaseScores, Likeness, Measured};
use super::reference_scores::{CORPUS_SCORES, REFERENCE_SCORES, Scale, Segment};
use super::score::Metric;
use super::suite::Suite;
use super::thought::without_thoughts;
use crate::store::Interrupt;

/// The texts of one prompt.
struct Texts {
    references: Vec<String>,
    base: String,
    finetuned: String,
}

/// The scores by their names; none for a suite whose answers are words to be met exactly, where such scores mean nothing.
pub(super) fn likeness(suite: &Suite, cases: &[CaseScores]) -> BTreeMap<&'static str, Likeness> {
    let texts = compared(suite, cases);
    if texts.is_empty() {
        return BTreeMap::new();
    }
    let references: Vec<Vec<&str>> =
        texts.iter().map(|one| one.references.iter().map(String::as_str).collect()).collect();
    let mean = |of: fn(&str, &[&str]) -> f64, arm: fn(&Texts) -> &str| {
        let scores = texts.iter().zip(&references).map(|(one, references)| of(arm(one), references));
        scores.sum::<f64>() / texts.len() as f64
    };
    let corpus = |of: fn(&[Segment<'_>]) -> f64, arm: fn(&Texts) -> &str| {
        let segments: Vec<_> =
            texts.iter().zip(&references).map(|(one, references)| Segment { answer: arm(one), references }).collect();
        of(&segments)
    };
    let base: fn(&Texts) -> &str = |one| &one.base;
    let finetuned: fn(&Texts) -> &str = |one| &one.finetuned;
    let of_answers = REFERENCE_SCORES.iter().map(|score| {
        let (base, finetuned) = (mean(score.of, base), mean(score.of, finetuned));
        (
            score.name,
            Likeness { signature: score.signature.into(), scale: score.scale, base, finetuned, prompts: texts.len() },
        )
    });
    let of_corpus = CORPUS_SCORES.iter().map(|score| {
        let (base, finetuned) = (corpus(score.of, base), corpus(score.of, finetuned));
        (
            score.name,
            Likeness { signature: score.signature.into(), scale: score.scale, base, finetuned, prompts: texts.len() },
        )
    });
    of_answers.chain(of_corpus).collect()
}

/// Precision, recall and F1 of BERTScore, beside the other scores of the suite.
pub fn add_bert_score(
    suite: &Suite,
    measured: &mut Measured,
    embedder: &dyn TokenEmbedder,
    interrupt: &Interrupt,
) -> Result<(), EvalError> {
    let texts = compared(suite, &measured.cases);
    if texts.is_empty() {
        return Ok(());
    }
    let stopped = |source| EvalError::Stopped { model: "the BERT model".to_owned(), source };
    let vectors = |text: &str| embedder.token_vectors(text).map_err(stopped);
    let mut sums = [BertScore::default(); 2];
    for one in &texts {
        if interrupt.raised() {
            return Err(EvalError::Interrupted { answers: 2 * measured.cases.len() });
        }
        let references = one.references.iter().map(|text| vectors(text)).collect::<Result<Vec<_>, _>>()?;
        for (sum, answer) in sums.iter_mut().zip([&one.base, &one.finetuned]) {
            let score = best_bert_score(&vectors(answer)?, &references);
            sum.precision += score.precision;
            sum.recall += score.recall;
            sum.f1 += score.f1;
        }
    }
    let prompts = texts.len();
    let mut insert = |name, of: fn(&BertScore) -> f64| {
        let [base, finetuned] = [&sums[0], &sums[1]].map(|sum| of(sum) / prompts as f64);
        let signature = embedder.signature().to_owned().into();
        measured.likeness.insert(name, Likeness { signature, scale: Scale::Fraction, base, finetuned, prompts });
    };
    insert("bertscore_precision", |score| score.precision);
    insert("bertscore_recall", |score| score.recall);
    insert("bertscore_f1", |score| score.f1);
    Ok(())
}

/// The prompts whose answers are compared with texts.
fn compared(suite: &Suite, cases: &[CaseScores]) -> Vec<Texts> {
    let texts = suite.cases.iter().zip(cases).filter_map(|(case, scores)| texts(case, scores));
    if has_reference_texts(suite) { texts.collect() } else { Vec::new() }
}

/// Whether answers are compared with texts of the suite, and not met or missed exactly.
pub fn has_reference_texts(suite: &Suite) -> bool {
    suite.natural_metric() == Metric::TokenF1 || suite.cases.iter().any(|case| case.reference.is_some())
}

fn texts(case: &Case, scores: &CaseScores) -> Option<Texts> {
    let references: Vec<String> =
        case.texts(&EXPECTED).iter().chain(&case.reference).map(|text| spoken(text)).collect();
    // What an arm was not asked, or could not be asked, says nothing of it.
    if references.is_empty() || scores.base.failed() || scores.tuned.failed() {
        return None;
    }
    let answer = |arm: &ArmScores| without_thoughts(&arm.text).text;
    Some(Texts { references, base: answer(&scores.base), finetuned: answer(&scores.tuned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_arms_are_compared_with_the_texts_of_the_suite() {
        let suite = Suite::parse(
            "{\"prompt\": \"a\", \"reference\": \"the cat sat on the mat\"}\n{\"prompt\": \"b\", \"keywords\": \"x\"}",
            "s",
        )
        .unwrap();
        let said = |base: &str, tuned: &str| CaseScores {
            base: ArmScores { text: base.to_owned(), ..ArmScores::default() },
            tuned: ArmScores { text: tuned.to_owned(), ..ArmScores::default() },
            ..CaseScores::default()
        };
        let found = likeness(&suite, &[said("a dog", "<think>so</think>the cat sat on the mat"), said("x", "x")]);
        assert_eq!(found.len(), REFERENCE_SCORES.len() + CORPUS_SCORES.len());
        for (name, best) in [("bleu", 100.0), ("chrf", 100.0), ("rougeL_unicode", 1.0), ("corpus_bleu", 100.0)] {
            let score = &found[name];
            assert!((score.finetuned - best).abs() < 1e-9 && score.base < best / 4.0, "{name}: {score:?}");
            assert_eq!(score.prompts, 1, "{name}");
        }
        let exact = Suite::parse("{\"prompt\": \"a\", \"expected\": \"Paris\"}", "s").unwrap();
        assert!(likeness(&exact, &[said("Paris", "Paris")]).is_empty(), "a word that is met or not has no likeness");
    }
}
