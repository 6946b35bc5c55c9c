//! The models in memory. They are mapped, so several cost little; each has its own thread and queue.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::engine::Engine;
use super::job::Job;
use super::lock::lock;
use super::reply::Fault;
use super::second::Loaded;
use super::state::State;

/// Models that stay loaded; the one used last goes last.
const MOST: usize = 3;

impl State {
    /// The engine of this file, loaded now if need be.
    pub(super) fn engine(&self, path: &Path) -> Result<Arc<Engine>, Fault> {
        if let Some(engine) = self.known(path) {
            return Ok(engine);
        }
        // One at a time loads; the others ask again then.
        let _opening = lock(&self.opening);
        if let Some(engine) = self.known(path) {
            return Ok(engine);
        }
        let engine = Arc::new(Engine::open(path)?);
        let mut engines = lock(&self.engines);
        engines.truncate(MOST - 1);
        engines.insert(0, Arc::clone(&engine));
        Ok(engine)
    }

    fn known(&self, path: &Path) -> Option<Arc<Engine>> {
        let mut engines = lock(&self.engines);
        let at = engines.iter().position(|e| e.path == path)?;
        let engine = engines.remove(at);
        engines.insert(0, Arc::clone(&engine));
        Some(engine)
    }

    pub(super) fn unload(&self, path: &Path) {
        lock(&self.engines).retain(|e| e.path != path);
        let mut second = lock(&self.second);
        if second.as_ref().is_some_and(|l| l.path == path) {
            *second = None;
        }
    }

    /// The answer of the other implementation, one request at a time.
    pub(super) fn second_opinion(&self, path: &Path, job: &Job, started: Instant) -> Result<(), Fault> {
        let mut loaded = lock(&self.second);
        // Out of its place while it computes: what panics is not used again. The old one goes first, since a small machine
        // can't hold two copies.
        let mut model = match loaded.take().filter(|l| l.path == path) {
            Some(model) => model,
            None => Loaded::open(path)?,
        };
        let answered = model.answer(job, started);
        *loaded = Some(model);
        answered
    }
}
