//! A node's identity: a key, a self-signed certificate and a MAC, made once and kept for good.
//!
//! Controllers trust an engine by its MAC and key hash, so a lost key means work on every
//! controller: the files are written before they are used, and are never overwritten.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use model::Mac;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::key_hash::Credentials;

/// A certificate is valid from a day before it is made: the controller's clock may be behind.
const VALID_BEFORE_S: i64 = 24 * 3600;
/// Ten years, the life of the appliances that this replaces.
const VALID_AFTER_S: i64 = 10 * 365 * 24 * 3600;

/// A node's key and certificate.
#[derive(Debug)]
pub struct Identity {
    /// The address that stands in the certificate.
    pub mac: Mac,
    /// What others see.
    pub credentials: Credentials,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file does not hold what its name says.
    #[error("{} is damaged; restore it from a backup, or remove identity.key and identity.crt to make a new identity, which every controller must then be told", path.display())]
    LocalDamaged {
        /// The file.
        path: PathBuf,
    },
    /// The key could not be made.
    #[error("cannot make a key: {0}")]
    LocalKey(#[from] rcgen::Error),
}

/// From when to when a new certificate is valid, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    /// First second.
    pub not_before_s: i64,
    /// Last second.
    pub not_after_s: i64,
}

impl Validity {
    /// The usual span around `now_s`.
    pub fn around(now_s: i64) -> Self {
        Self { not_before_s: now_s - VALID_BEFORE_S, not_after_s: now_s + VALID_AFTER_S }
    }
}

impl Identity {
    /// The identity in `dir`; made and written there when there is none.
    pub fn load_or_create(dir: &Path, mac: impl FnOnce() -> Mac) -> Result<Self, IdentityError> {
        let (key_path, certificate_path) = (dir.join("identity.key"), dir.join("identity.crt"));
        if !certificate_path.exists() {
            let file_error = |source| IdentityError::LocalFile { path: dir.to_owned(), source };
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(dir).map_err(file_error)?;
            // A key without a certificate is left from an interrupted first start, or is all that
            // was restored: controllers trust the key, so it gets a new certificate.
            if !key_path.exists() {
                write_new(&key_path, &KeyPair::generate()?.serialize_pem(), 0o600)?;
            }
            let pem = String::from_utf8(read(&key_path)?).ok();
            let key = pem.and_then(|pem| KeyPair::from_pem(&pem).ok());
            let key = key.ok_or(IdentityError::LocalDamaged { path: key_path })?;
            let now_s = i64::try_from(crate::clock::wall().0 / 1000).unwrap_or(i64::MAX);
            let certificate = self_signed(&key, mac(), Validity::around(now_s))?;
            write_new(&certificate_path, &certificate, 0o644)?;
        }
        Self::load(dir)
    }

    /// The identity in `dir`, which must be there.
    pub fn load(dir: &Path) -> Result<Self, IdentityError> {
        let (key_path, certificate_path) = (dir.join("identity.key"), dir.join("identity.crt"));
        let certificate = CertificateDer::from_pem_slice(&read(&certificate_path)?)
            .map_err(|_| IdentityError::LocalDamaged { path: certificate_path.clone() })?;
        let key = PrivateKeyDer::from_pem_slice(&read(&key_path)?)
            .map_err(|_| IdentityError::LocalDamaged { path: key_path })?;
        Self::new(certificate, key).ok_or(IdentityError::LocalDamaged { path: certificate_path })
    }

