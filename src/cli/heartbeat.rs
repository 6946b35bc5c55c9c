//! A line every half minute on the stage in progress, where there are no bars: also while nothing of it is done yet.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Between two lines.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);

/// Until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    words: Arc<Mutex<String>>,
    /// The thread ends when this is gone.
    running: Option<Sender<()>>,
    /// None: it could not be started, and nothing is said between the stage's two ends.
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub(super) fn start(interval: Duration, write: impl Fn(&str) + Send + 'static) -> Self {
        let words = Arc::new(Mutex::new(String::new()));
        let (running, ended) = mpsc::channel::<()>();
        let shown = words.clone();
        let started = Instant::now();
        let beat = move || {
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let words = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
                write(&format!("{words} {:.0} s", started.elapsed().as_secs_f64()));
            }
        };
        let thread = Builder::new().name("heartbeat".to_owned()).spawn(beat).ok();
        Self { words, running: Some(running), thread }
    }

    /// What the next line says.
    pub(super) fn set(&self, words: String) {
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_while_nothing_is_done_and_none_after_the_end() {
        let (lines, written) = mpsc::channel();
        let heartbeat = Heartbeat::start(Duration::from_millis(5), move |line| drop(lines.send(line.to_owned())));
        heartbeat.set("  ask        0/40 prompts".to_owned());
        let is_set = |line: &String| line.starts_with("  ask        0/40 prompts ") && line.ends_with(" s");
        assert!(written.iter().take(1_000).filter(is_set).nth(1).is_some(), "two lines without any progress");
        drop(heartbeat);
        // The thread is gone and its sender with it: what was written before is read, then nothing comes.
        assert!(written.iter().all(|line| line.ends_with(" s")));
    }
}
