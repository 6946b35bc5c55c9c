use std::collections::BTreeSet;

use super::*;
use crate::eval::result_record::AnswerRecord;
use crate::eval::results::{AskedWith, ResultHeader, Served, read_results};
use crate::eval::{Answered, Reply, RetrievalRates, TestQuestion};

/// What an arm answers to a question.
struct Given {
    right: bool,
    seconds: f64,
    tokens: u64,
}

/// The results of an arm on `n` answerable questions and `unanswerable` ones, which it answers where `invents` says so.
fn results(arm: AnswerArm, n: usize, unanswerable: usize, given: impl Fn(usize) -> Given) -> ArmResults {
    let records = (0..n + unanswerable).map(|i| {
        let answerable = i < n;
        let question = TestQuestion {
            id: format!("q{i}"),
            cluster: format!("c{i}"),
            answerable,
            expected: if answerable { vec![format!("value{i}")] } else { Vec::new() },
            ..TestQuestion::for_test("what is it?", &[])
        };
        let Given { right, seconds, tokens } = given(i);
        let text = match (answerable, right) {
            (true, true) => format!("It is value{i}."),
            (true, false) => "It is something else.".to_owned(),
            (false, true) => "This information is not in the documents.".to_owned(),
            (false, false) => "It is blue.".to_owned(),
        };
        let answered = Answered {
            text,
            done: true,
            done_reason: "stop".into(),
            seconds,
            prompt_tokens: tokens,
            ..Answered::default()
        };
        AnswerRecord::new(&question, &Reply::Answer(answered), None)
    });
    let header = ResultHeader {
        arm,
        model: arm.as_str().to_owned(),
        digest: "d".into(),
        index: None,
        questions_sha256: "same".into(),
        served: None,
        asked: None,
    };
    ArmResults { arm, file: ResultFile::new(header, records.collect(), ResultExtras::default()).unwrap() }
}

fn compared(arms: &[ArmResults]) -> ArmComparison {
    compare_arms(&input(arms)).unwrap()
}

fn input(arms: &[ArmResults]) -> CompareInput<'_> {
    CompareInput { arms, margin: 5.0, needs: Needs::default(), costs: BuildCosts::default(), taught: None, seed: 1 }
}

fn applies(comparison: &ArmComparison, rule: finding::Rule) -> Option<bool> {
    comparison.rules.iter().find(|finding| finding.rule == rule).unwrap().applies
}

/// Retrieval right on those below `rag`, the tuned model on those below `tuned`; retrieval takes four times as long.
fn two(n: usize, rag: usize, tuned: usize) -> Vec<ArmResults> {
    vec![
        results(AnswerArm::Rag, n, 0, |i| Given { right: i < rag, seconds: 4.0, tokens: 900 }),
        results(AnswerArm::Finetuned, n, 0, |i| Given { right: i < tuned, seconds: 1.0, tokens: 60 }),
    ]
}

/// Two arms that were asked alike, but for what `change` makes of the second.
fn asked(change: impl Fn(&mut ResultHeader)) -> Vec<ArmResults> {
    let mut arms = two(40, 12, 36);
    for results in &mut arms {
        let header = results.file.header.as_mut().unwrap();
        header.index = Some("sha256:1".into());
        header.served = Some(Served {
            daemon: "0.34.4".into(),
            architecture: Some("qwen2, 494M parameters".into()),
            quantisation: Some("Q4_K_M".into()),
            num_ctx: Some(4096),
        });
        header.asked = Some(AskedWith { max_tokens: 256, temperature: 0.0, passages: Some(4) });
    }
    change(arms[1].file.header.as_mut().unwrap());
    arms
}

