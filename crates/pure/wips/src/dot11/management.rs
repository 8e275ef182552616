//! Bodies of management frames: the fixed fields in front of the elements.
//!
//! Source: IEEE 802.11-2020, 9.3.3 and 9.4.1.

use model::Mac;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::anomaly::Anomalies;
use super::authentication::Authentication;
use super::cursor::Cursor;
use super::header::Kind;

/// The fixed fields of a management frame in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Management<'a> {
    /// A station wants to join.
    AssociationRequest(AssociationRequest),
    /// The access point's answer.
    AssociationResponse(AssociationResponse),
    /// A station wants to move here from another access point.
    ReassociationRequest(AssociationRequest),
    /// The access point's answer.
    ReassociationResponse(AssociationResponse),
    /// A station looks for networks. Everything is in the elements.
    ProbeRequest,
    /// An access point answers a probe.
    ProbeResponse(Beacon),
    /// A beacon of networks without a BSS (802.11p); read as far as it is like one.
    TimingAdvertisement {
        /// Microsecond clock of the network.
        timestamp: u64,
        /// What the network can.
        capabilities: Capabilities,
    },
    /// An access point shows its network.
    Beacon(Beacon),
    /// A station of an ad-hoc network has something for another that sleeps. No body.
    Atim,
    /// One side ends the association.
    Disassociation(Reason),
    /// A step of authentication.
    Authentication(Authentication<'a>),
    /// One side ends authentication, and with it the association.
    Deauthentication(Reason),
    /// One of many requests and reports.
    Action(Action<'a>),
    /// The same, to be sent without an acknowledgement.
    ActionNoAck(Action<'a>),
}

impl Management<'_> {
    /// Whether it is a request to join, or the answer to one.
    pub fn is_association(&self) -> bool {
        matches!(
            self,
            Self::AssociationRequest(_)
                | Self::AssociationResponse(_)
                | Self::ReassociationRequest(_)
                | Self::ReassociationResponse(_)
        )
    }
}

/// What beacons and probe responses begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beacon {
    /// Microsecond clock of the network (TSF).
    pub timestamp: u64,
    /// Time between beacons, in time units of 1024 microseconds.
    pub interval_tu: u16,
    /// What the network can.
    pub capabilities: Capabilities,
}

/// What a request to join begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociationRequest {
    /// What the station can.
    pub capabilities: Capabilities,
    /// Beacons that the station may sleep through.
    pub listen_interval: u16,
    /// Where the station is associated now: only in a reassociation.
    pub current_ap: Option<Mac>,
}

/// What the answer begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociationResponse {
    /// What the network can.
    pub capabilities: Capabilities,
    /// Whether the station may join.
    pub status: Status,
    /// Number of the station in this network.
    pub association_id: u16,
}

/// The capability information field: IEEE 802.11-2020, 9.4.1.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(pub u16);

impl Capabilities {
    /// The sender is an access point (ESS).
    pub fn is_infrastructure(self) -> bool {
        self.0 & 0x0001 != 0
    }

    /// The sender is in an ad-hoc network (IBSS).
    pub fn is_ad_hoc(self) -> bool {
        self.0 & 0x0002 != 0
    }

    /// Data must be encrypted. Without a security element it is WEP.
    pub fn privacy(self) -> bool {
        self.0 & 0x0010 != 0
    }
}

/// Why an association or authentication ends: IEEE 802.11-2020, table 9-49.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(pub u16);

impl Reason {
    /// Unspecified.
    pub const UNSPECIFIED: Self = Self(1);
    /// The sender leaves (deauthentication).
    pub const LEAVING: Self = Self(3);
    /// The access point has no room for more stations.
    pub const NO_MORE_STATIONS: Self = Self(5);
    /// A frame of class 2 came from a station that is not authenticated.
    pub const CLASS2: Self = Self(6);
    /// A frame of class 3 came from a station that is not associated.
    pub const CLASS3: Self = Self(7);
    /// The sender leaves (disassociation).
    pub const LEAVING_BSS: Self = Self(8);
    /// Association was asked for before authentication.
    pub const NOT_AUTHENTICATED: Self = Self(9);
    /// A message integrity code was wrong (TKIP).
    pub const MIC_FAILURE: Self = Self(14);
    /// The four-way handshake took too long; most often the passphrase was wrong.
    pub const HANDSHAKE_TIMEOUT: Self = Self(15);
}

