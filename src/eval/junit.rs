//! Suites as JUnit XML: a test case for each prompt, which fails where v2 does not pass it by the suite's own metric. CI systems and
//! pytest users read it.

use std::fmt::Write as _;

use super::judge::Judged;
use super::measured::{CaseScores, Measured};
use super::score::Metric;

/// A suite with its verdict.
#[derive(Clone, Copy, Debug)]
pub struct JunitSuite<'a> {
    pub measured: &'a Measured,
    pub judged: &'a Judged,
}

/// The file. `timestamp`: RFC 3339.
pub fn junit(suites: &[JunitSuite<'_>], timestamp: &str) -> String {
    let cases: Vec<Vec<TestCase<'_>>> = suites.iter().map(JunitSuite::cases).collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"tunesmith\" {}>", counts(cases.iter().flatten()));
    for (JunitSuite { measured, judged }, cases) in suites.iter().zip(&cases) {
        let name = attribute(&measured.suite);
        let counts = counts(cases.iter());
        let _ = writeln!(out, "  <testsuite name=\"{name}\" timestamp=\"{}\" {counts}>", attribute(timestamp));
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
        for case in cases {
            out.push_str(&case.xml(&measured.suite));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// What becomes of a prompt: what the gate sees of v2's answer, by the suite's own metric.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    Passed,
    Failed(String),
    /// The metric gives a share, or nothing: there is neither a pass nor a failure.
    Skipped(String),
    /// No answer came.
    Error(String),
}

struct TestCase<'a> {
    case: &'a CaseScores,
    ending: Ending,
}

impl<'a> JunitSuite<'a> {
    fn cases(&self) -> Vec<TestCase<'a>> {
        let metric = self.judged.demand.metric;
        self.measured.cases.iter().map(|case| TestCase { case, ending: ending(metric, case) }).collect()
    }
}

fn ending(metric: Metric, case: &CaseScores) -> Ending {
    let arm = &case.tuned;
    if let Some(error) = &arm.error {
        return Ending::Error(error.clone());
    }
    if arm.failed() {
        return Ending::Error("the answer did not come to its end".to_owned());
    }
    if let Some(degenerate) = arm.degenerate {
        return Ending::Failed(format!("the answer is degenerate: {}", name_of(degenerate)));
    }
    let unmet = || if arm.unmet.is_empty() { "the answer does not pass".to_owned() } else { arm.unmet.join("; ") };
    // The gate's rule, whatever the metric is.
    if case.must_pass && case.base.holds() && !arm.holds() {
        return Ending::Failed(unmet());
    }
    match arm.score {
        Some(score) if !metric.is_binary() => {
            let v1 = case.base.score.map_or_else(|| "no score".to_owned(), |score| format!("{score:.3}"));
            Ending::Skipped(format!("{} is {score:.3}, v1 {v1}: it is no pass or failure", metric.name()))
        }
        Some(score) if score < 1.0 => Ending::Failed(unmet()),
        Some(_) => Ending::Passed,
        None => Ending::Skipped(format!("the prompt has no {}", metric.name())),
    }
}

fn name_of(degenerate: super::degenerate::Degenerate) -> String {
    serde_json::to_value(degenerate).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn counts<'c>(cases: impl Iterator<Item = &'c TestCase<'c>> + Clone) -> String {
    let of = |is: fn(&Ending) -> bool| cases.clone().filter(|case| is(&case.ending)).count();
    let seconds: f64 = cases.clone().filter_map(|case| case.case.tuned.seconds).sum();
    let failures = of(|ending| matches!(ending, Ending::Failed(_)));
    let errors = of(|ending| matches!(ending, Ending::Error(_)));
    let skipped = of(|ending| matches!(ending, Ending::Skipped(_)));
    let tests = cases.count();
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{seconds:.3}\"")
}

impl TestCase<'_> {
    fn xml(&self, suite: &str) -> String {
        let Self { case, ending } = self;
        let class = attribute(&format!("{suite}.{}", case.category));
        let (name, seconds) = (attribute(&case.id), case.tuned.seconds.unwrap_or(0.0));
        let mut out = format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"{seconds:.3}\"");
        let (element, message) = match ending {
            Ending::Passed => {
                out.push_str("/>\n");
                return out;
            }
            Ending::Failed(message) => ("failure", message),
            Ending::Skipped(message) => ("skipped", message),
            Ending::Error(message) => ("error", message),
        };
        let was = match case.base.score {
            Some(score) if score >= 1.0 => "passed".to_owned(),
            Some(score) => format!("had {score:.3}"),
            None => "has no score".to_owned(),
        };
        let body = format!("prompt: {}\nanswer: {}\nv1 {was}: {}", case.prompt, case.tuned.text, case.base.text);
        let _ = writeln!(
            out,
            ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
            attribute(message),
            text(&body)
        );
        out
    }
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
    use crate::eval::measured::ArmScores;

    #[test]
    fn a_prompt_is_a_test_case_and_what_is_not_met_its_message() {
        let (_, mut measured, judged) = sample();
        measured.cases[1].tuned.seconds = Some(0.25);
        let suites = [JunitSuite { measured: &measured, judged: &judged }];
        let xml = junit(&suites, "2026-12-02T10:00:00Z");
        let expected = "<testsuites name=\"tunesmith\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"2.250\">\n  \
                        <testsuite name=\"evals/r.jsonl\" timestamp=\"2026-12-02T10:00:00Z\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"2.250\">\n";
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

    #[test]
    fn a_metric_without_pass_or_failure_fails_nothing_that_the_gate_does_not_see() {
        let (_, mut measured, mut judged) = sample();
        judged.demand.metric = Metric::TokenF1;
        // Both fail their assertions, of which this suite's metric knows nothing.
        for case in &mut measured.cases {
            (case.base.score, case.base.pass) = (Some(0.5), Some(true));
            (case.tuned.score, case.tuned.pass) = (Some(0.25), Some(false));
        }
        let xml = |measured: &Measured, judged: &Judged| junit(&[JunitSuite { measured, judged }], "t");
        let skipped = xml(&measured, &judged);
        assert!(skipped.contains("failures=\"0\" errors=\"0\" skipped=\"2\""), "{skipped}");
        assert!(
            skipped.contains("<skipped message=\"token_f1 is 0.250, v1 0.500: it is no pass or failure\">"),
            "{skipped}"
        );
        // That rule of the gate is the same for every metric.
        measured.cases[0].must_pass = true;
        let lost = xml(&measured, &judged);
        assert!(lost.contains("failures=\"1\" errors=\"0\" skipped=\"1\""), "{lost}");
        // The metric decides, and not all assertions together.
        judged.demand.metric = Metric::ExactMatch;
        measured.cases[0].must_pass = false;
        (measured.cases[0].tuned.score, measured.cases[1].tuned.score) = (Some(1.0), None);
        let exact = xml(&measured, &judged);
        assert!(exact.contains("failures=\"0\" errors=\"0\" skipped=\"1\""), "{exact}");
        assert!(exact.contains("<skipped message=\"the prompt has no exact_match\">"), "{exact}");
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
                ArmScores { text: EVIL.into(), score: Some(0.0), unmet: vec![EVIL.into()], ..ArmScores::default() };
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
