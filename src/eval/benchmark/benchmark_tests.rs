use serde_json::{Value, json};

use super::*;
use crate::eval::answerer::{Answered, Reply};
use crate::eval::case::Case;
use crate::eval::suite::Suite;

fn cases() -> Vec<Case> {
    let line = |id: &str, category: &str| {
        json!({
            "id": id, "prompt": format!("question <{id}>"), "keywords": ["lampe|lumière", "salon", "allume"],
            "domain_terms": ["lampe|lumière", "pièce"], "category": category,
        })
    };
    let text = [line("a", "one"), line("b", "one"), line("c", "two")].map(|line| line.to_string()).join("\n");
    Suite::parse(&text, "s").unwrap().cases
}

fn said(text: &str) -> Reply {
    Reply::Answer(Answered { text: text.into(), done: true, ..Answered::default() })
}

fn how(two: bool) -> HowAsked {
    HowAsked {
        finetuned: two.then(|| "output/<x>/final".to_owned()),
        temperature: 0.7,
        top_p: 0.9,
        max_tokens: 128,
        seed: 42,
        cosine_by: CosineBy::Embedder("mini".to_owned()),
        all_prompts: 30,
    }
}

fn benchmark(answers: &[(Reply, Option<Reply>, Option<f64>)]) -> Benchmark {
    let cases = cases();
    let results = cases.iter().zip(answers).map(|(case, (base, finetuned, cosine))| {
        let arm = |reply: &Reply| BenchmarkArm::new(case, reply);
        let answers = BenchmarkAnswers { base: arm(base), finetuned: finetuned.as_ref().map(arm), cosine: *cosine };
        BenchmarkResult::new(case, answers)
    });
    let metadata = BenchmarkMetadata {
        base_model: "x:v1".into(),
        lora_adapter: Some("output/<x>/final".into()),
        device: "cpu".into(),
        timestamp: "2026-12-02T19:00:00Z".into(),
    };
    Benchmark::new(metadata, results.collect())
}

fn of_two() -> Benchmark {
    benchmark(&[
        (said("Le salon."), Some(said("J'allume la lampe du salon, une pièce.")), Some(0.5)),
        (said("<think>salon</think>Oui."), Some(said("La lumière.")), Some(0.7)),
        (Reply::Failed("500".into()), Some(said("salon")), None),
    ])
}

#[test]
fn the_file_has_exactly_the_keys_in_their_order() {
    let text = of_two().to_json();
    let keys = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let file: Value = serde_json::from_str(&text).unwrap();
    let in_order = |keys: &[&str], from: &str| {
        let text = &text[text.find(from).unwrap()..];
        let at: Vec<usize> = keys.iter().map(|key| text.find(&format!("\"{key}\":")).unwrap()).collect();
        assert!(at.is_sorted(), "{keys:?} {at:?}");
    };
    let sorted = |keys: &[&str]| {
        let mut keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        keys.sort();
        keys
    };
    let check = |object: &Value, expected: &[&str], from: &str| {
        let mut found = keys(object);
        found.sort();
        assert_eq!(found, sorted(expected));
        in_order(expected, from);
    };
    check(&file, &["metadata", "statistics", "by_category", "results"], "{");
    check(&file["metadata"], &["base_model", "lora_adapter", "device", "timestamp"], "\"metadata\"");
    let statistics = [
        "total_tests",
        "avg_cosine_similarity",
        "avg_keyword_match_base",
        "avg_keyword_match_finetuned",
        "avg_relevance_base",
        "avg_relevance_finetuned",
    ];
    check(&file["statistics"], &statistics, "\"statistics\"");
    check(&file["by_category"]["one"], &statistics, "\"one\"");
    let result = [
        "prompt_id",
        "category",
        "prompt",
        "keywords_expected",
        "base_model_response",
        "finetuned_response",
        "cosine_similarity_score",
        "keyword_match_base",
        "keyword_match_finetuned",
        "jarvis_relevance_base",
        "jarvis_relevance_finetuned",
    ];
    check(&file["results"][0], &result, "\"results\"");
}

