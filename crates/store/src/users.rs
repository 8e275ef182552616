//! People and programs that may log in.
//!
//! A password is known here only as the text that the hash function made of it; checking it, and
//! the rules for a good one, belong to the caller. One thing is never allowed: to be without admin.

use std::fmt;
use std::str::FromStr;

use model::Time;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, column_time, damaged, time_column};

/// Longest user name in bytes. Ours: fits a column of the console.
pub const USER_NAME_BYTES_MAX: usize = 64;
/// Longest password hash in bytes; an argon2id string has about 100.
pub const PASSWORD_HASH_BYTES_MAX: usize = 512;
/// Most users of one instance. Ours: more belong in a directory service.
pub const USERS_MAX: u32 = 1_000;

/// What a user may do; each role may do everything that the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Also acts on what is tracked.
    Operator,
    /// Also changes maps, users and settings.
    Admin,
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no role; use viewer, operator or admin")]
pub struct UnknownRole(pub String);

/// One user.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Unique, case-sensitive.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// The hashed password, opaque here.
    pub password_hash: String,
    /// Whether the password was given by somebody else and has to be changed first.
    pub must_change_password: bool,
    /// When the user was added.
    pub created: Time,
    /// When the role or password was last changed.
    pub changed: Time,
}

impl Role {
    /// Every role, least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The role as it is written in JSON and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(64).collect()))
    }
}

impl fmt::Debug for User {
    /// Without the hash: it must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("must_change_password", &self.must_change_password)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Adds a user.
    pub fn add_user(&self, user: &User) -> Result<(), StoreError> {
        check_name(&user.name)?;
        check_password_hash(&user.password_hash)?;
        self.transact(|transaction| add(transaction, user))
    }

    /// The user with this name.
    pub fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT name, role, password_hash, must_change_password, created_ms, changed_ms
                     FROM users WHERE name = ?1",
                )?
                .query_row([name], user_from)
                .optional()
        })
    }

    /// Every user, by name.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT name, role, password_hash, must_change_password, created_ms, changed_ms
                     FROM users ORDER BY name",
                )?
                .query_map([], user_from)?
                .collect()
        })
    }

    /// Replaces a password. Sessions stay; ending the others is the caller's choice.
    pub fn set_password(
        &self,
        name: &str,
        password_hash: &str,
        must_change_password: bool,
        now: Time,
    ) -> Result<(), StoreError> {
        check_password_hash(password_hash)?;
        self.transact(|transaction| {
            set_password(transaction, name, password_hash, must_change_password, now)
        })
    }

    /// Changes what a user may do; the last admin stays admin.
    pub fn set_role(&self, name: &str, role: Role, now: Time) -> Result<(), StoreError> {
        self.transact(|transaction| set_role(transaction, name, role, now))
    }

    /// Removes a user and the user's sessions; the last admin stays.
    pub fn remove_user(&self, name: &str) -> Result<(), StoreError> {
        self.transact(|transaction| remove(transaction, name))
    }
}

/// What the rules say: done, or refused with nothing changed.
pub(crate) type Ruled = rusqlite::Result<Result<(), StoreError>>;

pub(crate) fn add(connection: &Connection, user: &User) -> Ruled {
    let count: u32 = connection.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
    if count >= USERS_MAX {
        return Ok(Err(StoreError::PeerBadValue {
            what: "the number of users",
            allowed: format!("at most {USERS_MAX}"),
        }));
    }
    let inserted = connection.execute(
        "INSERT INTO users (name, role, password_hash, must_change_password, created_ms,
         changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            user.name,
            user.role.name(),
            user.password_hash,
            user.must_change_password,
            time_column(user.created),
            time_column(user.changed)
        ],
    );
    match inserted {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Ok(Err(StoreError::PeerUserExists(user.name.clone())))
        }
        inserted => inserted.map(|_| Ok(())),
    }
}

pub(crate) fn set_password(
    connection: &Connection,
    name: &str,
    password_hash: &str,
    must_change_password: bool,
    now: Time,
) -> Ruled {
    let changed = connection.execute(
        "UPDATE users SET password_hash = ?2, must_change_password = ?3, changed_ms = ?4
         WHERE name = ?1",
        params![name, password_hash, must_change_password, time_column(now)],
    )?;
    Ok(found(changed, name))
}

pub(crate) fn set_role(connection: &Connection, name: &str, role: Role, now: Time) -> Ruled {
    if role != Role::Admin && is_last_admin(connection, name)? {
        return Ok(Err(StoreError::PeerLastAdmin(name.to_owned())));
    }
    let changed = connection.execute(
        "UPDATE users SET role = ?2, changed_ms = ?3 WHERE name = ?1",
        params![name, role.name(), time_column(now)],
    )?;
    Ok(found(changed, name))
}

pub(crate) fn remove(connection: &Connection, name: &str) -> Ruled {
    if is_last_admin(connection, name)? {
        return Ok(Err(StoreError::PeerLastAdmin(name.to_owned())));
    }
    Ok(found(connection.execute("DELETE FROM users WHERE name = ?1", [name])?, name))
}

/// Whether `name` is an admin and nobody else is.
fn is_last_admin(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND name = ?1)
         AND NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND name <> ?1)",
        [name],
        |row| row.get(0),
    )
}

fn found(changed: usize, name: &str) -> Result<(), StoreError> {
    if changed == 0 {
        return Err(StoreError::PeerUnknownUser(name.chars().take(64).collect()));
    }
    Ok(())
}

fn user_from(row: &Row<'_>) -> rusqlite::Result<User> {
    let role: String = row.get(1)?;
    Ok(User {
        name: row.get(0)?,
        role: role.parse().map_err(|error: UnknownRole| damaged(1, error))?,
        password_hash: row.get(2)?,
        must_change_password: row.get(3)?,
        created: column_time(row.get(4)?),
        changed: column_time(row.get(5)?),
    })
}

/// Whether a name can be that of a user.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    let is_printable = !name.contains(|c: char| c.is_control() || c.is_whitespace());
    if !name.is_empty() && name.len() <= USER_NAME_BYTES_MAX && is_printable {
        return Ok(());
    }
    Err(StoreError::PeerBadValue {
        what: "the name of a user",
        allowed: format!("1 to {USER_NAME_BYTES_MAX} bytes without spaces or control characters"),
    })
}

/// Whether a text can be a hashed password.
pub(crate) fn check_password_hash(hash: &str) -> Result<(), StoreError> {
    if (1..=PASSWORD_HASH_BYTES_MAX).contains(&hash.len()) {
        return Ok(());
    }
    Err(StoreError::PeerBadValue {
        what: "a password hash",
        allowed: format!("1 to {PASSWORD_HASH_BYTES_MAX} bytes"),
    })
}
