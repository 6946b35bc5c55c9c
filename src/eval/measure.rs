//! Every answer of a suite scored: from replies to numbers, before any statistics.

use super::answerer::{Embedder, Reply};
use super::ask::{Arm, CaseAnswers};
use super::assertion::{EXPECTED, Given, KEYWORDS, TextSimilarity};
use super::case::Case;
use super::degenerate::{Degenerate, degenerate};
use super::fault::EvalError;
use super::likeness::likeness;
use super::measured::{ArmScores, CaseScores, Measured};
use super::relevance::{Domain, cosine, embed};
use super::score::{KeywordMatch, Metric, domain_share, exact, keywords, named_scores, unmet};
use super::similarity::Similarities;
use super::suite::Suite;
use super::thought::without_thoughts;

/// Scores a suite's answers. `outside`: general answers of the base, for the embedder's notion of what is off the domain.
pub fn measure(
    suite: &Suite,
    metric: Metric,
    answers: &[CaseAnswers],
    mut embedder: Option<&mut dyn Embedder>,
    outside: &[String],
) -> Result<Measured, EvalError> {
    suite.check_metric(metric)?;
    let similarities = match &mut embedder {
        Some(embedder) => Similarities::of(suite, answers, Some(&mut **embedder))?,
        None => Similarities::of(suite, answers, None)?,
    };
    let scoring = |case| Scoring { case, metric, similarities: &similarities };
    let cases: Vec<_> = suite.cases.iter().zip(answers).map(|(case, a)| scoring(case).of_case(a)).collect();
    let mut measured = Measured {
        suite: suite.name.clone(),
        digest: suite.digest.to_string(),
        samples: answers.first().map_or(1, |a| a.base.len().max(1)),
        likeness: likeness(suite, &cases),
        cases,
        relevance_signature: format!("{} (no embedding model)", by_words(suite)),
        cosine_signature: "null: no embedding model (a role names one with `embedding:`)".into(),
    };
    match embedder {
        Some(embedder) => with_embedder(suite, &mut measured, embedder, outside)?,
        None => by_keywords(&mut measured),
    }
    Ok(measured)
}

fn expected(case: &Case) -> Vec<String> {
    match case.expected() {
        [] => case.reference.iter().cloned().collect(),
        texts => texts.to_vec(),
    }
}

/// How the answers to one case are scored.
struct Scoring<'a> {
    case: &'a Case,
    metric: Metric,
    similarities: &'a Similarities,
}

