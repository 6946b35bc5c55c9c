//! Results on stdout: a few words for people, one JSON object for machines.

use std::path::{Path, PathBuf};

use super::layout::{DIM, GREEN, Style};
use super::preference;
use super::terminal::{self, Text};
use crate::commands::bases::{Listed, Shown};
use crate::commands::benchmark::BenchmarkReport;
use crate::commands::data::{Checked, CheckedOrigin, Previewed, SplitFiles};
use crate::commands::doctor::Finding;
use crate::commands::init::InitFiles;
use crate::commands::plan::Goal;
use crate::commands::votes::Counted;
use crate::commands::{Change, Exported, Kind, Proof, Summary, Swapped};

/// One JSON document, or the words.
pub(super) fn result<T: Into<Text> + Default + PartialEq>(
    json: bool,
    object: &impl serde::Serialize,
    words: impl FnOnce() -> T,
) {
    if json {
        match serde_json::to_string_pretty(object) {
            Ok(text) => terminal::print_json(&text),
            Err(e) => terminal::report(format!("error: the result can't be written as JSON: {e}")),
        }
    } else {
        let words = words();
        if words != T::default() {
            terminal::print(words);
        }
    }
}

/// Files that were written.
pub(super) fn written(files: &[PathBuf], json: bool) {
    result(json, &serde_json::json!({"written": files}), || {
        files.iter().map(|path| format!("wrote {}", path.display())).collect::<Vec<_>>().join("\n")
    });
}

pub(super) fn init(files: &InitFiles, json: bool) {
    result(json, files, || {
        let line = |word: &str, p: &PathBuf| format!("{word} {}", p.display());
        let mut lines: Vec<_> = files.written.iter().map(|p| line("wrote", p)).collect();
        lines.extend(files.kept.iter().map(|p| line("kept ", p)));
        lines.push(
            "next: put your examples into data/training/, edit configs/training_config.json, `tunesmith plan`"
                .to_owned(),
        );
        lines.join("\n")
    });
}

/// Warnings that are printed, at most.
const MAX_LISTED: usize = 20;

pub(super) fn checked(found: &Checked, origin: Option<&CheckedOrigin>, json: bool) {
    let mut object = serde_json::json!(found);
    if let (Some(map), Some(origin)) = (object.as_object_mut(), origin) {
        map.insert("origin".to_owned(), serde_json::json!(origin));
    }
    result(json, &object, || {
        let mut lines =
            vec![format!("{} records: {} conversations, {} texts; no fault", found.records, found.chat, found.text)];
        lines.extend(found.notes.iter().cloned());
        lines.extend(found.warnings.iter().take(MAX_LISTED).cloned());
        if found.warnings.len() > MAX_LISTED {
            lines.push(format!("and {} more warnings (--json lists them)", found.warnings.len() - MAX_LISTED));
        }
        if let Some(t) = found.tokens {
            lines.push(format!("{} tokens, {} trained, longest example {}", t.all, t.trained, t.longest));
        }
        if let Some(CheckedOrigin { examples, facts, values, quotations }) = origin {
            lines.push(format!(
                "{examples} examples state {facts} facts; each of {values} values stands where the example says, and no \
                 question is in two parts"
            ));
            if *quotations > 0 {
                lines.push(format!("{quotations} examples of a model ask about a text that stands where they say"));
            }
        }
        lines.join("\n")
    });
}

/// Trained tokens green, the others grey; without colour, trained tokens stand in [brackets].
pub(super) fn preview(examples: &[Previewed], json: bool, style: Style) {
    result(json, &examples, || {
        let token = |token: &(String, bool)| match (style.colour, token.1) {
            (true, true) => Text::painted(GREEN, &token.0).then(Text::painted(DIM, "|")),
            (true, false) => Text::painted("90", &token.0).then(Text::painted(DIM, "|")),
            (false, true) => Text::from(format!("[{}]", token.0)),
            (false, false) => Text::from(token.0.as_str()),
        };
        let mut shown = Text::default();
        for (i, example) in examples.iter().enumerate() {
            let head = format!("{}{}:\n", if i > 0 { "\n" } else { "" }, example.place);
            shown = example.tokens.iter().map(token).fold(shown.then(head), Text::then).then("\n");
        }
        shown
    });
}

pub(super) fn split(split: &SplitFiles, json: bool) {
    let SplitFiles { train, held_out, paths } = split;
    let files = paths.each_ref().map(|path| path.display().to_string());
    let object = serde_json::json!({"train": train, "held_out": held_out, "files": files});
    result(json, &object, || format!("{train} in {}\n{held_out} in {}", paths[0].display(), paths[1].display()));
}

pub(super) fn trained(folder: &Path, summary: &Summary, json: bool) {
    let object = serde_json::json!({"adapter": folder.display().to_string(), "summary": summary});
    result(json, &object, || format!("{}", folder.display()));
}

pub(super) fn exported(exported: &Exported, json: bool) {
    result(json, exported, || format!("{}\n{}", exported.path.display(), exported.digest));
}

pub(super) fn modelfile_checked(words: &[String], json: bool) {
    result(json, &words, || words.join("\n"));
}

