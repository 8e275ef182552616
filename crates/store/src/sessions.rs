//! Who is logged in.
//!
//! The token itself is never stored, only its SHA-256: whoever reads a backup cannot log in with it.
//! How long a session lasts is the caller's decision, told as `expires`.
//!
//! Sessions may come by entries of the journal, so that a login outlives a takeover. They are no part
//! of the state that is compared, because each node forgets by itself those that have expired.

use model::Time;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use crate::settings::check_text;
use crate::users::Ruled;
use crate::{Store, StoreError, column_time, time_column};

/// Most sessions of one user; the oldest ends when one more begins. Ours: a person with a few
/// browsers never meets it, a script that never logs out cannot fill the disk.
pub const SESSIONS_PER_USER_MAX: u32 = 16;
/// The longest address that is kept: an IPv6 address with port and zone.
const ADDRESS_BYTES_MAX: usize = 64;

/// One login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of its token; names the session.
    pub token_hash: [u8; 32],
    /// Who logged in.
    pub user: String,
    /// When it began.
    pub created: Time,
    /// When it was last used.
    pub last_access: Time,
    /// The first moment at which it is no longer valid.
    pub expires: Time,
    /// Where it came from, for people.
    pub address: String,
}

impl Store {
    /// Begins a session, and ends the user's oldest ones beyond [`SESSIONS_PER_USER_MAX`].
    pub fn add_session(&self, session: &Session) -> Result<(), StoreError> {
        check_address(&session.address)?;
        self.transact(|transaction| add(transaction, session))
    }

    /// The session with this token, unless it has expired.
    pub fn session(&self, token: &[u8; 32], now: Time) -> Result<Option<Session>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT token_hash, user, created_ms, last_access_ms, expires_ms, address
                     FROM sessions WHERE token_hash = ?1 AND expires_ms > ?2",
                )?
                .query_row(params![token, time_column(now)], session_from)
                .optional()
        })
    }

    /// Every session, oldest first, expired ones included until they are purged.
    pub fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT token_hash, user, created_ms, last_access_ms, expires_ms, address
                     FROM sessions ORDER BY created_ms, token_hash",
                )?
                .query_map([], session_from)?
                .collect()
        })
    }

    /// Notes that a session was used, and until when it now lasts. False when there is none.
    pub fn touch_session(
        &self,
        token: &[u8; 32],
        now: Time,
        expires: Time,
    ) -> Result<bool, StoreError> {
        self.run(|connection| touch(connection, token, now, expires))
    }

    /// Ends a session. False when there was none.
    pub fn remove_session(&self, token: &[u8; 32]) -> Result<bool, StoreError> {
        self.run(|connection| remove(connection, token))
    }

    /// Ends the sessions of a user except `kept`; says how many.
    pub fn remove_sessions_of(
        &self,
        user: &str,
        kept: Option<&[u8; 32]>,
    ) -> Result<usize, StoreError> {
        self.run(|connection| remove_of(connection, user, kept))
    }

    /// Forgets the sessions that have expired; says how many.
    pub fn purge_sessions(&self, now: Time) -> Result<usize, StoreError> {
        self.run(|connection| {
            connection.execute("DELETE FROM sessions WHERE expires_ms <= ?1", [time_column(now)])
        })
    }
}

/// Whether an address is within its limits.
pub(crate) fn check_address(address: &str) -> Result<(), StoreError> {
    check_text("the address of a session", address, 0, ADDRESS_BYTES_MAX)
}

pub(crate) fn add(connection: &Connection, session: &Session) -> Ruled {
    let inserted = connection.execute(
        "INSERT INTO sessions (token_hash, user, created_ms, last_access_ms, expires_ms, address)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            session.token_hash,
            session.user,
            time_column(session.created),
            time_column(session.last_access),
            time_column(session.expires),
            session.address
        ],
    );
    match inserted {
        // The only constraint a 256-bit random token can break is the user's existence.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            return Ok(Err(StoreError::PeerUnknownUser(session.user.clone())));
        }
        inserted => inserted?,
    };
    connection.execute(
        "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions
         WHERE user = ?1 ORDER BY created_ms DESC, token_hash LIMIT -1 OFFSET ?2)",
        params![session.user, SESSIONS_PER_USER_MAX],
    )?;
    Ok(Ok(()))
}

pub(crate) fn touch(
    connection: &Connection,
    token: &[u8; 32],
    now: Time,
    expires: Time,
) -> rusqlite::Result<bool> {
    let touched = connection
        .prepare_cached(
            "UPDATE sessions SET last_access_ms = ?2, expires_ms = ?3
             WHERE token_hash = ?1 AND expires_ms > ?2",
        )?
        .execute(params![token, time_column(now), time_column(expires)])?;
    Ok(touched > 0)
}

pub(crate) fn remove(connection: &Connection, token: &[u8; 32]) -> rusqlite::Result<bool> {
    Ok(connection.execute("DELETE FROM sessions WHERE token_hash = ?1", [token])? > 0)
}

pub(crate) fn remove_of(
    connection: &Connection,
    user: &str,
    kept: Option<&[u8; 32]>,
) -> rusqlite::Result<usize> {
    connection.execute(
        "DELETE FROM sessions WHERE user = ?1 AND token_hash IS NOT ?2",
        params![user, kept],
    )
}

fn session_from(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        token_hash: row.get(0)?,
        user: row.get(1)?,
        created: column_time(row.get(2)?),
        last_access: column_time(row.get(3)?),
        expires: column_time(row.get(4)?),
        address: row.get(5)?,
    })
}
