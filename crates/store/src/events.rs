//! Events: what happened, for people, recorded by entries of the journal.
//!
//! Nothing acts on an event. The newest [`EVENTS_MAX`] are kept.

use model::Time;
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use crate::settings::check_text;
use crate::{Store, StoreError, column_time, time_column};

/// Most events that are kept. Ours: months of a pair that changes roles every day, and few enough
/// that the state hash stays cheap.
pub const EVENTS_MAX: u32 = 20_000;
/// Longest kind or author in bytes. Ours, as of alarms.
pub const EVENT_WORD_BYTES_MAX: usize = 256;
/// Longest text or remarks in bytes. Ours, as of alarms.
pub const EVENT_TEXT_BYTES_MAX: usize = 2_048;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its number: the index of the entry that recorded it.
    pub id: u64,
    /// When.
    pub at: Time,
    /// Word for programs.
    pub kind: String,
    /// Who or what noticed or caused it.
    pub generated_by: String,
    /// Sentence for people.
    pub text: String,
    /// What else is known; may be empty.
    pub remarks: String,
}

impl Store {
    /// The newest `limit` events with numbers below `before`, newest first.
    pub fn events(&self, before: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, at_ms, kind, generated_by, text, remarks FROM events
                     WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                )?
                .query_map(params![i64::try_from(before).unwrap_or(i64::MAX), limit], event_from)?
                .collect()
        })
    }
}

/// Whether the texts of an event are within their limits.
pub(crate) fn check(event: &Event) -> Result<(), StoreError> {
    check_text("the kind of an event", &event.kind, 1, EVENT_WORD_BYTES_MAX)?;
    check_text("the author of an event", &event.generated_by, 1, EVENT_WORD_BYTES_MAX)?;
    check_text("the text of an event", &event.text, 0, EVENT_TEXT_BYTES_MAX)?;
    check_text("the remarks of an event", &event.remarks, 0, EVENT_TEXT_BYTES_MAX)
}

/// Records an event, and forgets the oldest one when there is no room.
pub(crate) fn record(connection: &Connection, event: &Event) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO events (id, at_ms, kind, generated_by, text, remarks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            event.id.cast_signed(),
            time_column(event.at),
            event.kind,
            event.generated_by,
            event.text,
            event.remarks
        ])?;
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM events")?
        .query_row([], |row| row.get(0))?;
    if count > EVENTS_MAX {
        connection
            .prepare_cached("DELETE FROM events WHERE id = (SELECT min(id) FROM events)")?
            .execute([])?;
    }
    Ok(())
}

/// Removes the events that are older than `before`; says how many.
pub(crate) fn expire(connection: &Connection, before: Time) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM events WHERE at_ms < ?1", [time_column(before)])
}

fn event_from(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        at: column_time(row.get(1)?),
        kind: row.get(2)?,
        generated_by: row.get(3)?,
        text: row.get(4)?,
        remarks: row.get(5)?,
    })
}
