//! What everything was made from and with: base, data, digests, seeds, versions, machine, times.

use serde_json::{Map, Value};

use super::escape::escaped;
use super::files::RunFiles;
use super::number::{bytes, duration, time};
use super::table::{Table, number, text};

pub(super) fn section(files: &RunFiles) -> String {
    let mut out = String::from(
        "<section id=\"provenance\" aria-labelledby=\"provenance-h\">\n<h2 id=\"provenance-h\">Provenance</h2>\n",
    );
    let mut facts = Facts::default();
    models(files, &mut facts);
    data(files, &mut facts);
    machine(files, &mut facts);
    let columns = [text("what"), text("value")];
    match facts.rows.is_empty() {
        true => out.push_str("<p>The files of this folder do not say where they come from.</p>\n"),
        false => out.push_str(&Table { caption: "where this comes from", columns: &columns, rows: facts.rows }.html()),
    }
    out.push_str(&steps(files));
    if let Some(options) = &files.options {
        out.push_str(&format!(
            "<details>\n<summary>All options (run.yaml)</summary>\n<pre tabindex=\"0\">{}</pre>\n</details>\n",
            escaped(&options.text)
        ));
    }
    out.push_str("</section>\n");
    out
}

/// Rows of the table; what is not known has none.
#[derive(Default)]
struct Facts {
    rows: Vec<Vec<String>>,
}

impl Facts {
    fn add(&mut self, what: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value.map(Into::into).filter(|v| !v.is_empty()) {
            self.rows.push(vec![what.to_owned(), value]);
        }
    }
}

fn text_of<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key).and_then(Value::as_str)
}

fn models(files: &RunFiles, facts: &mut Facts) {
    let evaluation = files.evaluation();
    facts.add("role", evaluation.and_then(|m| m.role.as_deref()).or_else(|| files.option("role")));
    facts.add("v1, compared with", evaluation.map(|m| m.base_model.as_str()));
    facts.add("digest of v1", evaluation.map(|m| m.base_digest.as_str()));
    facts.add("v2, the new model", files.model());
    let registered = text_of(&files.registered, "tag").or_else(|| evaluation.map(|m| m.finetuned_digest.as_str()));
    facts.add("digest of v2", registered);
    facts.add("base", files.option("model_to_fine_tune").or_else(|| text_of(&files.adapter, "base")));
    facts.add("architecture", text_of(&files.adapter, "architecture"));
    facts.add("digest of the base", text_of(&files.adapter, "base_digest"));
    if let Some(Value::Object(parts)) = files.adapter.get("base_parts") {
        for (part, digest) in parts {
            facts.add(&format!("base, {}", part.replace('_', " ")), digest.as_str());
        }
    }
    for step in &files.steps {
        for (path, digest) in &step.record.outputs {
            facts.add(path, Some(digest.to_string()));
        }
    }
    if files.steps.iter().all(|step| step.name != "export") {
        facts.add("exported file", files.proof.as_ref().and_then(|p| p.exported.as_deref()));
    }
}

fn data(files: &RunFiles, facts: &mut Facts) {
    let print = &files.fingerprint;
    facts.add("dataset", text_of(print, "dataset").or_else(|| files.option("dataset_path")));
    facts.add("digest of the dataset", text_of(print, "digest"));
    let counts = [("records", "trained"), ("held_out", "held out"), ("replayed", "replayed")];
    let counts = counts.iter().filter_map(|(key, words)| Some(format!("{} {words}", print.get(*key)?.as_u64()?)));
    facts.add("records", Some(counts.collect::<Vec<_>>().join(", ")));
    facts.add("seed", files.option("seed"));
    facts.add("seed of the proof", files.proof.as_ref().map(|p| p.seed.to_string()));
    for card in &files.scorecards {
        facts.add(&format!("digest of the suite {}", card.metadata.suite), Some(card.metadata.suite_digest.as_str()));
    }
    if let Some(m) = files.evaluation() {
        facts.add("options of the answers", (!m.options.is_null()).then(|| m.options.to_string()));
        facts.add("samples of each prompt", Some(m.samples.to_string()));
        facts.add("system text", m.system.as_deref());
        facts.add("relevance", Some(m.relevance_signature.as_str()));
        facts.add("cosine", Some(m.cosine_signature.as_str()));
    }
}

fn machine(files: &RunFiles, facts: &mut Facts) {
    let log = &files.log;
    let evaluation = files.evaluation();
    let adapter = || text_of(&files.adapter, "tool_version");
    facts.add("tunesmith", evaluation.map(|m| m.tool_version.as_str()).or_else(adapter));
    let daemon = files.proof.as_ref().map(|p| format!("Ollama {}", p.daemon_version));
    let asked = evaluation.map(|m| m.device.clone()).filter(|d| !d.is_empty());
    facts.add("daemon", asked.or(log.daemon.clone()).or(daemon));
    facts.add("embedded server", log.embedded.then_some("yes: its proof is a self-check"));
    if let Some(engine) = &log.engine {
        facts.add("trained by", Some(format!("{}, {} threads; {}", engine.route, engine.threads, engine.plan)));
    }
    let total = |key: &str| files.training.get(key).and_then(Value::as_f64);
    facts.add("peak memory of the training", total("peak_memory_bytes").map(bytes));
    facts.add("duration of the training", total("duration_seconds").map(duration));
    facts.add("began", log.started.as_deref().map(time));
    facts.add("last event", log.ended.as_deref().map(time));
    facts.add("promoted", log.promoted.as_ref().map(|p| time(&p.time)));
    facts.add("evaluated", evaluation.map(|m| time(&m.timestamp)));
}

fn steps(files: &RunFiles) -> String {
    if files.steps.is_empty() {
        return String::new();
    }
    let columns = [text("step"), number("took"), text("finished")];
    let row = |step: &super::files::Step| {
        vec![step.name.to_owned(), duration(step.record.seconds), time(&step.record.finished_at)]
    };
    Table { caption: "finished steps", columns: &columns, rows: files.steps.iter().map(row).collect() }.html()
}
