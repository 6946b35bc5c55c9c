//! The page as a whole: its sections, what a run lacks, and that nothing of a stranger's becomes markup.

use std::path::Path;

use serde_json::{Value, json};

use super::{RunFiles, page};

/// What strangers may write, wherever they may write it.
const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></script></title></pre></table><svg onload=alert(1)>",
    "]]><!-- --><![CDATA[ <iframe src=//evil.test>",
    "\u{202e}txt.exe\u{2066}\u{200f}",
    "nul\0bell\u{7}escape\u{1b}[31m",
    "&lt;script&gt; &#60;b&#62; &amp;",
    "javascript:alert(1) https://evil.test/x.js url(//evil.test) @import 'x'",
    "{{7*7}} {% raw %} ${x} `y`",
];

fn judged(suite: &str) -> Value {
    json!({
        "suite": suite, "demand": {"goal": "hold", "metric": "pass", "margin": 0.1, "min_gain": null}, "n": 10, "base": 0.9,
        "tuned": 0.8, "difference": -0.1, "interval": {"low": -0.2, "high": null, "method": "tango"}, "surely_worse": false,
        "fixed": 0, "broken": 1, "mcnemar_midp": 0.5, "smallest_margin": 0.1, "verdict": "INCONCLUSIVE", "needs_prompts": 99,
        "capped": null,
    })
}

fn answered(text: &str, scores: [f64; 2]) -> Value {
    json!({
        "prompt_id": text, "category": text, "prompt": text, "expected": [text], "keywords_expected": [text],
        "base_model_response": format!("{text} and more words here"), "finetuned_response": format!("{text} and more words there"),
        "must_pass": true, "score_base": scores[0], "score_finetuned": scores[1], "unmet_finetuned": [text],
        "degenerate_finetuned": text, "error_base": text, "seconds_base": 1.5, "seconds_finetuned": 0.5, "tokens_base": 12,
        "tokens_finetuned": 9,
    })
}

/// A run whose every text is `text`, with its scorecard under a name that no text may choose.
fn lay_out(run: &Path, text: &str) {
    for folder in ["eval", "gguf", "data", "final"] {
        std::fs::create_dir_all(run.join(folder)).unwrap();
    }
    let write = |name: &str, value: &Value| std::fs::write(run.join(name), value.to_string()).unwrap();
    let category = json!({"total_tests": 10, "avg_score_base": 0.9, "avg_score_finetuned": 0.8});
    write(
        "eval/suite.json",
        &json!({
            "metadata": {
                "base_model": text, "finetuned_model": text, "device": text, "timestamp": text, "base_digest": text,
                "finetuned_digest": text, "options": {text: text}, "system": text, "tool_version": text, "role": text, "suite": text,
                "suite_digest": text, "samples": 1, "metric_signature": text, "relevance_signature": text, "cosine_signature": text,
                "gate": {"decision": "FAIL", "reasons": [text], "notes": [text]},
            },
            "statistics": {"judged": judged(text), "gate": "FAIL", "verdict": text},
            "by_category": {text: category},
            "results": [answered(text, [1.0, 0.0]), answered(text, [0.0, 1.0]), answered(text, [0.0, 0.0])],
        }),
    );
    let tensor =
        json!({"tensor": text, "from": text, "to": text, "rounding": text, "slope": 1.0, "standard_error": 0.01});
    write("gguf/survival.json", &json!([tensor, {"tensor": text, "slope": null}]));
    let leg =
        json!({"name": text, "passed": false, "summary": text, "faults": [text], "numbers": {text: text, "kl": 0.1}});
    write(
        "proof.json",
        &json!({"model": text, "kind": text, "passed": false, "legs": [leg], "daemon_version": text, "exported": text}),
    );
    let scores =
        json!({"acc": 0.5, "bins": [{"low": 0.9, "high": 1.0, "prompts": 2, "confidence": 0.95, "accuracy": 0.5}]});
    let suite = json!({"suite": text, "source": text, "prompts": 2, "v1": scores, "v2": scores, "capped": text});
    write("eval/choices.json", &json!({"timestamp": text, "device": text, "suites": [suite]}));
    write("data/fingerprint.json", &json!({"dataset": text, "digest": text, "records": 3}));
    write("final/tunesmith.json", &json!({"base": text, "architecture": text, "base_parts": {text: text}}));
    write("registered.json", &json!({"tag": text}));
    // JSON is YAML.
    write("run.yaml", &json!({"output_model_name": text, "role": text, "models_yaml": text, "seed": text}));
    let lines = [
        json!({"step": 1, "train_loss": 4.0, "grad_norm": 1.0, "learning_rate": 0.1, text: text}),
        json!({"step": 2, "train_loss": 2.0, "eval_loss": 3.0}),
        json!({"step": 2, "epoch": text, "epoch_train_loss": text}),
        json!({"steps": 2, "train_loss": 3.0, "best": [text, text], "duration_seconds": 3.0}),
    ];
    std::fs::write(run.join("metrics.jsonl"), lines.map(|l| l.to_string()).join("\n")).unwrap();
    let event = |mut fields: Value| {
        fields["version"] = 2.into();
        fields["time"] = text.into();
        fields.to_string()
    };
    let events = [
        event(json!({"event": "note", "kind": "run", "path": text})),
        event(json!({"event": "note", "kind": "engine", "route": text, "threads": 2, "plan": text})),
        event(json!({"event": "verdict", "decision": text, "reasons": [text], "notes": [text]})),
        event(json!({"event": "promoted", "role": text, "from": text, "to": text})),
    ];
    std::fs::write(run.join("events.jsonl"), events.join("\n")).unwrap();
}

