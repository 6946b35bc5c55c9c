//! The page: its head with what it may load (nothing), its sections, its end.

use super::escape::escaped;
use super::files::RunFiles;
use super::{
    actions, answers, categories, choices, control, forest, histograms, likelihood, provenance, survival, training,
    verdict,
};
use crate::store::Digest;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The sections by their anchors, in the order of the page.
const SECTIONS: [(&str, &str); 12] = [
    ("verdict", "Verdict"),
    ("metrics", "Guarded metrics"),
    ("categories", "Categories"),
    ("answers", "Answers"),
    ("times", "Latency and length"),
    ("control", "Control arm"),
    ("likelihood", "Likelihood"),
    ("choices", "Multiple choice"),
    ("training", "Training"),
    ("proof", "Survival and proof"),
    ("provenance", "Provenance"),
    ("commands", "Commands"),
];

/// The whole page of a run: one file, which loads nothing and sends nothing.
pub fn page(files: &RunFiles) -> String {
    let title = match files.model() {
        Some(model) => format!("{model}: {}", verdict::headline(files).word),
        None => format!("{}: {}", files.name, verdict::headline(files).word),
    };
    let mut out = head(&title);
    out.push_str(&format!("<header>\n<h1>{}</h1>\n", escaped(&title)));
    if let Some(m) = files.evaluation() {
        let role = m.role.as_ref().map(|role| format!(" for the role {role}")).unwrap_or_default();
        let line = format!("{} → {}{role}", m.base_model, m.finetuned_model);
        out.push_str(&format!("<p>v1 → v2: {}. Run {}.</p>\n", escaped(&line), escaped(&files.name)));
    } else {
        out.push_str(&format!("<p>Run {}.</p>\n", escaped(&files.name)));
    }
    out.push_str("<nav aria-label=\"sections\">\n<ul>\n");
    for (id, words) in SECTIONS {
        out.push_str(&format!("<li><a href=\"#{id}\">{words}</a></li>\n"));
    }
    out.push_str("</ul>\n</nav>\n</header>\n<main id=\"main\">\n");
    for section in [
        verdict::section(files),
        forest::section(files),
        categories::section(files),
        answers::section(files),
        histograms::section(files),
        control::section(files.control.as_ref()),
        likelihood::section(files.likelihood.as_ref()),
        choices::section(files.choices.as_ref()),
        training::section(files),
        survival::section(files),
        provenance::section(files),
        actions::section(files),
    ] {
        out.push_str(&section);
    }
    out.push_str(&format!("</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    out
}

fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n",
        Digest::of_bytes(STYLE.as_bytes()).source_hash(),
        Digest::of_bytes(SCRIPT.as_bytes()).source_hash(),
        escaped(title)
    )
}