impl Scoring<'_> {
    fn of_case(&self, answers: &CaseAnswers) -> CaseScores {
        let case = self.case;
        let texts = |replies: &[Reply]| replies.iter().map(Reply::shown).collect::<Vec<_>>();
        CaseScores {
            id: case.id.clone(),
            category: case.category.clone(),
            prompt: case.prompt().to_owned(),
            expected: expected(case),
            keywords_expected: case.texts(&KEYWORDS).to_vec(),
            cluster: case.cluster.clone(),
            must_pass: case.must_pass,
            base: self.of_arm(Arm::Base, &answers.base),
            tuned: self.of_arm(Arm::Tuned, &answers.tuned),
            cosine: None,
            identical: texts(&answers.base) == texts(&answers.tuned),
        }
    }

    fn of_arm(&self, of: Arm, replies: &[Reply]) -> ArmScores {
        let Some(first) = replies.first() else { return ArmScores::default() };
        let degenerate = replies.iter().find_map(degenerate);
        let failed = degenerate.is_some_and(Degenerate::is_failure);
        let mut arm = ArmScores { text: first.shown(), degenerate, ..ArmScores::default() };
        match first {
            Reply::Failed(what) => arm.error = Some(what.clone()),
            Reply::Answer(a) if !a.done => arm.error = Some("the answer ended without `done: true`".to_owned()),
            Reply::Answer(a) => {
                arm.cut = a.done_reason == "length";
                arm.seconds = Some(a.seconds);
                arm.prompt_tokens = a.prompt_tokens;
                arm.tokens = a.tokens;
                arm.tokens_per_second = (a.eval_seconds > 0.0).then(|| a.tokens as f64 / a.eval_seconds);
            }
        }
        // Each in the direction that promotes nothing: what v1 was not asked is not compared, what v2 failed to say is
        // not right.
        if failed && of == Arm::Base {
            return arm;
        }
        let spoken: Vec<String> = replies
            .iter()
            .map(|reply| if failed { String::new() } else { without_thoughts(reply.text()).text })
            .collect();
        let similar: Vec<Vec<TextSimilarity<'_>>> =
            spoken.iter().map(|text| self.similarities.of_answer(self.case, text)).collect();
        let given: Vec<Given<'_>> = replies
            .iter()
            .zip(&spoken)
            .zip(&similar)
            .map(|((reply, text), similarities)| Given {
                similarities,
                tool_calls: if failed { &[] } else { reply.tool_calls() },
                ..given(reply, text)
            })
            .collect();
        let scores: Vec<f64> = given.iter().filter_map(|given| self.metric.score(self.case, given)).collect();
        arm.score = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64);
        let first = given[0];
        arm.exact = exact(self.case, first.text);
        arm.pass = Metric::Pass.score(self.case, &first).map(|s| s > 0.5);
        arm.unmet = unmet(self.case, &first);
        arm.named_scores = named_scores(self.case, &first);
        arm.similarities = first.similarities.iter().map(|one| (one.text.to_owned(), one.cosine)).collect();
        arm.keywords = keywords(self.case, first.text);
        arm.relevance = domain_share(self.case, first.text);
        arm
    }
}

/// What is judged of a reply: `spoken` is its text without thoughts.
fn given<'a>(reply: &'a Reply, spoken: &'a str) -> Given<'a> {
    match reply {
        Reply::Failed(_) => Given::text(spoken),
        Reply::Answer(answer) => Given {
            text: spoken,
            finish_reason: Some(&answer.done_reason),
            seconds: Some(answer.seconds),
            tokens: Some(answer.tokens),
            similarities: &[],
            tool_calls: &answer.tool_calls,
        },
    }
}

/// What relevance is where no embedder says it.
fn by_words(suite: &Suite) -> &'static str {
    let has_terms = suite.cases.iter().any(|case| !case.domain_terms.is_empty());
    if has_terms { "domain_terms, else keyword_coverage" } else { "keyword_coverage" }
}

fn by_keywords(measured: &mut Measured) {
    for case in &mut measured.cases {
        for arm in [&mut case.base, &mut case.tuned] {
            arm.relevance = arm.relevance.or(arm.keywords.map(KeywordMatch::ratio));
        }
    }
}

