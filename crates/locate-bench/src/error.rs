//! What can be wrong with a data set.

use std::path::PathBuf;

/// Why a data set cannot be measured; each names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file is not there, or cannot be read.
    #[error("{path}: {source}")]
    LocalFile {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{path}, line {line}: {what}")]
    PeerLine {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1; the first has the names of the columns.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The data set has nothing that this mode needs.
    #[error("{folder} has no {needed}, which --mode {mode} needs; {remedy}")]
    PeerLacks {
        /// The folder.
        folder: PathBuf,
        /// What is missing.
        needed: &'static str,
        /// The mode.
        mode: &'static str,
        /// What the folder can be measured with instead.
        remedy: String,
    },
    /// The site cannot be one.
    #[error("{folder}: {what}")]
    PeerSite {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}
