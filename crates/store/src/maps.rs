//! The maps: one document, replaced as a whole.
//!
//! A site has one set of maps of a few hundred kilobytes at most, read at start and on import. Tables
//! for places would have to be kept in step with `model::map` and would buy no query that is needed.

use model::map::Maps;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{Store, StoreError, damaged};

impl Store {
    /// The maps and their revision; empty maps have revision 0.
    pub fn maps(&self) -> Result<(u64, Maps), StoreError> {
        self.run(|connection| {
            let saved: Option<(i64, String)> = connection
                .query_row("SELECT revision, document FROM maps", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            match saved {
                None => Ok((0, Maps::default())),
                Some((revision, document)) => serde_json::from_str(&document)
                    .map(|maps| (revision.cast_unsigned(), maps))
                    .map_err(|error| damaged(1, error)),
            }
        })
    }

    /// Replaces the maps when they are valid; returns the new revision.
    pub fn save_maps(&self, maps: &Maps) -> Result<u64, StoreError> {
        let document = document(maps)?;
        self.run(|connection| save(connection, &document))
    }
}

/// The maps as they are saved, when they are valid.
pub(crate) fn document(maps: &Maps) -> Result<String, StoreError> {
    maps.validate()?;
    let document = serde_json::to_string(maps).map_err(unreadable)?;
    // A number that is none (NaN) is written as null, which does not read back.
    serde_json::from_str::<Maps>(&document).map_err(unreadable)?;
    Ok(document)
}

/// Whether a document holds valid maps.
pub(crate) fn check(document: &str) -> Result<(), StoreError> {
    Ok(serde_json::from_str::<Maps>(document).map_err(unreadable)?.validate()?)
}

/// Replaces the document and returns the new revision.
pub(crate) fn save(connection: &Connection, document: &str) -> rusqlite::Result<u64> {
    let revision: i64 = connection.query_row(
        "INSERT INTO maps (one, revision, document) VALUES (1, 1, ?1)
         ON CONFLICT (one) DO UPDATE SET revision = revision + 1, document = ?1
         RETURNING revision",
        params![document],
        |row| row.get(0),
    )?;
    Ok(revision.cast_unsigned())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::ConfigMapsUnreadable(error.to_string())
}
