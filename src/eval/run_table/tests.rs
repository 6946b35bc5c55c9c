//! Made-up runs whose values are known.

use std::collections::BTreeMap;

use super::scores::ScorePair;
use super::*;

/// `right` of `n` prompts, from the first on.
fn suite(name: &str, right: std::ops::Range<usize>, n: usize) -> SuiteScores {
    let prompt =
        |i: usize| PromptScore { id: format!("q{i}"), cluster: None, score: f64::from(u8::from(right.contains(&i))) };
    SuiteScores {
        suite: name.into(),
        digest: format!("sha256:{name}"),
        metric: "pass".into(),
        signature: "pass:v3".into(),
        asked: "{}".into(),
        served: "Ollama 0.34.4 at http://127.0.0.1".into(),
        prompts: (0..n).map(prompt).collect(),
    }
}

fn run(label: &str, values: &[(Quantity, f64)], suites: Vec<SuiteScores>) -> Entrant {
    let origin = |text: &str| Some(text.to_owned());
    Entrant {
        label: label.into(),
        kind: EntrantKind::Run,
        state: Some(RunState::Evaluated),
        model: Some(format!("{label}:v1")),
        base: Some("smollm2:135m".into()),
        folder: Some(format!("runs/{label}").into()),
        values: values.iter().copied().collect(),
        verdict: Some("PASS".into()),
        suites,
        origin: RunOrigin { tokenizer: origin("t"), data: origin("d"), held_out: origin("h"), objective: origin("o") },
    }
}

fn row(comparison: &RunComparison, quantity: Quantity) -> &ValueRow {
    comparison.values.iter().find(|row| row.quantity == quantity).unwrap()
}

fn pair<'a>(row: &'a ScoreRow, first: &str, second: &str) -> &'a ScorePair {
    row.pairs.iter().find(|pair| (pair.first.as_str(), pair.second.as_str()) == (first, second)).unwrap()
}

#[test]
fn the_better_value_wins_in_its_rows_direction_and_ties_are_said() {
    let a = [
        (Quantity::DurationSeconds, 74.7),
        (Quantity::TrainLoss, 0.36),
        (Quantity::TokenAccuracy, 0.88),
        (Quantity::TrainableParams, 4_884_480.0),
        (Quantity::Tokens, 63_592.0),
        (Quantity::SamplesPerSecond, 14.98),
        (Quantity::ExportedBytes, 144_818_176.0),
    ];
    let b = [
        (Quantity::DurationSeconds, 120.0),
        (Quantity::TrainLoss, 0.36 + 1e-9),
        (Quantity::TokenAccuracy, 0.91),
        (Quantity::TrainableParams, 2_442_240.0),
        (Quantity::Tokens, 90_000.0),
        (Quantity::SamplesPerSecond, 9.0),
    ];
    let comparison = compare_runs(&[run("a", &a, vec![]), run("b", &b, vec![])], 1);
    let best = |quantity| row(&comparison, quantity).best.join(" ");
    assert_eq!(best(Quantity::DurationSeconds), "a");
    assert_eq!(best(Quantity::TrainLoss), "a b");
    assert_eq!(best(Quantity::TokenAccuracy), "b");
    assert_eq!(best(Quantity::TrainableParams), "b");
    assert_eq!(best(Quantity::Tokens), "", "neither is better");
    assert_eq!(best(Quantity::SamplesPerSecond), "a");
    // One value is not compared with anything, and who lacks it is named.
    let size = row(&comparison, Quantity::ExportedBytes);
    assert_eq!((size.best.len(), &size.lacking[..], size.values.len()), (0, &["b".to_owned()][..], 1));
    assert_eq!(row(&comparison, Quantity::EvalLoss).lacking, ["a", "b"]);
    assert!(comparison.notes.is_empty(), "{:?}", comparison.notes);

    let page = runs_overview(&comparison);
    let line = |title: &str| {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("| {title} ")))
            .unwrap_or_else(|| panic!("{title}: {page}"));
        line.split('|').map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(line("training time"), ["training time", "lower", "74.7 s", "120.0 s", "a"]);
    assert_eq!(line("train loss"), ["train loss (nats a token)", "lower", "0.3600", "0.3600", "tie"]);
    assert_eq!(line("token accuracy"), ["token accuracy", "higher", "88.00 %", "91.00 %", "b"]);
    assert_eq!(line("tokens processed"), ["tokens processed", "neither", "63592", "90000", "–"]);
    assert_eq!(line("exported size"), ["exported size", "lower", "138.1 MiB", "–", "–", "lacks it: b"]);
    assert_eq!(line("state")[2..4], ["evaluated", "evaluated"]);
}

