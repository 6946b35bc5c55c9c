//! What a person should hear of a swap, beside that it is done.

use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq)]
pub enum SwapNote {
    /// One that was interrupted is finished.
    Finished { role: String, from: String, to: String },
    /// One that was interrupted never reached the file.
    NotDone { role: String, from: String },
    /// The file was edited after one was interrupted: the role uses `now`.
    Overtaken { role: String, from: String, to: String, now: String },
    /// The file could not be renamed over and was written in place.
    InPlace { path: PathBuf },
}
