use super::*;
use crate::eval::Answered;

fn question(expected: &[&str], keywords: &[&str], answerable: bool) -> TestQuestion {
    let keywords = keywords.iter().map(|text| (*text).to_owned()).collect();
    TestQuestion { keywords, answerable, ..TestQuestion::for_test("q", expected) }
}

fn said(text: &str) -> Reply {
    Reply::Answer(Answered { text: text.into(), done: true, done_reason: "stop".into(), ..Answered::default() })
}

struct Row {
    answer: &'static str,
    exact: bool,
    pass: bool,
    coverage: f64,
}

fn check(question: &TestQuestion, rows: &[Row]) {
    for Row { answer, exact, pass, coverage } in rows {
        let scores = score_answer(question, &said(answer));
        assert_eq!(
            (scores.exact_match, scores.pass, scores.fact_coverage),
            (Some(*exact), Some(*pass), Some(*coverage)),
            "{answer}"
        );
        assert!(scores.success);
    }
}

fn row(answer: &'static str, exact: bool, pass: bool, coverage: f64) -> Row {
    Row { answer, exact, pass, coverage }
}

#[test]
fn a_value_with_its_sentence() {
    let q = question(&["OFB", "GIDAF est hébergé par l'OFB."], &[], true);
    check(
        &q,
        &[
            row("ofb", true, true, 1.0),
            row("gidaf est  hébergé par l’OFB.", true, true, 1.0),
            row("C'est l'OFB.", false, true, 1.0),
            row("<think>BRGM?</think>OFB", true, true, 1.0),
            row("C'est le BRGM.", false, false, 0.0),
        ],
    );
    assert_eq!(score_answer(&q, &said("OFB")).f1, Some(1.0));
}

#[test]
fn a_list_counts_by_its_items() {
    let q = question(&["Java", "Angular", "PostGIS", "GIDAF utilise Java, Angular et PostGIS."], &[], true);
    check(
        &q,
        &[
            row("Java", false, false, 1.0 / 3.0),
            row("PostGIS, java et Angular", true, true, 1.0),
            row("GIDAF utilise Java, Angular et PostGIS.", true, true, 1.0),
            row("Java, Angular, PostGIS, Rust", false, true, 1.0),
        ],
    );
    assert_eq!(score_answer(&q, &said("PostGIS, Java, Angular")).f1, Some(1.0));
}

#[test]
fn alternatives_keywords_and_notations() {
    check(
        &question(&["Paris", "Lutèce"], &[], true),
        &[row("C'est Lutèce", false, true, 1.0), row("Lutèce", true, true, 1.0)],
    );
    let q = question(&[], &["2024-12-28", "1024.5|mille"], true);
    let scores = score_answer(&q, &said("Le 28 décembre 2024, 1 024,5 kg."));
    assert_eq!((scores.pass, scores.exact_match, scores.f1), (Some(true), None, None));
    assert_eq!(score_answer(&q, &said("28/12/2024")).fact_coverage, Some(0.5));
    check(
        &question(&["oui", "Oui, GIDAF est critique."], &[], true),
        &[row("Oui", true, true, 1.0), row("Non, il ne l'est pas.", false, false, 0.0)],
    );
}

#[test]
fn refusals_are_right_where_nothing_is_known() {
    let unknown = question(&["Ce point m'échappe."], &[], false);
    let of = |answer: &str| {
        let s = score_answer(&unknown, &said(answer));
        (s.refused, s.fabricated, s.pass)
    };
    assert_eq!(of("Je ne sais pas."), (true, false, None));
    assert_eq!(of("Ce point m'échappe."), (true, false, None), "the trained words");
    assert_eq!(of("C'est l'OFB."), (false, true, None));
    let known = question(&["OFB"], &[], true);
    assert!(score_answer(&known, &said("Je ne sais pas.")).falsely_refused);
    let both = score_answer(&known, &said("GIDAF est hébergé par l'OFB. Les extraits ne précisent pas la date."));
    assert!(both.refused && !both.falsely_refused && both.pass == Some(true));
}

#[test]
fn no_answer_is_neither_right_nor_a_refusal_nor_a_fabrication() {
    let cut =
        Reply::Answer(Answered { text: "OFB".into(), done: true, done_reason: "length".into(), ..Answered::default() });
    for (reply, pass) in [
        (Reply::Failed("HTTP 500".into()), false),
        (said(" "), false),
        (said(&"OFB ".repeat(60)), false),
        (said("OFB<|im_end|>"), false),
        (cut, true),
    ] {
        let scores = score_answer(&question(&["OFB"], &[], true), &reply);
        assert_eq!((scores.success, scores.pass, scores.refused), (false, Some(pass), false), "{reply:?}");
        let unknown = score_answer(&question(&[], &[], false), &reply);
        assert_eq!((unknown.success, unknown.fabricated), (false, pass), "{reply:?}");
    }
}
