//! The binary: `cli` does the rest.

use std::any::Any;
use std::process::ExitCode;

/// What a shell says of a program that SIGPIPE ended. Not 0: nobody read the verdict, so nobody may take it for a PASS.
const PIPE_CLOSED: u8 = 141;

/// A panic unwinds, so that locks and half-written files are let go, and ends with 1: Rust's own 101 is INCONCLUSIVE.
fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        if !pipe_closed(panic.payload()) {
            tunesmith::cli::report_panic(panic);
        }
    }));
    std::panic::catch_unwind(tunesmith::cli::main).unwrap_or_else(|panic| ExitCode::from(code(&*panic)))
}

fn code(panic: &(dyn Any + Send)) -> u8 {
    if pipe_closed(panic) { PIPE_CLOSED } else { 1 }
}

/// Whether it is `println!` on a pipe whose reader is gone (`tunesmith history | head -1`), by the words of std.
fn pipe_closed(panic: &(dyn Any + Send)) -> bool {
    // EPIPE; Windows' ERROR_BROKEN_PIPE and ERROR_NO_DATA.
    const CODES: [&str; 3] = ["(os error 32)", "(os error 109)", "(os error 232)"];
    let words = panic.downcast_ref::<String>().map_or("", String::as_str);
    words.starts_with("failed printing to std") && CODES.iter().any(|c| words.ends_with(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_pipe_ends_quietly() {
        let of = |words: &str| code(&words.to_owned());
        assert_eq!(of("failed printing to stdout: Broken pipe (os error 32)"), PIPE_CLOSED);
        assert_eq!(of("failed printing to stderr: Broken pipe (os error 32)"), PIPE_CLOSED);
        assert_eq!(of("failed printing to stdout: No space left on device (os error 28)"), 1);
        assert_eq!(of("index out of bounds"), 1);
        assert_eq!(code(&"a word"), 1);
    }
}
