//! What one instance keeps on disk: an SQLite database and a folder of files named by content.
//!
//! ```text
//! <data directory>/        0700 when made here
//!   state.db (-wal, -shm)  0600  users, sessions, maps, history, settings, documents, alarms, events
//!   history/               0700  sealed history, see [`SealedFile`]
//!   files/<sha-256>        0600  plans and other files, see [`Files`]
//! ```
//!
//! This is the only crate that knows SQL, and it knows no HTTP, no hashing of passwords and no
//! clock: times are handed in. Every call blocks; an asynchronous caller moves it to a blocking
//! thread. One connection serves all calls, entries of the journal ([`Store::apply`]) and history
//! ([`HistoryWriter`]) are written through others, so a login never waits for more than one commit.
//!
//! Durability: WAL with `synchronous=NORMAL`. A crash of the process loses nothing that was
//! committed; a crash of the machine can lose the commits since the last checkpoint but never
//! leaves a half-written database. What must survive that is journalled before it comes here.

use std::error::Error as StdError;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use apply::{Applier, Program};
use history::sealed;
use model::Time;
use rusqlite::backup::Backup;
use rusqlite::{Connection, Transaction, TransactionBehavior};

mod alarms;
mod apply;
mod documents;
mod error;
mod events;
mod files;
mod heat;
mod history;
mod maps;
mod schema;
mod service_identity;
mod sessions;
mod settings;
mod stays;
mod users;

pub use alarms::{ALARM_TEXT_BYTES_MAX, ALARM_WORD_BYTES_MAX, ALARMS_MAX, Alarm, Severity};
pub use apply::{
    Applied, Change, Content, Encoded, FEATURE_LEVEL, HISTORY_APPENDED_KIND,
    HISTORY_BATCH_ROWS_MAX, Outcome, STATE_HASH_INTERVAL, Secret, Snapshot, SnapshotFile,
    StateHash, holds_secret, pairing,
};
pub use documents::{DOCUMENT_BYTES_MAX, DOCUMENT_NAME_BYTES_MAX};
pub use error::StoreError;
pub(crate) use error::{database_error, file_error};
pub use events::{EVENT_TEXT_BYTES_MAX, EVENT_WORD_BYTES_MAX, EVENTS_MAX, Event};
pub use files::{FILE_BYTES_MAX, Files};
pub use heat::{HEAT_CELLS_MAX, HeatCell};
pub use history::{
    COMMIT_INTERVAL_MS, COMMIT_ROWS_MAX, FloorHistory, HistoryCounts, HistoryRow, HistoryWriter,
    KeptRow, NEWEST_ROWS_MAX, PLAYBACK_ROWS_MAX, QUEUE_ROWS_MAX, SealedFile, TRAIL_ROWS_MAX,
};
pub use service_identity::{IDENTITY_PEM_BYTES_MAX, ServiceIdentity};
pub use sessions::{SESSIONS_PER_USER_MAX, Session};
pub use settings::{SETTING_KEY_BYTES_MAX, SETTING_VALUE_BYTES_MAX};
pub use stays::STAYS_BATCH_MAX;
pub use users::{PASSWORD_HASH_BYTES_MAX, Role, USER_NAME_BYTES_MAX, USERS_MAX, UnknownRole, User};

/// How long a statement waits for another connection's commit. Ours: commits take milliseconds,
/// a disk that stalls for seconds is a failure worth reporting.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The write-ahead log is folded into the database when it has this many pages of 4 KiB (64 MiB).
/// Ours, measured: history touches the same index pages again and again, and with SQLite's default
/// of 1,000 pages each is copied several times as often, at half the rows a second.
const CHECKPOINT_PAGES: i64 = 16_384;
/// The log is cut back to this size afterwards.
const WAL_BYTES_KEPT: i64 = CHECKPOINT_PAGES * 4096;
/// Memory for pages of each connection, as SQLite wants it: negative, in KiB. Ours, measured: the
/// pages of the element index that 20,000 elements write to.
const CACHE_KIB: i64 = -(64 << 10);
/// Name of the database in the data directory.
const DATABASE: &str = "state.db";
/// Folder of the files that are named by content.
const FILES: &str = "files";
/// Only the owner enters the directories.
const DIRECTORY_MODE: u32 = 0o700;
/// Only the owner reads the files: they hold password hashes and where people were.
const FILE_MODE: u32 = 0o600;

