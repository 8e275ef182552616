//! Named documents in collections: what people configure that is more than a setting, such as
//! subscriptions of notifications or the survey of a floor. Their meaning is the caller's.
//!
//! A document is replaced as a whole. It may hold a password of somebody's mail server, so none of
//! it reaches a log.

use rusqlite::{Connection, OptionalExtension, params};

use crate::settings::check_text;
use crate::{Store, StoreError};

/// Longest name of a collection or of a document in bytes. Ours.
pub const DOCUMENT_NAME_BYTES_MAX: usize = 256;
/// Longest document in bytes. Ours, well below what an entry of the journal holds: the survey of a
/// large floor.
pub const DOCUMENT_BYTES_MAX: usize = 768 << 10;

impl Store {
    /// The document `name` of a collection.
    pub fn document(&self, collection: &str, name: &str) -> Result<Option<String>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT document FROM documents WHERE collection = ?1 AND name = ?2",
                )?
                .query_row([collection, name], |row| row.get(0))
                .optional()
        })
    }

    /// The documents of a collection with their names, in order of the names.
    pub fn documents(&self, collection: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT name, document FROM documents WHERE collection = ?1 ORDER BY name",
                )?
                .query_map([collection], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Adds or replaces a document.
    pub fn put_document(
        &self,
        collection: &str,
        name: &str,
        document: &str,
    ) -> Result<(), StoreError> {
        check(collection, name, document)?;
        self.run(|connection| put(connection, collection, name, document))
    }

    /// Removes a document. False when there was none.
    pub fn remove_document(&self, collection: &str, name: &str) -> Result<bool, StoreError> {
        self.run(|connection| remove(connection, collection, name))
    }
}

/// Whether names and document are within their limits.
pub(crate) fn check(collection: &str, name: &str, document: &str) -> Result<(), StoreError> {
    check_text("the name of a collection", collection, 1, DOCUMENT_NAME_BYTES_MAX)?;
    check_text("the name of a document", name, 1, DOCUMENT_NAME_BYTES_MAX)?;
    check_text("a document", document, 0, DOCUMENT_BYTES_MAX)
}

pub(crate) fn put(
    connection: &Connection,
    collection: &str,
    name: &str,
    document: &str,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO documents (collection, name, document) VALUES (?1, ?2, ?3)
         ON CONFLICT (collection, name) DO UPDATE SET document = ?3",
        params![collection, name, document],
    )?;
    Ok(())
}

pub(crate) fn remove(
    connection: &Connection,
    collection: &str,
    name: &str,
) -> rusqlite::Result<bool> {
    let removed = connection
        .execute("DELETE FROM documents WHERE collection = ?1 AND name = ?2", [collection, name])?;
    Ok(removed > 0)
}
