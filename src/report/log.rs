//! What `events.jsonl` says of a run's end.

use crate::events::{Event, INTERRUPTED, Note, Stage};

/// The end of a run, by its events; a later start of the run goes on with what an earlier one left.
#[derive(Clone, Debug, Default)]
pub(super) struct RunLog {
    /// RFC 3339, of the first and of the last event.
    pub started: Option<String>,
    pub ended: Option<String>,
    pub verdict: Option<LoggedVerdict>,
    pub promoted: Option<Promotion>,
    /// The role that used the model already, when the run began.
    pub used_already: Option<String>,
    pub not_promoted: Option<String>,
    pub failed: Option<Failed>,
    /// The run's folder, as the run named it.
    pub folder: Option<String>,
    pub engine: Option<Engine>,
    pub daemon: Option<String>,
    pub embedded: bool,
}

/// The error that ended the last start.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub message: String,
    pub interrupted: bool,
}

#[derive(Clone, Debug)]
pub(super) struct LoggedVerdict {
    pub decision: String,
    pub reasons: Vec<String>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Promotion {
    pub role: String,
    pub from: String,
    pub to: String,
    pub time: String,
}

/// How the model was computed.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pub route: String,
    pub threads: usize,
    pub plan: String,
}

impl RunLog {
    pub(super) fn parse(text: &str) -> Self {
        let mut log = Self::default();
        // Most lines are progress, which says nothing here.
        for line in text.lines().filter(|line| !line.contains("\"event\":\"stage_advanced\"")) {
            let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let time = value.get("time").and_then(|t| t.as_str()).unwrap_or_default().to_owned();
            // A kind of another version says nothing to this one.
            let Ok(event) = serde_json::from_value::<Event>(value) else { continue };
            log.started.get_or_insert_with(|| time.clone());
            log.add(event, &time);
            log.ended = Some(time);
        }
        log
    }

    fn add(&mut self, event: Event, time: &str) {
        match event {
            Event::Verdict { decision, reasons, notes } => {
                self.forget_verdict();
                self.verdict = Some(LoggedVerdict { decision, reasons, notes });
            }
            Event::Promoted { role, from, to } => {
                self.promoted = Some(Promotion { role, from, to, time: time.to_owned() });
            }
            Event::Failed { code, message, .. } => {
                self.failed = Some(Failed { message, interrupted: code == INTERRUPTED });
            }
            // Something went on after the failure: it was another start's.
            Event::StageEnded { stage, .. } => {
                self.failed = None;
                if matches!(stage, Stage::Train | Stage::Export | Stage::Register) {
                    self.forget_verdict();
                    self.verdict = None;
                }
            }
            Event::StageSkipped { .. } => self.failed = None,
            Event::Note(note) => self.note(note),
            _ => {}
        }
    }

    /// What came of a verdict, which is of an earlier model now.
    fn forget_verdict(&mut self) {
        (self.promoted, self.not_promoted, self.used_already) = (None, None, None);
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Run { path } => {
                self.failed = None;
                self.folder = Some(path.display().to_string());
            }
            Note::RoleUsesAlready { role, .. } => self.used_already = Some(role),
            Note::NotPromoted { reason } => self.not_promoted = Some(reason),
            Note::Engine { route, threads, plan } => self.engine = Some(Engine { route, threads, plan }),
            Note::Daemon { daemon_version, host } => self.daemon = Some(format!("Ollama {daemon_version} at {host}")),
            Note::EmbeddedInstead {} | Note::EmbeddedServer { .. } => self.embedded = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_verdict_counts_and_what_came_of_it() {
        let lines = [
            r#"{"version":2,"time":"t1","event":"note","kind":"run","path":"runs/x"}"#,
            r#"{"version":2,"time":"t2","event":"verdict","decision":"FAIL","reasons":["worse"],"notes":[]}"#,
            r#"{"version":2,"time":"t3","event":"failed","code":1,"message":"disk","hint":null}"#,
            r#"{"version":2,"time":"t4","event":"note","kind":"run","path":"runs/x"}"#,
            r#"{"version":9,"time":"t5","event":"of_another_version"}"#,
            r#"{"version":2,"time":"t6","event":"verdict","decision":"PASS","reasons":[],"notes":["n"]}"#,
            r#"{"version":2,"time":"t7","event":"promoted","role":"r","from":"a","to":"b"}"#,
            r#"{"version":2,"ti"#,
        ];
        let log = RunLog::parse(&lines.join("\n"));
        assert_eq!((log.started.as_deref(), log.ended.as_deref()), (Some("t1"), Some("t7")));
        assert!(log.failed.is_none(), "{:?}", log.failed);
        assert_eq!(log.verdict.unwrap().decision, "PASS");
        assert_eq!(log.promoted.map(|p| (p.role, p.time)), Some(("r".to_owned(), "t7".to_owned())));
        assert_eq!(RunLog::parse(&lines[..3].join("\n")).failed.map(|failed| failed.message).as_deref(), Some("disk"));
    }

    #[test]
    fn a_verdict_is_of_the_model_before_it_and_of_no_later_one() {
        let verdict = r#"{"version":2,"time":"t1","event":"verdict","decision":"PASS","reasons":[],"notes":[]}"#;
        let promoted = r#"{"version":2,"time":"t2","event":"promoted","role":"r","from":"a","to":"b"}"#;
        let trained = r#"{"version":2,"time":"t3","event":"stage_ended","stage":"train","seconds":1.0,"outcome":{"trained":{"steps":1,"num_tokens":1,"train_loss":1.0,"eval_loss":null,"mean_token_accuracy":1.0,"entropy":1.0}}}"#;
        let skipped = r#"{"version":2,"time":"t3","event":"stage_skipped","stage":"train"}"#;
        let log = |last| RunLog::parse(&[verdict, promoted, last].join("\n"));
        assert!(log(trained).verdict.is_none() && log(trained).promoted.is_none());
        assert!(log(skipped).verdict.is_some() && log(skipped).promoted.is_some());
    }
}
