//! `benchmark_results_charts.html`: one file, nothing fetched, no script; a table stands behind each chart.

use std::fmt::Write as _;

use super::how::HowAsked;
use super::result::{Benchmark, BenchmarkResult, BenchmarkStatistics};
use super::summary::{asked, number, percent, sentences};
use crate::eval::score::KeywordMatch;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>JARVIS benchmark</title>\n<style>\n\
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--rule:#c9c9c9;--base:#0072b2;--tuned:#d55e00}\n\
@media (prefers-color-scheme:dark){:root{--ink:#ececec;--paper:#161616;--rule:#4a4a4a;--base:#56b4e9;--tuned:#e69f00}}\n\
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:64em;padding:0 1em;color:var(--ink);background:var(--paper)}\n\
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid var(--rule);padding:.35em .6em;text-align:left;vertical-align:top}\n\
td.n,th.n{text-align:right;white-space:nowrap}td.t{white-space:pre-wrap;overflow-wrap:anywhere;min-width:12em}\n\
.wide{overflow-x:auto}svg{display:block;width:100%;height:auto;max-width:44em}svg text{fill:var(--ink);font:13px system-ui,sans-serif}\n\
.base{fill:var(--base)}.tuned{fill:var(--tuned)}.axis{stroke:var(--rule)}summary{cursor:pointer}\n\
@media print{body{margin:0;max-width:none}details>*{display:block}}\n</style>\n</head>\n<body>\n";

/// Columns of a chart, and where its bars begin and end.
const WIDTH: f64 = 640.0;
const LEFT: f64 = 180.0;
const RIGHT: f64 = 500.0;
const BAR: f64 = 14.0;

pub fn benchmark_charts(benchmark: &Benchmark, how: &HowAsked) -> String {
    let metadata = &benchmark.metadata;
    let mut out = HEAD.to_owned();
    out.push_str("<h1>JARVIS benchmark</h1>\n<ul>\n");
    for sentence in sentences(benchmark, how) {
        let _ = writeln!(out, "<li>{}</li>", escaped(&sentence));
    }
    out.push_str("</ul>\n<table>\n");
    let finetuned = how.finetuned.as_deref().unwrap_or("none: the base alone was asked");
    for (name, text) in [
        ("base", metadata.base_model.as_str()),
        ("fine-tuned", finetuned),
        ("device", &metadata.device),
        ("time", &metadata.timestamp),
        ("prompts", &asked(benchmark, how)),
    ] {
        let _ = writeln!(out, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escaped(text));
    }
    out.push_str("</table>\n");
    out.push_str(&category_chart("Keyword match by category", benchmark, |of| {
        [of.avg_keyword_match_base, of.avg_keyword_match_finetuned]
    }));
    out.push_str(&category_chart("Relevance by category", benchmark, |of| {
        [of.avg_relevance_base, of.avg_relevance_finetuned]
    }));
    if benchmark.statistics.avg_cosine_similarity.is_some() {
        out.push_str(&cosine_chart(benchmark));
    }
    out.push_str(&answers(benchmark, how.finetuned.is_some()));
    out.push_str("</body>\n</html>\n");
    out
}

/// A bar of a chart.
struct Bar {
    label: String,
    class: &'static str,
    /// From 0 to 1.
    share: f64,
    text: String,
}

/// Both models' means of each category, and of all.
fn category_chart(title: &str, benchmark: &Benchmark, of: fn(&BenchmarkStatistics) -> [Option<f64>; 2]) -> String {
    let all = std::iter::once(("all", &benchmark.statistics));
    let mut bars = Vec::new();
    for (name, statistics) in all.chain(benchmark.by_category.iter().map(|(name, of)| (name.as_str(), of))) {
        let arms = of(statistics).into_iter().zip([("base", "base"), ("tuned", "fine-tuned")]);
        for (share, (class, arm)) in arms {
            let Some(share) = share else { continue };
            bars.push(Bar { label: name.to_owned(), class, share, text: format!("{} {arm}", percent(Some(share))) });
        }
    }
    chart(title, &bars)
}

