//! Alarms: conditions that stand until they end, raised and cleared by entries of the journal, or by the
//! engine that owns its store.
//!
//! A condition is named by its kind and its source, and stands at most once: raising it again
//! replaces severity and text. A cleared alarm is kept for people until it is too old or room is
//! needed. When an alarm is raised and who hears of it is decided elsewhere.

use std::fmt;
use std::str::FromStr;

use model::Time;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::settings::check_text;
use crate::{Store, StoreError, column_time, damaged, time_column};

/// Most alarms that are kept. Ours: more do not tell a person more; it keeps the state hash cheap.
pub const ALARMS_MAX: u32 = 10_000;
/// Longest kind, source or name of a person, in bytes. Ours: an address, a path of a floor.
pub const ALARM_WORD_BYTES_MAX: usize = 256;
/// Longest text in bytes. Ours: a few sentences.
pub const ALARM_TEXT_BYTES_MAX: usize = 2_048;

/// How bad it is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The service does not work, or will not soon.
    Critical,
    /// A function does not work.
    Major,
    /// A function works less well.
    Minor,
    /// Something may become worse.
    Warning,
    /// Good to know.
    Informational,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Its number: the index of the entry that raised it.
    pub id: u64,
    /// Word for programs.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a node, a controller, an element.
    pub source: String,
    /// Sentence for people.
    pub text: String,
    /// When it began.
    pub raised: Time,
    /// When it ended; absent while it stands.
    pub cleared: Option<Time>,
    /// Who has taken note.
    pub acknowledged_by: Option<String>,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 5] =
        [Self::Critical, Self::Major, Self::Minor, Self::Warning, Self::Informational];

    /// The severity as it is written in JSON and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Warning => "warning",
            Self::Informational => "informational",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no severity; use critical, major, minor, warning or informational")]
pub struct UnknownSeverity(pub String);

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.name() == text)
            .ok_or_else(|| UnknownSeverity(text.chars().take(64).collect()))
    }
}

const COLUMNS: &str = "id, kind, severity, source, text, raised_ms, cleared_ms, acknowledged_by";

impl Store {
    /// Every alarm, newest first.
    pub fn alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM alarms ORDER BY id DESC"))?
                .query_map([], alarm_from)?
                .collect()
        })
    }

    /// The alarm of this condition, while it stands.
    pub fn standing_alarm(&self, kind: &str, source: &str) -> Result<Option<Alarm>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM alarms
                     WHERE kind = ?1 AND source = ?2 AND cleared_ms IS NULL"
                ))?
                .query_row([kind, source], alarm_from)
                .optional()
        })
    }
}

impl Store {
    /// Raises an alarm in a store that no journal feeds, or renews the one that stands; returns its
    /// number. In a pair, that is an entry.
    pub fn raise_alarm(
        &self,
        kind: &str,
        severity: Severity,
        source: &str,
        text: &str,
        at: Time,
    ) -> Result<u64, StoreError> {
        check(kind, source, text)?;
        self.run(|connection| {
            let newest: i64 = connection
                .prepare_cached("SELECT coalesce(max(id), 0) FROM alarms")?
                .query_row([], |row| row.get(0))?;
            let alarm = Alarm {
                id: newest.cast_unsigned() + 1,
                kind: kind.to_owned(),
                severity,
                source: source.to_owned(),
                text: text.to_owned(),
                raised: at,
                cleared: None,
                acknowledged_by: None,
            };
            raise(connection, &alarm)
        })?
    }

    /// Ends an alarm in a store that no journal feeds. False when it has ended before.
    pub fn clear_alarm(&self, id: u64, at: Time) -> Result<bool, StoreError> {
        self.run(|connection| clear(connection, id, at))?
    }
}

/// Whether the words of an alarm are within their limits.
pub(crate) fn check(kind: &str, source: &str, text: &str) -> Result<(), StoreError> {
    check_text("the kind of an alarm", kind, 1, ALARM_WORD_BYTES_MAX)?;
    check_text("the source of an alarm", source, 1, ALARM_WORD_BYTES_MAX)?;
    check_text("the text of an alarm", text, 0, ALARM_TEXT_BYTES_MAX)
}

