//! Every limit of a rendering, in one place.

use std::time::Duration;

/// Bytes of a template's text; the longest known chat template has 30 kB.
pub const MAX_TEMPLATE: usize = 1 << 20;
/// Bytes of what a template is rendered with (messages, a Modelfile's fields), as JSON.
pub(super) const MAX_INPUT: usize = 16 << 20;
/// Bytes that a rendering may write; a conversation of a million tokens has about 4 MB.
pub(super) const MAX_OUTPUT: usize = 16 << 20;
/// Processor time of one rendering; a chat template takes less than a millisecond.
pub(super) const TIME: Duration = Duration::from_secs(1);
/// Writable memory of the worker process, its stacks included. The kernel keeps this limit on Linux; elsewhere the
/// limit of time bounds what can be taken.
pub(super) const MEMORY: u64 = 192 << 20;
/// Stack of the thread that renders.
pub(super) const STACK: usize = 16 << 20;
/// Prepared templates that a worker keeps.
pub(super) const PREPARED: usize = 8;
/// Workers that are kept when nothing is rendered.
pub(super) const IDLE_WORKERS: usize = 4;

pub(super) const TIME_WORDS: &str = "1 s of processor time";
pub(super) const MEMORY_WORDS: &str = "192 MiB of memory";
pub(super) const OUTPUT_WORDS: &str = "16 MiB of text";

pub(super) fn exceeded(does: &str, limit: &str) -> String {
    format!(
        "it {does} {limit}, so it was stopped: a template needs a fraction of that; this one is broken or made to \
         do harm. Use the one that the model's publisher distributes"
    )
}

/// The exit code of a worker whose rendering took too long.
pub(super) const EXIT_TIME: i32 = 75;

/// The exit code of a worker for whose threads the machine has no room.
pub(super) const EXIT_NO_ROOM: i32 = 77;

/// Whether the limits of this process, which a worker begins with (`ulimit -v`, `-d`), leave it less than it may take: then
/// memory that it lacks says nothing of a template.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(super) fn is_limited_further() -> bool {
    use rustix::process::{Resource, getrlimit};
    let least = [Resource::As, Resource::Data].into_iter().filter_map(|resource| getrlimit(resource).current).min();
    least.is_some_and(|bytes| bytes < MEMORY)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(super) fn is_limited_further() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_the_numbers() {
        assert!(TIME_WORDS.starts_with(&format!("{} s", TIME.as_secs())));
        assert!(MEMORY_WORDS.starts_with(&format!("{} MiB", MEMORY >> 20)));
        assert!(OUTPUT_WORDS.starts_with(&format!("{} MiB", MAX_OUTPUT >> 20)));
    }
}
