//! Bodies of control frames.
//!
//! Source: IEEE 802.11-2020, 9.3.1.

use super::cursor::Cursor;
use super::header::{FrameControl, Kind};

/// What a control frame says besides its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// Nothing: RTS, CTS, ACK, PS-Poll, CF-End.
    Bare,
    /// A receiver is asked what arrived.
    BlockAckRequest(BlockAck<'a>),
    /// What arrived.
    BlockAck(BlockAck<'a>),
    /// Another control frame with an HT control field in front.
    Wrapper {
        /// Frame control of the other one.
        carried: FrameControl,
        /// HT control.
        ht_control: u32,
        /// What follows address 1 in the other one.
        rest: &'a [u8],
    },
    /// An access point allots the medium (802.11ax).
    Trigger {
        /// Kind of trigger, 0 to 15.
        trigger_type: u8,
        /// The fields, from the common one.
        fields: &'a [u8],
    },
    /// What is not read.
    Other(&'a [u8]),
}

/// A block acknowledgement or the request for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockAck<'a> {
    /// The control field.
    pub control: u16,
    /// Number of the first frame of the window. `None` in the kinds that have one per traffic identifier.
    pub start: Option<u16>,
    /// What follows.
    pub rest: &'a [u8],
}

impl BlockAck<'_> {
    /// Traffic identifier, in the kinds for one of them.
    pub fn tid(&self) -> u8 {
        (self.control >> 12) as u8
    }

    /// Which kind: IEEE 802.11-2020, tables 9-28 and 9-29.
    pub fn variant(&self) -> u8 {
        (self.control >> 1 & 0b1111) as u8
    }

    /// Several traffic identifiers (3) or several stations (11).
    const SEVERAL: [u8; 2] = [3, 11];

    fn read<'a>(cursor: &mut Cursor<'a>) -> Option<BlockAck<'a>> {
        let mut read = BlockAck { control: cursor.u16()?, start: None, rest: &[] };
        if !Self::SEVERAL.contains(&read.variant()) {
            read.start = Some(cursor.u16()? >> 4);
        }
        read.rest = cursor.0;
        Some(read)
    }
}

/// Reads what follows the header. `None` when the frame ends too early.
pub(crate) fn read<'a>(kind: Kind, cursor: &mut Cursor<'a>) -> Option<Control<'a>> {
    Some(match kind {
        Kind::Rts | Kind::Cts | Kind::Ack | Kind::PsPoll | Kind::CfEnd | Kind::CfEndAck => {
            Control::Bare
        }
        Kind::BlockAckRequest => Control::BlockAckRequest(BlockAck::read(cursor)?),
        Kind::BlockAck => Control::BlockAck(BlockAck::read(cursor)?),
        Kind::ControlWrapper => Control::Wrapper {
            carried: FrameControl(cursor.u16()?),
            ht_control: cursor.u32()?,
            rest: cursor.0,
        },
        Kind::Trigger => {
            Control::Trigger { trigger_type: cursor.0.first()? & 0b1111, fields: cursor.0 }
        }
        _ => Control::Other(cursor.0),
    })
}
