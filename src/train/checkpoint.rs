//! `checkpoint-N/`: adapter, optimiser, position; written whole, read back only when whole.

use std::path::{Path, PathBuf};

use super::adamw::Moments;
use super::folders::{STATE, folder, is_ours, numbers, steps_in};
use super::identity::Identity;
use super::retention;
use super::watch::Watch;
use super::{Event, Job, TrainError, metrics, moments_file};
use crate::lora::{Adapter, Hf, LoraConfig, Stored};
use crate::store::{Digest, FileAction, StoreError, TempFolder, read_nofollow, write_whole};

const FORMAT: u32 = 2;

/// It is a few KiB.
const MAX_STATE: u64 = 16 << 20;
const FILES: [&str; 3] = ["adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors"];

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Position {
    /// Optimiser steps done.
    pub step: u64,
    pub epoch: f64,
    /// Examples of this epoch's order that are done. The order itself follows from the seed and the epoch, and so do
    /// the dropout masks from the seed and the step: there is no other random state.
    pub order_position: u64,
    pub totals: Totals,
    /// As they were when this epoch began.
    pub epoch_began: Totals,
    /// Step and loss of the latest evaluation.
    pub evaluated: Option<(u64, f64)>,
    pub watch: Watch,
}

/// Sums over the steps done.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Totals {
    pub nll: f64,
    pub correct: u64,
    pub entropy: f64,
    /// Of the steps' gradient norms, and the steps.
    #[serde(default)]
    pub grad_norms: f64,
    #[serde(default)]
    pub steps: u64,
    pub trained_tokens: u64,
    pub num_tokens: u64,
    pub samples: u64,
    /// In steps.
    pub training_seconds: f64,
    /// In all.
    pub seconds: f64,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct State {
    format: u32,
    tunesmith_version: String,
    #[serde(flatten)]
    position: Position,
    seed: u64,
    #[serde(flatten)]
    identity: Identity,
    files: std::collections::BTreeMap<String, Digest>,
}

/// A checkpoint, read back.
#[derive(Debug)]
pub(super) struct Loaded {
    pub adapter: Adapter<Hf>,
    pub moments: Moments,
    pub position: Position,
}

/// Writes `checkpoint-N/`; nothing is at that name before all of it is.
pub(super) fn save(
    job: &Job<'_>,
    identity: &Identity,
    position: &Position,
    adapter: &Adapter<Stored>,
    moments: &Moments,
) -> Result<PathBuf, TrainError> {
    let target = folder(job.output, position.step);
    let work = WholeFolder::create(&target)?;
    let (weights, path) = (job.weights, work.path());
    let digest = |name: &str| Ok::<_, TrainError>((name.to_owned(), Digest::of_file(path.join(name))?));
    let write_optimizer = || {
        moments_file::write(&path.join(FILES[2]), moments, weights)?;
        digest(FILES[2])
    };
    // Hundreds of MB, and the end of a short training: two at a time, if a thread can be started.
    let files = std::thread::scope(|scope| {
        let beside = std::thread::Builder::new().spawn_scoped(scope, write_optimizer);
        adapter.save(path, job.base_name, weights)?;
        job.origin.map_or(Ok(()), |origin| origin.save(path))?;
        let of_adapter = [digest(FILES[0])?, digest(FILES[1])?];
        let optimizer = match beside {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
            Err(_) => write_optimizer()?,
        };
        Ok::<_, TrainError>(of_adapter.into_iter().chain([optimizer]).collect())
    })?;
    let state = State {
        format: FORMAT,
        tunesmith_version: env!("CARGO_PKG_VERSION").to_owned(),
        position: position.clone(),
        seed: job.config.seed,
        identity: identity.clone(),
        files,
    };
    let text = serde_json::to_string_pretty(&state).map_err(|e| TrainError::Other(format!("{STATE}: {e}")))?;
    write_whole(work.path().join(STATE), format!("{text}\n").as_bytes())?;
    work.finish()?;
    Ok(target)
}

/// The newest checkpoint of `job.output` that is whole; None where there is none at all. One of another run is refused,
/// with what differs.
pub(super) fn newest(
    job: &Job<'_>,
    identity: &Identity,
    lora: &LoraConfig,
    on_event: &mut dyn FnMut(&Event),
) -> Result<Option<Loaded>, TrainError> {
    let steps = steps_in(job.output)?;
    for &step in steps.iter().rev() {
        let folder = folder(job.output, step);
        let state = match state_of(&folder, step) {
            Ok(state) => state,
            Err(reason) => {
                on_event(&Event::PassedOver { folder, reason });
                continue;
            }
        };
        let differences = state.identity.differences(identity);
        if !differences.is_empty() {
            let reason = format!(
                "{}; resume with what it was begun with, or begin anew in another folder",
                differences.join("; ")
            );
            return Err(TrainError::Resume { folder, reason });
        }
        match load(&folder, job, lora) {
            Ok((adapter, moments)) => {
                let position = state.position;
                best_is_whole(job, &position)?;
                return Ok(Some(Loaded { adapter, moments, position }));
            }
            Err(e) => on_event(&Event::PassedOver { folder, reason: e.to_string() }),
        }
    }
    if steps.is_empty() {
        return Ok(None);
    }
    // Begun anew, the training would write over what somebody may still mend.
    let names: Vec<_> = steps.iter().map(|step| format!("checkpoint-{step}")).collect();
    let reason = format!("none of its checkpoints can be read ({}): move them away, and begin anew", names.join(", "));
    Err(TrainError::Resume { folder: job.output.to_path_buf(), reason })
}

