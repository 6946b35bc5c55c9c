//! The worker process: takes requests on standard input, answers on standard output, ends at the first exceeded limit.

use std::collections::VecDeque;
use std::io::{BufReader, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::frame::{self, Request};
use super::limits::{EXIT_NO_ROOM, EXIT_TIME};
use super::template::{guarded, render};
use super::{Engine, Prepare, Prepared, RenderError, limits};

/// The exit code of a worker that could not limit itself, or whose pipes broke.
const EXIT_BROKEN: i32 = 76;

/// How often the watchdog looks at the clock while something is rendered.
const LOOK: Duration = Duration::from_millis(20);

/// Answers requests until standard input ends; `engines` parses the templates of an engine.
pub fn serve(engines: fn(Engine) -> Prepare) -> i32 {
    // What goes wrong is reported as an answer; nobody reads a panic's report here.
    std::panic::set_hook(Box::new(|_| {}));
    if limit_memory().is_err() {
        return EXIT_BROKEN;
    }
    let clock = Arc::new(Clock::default());
    let watched = clock.clone();
    let Ok(watchdog) = std::thread::Builder::new().stack_size(64 << 10).spawn(move || watched.watch()) else {
        return EXIT_NO_ROOM;
    };
    let work = move || answer_all(engines, &clock, watchdog.thread());
    // A stack of a known size, whatever `ulimit -s` says.
    let renderer = std::thread::Builder::new().stack_size(limits::STACK).spawn(work);
    renderer.map_or(EXIT_NO_ROOM, |r| r.join().unwrap_or(EXIT_BROKEN))
}

fn answer_all(engines: fn(Engine) -> Prepare, clock: &Clock, watchdog: &std::thread::Thread) -> i32 {
    let mut requests = BufReader::new(std::io::stdin());
    let mut answers = BufWriter::new(std::io::stdout());
    let mut kept: VecDeque<(Engine, String, Result<Prepared, RenderError>)> = VecDeque::new();
    loop {
        let request = match Request::read(&mut requests) {
            Ok(Some(request)) => request,
            Ok(None) => return 0,
            Err(_) => return EXIT_BROKEN,
        };
        clock.start();
        watchdog.unpark();
        let at = kept.iter().position(|(engine, setup, _)| *engine == request.engine && *setup == request.setup);
        let entry = at.and_then(|at| kept.remove(at)).unwrap_or_else(|| {
            let prepared = guarded(|| engines(request.engine)(&request.setup));
            (request.engine, request.setup.into_owned(), prepared)
        });
        let answer = match (&entry.2, &request.input) {
            (Err(e), _) => Err(e.clone()),
            (Ok(_), None) => Ok(String::new()),
            (Ok(prepared), Some(input)) => render(prepared, input),
        };
        kept.truncate(limits::PREPARED - 1);
        kept.push_front(entry);
        clock.stop();
        if frame::write_answer(&mut answers, &answer).is_err() {
            return EXIT_BROKEN;
        }
    }
}

/// The processor time at which the present rendering must have ended; 0 when nothing is rendered.
#[derive(Debug, Default)]
struct Clock {
    deadline: AtomicU64,
}

impl Clock {
    fn start(&self) {
        let limit = u64::try_from(limits::TIME.as_nanos()).unwrap_or(u64::MAX);
        self.deadline.store(processor_time().saturating_add(limit), Ordering::SeqCst);
    }

    fn stop(&self) {
        self.deadline.store(0, Ordering::SeqCst);
    }

    /// Ends the process when the deadline has passed. Sleeps without waking up while nothing is rendered.
    fn watch(&self) {
        let mut idle = 0;
        loop {
            match self.deadline.load(Ordering::SeqCst) {
                // Between two renderings that follow each other, waking a parked thread would cost more than they do.
                0 if idle < 10 => {
                    idle += 1;
                    std::thread::sleep(LOOK);
                }
                0 => {
                    std::thread::park();
                    idle = 0;
                }
                deadline if processor_time() > deadline => std::process::exit(EXIT_TIME),
                _ => {
                    idle = 0;
                    std::thread::sleep(LOOK);
                }
            }
        }
    }
}

/// Nanoseconds of processor time that this process has used: a machine that is busy with other work changes nothing.
#[cfg(unix)]
fn processor_time() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Where there is no such clock, the time that has passed.
#[cfg(not(unix))]
fn processor_time() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let passed = START.get_or_init(std::time::Instant::now).elapsed();
    u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
}

/// RLIMIT_DATA counts what is private and writable, and not the program's own text, which is large.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn limit_memory() -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let at_most = |resource: Resource, limit: u64| {
        let limit = getrlimit(resource).maximum.map_or(limit, |hard| hard.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
    };
    at_most(Resource::Data, limits::MEMORY)?;
    // A worker that is stopped leaves no core file in the user's folder.
    Ok(at_most(Resource::Core, 0)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn limit_memory() -> std::io::Result<()> {
    Ok(())
}
