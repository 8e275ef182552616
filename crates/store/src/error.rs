//! Why something could not be stored or found.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use model::pair::Position;

/// Why something could not be stored or found.
///
/// `Peer..` and `Config..` say that the caller asked for something that cannot be: nothing changed.
/// `Local..` says that this node failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data directory cannot be made or entered.
    #[error(
        "cannot use the data directory {}: {source}; its parent must exist and this user must own it", path.display()
    )]
    LocalDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read or written.
    #[error(
        "cannot read or write {}: {source}; check its owner and the space on its disk", path.display()
    )]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database file is something else, or is damaged.
    #[error(
        "{} is not a database of OpenMSE, or it is damaged ({what}); restore a backup, or move it away to start empty", path.display()
    )]
    LocalNotADatabase {
        /// The file.
        path: PathBuf,
        /// What was noticed.
        what: String,
    },
    /// The database was written by a newer program.
    #[error(
        "{} has schema {found}, this program knows {known}: a newer OpenMSE wrote it; install that version, or restore an older backup", path.display()
    )]
    LocalNewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// The database refused a statement.
    #[error("{}: {source}; check the space on its disk", path.display())]
    LocalDatabase {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A sealed file is missing or damaged.
    #[error(
        "the history file {} is damaged ({what}); fetch it from the peer, or restore a snapshot", path.display()
    )]
    LocalSealedFile {
        /// The file.
        path: PathBuf,
        /// What was noticed.
        what: String,
    },
    /// Committed entries are missing between what was applied and what was handed in.
    #[error(
        "entry {next} cannot be applied after entry {applied}; hand in the entries between them, or restore a snapshot"
    )]
    LocalGap {
        /// The last entry that was applied.
        applied: u64,
        /// The entry that was handed in.
        next: u64,
    },
    /// The journal is not the one that was applied.
    #[error(
        "the journal has {found} where {applied} was applied; this node has to be rebuilt from its peer"
    )]
    LocalDiverged {
        /// What was applied last.
        applied: Position,
        /// What the journal has at that index.
        found: Position,
    },
    /// An entry is beyond what this program knows.
    #[error(
        "entry {index} needs {what}, which this program does not know; upgrade this node first"
    )]
    LocalOlderProgram {
        /// The entry.
        index: u64,
        /// What it holds.
        what: String,
    },
    /// The content of an entry cannot be read.
    #[error("entry {index} is no {change}: {what}; this node has to be rebuilt from its peer")]
    LocalBadEntry {
        /// The entry.
        index: u64,
        /// What its kind promises.
        change: &'static str,
        /// What was noticed.
        what: String,
    },
    /// A snapshot cannot be made or used.
    #[error("the snapshot {} cannot be used: {what}; make a new one in an empty place", path.display())]
    LocalSnapshot {
        /// Its directory.
        path: PathBuf,
        /// What was noticed.
        what: String,
    },
    /// A thread could not be started.
    #[error("cannot start the history writer: {0}; raise the limit of threads of this user")]
    LocalThread(io::Error),
    /// No user has this name.
    #[error("there is no user '{0}'")]
    PeerUnknownUser(String),
    /// A user has this name already.
    #[error("there is a user '{0}' already; choose another name")]
    PeerUserExists(String),
    /// Nobody could administer the system any more.
    #[error("'{0}' is the last admin; make another user admin first")]
    PeerLastAdmin(String),
    /// No alarm has this number.
    #[error("there is no alarm {0}")]
    PeerUnknownAlarm(u64),
    /// The pair agreed on a level at which this change does not exist yet.
    #[error(
        "'{change}' needs feature level {needs}, the pair agreed on {agreed}; upgrade both nodes, it rises by itself"
    )]
    PeerAboveLevel {
        /// The change.
        change: &'static str,
        /// The level that brings it.
        needs: u32,
        /// The level of the pair.
        agreed: u32,
    },
    /// Two programs are too far apart to be a pair.
    #[error(
        "feature levels {ours} and {theirs} cannot pair: they may differ by one; upgrade the node with the lower one"
    )]
    PeerLevels {
        /// The level of one program.
        ours: u32,
        /// The level of the other.
        theirs: u32,
    },
    /// A text or file is outside its limits.
    #[error("{what} must be {allowed}")]
    PeerBadValue {
        /// What was given.
        what: &'static str,
        /// What it has to be.
        allowed: String,
    },
    /// Maps that would not work are not saved.
    #[error("the maps are not saved: {0}")]
    ConfigMaps(#[from] model::map::MapError),
    /// Maps that could not be read back are not saved.
    #[error("the maps are not saved, they would not be readable again: {0}")]
    ConfigMapsUnreadable(String),
}

/// Names the file that failed.
pub(crate) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::LocalFile { path, source }
}

/// Names the database that failed, and tells damage from refusal.
pub(crate) fn database_error(path: &Path) -> impl FnOnce(rusqlite::Error) -> StoreError {
    use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType};
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let path = path.to_owned();
    move |error| {
        let code = error.sqlite_error_code();
        let is_damaged = matches!(code, Some(DatabaseCorrupt | NotADatabase))
            || matches!(error, FromSqlConversionFailure(..) | InvalidColumnType(..));
        if is_damaged {
            return StoreError::LocalNotADatabase { path, what: error.to_string() };
        }
        StoreError::LocalDatabase { path, source: Box::new(error) }
    }
}