/// The database and the files of one instance.
#[derive(Debug)]
pub struct Store {
    database: PathBuf,
    connection: Mutex<Connection>,
    applier: Mutex<Applier>,
    /// The folder of the sealed files.
    history: PathBuf,
    files: Files,
}

impl Store {
    /// Opens the store in `dir`; makes the directory, the database and its tables when missing.
    ///
    /// A directory that is there keeps its mode, because it may be shared on purpose.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_as(dir, Program::THIS)
    }

    /// Opens the store as this or another program would.
    fn open_as(dir: &Path, program: Program) -> Result<Self, StoreError> {
        make_directory(dir)?;
        let database = dir.join(DATABASE);
        make_private(&database)?;
        let mut connection = connect(&database)?;
        schema::migrate(&mut connection, &database, schema::MIGRATIONS)?;
        let applier = Applier::new(&database, program)?;
        let store = Self {
            files: Files::open(dir.join(FILES))?,
            history: dir.join(sealed::DIRECTORY),
            connection: Mutex::new(connection),
            applier: Mutex::new(applier),
            database,
        };
        make_directory(&store.history)?;
        // In a transaction: another process that is sealing just now holds the same lock.
        store.transact(|transaction| {
            Ok(sealed::tidy(&store.history, &sealed::list(transaction)?))
        })?;
        Ok(store)
    }

    /// The files that are kept beside the database.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Bytes that the database takes on disk, write-ahead log included.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for suffix in ["", "-wal"] {
            let mut path = self.database.clone().into_os_string();
            path.push(suffix);
            match fs::metadata(&path) {
                Ok(metadata) => bytes += metadata.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(file_error(Path::new(&path))(source)),
            }
        }
        Ok(bytes)
    }

    /// Copies the database to `path` while it is in use; files and sealed history are not part of it.
    ///
    /// The copy is one moment of the database. It appears under its name only when it is complete,
    /// and replaces what was there.
    pub fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        match fs::remove_file(&partial) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(file_error(&partial)(source));
            }
            _ => make_private(&partial)?,
        }
        self.copy_into(&partial)?;
        fs::File::open(&partial)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&partial, path))
            .and_then(|()| sync_parent(path))
            .map_err(file_error(path))
    }

    fn copy_into(&self, path: &Path) -> Result<(), StoreError> {
        // A connection of its own and one single step: stepping would start again after every
        // commit of the history writer, and sharing the connection would stop all other calls.
        let source = connect(&self.database)?;
        let mut target = Connection::open(path).map_err(database_error(path))?;
        let copied = Backup::new(&source, &mut target).and_then(|backup| backup.step(-1));
        copied.map_err(database_error(&self.database))?;
        target.close().map_err(|(_, error)| database_error(path)(error))
    }

    /// Runs `work` in a transaction that is committed only when there is nothing to refuse.
    fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.run(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let outcome = work(&transaction)?;
            if outcome.is_ok() {
                transaction.commit()?;
            }
            Ok(outcome)
        })?
    }

    /// Runs `work` on the connection and names the database in its error.
    fn run<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        // A panic inside `work` rolled its transaction back: the connection is sound.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(database_error(&self.database))
    }
}

/// A connection with our settings.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
        Ok(connection)
    };
    open().map_err(database_error(path))
}

fn make_directory(path: &Path) -> Result<(), StoreError> {
    let made = match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read_dir(path).map(|_| ())
        }
        made => made,
    };
    made.map_err(|source| StoreError::LocalDirectory { path: path.to_owned(), source })
}

/// Makes the file when it is missing, and private in any case. SQLite gives the `-wal` and `-shm`
/// files the same mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .open(path)
        .and_then(|file| file.set_permissions(Permissions::from_mode(FILE_MODE)))
        .map_err(file_error(path))
}

/// Makes a rename durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all())
}

/// A time as a column: SQLite's integers are signed, and 2^63 ms are 292 million years.
fn time_column(time: Time) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// A time from a column.
fn column_time(value: i64) -> Time {
    Time(u64::try_from(value).unwrap_or(0))
}

/// A value that this crate cannot have written.
fn damaged(column: usize, what: impl Into<Box<dyn StdError + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Null, what.into())
}

#[cfg(test)]
mod tests;
