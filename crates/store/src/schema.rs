//! The tables, as numbered migrations.
//!
//! `user_version` counts the migrations that were applied, `application_id` marks the file as ours.
//! A migration that was released is never edited; a change is a new one at the end. There is no way
//! back: a program that meets a newer schema refuses it instead of guessing.
//!
//! These migrations run when a program opens its store, so the two nodes of a pair run them at
//! different times. They may make tables and columns, but never change what is replicated: that is
//! done by a content migration at one index of the journal, see `apply::level`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::{StoreError, database_error};

/// `OMSE` in ASCII; ours, tells our databases from other programs' in `file(1)` and here.
const APPLICATION_ID: i32 = 0x4f4d_5345;

/// Schema `n` is the result of the first `n` entries.
pub(crate) const MIGRATIONS: &[&str] =
    &[INITIAL, REPLICATED, SERVICE_IDENTITY, DOCUMENTS, ANALYTICS];

/// Addresses are 48-bit numbers, times milliseconds since 1970 UTC, lengths centimetres.
/// History has no primary key: rows are only appended, read by element, and pruned by time.
const INITIAL: &str = "
    CREATE TABLE users (
        name TEXT PRIMARY KEY NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
        password_hash TEXT NOT NULL,
        must_change_password INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        changed_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE sessions (
        token_hash BLOB PRIMARY KEY NOT NULL CHECK (length(token_hash) = 32),
        user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
        created_ms INTEGER NOT NULL,
        last_access_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        address TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_by_user ON sessions (user, created_ms);

    CREATE TABLE maps (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;

    CREATE TABLE history (
        mac INTEGER NOT NULL,
        category INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        floor INTEGER NOT NULL,
        x_cm INTEGER NOT NULL,
        y_cm INTEGER NOT NULL,
        confidence_cm INTEGER NOT NULL,
        ap INTEGER
    ) STRICT;
    CREATE INDEX history_by_element ON history (mac, category, at_ms);
    CREATE INDEX history_by_time ON history (at_ms);

    CREATE TABLE settings (
        key TEXT PRIMARY KEY NOT NULL,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// What entries of the journal write, besides users, maps and settings.
///
/// `replica` says how far they were applied and at which level. An alarm and an event have the index
/// of the entry that brought them as their number. History rows wait in `history_tail` until they
/// are sealed into a file of `history_sealed`.
const REPLICATED: &str = "
    CREATE TABLE replica (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        applied_index INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        round INTEGER NOT NULL,
        by_secondary INTEGER NOT NULL,
        run INTEGER NOT NULL,
        feature_level INTEGER NOT NULL,
        content_version INTEGER NOT NULL,
        history_from_ms INTEGER NOT NULL
    ) STRICT;
    INSERT INTO replica VALUES (1, 0, 0, 0, 0, 0, 1, 0, 0);

    CREATE TABLE alarms (
        id INTEGER PRIMARY KEY NOT NULL,
        kind TEXT NOT NULL,
        severity TEXT NOT NULL,
        source TEXT NOT NULL,
        text TEXT NOT NULL,
        raised_ms INTEGER NOT NULL,
        cleared_ms INTEGER,
        acknowledged_by TEXT
    ) STRICT;
    CREATE UNIQUE INDEX alarms_standing ON alarms (kind, source) WHERE cleared_ms IS NULL;
    CREATE INDEX alarms_by_clearing ON alarms (cleared_ms);

    CREATE TABLE events (
        id INTEGER PRIMARY KEY NOT NULL,
        at_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        generated_by TEXT NOT NULL,
        text TEXT NOT NULL,
        remarks TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_time ON events (at_ms);

    CREATE TABLE history_tail (
        entry INTEGER PRIMARY KEY NOT NULL,
        rows INTEGER NOT NULL,
        oldest_ms INTEGER NOT NULL,
        newest_ms INTEGER NOT NULL,
        packed BLOB NOT NULL
    ) STRICT;

    CREATE TABLE history_sealed (
        first INTEGER PRIMARY KEY NOT NULL,
        last INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        oldest_ms INTEGER NOT NULL,
        newest_ms INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        blake3 BLOB NOT NULL CHECK (length(blake3) = 32)
    ) STRICT;
";

/// What controllers trust, whichever node serves.
const SERVICE_IDENTITY: &str = "
    CREATE TABLE service_identity (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        certificate TEXT NOT NULL,
        key TEXT NOT NULL
    ) STRICT;
";

/// What people configure that is more than a setting.
const DOCUMENTS: &str = "
    CREATE TABLE documents (
        collection TEXT NOT NULL,
        name TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (collection, name)
    ) STRICT, WITHOUT ROWID;
";

/// Who was where, and for how long.
///
/// Stays are looked up by place and time; nothing but their place, beginning and element names them.
/// `cells` of `heat` is packed, see `heat`. `analytics_chain` stands for both in the hash of the
/// state, see `stays`.
const ANALYTICS: &str = "
    CREATE TABLE stays (
        place INTEGER NOT NULL,
        entered_ms INTEGER NOT NULL,
        mac INTEGER NOT NULL,
        category INTEGER NOT NULL,
        left_ms INTEGER NOT NULL,
        strongest_dbm INTEGER,
        is_connected INTEGER NOT NULL,
        PRIMARY KEY (place, entered_ms, mac, category)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE heat (
        floor INTEGER NOT NULL,
        hour_ms INTEGER NOT NULL,
        cells BLOB NOT NULL,
        PRIMARY KEY (floor, hour_ms)
    ) STRICT;

    CREATE TABLE analytics_chain (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        hash BLOB NOT NULL CHECK (length(hash) = 32)
    ) STRICT;
";

/// Brings the database up to the end of `migrations`, all of them or none.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let known = migrations.len() as u32;
    let mut upgrade = || -> rusqlite::Result<Found> {
        // Immediate: a second process that opens the same store waits here.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let owner: i32 =
            transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: u32 =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let is_new = owner == 0 && found == 0 && tables == 0;
        if owner != APPLICATION_ID && !is_new {
            return Ok(Found::Foreign(owner));
        }
        if found > known {
            return Ok(Found::Newer(found));
        }
        for migration in migrations.iter().skip(found as usize) {
            transaction.execute_batch(migration)?;
        }
        if found < known {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", known)?;
        }
        transaction.commit()?;
        Ok(Found::Ours)
    };
    match upgrade().map_err(database_error(path))? {
        Found::Ours => Ok(()),
        Found::Foreign(owner) => Err(StoreError::LocalNotADatabase {
            path: path.to_owned(),
            what: format!("its application id is {owner:#x}, ours is {APPLICATION_ID:#x}"),
        }),
        Found::Newer(found) => {
            Err(StoreError::LocalNewerSchema { path: path.to_owned(), found, known })
        }
    }
}

enum Found {
    Ours,
    Foreign(i32),
    Newer(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);";
    const SECOND: &str = "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 5;";
    const BROKEN: &str = "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);";

    fn check(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
        migrate(connection, Path::new("test.db"), migrations)
    }

    fn version(connection: &Connection) -> u32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_migration_keeps_the_rows_and_runs_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        check(&mut connection, &[FIRST]).unwrap();
        check(&mut connection, &[FIRST, SECOND]).unwrap();
        check(&mut connection, &[FIRST, SECOND]).unwrap();
        let row: (i64, i64) = connection
            .query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(row, (7, 5));
        assert_eq!(version(&connection), 2);
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        check(&mut connection, &[FIRST]).unwrap();
        check(&mut connection, &[FIRST, SECOND, BROKEN]).unwrap_err();
        assert_eq!(version(&connection), 1);
        assert!(connection.prepare("SELECT y FROM a").is_err(), "rolled back");
    }

    #[test]
    fn a_newer_schema_is_refused_by_name() {
        let mut connection = Connection::open_in_memory().unwrap();
        check(&mut connection, &[FIRST, SECOND]).unwrap();
        let error = check(&mut connection, &[FIRST]).unwrap_err().to_string();
        assert!(error.contains("test.db has schema 2, this program knows 1"), "{error}");
    }

    #[test]
    fn a_database_of_another_program_is_refused_by_name() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
        let error = check(&mut connection, &[FIRST]).unwrap_err().to_string();
        assert!(error.contains("test.db is not a database of OpenMSE"), "{error}");
    }
}
