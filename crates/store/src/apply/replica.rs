//! How far a store has come: one row of the database.

use model::Time;
use model::pair::{Ballot, Epoch, Position, Seat};
use rusqlite::{Connection, params};

use crate::{column_time, time_column};

/// How far the journal was applied, and under which rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) applied: Position,
    /// What the pair agreed on.
    pub(crate) feature_level: u32,
    /// How many content migrations were made.
    pub(crate) content_version: u32,
    /// Older history is not shown.
    pub(crate) history_from: Time,
}

pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Replica> {
    connection
        .prepare_cached(
            "SELECT applied_index, generation, round, by_secondary, run, feature_level,
             content_version, history_from_ms FROM replica",
        )?
        .query_row([], |row| {
            let by = if row.get(3)? { Seat::Secondary } else { Seat::Primary };
            let ballot = Ballot { generation: row.get(1)?, round: row.get(2)?, by };
            let index = row.get::<_, i64>(0)?.cast_unsigned();
            Ok(Replica {
                applied: Position { epoch: Epoch { ballot, run: row.get(4)? }, index },
                feature_level: row.get(5)?,
                content_version: row.get(6)?,
                history_from: column_time(row.get(7)?),
            })
        })
}

pub(crate) fn save(connection: &Connection, replica: &Replica) -> rusqlite::Result<usize> {
    let Position { epoch: Epoch { ballot, run }, index } = replica.applied;
    connection
        .prepare_cached(
            "UPDATE replica SET applied_index = ?1, generation = ?2, round = ?3, by_secondary = ?4,
             run = ?5, feature_level = ?6, content_version = ?7, history_from_ms = ?8",
        )?
        .execute(params![
            index.cast_signed(),
            ballot.generation,
            ballot.round,
            ballot.by == Seat::Secondary,
            run,
            replica.feature_level,
            replica.content_version,
            time_column(replica.history_from)
        ])
}
