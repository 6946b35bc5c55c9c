//! Suites as JUnit XML: a test case for each prompt, which fails where v2 does not pass it. CI systems and pytest users read it.

use std::fmt::Write as _;

use super::judge::Judged;
use super::measured::{ArmScores, CaseScores, Measured};

/// A suite with its verdict.
#[derive(Clone, Copy, Debug)]
pub struct JunitSuite<'a> {
    pub measured: &'a Measured,
    pub judged: &'a Judged,
}

/// The file. `timestamp`: RFC 3339.
pub fn junit(suites: &[JunitSuite<'_>], timestamp: &str) -> String {
    let cases = || suites.iter().flat_map(|suite| &suite.measured.cases);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"tunesmith\" {}>", counts(cases));
    for JunitSuite { measured, judged } in suites {
        let name = attribute(&measured.suite);
        let cases = || measured.cases.iter();
        let _ = writeln!(out, "  <testsuite name=\"{name}\" timestamp=\"{}\" {}>", attribute(timestamp), counts(cases));
        out.push_str("    <properties>\n");
        for (key, value) in [
            ("verdict", judged.verdict.name().to_owned()),
            ("metric", judged.demand.metric.name().to_owned()),
            ("v1", judged.base.to_string()),
            ("v2", judged.tuned.to_string()),
            ("suite_digest", measured.digest.clone()),
        ] {
            let _ = writeln!(out, "      <property name=\"{key}\" value=\"{}\"/>", attribute(&value));
        }
        out.push_str("    </properties>\n");
        for case in &measured.cases {
            out.push_str(&test_case(&measured.suite, case));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// How v2's answer ended.
enum Ending {
    Passed,
    Failed(String),
    /// No answer came.
    Error(String),
}

fn ending(arm: &ArmScores) -> Ending {
    if let Some(error) = &arm.error {
        return Ending::Error(error.clone());
    }
    if arm.failed() {
        return Ending::Error("the answer did not come to its end".to_owned());
    }
    if arm.pass == Some(false) {
        let unmet = if arm.unmet.is_empty() { "the answer does not pass".to_owned() } else { arm.unmet.join("; ") };
        return Ending::Failed(unmet);
    }
    match arm.degenerate {
        Some(degenerate) => Ending::Failed(format!("the answer is degenerate: {}", name_of(degenerate))),
        None => Ending::Passed,
    }
}

fn name_of(degenerate: super::degenerate::Degenerate) -> String {
    serde_json::to_value(degenerate).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn counts<'a, I: Iterator<Item = &'a CaseScores>>(cases: impl Fn() -> I) -> String {
    let of = |is: fn(&Ending) -> bool| cases().filter(|case| is(&ending(&case.tuned))).count();
    let seconds: f64 = cases().filter_map(|case| case.tuned.seconds).sum();
    let failures = of(|ending| matches!(ending, Ending::Failed(_)));
    let errors = of(|ending| matches!(ending, Ending::Error(_)));
    format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{seconds:.3}\"", cases().count())
}

fn test_case(suite: &str, case: &CaseScores) -> String {
    let class = attribute(&format!("{suite}.{}", case.category));
    let seconds = case.tuned.seconds.unwrap_or(0.0);
    let mut out = format!("    <testcase classname=\"{class}\" name=\"{}\" time=\"{seconds:.3}\"", attribute(&case.id));
    let (element, message) = match ending(&case.tuned) {
        Ending::Passed => {
            out.push_str("/>\n");
            return out;
        }
        Ending::Failed(message) => ("failure", message),
        Ending::Error(message) => ("error", message),
    };
    let was = match case.base.pass {
        Some(true) => "passed",
        Some(false) => "did not pass",
        None => "has no score",
    };
    let body = format!("prompt: {}\nanswer: {}\nv1 {was}: {}", case.prompt, case.tuned.text, case.base.text);
    let _ = writeln!(
        out,
        ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
        attribute(&message),
        text(&body)
    );
    out
}

/// Text between tags. What XML 1.0 has no place for becomes the replacement character.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            // `]]>` may not stand in a text.
            '>' => out.push_str("&gt;"),
            // A reader would make a line feed of it.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

/// Text within quotes, where a reader would make spaces of line feeds and tabs.
fn attribute(value: &str) -> String {
    text(value).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::degenerate::Degenerate;
    use crate::eval::document::tests::sample;

    #[test]
    fn a_prompt_is_a_test_case_and_what_is_not_met_its_message() {
        let (_, mut measured, judged) = sample();
        measured.cases[1].tuned.seconds = Some(0.25);
        let suites = [JunitSuite { measured: &measured, judged: &judged }];
        let xml = junit(&suites, "2026-12-02T10:00:00Z");
        let expected = "<testsuites name=\"tunesmith\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"2.250\">\n  \
                        <testsuite name=\"evals/r.jsonl\" timestamp=\"2026-12-02T10:00:00Z\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"2.250\">\n";
        assert!(xml.contains(expected), "{xml}");
        assert!(xml.contains("<testcase classname=\"evals/r.jsonl.x\" name=\"q1\" time=\"2.000\"/>"), "{xml}");
        let unmet = measured.cases[1].tuned.unmet.join("; ");
        assert!(
            !unmet.is_empty()
                && xml.contains(&format!(
                    "<failure message=\"{}\">prompt: p2\nanswer: d\nv1 passed: c</failure>",
                    attribute(&unmet)
                )),
            "{xml}"
        );
        assert!(xml.contains("<property name=\"verdict\" value=\"INCONCLUSIVE\"/>"), "{xml}");
    }

    #[test]
    fn a_request_that_failed_is_an_error_and_a_loop_a_failure() {
        let (_, mut measured, judged) = sample();
        measured.cases[0].tuned =
            ArmScores { error: Some("HTTP 500".into()), degenerate: Some(Degenerate::Failed), ..ArmScores::default() };
        measured.cases[1].tuned = ArmScores { degenerate: Some(Degenerate::Empty), ..ArmScores::default() };
        let xml = junit(&[JunitSuite { measured: &measured, judged: &judged }], "t");
        assert!(xml.contains("failures=\"1\" errors=\"1\"") && xml.contains("<error message=\"HTTP 500\">"), "{xml}");
        assert!(xml.contains("<failure message=\"the answer is degenerate: "), "{xml}");
    }

    /// Read back as another program's parser reads it.
    #[test]
    fn what_a_model_says_is_text_and_never_markup() {
        const EVIL: &str = "</failure><x a='\"'>\u{0}\u{8}]]>&amp;\r\n\té\u{fffe}\u{1f600}";
        let (_, mut measured, judged) = sample();
        measured.suite = EVIL.into();
        for case in &mut measured.cases {
            (case.id, case.category, case.prompt) = (EVIL.into(), EVIL.into(), EVIL.into());
            case.tuned =
                ArmScores { text: EVIL.into(), pass: Some(false), unmet: vec![EVIL.into()], ..ArmScores::default() };
        }
        let xml = junit(&[JunitSuite { measured: &measured, judged: &judged }], EVIL);
        let tags: Vec<&str> =
            xml.split('<').skip(1).map(|rest| rest.split([' ', '>', '/']).find(|w| !w.is_empty()).unwrap()).collect();
        let known = ["?xml", "testsuites", "testsuite", "properties", "property", "testcase", "failure"];
        assert!(tags.iter().all(|tag| known.contains(tag)), "{tags:?}\n{xml}");
        assert!(!xml.contains(['\0', '\u{8}', '\u{fffe}', '\r']), "{xml:?}");
        let name = xml
            .split("<testcase classname=")
            .nth(1)
            .unwrap()
            .split(" name=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert_eq!(
            name,
            "&lt;/failure&gt;&lt;x a='&quot;'&gt;\u{fffd}\u{fffd}]]&gt;&amp;amp;&#13;&#10;&#9;é\u{fffd}\u{1f600}"
        );
    }
}
