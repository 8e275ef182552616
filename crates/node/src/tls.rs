//! TLS: one crypto provider, and the configurations that OpenMSE uses.
//!
//! * between health monitors both ends prove a key, and no date counts: a clock that steps a year
//!   must not end a pair;
//! * the NMSP server asks for a client certificate and trusts it by the [`AuthList`];
//! * the NMSP client trusts the controller by its pinned key hash;
//! * the HTTPS server presents the node's certificate;
//! * a receiver of notifications is believed as its definition says.
//!
//! No certificate authority takes part in all but the last: the peers of a mobility network are
//! self-signed.

use std::fmt;
use std::sync::Arc;

use model::Mac;
use notify::Trust;
pub use rustls::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, OtherError,
    RootCertStore, ServerConfig, SignatureScheme,
};

use crate::identity::Identity;
use crate::key_hash::{AuthList, Credentials, KeyHash, KeyHashError};

/// The one crypto provider.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// TLS of a controller towards engines.
///
/// `None` instead of a list trusts every engine ("unauthenticated NMSP"): for laboratories only.
pub fn nmsp_server(identity: &Identity, trusted: Option<AuthList>) -> Result<ServerConfig, Error> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Arc::new(AuthListVerifier { trusted, algorithms, peers: Peers::Controllers });
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate()], identity.key())
}

/// TLS of an engine towards one controller, whose key hash is `pinned`.
pub fn nmsp_client(identity: &Identity, pinned: KeyHash) -> Result<ClientConfig, Error> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let peers = Peers::Controllers;
    let verifier = Arc::new(PinnedVerifier { pinned: Some(pinned), algorithms, peers });
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(vec![identity.certificate()], identity.key())
}

/// TLS of a health monitor's listener. Whoever has a certificate proves its key; whose key it is and
/// what it may do, the listener looks up. `protocols` are those of ALPN.
pub fn pair_server(identity: &Identity, protocols: &[&[u8]]) -> Result<ServerConfig, Error> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Arc::new(AuthListVerifier { trusted: None, algorithms, peers: Peers::Monitors });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate()], identity.key())?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// TLS of a health monitor towards another node, whose key hash is `pinned`; without one, only to
/// ask who is there.
pub fn pair_client(
    identity: &Identity,
    pinned: Option<KeyHash>,
    protocol: &[u8],
) -> Result<ClientConfig, Error> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Arc::new(PinnedVerifier { pinned, algorithms, peers: Peers::Monitors });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(vec![identity.certificate()], identity.key())?;
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

/// TLS towards a receiver of notifications: believed by the authorities of this machine, by those
/// that its definition names, or by its key hash.
pub fn receiver_client(trust: &Trust) -> Result<ClientConfig, Error> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let authorities = match trust {
        Trust::Pin(hash) => {
            let pinned: KeyHash =
                hash.parse().map_err(|error: KeyHashError| Error::General(error.to_string()))?;
            let peers = Peers::Controllers;
            let verifier = PinnedVerifier { pinned: Some(pinned), algorithms, peers };
            let verified = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
            return Ok(verified.with_no_client_auth());
        }
        Trust::Ca(pem) => CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::General(format!("the authorities are no PEM: {error}")))?,
        // What cannot be read is not believed; without any, the handshake says so.
        Trust::System => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(authorities);
    if added == 0 {
        let error = "there is no certificate of an authority; name one in trust.ca";
        return Err(Error::General(error.to_owned()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// TLS of an HTTPS listener.
pub fn https_server(identity: &Identity) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate()], identity.key())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A certificate that was presented and not accepted: travels inside the TLS error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The address in the certificate.
    pub mac: Option<Mac>,
    /// Its key hash, SHA-1.
    pub sha1: KeyHash,
    /// Its key hash, SHA-256.
    pub sha256: KeyHash,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mac {
            Some(mac) => write!(f, "key hash {} from MAC {mac} is not trusted", self.sha256),
            None => write!(
                f,
                "key hash {} from a certificate without a MAC is not trusted",
                self.sha256
            ),
        }
    }
}

impl std::error::Error for Rejection {}

impl Rejection {
    /// The rejection inside a TLS error, if that is what it is.
    pub fn of(error: &Error) -> Option<&Self> {
        match error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
                inner.downcast_ref()
            }
            _ => None,
        }
    }
}

/// The controller's check: signed by its key, valid now, and on the list.
#[derive(Debug)]
struct AuthListVerifier {
    trusted: Option<AuthList>,
    algorithms: WebPkiSupportedAlgorithms,
    peers: Peers,
}

/// The engine's check: signed by its key, valid now, and the pinned key.
#[derive(Debug)]
struct PinnedVerifier {
    pinned: Option<KeyHash>,
    algorithms: WebPkiSupportedAlgorithms,
    peers: Peers,
}

/// Whose certificates are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peers {
    /// Those of NMSP: valid now.
    Controllers,
    /// Health monitors: the key is all that counts. A listener also talks to clients that have none.
    Monitors,
}

/// What both sides ask of a certificate. `certificate_unknown` (alert 46) is what rustls sends for
/// a certificate error of ours, as the 3850 does (`nmsp-3850-troubleshooting`, ret = 0x22e).
fn check(
    certificate: &CertificateDer<'_>,
    peers: Peers,
    now: UnixTime,
    trusts: impl FnOnce(&Credentials) -> bool,
) -> Result<(), Error> {
    let credentials = Credentials::of(certificate).ok_or(CertificateError::BadEncoding)?;
    let now_s = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let counts = peers == Peers::Controllers;
    if counts && now_s < credentials.not_before_s {
        return Err(CertificateError::NotValidYet.into());
    }
    if counts && now_s > credentials.not_after_s {
        return Err(CertificateError::Expired.into());
    }
    if trusts(&credentials) {
        return Ok(());
    }
    let Credentials { mac, sha1, sha256, .. } = credentials;
    Err(CertificateError::Other(OtherError(Arc::new(Rejection { mac, sha1, sha256 }))).into())
}

impl ClientCertVerifier for AuthListVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.peers == Peers::Controllers
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let trusts = |credentials: &Credentials| {
            self.trusted.as_ref().is_none_or(|list| list.accepts(credentials))
        };
        check(end_entity, self.peers, now, trusts).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let trusts = |credentials: &Credentials| {
            self.pinned.is_none_or(|pinned| credentials.has_key(pinned))
        };
        check(end_entity, self.peers, now, trusts).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
