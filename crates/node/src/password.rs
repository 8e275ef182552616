//! Passwords: argon2id, never kept in clear.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};

/// Shortest password that is accepted. NIST SP 800-63B-4 asks for eight or more.
pub const BYTES_MIN: usize = 8;
/// Longest password that is looked at, so that nobody can make the hash work for long.
pub const BYTES_MAX: usize = 256;

/// Why a password is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has {BYTES_MIN} to {BYTES_MAX} bytes")]
    PeerLength,
    /// The hash could not be made.
    #[error("the password could not be hashed")]
    LocalHash,
}

/// Hashes a new password, as a PHC string with its own salt.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if !(BYTES_MIN..=BYTES_MAX).contains(&password.len()) {
        return Err(PasswordError::PeerLength);
    }
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|_| PasswordError::LocalHash)?;
    Ok(hash.to_string())
}

/// Whether `password` belongs to `hash`. About 20 ms of work: call it off the event loop.
pub fn verify(password: &str, hash: &str) -> bool {
    let fits = password.len() <= BYTES_MAX;
    fits && PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Does the work of [`verify`] for a user that does not exist, so that timing tells nothing.
pub fn spend_as_for_a_user(password: &str) {
    static NOBODY: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| hash(&crate::token::one_time_password()).unwrap_or_default());
    verify(password, &NOBODY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_only() {
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        assert!(verify("correct horse", &kept));
        assert!(!verify("correct horsf", &kept));
        assert!(!verify("correct horse", "no hash"));
        assert_ne!(hash("correct horse").unwrap(), kept, "each has its own salt");
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(hash("seven77"), Err(PasswordError::PeerLength));
        assert_eq!(hash(&"x".repeat(257)), Err(PasswordError::PeerLength));
    }
}
