//! Action frames: a category, an action, and what detectors read of it.
//!
//! Source: IEEE 802.11-2020, 9.4.1.11 (categories) and 9.6 (formats).

use serde::{Deserialize, Serialize};

use super::cursor::Cursor;
use super::element::ChannelSwitch;
use super::management::{Reason, Status};

/// What an action frame begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action<'a> {
    /// What it is about, without the bit that says that an earlier frame was refused.
    pub category: Category,
    /// The frame returns one that its sender could not read.
    pub is_error: bool,
    /// Which one of the category; absent in frames of one byte.
    pub action: Option<u8>,
    /// What it says, as far as it is read.
    pub details: Details<'a>,
}

/// What an action frame is about: IEEE 802.11-2020, table 9-51.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Category(pub u8);

impl Category {
    /// Measurements, and channel switches.
    pub const SPECTRUM: Self = Self(0);
    /// Admission of traffic streams.
    pub const QOS: Self = Self(1);
    /// Block acknowledgement.
    pub const BLOCK_ACK: Self = Self(3);
    /// Frames that need no association.
    pub const PUBLIC: Self = Self(4);
    /// Radio measurement.
    pub const RADIO_MEASUREMENT: Self = Self(5);
    /// Fast transition.
    pub const FAST_TRANSITION: Self = Self(6);
    /// High throughput.
    pub const HT: Self = Self(7);
    /// Security association query: is the other side still there?
    pub const SA_QUERY: Self = Self(8);
    /// Public frames, protected.
    pub const PROTECTED_PUBLIC: Self = Self(9);
    /// Wireless network management.
    pub const WNM: Self = Self(10);
    /// Wireless network management without protection.
    pub const UNPROTECTED_WNM: Self = Self(11);
    /// Direct links between stations.
    pub const TDLS: Self = Self(12);
    /// Mesh networks.
    pub const MESH: Self = Self(13);
    /// Mesh peering before there is a key.
    pub const SELF_PROTECTED: Self = Self(15);
    /// Very high throughput.
    pub const VHT: Self = Self(21);
    /// High efficiency.
    pub const HE: Self = Self(30);
    /// A vendor's own, protected.
    pub const VENDOR_PROTECTED: Self = Self(126);
    /// A vendor's own.
    pub const VENDOR: Self = Self(127);
}

/// What an action frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details<'a> {
    /// Block acknowledgement shall begin.
    AddBlockAckRequest {
        /// Repeated by the answer.
        token: u8,
        /// For which traffic.
        parameters: BlockAckParameters,
        /// How long it lives without traffic, in time units; 0 for ever.
        timeout_tu: u16,
        /// Number of the first frame of the window.
        start: u16,
    },
    /// The answer.
    AddBlockAckResponse {
        /// That of the request.
        token: u8,
        /// Whether it begins.
        status: Status,
        /// For which traffic.
        parameters: BlockAckParameters,
        /// As in the request.
        timeout_tu: u16,
    },
    /// Block acknowledgement ends.
    DeleteBlockAck {
        /// The sender is who had asked for it.
        is_initiator: bool,
        /// For which traffic.
        tid: u8,
        /// Why.
        reason: Reason,
    },
    /// The network moves to another channel (extended channel switch, public or spectrum). The plain
    /// announcement stands among the elements.
    ChannelSwitch(ChannelSwitch),
    /// Is the other side still there?
    SaQueryRequest {
        /// Repeated by the answer.
        transaction: u16,
    },
    /// It is.
    SaQueryResponse {
        /// That of the request.
        transaction: u16,
    },
    /// An access point asks a station to move.
    TransitionRequest {
        /// Repeated by the answer.
        token: u8,
        /// Bit 2: the station will be disassociated.
        mode: u8,
        /// In how many beacons.
        disassociation_beacons: u16,
    },
    /// A vendor's own.
    Vendor {
        /// The vendor's prefix of addresses.
        oui: [u8; 3],
        /// What it says.
        body: &'a [u8],
    },
    /// What is not read.
    Other(&'a [u8]),
}