#[test]
fn keywords_are_counted_and_means_are_of_what_both_answered() {
    let file: Value = serde_json::from_str(&of_two().to_json()).unwrap();
    let first = &file["results"][0];
    assert_eq!((&first["keyword_match_base"], &first["keyword_match_finetuned"]), (&json!("1/3"), &json!("3/3")));
    assert_eq!((&first["jarvis_relevance_base"], &first["jarvis_relevance_finetuned"]), (&json!(0.0), &json!(1.0)));
    assert_eq!(first["keywords_expected"], json!(["lampe|lumière", "salon", "allume"]));
    // A thought holds no keyword, and is shown.
    let second = &file["results"][1];
    assert_eq!(second["keyword_match_base"], "0/3");
    assert_eq!(second["base_model_response"], "<think>salon</think>Oui.");
    // A failed request is not a wrong answer.
    let third = &file["results"][2];
    assert_eq!((&third["base_model_response"], &third["keyword_match_base"]), (&Value::Null, &Value::Null));
    assert_eq!((&third["keyword_match_finetuned"], &third["finetuned_response"]), (&json!("1/3"), &json!("salon")));
    let statistics = &file["statistics"];
    let near = |key: &str, value: f64| assert!((statistics[key].as_f64().unwrap() - value).abs() < 1e-12, "{key}");
    assert_eq!(statistics["total_tests"], 3);
    near("avg_cosine_similarity", 0.6);
    near("avg_keyword_match_base", 1.0 / 6.0);
    near("avg_keyword_match_finetuned", (1.0 + 1.0 / 3.0) / 2.0);
    near("avg_relevance_finetuned", 0.75);
    assert_eq!(file["by_category"]["two"]["avg_keyword_match_finetuned"], Value::Null);
}

#[test]
fn a_base_alone_has_no_second_answer() {
    let alone = benchmark(&[(said("salon"), None, None), (said("lampe"), None, None), (said(""), None, None)]);
    let file: Value = serde_json::from_str(&alone.to_json()).unwrap();
    for key in ["finetuned_response", "cosine_similarity_score", "keyword_match_finetuned"] {
        assert_eq!(file["results"][0][key], Value::Null, "{key}");
    }
    assert!((file["statistics"]["avg_keyword_match_base"].as_f64().unwrap() - 2.0 / 9.0).abs() < 1e-12);
    assert_eq!(file["statistics"]["avg_keyword_match_finetuned"], Value::Null);
    let summary = benchmark_summary(&alone, &how(false));
    assert!(summary.contains("none: the base alone was asked") && summary.contains("2 of 9 words"), "{summary}");
    assert!(!summary.contains("Cosine similarity says"), "{summary}");
    let page = benchmark_charts(&alone, &how(false));
    assert!(!page.contains("Cosine similarity of") && !page.contains("fine-tuned</th><th"), "{page}");
}

#[test]
fn the_summary_says_what_the_numbers_mean() {
    let summary = benchmark_summary(&of_two(), &how(true));
    for words in [
        "the first 3 of 30, each asked once: temperature 0.7, top-p 0.9, seed 42, at most 128 new tokens",
        "The base has 1 of 6 words, the fine-tuned model 4 of 6: it says more of what it should say.",
        "by the embedding model mini: 1 is the same, 0 nothing in common. The mean is 0.600: the fine-tuned model \
         answers something else than the base.",
        "0.0 % before, 75.0 % now: the fine-tuned model keeps to the matter better.",
        "  b               1/3  question <b>",
    ] {
        assert!(summary.contains(words), "{words} not in:\n{summary}");
    }
    let by = |cosine_by| benchmark_summary(&of_two(), &HowAsked { cosine_by, ..how(true) });
    let own = by(CosineBy::HiddenState("x:v1".into()));
    assert!(
        own.contains("by the last hidden state of x:v1") && own.contains("compare prompts with each other"),
        "{own}"
    );
}

#[test]
fn nothing_of_an_answer_is_markup_and_the_page_loads_nothing() {
    const EVIL: &str = "</td><script>alert(1)</script><img src=x onerror='alert(\"2\")'>\u{0}\u{1b}[31m";
    let mut bench = benchmark(&[(said(EVIL), Some(said(EVIL)), Some(-0.5)), (said(EVIL), Some(said("x")), Some(2.0))]);
    bench.metadata.base_model = EVIL.into();
    bench.results[0].category = EVIL.into();
    bench.results[0].prompt_id = EVIL.into();
    let page = benchmark_charts(&bench, &HowAsked { finetuned: Some(EVIL.into()), ..how(true) });
    assert!(page.contains("default-src 'none'") && page.contains("&lt;script&gt;alert(1)"), "{page}");
    for no in ["<script", "<img", "http:", "https:", "url(", "\u{0}", "\u{1b}"] {
        assert!(!page.contains(no), "{no:?} in {page}");
    }
    assert!(page.contains("width=\"0.0\"") && page.contains("width=\"320.0\""), "bars stay in the chart: {page}");
    // Every element that is opened is closed, and is one of ours.
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1).filter(|tag| !tag.starts_with('!')) {
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_alphanumeric()).next().unwrap();
        let tag = tag.split('>').next().unwrap();
        match (tag.starts_with('/'), tag.ends_with('/') || ["meta"].contains(&name)) {
            (true, _) => assert_eq!(open.pop(), Some(name), "{page}"),
            (false, true) => {}
            (false, false) => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}
