//! The format of newer tools: blocks, of which those with packets and interfaces are read.
//!
//! Source: draft-ietf-opsawg-pcapng-04. A simple packet block has no time: its packets get the time of
//! the packet before.

use super::decoder::{Found, Step};
use super::{BLOCK_MAX, CaptureError, INTERFACES_MAX, PACKET_MAX};
use crate::packet::{CaptureTime, Link};

/// Number of a section header block, the same in both byte orders.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Numbers of the other blocks that are read.
pub(super) mod block {
    pub(in super::super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(in super::super) const INTERFACE: u32 = 1;
    /// Obsolete, and still in old files.
    pub(super) const PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(in super::super) const ENHANCED_PACKET: u32 = 6;
}

/// Number of a block and its length, in front and once more at the end.
const HEAD: usize = 8;
const TAIL: usize = 4;
/// A section tells its byte order after the head.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const SECTION_MIN: usize = HEAD + 4 + 12 + TAIL;

/// A section: what its interfaces are.
#[derive(Debug, Default)]
pub(super) struct Section {
    order: Order,
    interfaces: Vec<Interface>,
    /// Time of the packet before.
    last: CaptureTime,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: Link,
    /// Most bytes of a packet; 0 without limit.
    snap_bytes: u32,
    fcs_bytes: Option<u8>,
    unit: Unit,
    offset_s: i64,
}

impl Section {
    /// What stands at the front of `bytes`, which are at `at` in the file.
    pub(super) fn step(&mut self, bytes: &[u8], at: u64) -> Result<Step, CaptureError> {
        let Some(&[a, b, c, d, e, f, g, h]) = bytes.first_chunk::<HEAD>() else {
            return Ok(Step::NeedMore);
        };
        if [a, b, c, d] == SECTION {
            let Some(&[_, _, _, _, _, _, _, _, i, j, k, l]) = bytes.first_chunk::<12>() else {
                return Ok(Step::NeedMore);
            };
            let order = Order::of([i, j, k, l]).ok_or(CaptureError::FileMalformed { at })?;
            *self = Self { order, interfaces: Vec::new(), last: self.last };
        }
        let kind = self.order.u32([a, b, c, d]);
        let length = self.order.u32([e, f, g, h]);
        let least = if kind == block::SECTION { SECTION_MIN } else { HEAD + TAIL };
        if (length as usize) < least || !length.is_multiple_of(4) {
            return Err(CaptureError::FileMalformed { at });
        }
        let is_read = matches!(
            kind,
            block::INTERFACE | block::PACKET | block::SIMPLE_PACKET | block::ENHANCED_PACKET
        );
        if !is_read {
            return Ok(Step::Skip(u64::from(length)));
        }
        if length as usize > BLOCK_MAX {
            return Err(CaptureError::FileOversized { at, length });
        }
        let length = length as usize;
        let Some(block) = bytes.get(..length) else {
            return Ok(Step::NeedMore);
        };
        self.block(kind, block, at)
    }

    /// Reads a whole block.
    fn block(&mut self, kind: u32, block: &[u8], at: u64) -> Result<Step, CaptureError> {
        let malformed = CaptureError::FileMalformed { at };
        let body = block.get(HEAD..block.len() - TAIL).unwrap_or_default();
        let same_length =
            block.last_chunk::<TAIL>().zip(block.get(4..HEAD)).is_some_and(|(a, b)| a == b);
        if !same_length {
            return Err(malformed);
        }
        let mut fields = Fields { rest: body, order: self.order };
        if kind == block::INTERFACE {
            if self.interfaces.len() == INTERFACES_MAX {
                return Err(CaptureError::FileInterfaces { at });
            }
            self.interfaces.push(Interface::read(&mut fields).ok_or(malformed)?);
            return Ok(Step::Skip(block.len() as u64));
        }
        let found = match kind {
            block::SIMPLE_PACKET => self.simple_packet(&mut fields),
            _ => self.packet(kind, &mut fields),
        };
        let found = found.ok_or(malformed)?;
        if found.bytes.len() > PACKET_MAX {
            return Err(CaptureError::FileOversized { at, length: found.bytes.len() as u32 });
        }
        self.last = found.at;
        Ok(Step::Packet { found, length: block.len() })
    }

    fn packet(&self, kind: u32, fields: &mut Fields<'_>) -> Option<Found> {
        const DATA_AT: usize = HEAD + 20;
        let number = if kind == block::PACKET {
            let number = u32::from(fields.u16()?);
            fields.u16()?; // how many were lost
            number
        } else {
            fields.u32()?
        };
        let interface = self.interfaces.get(number as usize)?;
        let (high, low) = (fields.u32()?, fields.u32()?);
        let (captured, wire_bytes) = (fields.u32()? as usize, fields.u32()?);
        fields.bytes(captured.checked_next_multiple_of(4)?)?;
        Some(Found {
            interface: number,
            at: interface.time(u64::from(high) << 32 | u64::from(low)),
            link: interface.link,
            wire_bytes,
            fcs_bytes: fields.packet_fcs().or(interface.fcs_bytes),
            bytes: DATA_AT..DATA_AT + captured,
        })
    }

