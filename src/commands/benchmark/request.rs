//! What the command line says of a benchmark.

use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct BenchmarkRequest {
    /// The folder of an adapter, or a model in the daemon; None: the latest adapter below `output/`.
    pub model: Option<String>,
    /// The base; None: the one that the adapter names, the role's, or the config's.
    pub against: Option<String>,
    pub role: Option<String>,
    /// The embedding model; None: the role's.
    pub embed: Option<String>,
    pub limit: Option<usize>,
    pub output: PathBuf,
    pub num_thread: Option<u64>,
    /// Refused: a benchmark has no test that passes or fails.
    pub junit: Option<PathBuf>,
}
