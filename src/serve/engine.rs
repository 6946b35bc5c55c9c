//! The native engine behind a queue: one thread a model decodes all its requests together, and waits for no client.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::StatusCode;
use tokio::sync::mpsc::error::TrySendError as Full;
use tokio::sync::oneshot;

use super::job::{Job, Times};
use super::reply::{Fault, line};
use super::sample::{Next, Writing};
use crate::gguf::Gguf;
use crate::model::{Model, ModelError, SequenceId, Session};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

/// Requests that wait for a model at most; one more is refused (Ollama's `OLLAMA_MAX_QUEUE`).
const QUEUE: usize = 512;
/// How long the thread sleeps when no client reads what is ready.
const STALLED: Duration = Duration::from_millis(5);

/// What an answer's `engine` calls it.
pub(super) const NAME: &str = "native";

/// A loaded model. Its thread ends when this is dropped and the last answer is given.
#[derive(Debug)]
pub(super) struct Engine {
    pub path: PathBuf,
    pub tokenizer: Arc<Tokenizer>,
    pub context: usize,
    queue: SyncSender<Task>,
}

/// A request on its way to the thread.
#[derive(Debug)]
pub(super) struct Task {
    pub job: Job,
    pub started: Instant,
    /// Hears when the prompt was taken in, or why not.
    pub first: oneshot::Sender<Result<(), Fault>>,
}

/// Opens a file as `create` and the engine need it: every dimension checked against tensors and file, the vocabulary there.
pub(super) fn open(gguf: Gguf) -> Result<(Weights, Tokenizer), Fault> {
    let refused = |e: &dyn std::fmt::Display| Fault::bad(e.to_string());
    let tokenizer = Tokenizer::from_gguf(&gguf).map_err(|e| refused(&e))?;
    let weights = Weights::from_gguf(gguf).map_err(|e| refused(&e))?;
    Ok((weights, tokenizer))
}

impl Engine {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let gguf = Gguf::open(path).map_err(Fault::internal)?;
        super::second::check(&gguf)?;
        let (weights, tokenizer) = open(gguf)?;
        let context = weights.config().context;
        let session = Session::new(Model::new(&weights, 0).map_err(Fault::internal)?);
        let tokenizer = Arc::new(tokenizer);
        let (queue, tasks) = sync_channel(QUEUE);
        let worker = Worker {
            session,
            tokenizer: Arc::clone(&tokenizer),
            context,
            tasks,
            waiting: VecDeque::new(),
            open: Vec::new(),
            leaving: Vec::new(),
        };
        std::thread::Builder::new()
            .name("embedded-model".into())
            .spawn(move || worker.run())
            .map_err(Fault::internal)?;
        Ok(Self { path: path.to_path_buf(), tokenizer, context, queue })
    }

    pub(super) fn submit(&self, task: Task) {
        let (task, fault) = match self.queue.try_send(task) {
            Ok(()) => return,
            Err(TrySendError::Full(task)) => {
                let message = "server busy, please try again.  maximum pending requests exceeded".to_owned();
                (task, Fault(StatusCode::SERVICE_UNAVAILABLE, message))
            }
            Err(TrySendError::Disconnected(task)) => (task, Fault::internal("the model's thread has ended")),
        };
        // Whoever asked may be gone.
        drop(task.first.send(Err(fault)));
    }
}

/// An answer that is being written.
struct Open {
    job: Job,
    sequence: SequenceId,
    writing: Writing,
    /// The token to be decoded next.
    next: u32,
    clock: Clock,
    /// Lines that the client has no place for yet; no token is decoded before they are gone.
    pending: VecDeque<Bytes>,
}

#[derive(Clone, Copy)]
struct Clock {
    started: Instant,
    load: Duration,
    prompt: Duration,
    begun: Instant,
}

/// The last lines of an answer that has ended.
struct Leaving {
    lines: tokio::sync::mpsc::Sender<Bytes>,
    pending: VecDeque<Bytes>,
}

struct Worker {
    session: Session,
    tokenizer: Arc<Tokenizer>,
    context: usize,
    tasks: Receiver<Task>,
    waiting: VecDeque<Task>,
    open: Vec<Open>,
    leaving: Vec<Leaving>,
}

/// Sends what the client takes now; false where it is gone.
fn flush(lines: &tokio::sync::mpsc::Sender<Bytes>, pending: &mut VecDeque<Bytes>) -> bool {
    while let Some(next) = pending.pop_front() {
        match lines.try_send(next) {
            Ok(()) => {}
            Err(Full::Full(next)) => {
                pending.push_front(next);
                return true;
            }
            Err(Full::Closed(_)) => return false,
        }
    }
    !lines.is_closed()
}

fn status_of(e: &ModelError) -> Fault {
    match e {
        ModelError::TooLong { .. } | ModelError::BadToken { .. } => Fault::bad(e.to_string()),
        e => Fault::internal(e),
    }
}

fn panicked() -> Fault {
    Fault::internal("this request made the server panic; the server goes on")
}

impl Worker {
    fn run(mut self) {
        while self.collect() {
            self.admit();
            let moved = self.decode();
            self.flush();
            let idle = self.open.is_empty() && self.leaving.is_empty();
            if !moved && !idle {
                std::thread::sleep(STALLED);
            }
        }
    }

