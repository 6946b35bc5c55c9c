//! The first thing on the page: what became of the model, and why.

use super::escape::escaped;
use super::files::RunFiles;
use super::number::{counted, percent, points};
use super::scorecard::{Judged, Scorecard};

/// The outcome in one word and one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Headline {
    pub outcome: Outcome,
    pub word: String,
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Good,
    Bad,
    Open,
}

impl Outcome {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Open => "open",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Open => "•",
        }
    }
}

/// The gate's decision with its reasons.
struct Decided<'a> {
    decision: &'a str,
    reasons: &'a [String],
    notes: &'a [String],
}

fn decided(files: &RunFiles) -> Option<Decided<'_>> {
    if let Some(gate) = files.evaluation().and_then(|m| m.gate.as_ref()) {
        return Some(Decided { decision: &gate.decision, reasons: &gate.reasons, notes: &gate.notes });
    }
    // Scorecards of earlier versions have no reasons; the run's events have.
    if let Some(verdict) = &files.log.verdict {
        return Some(Decided { decision: &verdict.decision, reasons: &verdict.reasons, notes: &verdict.notes });
    }
    let decision = files.scorecards.iter().find_map(|card| card.statistics.gate.as_deref())?;
    Some(Decided { decision, reasons: &[], notes: &[] })
}

pub(super) fn headline(files: &RunFiles) -> Headline {
    let of = |outcome, word: &str, sentence: String| Headline { outcome, word: word.to_owned(), sentence };
    let model = files.model().unwrap_or("the model");
    let log = &files.log;
    match &log.failed {
        Some(failed) if failed.interrupted => {
            return of(Outcome::Open, "INTERRUPTED", "The run was interrupted before its end.".to_owned());
        }
        Some(failed) => return of(Outcome::Bad, "FAILED", format!("The run ended with an error: {}", failed.message)),
        None => {}
    }
    let decided = decided(files);
    let why = |decided: &Decided<'_>| match decided.reasons {
        [] => String::new(),
        reasons => format!(": {}", reasons.join("; ")),
    };
    if let Some(promotion) = &log.promoted {
        let because = match &decided {
            Some(d) if d.decision == "PASS" => {
                "every suite proves what is demanded of it, and no rule objects".to_owned()
            }
            Some(d) => format!("the role promotes on {}{}", d.decision, why(d)),
            None => "it passed its gate".to_owned(),
        };
        let (role, from, to) = (&promotion.role, &promotion.from, &promotion.to);
        return of(
            Outcome::Good,
            "PROMOTED",
            format!("The role {role} uses {to} instead of {from}, because {because}."),
        );
    }
    match decided {
        Some(d) if d.decision == "PASS" => {
            let sentence = match (&log.used_already, &log.not_promoted) {
                (Some(role), _) => format!("The role {role} uses {model} already, and it passes the gate."),
                (None, Some(reason)) => format!("{model} passes the gate and was not promoted: {reason}."),
                (None, None) => {
                    format!("{model} may be promoted: every suite proves what is demanded of it, and no rule objects.")
                }
            };
            of(Outcome::Good, "PASS", sentence)
        }
        Some(d) if d.decision == "FAIL" => of(Outcome::Bad, "FAIL", format!("{model} was refused{}.", why(&d))),
        Some(d) => {
            of(Outcome::Open, d.decision, format!("{model} was not promoted, because it is not decided{}.", why(&d)))
        }
        None => without_gate(files, model),
    }
}

fn without_gate(files: &RunFiles, model: &str) -> Headline {
    let of = |outcome, word: &str, sentence: String| Headline { outcome, word: word.to_owned(), sentence };
    if let Some(proof) = &files.proof {
        if !proof.passed {
            let fault = proof.legs.iter().find_map(|leg| leg.faults.first());
            let fault = fault.map(|f| format!(": {f}")).unwrap_or_default();
            return of(
                Outcome::Bad,
                "PROOF FAILED",
                format!("{model} did not get its name, because the proof failed{fault}."),
            );
        }
        if let Some(role) = &files.log.used_already {
            return of(
                Outcome::Good,
                "PROVED",
                format!("The role {role} uses {model} already; it was proved and not compared again."),
            );
        }
        let reason = files.log.not_promoted.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
        return of(
            Outcome::Open,
            "NOT EVALUATED",
            format!("{model} was trained and proved, and not evaluated{reason}."),
        );
    }
    if files.training.contains_key("duration_seconds") {
        return of(
            Outcome::Open,
            "TRAINED",
            "The adapter was trained. It was not proved and not evaluated.".to_owned(),
        );
    }
    of(Outcome::Open, "NOT FINISHED", "The training has not ended, so there is nothing to judge yet.".to_owned())
}

