//! Progress on stderr: bars on a terminal, a line per stage elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::sparkline::Sparkline;
use super::terminal::{self, Text};
use crate::commands::Report;
use crate::config::Env;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Quiet,
    Normal,
    Verbose,
}

/// The user's terminal, or the log file that stands in for it.
#[derive(Debug)]
pub(super) struct Screen {
    level: Level,
    bars: bool,
    colour: bool,
    utf8: bool,
    current: Option<Stage>,
    /// Not said twice running.
    last_note: String,
}

#[derive(Debug)]
struct Stage {
    what: String,
    started: Instant,
    bar: Option<ProgressBar>,
    last_line: Instant,
    total: Option<u64>,
    marks: Sparkline,
}

impl Screen {
    pub(super) fn new(level: Level, progress: bool, env: &Env) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            level,
            bars: terminal && progress && level > Level::Quiet,
            colour: terminal && !env.no_color,
            utf8: env.utf8,
            current: None,
            last_note: String::new(),
        }
    }

    fn say(&self, line: impl Into<Text>) {
        match self.current.as_ref().and_then(|s| s.bar.as_ref()) {
            Some(bar) => bar.suspend(|| terminal::report(line)),
            None => terminal::report(line),
        }
    }

    fn paint(&self, code: &'static str, text: &str) -> Text {
        if self.colour { Text::painted(code, text) } else { text.into() }
    }
}

impl Report for Screen {
    fn begin(&mut self, what: &str, total: Option<u64>) {
        let bar = self.bars.then(|| {
            let bar = ProgressBar::new(total.unwrap_or(0));
            let shape = if total.is_some() {
                "  {prefix:<10} {bar:24} {pos}/{len} {msg} eta {eta}"
            } else {
                "  {prefix:<10} {spinner} {msg} {elapsed}"
            };
            let style = ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(if self.utf8 { style } else { style.progress_chars("##-").tick_chars("-\\|/ ") });
            bar.set_prefix(Text::from(what).to_string());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let now = Instant::now();
        self.current = Some(Stage {
            what: what.to_owned(),
            started: now,
            bar,
            last_line: now,
            total,
            marks: Sparkline::new(self.utf8),
        });
    }

    fn advance(&mut self, done: u64, words: &str) {
        let verbose = self.level >= Level::Verbose;
        let Some(stage) = &mut self.current else { return };
        if let Some(bar) = &stage.bar {
            // What an earlier part of the run has done says nothing of the time that is left.
            let first = bar.position() == 0;
            bar.set_position(done);
            if first && done > 1 {
                bar.reset_eta();
            }
            let drawn = stage.marks.to_string();
            let words = if drawn.is_empty() { words.to_owned() } else { format!("{drawn} {words}") };
            bar.set_message(Text::from(words).to_string());
        } else if verbose || (self.level == Level::Normal && stage.last_line.elapsed() >= Duration::from_secs(15)) {
            stage.last_line = Instant::now();
            match stage.total {
                Some(total) => terminal::report(format!("  {:<10} {done}/{total} {words}", stage.what)),
                None => terminal::report(format!("  {:<10} {words}", stage.what)),
            }
        }
    }

    fn mark(&mut self, value: f64) {
        if let Some(stage) = &mut self.current {
            stage.marks.push(value);
        }
    }

    fn end(&mut self, outcome: &str) {
        let Some(stage) = self.current.take() else { return };
        if let Some(bar) = &stage.bar {
            bar.finish_and_clear();
        }
        if self.level > Level::Quiet {
            let took = stage.started.elapsed().as_secs_f64();
            let took = if took >= 0.95 { format!("  ({took:.0} s)") } else { String::new() };
            let what = self.paint("1", &format!("{:<10}", stage.what));
            terminal::report(Text::from("  ").then(what).then(format!(" {outcome}{took}")));
        }
    }

    fn note(&mut self, line: &str) {
        if self.level > Level::Quiet && self.last_note != line {
            self.say(format!("  {line}"));
            line.clone_into(&mut self.last_note);
        }
    }

    fn warn(&mut self, line: &str) {
        self.say(self.paint("33", "warning:").then(format!(" {line}")));
    }
}
