//! What a command reports, on stderr: bars on a terminal; elsewhere a line for each stage, and one every half minute.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::heartbeat::{self, Heartbeat};
use super::layout::Style;
use super::render::{self, Renderer};
use super::sparkline::Sparkline;
use super::terminal::{self, Text};
use crate::events::{Detail, Event, Note, Observer, Stage, Unit};
use crate::input::Env;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Quiet,
    Normal,
    Verbose,
}

/// The bar that is drawn now: whatever else is written to stderr is written above it.
#[derive(Clone, Debug, Default)]
pub(super) struct BarSlot(Arc<Mutex<Option<ProgressBar>>>);

impl BarSlot {
    fn set(&self, bar: Option<ProgressBar>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    /// Writes while the bar is away.
    pub(super) fn above(&self, write: impl FnOnce()) {
        // Not held while writing: a closed pipe unwinds from there.
        let bar = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// The user's terminal, or the log file that stands in for it.
#[derive(Debug)]
pub(super) struct Screen {
    level: Level,
    bars: bool,
    utf8: bool,
    renderer: Renderer,
    current: Option<Current>,
    bar: BarSlot,
}

/// The stage in progress.
#[derive(Debug)]
struct Current {
    stage: Stage,
    unit: Unit,
    total: Option<u64>,
    started: Instant,
    bar: Option<ProgressBar>,
    /// Where there are no bars.
    heartbeat: Option<Heartbeat>,
    losses: Sparkline,
}

impl Screen {
    pub(super) fn new(level: Level, progress: bool, env: &Env, bar: BarSlot) -> Self {
        let style = Style::of_stderr(env);
        Self {
            level,
            bars: style.width.is_some() && progress && level > Level::Quiet,
            utf8: style.utf8,
            renderer: Renderer::new(style, level == Level::Quiet),
            current: None,
            bar,
        }
    }

    fn say(&self, line: impl Into<Text>) {
        self.bar.above(|| terminal::report(line));
    }

    fn begin(&mut self, stage: Stage, unit: Unit, total: Option<u64>) {
        let bar = self.bars.then(|| {
            let bar = ProgressBar::new(total.unwrap_or(0));
            bar.set_style(bar_style(total.is_some(), self.utf8));
            bar.set_prefix(render::name(stage));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        self.bar.set(bar.clone());
        let heartbeat = (bar.is_none() && self.level == Level::Normal).then(|| {
            let heartbeat = Heartbeat::start(heartbeat::INTERVAL, |line| terminal::report_last(line));
            heartbeat.set(progress_line(stage, &render::count(unit, 0, total), ""));
            heartbeat
        });
        let losses = Sparkline::new(self.utf8);
        self.current = Some(Current { stage, unit, total, started: Instant::now(), bar, heartbeat, losses });
    }

    fn advance(&mut self, done: u64, total: Option<u64>, detail: Option<&Detail>) {
        let verbose = self.level >= Level::Verbose;
        let Some(current) = &mut self.current else { return };
        if let Some(Detail::Step { train_loss, .. }) = detail {
            current.losses.push(*train_loss);
        }
        let count = render::count(current.unit, done, total);
        let words = detail.map(render::detail_words).unwrap_or_default();
        if let Some(bar) = &current.bar {
            if total != current.total {
                bar.set_length(total.unwrap_or(0));
                bar.set_style(bar_style(total.is_some(), self.utf8));
            }
            // What an earlier part of the run has done says nothing of the time that is left.
            let first = bar.position() == 0;
            bar.set_position(done);
            if first && done > 1 {
                bar.reset_eta();
            }
            bar.set_message(Text::from(joined(&[&count, &current.losses.to_string(), &words])).to_string());
        } else if verbose {
            terminal::report(progress_line(current.stage, &count, &words));
        } else if let Some(heartbeat) = &current.heartbeat {
            heartbeat.set(progress_line(current.stage, &count, &words));
        }
        current.total = total;
    }

    /// The bar goes; what was in progress.
    fn end(&mut self) -> Option<Current> {
        let current = self.current.take()?;
        self.bar.set(None);
        if let Some(bar) = &current.bar {
            bar.finish_and_clear();
        }
        Some(current)
    }
}

fn bar_style(counted: bool, utf8: bool) -> ProgressStyle {
    let shape =
        if counted { "  {prefix:<10} {bar:24} {msg} eta {eta}" } else { "  {prefix:<10} {spinner} {msg} {elapsed}" };
    let style = ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar());
    if utf8 { style } else { style.progress_chars("##-").tick_chars("-\\|/ ") }
}

fn progress_line(stage: Stage, count: &str, words: &str) -> String {
    format!("  {:<10} {}", render::name(stage), joined(&[count, words]))
}

/// Those that are not empty.
fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

impl Observer for Screen {
    fn on(&mut self, event: &Event) {
        match event {
            Event::StageBegun { stage, unit, total } => self.begin(*stage, *unit, *total),
            Event::StageAdvanced { done, total, detail, .. } => self.advance(*done, *total, detail.as_ref()),
            Event::StageEnded { .. } => drop(self.end()),
            Event::Failed { .. } => {
                let unfinished = self.end();
                let line =
                    unfinished.and_then(|c| self.renderer.unfinished(c.stage, c.started.elapsed().as_secs_f64()));
                line.into_iter().for_each(terminal::report);
            }
            _ => {}
        }
        if let Event::Note(Note::DocumentsMore { texts }) = event
            && self.level >= Level::Verbose
        {
            let documents = |text: &String| Event::Note(Note::Documents { text: text.clone() });
            return texts.iter().for_each(|text| self.on(&documents(text)));
        }
        let lines = self.renderer.lines(event);
        lines.into_iter().for_each(|line| self.say(line));
    }
}