/// The section: badge and sentence, a line for each suite, the gate's reasons and notes.
pub(super) fn section(files: &RunFiles) -> String {
    let Headline { outcome, word, sentence } = headline(files);
    let class = outcome.class();
    let mut out = format!(
        "<section id=\"verdict\" aria-labelledby=\"verdict-h\">\n<h2 id=\"verdict-h\">Verdict</h2>\n\
         <p class=\"verdict {class}\"><strong class=\"badge\"><span aria-hidden=\"true\">{} </span>{}</strong> {}</p>\n",
        outcome.sign(),
        escaped(&word),
        escaped(&sentence)
    );
    let mut list = |head: &str, lines: &[String]| {
        if !lines.is_empty() {
            let items: String = lines.iter().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
            out.push_str(&format!("<h3>{head}</h3>\n<ul>\n{items}</ul>\n"));
        }
    };
    list("Suites", &files.scorecards.iter().map(suite).collect::<Vec<_>>());
    if let Some(decided) = decided(files) {
        list("What stands against a promotion", decided.reasons);
        list("Rules beside the suites", decided.notes);
    }
    list("Not shown: of an earlier adapter or export", &files.earlier.words());
    list("Files that could not be read", &files.faults);
    out.push_str("</section>\n");
    out
}

/// A suite's result in a sentence.
fn suite(card: &Scorecard) -> String {
    let j = &card.statistics.judged;
    let flips = format!("{} became right and {} wrong of {}", j.fixed, j.broken, counted(j.n, "prompt"));
    let more = match (&j.capped, j.needs_prompts) {
        (Some(why), _) => format!(" ({why})"),
        (None, Some(n)) if j.verdict == "INCONCLUSIVE" && n > j.n as u64 => {
            format!(" (about {n} prompts would decide it)")
        }
        _ => String::new(),
    };
    format!(
        "{}: {} → {}, a difference of {} points ({}). {flips}. {}. {}{more}.",
        card.metadata.suite,
        percent(j.base),
        percent(j.tuned),
        points(j.difference),
        interval(j),
        sentence_case(&demanded(j)),
        j.verdict
    )
}

fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

pub(super) fn interval(judged: &Judged) -> String {
    let end = |end: Option<f64>| end.map_or_else(|| "unbounded".to_owned(), points);
    format!("90 % interval {} to {}", end(judged.interval.low), end(judged.interval.high))
}

/// `demanded: better`, `allowed: 10 points worse`.
pub(super) fn demanded(judged: &Judged) -> String {
    match judged.demand.improve() {
        true => "demanded: better".to_owned(),
        false => format!("allowed: {} points worse", points(judged.demand.margin).trim_start_matches('+')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::log::{Failed, LoggedVerdict, Promotion};
    use crate::report::options::RunOptions;

    fn with_verdict(decision: &str, reasons: &[&str]) -> RunFiles {
        let mut files = RunFiles::default();
        let reasons = reasons.iter().map(|r| (*r).to_owned()).collect();
        files.log.verdict = Some(LoggedVerdict { decision: decision.to_owned(), reasons, notes: Vec::new() });
        files.options = Some(RunOptions::parse("output_model_name: x:v2\n".to_owned()).unwrap());
        files
    }

    fn said(files: &RunFiles) -> (String, String) {
        let Headline { word, sentence, .. } = headline(files);
        (word, sentence)
    }

    #[test]
    fn the_sentence_says_what_became_of_the_model_and_why() {
        let refused = said(&with_verdict("FAIL", &["s: worse", "2 loops"]));
        assert_eq!(refused, ("FAIL".to_owned(), "x:v2 was refused: s: worse; 2 loops.".to_owned()));
        let open = said(&with_verdict("INCONCLUSIVE", &["s: an improvement is not proved"]));
        assert!(open.1.ends_with("because it is not decided: s: an improvement is not proved."), "{open:?}");
        let mut promoted = with_verdict("PASS", &[]);
        let [role, from, to, time] = ["r", "x:v1", "x:v2", "t"].map(str::to_owned);
        promoted.log.promoted = Some(Promotion { role, from, to, time });
        assert_eq!(said(&promoted).0, "PROMOTED");
        assert!(said(&promoted).1.starts_with("The role r uses x:v2 instead of x:v1, because every suite"));
        promoted.log.verdict = with_verdict("INCONCLUSIVE", &["few"]).log.verdict;
        assert!(said(&promoted).1.ends_with("because the role promotes on INCONCLUSIVE: few."));
        promoted.log.failed = Some(Failed { message: "disk full".to_owned(), interrupted: false });
        assert_eq!(said(&promoted).1, "The run ended with an error: disk full");
    }

    #[test]
    fn what_was_not_done_is_said() {
        let mut files = RunFiles::default();
        assert_eq!(said(&files).0, "NOT FINISHED");
        files.training.insert("duration_seconds".into(), 1.into());
        assert_eq!(said(&files).0, "TRAINED");
        let mut proof = crate::report::files::Proof { passed: true, ..Default::default() };
        files.proof = Some(proof.clone());
        files.log.not_promoted = Some("no role".to_owned());
        assert_eq!(said(&files).1, "the model was trained and proved, and not evaluated: no role.");
        proof.passed = false;
        proof.legs = vec![crate::report::files::Leg { faults: vec!["blk.0 lost".to_owned()], ..Default::default() }];
        files.proof = Some(proof);
        assert!(said(&files).1.ends_with("because the proof failed: blk.0 lost."), "{:?}", said(&files));
    }
}