#[test]
fn what_arms_were_not_asked_alike_with_is_said() {
    let said = |change: fn(&mut ResultHeader)| -> Vec<String> {
        condition_differences(&asked(change)).iter().map(ToString::to_string).collect()
    };
    let needed = |change: fn(&mut ResultHeader)| condition_differences(&asked(change))[0].condition.is_needed();
    assert!(said(|_| ()).is_empty());
    let changes: [fn(&mut ResultHeader); 5] = [
        |header| header.served.as_mut().unwrap().daemon = "0.34.0".into(),
        |header| header.served.as_mut().unwrap().architecture = Some("llama, 135M parameters".into()),
        |header| header.served.as_mut().unwrap().num_ctx = Some(2048),
        |header| header.asked.as_mut().unwrap().max_tokens = 48,
        |header| header.asked.as_mut().unwrap().temperature = 0.7,
    ];
    let expected = [
        "daemon of rag is 0.34.4, of finetuned 0.34.0",
        "base of rag is qwen2, 494M parameters, of finetuned llama, 135M parameters",
        "context of rag is 4096, of finetuned 2048",
        "--max-tokens of rag is 256, of finetuned 48",
        "temperature of rag is 0, of finetuned 0.7",
    ];
    for (change, expected) in changes.into_iter().zip(expected) {
        assert_eq!(said(change), [expected]);
        assert!(needed(change), "{expected}");
    }
    let changes: [fn(&mut ResultHeader); 3] = [
        |header| header.served.as_mut().unwrap().quantisation = Some("Q8_0".into()),
        |header| header.asked.as_mut().unwrap().passages = Some(8),
        |header| header.index = Some("sha256:2".into()),
    ];
    for change in changes {
        assert_eq!(said(change).len(), 1);
        assert!(!needed(change), "{:?}", said(change));
    }
    // An arm without retrieval has no passages; a file of an earlier version does not say.
    let changes: [fn(&mut ResultHeader); 3] = [
        |header| header.asked.as_mut().unwrap().passages = None,
        |header| header.index = None,
        |header| (header.served, header.asked) = (None, None),
    ];
    for change in changes {
        assert!(said(change).is_empty(), "{:?}", said(change));
    }
    let forced = compared(&asked(|header| header.asked.as_mut().unwrap().max_tokens = 48));
    assert_eq!(forced.asked_otherwise.len(), 1);
    let page = comparison_overview(&forced);
    assert!(page.contains("**Not asked alike:** --max-tokens of rag is 256, of finetuned 48"), "{page}");
}

#[test]
fn a_difference_wins_only_where_a_test_shows_it() {
    let clear = compared(&two(40, 12, 36));
    let row = |comparison: &ArmComparison, metric: ArmMetric| *comparison.pairs[0].of(metric).unwrap();
    let pass = row(&clear, ArmMetric::PassRate);
    assert_eq!((pass.first, pass.second, pass.winner), (Some(30.0), Some(90.0), Some(AnswerArm::Finetuned)));
    let test = pass.test.unwrap();
    assert_eq!((test.n, test.clusters, test.difference), (40, 40, 60.0));
    assert!(test.low > 40.0 && test.high < 75.0 && test.p < 0.001, "{test:?}");
    // Three of forty more may be chance.
    let close = compared(&two(40, 30, 33));
    let pass = row(&close, ArmMetric::PassRate);
    assert!(pass.winner.is_none() && pass.test.unwrap().p > 0.05, "{pass:?}");
    // Time differs in every question.
    assert_eq!(row(&close, ArmMetric::AvgTimeSeconds).winner, Some(AnswerArm::Finetuned));
    assert_eq!(
        close.winners.iter().find(|w| w.metric == ArmMetric::AvgTokens).unwrap().winner,
        Some(AnswerArm::Finetuned)
    );
    assert_eq!(close.arms[1].pros.len(), 2, "{:?}", close.arms[1].pros);
}

#[test]
fn answers_of_one_cluster_are_no_more_than_one() {
    let arms = two(40, 10, 40);
    let joined: Vec<_> = arms
        .iter()
        .map(|ArmResults { arm, file }| {
            let mut records = file.results.clone();
            records.iter_mut().for_each(|record| record.cluster = "one".into());
            let header = file.header.clone().unwrap();
            ArmResults { arm: *arm, file: ResultFile::new(header, records, ResultExtras::default()).unwrap() }
        })
        .collect();
    let pass = *compared(&joined).pairs[0].of(ArmMetric::PassRate).unwrap();
    let test = pass.test.unwrap();
    assert_eq!((test.n, test.clusters, test.p, pass.winner), (40, 1, 1.0, None));
}

