//! What was being done with a file when a fault happened.

/// What was being done, as a [`super::StoreError`] says it before the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum FileAction {
    Reading,
    #[strum(serialize = "reading folder")]
    ReadingFolder,
    #[strum(serialize = "reading config")]
    ReadingConfig,
    #[strum(serialize = "reading the suite")]
    ReadingSuite,
    #[strum(serialize = "reading the adapter's")]
    ReadingAdapter,
    #[strum(serialize = "reading the dataset")]
    ReadingDataset,
    #[strum(serialize = "reading the replay prompts")]
    ReadingReplay,
    #[strum(serialize = "reading the roles of")]
    ReadingRoles,
    Finding,
    Opening,
    #[strum(serialize = "opening folder")]
    OpeningFolder,
    #[strum(serialize = "opening the kept answers")]
    OpeningAnswers,
    #[strum(serialize = "opening the folder of kept answers")]
    OpeningAnswersFolder,
    #[strum(serialize = "creating a file in")]
    CreatingFile,
    #[strum(serialize = "creating folder")]
    CreatingFolder,
    #[strum(serialize = "creating a temporary file in")]
    CreatingTemporaryFile,
    #[strum(serialize = "creating a temporary folder in")]
    CreatingTemporaryFolder,
    Writing,
    #[strum(serialize = "writing below")]
    WritingBelow,
    #[strum(serialize = "writing in")]
    WritingIn,
    #[strum(serialize = "writing in place")]
    WritingInPlace,
    #[strum(serialize = "writing the history")]
    WritingHistory,
    #[strum(serialize = "keeping an answer in")]
    KeepingAnswer,
    #[strum(serialize = "moving to")]
    MovingTo,
    Removing,
    #[strum(serialize = "removing the checkpoint")]
    RemovingCheckpoint,
    #[strum(serialize = "removing what a killed run left in")]
    RemovingLeftovers,
    Locking,
    #[strum(serialize = "syncing folder")]
    SyncingFolder,
}

impl FileAction {
    /// Of a file that was named or made by the user: that it is missing, or not what it should be, is a fault of the input.
    pub fn reads(self) -> bool {
        use FileAction::{
            Finding, Reading, ReadingAdapter, ReadingConfig, ReadingDataset, ReadingFolder, ReadingReplay,
            ReadingRoles, ReadingSuite,
        };
        matches!(
            self,
            Finding
                | Reading
                | ReadingAdapter
                | ReadingConfig
                | ReadingDataset
                | ReadingFolder
                | ReadingReplay
                | ReadingRoles
                | ReadingSuite
        )
    }
}
