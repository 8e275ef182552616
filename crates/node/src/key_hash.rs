//! Key hashes, and the list of those that are trusted.
//!
//! A key hash is the SHA-1 or SHA-256 of the DER `SubjectPublicKeyInfo` of a certificate. Which bytes
//! Cisco hashes was never published; this is the best reading (`reference/nmsp-mse-cmx.md` A.2).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use model::Mac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use x509_parser::prelude::{FromDer, X509Certificate};

/// One key hash, as typed into a configuration or printed by `show server-auth-info`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyHash {
    /// 40 hexadecimal digits.
    Sha1([u8; 20]),
    /// 64 hexadecimal digits.
    Sha256([u8; 32]),
}

/// A text that is no key hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key hash has 40 (SHA-1) or 64 (SHA-256) hexadecimal digits; this one has {digits}")]
pub struct KeyHashError {
    /// How many were given.
    pub digits: usize,
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        };
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyHash {
    type Err = KeyHashError;

    fn from_str(text: &str) -> Result<Self, KeyHashError> {
        let text = text.trim();
        let error = KeyHashError { digits: text.chars().filter(char::is_ascii_hexdigit).count() };
        let digits: Option<Vec<u8>> =
            text.chars().map(|c| c.to_digit(16).map(|it| it as u8)).collect();
        let bytes: Vec<u8> = digits
            .ok_or_else(|| error.clone())?
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        match (
            text.len(),
            <[u8; 20]>::try_from(bytes.as_slice()),
            <[u8; 32]>::try_from(bytes.as_slice()),
        ) {
            (40, Ok(sha1), _) => Ok(Self::Sha1(sha1)),
            (64, _, Ok(sha256)) => Ok(Self::Sha256(sha256)),
            _ => Err(error),
        }
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a certificate says about its owner: the MAC in its subject and both hashes of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The MAC that the common name ends with, when there is one.
    pub mac: Option<Mac>,
    /// SHA-1 of the key.
    pub sha1: KeyHash,
    /// SHA-256 of the key.
    pub sha256: KeyHash,
    /// Validity, seconds since 1970.
    pub not_before_s: i64,
    /// Validity, seconds since 1970.
    pub not_after_s: i64,
}

impl Credentials {
    /// Reads a DER certificate; `None` when it is none.
    pub fn of(certificate_der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate_der).ok()?;
        let key = certificate.public_key().raw;
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key);
        let sha256 = digest::digest(&digest::SHA256, key);
        let name =
            certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        // Cisco certificates are named like C1130-00146a1b3744: the address is the last part.
        let mac = name.and_then(|name| name.rsplit('-').next()).and_then(|text| text.parse().ok());
        Some(Self {
            mac,
            sha1: KeyHash::Sha1(sha1.as_ref().try_into().ok()?),
            sha256: KeyHash::Sha256(sha256.as_ref().try_into().ok()?),
            not_before_s: certificate.validity().not_before.timestamp(),
            not_after_s: certificate.validity().not_after.timestamp(),
        })
    }

    /// Whether one of the hashes is `hash`.
    pub fn has_key(&self, hash: KeyHash) -> bool {
        // The hashes are public: comparing them needs no constant time.
        hash == self.sha1 || hash == self.sha256
    }
}

/// One trusted engine: an entry of the controller's authorisation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthEntry {
    /// The engine's MAC, as `show server-auth-info` prints it.
    pub mac: Mac,
    /// Its SHA-1 or SHA-256 key hash.
    pub key_hash: KeyHash,
}

/// The controller's authorisation list ("authlist").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuthList(pub Vec<AuthEntry>);

impl AuthList {
    /// Whether these credentials match an entry by address and by hash.
    pub fn accepts(&self, credentials: &Credentials) -> bool {
        self.0
            .iter()
            .any(|entry| credentials.mac == Some(entry.mac) && credentials.has_key(entry.key_hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_and_printed() {
        // The SHA2 key hash of nmsp-3850-troubleshooting.
        let text = "6ab919e20afc103d025aaf210c2a9dda151af9403ef52e80a35ae1ecb6d3c177";
        assert_eq!(text.parse::<KeyHash>().unwrap().to_string(), text);
        assert!(matches!("e0".repeat(20).parse(), Ok(KeyHash::Sha1(_))));
    }

    #[test]
    fn what_is_no_hash_says_how_many_digits_it_has() {
        for (text, digits) in [("", 0), ("6ab9", 4), (&"g".repeat(64), 0), (&"a".repeat(63), 63)] {
            assert_eq!(text.parse::<KeyHash>(), Err(KeyHashError { digits }), "{text}");
        }
    }
}