#[test]
fn each_rule_applies_where_its_numbers_say_so() {
    use finding::Rule;
    let cheaper = compared(&two(40, 30, 32));
    assert_eq!(cheaper.recommendation, Some(AnswerArm::Finetuned));
    assert_eq!(applies(&cheaper, Rule::TunedAsGoodAndCheaper), Some(true));
    assert_eq!(applies(&cheaper, Rule::HybridBest), None, "no hybrid was given");

    let retrieval = compared(&two(40, 38, 10));
    assert_eq!(
        (retrieval.recommendation, applies(&retrieval, Rule::RetrievalBest)),
        (Some(AnswerArm::Rag), Some(true))
    );

    let few = compared(&two(29, 29, 0));
    assert_eq!((few.recommendation, applies(&few, Rule::TooFewQuestions)), (None, Some(true)));

    let mut arms = two(40, 30, 32);
    let hybrid = |right: usize| {
        results(AnswerArm::Hybrid, 40, 0, move |i| Given { right: i < right, seconds: 4.0, tokens: 900 })
    };
    arms.push(hybrid(40));
    let best = compared(&arms);
    assert_eq!((best.recommendation, applies(&best, Rule::HybridBest)), (Some(AnswerArm::Hybrid), Some(true)));
    arms[2] = hybrid(10);
    let unlearned = compared(&arms);
    assert_eq!(applies(&unlearned, Rule::TuneUnlearnedReading), Some(true));
    assert_eq!(unlearned.recommendation, Some(AnswerArm::Finetuned));

    // Perfect retrieval would gain 20 points: retrieval is the loss, and no reason for retrieval.
    let oracle = results(AnswerArm::Oracle, 40, 0, |i| Given { right: i < 38, seconds: 1.0, tokens: 300 });
    let mut with_oracle = [two(40, 30, 10), vec![oracle]].concat();
    let rates = RetrievalRates { hit_at_1: 0.5, hit_at_4: 0.95, mrr_at_10: 0.6, ndcg_at_10: 0.7, seconds: 0.1 };
    with_oracle[0].file.extended.as_mut().unwrap().retrieval = Some(rates);
    let lossy = compared(&with_oracle);
    assert_eq!(applies(&lossy, Rule::RetrievalLoses), Some(true));
    let found = lossy.rules.iter().find(|finding| finding.rule == Rule::RetrievalLoses).unwrap();
    assert!(found.says.contains("among the first four in 95 %"), "{}", found.says);
    assert_eq!(applies(&lossy, Rule::RetrievalBest), Some(false));

    let base = results(AnswerArm::Base, 40, 0, |i| Given { right: i < 20, seconds: 1.0, tokens: 60 });
    let public = compared(&[two(40, 30, 32), vec![base]].concat());
    assert_eq!(applies(&public, Rule::BaseKnows), Some(true));
}

#[test]
fn a_model_that_invents_is_not_recommended_alone() {
    let arms = [(AnswerArm::Rag, 4.0), (AnswerArm::Finetuned, 1.0)].map(|(arm, seconds)| {
        let invents = arm == AnswerArm::Finetuned;
        results(arm, 40, 10, |i| Given { right: i < 30 || (i >= 40 && !invents), seconds, tokens: 50 })
    });
    let comparison = compared(&arms);
    assert_eq!(applies(&comparison, finding::Rule::TunedInvents), Some(true));
    assert_ne!(comparison.recommendation, Some(AnswerArm::Finetuned));
}

#[test]
fn three_questions_without_an_answer_show_nothing_and_recommend_nothing() {
    let arms = [(AnswerArm::Rag, 4.0), (AnswerArm::Finetuned, 1.0)].map(|(arm, seconds)| {
        let invents = arm == AnswerArm::Finetuned;
        results(arm, 40, 3, |i| Given { right: i < 30 || (i >= 40 && !invents), seconds, tokens: 50 })
    });
    let comparison = compared(&arms);
    assert_eq!(applies(&comparison, finding::Rule::TunedInvents), None);
    assert_eq!((applies(&comparison, finding::Rule::AllTies), comparison.recommendation), (Some(true), None));
    let page = comparison_markdown(&comparison);
    assert!(page.contains("not shown by 3 questions without an answer"), "{page}");
}

