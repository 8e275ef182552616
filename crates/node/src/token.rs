//! Random tokens, and the hashes under which they are kept.

use std::fmt;

use aws_lc_rs::{digest, rand};

/// A session token: 256 random bits. Only its hash is stored; the token itself is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A new token.
    pub fn new() -> Self {
        Self(random())
    }

    /// The token as it is handed out: 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads a token that was handed out.
    pub fn from_hex(text: &str) -> Option<Self> {
        match text.parse::<crate::key_hash::KeyHash>() {
            Ok(crate::key_hash::KeyHash::Sha256(bytes)) => Some(Self(bytes)),
            _ => None,
        }
    }

    /// What is stored in its place.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.0)
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// `bytes` as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// A password for people to type once: five groups of four letters and digits, 98 bits.
pub fn one_time_password() -> String {
    // No 0, o, 1, l, i: they are confused when read aloud.
    const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut text = String::new();
    while text.len() < 24 {
        let [byte] = random::<1>();
        // Bytes beyond the last whole multiple of 31 would make some letters likelier.
        if let Some(letter) =
            (byte < 248).then(|| ALPHABET.get(usize::from(byte) % ALPHABET.len())).flatten()
        {
            if text.len() % 5 == 4 {
                text.push('-');
            }
            text.push(char::from(*letter));
        }
    }
    text
}

/// Random bytes from the system.
#[expect(clippy::expect_used, reason = "a machine without randomness must not go on")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("invariant: the system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back_and_never_shown() {
        let token = Token::new();
        assert_eq!(Token::from_hex(&token.to_hex()), Some(token.clone()));
        assert!(!format!("{token:?}").contains(&token.to_hex()[..8]));
        assert_eq!(Token::from_hex("abc"), None);
    }

    #[test]
    fn one_time_passwords_can_be_read_aloud() {
        let password = one_time_password();
        assert_eq!(password.len(), 24);
        assert_eq!(password.split('-').map(str::len).collect::<Vec<_>>(), [4; 5]);
        assert_ne!(password, one_time_password());
    }
}