#[test]
fn values_of_other_data_or_tokenizers_have_no_winner() {
    let values = [(Quantity::TrainLoss, 0.4), (Quantity::DurationSeconds, 9.0), (Quantity::PeakMemoryBytes, 5e8)];
    let a = run("a", &values, vec![]);
    let mut b = run(
        "b",
        &[(Quantity::TrainLoss, 0.3), (Quantity::DurationSeconds, 8.0), (Quantity::PeakMemoryBytes, 4e8)],
        vec![],
    );
    b.origin.tokenizer = Some("t2".into());
    let comparison = compare_runs(&[a.clone(), b.clone()], 1);
    let loss = row(&comparison, Quantity::TrainLoss);
    assert_eq!(loss.not_compared.as_deref(), Some("other tokens: a value per token does not compare"));
    assert!(loss.best.is_empty() && row(&comparison, Quantity::DurationSeconds).best == ["b"]);
    assert!(
        comparison.notes[0].contains("different tokenizers") && comparison.notes[0].ends_with("(a | b)"),
        "{:?}",
        comparison.notes
    );

    b.origin = RunOrigin { data: Some("d2".into()), ..a.origin.clone() };
    let comparison = compare_runs(&[a, b], 1);
    assert!(comparison.notes[0].contains("trained on different data"), "{:?}", comparison.notes);
    assert_eq!(row(&comparison, Quantity::DurationSeconds).not_compared.as_deref(), Some("other data"));
    assert_eq!(row(&comparison, Quantity::PeakMemoryBytes).best, ["b"]);
    assert!(runs_overview(&comparison).contains("not comparable: other data"));
}

#[test]
fn a_score_wins_where_a_paired_test_shows_it_and_ties_else() {
    // 60 prompts: a passes the first 50, b the first 20, c all but the first 8.
    let run_of = |label: &str, right| run(label, &[], vec![suite("builtin:general", 0..30, 60), suite("s", right, 60)]);
    let comparison = compare_runs(&[run_of("a", 0..50), run_of("b", 0..20), run_of("c", 8..60)], 1);
    // The role's own suite comes before the general one, which is alike in all three.
    assert_eq!(comparison.scores.iter().map(|row| row.suite.as_str()).collect::<Vec<_>>(), ["s", "builtin:general"]);
    let [role, general] = &comparison.scores[..] else { panic!() };
    let score = role.scores["b"];
    assert!((score.score - 1.0 / 3.0).abs() < 1e-12 && score.n == 60 && score.method == "wilson", "{score:?}");
    let test = pair(role, "a", "b").test.unwrap();
    assert_eq!((test.n, test.clusters), (60, 60));
    assert!((test.difference + 0.5).abs() < 1e-12 && test.high < -0.35 && test.p < 0.001, "{test:?}");
    assert_eq!(pair(role, "a", "b").winner(), Some("a"));
    // 10 fixed and 8 broken show nothing: the exact sign test of 8 in 18 gives p = 0.815.
    let test = pair(role, "a", "c").test.unwrap();
    assert!((test.difference - 2.0 / 60.0).abs() < 1e-12 && test.p > 0.5, "{test:?}");
    assert_eq!(role.best, ["a", "c"], "the highest, and what is not shown to be worse");
    assert_eq!(general.best, ["a", "b", "c"]);
    assert_eq!(pair(general, "a", "b").test.unwrap().p, 1.0);
    let page = runs_markdown(&comparison);
    assert!(page.contains("role score: s (pass)") && page.contains("general score: builtin:general (pass)"), "{page}");
    assert!(page.contains("tie: a, c") && page.contains("## Paired tests on s (pass)"), "{page}");
    assert!(page.contains("33.3 % (24.2 to 43.9, n 60)"), "{page}");

    let comparison = compare_runs(&[run_of("a", 0..50), run_of("b", 0..20)], 1);
    assert_eq!(comparison.scores[0].best, ["a"]);
}

