//! Warnings: what the user should know about.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::declare::notices;

/// The examples that a sequence belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Training,
    HeldOut,
    Replay,
}

notices! {
    /// What the user should know about.
    Warning {
        /// a finding in the dataset
        Dataset { text: String },
        /// more findings in the dataset than are shown
        DatasetMore {
            /// not shown
            findings: usize
        },
        /// a finding in the documents
        Documents { text: String },
        /// sources state different values of one attribute of one entity; neither is taught
        FactConflict {
            entity: String,
            attribute: String,
            /// each value with its source
            stated: Vec<String>
        },
        /// more conflicts than are shown
        FactConflictsMore {
            /// not shown
            conflicts: usize
        },
        /// the adapter changes nothing: of each pair A or B is zero
        AdapterWithoutEffect {},
        /// v1 can't be unloaded or loaded again, so nothing is known of what changes when it is asked twice
        NoiseFloorUnknown { model: String, reason: String },
        /// a model that was registered for a while can't be removed from the daemon
        ModelNotRemoved { model: String, reason: String },
        /// sequences that `max_seq_len` cuts
        SequencesCut {
            /// `training`, `held_out` or `replay`
            part: Part,
            sequences: usize,
            /// all sequences of the part
            of: usize,
            /// tokens
            max_seq_len: usize,
            /// cut tokens
            tokens: usize,
            /// cut tokens that would be trained
            trained: usize,
            /// turns whose end is cut
            turns: usize,
            /// of the first sequences
            places: Vec<String>
        },
        /// sequences of which nothing that is trained is left within `max_seq_len`
        SequencesLeftOut {
            /// `training`, `held_out` or `replay`
            part: Part,
            sequences: usize,
            /// tokens
            max_seq_len: usize,
            /// of the first sequences
            places: Vec<String>
        },
        /// fewer replay prompts than wanted
        FewReplayPrompts {
            wanted: usize,
            /// that are there
            prompts: usize,
            /// the share of replayed examples that is wanted
            share: f64
        },
        /// kept replay answers can't be read and are made again
        ReplayAnswersLost { path: PathBuf, reason: String },
        /// no GPU computes the training
        NoGpu {
            /// `null`: built without GPU support
            reason: Option<String>,
            /// of the whole training
            seconds: f64,
            steps: u64,
            seconds_left: f64
        },
        /// a checkpoint can't be used
        CheckpointPassedOver { path: PathBuf, reason: String },
        /// `--resume` finds no checkpoint
        NothingToResume { path: PathBuf },
        /// a finished training is replaced
        FinishedTraining {
            path: PathBuf,
            /// names of the checkpoints that are removed
            checkpoints: Vec<String>
        },
        /// a trained adapter is replaced when the training ends
        AdapterReplaced { path: PathBuf },
        /// with `--force` an adapter is used on a base that it was not trained on
        OtherBase { adapter: PathBuf, trained_on: String, base: String, reason: String },
        /// an adapter of another program names another base, and does not record the digest of it
        AdapterNamesOtherBase {
            adapter: PathBuf, base: String,
            /// the base that the adapter names
            named: String
        },
        /// little of the tune is left in an exported tensor
        LowSurvival {
            tensor: String,
            /// share of the tune that is left
            survival: f64,
            /// type of the values before
            from: String,
            /// type in the file
            to: String
        },
        /// Ollama no longer takes a parameter
        ParameterLeftOut { parameter: String, reason: String },
        /// no usable daemon answers
        Daemon { reason: String },
        /// an unknown key in models.yaml
        UnknownRoleKey {
            /// with the role before it
            key: String,
            /// the known key that is most like it
            nearest: String
        },
        /// another tunesmith has the lock
        WaitingForLock {
            path: PathBuf,
            /// waited for at most
            seconds: u64
        },
        /// the page of the run can't be written
        ReportNotWritten { path: PathBuf, reason: String },
        /// TensorBoard's event file can't be written; the training goes on without it
        TensorBoardNotWritten { path: PathBuf, reason: String },
        /// the gate's verdict can't be recorded
        VerdictNotRecorded { reason: String },
        /// a line of the registry of promotions is damaged and passed over
        RegistryDamaged { path: PathBuf, line: usize, reason: String },
    }
}
