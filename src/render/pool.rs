//! The program's side: starts workers, sends them requests, says why one ended.

use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::frame::{self, Request};
use super::limits::{EXIT_NO_ROOM, EXIT_TIME, is_limited_further};
use super::{RenderError, limits};

/// How a worker is started.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    argument: &'static str,
}

static PROGRAM: OnceLock<Program> = OnceLock::new();
static IDLE: Mutex<Vec<Worker>> = Mutex::new(Vec::new());

/// From now on templates are rendered in processes of this very program, started with `argument` alone, on which it
/// must call [`super::serve`]. A library's user who does not call this renders in the process itself: there only the
/// engines' own counters end a rendering.
pub fn isolate(argument: &'static str) -> Result<(), RenderError> {
    // The link names this program even after its file was replaced or removed.
    let link = Path::new("/proc/self/exe");
    let path = if link.exists() { Ok(link.to_path_buf()) } else { std::env::current_exe() };
    let path = path.map_err(|e| RenderError::NoWorker(e.to_string()))?;
    PROGRAM.get_or_init(|| Program { path, argument });
    Ok(())
}

pub(super) fn program() -> Option<&'static Program> {
    PROGRAM.get()
}

/// Has an idle worker answer, or a new one.
pub(super) fn ask(program: &Program, request: &Request) -> Result<String, RenderError> {
    let kept = idle().pop();
    if let Some(mut worker) = kept
        // It may have been ended by somebody since: then nothing can be sent to it.
        && request.write(&mut worker.requests).is_ok()
    {
        return worker.answer();
    }
    let mut worker = Worker::start(program)?;
    // A worker that can't begin is found out by its missing answer.
    drop(request.write(&mut worker.requests));
    worker.answer()
}

fn idle() -> MutexGuard<'static, Vec<Worker>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Worker {
    child: Child,
    requests: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
    errors: ChildStderr,
}

impl Worker {
    fn start(program: &Program) -> Result<Self, RenderError> {
        let mut command = Command::new(&program.path);
        command.arg(program.argument).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            // Ctrl-C is the program's to handle; a worker ends with its standard input or at its limit of time.
            command.process_group(0).current_dir("/");
        }
        let mut child = command.spawn().map_err(|e| RenderError::NoWorker(e.to_string()))?;
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(requests), Some(answers), Some(errors)) => {
                Ok(Self { child, requests: BufWriter::new(requests), answers: BufReader::new(answers), errors })
            }
            _ => Err(RenderError::NoWorker("it has no pipes".into())),
        }
    }

    /// The answer, or why the worker ended without one. A worker that has answered is kept for the next request.
    fn answer(mut self) -> Result<String, RenderError> {
        let Ok(answer) = frame::read_answer(&mut self.answers) else { return Err(self.ended()) };
        let mut idle = idle();
        if idle.len() < limits::IDLE_WORKERS {
            idle.push(self);
        }
        answer
    }

    fn ended(mut self) -> RenderError {
        // It has ended, or what it writes can't be read.
        drop(self.child.kill());
        let mut said = Vec::new();
        drop(self.errors.by_ref().take(4096).read_to_end(&mut said));
        match self.child.wait() {
            Ok(status) => reason(status, &String::from_utf8_lossy(&said)),
            Err(e) => RenderError::Engine(e.to_string()),
        }
    }
}

impl Drop for Worker {
    /// One that is not kept ends here.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Rust says on standard error why it aborts.
fn reason(status: ExitStatus, said: &str) -> RenderError {
    if status.code() == Some(EXIT_TIME) {
        return RenderError::Time;
    }
    let lacked_memory = said.contains("memory allocation of");
    if status.code() == Some(EXIT_NO_ROOM) || (lacked_memory && is_limited_further()) {
        // The system's words, by which the program knows a limit of the machine from a fault of the template.
        const NO_MEMORY: i32 = 12;
        return RenderError::NoWorker(std::io::Error::from_raw_os_error(NO_MEMORY).to_string());
    }
    if lacked_memory {
        return RenderError::Memory;
    }
    if said.contains("overflowed its stack") {
        return RenderError::Depth;
    }
    RenderError::Engine(format!("its process ended with {status}"))
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn a_worker_without_room_for_its_threads_is_no_fault_of_the_template() {
        use std::os::unix::process::ExitStatusExt;

        use super::*;

        let ended = |code: i32, said: &str| reason(ExitStatus::from_raw(code << 8), said);
        let RenderError::NoWorker(words) = ended(EXIT_NO_ROOM, "") else { panic!("not said as a limit") };
        assert!(words.contains("(os error 12)"), "{words}");
        assert_eq!(ended(EXIT_TIME, ""), RenderError::Time);
        assert_eq!(ended(1, "memory allocation of 9 bytes failed"), RenderError::Memory);
    }
}