/// Raises an alarm, or renews the one that stands; returns its number.
pub(crate) fn raise(
    connection: &Connection,
    alarm: &Alarm,
) -> rusqlite::Result<Result<u64, StoreError>> {
    let standing: Option<i64> = connection
        .prepare_cached(
            "UPDATE alarms SET severity = ?3, text = ?4
             WHERE kind = ?1 AND source = ?2 AND cleared_ms IS NULL RETURNING id",
        )?
        .query_row(params![alarm.kind, alarm.source, alarm.severity.name(), alarm.text], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(id) = standing {
        return Ok(Ok(id.cast_unsigned()));
    }
    if !make_room(connection)? {
        return Ok(Err(StoreError::PeerBadValue {
            what: "the number of standing alarms",
            allowed: format!("at most {ALARMS_MAX}"),
        }));
    }
    connection
        .prepare_cached(
            "INSERT INTO alarms (id, kind, severity, source, text, raised_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            alarm.id.cast_signed(),
            alarm.kind,
            alarm.severity.name(),
            alarm.source,
            alarm.text,
            time_column(alarm.raised)
        ])?;
    Ok(Ok(alarm.id))
}

/// Ends an alarm. False when it has ended before.
pub(crate) fn clear(
    connection: &Connection,
    id: u64,
    at: Time,
) -> rusqlite::Result<Result<bool, StoreError>> {
    change(
        connection,
        id,
        "UPDATE alarms SET cleared_ms = ?2 WHERE id = ?1 AND cleared_ms IS NULL",
        time_column(at),
    )
}

/// Notes who has taken note of an alarm. False when it was the same person before.
pub(crate) fn acknowledge(
    connection: &Connection,
    id: u64,
    by: &str,
) -> rusqlite::Result<Result<bool, StoreError>> {
    change(
        connection,
        id,
        "UPDATE alarms SET acknowledged_by = ?2 WHERE id = ?1 AND acknowledged_by IS NOT ?2",
        by,
    )
}

/// Removes the alarms that were cleared before `before`; says how many.
pub(crate) fn expire(connection: &Connection, before: Time) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM alarms WHERE cleared_ms < ?1", [time_column(before)])
}

fn change(
    connection: &Connection,
    id: u64,
    sql: &str,
    value: impl rusqlite::ToSql,
) -> rusqlite::Result<Result<bool, StoreError>> {
    if connection.prepare_cached(sql)?.execute(params![id.cast_signed(), value])? > 0 {
        return Ok(Ok(true));
    }
    let is_known = connection
        .prepare_cached("SELECT 1 FROM alarms WHERE id = ?1")?
        .exists([id.cast_signed()])?;
    Ok(if is_known { Ok(false) } else { Err(StoreError::PeerUnknownAlarm(id)) })
}

/// Forgets the alarm that was cleared first, when there is no room. False when all of them stand.
fn make_room(connection: &Connection) -> rusqlite::Result<bool> {
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM alarms")?
        .query_row([], |row| row.get(0))?;
    if count < ALARMS_MAX {
        return Ok(true);
    }
    let removed = connection
        .prepare_cached(
            "DELETE FROM alarms WHERE id = (SELECT id FROM alarms WHERE cleared_ms IS NOT NULL
             ORDER BY cleared_ms, id LIMIT 1)",
        )?
        .execute([])?;
    Ok(removed > 0)
}

fn alarm_from(row: &Row<'_>) -> rusqlite::Result<Alarm> {
    let severity: String = row.get(2)?;
    Ok(Alarm {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        kind: row.get(1)?,
        severity: severity.parse().map_err(|error: UnknownSeverity| damaged(2, error))?,
        source: row.get(3)?,
        text: row.get(4)?,
        raised: column_time(row.get(5)?),
        cleared: row.get::<_, Option<i64>>(6)?.map(column_time),
        acknowledged_by: row.get(7)?,
    })
}
