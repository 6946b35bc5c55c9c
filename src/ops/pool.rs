//! The one thread pool: persistent threads, a scoped parallel-for.
//!
//! Tasks are numbered; who runs which is left to chance, so a task's result must depend on its number alone. Then the
//! outcome is the same at any thread count and load. The caller works along, and does not wait for a thread that never woke.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A job as the workers see it; valid while `State::open` or while a worker is counted in `Inner::inside`.
#[derive(Clone, Copy)]
struct Job {
    task: *const (dyn Fn(usize) + Sync),
    count: usize,
}

// SAFETY: the closure behind `task` is Sync, and `Pool::run` outlives every use of the pointer.
unsafe impl Send for Job {}

struct State {
    job: Option<Job>,
    open: bool,
    stop: bool,
}

struct Inner {
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
    epoch: AtomicU64,
    next: AtomicUsize,
    /// Workers that have the job. Changed under the lock, so that nobody sleeps through its end.
    inside: AtomicUsize,
    panicked: AtomicBool,
}

/// Threads that wait for work. Dropping it ends them.
pub(super) struct Pool {
    inner: Arc<Inner>,
    workers: Vec<JoinHandle<()>>,
    busy: Mutex<()>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish()
    }
}

thread_local! {
    /// Inside a task a further parallel-for runs on the spot.
    static INSIDE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Some 400 µs: gaps between two products are shorter, and a thread that sleeps takes 50 µs to wake on a virtual machine.
/// (Miri takes a second for them.)
const SPINS: u32 = if cfg!(miri) { 8 } else { 8000 };

/// Returns when `done` says so, or after a while.
fn spin_until(done: impl Fn() -> bool) {
    for _ in 0..SPINS {
        if done() {
            return;
        }
        std::hint::spin_loop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool of `threads` in all, the caller among them; 0 = as many as there are cores.
    pub(super) fn new(threads: usize) -> Self {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let inner = Arc::new(Inner {
            state: Mutex::new(State { job: None, open: false, stop: false }),
            wake: Condvar::new(),
            done: Condvar::new(),
            epoch: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            inside: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
        });
        // A thread that can't be started is one fewer: the caller's own share of the work grows.
        let workers = (1..threads)
            .filter_map(|i| {
                let inner = Arc::clone(&inner);
                std::thread::Builder::new().name(format!("ops-{i}")).spawn(move || inner.work()).ok()
            })
            .collect();
        Self { inner, workers, busy: Mutex::new(()) }
    }

    pub(super) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task(0)` … `task(count − 1)`, each once, on any thread; returns when all are done.
    ///
    /// # Panics
    /// If a task panics, after the others have ended.
    pub(super) fn run(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        if count <= 1 || self.workers.is_empty() || INSIDE.get() {
            return (0..count).for_each(task);
        }
        let _turn = lock(&self.busy);
        let inner = &*self.inner;
        // SAFETY: only the lifetime is erased; this function returns after `inside` is 0 and the job is closed.
        let job = Job {
            task: unsafe { std::mem::transmute::<*const _, *const (dyn Fn(usize) + Sync)>(std::ptr::from_ref(task)) },
            count,
        };
        {
            let mut state = lock(&inner.state);
            inner.next.store(0, Ordering::Relaxed);
            state.job = Some(job);
            state.open = true;
            inner.epoch.fetch_add(1, Ordering::Release);
        }
        inner.wake.notify_all();
        let own = inner.share(job);
        lock(&inner.state).open = false;
        spin_until(|| inner.inside.load(Ordering::Acquire) == 0);
        let mut state = lock(&inner.state);
        while inner.inside.load(Ordering::Acquire) > 0 {
            state = inner.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.job = None;
        drop(state);
        let others = inner.panicked.swap(false, Ordering::Relaxed);
        if let Err(panic) = own {
            std::panic::resume_unwind(panic);
        }
        assert!(!others, "a task of the pool panicked");
    }
}

impl Inner {
    /// Takes tasks until none is left.
    fn share(&self, job: Job) -> std::thread::Result<()> {
        INSIDE.set(true);
        let result = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let i = self.next.fetch_add(1, Ordering::Relaxed);
                if i >= job.count {
                    break;
                }
                // SAFETY: see `Job`.
                unsafe { (*job.task)(i) };
            }
        }));
        INSIDE.set(false);
        result
    }

    fn work(&self) {
        let mut seen = 0;
        loop {
            spin_until(|| self.epoch.load(Ordering::Acquire) != seen);
            let mut state = lock(&self.state);
            while self.epoch.load(Ordering::Acquire) == seen && !state.stop {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.stop {
                return;
            }
            seen = self.epoch.load(Ordering::Acquire);
            let Some(job) = state.job.filter(|_| state.open) else { continue };
            self.inside.fetch_add(1, Ordering::Relaxed);
            drop(state);
            if self.share(job).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            let state = lock(&self.state);
            // Released: whoever sees it sees what the tasks wrote.
            if self.inside.fetch_sub(1, Ordering::Release) == 1 {
                self.done.notify_all();
            }
            drop(state);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.inner.state).stop = true;
        self.inner.epoch.fetch_add(1, Ordering::Release);
        self.inner.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches its tasks' panics; there is nothing to report here.
            drop(worker.join());
        }
    }
}

/// A slice that tasks share: each writes its own part. It borrows the slice, so nobody else uses it meanwhile.
#[derive(Debug)]
pub(crate) struct Parts<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: `slice` hands out disjoint parts by its contract.
unsafe impl<T: Send> Send for Parts<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    pub(super) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The address of element `at`, for parts that are not contiguous.
    ///
    /// # Safety
    /// As for [`Parts::slice`], of all that is reached from here. The address is not used once the slice's borrow has ended.
    pub(super) unsafe fn pointer(&self, at: usize) -> *mut T {
        assert!(at < self.len);
        // SAFETY: within the slice.
        unsafe { self.start.add(at) }
    }

    /// The part [start, start + len).
    ///
    /// # Safety
    /// No two tasks ask for overlapping parts, and no part is asked for while one that overlaps it is in use.
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint by contract")]
    pub(super) unsafe fn slice(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start <= self.len && len <= self.len - start, "part {start}+{len} of {}", self.len);
        // SAFETY: in range by the assertion, disjoint by the contract, and borrowed by `Self`.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            for count in [0, 1, 2, 7, if cfg!(miri) { 50 } else { 1000 }] {
                let hits: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                for _ in 0..20 {
                    pool.run(count, &|i| {
                        hits[i].fetch_add(1, Ordering::Relaxed);
                    });
                }
                assert!(hits.iter().all(|h| h.load(Ordering::Relaxed) == 20));
            }
        }
    }

    #[test]
    fn a_task_may_ask_for_tasks() {
        let pool = Pool::new(3);
        let sum = AtomicUsize::new(0);
        pool.run(10, &|_| {
            pool.run(10, &|i| {
                sum.fetch_add(i, Ordering::Relaxed);
            })
        });
        assert_eq!(sum.into_inner(), 450);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        for bad in 0..4 {
            let result = catch_unwind(AssertUnwindSafe(|| pool.run(4, &|i| assert!(i != bad))));
            assert!(result.is_err());
        }
        let sum = AtomicUsize::new(0);
        pool.run(10, &|i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 45);
    }
}