/// What `final/` is to be made from must be there, before more is trained.
fn best_is_whole(job: &Job<'_>, position: &Position) -> Result<(), TrainError> {
    let Some((step, _)) = position.watch.best.filter(|_| job.config.load_best_model_at_end) else { return Ok(()) };
    // It may stand in the very checkpoint that is resumed from.
    match state_of(&folder(job.output, step), step) {
        Ok(_) => Ok(()),
        Err(reason) => Err(TrainError::Resume {
            folder: folder(job.output, step),
            reason: format!("it is the best one so far, and is lost or damaged ({reason}); begin anew"),
        }),
    }
}

/// The adapter of a checkpoint of this run.
pub(super) fn adapter_at(job: &Job<'_>, step: u64, lora: &LoraConfig) -> Result<Adapter<Hf>, TrainError> {
    let folder = folder(job.output, step);
    state_of(&folder, step).map_err(|e| {
        let whole = "begin anew, or take the last checkpoint's adapter instead of final/";
        TrainError::Other(format!("{}: the best checkpoint can't be read ({e}): {whole}", folder.display()))
    })?;
    let mut adapter = Adapter::load(&folder, job.weights.spec())?;
    adapter.config = lora.clone();
    Ok(adapter)
}

fn load(folder: &Path, job: &Job<'_>, lora: &LoraConfig) -> Result<(Adapter<Hf>, Moments), TrainError> {
    let mut adapter = Adapter::load(folder, job.weights.spec())?;
    adapter.config = lora.clone();
    let path = folder.join(FILES[2]);
    let bytes = std::fs::read(&path).map_err(|e| StoreError::new(FileAction::READING, &path, e))?;
    let moments = moments_file::read(&bytes, &adapter.pairs)?;
    Ok((adapter, moments))
}

fn state_of(folder: &Path, step: u64) -> Result<State, String> {
    let text = read_nofollow(&folder.join(STATE), MAX_STATE).map_err(|e| e.to_string())?;
    let text = text.ok_or_else(|| format!("{STATE} is not there"))?;
    let state: State = serde_json::from_slice(&text).map_err(|e| format!("{STATE}: {e}"))?;
    if state.format != FORMAT {
        return Err(format!("{STATE} has the format {}, this version reads {FORMAT}", state.format));
    }
    if state.position.step != step {
        return Err(format!("{STATE} says step {}", state.position.step));
    }
    for name in FILES {
        let digest = Digest::of_file(folder.join(name)).map_err(|e| e.to_string())?;
        if state.files.get(name) != Some(&digest) {
            return Err(format!("{name} is not the file that was saved"));
        }
    }
    Ok(state)
}

/// What an earlier training has left in an output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Its checkpoints, the oldest first.
    pub checkpoints: Vec<PathBuf>,
    /// Folders named like ours that are none: another program's, or without the file that says where they stand.
    pub foreign: Vec<PathBuf>,
    /// It came to its end.
    pub finished: bool,
}

/// What lies in `output` before a training begins there.
pub fn left(output: &Path) -> Result<Left, TrainError> {
    let (ours, others): (Vec<u64>, Vec<u64>) = numbers(output)?.into_iter().partition(|step| is_ours(output, *step));
    let folders = |steps: Vec<u64>| steps.into_iter().map(|step| folder(output, step)).collect();
    Ok(Left { checkpoints: folders(ours), foreign: folders(others), finished: metrics::finished(output) })
}

/// Removes what an earlier run left in `output`, so that a later resume can't take it for this one's.
pub(super) fn clear(output: &Path) -> Result<(), TrainError> {
    steps_in(output)?.into_iter().try_for_each(|step| retention::remove(output, step))
}

/// A folder being filled beside its final name. Whoever fills one holds the lock of the folder that it lies in.
#[derive(Debug)]
pub struct WholeFolder {
    work: TempFolder,
    target: PathBuf,
}

impl WholeFolder {
    pub fn create(target: &Path) -> Result<Self, TrainError> {
        let parent = target.parent().unwrap_or(Path::new("."));
        let work = TempFolder::create_in(parent)?;
        Ok(Self { work, target: target.to_path_buf() })
    }

    pub fn path(&self) -> &Path {
        self.work.path()
    }

    /// To its name, in place of what is there.
    pub fn finish(self) -> Result<(), TrainError> {
        let Self { work, target } = self;
        let fault = |e| StoreError::new(FileAction::WRITING, &target, e);
        if target.exists() {
            // Moved aside first: removing takes longer than renaming, and can be interrupted.
            let aside = retention::aside(&target);
            std::fs::rename(&target, &aside).map_err(fault)?;
            work.rename_to(&target).map_err(fault)?;
            return std::fs::remove_dir_all(&aside).map_err(fault).map_err(TrainError::from);
        }
        work.rename_to(&target).map_err(fault)?;
        Ok(())
    }
}
