//! Signals by which the system ends a process at a limit, turned into words and exit code 5: a mapped file that another
//! process cuts short (SIGBUS), a file larger than the limit (SIGXFSZ), an allocation that can't be made (SIGABRT). The
//! program installs the handlers and the allocator; whoever uses the library alone keeps its own.
#![expect(
    unsafe_code,
    reason = "signal handlers and the allocator's interface; each block says which invariant makes it sound"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicUsize, Ordering};

/// Exit code of a resource that is used up or gone.
const RESOURCES: i32 = 5;
/// Maps that are open at once: a base of many shards, an export, an adapter.
const SLOTS: usize = 256;

/// A mapped range, and the file it is of: read by the signal handler, which may take no lock and no memory.
struct Slot {
    taken: AtomicBool,
    start: AtomicUsize,
    end: AtomicUsize,
    name: AtomicPtr<u8>,
    length: AtomicUsize,
}

static MAPS: [Slot; SLOTS] = [const {
    Slot {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        name: AtomicPtr::new(std::ptr::null_mut()),
        length: AtomicUsize::new(0),
    }
}; SLOTS];

/// When an allocation was refused the last time, in seconds of the monotonic clock; 0: never.
static REFUSED: AtomicI64 = AtomicI64::new(0);

/// Seconds from a refused allocation to the abort that it causes, at most: std says its words in between, with a backtrace
/// where that is asked for. (Allocations succeed meanwhile, larger ones too.) A refusal that was longer ago was recovered
/// from, and the abort has another cause.
#[cfg(any(unix, test))]
const ABORT_FOLLOWS: i64 = 10;

/// A panic's hook has said which limit is reached: the abort that may follow has the same cause and needs no more words.
static SAID: AtomicBool = AtomicBool::new(false);

/// Keeps a mapped range known to the handler; forgotten when dropped.
#[derive(Debug)]
pub struct Watched {
    slot: Option<usize>,
    /// Owns what the slot's `name` points to.
    _name: Box<[u8]>,
}

impl Watched {
    pub fn new(range: std::ops::Range<usize>, path: &std::path::Path) -> Self {
        let mut name = shown(path).into_bytes().into_boxed_slice();
        let free = |slot: &&Slot| slot.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        let slot = MAPS.iter().position(|slot| free(&slot));
        if let Some(slot) = slot.map(|i| &MAPS[i]) {
            slot.name.store(name.as_mut_ptr(), Ordering::Release);
            slot.length.store(name.len(), Ordering::Release);
            slot.end.store(range.end, Ordering::Release);
            slot.start.store(range.start, Ordering::Release);
        }
        Self { slot, _name: name }
    }
}

/// A path as a terminal may be given it: this message can't go through the file that prints.
fn shown(path: &std::path::Path) -> String {
    let acts = |c: char| matches!(c, '\n' | '\t') || crate::store::terminal_acts_on(c);
    path.display().to_string().chars().map(|c| if acts(c) { '?' } else { c }).collect()
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.map(|i| &MAPS[i]) {
            slot.start.store(0, Ordering::Release);
            slot.end.store(0, Ordering::Release);
            slot.taken.store(false, Ordering::Release);
        }
    }
}

/// The program's allocator: the system's, which remembers what it refused, so that the abort that follows can be said.
#[derive(Debug)]
pub struct Allocator;

// SAFETY: every call goes to `System` with the caller's own arguments, whose contract is the same.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for this function.
        noted(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for this function.
        noted(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as for this function.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as for this function.
        noted(unsafe { System.realloc(at, layout, size) })
    }
}

fn noted(made: *mut u8) -> *mut u8 {
    if made.is_null() {
        REFUSED.store(now(), Ordering::Release);
    }
    made
}

/// Seconds of the monotonic clock, which a signal handler may ask too.
#[cfg(unix)]
fn now() -> i64 {
    rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec.max(1)
}

/// (No handler asks when it was.)
#[cfg(not(unix))]
fn now() -> i64 {
    1
}

#[cfg(any(unix, test))]
fn causes_abort(refused: i64, now: i64) -> bool {
    refused != 0 && now - refused <= ABORT_FOLLOWS
}