fn page_of(run: &Path) -> String {
    page(&RunFiles::read(run).unwrap())
}

/// The tags of a page, as a browser finds them outside script and style.
fn tags(html: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(begin) = rest.find('<') {
        let end =
            begin + rest[begin..].find('>').unwrap_or_else(|| panic!("a tag that does not end: {}", &rest[begin..]));
        let tag = &rest[begin + 1..end];
        found.push(tag);
        rest = &rest[end + 1..];
        for raw in ["script", "style"] {
            if tag.split_whitespace().next() == Some(raw) {
                rest = &rest[rest.find(&format!("</{raw}>")).unwrap()..];
            }
        }
    }
    found
}

/// Whether every tag, and every attribute that could load or run something, is one of ours.
fn check_markup(html: &str) {
    const TAGS: [&str; 60] = [
        "!doctype",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "a",
        "header",
        "h1",
        "h2",
        "h3",
        "p",
        "nav",
        "ul",
        "li",
        "main",
        "section",
        "strong",
        "span",
        "figure",
        "figcaption",
        "svg",
        "desc",
        "line",
        "polyline",
        "path",
        "rect",
        "circle",
        "text",
        "details",
        "summary",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "fieldset",
        "legend",
        "label",
        "input",
        "output",
        "br",
        "b",
        "i",
        "del",
        "ins",
        "pre",
        "script",
        "/b",
        "/i",
        "/p",
        "/a",
        "/td",
        "/th",
        "/tr",
        "/li",
    ];
    for tag in tags(html) {
        let name = tag.split(|c: char| c.is_whitespace() || c == '>').next().unwrap().trim_end_matches('/');
        assert!(TAGS.contains(&name) || TAGS.contains(&name.trim_start_matches('/')), "<{tag}>");
        // Quoted values hold no quotes of a stranger's: what is left between them are names of attributes.
        for (i, part) in tag.split('"').enumerate().filter(|(i, _)| i % 2 == 0) {
            let attributes = part.to_lowercase();
            assert!(
                !attributes.contains(" on") && !attributes.contains(" src") && !attributes.contains(" style="),
                "{i}: <{tag}>"
            );
        }
        if let Some(link) = tag.split("href=\"").nth(1) {
            assert!(link.starts_with('#'), "<{tag}>");
        }
    }
}

#[test]
fn nothing_that_a_stranger_wrote_is_markup() {
    for text in HOSTILE {
        let dir = tempfile::tempdir().unwrap();
        lay_out(dir.path(), text);
        let html = page_of(dir.path());
        check_markup(&html);
        let acts = |c: char| (c.is_control() && c != '\n' && c != '\t') || "\u{202e}\u{2066}\u{200f}".contains(c);
        assert!(!html.contains(acts), "{text:?}");
        assert!(html.matches("alert(1)").count() > 20 || !text.contains("alert"), "the texts are on the page: {text}");
    }
    // Markup that is broken into pieces by the words' marks stays text as well.
    let dir = tempfile::tempdir().unwrap();
    lay_out(dir.path(), "one two <b three> four");
    let html = page_of(dir.path());
    check_markup(&html);
    assert!(html.contains("<del>here</del>") && html.contains("<ins>there</ins>"), "words are compared");
}

#[test]
fn a_hostile_file_name_is_text() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("<img src=x onerror=alert(1)>");
    lay_out(&run, &"long ".repeat(2000));
    std::fs::rename(run.join("eval/suite.json"), run.join("eval/<script>\"'.json")).unwrap();
    std::fs::write(run.join("eval/<b>.json"), "{").unwrap();
    let html = page_of(&run);
    check_markup(&html);
    assert!(html.contains("more characters in eval/&lt;script&gt;&quot;&#39;.json"), "the rest is where it says");
    assert!(html.contains("<li>eval/&lt;b&gt;.json: EOF"), "what can't be read is named");
}