    /// The identity of a certificate and a key in PEM, as the files in a directory hold them.
    pub fn parse(certificate: &str, key: &str) -> Option<Self> {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).ok()?;
        Self::new(certificate, PrivateKeyDer::from_pem_slice(key.as_bytes()).ok()?)
    }

    /// Certificate and key of the identity in `dir`, in PEM, for a service whose nodes share them.
    pub fn pem_in(dir: &Path) -> Result<(String, String), IdentityError> {
        let text = |name: &str| {
            let path = dir.join(name);
            String::from_utf8(read(&path)?).map_err(|_| IdentityError::LocalDamaged { path })
        };
        Ok((text("identity.crt")?, text("identity.key")?))
    }

    /// A new identity that is not kept, for tests and for showing what happens outside its validity.
    pub fn ephemeral(mac: Mac, validity: Validity) -> Result<Self, IdentityError> {
        let key = KeyPair::generate()?;
        let certificate = self_signed(&key, mac, validity)?;
        let damaged = || IdentityError::LocalDamaged { path: PathBuf::from("identity") };
        let certificate =
            CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| damaged())?;
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes());
        Self::new(certificate, key.map_err(|_| damaged())?).ok_or_else(damaged)
    }

    /// The certificate, as the peer sees it.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// The key, for TLS.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    fn new(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Option<Self> {
        let credentials = Credentials::of(&certificate)?;
        Some(Self { mac: credentials.mac?, credentials, certificate, key })
    }
}

/// A self-signed certificate, as PEM.
fn self_signed(key: &KeyPair, mac: Mac, validity: Validity) -> Result<String, rcgen::Error> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, format!("mse-{}", mac.bare()));
    // The same certificate serves HTTPS; a browser wants a name besides the subject.
    parameters.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
    ];
    parameters.not_before = date(validity.not_before_s);
    parameters.not_after = date(validity.not_after_s);
    Ok(parameters.self_signed(key)?.pem())
}

/// A MAC for this machine: that of its first physical interface, else a random local one.
pub fn machine_mac() -> Mac {
    let mut addresses: Vec<(String, Mac)> = std::fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten()
        // Bridges and tunnels have no device, and the same address on many machines.
        .filter(|entry| entry.path().join("device").exists())
        .filter_map(|entry| {
            let address =
                std::fs::read_to_string(entry.path().join("address")).ok()?.parse().ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), address))
        })
        .filter(|(_, mac)| *mac != Mac::default())
        .collect();
    addresses.sort();
    addresses.into_iter().next().map_or_else(random_mac, |(_, mac)| mac)
}

/// A random locally administered MAC, for a role that shares its machine with others.
pub fn random_mac() -> Mac {
    let mut octets = crate::token::random::<6>();
    octets[0] = octets[0] & 0b1111_1100 | 0b10;
    Mac(octets)
}

fn date(seconds: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(path).map_err(|source| IdentityError::LocalFile { path: path.to_owned(), source })
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), IdentityError> {
    crate::directory::replace(path, text.as_bytes(), mode)
        .map_err(|source| IdentityError::LocalFile { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_identity_is_made_once_and_kept() {
        let dir = std::env::temp_dir().join(format!("openmse-identity-{}", std::process::id()));
        let mac = Mac([2, 0, 0, 0, 0, 7]);
        let made = Identity::load_or_create(&dir, || mac).unwrap();
        let loaded = Identity::load_or_create(&dir, || panic!("made twice")).unwrap();
        assert_eq!(made.credentials, loaded.credentials);
        assert_eq!(made.mac, mac);
        let (certificate, key) = Identity::pem_in(&dir).unwrap();
        let copied = Identity::parse(&certificate, &key).unwrap();
        assert_eq!((&copied.credentials, copied.mac), (&made.credentials, mac), "on another node");
        assert!(Identity::parse(&certificate, "no key").is_none());

        let mode = std::fs::metadata(dir.join("identity.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else reads the key");

        std::fs::remove_file(dir.join("identity.crt")).unwrap();
        let again = Identity::load_or_create(&dir, || mac).unwrap();
        assert_eq!(again.credentials.sha256, made.credentials.sha256, "controllers trust the key");

        std::fs::write(dir.join("identity.crt"), "gone").unwrap();
        let error = Identity::load_or_create(&dir, || mac).unwrap_err().to_string();
        assert!(error.contains("identity.crt is damaged"), "{error}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