pub(super) fn text(text: &str, json: bool) {
    result(json, &text, || text.trim_end().to_owned());
}

/// As [`text`], of what is also written to files.
pub(super) fn document(text: &str, json: bool) {
    if json {
        result(json, &text, String::new);
    } else {
        terminal::print_document(text.trim_end());
    }
}

pub(super) fn bases(found: &[Listed], json: bool) {
    result(json, &found, || {
        let line = |b: &Listed| {
            let able = if b.trainable { "" } else { "  (not trainable yet)" };
            format!("{:<28} {:<20} {:<10} {}{able}", b.name, b.from, b.family, b.size)
        };
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    });
}

pub(super) fn base(base: &Shown, json: bool) {
    result(json, base, || {
        format!(
            "{}\n  {} parameters, family {}, {} layers, hidden {}, heads {}/{}, feed-forward {}, vocabulary {}, context {}\n  \
             LoRA rank 16 on all linear layers: {} parameters\n  weights: {} MiB\n  end of turn: {:?}\n  {}",
            base.name,
            base.parameters,
            base.family,
            base.layers,
            base.hidden,
            base.heads,
            base.kv_heads,
            base.feed_forward,
            base.vocabulary,
            base.context,
            base.lora_rank_16,
            base.resident_bytes >> 20,
            base.wrappers.stop,
            base.digest
        )
    });
}

