//! The whole replicated state as files, for a node that starts again from its peer.
//!
//! ```text
//! <snapshot>/state.db    a copy of the database, without what is each node's own
//! <snapshot>/history/    the sealed files, as hard links
//! <snapshot>/files/      the files that are named by content, as hard links
//! ```
//!
//! Sealed files are the same on both nodes: who rejoins compares [`Store::sealed_files`] with the
//! list and fetches only what is missing. How the files travel is not known here.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use model::pair::Position;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::{Program, StateHash, hash, replica};
use crate::history::{SealedFile, sealed};
use crate::{
    DATABASE, FILES, Files, Store, StoreError, connect, database_error, file_error, make_directory,
    make_private, schema, sync_parent,
};

/// One moment of the replicated state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it stands: the journal goes on after it.
    pub position: Position,
    /// The hash of the state.
    pub hash: StateHash,
    /// Its files, the database first.
    pub files: Vec<SnapshotFile>,
}

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Path in the snapshot, with slashes.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its content.
    pub blake3: [u8; 32],
}

impl Store {
    /// Writes the state as it is now to the new directory `dir`, on the same file system. Entries
    /// are applied meanwhile. The directory appears when it is complete.
    pub fn snapshot_to(&self, dir: &Path) -> Result<Snapshot, StoreError> {
        if dir.exists() {
            return Err(unusable(dir, "something is there already"));
        }
        let mut partial = dir.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file_error(&partial)(error));
            }
            _ => make_directory(&partial)?,
        }
        let snapshot = self.write_snapshot(&partial)?;
        fs::rename(&partial, dir).and_then(|()| sync_parent(dir)).map_err(file_error(dir))?;
        Ok(snapshot)
    }

    fn write_snapshot(&self, dir: &Path) -> Result<Snapshot, StoreError> {
        let failed = |error| database_error(&self.database)(error);
        let source = connect(&self.database)?;
        let sealed = self.hold(&source, dir)?;
        // Later than the moment of the database: a file is there before an entry names it, and one
        // too many does no harm.
        let plans = self.hold_files(&dir.join(FILES))?;
        let state = replica::load(&source).map_err(failed)?;
        let hash = hash::state(&source, &state).map_err(failed)?;
        let copy = dir.join(DATABASE);
        make_private(&copy)?;
        let mut target = Connection::open(&copy).map_err(database_error(&copy))?;
        Backup::new(&source, &mut target).and_then(|it| it.step(-1)).map_err(failed)?;
        strip(&target)
            .and_then(|()| target.close().map_err(|(_, error)| error))
            .map_err(database_error(&copy))?;
        sync(&copy)?;
        let (bytes, blake3) = sealed::fingerprint(&copy)?;
        let database = SnapshotFile { name: DATABASE.to_owned(), bytes, blake3 };
        let sealed = sealed.iter().map(|file| SnapshotFile {
            name: format!("{}/{}", sealed::DIRECTORY, file.name()),
            bytes: file.bytes,
            blake3: file.blake3,
        });
        let files = std::iter::once(database).chain(sealed).chain(plans).collect();
        Ok(Snapshot { position: state.applied, hash, files })
    }

    /// Holds one moment on `source` by a transaction that stays open, and the files of that moment
    /// by links. Nothing is applied in between, so no file can expire.
    fn hold(&self, source: &Connection, dir: &Path) -> Result<Vec<SealedFile>, StoreError> {
        let mut applier = self.applier();
        self.seal_when_due(&mut applier)?;
        let files = source
            .execute_batch("BEGIN")
            .and_then(|()| sealed::list(source))
            .map_err(database_error(&self.database))?;
        let folder = dir.join(sealed::DIRECTORY);
        make_directory(&folder)?;
        for file in &files {
            let (from, to) = (sealed::path(&self.history, file), sealed::path(&folder, file));
            fs::hard_link(&from, &to).map_err(file_error(&to))?;
        }
        sync(&folder)?;
        Ok(files)
    }

    /// Holds the files that are named by content, by links.
    fn hold_files(&self, folder: &Path) -> Result<Vec<SnapshotFile>, StoreError> {
        make_directory(folder)?;
        let mut files = Vec::new();
        for name in self.files.link_into(folder)? {
            let (bytes, blake3) = sealed::fingerprint(&folder.join(&name))?;
            files.push(SnapshotFile { name: format!("{FILES}/{name}"), bytes, blake3 });
        }
        sync(folder)?;
        Ok(files)
    }

    /// Makes the state in `dir` that of a snapshot, whatever was there, and opens it. The snapshot
    /// must be complete and on the same file system; it is checked first and is not changed.
    ///
    /// No store may be open in `dir`. After a crash in the middle the store there is either the old
    /// one, or empty, or the new one.
    pub fn restore_from(snapshot: &Path, dir: &Path) -> Result<Self, StoreError> {
        let (staged, folder) = (snapshot.join(DATABASE), snapshot.join(sealed::DIRECTORY));
        if !staged.is_file() {
            return Err(unusable(snapshot, "it has no state.db"));
        }
        make_directory(dir)?;
        let fresh = dir.join(format!("{DATABASE}.partial"));
        let prepared = prepare(&staged, &fresh, &folder);
        if prepared.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&fresh);
        }
        let files = prepared?;
        // First the log, then the database: what is left is a whole store at every moment.
        for name in ["-wal", "-shm", ""].map(|end| format!("{DATABASE}{end}")) {
            remove(&dir.join(name))?;
        }
        sync(dir)?;
        let history = dir.join(sealed::DIRECTORY);
        make_directory(&history)?;
        for file in &files {
            let path = sealed::path(&history, file);
            remove(&path)?;
            fs::hard_link(sealed::path(&folder, file), &path).map_err(file_error(&path))?;
        }
        sync(&history)?;
        let plans = snapshot.join(FILES);
        if plans.is_dir() {
            Files::open(dir.join(FILES))?.link_from(&plans)?;
        }
        let database = dir.join(DATABASE);
        fs::rename(&fresh, &database)
            .and_then(|()| sync_parent(&database))
            .map_err(file_error(&database))?;
        Self::open(dir)
    }
}