/// As the questions of unseen sources are.
/// The hybrid knows most and invents: it is recommended, and the first lines say what is against it.
#[test]
fn a_recommended_arm_that_invents_comes_with_a_caution() {
    let given = |right: bool| Given { right, seconds: 1.0, tokens: 100 };
    let arms = |invents: bool| {
        vec![
            results(AnswerArm::Rag, 40, 3, |i| given(!(10..=40).contains(&i))),
            results(AnswerArm::Hybrid, 40, 3, |i| given(i < 30 || (i >= 40 && !invents))),
        ]
    };
    let comparison = compared(&arms(true));
    assert_eq!(comparison.recommendation, Some(AnswerArm::Hybrid));
    let caution = comparison.caution.clone().unwrap();
    assert!(caution.starts_with("fabrication_rate: hybrid 100.0 %, rag 33.3 % (+66.7 points"), "{caution}");
    assert!(caution.contains("not shown by 3 questions"), "{caution}");
    let overview = comparison_overview(&comparison);
    let (use_it, careful) =
        (overview.find("**Use hybrid.**"), overview.find("- **Careful:** fabrication_rate: hybrid"));
    assert!(use_it < careful && use_it.is_some() && careful < overview.find("| metric |"), "{overview}");
    let comparison = compared(&arms(false));
    assert_eq!((comparison.recommendation, comparison.caution), (Some(AnswerArm::Hybrid), None));
}

/// The rate of answers that came to an end is no accuracy; it has the evaluation's name for it.
#[test]
fn finished_answers_are_not_called_successes() {
    let page = comparison_markdown(&compared(&two(60, 50, 20)));
    assert!(page.contains("\n| finished | 100.0 % | 100.0 % |"), "{page}");
    assert!(!page.contains("| success_rate |") && page.contains("do not loop, right or wrong"), "{page}");
}

#[test]
fn questions_without_an_answer_say_nothing_of_knowledge() {
    let arms = [(AnswerArm::Rag, 4.0, 30), (AnswerArm::Finetuned, 1.0, 5)]
        .map(|(arm, seconds, refused)| results(arm, 0, 40, |i| Given { right: i < refused, seconds, tokens: 50 }));
    let comparison = compared(&arms);
    for rule in [finding::Rule::TunedAsGoodAndCheaper, finding::Rule::RetrievalBest, finding::Rule::AllTies] {
        assert_eq!(applies(&comparison, rule), None, "{rule:?}");
    }
    assert_eq!(applies(&comparison, finding::Rule::TunedInvents), Some(true));
    assert_eq!(comparison.recommendation, None);
    let page = comparison_markdown(&comparison);
    assert!(page.contains("| pass_rate | – | – | – |") && page.contains("| +62.5 points |"), "{page}");
}