#[test]
fn the_page_loads_nothing_and_its_script_is_small() {
    let dir = tempfile::tempdir().unwrap();
    lay_out(dir.path(), "text");
    let html = page_of(dir.path());
    let between = |open: &str, close: &str| html.split(open).nth(1).unwrap().split(close).next().unwrap();
    let (style, script) = (between("<style>", "</style>"), between("<script>", "</script>"));
    assert!(
        script.len() <= 10_000 && !script.contains("innerHTML") && !script.contains("http"),
        "{} bytes",
        script.len()
    );
    assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("http"));
    assert_eq!(html.matches("<script").count(), 1);
    let policy = between("http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    for code in [style, script] {
        let hash = crate::store::Digest::of_bytes(code.as_bytes()).source_hash();
        assert!(policy.contains(&format!("'{hash}'")), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn a_run_has_every_section_and_a_table_behind_each_chart() {
    let dir = tempfile::tempdir().unwrap();
    lay_out(dir.path(), "text");
    let html = page_of(dir.path());
    let mut at = 0;
    for id in [
        "verdict",
        "metrics",
        "categories",
        "answers",
        "times",
        "choices",
        "training",
        "proof",
        "provenance",
        "commands",
    ] {
        let heading = html.find(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no section {id}"));
        assert!(heading > at && html.contains(&format!("<a href=\"#{id}\">")), "{id}");
        at = heading;
    }
    // One forest, one suite's categories, two histograms, one suite's reliability, the curves of loss, rate and norm, survival.
    assert_eq!(html.matches("<svg ").count(), 9);
    let figures: Vec<&str> = html.split("<figure>").skip(1).map(|f| f.split("<section").next().unwrap()).collect();
    assert!(
        figures.iter().all(|f| f.contains("<title id=") && f.contains("<desc id=") && f.contains("<summary>Table: "))
    );
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "each id once");
    for needle in
        ["▼ became wrong", "▲ became right", "✗ both wrong", "became wrong (1)", "both wrong (1)", "not met: text"]
    {
        assert!(html.contains(needle), "{needle}");
    }
    let verdict = html.find("class=\"verdict").unwrap();
    assert!(verdict < html.find("<svg").unwrap() && verdict < html.find("<table").unwrap(), "the verdict comes first");
}

#[test]
fn what_a_run_lacks_is_said() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("metrics.jsonl"), "{\"step\":1,\"train_loss\":4.0}").unwrap();
    let html = page_of(dir.path());
    for sentence in [
        "The training has not ended",
        "No suite was asked, so no metric was compared.",
        "No suite was asked, so there are no categories.",
        "No prompt was asked, so there are no answers.",
        "No answer was timed.",
        "No file was exported here",
        "The model was not proved here.",
        "No model was made here",
    ] {
        assert!(html.contains(sentence), "{sentence}");
    }
    assert!(html.contains("<figcaption>Loss</figcaption>") && !html.contains("NaN") && !html.contains("inf"), "{html}");
}

#[test]
fn an_evaluation_alone_has_no_training() {
    let dir = tempfile::tempdir().unwrap();
    lay_out(dir.path(), "x:v2");
    let alone = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("eval/suite.json"), alone.path().join("suite.json")).unwrap();
    std::fs::write(alone.path().join("other.json"), "{\"of\": \"something else\"}").unwrap();
    let html = page_of(alone.path());
    assert!(html.contains("This folder has no training") && html.contains("x:v2 was refused: x:v2."), "{html}");
    assert!(html.contains("<svg") && !html.contains("could not be read"));
}

#[test]
fn only_the_last_evaluation_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    lay_out(dir.path(), "2026-12-02");
    let old = std::fs::read_to_string(dir.path().join("eval/suite.json")).unwrap();
    std::fs::write(dir.path().join("eval/old.json"), old.replace("2026-12-02", "2026-12-01")).unwrap();
    assert!(!page_of(dir.path()).contains("2026-12-01"));
}

#[test]
fn an_answer_of_a_megabyte_is_shortened_with_a_note() {
    let dir = tempfile::tempdir().unwrap();
    lay_out(dir.path(), "x");
    let path = dir.path().join("eval/suite.json");
    let mut card: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    card["results"][0]["finetuned_response"] = "é".repeat(1 << 20).into();
    // More answers than a browser likes: the page has the first of them.
    let many: Vec<Value> = (0..3000).map(|i| answered(&format!("q{i}"), [1.0, 1.0])).collect();
    card["results"].as_array_mut().unwrap().extend(many);
    std::fs::write(&path, card.to_string()).unwrap();
    let html = page_of(dir.path());
    assert!(html.contains("… 1044576 more characters in eval/suite.json"), "the note");
    assert!(html.contains("1003 more of 3003 are in the scorecards: this page has the first 2000"), "the rows");
    assert!(html.len() < 10 << 20, "{}", html.len());
}
