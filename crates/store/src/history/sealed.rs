//! Sealed history: immutable files, byte for byte the same on both nodes of a pair.
//!
//! A file holds the rows of the entries `first` to `last`, which also name it, sorted by element and
//! time. It is a function of these rows and of nothing else. What is in it, see [`columns`].
//!
//! Whether a file counts is decided by its row in the database. A file appears under its name only
//! when it is complete and on disk; files without a row are removed when the store opens.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use model::map::MapId;
use model::{Category, Mac, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns;
use super::kept::KeptRow;
use crate::files::write_durably;
use crate::{StoreError, column_time, file_error, sync_parent, time_column};

/// Folder of the files in the data directory.
pub(crate) const DIRECTORY: &str = "history";
/// End of the name of a file that is not complete.
const PARTIAL: &str = ".partial";
/// One sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFile {
    /// First entry whose rows are in it.
    pub first: u64,
    /// Last entry whose rows are in it.
    pub last: u64,
    /// How many rows it has.
    pub rows: u64,
    /// Time of its oldest row.
    pub oldest: Time,
    /// Time of its newest row.
    pub newest: Time,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its content.
    pub blake3: [u8; 32],
}

impl SealedFile {
    /// Name of the file in the folder; names sort as the entries do.
    pub fn name(&self) -> String {
        format!("{:020}-{:020}.parquet", self.first, self.last)
    }

    /// Whether the file at `path` is this one, bit by bit.
    pub(crate) fn check(&self, path: &Path) -> Result<(), StoreError> {
        let (bytes, blake3) = fingerprint(path)?;
        if (bytes, blake3) == (self.bytes, self.blake3) {
            return Ok(());
        }
        Err(damaged_file(path, "its content is not what was sealed"))
    }
}

/// Sorts and packs `rows` of the entries `first` to `last`: the file and its content.
pub(crate) fn pack(
    directory: &Path,
    (first, last): (u64, u64),
    mut rows: Vec<KeptRow>,
) -> Result<(SealedFile, Vec<u8>), StoreError> {
    // Stable: rows of the same element and time stay in the order of the entries.
    rows.sort_by_key(|row| (row.mac, row.category, row.at));
    let times = rows.iter().map(|row| row.at);
    let mut file = SealedFile {
        first,
        last,
        rows: rows.len() as u64,
        oldest: times.clone().min().unwrap_or_default(),
        newest: times.max().unwrap_or_default(),
        bytes: 0,
        blake3: [0; 32],
    };
    let content =
        columns::pack(&rows).map_err(|error| damaged_file(&path(directory, &file), &error))?;
    file.bytes = content.len() as u64;
    file.blake3 = blake3::hash(&content).into();
    Ok((file, content))
}

/// Writes a packed file durably. It does not count before [`record`] says so.
pub(crate) fn write(directory: &Path, file: &SealedFile, content: &[u8]) -> Result<(), StoreError> {
    let path = path(directory, file);
    let partial = directory.join(file.name() + PARTIAL);
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(file_error(&partial)(error));
        }
        _ => {}
    }
    write_durably(&partial, content)
        .and_then(|()| fs::rename(&partial, &path))
        .and_then(|()| sync_parent(&path))
        .map_err(file_error(&path))
}

/// Makes the file count.
pub(crate) fn record(connection: &Connection, file: &SealedFile) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO history_sealed (first, last, rows, oldest_ms, newest_ms, bytes, blake3)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            file.first.cast_signed(),
            file.last.cast_signed(),
            file.rows.cast_signed(),
            time_column(file.oldest),
            time_column(file.newest),
            file.bytes.cast_signed(),
            file.blake3
        ],
    )
}

/// Files with rows between two times, both included, newest first.
pub(crate) fn between(
    connection: &Connection,
    (from, until): (Time, Time),
) -> rusqlite::Result<Vec<SealedFile>> {
    connection
        .prepare_cached(
            "SELECT first, last, rows, oldest_ms, newest_ms, bytes, blake3 FROM history_sealed
             WHERE newest_ms >= ?1 AND oldest_ms <= ?2 ORDER BY newest_ms DESC, first DESC",
        )?
        .query_map(params![time_column(from), time_column(until)], file_from)?
        .collect()
}