/// To be called once a panic's message has named the limit. Unwinding takes memory too, and aborts where there is none.
pub fn limit_was_said() {
    SAID.store(true, Ordering::Release);
}

/// Installs the handlers; once, at the start of the program.
#[cfg(unix)]
pub fn install() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A write beyond the limit then fails with EFBIG, as any other write.
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        handle(libc::SIGBUS, on_bus);
        handle(libc::SIGABRT, on_abort);
    });
}

#[cfg(not(unix))]
pub fn install() {}

#[cfg(unix)]
type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

#[cfg(unix)]
fn handle(signal: libc::c_int, handler: Handler) {
    // SAFETY: `action` is a whole, zeroed sigaction with an empty mask; the handlers call async-signal-safe functions only.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

#[cfg(unix)]
extern "C" fn on_bus(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the system passes a valid siginfo.
    let at = unsafe { (*info).si_addr() } as usize;
    let inside = |slot: &&Slot| (slot.start.load(Ordering::Acquire)..slot.end.load(Ordering::Acquire)).contains(&at);
    let Some(slot) = MAPS.iter().find(inside) else { return by_default(signal) };
    let (name, length) = (slot.name.load(Ordering::Acquire), slot.length.load(Ordering::Acquire));
    write(b"error: ");
    // SAFETY: whoever faulted in the range borrows its map, which owns the name and forgets the slot before it frees it.
    write(unsafe { std::slice::from_raw_parts(name, length) });
    end(b": the file was cut short, or could not be read, while it was in use\nhint: restore the file, then start again\n");
}

#[cfg(unix)]
extern "C" fn on_abort(signal: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    if SAID.load(Ordering::Acquire) {
        end(b"");
    }
    if !causes_abort(REFUSED.load(Ordering::Acquire), now()) {
        return by_default(signal);
    }
    end(b"error: memory is used up, or its limit (`ulimit -v`) is reached\nhint: `tunesmith plan` says what fits; a smaller --batch-size or --max-seq-len takes less\n");
}

/// As if there were no handler: when it returns, the fault happens again, or `abort` raises the signal again.
#[cfg(unix)]
fn by_default(signal: libc::c_int) {
    // SAFETY: `signal` is async-signal-safe.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

#[cfg(unix)]
fn write(text: &[u8]) {
    // SAFETY: `text` is valid for its length; `write` is async-signal-safe.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

#[cfg(unix)]
fn end(text: &[u8]) -> ! {
    write(text);
    // SAFETY: `_exit` is async-signal-safe and does not return.
    unsafe { libc::_exit(RESOURCES) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_known_while_it_is_mapped() {
        let known = |at: usize| {
            MAPS.iter().any(|s| (s.start.load(Ordering::Acquire)..s.end.load(Ordering::Acquire)).contains(&at))
        };
        let watched = Watched::new(16..32, std::path::Path::new("a"));
        assert!(known(16) && known(31) && !known(32) && !known(15));
        drop(watched);
        assert!(!known(16));
    }

    #[test]
    fn a_path_is_shown_without_what_a_terminal_acts_on() {
        let path = std::path::Path::new("a\u{1b}[2J\u{202e}b\u{2066}\u{9b}\nc\u{e0041}é");
        assert_eq!(shown(path), "a?[2J?b???c?é");
    }

    #[test]
    fn an_allocation_that_fails_is_noted() {
        noted(std::ptr::dangling_mut());
        assert_eq!(REFUSED.load(Ordering::Acquire), 0);
        let before = now();
        assert!(noted(std::ptr::null_mut()).is_null());
        let refused = REFUSED.load(Ordering::Acquire);
        assert!((before..=now()).contains(&refused) && causes_abort(refused, now()));
    }

    #[test]
    fn an_abort_long_after_a_refusal_has_another_cause() {
        for (refused, now, is_cause) in
            [(0, 5, false), (1, 1, true), (100, 110, true), (100, 111, false), (1, 9000, false)]
        {
            assert_eq!(causes_abort(refused, now), is_cause, "{refused} {now}");
        }
    }
}
