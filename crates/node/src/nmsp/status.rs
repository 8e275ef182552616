//! What operators see of a link: `mse nmsp status`, `show nmsp status`, the console page.

use std::sync::{Arc, RwLock};

use model::Time;
use nmsp::counters::{Counters, Direction};
use nmsp::{CloseReason, MessageId, Session, Subservice, SubserviceMask};
use serde::{Deserialize, Serialize};

use crate::tls::Rejection;

/// Whether data flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// The subscription is made.
    Active,
    /// A connection is being made.
    Connecting,
    /// There is none; the reason says why.
    Inactive,
}

/// Why a link is not active. One distinct reason for each thing an operator can put right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer from the address.
    #[error(
        "no answer from the controller: {0}; check the address, the route and the firewall for TCP 16113"
    )]
    Unreachable(String),
    /// The address answers, the port does not.
    #[error(
        "the controller refuses the connection: NMSP is not enabled there, or the port is wrong"
    )]
    Refused,
    /// One side's clock is outside the other's certificate.
    #[error(
        "by the clock of {judge}, the certificate of {owner} is not valid now; set both clocks by NTP"
    )]
    ClockSkew {
        /// Whose clock says so.
        judge: &'static str,
        /// Whose certificate it is.
        owner: &'static str,
    },
    /// The controller does not trust this engine.
    #[error(
        "the controller does not know this engine's key hash; enter what 'mse cmdshell show server-auth-info' prints there"
    )]
    HashMismatch,
    /// This engine does not trust the controller.
    #[error(
        "{0}; if the controller was replaced, enter its new key_hash in the engine's configuration"
    )]
    ControllerKey(Rejection),
    /// No common protocol version.
    #[error("{0}")]
    Version(CloseReason),
    /// The peer does not speak NMSP, or not correctly.
    #[error("{0}")]
    Protocol(String),
    /// The peer fell silent.
    #[error("{0}")]
    Silent(String),
    /// The peer closed the connection.
    #[error("the connection was closed by the peer")]
    Closed,
    /// This side stopped.
    #[error("stopped")]
    Stopped,
}

impl Failure {
    /// The reason as a word, for the API and `--json`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Refused => "refused",
            Self::ClockSkew { .. } => "clock_skew",
            Self::HashMismatch => "hash_mismatch",
            Self::ControllerKey(_) => "controller_key",
            Self::Version(_) => "version",
            Self::Protocol(_) => "protocol",
            Self::Silent(_) => "silent",
            Self::Closed => "closed",
            Self::Stopped => "stopped",
        }
    }

    /// What a socket or TLS error means.
    pub fn of_io(error: &std::io::Error) -> Self {
        use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error as Tls};
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
        if let Some(rejection) = tls.and_then(Rejection::of) {
            return Self::ControllerKey(rejection.clone());
        }
        match tls {
            Some(Tls::AlertReceived(Alert::CertificateUnknown)) => return Self::HashMismatch,
            // There is no alert of its own for "not valid yet".
            Some(Tls::AlertReceived(Alert::CertificateExpired)) => {
                return Self::ClockSkew { judge: "the controller", owner: "this engine" };
            }
            Some(Tls::InvalidCertificate(
                Certificate::NotValidYet
                | Certificate::NotValidYetContext { .. }
                | Certificate::Expired
                | Certificate::ExpiredContext { .. },
            )) => return Self::ClockSkew { judge: "this engine", owner: "the controller" },
            Some(other) => return Self::Protocol(format!("TLS failed: {other}")),
            None => {}
        }
        match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Self::Refused,
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Unreachable(error.to_string()),
        }
    }

    /// What the end of a session means.
    pub fn of_close(reason: CloseReason) -> Self {
        match reason {
            CloseReason::PeerVersion { .. } => Self::Version(reason),
            CloseReason::Decode(_)
            | CloseReason::PeerOutOfOrder { .. }
            | CloseReason::PeerCutOff { .. } => Self::Protocol(reason.to_string()),
            CloseReason::PeerDead { .. } | CloseReason::PeerStalled { .. } => {
                Self::Silent(reason.to_string())
            }
            CloseReason::PeerClosed => Self::Closed,
            CloseReason::LocalStop => Self::Stopped,
        }
    }
}

/// A message counter of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MessageRow {
    /// Message number.
    pub id: u16,
    /// Message name, `MEASUREMENT_NOTIFICATION`.
    pub name: String,
    /// The name as controllers print it, `Measurement Notification`.
    pub title: String,
    /// `in` or `out`.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "in"))]
    pub direction: Direction,
    /// How many.
    pub count: u64,
    /// How many bytes.
    pub bytes: u64,
    /// When the last one went, ms since 1970.
    pub last_activity: Time,
}

/// Sub-services of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServiceRow {
    /// `RSSI`.
    pub service: String,
    /// `MOBILE_STATION`, `TAG`.
    pub subservices: Vec<String>,
}