#[test]
fn other_prompts_metrics_and_options_are_no_test() {
    let with = |change: fn(&mut SuiteScores)| {
        let mut other = suite("held-out", 0..10, 40);
        change(&mut other);
        let comparison =
            compare_runs(&[run("a", &[], vec![suite("held-out", 0..40, 40)]), run("b", &[], vec![other])], 1);
        assert_eq!(comparison.scores.len(), 1);
        let row = comparison.scores[0].clone();
        assert!(row.best.is_empty() && row.pairs[0].test.is_none(), "{row:?}");
        assert!(runs_overview(&comparison).contains(&format!("not a test: {}", row.not_a_test.unwrap())));
        (row.not_a_test.unwrap(), comparison.notes)
    };
    let (why, notes) = with(|other| other.digest = "sha256:other".into());
    assert_eq!(why, "other prompts");
    assert!(notes[0].contains("the suite held-out had other prompts") && notes[0].contains("a | b"), "{notes:?}");
    assert_eq!(with(|other| other.signature = "pass:v4".into()).0, "another metric");
    assert_eq!(with(|other| other.asked = r#"{"options":{"num_predict":4}}"#.into()).0, "asked with other options");
    assert_eq!(with(|other| other.prompts.iter_mut().for_each(|p| p.id += "x")).0, "no prompt in common");
}

#[test]
fn a_suite_is_the_same_wherever_its_file_lies_and_clusters_count_once() {
    let clustered = |name: &str, right| {
        let mut scores = suite("s", right, 60);
        scores.suite = name.into();
        for (i, prompt) in scores.prompts.iter_mut().enumerate() {
            prompt.cluster = Some(format!("c{}", i / 3));
        }
        scores
    };
    let runs =
        [run("a", &[], vec![clustered("one/s.jsonl", 0..45)]), run("b", &[], vec![clustered("/other/s.jsonl", 0..15)])];
    let comparison = compare_runs(&runs, 1);
    assert_eq!(comparison.scores.len(), 1);
    let test = comparison.scores[0].pairs[0].test.unwrap();
    assert_eq!((test.n, test.clusters), (60, 20));
    // Ten clusters differ, all in one direction: 2 of 1024 signs.
    assert!((test.p - 2.0 / 1024.0).abs() < 1e-12, "{test:?}");
    assert_eq!(comparison.scores[0].best, ["a"]);
}

#[test]
fn what_a_run_lacks_is_said_with_the_remedy() {
    let mut unfinished = run("u", &[], vec![]);
    unfinished.state = Some(RunState::Unfinished);
    unfinished.origin = RunOrigin::default();
    let mut v1 = run("base (v1)", &[], vec![suite("s", 0..0, 40)]);
    (v1.kind, v1.state, v1.origin) = (EntrantKind::V1, None, RunOrigin::default());
    let done = run("a", &[(Quantity::TrainLoss, 0.1)], vec![suite("s", 0..30, 40)]);
    let comparison = compare_runs(&[done, unfinished, v1], 1);
    assert!(
        comparison.notes[0].starts_with("u: its training is not finished")
            && comparison.notes[0].contains("run --resume runs/u"),
        "{:?}",
        comparison.notes
    );
    assert_eq!(comparison.notes.len(), 1, "{:?}", comparison.notes);
    // A v1 is not trained: it lacks no value of a training.
    assert_eq!(row(&comparison, Quantity::TrainLoss).lacking, ["u"]);
    assert_eq!((comparison.scores[0].lacking.join(" "), comparison.scores[0].best.join(" ")), ("u".into(), "a".into()));
    let json: serde_json::Value = serde_json::from_str(&comparison.to_json()).unwrap();
    assert_eq!(json["format_version"], 1);
    assert_eq!(json["columns"][1]["state"], "unfinished");
    assert_eq!(json["values"][1]["quantity"], "train_loss");
    assert_eq!(json["values"][1]["values"]["a"], 0.1);
    assert_eq!(json["scores"][0]["scores"]["a"]["n"], 40);
    assert_eq!(json["scores"][0]["pairs"][0]["test"]["n"], 40);
}

#[test]
fn a_label_cannot_leave_its_cell() {
    let comparison = compare_runs(&[run("a|b\nc", &[], vec![]), run("d", &[], vec![])], 1);
    let page = runs_overview(&comparison);
    let table: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
    assert!(table[0].contains("a\\|b c"), "{page}");
    let widths: BTreeMap<usize, usize> = table.iter().fold(BTreeMap::new(), |mut map, line| {
        *map.entry(line.chars().count()).or_default() += 1;
        map
    });
    assert_eq!(widths.len(), 1, "{page}");
}
