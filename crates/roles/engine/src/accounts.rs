//! Users of an engine: the first one, and those that operators add.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use node::clock;
use node::password::PasswordError;
use store::{Role, Store, StoreError, User};

/// Name of the user that the first start makes.
pub const FIRST_USER: &str = "admin";
/// File in the data directory with the one-time password of the first start.
pub const INITIAL_PASSWORD_NAME: &str = "initial-password";

/// Why a user was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The password is refused.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store refuses the user.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The one-time password cannot be left for the operator.
    #[error("cannot write {}: {source}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Adds a user with a password.
pub fn add_user(
    store: &Store,
    name: &str,
    password: &str,
    role: Role,
    must_change_password: bool,
) -> Result<(), AccountError> {
    Ok(store.add_user(&new_user(name, password, role, must_change_password)?)?)
}

/// A user with a password, made now. Takes 20 ms of a core.
pub fn new_user(
    name: &str,
    password: &str,
    role: Role,
    must_change_password: bool,
) -> Result<User, PasswordError> {
    let (password_hash, now) = (node::password::hash(password)?, clock::wall());
    let name = name.to_owned();
    Ok(User { name, role, password_hash, must_change_password, created: now, changed: now })
}

/// Without users nobody could log in: makes `admin` with a password that must be changed, and
/// leaves it in a file that only the node's user can read.
pub(crate) fn make_first_user(store: &Store, data: &Path) -> Result<(), AccountError> {
    if !store.users()?.is_empty() {
        return Ok(());
    }
    store.add_user(&first_user(data)?)?;
    tell_first_user(data);
    Ok(())
}

/// The first user, whose one-time password is in a file of this node already.
pub(crate) fn first_user(data: &Path) -> Result<User, AccountError> {
    let password = node::token::one_time_password();
    let path = data.join(INITIAL_PASSWORD_NAME);
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        writeln!(file, "{password}")
    };
    write().map_err(|source| AccountError::LocalFile { path: path.clone(), source })?;
    Ok(new_user(FIRST_USER, &password, Role::Admin, true)?)
}

/// Tells the operator where the one-time password is.
pub(crate) fn tell_first_user(data: &Path) {
    tracing::warn!(
        user = FIRST_USER, file = %data.join(INITIAL_PASSWORD_NAME).display(),
        "first start: the one-time password is in the file; it must be changed at the first log-in"
    );
}
