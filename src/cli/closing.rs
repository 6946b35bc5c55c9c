//! The last lines of `run`, `demo` and `register`: the verdict, why, how to ask the model, how to undo. On a terminal they
//! stand in a box.

use super::layout::{Cell, GREEN, RED, Style, YELLOW, boxed};
use super::output::result;
use super::terminal::Text;
use crate::commands::demo::Shown;
use crate::commands::pipeline::Ended;
use crate::commands::{Decision, Digest, reporting};

fn verdict_code(decision: Option<Decision>) -> u8 {
    decision.map_or(0, Decision::exit_code)
}

/// The exit code of a run.
pub(super) fn ended(ended: &Ended, json: bool, style: Style) -> u8 {
    result(json, ended, || run_closing(ended).text(style));
    if ended.promoted.is_some() { 0 } else { verdict_code(ended.verdict) }
}

/// The line that asks the new model. The embedded server is gone by then: the adapter answers natively.
fn ask_line(ended: &Ended) -> String {
    match ended.embedded {
        false => format!("ollama run {}", ended.model),
        true => format!("tunesmith query --model {}", ended.run.join("final").display()),
    }
}

/// The line that takes it back.
fn undo_line(ended: &Ended) -> String {
    let roles = ended.models_yaml.display().to_string();
    let named = if roles == "configs/models.yaml" { String::new() } else { format!(" --models-yaml {roles}") };
    match (&ended.promoted, ended.embedded) {
        (Some(role), _) => format!("tunesmith rollback --role {role}{named}"),
        (None, false) => format!("ollama rm {}", ended.model),
        (None, true) => "nothing: no role was changed".to_owned(),
    }
}

/// The page that every run leaves.
fn report_file(ended: &Ended) -> String {
    ended.run.join(reporting::NAME).display().to_string()
}

fn run_closing(ended: &Ended) -> Closing {
    let mut closing = Closing::new(
        ended.verdict,
        match (&ended.promoted, ended.verdict) {
            (Some(role), _) => format!("{}: role {role} now uses it", ended.model),
            (None, Some(decision)) => format!("{}: {}, not promoted", ended.model, decision.name()),
            (None, None) => format!("{}: not promoted", ended.model),
        },
    );
    ended.because.iter().for_each(|why| closing.line("why:", why));
    closing.line("run:", &ended.run.display().to_string());
    closing.line("report:", &report_file(ended));
    if ended.registered {
        closing.line("ask it:", &ask_line(ended));
        closing.line("undo:", &undo_line(ended));
    }
    closing
}

/// The exit code of a demo.
pub(super) fn demo(shown: &Shown, json: bool, style: Style) -> u8 {
    result(json, shown, || {
        let ended = &shown.ended;
        let verdict = ended.verdict.map(|d| format!("{}: ", d.name())).unwrap_or_default();
        let headline = match (&ended.promoted, ended.verdict) {
            (Some(role), _) => format!("{verdict}role {role} in models.yaml now uses {}", ended.model),
            (None, Some(_)) => format!("{verdict}{} is not promoted", ended.model),
            (None, None) => format!("{} is registered, not evaluated", ended.model),
        };
        let mut closing = Closing::new(ended.verdict, headline);
        ended.because.iter().for_each(|why| closing.line("why:", why));
        if ended.embedded {
            closing.lines.push("  (embedded server: a self-check, not a proof through Ollama)".to_owned());
        }
        closing.line("ask it:", &shown.ask);
        closing.line("undo:", &undo_line(ended));
        closing.line("report:", &report_file(ended));
        closing.text(style)
    });
    if shown.ended.promoted.is_some() { 0 } else { verdict_code(shown.ended.verdict) }
}

pub(super) fn registered(name: &str, digest: Option<Digest>, json: bool, style: Style) {
    let object = serde_json::json!({"model": name, "digest": digest});
    result(json, &object, || {
        let mut closing = Closing::new(None, format!("{name} is registered"));
        closing.line("ask it:", &format!("ollama run {name}"));
        closing.line("undo:", &format!("ollama rm {name}"));
        closing.text(style)
    });
}

/// What a command says at its end: one line, then others with labels. On a terminal they stand in a box.
struct Closing {
    verdict: Option<Decision>,
    lines: Vec<String>,
}

impl Closing {
    /// The column in which the values of the labels begin.
    const VALUES: usize = 11;

    fn new(verdict: Option<Decision>, headline: String) -> Self {
        Self { verdict, lines: vec![headline] }
    }

    fn line(&mut self, label: &str, value: &str) {
        const LABEL: usize = Closing::VALUES - 3;
        self.lines.push(format!("  {label:<LABEL$} {value}"));
    }

    fn text(&self, style: Style) -> Text {
        if style.width.is_none() {
            return self.lines.join("\n").into();
        }
        let title = self.verdict.map_or_else(Cell::default, |verdict| {
            let colour = match verdict {
                Decision::Pass => GREEN,
                Decision::Inconclusive => YELLOW,
                Decision::Fail => RED,
            };
            Cell::painted(verdict.name(), colour)
        });
        let lines: Vec<String> = self.lines.iter().flat_map(|line| Self::fitted(line, style)).collect();
        boxed(style, title, &lines)
    }

    /// Reasons are wrapped; paths and commands are left whole, to be copied.
    fn fitted(line: &str, style: Style) -> Vec<String> {
        const SIDES: usize = 4;
        let Some(reasons) = line.strip_prefix("  why:") else { return vec![line.to_owned()] };
        let label = format!("{:<width$}", "  why:", width = Self::VALUES);
        let lines = style.wrap(reasons.trim_start(), Self::VALUES + SIDES).into_iter().enumerate();
        lines
            .map(|(i, text)| if i == 0 { format!("{label}{text}") } else { format!("{:<1$}{text}", "", Self::VALUES) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(promoted: bool) -> Ended {
        Ended {
            run: "runs/router-v2-8f3a1c2d9e10".into(),
            model: "router:v2".into(),
            registered: true,
            embedded: false,
            models_yaml: "configs/models.yaml".into(),
            verdict: Some(if promoted { Decision::Pass } else { Decision::Fail }),
            promoted: promoted.then(|| "router".to_owned()),
            because: (!promoted).then(|| {
                "builtin:general: 10 points worse than v1, at most 5 are allowed; suites/router.jsonl: an improvement is \
                 not proved, 40 prompts more would decide"
                    .to_owned()
            }),
            summary: None,
        }
    }

    #[test]
    fn closing_lines_stand_in_a_box_on_a_terminal_only() {
        let style = |utf8, width| Style { utf8, colour: false, width };
        let shown = |promoted, style| run_closing(&ended(promoted)).text(style).to_string();
        insta::assert_snapshot!("promoted", shown(true, style(true, Some(100))));
        insta::assert_snapshot!("refused", shown(false, style(true, Some(100))));
        insta::assert_snapshot!("refused_ascii", shown(false, style(false, Some(100))));
        insta::assert_snapshot!("refused_no_terminal", shown(false, style(true, None)));
    }
}