/// The exit code: 0 when all is in order.
pub(super) fn doctor(findings: &[Finding], json: bool) -> u8 {
    result(json, &findings, || {
        let line = |f: &Finding| {
            let mark = if f.ok { "ok  " } else { "BAD " };
            let remedy = f.remedy.as_ref().map(|r| format!("\n       remedy: {r}")).unwrap_or_default();
            format!("{mark} {:<8} {}{remedy}", f.what, f.found)
        };
        findings.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    if findings.iter().all(|f| f.ok) { 0 } else { Kind::Error.exit_code() }
}

pub(super) fn cleaned(cleaned: &crate::commands::clean::Cleaned, json: bool) {
    result(json, cleaned, || {
        let total: u64 = cleaned.leftovers.iter().map(|l| l.bytes).sum();
        let mut lines: Vec<String> =
            cleaned.leftovers.iter().map(|l| format!("{:>12}  {}", l.bytes, l.path.display())).collect();
        lines.push(match (cleaned.leftovers.len(), cleaned.removed) {
            (0, _) => "nothing is left over".to_owned(),
            (n, true) => format!("{n} removed, {total} bytes"),
            (n, false) => format!("{n} left over, {total} bytes; `tunesmith clean --remove` removes them"),
        });
        lines.join("\n")
    });
}

pub(super) fn plan(plan: &crate::commands::plan::Plan, json: bool) {
    result(json, plan, || {
        let mut lines = vec![
            format!("base      {}", plan.base),
            format!(
                "data      {} examples, {} tokens ({} trained), {} held out, {} replayed",
                plan.records, plan.tokens.all, plan.tokens.trained, plan.held_out, plan.replayed
            ),
            format!("adapter   {} parameters", plan.trainable_params),
            format!("device    {}, {} threads", plan.device, plan.threads),
        ];
        lines.extend(plan_memory(plan));
        lines.push(format!("disk      {} MiB for the exported file", plan.export_bytes >> 20));
        lines.extend(plan.fits.then(|| plan_time(plan)));
        match (&plan.role, &plan.not_promoted) {
            (Some(role), _) => lines.push(format!("role      {role}")),
            (None, why) => lines.push(format!("role      none: {}", why.as_deref().unwrap_or("not promoted"))),
        }
        for s in &plan.suites {
            let able = if s.margin >= s.smallest_margin { "" } else { "  (this suite can never prove that margin)" };
            let demand = match (s.goal, s.least_fixed) {
                (Goal::Improve, Some(n)) => format!("must improve: {n} answers fixed and none broken at least"),
                (Goal::Improve, None) => "must improve, and has too few prompts to show it".to_owned(),
                (Goal::Hold, _) => format!(
                    "margin {:.0} points, smallest it can prove {:.1}{able}",
                    100.0 * s.margin,
                    100.0 * s.smallest_margin
                ),
            };
            lines.push(format!("suite     {}: {} prompts, {demand}", s.name, s.prompts));
        }
        lines.join("\n")
    });
}

fn plan_memory(plan: &crate::commands::plan::Plan) -> Vec<String> {
    let mib = |b: u64| b >> 20;
    let free = match plan.available_bytes {
        Some(free) if plan.fits => format!("; {} MiB may be used", mib(free)),
        Some(free) => format!(": there are {} MiB, so it does NOT fit", mib(free)),
        None => String::new(),
    };
    let weights = mib(plan.weights_bytes);
    let mut lines = vec![match plan.peak_bytes {
        Some(peak) => {
            format!("memory    about {} MiB at the peak of training, {weights} of them weights{free}", mib(peak))
        }
        None => format!("memory    {weights} MiB for the weights{free}"),
    }];
    if plan.recomputed {
        lines.push("          layers are computed again in the backward, to keep less of them".to_owned());
    }
    let fitting = |s: &crate::commands::plan::Setting| {
        format!("          {} would take {} MiB ({})", s.flags, mib(s.peak_bytes), s.cost)
    };
    lines.extend(plan.would_fit.iter().map(fitting));
    if !plan.fits && plan.would_fit.is_empty() {
        lines.push(
            "          no batch and no length would fit: a smaller base, or more memory (a larger --max-memory, or another machine)"
                .to_owned(),
        );
    }
    lines
}

fn plan_time(plan: &crate::commands::plan::Plan) -> String {
    let minutes = |seconds: f64| format!("{:.1} min", seconds / 60.0);
    let t = &plan.time;
    let mut parts = vec![format!("{} steps of {:.2} s: {}", plan.steps, plan.seconds_per_step, minutes(t.steps))];
    if t.evaluation_passes > 0 {
        parts.push(format!("{} evaluations: {}", t.evaluation_passes, minutes(t.evaluations)));
    }
    if t.replay_answers > 0 {
        parts.push(format!("{} replay answers: {}", t.replay_answers, minutes(t.replay)));
    }
    parts.push(format!("start: {}", minutes(t.start)));
    format!("time      {} of training ({})", minutes(plan.training_seconds), parts.join(", "))
}

/// The exit code of a proof.
pub(super) fn proof(proof: &Proof, json: bool) -> u8 {
    result(json, proof, || {
        let legs: Vec<String> = proof.legs.iter().map(proof_leg).collect();
        let word = if proof.passed { proof.kind.as_str() } else { "NOT proved" };
        format!("{}: {word} through Ollama {}\n{}", proof.model, proof.daemon_version, legs.join("\n"))
    });
    if proof.passed { 0 } else { Kind::Proof.exit_code() }
}

/// A part of a proof; what failed of it stands below.
fn proof_leg(leg: &crate::commands::Leg) -> String {
    const MAX_FAULTS: usize = 5;
    let word = if leg.passed { "ok" } else { "FAILED" };
    let mut lines = vec![format!("{:<9} {word}: {}", leg.name, leg.summary)];
    lines.extend(leg.faults.iter().take(MAX_FAULTS).map(|fault| format!("  {fault}")));
    if leg.faults.len() > MAX_FAULTS {
        lines.push(format!("  and {} more (--json lists them)", leg.faults.len() - MAX_FAULTS));
    }
    lines.join("\n")
}

pub(super) fn evaluated(outcome: &crate::commands::evaluate::Outcome, json: bool) -> u8 {
    result(json, outcome, || {
        let votes = outcome.votes.as_ref().map(|voted| format!("\n\n{}", preference::voted(voted)));
        let judge = outcome.judge.as_ref().map(|report| format!("\n\n{}", preference::judged(report)));
        outcome.summary.trim_end().to_owned() + &votes.unwrap_or_default() + &judge.unwrap_or_default()
    });
    outcome.decision.exit_code()
}

pub(super) fn votes(counted: &Counted, json: bool) {
    result(json, counted, || {
        let tallies = counted.tallies.iter().map(|tally| preference::words(tally).join("\n"));
        let none = counted.tallies.is_empty().then(|| format!("{}: no votes", counted.file.display()));
        tallies.chain(none).collect::<Vec<_>>().join("\n\n")
    });
}

pub(super) fn benchmark(report: &BenchmarkReport, json: bool) {
    result(json, &report.benchmark, || {
        let files = report.files.iter().map(|path| format!("wrote {}", path.display()));
        std::iter::once(report.summary.clone()).chain(files).collect::<Vec<_>>().join("\n")
    });
}

pub(super) fn swapped(swapped: &Swapped, json: bool) {
    let object = serde_json::json!({"role": swapped.role, "from": swapped.from, "to": swapped.to, "seq": swapped.seq});
    result(json, &object, || format!("role {}: {} -> {}", swapped.role, swapped.from, swapped.to));
}

pub(super) fn history(changes: &[Change], json: bool) {
    result(json, &changes, || {
        let line = |c: &Change| {
            format!(
                "{:>4}  {}  {:?}  {}: {} -> {}  {}",
                c.number,
                seconds(&c.ts),
                c.action,
                c.role,
                c.from,
                c.to,
                c.state
            )
        };
        if changes.is_empty() {
            "nothing was promoted here yet".to_owned()
        } else {
            changes.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    });
}

/// A time of RFC 3339 without the parts of its second.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, rest)) => format!("{whole}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => time.to_owned(),
    }
}

pub(super) fn lineage(pairs: &[(String, String)], json: bool) {
    let object: serde_json::Map<_, _> = pairs.iter().map(|(k, v)| (k.clone(), serde_json::json!(v))).collect();
    result(json, &object, || pairs.iter().map(|(k, v)| format!("{k:<8} {v}")).collect::<Vec<_>>().join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_second() {
        assert_eq!(seconds("2026-11-30T13:55:53.917651459Z"), "2026-11-30T13:55:53Z");
        assert_eq!(seconds("2026-11-30T13:55:53.9+01:00"), "2026-11-30T13:55:53+01:00");
        assert_eq!(seconds("t"), "t");
    }
}