/// One link as operators see it; the fields of the MSE page "NMSP Status".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Connection {
    /// Address of the peer.
    pub address: String,
    /// Its name, from its capability or the configuration.
    pub name: String,
    /// Whether data flows.
    pub state: LinkState,
    /// Why not, as a word.
    pub reason: Option<String>,
    /// Why not and what to do, for people.
    pub detail: Option<String>,
    /// What the peer is.
    pub target_type: String,
    /// When the state was entered, ms since 1970.
    pub since: Time,
    /// Echo requests sent (engine) or received (controller).
    pub echo_requests: u64,
    /// Echo responses received (engine) or sent (controller).
    pub echo_responses: u64,
    /// When anything went last.
    pub last_activity: Option<Time>,
    /// When an echo request went last.
    pub last_echo_request: Option<Time>,
    /// When an echo response went last.
    pub last_echo_response: Option<Time>,
    /// Services that the peer can do.
    pub capable: Vec<String>,
    /// Sub-services that flow.
    pub subscribed: Vec<ServiceRow>,
    /// Counters per message and direction.
    pub messages: Vec<MessageRow>,
    /// Received messages of unknown number.
    pub unsupported: u64,
    /// Data messages sent: "Tx Data" of a controller.
    pub tx_data: u64,
    /// Data messages received: "Rx Data".
    pub rx_data: u64,
    /// The sub-services that flow, in the words of controllers.
    pub subscribed_titles: Vec<ServiceRow>,
}

/// The status of one link, shared between the link and those who show it.
#[derive(Debug, Clone)]
pub struct LinkStatus(Arc<RwLock<Connection>>);

impl LinkStatus {
    /// A link to `address` that is being made.
    pub fn new(address: &str, name: &str, target_type: &str, now: Time) -> Self {
        Self(Arc::new(RwLock::new(Connection {
            address: address.to_owned(),
            name: name.to_owned(),
            state: LinkState::Connecting,
            reason: None,
            detail: None,
            target_type: target_type.to_owned(),
            since: now,
            echo_requests: 0,
            echo_responses: 0,
            last_activity: None,
            last_echo_request: None,
            last_echo_response: None,
            capable: Vec::new(),
            subscribed: Vec::new(),
            messages: Vec::new(),
            unsupported: 0,
            tx_data: 0,
            rx_data: 0,
            subscribed_titles: Vec::new(),
        })))
    }

    /// The link as it is now.
    pub fn snapshot(&self) -> Connection {
        self.0.read().map_or_else(|poisoned| poisoned.into_inner().clone(), |it| it.clone())
    }

    /// Takes over the counters of a running session.
    pub fn observe(&self, session: &Session, now: Time) {
        self.change(|connection| {
            let counters = session.counters();
            let (sent, received) = (Direction::Out, Direction::In);
            let echo = |id| pick(counters.of(id, sent), counters.of(id, received));
            let (request, response) = (echo(MessageId::EchoRequest), echo(MessageId::EchoResponse));
            connection.echo_requests = request.messages;
            connection.echo_responses = response.messages;
            connection.last_echo_request = (request.messages > 0).then_some(request.last_activity);
            connection.last_echo_response =
                (response.messages > 0).then_some(response.last_activity);
            connection.last_activity = counters.last_activity();
            connection.unsupported = counters.unsupported;
            connection.tx_data = counters.data(sent);
            connection.rx_data = counters.data(received);
            connection.messages = rows(counters);
            let peer = session.peer();
            if !peer.name.is_empty() {
                connection.name.clone_from(&peer.name);
            }
            let capable = service_rows(peer.capable, Subservice::names);
            connection.capable = capable.into_iter().map(|row| row.service).collect();
            connection.subscribed = service_rows(session.subscribed(), Subservice::names);
            connection.subscribed_titles = service_rows(session.subscribed(), Subservice::titles);
            let is_active = session.state() == nmsp::State::Active;
            if is_active && connection.state != LinkState::Active {
                connection.state = LinkState::Active;
                connection.since = now;
                connection.reason = None;
                connection.detail = None;
            }
        });
    }

    /// Notes that a connection is being made. A known reason stays visible until it works again.
    pub fn connecting(&self) {
        self.change(|connection| {
            connection.state = if connection.reason.is_some() {
                LinkState::Inactive
            } else {
                LinkState::Connecting
            };
        });
    }

    /// Notes that there is no connection, and why. True when this is news.
    pub fn failed(&self, failure: &Failure, now: Time) -> bool {
        self.change(|connection| {
            let is_news = connection.reason.as_deref() != Some(failure.word());
            if is_news || connection.state != LinkState::Inactive {
                connection.since = now;
            }
            connection.state = LinkState::Inactive;
            connection.reason = Some(failure.word().to_owned());
            connection.detail = Some(failure.to_string());
            is_news
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Connection) -> T) -> T {
        let mut connection = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut connection)
    }
}

/// Of two counters for the same message, the one that counts on this side.
fn pick(out: nmsp::counters::Count, inward: nmsp::counters::Count) -> nmsp::counters::Count {
    if out.messages > 0 { out } else { inward }
}

fn rows(counters: &Counters) -> Vec<MessageRow> {
    counters
        .rows()
        .map(|(id, direction, count)| MessageRow {
            id: id.to_wire(),
            name: id.name().to_owned(),
            title: id.title().to_owned(),
            direction,
            count: count.messages,
            bytes: count.bytes,
            last_activity: count.last_activity,
        })
        .collect()
}

/// The members of a set by service, in the words that `name` chooses.
pub fn service_rows(
    mask: SubserviceMask,
    name: fn(Subservice) -> (&'static str, &'static str),
) -> Vec<ServiceRow> {
    let row = |(service, subservices): (&str, Vec<&str>)| ServiceRow {
        service: service.to_owned(),
        subservices: subservices.into_iter().map(str::to_owned).collect(),
    };
    mask.grouped(name).into_iter().map(row).collect()
}
