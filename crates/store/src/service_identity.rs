//! The key and the certificate of the service: what controllers trust, whichever node serves.
//!
//! They have a table of their own, so that nothing that lists or exports settings meets them, and
//! the key is a [`Secret`]. Both are text to this crate, in PEM; what they mean is known above.
//! The first ones stay: a key that changed would be work on every controller.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::apply::Secret;
use crate::settings::check_text;
use crate::{DATABASE, Store, StoreError, database_error};

/// Longest PEM of a key or certificate in bytes. Ours: ours have below 2 KiB.
pub const IDENTITY_PEM_BYTES_MAX: usize = 16 << 10;

/// Key and certificate of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceIdentity {
    /// The certificate, in PEM.
    pub certificate: String,
    /// The private key, in PEM.
    pub key: Secret,
}

impl Store {
    /// Key and certificate of the service, once an entry has brought them.
    pub fn service_identity(&self) -> Result<Option<ServiceIdentity>, StoreError> {
        self.run(|connection| load(connection))
    }

    /// The same for somebody who looks at the store of another process, which may be running. Makes
    /// and changes nothing; nothing is found where there is no store, or one without an identity.
    pub fn service_identity_in(dir: &Path) -> Result<Option<ServiceIdentity>, StoreError> {
        let database = dir.join(DATABASE);
        if !database.exists() {
            return Ok(None);
        }
        let look = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&database, flags)?;
            // An older schema has no such table.
            let tables: u32 = connection.query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name = 'service_identity'",
                [],
                |row| row.get(0),
            )?;
            if tables == 0 { Ok(None) } else { load(&connection) }
        };
        look().map_err(database_error(&database))
    }
}

fn load(connection: &Connection) -> rusqlite::Result<Option<ServiceIdentity>> {
    connection
        .query_row("SELECT certificate, key FROM service_identity", [], |row| {
            Ok(ServiceIdentity { certificate: row.get(0)?, key: Secret(row.get(1)?) })
        })
        .optional()
}

/// Keeps key and certificate. False when there are some already: they stay.
pub(crate) fn set(connection: &Connection, certificate: &str, key: &str) -> rusqlite::Result<bool> {
    let inserted = connection.execute(
        "INSERT INTO service_identity (one, certificate, key) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO NOTHING",
        params![certificate, key],
    )?;
    Ok(inserted > 0)
}

/// Whether both are within their limits.
pub(crate) fn check(certificate: &str, key: &str) -> Result<(), StoreError> {
    check_text("the certificate of the service", certificate, 1, IDENTITY_PEM_BYTES_MAX)?;
    check_text("the key of the service", key, 1, IDENTITY_PEM_BYTES_MAX)
}