/// Whether what was asked for was granted: IEEE 802.11-2020, table 9-50.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Status(pub u16);

impl Status {
    /// Granted.
    pub const SUCCESS: Self = Self(0);
    /// The access point has no room for more stations.
    pub const NO_MORE_STATIONS: Self = Self(17);
    /// Refused for now, come back later; with protection of management frames an association query
    /// follows.
    pub const TRY_LATER: Self = Self(30);
    /// The access point is loaded with commits and wants its token back (SAE).
    pub const ANTI_CLOGGING: Self = Self(76);
    /// The group of the commit is not supported (SAE).
    pub const UNSUPPORTED_GROUP: Self = Self(77);
    /// The password element was made by hashing (SAE hash to element).
    pub const HASH_TO_ELEMENT: Self = Self(126);
    /// The password belongs to a public key (SAE-PK).
    pub const SAE_PK: Self = Self(127);
}

/// Reads the fixed fields off the front of `cursor`, so that elements are left.
///
/// `None` when the frame ends too early, or when `kind` is none of management.
pub(crate) fn read<'a>(
    kind: Kind,
    cursor: &mut Cursor<'a>,
    anomalies: &mut Anomalies,
) -> Option<Management<'a>> {
    Some(match kind {
        Kind::AssociationRequest => {
            Management::AssociationRequest(association_request(cursor, false)?)
        }
        Kind::ReassociationRequest => {
            Management::ReassociationRequest(association_request(cursor, true)?)
        }
        Kind::AssociationResponse => Management::AssociationResponse(association_response(cursor)?),
        Kind::ReassociationResponse => {
            Management::ReassociationResponse(association_response(cursor)?)
        }
        Kind::ProbeRequest => Management::ProbeRequest,
        Kind::ProbeResponse => Management::ProbeResponse(beacon(cursor)?),
        Kind::TimingAdvertisement => Management::TimingAdvertisement {
            timestamp: cursor.u64()?,
            capabilities: Capabilities(cursor.u16()?),
        },
        Kind::Beacon => Management::Beacon(beacon(cursor)?),
        Kind::Atim => {
            // It has no body, so what follows are no elements.
            cursor.0 = &[];
            Management::Atim
        }
        Kind::Disassociation => Management::Disassociation(Reason(cursor.u16()?)),
        Kind::Authentication => {
            Management::Authentication(Authentication::read(cursor, anomalies)?)
        }
        Kind::Deauthentication => Management::Deauthentication(Reason(cursor.u16()?)),
        Kind::Action => Management::Action(Action::read(cursor)?),
        Kind::ActionNoAck => Management::ActionNoAck(Action::read(cursor)?),
        _ => return None,
    })
}

fn beacon(cursor: &mut Cursor<'_>) -> Option<Beacon> {
    Some(Beacon {
        timestamp: cursor.u64()?,
        interval_tu: cursor.u16()?,
        capabilities: Capabilities(cursor.u16()?),
    })
}

fn association_request(cursor: &mut Cursor<'_>, moves: bool) -> Option<AssociationRequest> {
    Some(AssociationRequest {
        capabilities: Capabilities(cursor.u16()?),
        listen_interval: cursor.u16()?,
        current_ap: if moves { Some(cursor.mac()?) } else { None },
    })
}

fn association_response(cursor: &mut Cursor<'_>) -> Option<AssociationResponse> {
    Some(AssociationResponse {
        capabilities: Capabilities(cursor.u16()?),
        status: Status(cursor.u16()?),
        // The two upper bits are always set.
        association_id: cursor.u16()? & 0x3fff,
    })
}