fn with_embedder(
    suite: &Suite,
    measured: &mut Measured,
    embedder: &mut dyn Embedder,
    outside: &[String],
) -> Result<(), EvalError> {
    let name = embedder.name();
    let base: Vec<&str> = measured.cases.iter().map(|c| c.base.text.as_str()).collect();
    let tuned: Vec<&str> = measured.cases.iter().map(|c| c.tuned.text.as_str()).collect();
    let (base, tuned) = (embed(embedder, &base)?, embed(embedder, &tuned)?);
    for (case, (b, t)) in measured.cases.iter_mut().zip(base.iter().zip(&tuned)) {
        case.cosine = b.as_ref().zip(t.as_ref()).map(|(b, t)| cosine(b, t));
    }
    measured.cosine_signature = format!("cos(base answer, tuned answer):embed={name},v1");
    let references: Vec<&str> = suite
        .cases
        .iter()
        .filter_map(|c| c.reference.as_deref().or(c.texts(&EXPECTED).first().map(String::as_str)))
        .collect();
    let outside: Vec<&str> = outside.iter().map(String::as_str).collect();
    let inside: Vec<_> = embed(embedder, &references)?.into_iter().flatten().collect();
    let outside: Vec<_> = embed(embedder, &outside)?.into_iter().flatten().collect();
    match Domain::new(&inside, &outside) {
        Some(domain) => {
            for (case, (b, t)) in measured.cases.iter_mut().zip(base.iter().zip(&tuned)) {
                // A failed request of v1 has no relevance, so that the prompt is left out of both means.
                let failed = case.base.failed();
                case.base.relevance = (!failed).then(|| b.as_ref().map_or(0.0, |v| domain.relevance(v)));
                case.tuned.relevance = Some(t.as_ref().map_or(0.0, |v| domain.relevance(v)));
            }
            measured.relevance_signature =
                format!("clamp((cos-out)/(in-out)):embed={name}|in={}|out={},v1", inside.len(), outside.len());
        }
        None => {
            by_keywords(measured);
            measured.relevance_signature = format!(
                "{} (too few references, or the embedder does not tell them from general answers)",
                by_words(suite)
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Answered;

    struct Letters;
    impl Embedder for Letters {
        fn name(&self) -> String {
            "letters".into()
        }
        /// (vowels, digits, rest).
        fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error + Send + Sync>> {
            let count = |t: &str, f: fn(char) -> bool| t.chars().filter(|c| f(*c)).count() as f32;
            Ok(texts.iter().map(|t| vec![count(t, char::is_alphabetic), count(t, char::is_numeric), 0.1]).collect())
        }
    }

    fn said(text: &str, reason: &str) -> Reply {
        Reply::Answer(Answered {
            text: text.into(),
            done: true,
            done_reason: reason.into(),
            tokens: 4,
            seconds: 2.0,
            eval_seconds: 1.0,
            ..Answered::default()
        })
    }

    fn suite() -> Suite {
        let lines: String = ["11", "22", "33"]
            .iter()
            .map(|n| format!("{{\"prompt\": \"p{n}\", \"expected\": \"{n}\", \"keywords\": [\"{n}\", \"x\"]}}\n"))
            .collect();
        Suite::parse(&lines, "s").unwrap()
    }

    fn answers() -> Vec<CaseAnswers> {
        vec![
            CaseAnswers { base: vec![said("abc", "stop")], tuned: vec![said("11", "stop")] },
            CaseAnswers { base: vec![said("22 x", "length")], tuned: vec![said("22 x", "length")] },
            CaseAnswers { base: vec![Reply::Failed("500".into())], tuned: vec![said("", "stop")] },
        ]
    }

    #[test]
    fn without_an_embedder_cosine_is_null_and_relevance_named() {
        let m = measure(&suite(), Metric::ExactMatch, &answers(), None, &[]).unwrap();
        let [a, b, c] = m.cases.as_slice() else { panic!() };
        assert_eq!((a.base.score, a.tuned.score, a.tuned.keywords.unwrap().found), (Some(0.0), Some(1.0), 1));
        assert_eq!((b.base.cut, b.identical, b.base.success()), (true, true, false));
        assert_eq!((c.base.error.as_deref(), c.tuned.degenerate), (Some("500"), Some(Degenerate::Empty)));
        assert_eq!((a.cosine, a.tuned.relevance, a.tuned.tokens_per_second), (None, Some(0.5), Some(4.0)));
        assert_eq!((m.base_failed(), c.base.score, c.tuned.score), (vec!["line-3"], None, Some(0.0)));
        assert!(m.cosine_signature.starts_with("null") && m.relevance_signature.starts_with("keyword_coverage"));
    }

    #[test]
    fn what_v1_failed_on_is_not_compared_and_v2s_failure_is_not_right() {
        let torn = |text: &str| Reply::Answer(Answered { text: text.into(), ..Answered::default() });
        let score = |base: Reply, tuned: Reply| {
            let answers = [CaseAnswers { base: vec![base], tuned: vec![tuned] }];
            let suite = Suite::parse("{\"prompt\": \"p\", \"keywords\": [\"4\"]}", "s").unwrap();
            let measured = measure(&suite, Metric::Pass, &answers, None, &[]).unwrap();
            let case = &measured.cases[0];
            (case.base.score, case.tuned.score, case.base.failed(), case.tuned.degenerate)
        };
        let not_done = Some(Degenerate::NotDone);
        assert_eq!(score(torn("4"), said("4", "stop")), (None, Some(1.0), true, None));
        assert_eq!(score(said("4", "stop"), torn("4")), (Some(1.0), Some(0.0), false, not_done));
        // A thought is no answer.
        let thought = Some(Degenerate::UnclosedThought);
        assert_eq!(
            score(said("<think>5</think>4", "stop"), said("<think>4", "stop")),
            (Some(1.0), Some(0.0), false, thought)
        );
    }

    #[test]
    fn similar_answers_are_scored_by_vectors_and_refused_without() {
        let line = |n: usize, kind: &str, value: &str| {
            let assertion = format!("{{\"type\": \"{kind}\", \"value\": {value}, \"threshold\": 0.9}}");
            format!("{{\"id\": \"q{n}\", \"prompt\": \"p{n}\", \"assert\": [{assertion}]}}\n")
        };
        let text = line(1, "similar", "[\"77\", \"xyz\"]") + &line(2, "not-similar", "\"77\"");
        let suite = Suite::parse(&text, "s").unwrap();
        let said = |text: &str| said(text, "stop");
        let answers = [
            CaseAnswers { base: vec![said("11")], tuned: vec![said("<think>1</think>abc")] },
            CaseAnswers { base: vec![said("11")], tuned: vec![said("abc")] },
        ];
        let m = measure(&suite, Metric::Pass, &answers, Some(&mut Letters), &[]).unwrap();
        let passes: Vec<_> = m.cases.iter().map(|c| (c.base.pass, c.tuned.pass)).collect();
        assert_eq!(passes, [(Some(true), Some(true)), (Some(false), Some(true))]);
        let similar = &m.cases[0].base.similarities;
        assert!(similar["77"] > 0.999 && similar["xyz"] < 0.1, "{similar:?}");
        // A mean of two assertions has the cosine in it.
        let score = measure(&suite, Metric::AssertionScore, &answers, Some(&mut Letters), &[]).unwrap();
        assert!(score.cases[1].base.score.unwrap() < 0.001 && score.cases[1].tuned.score.unwrap() > 0.9);
        // Silence is neither similar nor anything else.
        let silent = [CaseAnswers { base: vec![said("")], tuned: vec![said(" ")] }, answers[1].clone()];
        let m = measure(&suite, Metric::Pass, &silent, Some(&mut Letters), &[]).unwrap();
        assert_eq!((m.cases[0].base.pass, m.cases[0].base.similarities.len()), (Some(false), 0));
        let e = measure(&suite, Metric::Pass, &answers, None, &[]).unwrap_err().to_string();
        assert!(e.starts_with("s: line 1: \"q1\" has the assertion \"similar\"") && e.contains("--embed MODEL"), "{e}");
        assert!(suite.check_embedder(None).is_err() && suite.check_embedder(Some("m")).is_ok());
    }

    #[test]
    fn with_an_embedder_both_are_there() {
        let outside = ["ab", "cd", "ef"].map(String::from);
        let m = measure(&suite(), Metric::Pass, &answers(), Some(&mut Letters), &outside).unwrap();
        assert!(m.cases[0].cosine.unwrap() < 0.1 && m.cases[1].cosine.unwrap() > 0.999);
        assert!(m.cases[0].base.relevance.unwrap() < 0.1 && m.cases[0].tuned.relevance.unwrap() > 0.9);
        let [base, tuned] = [&m.cases[2].base, &m.cases[2].tuned];
        assert_eq!((m.cases[2].cosine, base.relevance, tuned.relevance), (None, None, Some(0.0)));
        assert!(m.relevance_signature.contains("embed=letters"), "{}", m.relevance_signature);
    }
}
