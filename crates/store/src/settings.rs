//! Settings that are changed at run time, as text under a key. Their meaning is the caller's.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{Store, StoreError};

/// Longest key of a setting in bytes. Ours.
pub const SETTING_KEY_BYTES_MAX: usize = 128;
/// Longest value of a setting in bytes. Ours: a setting is a line or a small document.
pub const SETTING_VALUE_BYTES_MAX: usize = 64 << 10;

impl Store {
    /// The setting under `key`.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT value FROM settings WHERE key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()
        })
    }

    /// Every setting with its key, in order of the keys.
    pub fn settings(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT key, value FROM settings ORDER BY key")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Sets or replaces a setting.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        check(key, value)?;
        self.run(|connection| put(connection, key, value))
    }

    /// Removes a setting. False when there was none.
    pub fn remove_setting(&self, key: &str) -> Result<bool, StoreError> {
        self.run(|connection| remove(connection, key))
    }
}

/// Whether key and value are within their limits.
pub(crate) fn check(key: &str, value: &str) -> Result<(), StoreError> {
    check_text("the key of a setting", key, 1, SETTING_KEY_BYTES_MAX)?;
    check_text("a setting", value, 0, SETTING_VALUE_BYTES_MAX)
}

pub(crate) fn put(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO settings (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = ?2",
        params![key, value],
    )?;
    Ok(())
}

pub(crate) fn remove(connection: &Connection, key: &str) -> rusqlite::Result<bool> {
    Ok(connection.execute("DELETE FROM settings WHERE key = ?1", [key])? > 0)
}

/// Whether a text has `min` to `max` bytes.
pub(crate) fn check_text(
    what: &'static str,
    text: &str,
    min: usize,
    max: usize,
) -> Result<(), StoreError> {
    if (min..=max).contains(&text.len()) {
        return Ok(());
    }
    Err(StoreError::PeerBadValue { what, allowed: format!("{min} to {max} bytes") })
}