/// The block ack parameter set: IEEE 802.11-2020, 9.4.1.13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockAckParameters(pub u16);

impl BlockAckParameters {
    /// Traffic identifier.
    pub fn tid(self) -> u8 {
        (self.0 >> 2 & 0b1111) as u8
    }

    /// Frames that are kept until one that is missing comes.
    pub fn buffer_frames(self) -> u16 {
        self.0 >> 6
    }
}

impl<'a> Action<'a> {
    /// Reads what stands in front of the elements. `None` when it ends too early.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let first = cursor.u8()?;
        let category = Category(first & 0x7f);
        let is_error = first & 0x80 != 0;
        if category == Category::VENDOR || category == Category::VENDOR_PROTECTED {
            let oui = *cursor.array()?;
            let body = std::mem::take(&mut cursor.0);
            let details = Details::Vendor { oui, body };
            return Some(Self { category, is_error, action: body.first().copied(), details });
        }
        let action = cursor.u8();
        let details = match action {
            Some(action) if !is_error => Details::read(category, action, cursor)?,
            _ => Details::Other(std::mem::take(&mut cursor.0)),
        };
        Some(Self { category, is_error, action, details })
    }
}

impl<'a> Details<'a> {
    fn read(category: Category, action: u8, cursor: &mut Cursor<'a>) -> Option<Self> {
        Some(match (category, action) {
            (Category::BLOCK_ACK, 0) => Self::AddBlockAckRequest {
                token: cursor.u8()?,
                parameters: BlockAckParameters(cursor.u16()?),
                timeout_tu: cursor.u16()?,
                start: cursor.u16()? >> 4,
            },
            (Category::BLOCK_ACK, 1) => Self::AddBlockAckResponse {
                token: cursor.u8()?,
                status: Status(cursor.u16()?),
                parameters: BlockAckParameters(cursor.u16()?),
                timeout_tu: cursor.u16()?,
            },
            (Category::BLOCK_ACK, 2) => {
                let field = cursor.u16()?;
                let is_initiator = field & 0x0800 != 0;
                let reason = Reason(cursor.u16()?);
                Self::DeleteBlockAck { is_initiator, tid: (field >> 12) as u8, reason }
            }
            (Category::PUBLIC, 4) => {
                let [mode, class, channel, count] = *cursor.array()?;
                Self::ChannelSwitch(ChannelSwitch {
                    mode,
                    operating_class: Some(class),
                    channel,
                    count,
                })
            }
            (Category::PUBLIC | Category::PROTECTED_PUBLIC, 9) => {
                let oui = *cursor.array()?;
                Self::Vendor { oui, body: std::mem::take(&mut cursor.0) }
            }
            (Category::SA_QUERY, 0) => Self::SaQueryRequest { transaction: cursor.u16()? },
            (Category::SA_QUERY, 1) => Self::SaQueryResponse { transaction: cursor.u16()? },
            (Category::WNM, 7) => {
                let (token, mode) = (cursor.u8()?, cursor.u8()?);
                let disassociation_beacons = cursor.u16()?;
                // What follows is not made of elements alone.
                cursor.0 = &[];
                Self::TransitionRequest { token, mode, disassociation_beacons }
            }
            _ => Self::Other(match bytes_before_elements(category, action) {
                Some(count) => cursor.bytes(count)?,
                None => std::mem::take(&mut cursor.0),
            }),
        })
    }
}

/// Bytes between the action and the elements, where what follows them is nothing but elements.
fn bytes_before_elements(category: Category, action: u8) -> Option<usize> {
    match (category, action) {
        // The announcement of a channel switch is an element.
        (Category::SPECTRUM, 4) => Some(0),
        // Requests and reports of measurements, and of neighbours: a token.
        (Category::SPECTRUM, 0 | 1) | (Category::RADIO_MEASUREMENT, 1 | 4 | 5) => Some(1),
        // A token, and how often.
        (Category::RADIO_MEASUREMENT, 0) => Some(3),
        _ => None,
    }
}