#[test]
fn what_was_not_taught_is_told_apart() {
    let arms = two(40, 40, 15);
    let named = |range: std::ops::Range<usize>| range.map(|i| format!("q{i}")).collect::<BTreeSet<_>>();
    let taught = TaughtQuestions {
        ids: named(0..15),
        others: named(15..40),
        refusals: 8.0,
        facts: TaughtFacts { taught: 15, all: 60 },
    };
    let comparison = compare_arms(&CompareInput { taught: Some(&taught), ..input(&arms) }).unwrap();
    assert_eq!(applies(&comparison, finding::Rule::TaughtTooLittle), Some(true));
    assert_eq!(comparison.recommendation, None);
    let said = |comparison: &ArmComparison| {
        let rule = comparison.rules.iter().find(|finding| finding.rule == finding::Rule::TaughtTooLittle);
        rule.unwrap().says.clone()
    };
    assert!(said(&comparison).contains("of the documents' 60 facts it taught 15 (25 %)"), "{}", said(&comparison));
    let on_taught = comparison.on_taught.unwrap();
    let pass = on_taught[0].of(ArmMetric::PassRate).unwrap();
    assert_eq!((pass.first, pass.second, pass.test.unwrap().n), (Some(100.0), Some(100.0), 15));
    let all = TaughtQuestions { ids: named(0..40), ..taught.clone() };
    let comparison = compare_arms(&CompareInput { taught: Some(&all), ..input(&arms) }).unwrap();
    assert!(comparison.on_taught.is_none() && applies(&comparison, finding::Rule::TaughtTooLittle) == Some(false));
    // Questions of the user's own say nothing of what the set taught.
    let foreign = TaughtQuestions { others: named(15..39), ..taught.clone() };
    let comparison = compare_arms(&CompareInput { taught: Some(&foreign), ..input(&arms) }).unwrap();
    assert_eq!(applies(&comparison, finding::Rule::TaughtTooLittle), None);
    assert_eq!(comparison.recommendation, Some(AnswerArm::Rag));
}

#[test]
fn needs_and_costs_count() {
    let arms = two(40, 30, 32);
    let needs = Needs { citations: true, updates: false };
    let comparison = compare_arms(&CompareInput { needs, ..input(&arms) }).unwrap();
    assert_eq!(comparison.recommendation, Some(AnswerArm::Rag));
    let costs = BuildCosts { train_seconds: Some(601.0), index_seconds: Some(1.0) };
    let comparison = compare_arms(&CompareInput { costs, ..input(&arms) }).unwrap();
    assert_eq!(comparison.break_even, Some(200.0), "600 s at 3 s a question");
}

/// The earlier tools' files have one block of rates.
#[test]
fn bare_files_are_compared_by_value_and_nothing_is_recommended() {
    let dir = tempfile::tempdir().unwrap();
    let bare = |name: &str, exact: f64, seconds: f64| {
        let path = dir.path().join(name);
        let text = format!(
            r#"{{"metrics": {{"success_rate": 98.0, "exact_match_rate": {exact}, "avg_time_seconds": {seconds}, "avg_tokens": 487, "total_tokens": 48700}}}}"#
        );
        std::fs::write(&path, text).unwrap();
        read_results(&path).unwrap()
    };
    let arms = [
        ArmResults { arm: AnswerArm::Rag, file: bare("rag.json", 61.3, 2.15) },
        ArmResults { arm: AnswerArm::Finetuned, file: bare("ft.json", 70.0, 0.5) },
    ];
    let comparison = compared(&arms);
    assert!(!comparison.is_tested && comparison.recommendation.is_none());
    let row = |metric: ArmMetric| *comparison.pairs[0].of(metric).unwrap();
    assert_eq!(row(ArmMetric::ExactMatchRate).winner, Some(AnswerArm::Finetuned));
    assert_eq!((row(ArmMetric::SuccessRate).winner, row(ArmMetric::TotalTokens).winner), (None, None));
    assert!(comparison_markdown(&comparison).contains("**Not a test:**"));
}

#[test]
fn other_questions_are_refused() {
    let mut arms = two(40, 30, 32);
    arms[1].file.header.as_mut().unwrap().questions_sha256 = "other".into();
    assert!(matches!(compare_arms(&input(&arms)), Err(EvalError::OtherQuestions { .. })));
}

#[test]
fn the_page_and_the_json_say_the_same() {
    let comparison = compared(&two(40, 30, 32));
    let page = comparison_markdown(&comparison);
    assert!(page.contains("**Use finetuned.**"), "{page}");
    assert!(page.contains("| pass_rate | 75.0 % | 80.0 % | tie |"), "{page}");
    assert!(page.contains("## finetuned against rag"), "{page}");
    let json: serde_json::Value = serde_json::from_str(&comparison.to_json()).unwrap();
    assert_eq!(json["recommendation"], "finetuned");
    assert_eq!(json["pairs"][0]["metrics"][2]["metric"], "pass_rate");
    assert_eq!(json["pairs"][0]["metrics"][2]["test"]["n"], 40);
}