fn cosine_chart(benchmark: &Benchmark) -> String {
    let bar = |one: &BenchmarkResult| {
        let cosine = one.cosine_similarity_score?;
        Some(Bar { label: one.prompt_id.clone(), class: "tuned", share: cosine, text: format!("{cosine:.3}") })
    };
    let bars: Vec<Bar> = benchmark.results.iter().filter_map(bar).collect();
    chart("Cosine similarity of the two answers to each prompt", &bars)
}

fn chart(title: &str, bars: &[Bar]) -> String {
    let height = bars.len() as f64 * (BAR + 8.0) + 12.0;
    let title = escaped(title);
    let mut out = format!(
        "<h2>{title}</h2>\n<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n\
         <line class=\"axis\" x1=\"{LEFT}\" y1=\"0\" x2=\"{LEFT}\" y2=\"{height:.0}\"/>\n\
         <line class=\"axis\" x1=\"{RIGHT}\" y1=\"0\" x2=\"{RIGHT}\" y2=\"{height:.0}\"/>\n"
    );
    let (mut rows, mut before) = (String::new(), "");
    for (i, Bar { label, class, share, text }) in bars.iter().enumerate() {
        let y = 8.0 + i as f64 * (BAR + 8.0);
        let length = share.clamp(0.0, 1.0) * (RIGHT - LEFT);
        // What belongs together is named once.
        let named = if before == label { String::new() } else { escaped(label) };
        before = label;
        let (label, text) = (escaped(label), escaped(text));
        let (middle, end) = (y + BAR - 3.0, LEFT + length + 6.0);
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{middle:.1}\">{named}</text><rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{length:.1}\" \
             height=\"{BAR}\"/><text x=\"{end:.1}\" y=\"{middle:.1}\">{text}</text>"
        );
        let _ = writeln!(rows, "<tr><th scope=\"row\">{label}</th><td>{text}</td></tr>");
    }
    let _ =
        writeln!(out, "</svg>\n<details><summary>The numbers as a table</summary><table>\n{rows}</table></details>");
    out
}

/// Every prompt with its answers.
fn answers(benchmark: &Benchmark, two: bool) -> String {
    let mut out = String::from(
        "<h2>Answers</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Answers\"><table>\n<tr><th>prompt</th><th>base</th>",
    );
    out.push_str(if two { "<th>fine-tuned</th><th class=\"n\">cosine</th></tr>\n" } else { "</tr>\n" });
    for one in &benchmark.results {
        let keywords = one.keywords_expected.join(", ");
        let _ = write!(
            out,
            "<tr><td class=\"t\" dir=\"auto\"><b>{}</b> {}\n{}\n<small>keywords: {}</small></td>{}",
            escaped(&one.prompt_id),
            escaped(&one.category),
            escaped(&one.prompt),
            escaped(&keywords),
            answer(one.base_model_response.as_deref(), one.keyword_match_base, one.jarvis_relevance_base)
        );
        if two {
            let cell =
                answer(one.finetuned_response.as_deref(), one.keyword_match_finetuned, one.jarvis_relevance_finetuned);
            let _ = write!(out, "{cell}<td class=\"n\">{}</td>", number(one.cosine_similarity_score));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
    out
}

fn answer(response: Option<&str>, keywords: Option<KeywordMatch>, relevance: Option<f64>) -> String {
    let Some(response) = response else { return "<td class=\"t\"><i>the request failed</i></td>".to_owned() };
    let found = keywords.map_or_else(|| "–".to_owned(), |k| format!("{}/{}", k.found, k.total));
    let relevance = percent(relevance);
    format!(
        "<td class=\"t\" dir=\"auto\">{}\n<small>keywords {found}, relevance {relevance}</small></td>",
        escaped(response)
    )
}

/// Text as HTML shows it; what no text holds (control characters) is shown as one that is missing.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
