//! The binary: `cli` does the rest.

use std::any::Any;
use std::process::ExitCode;

use tunesmith::cli::{self, OutputLost};
use tunesmith::limits;

/// A limit of the machine or of the process is reached.
const RESOURCES: u8 = 5;

#[global_allocator]
static ALLOCATOR: limits::Allocator = limits::Allocator;

/// A panic unwinds, so that locks and half-written files are let go, and ends with 1: Rust's own 101 is INCONCLUSIVE.
fn main() -> ExitCode {
    limits::install();
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        match limit(payload) {
            Some(limit) => {
                cli::report_limit(limit);
                limits::limit_was_said();
            }
            None => cli::report_panic(panic),
        }
    }));
    std::panic::catch_unwind(cli::main).unwrap_or_else(|panic| ExitCode::from(code(&*panic)))
}

fn code(panic: &(dyn Any + Send)) -> u8 {
    match (panic.downcast_ref::<OutputLost>(), limit(panic)) {
        (Some(lost), _) => cli::report_lost(lost),
        (None, Some(_)) => RESOURCES,
        (None, None) => 1,
    }
}

/// The words of a panic, where it has any.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}

/// The limit that a library panicked at: some start their threads and open their files without a way to fail.
fn limit(panic: &(dyn Any + Send)) -> Option<&'static str> {
    let words = words(panic);
    let is = |code: u32| words.contains(&format!("(os error {code})")) || words.contains(&format!("code: {code},"));
    let spawned = words.contains("spawn") || words.contains("thread");
    match () {
        () if !cfg!(unix) => None,
        () if is(24) || is(23) => Some("the limit on open files (`ulimit -n`) is reached"),
        () if is(12) => Some("memory is used up, or its limit (`ulimit -v`) is reached"),
        () if (is(11) || is(35)) && spawned => {
            Some("no thread can be started: the limit on processes (`ulimit -u`) or memory (`ulimit -v`) is reached")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_pipe_ends_quietly() {
        assert_eq!(code(&OutputLost::PipeClosed), 141);
        let fault = std::io::ErrorKind::PermissionDenied.into();
        assert_eq!(code(&OutputLost::Failed { stream: "standard output", fault }), 1);
        assert_eq!(code(&"index out of bounds".to_owned()), 1);
        assert_eq!(code(&"a word"), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_limit_that_a_library_panics_at_is_exit_code_5() {
        let of = |words: &str| code(&words.to_owned());
        assert_eq!(of("failed to spawn thread: Os { code: 11, kind: WouldBlock, message: \"…\" }"), RESOURCES);
        assert_eq!(of("OS can't spawn worker thread: Resource temporarily unavailable (os error 11)"), RESOURCES);
        assert_eq!(of("called `Result::unwrap()` on an `Err` value: Os { code: 24, kind: Uncategorized }"), RESOURCES);
        assert_eq!(of("a socket: Resource temporarily unavailable (os error 11)"), 1);
        assert_eq!(of("code: 240, something"), 1);
    }
}