impl Store {
    /// Throws the state in `dir` away, files included, and opens an empty store there. No store may
    /// be open in `dir`. After a crash in the middle the store there is the old one without some
    /// files, or empty: it is to be cleared again.
    pub fn clear_in(dir: &Path) -> Result<Self, StoreError> {
        for name in ["-wal", "-shm", ""].map(|end| format!("{DATABASE}{end}")) {
            remove(&dir.join(name))?;
        }
        for folder in [sealed::DIRECTORY, FILES].map(|name| dir.join(name)) {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(file_error(&folder)(error));
                }
                _ => {}
            }
        }
        Self::open(dir)
    }
}

/// Removes what is each node's own, and the space it took.
fn strip(copy: &Connection) -> rusqlite::Result<()> {
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.execute_batch("DELETE FROM sessions; DELETE FROM history; VACUUM;")
}

/// Copies the database of a snapshot to `fresh`, and checks that this program can use it and that
/// its sealed files are whole.
fn prepare(staged: &Path, fresh: &Path, folder: &Path) -> Result<Vec<SealedFile>, StoreError> {
    fs::copy(staged, fresh).map_err(file_error(fresh))?;
    make_private(fresh)?;
    let files = inspect(fresh)?;
    for file in &files {
        let path = sealed::path(folder, file);
        file.check(&path)?;
        sync(&path)?;
    }
    sync(fresh)?;
    Ok(files)
}

/// The sealed files that a copied database needs; an error when this program cannot use it.
fn inspect(database: &Path) -> Result<Vec<SealedFile>, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy =
        Connection::open_with_flags(database, flags).map_err(database_error(database))?;
    schema::migrate(&mut copy, database, schema::MIGRATIONS)?;
    Program::THIS.check(&replica::load(&copy).map_err(database_error(database))?)?;
    sealed::list(&copy).map_err(database_error(database))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path)(error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(file_error(path))
}

fn unusable(path: &Path, what: &str) -> StoreError {
    StoreError::LocalSnapshot { path: path.to_owned(), what: what.to_owned() }
}