/// Every file, in order of the entries.
pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<SealedFile>> {
    connection
        .prepare_cached(
            "SELECT first, last, rows, oldest_ms, newest_ms, bytes, blake3 FROM history_sealed
             ORDER BY first",
        )?
        .query_map([], file_from)?
        .collect()
}

/// Whether the file counts.
pub(crate) fn is_recorded(connection: &Connection, first: u64) -> rusqlite::Result<bool> {
    let found: Option<i64> = connection
        .prepare_cached("SELECT 1 FROM history_sealed WHERE first = ?1")?
        .query_row([first.cast_signed()], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// Files whose rows are all older than `before` no longer count; returns them.
pub(crate) fn expire(connection: &Connection, before: Time) -> rusqlite::Result<Vec<SealedFile>> {
    connection
        .prepare_cached(
            "DELETE FROM history_sealed WHERE newest_ms < ?1
             RETURNING first, last, rows, oldest_ms, newest_ms, bytes, blake3",
        )?
        .query_map([time_column(before)], file_from)?
        .collect()
}

/// Removes what does not count.
pub(crate) fn tidy(directory: &Path, files: &[SealedFile]) -> Result<(), StoreError> {
    let known: BTreeSet<String> = files.iter().map(SealedFile::name).collect();
    for entry in fs::read_dir(directory).map_err(file_error(directory))? {
        let entry = entry.map_err(file_error(directory))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_ours = name.ends_with(".parquet") || name.ends_with(PARTIAL);
        if is_ours && !known.contains(name) {
            fs::remove_file(entry.path()).map_err(file_error(&entry.path()))?;
        }
    }
    Ok(())
}

/// The rows of one element between two times, both included, oldest first. None when the file is
/// not there.
pub(crate) fn trail(
    path: &Path,
    element: (Category, Mac),
    times: (Time, Time),
) -> Result<Option<Vec<KeptRow>>, StoreError> {
    match File::open(path) {
        Ok(file) => columns::unpack(file, element, times)
            .map(Some)
            .map_err(|error| damaged_file(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(path)(error)),
    }
}

/// The rows of a floor between two times, both included. None when the file is not there.
pub(crate) fn on_floor(
    path: &Path,
    floor: MapId,
    times: (Time, Time),
) -> Result<Option<Vec<KeptRow>>, StoreError> {
    match File::open(path) {
        Ok(file) => columns::on_floor(file, floor, times)
            .map(Some)
            .map_err(|error| damaged_file(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(path)(error)),
    }
}

/// The newest row of each element. None when the file is not there.
pub(crate) fn newest_of_each(path: &Path) -> Result<Option<Vec<KeptRow>>, StoreError> {
    match File::open(path) {
        Ok(file) => {
            columns::newest_of_each(file).map(Some).map_err(|error| damaged_file(path, &error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(path)(error)),
    }
}

/// Size and BLAKE3 of a file.
pub(crate) fn fingerprint(path: &Path) -> Result<(u64, [u8; 32]), StoreError> {
    let mut hasher = blake3::Hasher::new();
    let bytes = File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut hasher))
        .map_err(file_error(path))?;
    Ok((bytes, hasher.finalize().into()))
}

fn damaged_file(path: &Path, what: &(impl ToString + ?Sized)) -> StoreError {
    StoreError::LocalSealedFile { path: path.to_owned(), what: what.to_string() }
}

fn file_from(row: &Row<'_>) -> rusqlite::Result<SealedFile> {
    Ok(SealedFile {
        first: row.get::<_, i64>(0)?.cast_unsigned(),
        last: row.get::<_, i64>(1)?.cast_unsigned(),
        rows: row.get::<_, i64>(2)?.cast_unsigned(),
        oldest: column_time(row.get(3)?),
        newest: column_time(row.get(4)?),
        bytes: row.get::<_, i64>(5)?.cast_unsigned(),
        blake3: row.get(6)?,
    })
}

/// Where the file with this name is.
pub(crate) fn path(directory: &Path, file: &SealedFile) -> PathBuf {
    directory.join(file.name())
}
