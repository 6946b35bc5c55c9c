//! The log of `-v` and `TUNESMITH_LOG`, on stderr, above a progress bar that is drawn there.

use std::io::Write;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use super::progress::BarSlot;
use super::terminal;

/// What of the log is written: `TUNESMITH_LOG`, else by the number of `-v`. None: nothing.
fn filter(said: Option<&str>, verbose: u8) -> Result<Option<Targets>, String> {
    if let Some(said) = said {
        return Targets::from_str(said).map(Some).map_err(|e| format!("TUNESMITH_LOG={said:?} is invalid: {e}"));
    }
    let own = |level| Some(Targets::new().with_target("tunesmith", level));
    Ok(match verbose {
        0 => None,
        1 => own(LevelFilter::INFO),
        _ => own(LevelFilter::DEBUG),
    })
}

/// Starts the log for the rest of the process.
pub(super) fn start(said: Option<&str>, verbose: u8, bar: BarSlot) -> Result<(), String> {
    let Some(filter) = filter(said, verbose)? else { return Ok(()) };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_timer(tracing_subscriber::fmt::time::uptime())
        .with_writer(Log(bar));
    // Only a second start in one process could fail.
    drop(tracing_subscriber::registry().with(layer.with_filter(filter)).try_init());
    Ok(())
}

/// Writes whole lines.
#[derive(Clone, Debug)]
struct Log(BarSlot);

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.above(|| terminal::report_last(text.trim_end()));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_variable_comes_before_the_flags() {
        let writes = |said, verbose, target: &str, level: Level| {
            filter(said, verbose).unwrap().is_some_and(|filter| filter.would_enable(target, &level))
        };
        let http = "tunesmith::ollama::transport";
        assert!(filter(None, 0).unwrap().is_none());
        assert!(writes(None, 1, http, Level::INFO) && !writes(None, 1, http, Level::DEBUG));
        assert!(writes(None, 2, http, Level::DEBUG) && !writes(None, 3, http, Level::TRACE));
        assert!(!writes(None, 2, "hyper_util::client", Level::ERROR));
        let said = Some("tunesmith::ollama=debug");
        assert!(writes(said, 0, http, Level::DEBUG) && !writes(said, 2, "tunesmith::export", Level::ERROR));
        assert!(filter(Some("tunesmith=loud"), 0).unwrap_err().starts_with("TUNESMITH_LOG=\"tunesmith=loud\""));
    }
}