    /// Takes what came, waits where there is nothing to do; false when nobody can ask any more.
    fn collect(&mut self) -> bool {
        if self.open.is_empty() && self.waiting.is_empty() && self.leaving.is_empty() {
            match self.tasks.recv() {
                Ok(task) => self.waiting.push_back(task),
                Err(_) => return false,
            }
        }
        while self.waiting.len() < Session::most()
            && let Ok(task) = self.tasks.try_recv()
        {
            self.waiting.push_back(task);
        }
        true
    }

    /// Takes in prompts while there are places.
    fn admit(&mut self) {
        while self.open.len() < Session::most()
            && let Some(task) = self.waiting.pop_front()
        {
            if !task.job.lines.is_closed()
                && let Some(task) = self.begin(task)
            {
                return self.waiting.push_front(task);
            }
        }
    }

    /// Begins an answer; gives the task back where the cache has no place for it now.
    fn begin(&mut self, task: Task) -> Option<Task> {
        let Task { job, started, first } = task;
        let mut writing = Writing::new(job.settings.clone(), &job.ids, self.context);
        let mut clock = Clock { started, load: started.elapsed(), prompt: Duration::ZERO, begun: Instant::now() };
        if job.ids.is_empty() {
            drop(first.send(Ok(())));
            self.leave(job, &mut writing, clock, None);
            return None;
        }
        let begun = catch_unwind(AssertUnwindSafe(|| self.session.begin(&job.ids, writing.limit())));
        let fault = match begun {
            Ok(Ok(Some(begun))) => {
                clock.prompt = started.elapsed().saturating_sub(clock.load);
                clock.begun = Instant::now();
                drop(first.send(Ok(())));
                let sequence = begun.id;
                self.open.push(Open { job, sequence, writing, next: 0, clock, pending: VecDeque::new() });
                self.hear(self.open.len() - 1, &begun.logits);
                return None;
            }
            Ok(Ok(None)) if !self.open.is_empty() => return Some(Task { job, started, first }),
            Ok(Ok(None)) => Fault::internal("there is no memory for this request: lower num_ctx or num_predict"),
            Ok(Err(e)) => status_of(&e),
            Err(_) => {
                self.session.retain(&self.open.iter().map(|o| o.sequence).collect::<Vec<_>>());
                panicked()
            }
        };
        drop(first.send(Err(fault)));
        None
    }

    /// One token of every answer whose client keeps up; false where there is none.
    fn decode(&mut self) -> bool {
        let ready: Vec<usize> = (0..self.open.len()).filter(|&i| self.open[i].pending.is_empty()).collect();
        if ready.is_empty() {
            return false;
        }
        let next: Vec<_> = ready.iter().map(|&i| (self.open[i].sequence, self.open[i].next)).collect();
        let fault = match catch_unwind(AssertUnwindSafe(|| self.session.step(&next))) {
            Ok(Ok(logits)) => {
                let vocab = logits.len() / ready.len();
                // From the last on: an answer that ends leaves the list.
                for (&i, logits) in ready.iter().zip(logits.chunks_exact(vocab.max(1))).rev() {
                    self.hear(i, logits);
                }
                return true;
            }
            Ok(Err(e)) => status_of(&e),
            Err(_) => panicked(),
        };
        // Whose fault it was can't be said: every open answer ends.
        for i in (0..self.open.len()).rev() {
            self.fail(i, &fault.1);
        }
        self.session.retain(&[]);
        true
    }

    /// Chooses the next token of one answer; a fault of it is that answer's alone.
    fn hear(&mut self, i: usize, logits: &[f32]) {
        let (open, tokenizer) = (&mut self.open[i], &self.tokenizer);
        let taken = catch_unwind(AssertUnwindSafe(|| open.writing.take(tokenizer, logits)));
        match taken.unwrap_or_else(|_| Err(panicked())) {
            Ok(Next::Token(id)) => {
                open.next = id;
                if open.job.stream
                    && let Some(piece) = open.writing.piece(false)
                {
                    open.pending.push_back(open.job.piece_line(piece));
                }
            }
            Ok(Next::Done) => {
                let Open { job, sequence, mut writing, clock, pending, .. } = self.open.remove(i);
                self.session.end(sequence);
                self.leave(job, &mut writing, clock, Some(pending));
            }
            Err(Fault(_, message)) => self.fail(i, &message),
        }
    }

    fn fail(&mut self, i: usize, message: &str) {
        let Open { job, sequence, mut pending, .. } = self.open.remove(i);
        self.session.end(sequence);
        pending.push_back(line(&serde_json::json!({"error": message})));
        self.leaving.push(Leaving { lines: job.lines, pending });
    }

    fn leave(&mut self, job: Job, writing: &mut Writing, clock: Clock, pending: Option<VecDeque<Bytes>>) {
        let mut pending = pending.unwrap_or_default();
        if job.stream
            && let Some(piece) = writing.piece(true)
        {
            pending.push_back(job.piece_line(piece));
        }
        let times = Times {
            total: clock.started.elapsed(),
            load: clock.load,
            prompt: clock.prompt,
            answer: clock.begun.elapsed(),
        };
        pending.push_back(job.done_line(writing, times, NAME));
        self.leaving.push(Leaving { lines: job.lines, pending });
    }

    /// Gives away what clients take now; answers whose client is gone end.
    fn flush(&mut self) {
        for i in (0..self.open.len()).rev() {
            let open = &mut self.open[i];
            if !flush(&open.job.lines, &mut open.pending) {
                let gone = self.open.remove(i);
                self.session.end(gone.sequence);
            }
        }
        self.leaving.retain_mut(|l| flush(&l.lines, &mut l.pending) && !l.pending.is_empty());
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
