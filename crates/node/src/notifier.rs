//! Carries one event to one receiver: HTTP, syslog, SNMP, mail, MQTT.
//!
//! | module | what it is for |
//! |---|---|
//! | `address` | where a receiver is, and where none may be |
//! | `http` | a POST |
//! | `syslog` | a message of RFC 5424 over UDP, TCP or TLS |
//! | `snmp` | a trap of SNMP v2c |
//! | `mail` | a mail over SMTP |
//! | `mqtt` | a message of MQTT 3.1.1 that the broker acknowledges |
//!
//! Each event takes a connection of its own: a receiver that is stuck holds nothing but its own
//! event, and an address that moved is found again. Nothing is tried twice here, nothing waits in a
//! queue and nothing is logged: the [`notify::Notifier`] decides, and its driver logs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::Time;
use notify::{Receiver, Transport, Trust};
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls;

mod address;
mod http;
mod mail;
mod mqtt;
mod snmp;
mod syslog;

pub use address::AddressRules;
pub use snmp::Variable;

/// A receiver must have taken an event after this long, from the look-up of its name on. Ours: a
/// receiver that needs longer falls behind in any case.
pub const DELIVERY_MAX: Duration = Duration::from_secs(5);

/// One event, written.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The event's number: where a transport wants one of its own.
    pub id: u64,
    /// When it happened.
    pub at: Time,
    /// Name of the engine.
    pub sender: String,
    /// The kind of event in one word: `MSGID` of syslog.
    pub kind: &'static str,
    /// One line for people: subject of a mail, text of a trap.
    pub line: String,
    /// `application/json`, ..
    pub media_type: &'static str,
    /// What is sent.
    pub body: String,
    /// How urgent it is.
    pub severity: Severity,
    /// What a trap says about it beside the line.
    pub variables: Vec<Variable>,
}

/// How urgent an event is, as syslog counts (RFC 5424 section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Somebody calls for help.
    Alert,
    /// Somebody should look.
    Warning,
    /// Something happened.
    Notice,
}

/// Why an event was not delivered. Nothing of it is secret.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The name means nothing.
    #[error("cannot find the address of {host}: {source}")]
    PeerUnknown {
        /// The name.
        host: String,
        /// What the resolver says.
        source: std::io::Error,
    },
    /// No receiver may be there.
    #[error(
        "{host} is {address}, where no receiver may be: addresses of the link and of clouds' metadata are refused unless the configuration has notifications.link_local = true"
    )]
    ConfigAddress {
        /// The name.
        host: String,
        /// What it stands for.
        address: IpAddr,
    },
    /// The connection cannot be made, or broke.
    #[error("{0}")]
    PeerConnection(#[from] std::io::Error),
    /// It did not speak as it should.
    #[error("it answered {0}")]
    PeerAnswer(String),
    /// It took too long.
    #[error("no answer in {} s", DELIVERY_MAX.as_secs())]
    PeerSlow,
    /// A value of the definition cannot be used.
    #[error("{0}")]
    ConfigValue(String),
}

/// Carries events, within the rules of where they may go.
#[derive(Debug, Clone, Default)]
pub struct Courier {
    rules: AddressRules,
}

impl Courier {
    /// A courier that keeps these rules.
    pub fn new(rules: AddressRules) -> Self {
        Self { rules }
    }

    /// Delivers a message; success means that the receiver took it, as far as the transport tells.
    pub async fn deliver(
        &self,
        receiver: &Receiver,
        message: &Message,
    ) -> Result<(), DeliveryError> {
        let delivery = async {
            match &receiver.transport {
                Transport::Http { url, headers, trust } => {
                    http::post(self, url, headers, trust, message).await
                }
                Transport::Syslog { host, port, protocol, trust } => {
                    syslog::send(self, (host, *port), *protocol, trust, message).await
                }
                Transport::Snmp { host, port, community } => {
                    snmp::send(self, (host, *port), community, message).await
                }
                Transport::Email { .. } => mail::send(self, &receiver.transport, message).await,
                Transport::Mqtt { .. } => mqtt::send(self, &receiver.transport, message).await,
            }
        };
        match tokio::time::timeout(DELIVERY_MAX, delivery).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DeliveryError::PeerSlow),
        }
    }

    /// Checks what can be known about a receiver before anything is sent: its certificates and, when
    /// it is an address and no name, where it is.
    pub fn check(&self, receiver: &Receiver) -> Result<(), DeliveryError> {
        let (host, trust) = match &receiver.transport {
            Transport::Http { url, trust, .. } => {
                let url = http::Url::parse(url)?;
                (url.host, url.is_tls.then_some(trust))
            }
            Transport::Syslog { host, trust, .. }
            | Transport::Email { host, trust, .. }
            | Transport::Mqtt { host, trust, .. } => (host.clone(), Some(trust)),
            Transport::Snmp { host, .. } => (host.clone(), None),
        };
        // The authorities of the machine are there or not when something is sent.
        if let Some(trust @ (Trust::Ca(_) | Trust::Pin(_))) = trust {
            configuration(trust)?;
        }
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) => self.rules.check(&host, address),
            Err(_) => Ok(()),
        }
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DeliveryError> {
        let addresses = self.rules.resolve(host, port).await?;
        Ok(TcpStream::connect(&*addresses).await?)
    }

    async fn connect_tls(
        &self,
        (host, port): (&str, u16),
        trust: &Trust,
    ) -> Result<Box<dyn Stream>, DeliveryError> {
        let config = configuration(trust)?;
        let bare = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(bare).map_err(|error: InvalidDnsNameError| {
            DeliveryError::ConfigValue(format!("{host} cannot be in a certificate: {error}"))
        })?;
        let stream = self.connect(host, port).await?;
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(in_words)?;
        Ok(Box::new(stream))
    }

    /// A connection to a receiver, with TLS or without.
    async fn open(
        &self,
        place: (&str, u16),
        trust: Option<&Trust>,
    ) -> Result<Box<dyn Stream>, DeliveryError> {
        match trust {
            Some(trust) => self.connect_tls(place, trust).await,
            None => Ok(Box::new(self.connect(place.0, place.1).await?)),
        }
    }
}

/// What TCP and TLS have in common.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A key that is not the pinned one is shown as people compare it.
fn in_words(error: std::io::Error) -> std::io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<tls::Error>());
    match inner.and_then(tls::Rejection::of) {
        Some(rejection) => std::io::Error::other(rejection.clone()),
        None => error,
    }
}

fn configuration(trust: &Trust) -> Result<Arc<ClientConfig>, DeliveryError> {
    let config = tls::receiver_client(trust)
        .map_err(|error| DeliveryError::ConfigValue(format!("trust: {error}")))?;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