    fn simple_packet(&self, fields: &mut Fields<'_>) -> Option<Found> {
        const DATA_AT: usize = HEAD + 4;
        let interface = self.interfaces.first()?;
        let wire_bytes = fields.u32()?;
        let limit = if interface.snap_bytes == 0 { u32::MAX } else { interface.snap_bytes };
        let captured = fields.rest.len().min(wire_bytes.min(limit) as usize);
        Some(Found {
            interface: 0,
            at: self.last,
            link: interface.link,
            wire_bytes,
            fcs_bytes: interface.fcs_bytes,
            bytes: DATA_AT..DATA_AT + captured,
        })
    }
}

impl Interface {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const TIME_UNIT: u16 = 9;
        const FCS_BYTES: u16 = 13;
        const TIME_OFFSET: u16 = 14;
        let link = Link::from_number(fields.u16()?);
        fields.u16()?; // reserved
        let snap_bytes = fields.u32()?;
        let unit = Unit::Decimal(6);
        let mut read = Self { link, snap_bytes, fcs_bytes: None, unit, offset_s: 0 };
        let order = fields.order;
        for (option, value) in fields {
            match (option, value) {
                (TIME_UNIT, [exponent]) => read.unit = Unit::read(*exponent),
                (FCS_BYTES, [bytes]) => read.fcs_bytes = Some(*bytes),
                (TIME_OFFSET, value) => {
                    read.offset_s = value.try_into().map_or(0, |value| order.i64(value));
                }
                _ => {}
            }
        }
        Some(read)
    }

    fn time(&self, units: u64) -> CaptureTime {
        let us = i128::from(self.unit.microseconds(units)) + i128::from(self.offset_s) * 1_000_000;
        CaptureTime(u64::try_from(us.max(0)).unwrap_or(u64::MAX))
    }
}

/// What times are counted in: a negative power of 10 or of 2, in seconds.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Decimal(u8),
    Binary(u8),
}

impl Unit {
    fn read(exponent: u8) -> Self {
        const BINARY: u8 = 0x80;
        let power = exponent & !BINARY;
        if exponent & BINARY == 0 { Self::Decimal(power) } else { Self::Binary(power) }
    }

    /// So many units in microseconds, at most what fits.
    fn microseconds(self, units: u64) -> u64 {
        let us = match self {
            Self::Decimal(power @ ..=6) => u128::from(units) * 10_u128.pow(6 - u32::from(power)),
            // Units too small to count any microseconds.
            Self::Decimal(power) => 10_u128
                .checked_pow(u32::from(power) - 6)
                .map_or(0, |divisor| u128::from(units) / divisor),
            Self::Binary(power) => {
                (u128::from(units) * 1_000_000).checked_shr(u32::from(power)).unwrap_or(0)
            }
        };
        u64::try_from(us).unwrap_or(u64::MAX)
    }
}

/// Byte order of a section.
#[derive(Debug, Clone, Copy, Default)]
enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    fn of(bytes: [u8; 4]) -> Option<Self> {
        if bytes == BYTE_ORDER.to_le_bytes() {
            Some(Self::Little)
        } else {
            (bytes == BYTE_ORDER.to_be_bytes()).then_some(Self::Big)
        }
    }

    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }
}

/// Fields of a block, and then its options: each item of the iterator is a number and a value.
struct Fields<'a> {
    rest: &'a [u8],
    order: Order,
}

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.bytes(2)?.try_into().ok()?;
        Some(self.order.u16(bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.bytes(4)?.try_into().ok()?;
        Some(self.order.u32(bytes))
    }

    /// Length of the check sequence in the flags of a packet, where 0 is "unknown".
    fn packet_fcs(&mut self) -> Option<u8> {
        const FLAGS: u16 = 2;
        let order = self.order;
        let flags = self.find(|(option, _)| *option == FLAGS)?.1.try_into().ok()?;
        Some((order.u32(flags) >> 5 & 0b1111) as u8).filter(|bytes| *bytes != 0)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let option = self.u16()?;
        let length = usize::from(self.u16()?);
        let value = self.bytes(length)?;
        // Padded to four bytes; the last one may lack it.
        let padding = length.next_multiple_of(4) - length;
        self.bytes(padding.min(self.rest.len()))?;
        (option != 0).then_some((option, value))
    }
}
