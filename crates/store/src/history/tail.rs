//! The newest rows that came by entries: one database row per entry, until they are sealed.
//!
//! The rows of an entry stay together in one value: a statement per entry instead of one per row,
//! and no index that rows of different elements meet at different pages. A trail reads the whole tail
//! instead, 9 ms for 400,000 rows (measured).

use model::{Category, Mac, Time};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::kept::{KeptRow, packed};
use crate::{damaged, time_column};

#[derive(Serialize)]
struct Rows<'a>(#[serde(serialize_with = "packed::serialize")] &'a [KeptRow]);

#[derive(Deserialize)]
struct OwnedRows(#[serde(deserialize_with = "packed::deserialize")] Vec<KeptRow>);

/// Keeps the rows of entry `index`.
pub(crate) fn append(
    connection: &Connection,
    index: u64,
    rows: &[KeptRow],
) -> rusqlite::Result<()> {
    let times = rows.iter().map(|row| row.at);
    connection
        .prepare_cached(
            "INSERT INTO history_tail (entry, rows, oldest_ms, newest_ms, packed)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            index.cast_signed(),
            rows.len() as u32,
            time_column(times.clone().min().unwrap_or_default()),
            time_column(times.max().unwrap_or_default()),
            pack(rows)?
        ])?;
    Ok(())
}

/// How many rows there are.
pub(crate) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = connection
        .prepare_cached("SELECT coalesce(sum(rows), 0) FROM history_tail")?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Every row in order of the entries, and the first of these entries.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Option<(u64, Vec<KeptRow>)>> {
    let mut statement =
        connection.prepare_cached("SELECT entry, packed FROM history_tail ORDER BY entry")?;
    let mut found = statement.query([])?;
    let mut first = None;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        first.get_or_insert(row.get::<_, i64>(0)?.cast_unsigned());
        rows.append(&mut unpack(row.get_ref(1)?.as_blob()?)?);
    }
    Ok(first.map(|first| (first, rows)))
}

/// Removes what was sealed.
pub(crate) fn clear(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM history_tail", [])
}

/// Removes the entries whose rows are all older than `before`.
pub(crate) fn expire(connection: &Connection, before: Time) -> rusqlite::Result<usize> {
    connection
        .execute("DELETE FROM history_tail WHERE newest_ms < ?1", params![time_column(before)])
}

/// The rows of one element between two times, both included, each with its entry.
pub(crate) fn trail(
    connection: &Connection,
    (category, mac): (Category, Mac),
    (from, until): (Time, Time),
) -> rusqlite::Result<Vec<(u64, KeptRow)>> {
    let mut statement = connection.prepare_cached(
        "SELECT entry, packed FROM history_tail WHERE newest_ms >= ?1 AND oldest_ms <= ?2
         ORDER BY entry",
    )?;
    let mut found = statement.query(params![time_column(from), time_column(until)])?;
    let mut trail = Vec::new();
    while let Some(row) = found.next()? {
        let entry = row.get::<_, i64>(0)?.cast_unsigned();
        let rows = unpack(row.get_ref(1)?.as_blob()?)?.into_iter().filter(|row| {
            row.mac == mac && row.category == category && (from..=until).contains(&row.at)
        });
        trail.extend(rows.map(|row| (entry, row)));
    }
    Ok(trail)
}

/// Hands every row from `since` on to `each`, in order of the entries; says how many there were.
pub(crate) fn each_since(
    connection: &Connection,
    since: Time,
    mut each: impl FnMut(KeptRow),
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(
        "SELECT entry, packed FROM history_tail WHERE newest_ms >= ?1 ORDER BY entry",
    )?;
    let mut found = statement.query(params![time_column(since)])?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        let rows = unpack(row.get_ref(1)?.as_blob()?)?;
        count += rows.len() as u64;
        rows.into_iter().filter(|row| row.at >= since).for_each(&mut each);
    }
    Ok(count)
}

fn pack(rows: &[KeptRow]) -> rusqlite::Result<Vec<u8>> {
    postcard::to_stdvec(&Rows(rows))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn unpack(packed_rows: &[u8]) -> rusqlite::Result<Vec<KeptRow>> {
    postcard::from_bytes::<OwnedRows>(packed_rows)
        .map(|rows| rows.0)
        .map_err(|error| damaged(1, error))
}
