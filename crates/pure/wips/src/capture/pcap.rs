//! The format of libpcap: a header, then packets.
//!
//! Source: draft-ietf-opsawg-pcap-05.

use super::decoder::{Found, Step};
use super::{CaptureError, PACKET_MAX};
use crate::packet::{CaptureTime, Link};

/// Byte order and unit of time, both told by the first four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flavour {
    is_big_endian: bool,
    is_nanoseconds: bool,
}

impl Flavour {
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        let (is_big_endian, is_nanoseconds) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, false),
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, false),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, true),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, true),
            _ => return None,
        };
        Some(Self { is_big_endian, is_nanoseconds })
    }

    fn number(self, bytes: [u8; 4]) -> u32 {
        if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// A file, once its first bytes are known.
#[derive(Debug)]
pub(super) struct File {
    flavour: Flavour,
    /// From the header, once it is read.
    link: Option<(Link, Option<u8>)>,
}

const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

impl File {
    pub(super) fn new(flavour: Flavour) -> Self {
        Self { flavour, link: None }
    }

    /// What stands at the front of `bytes`, which are at `at` in the file.
    pub(super) fn step(&mut self, bytes: &[u8], at: u64) -> Result<Step, CaptureError> {
        let Some((link, fcs_bytes)) = self.link else {
            let Some(header) = bytes.first_chunk::<FILE_HEADER>() else {
                return Ok(Step::NeedMore);
            };
            let [.., a, b, c, d] = *header;
            self.link = Some(link_and_fcs(self.flavour.number([a, b, c, d])));
            return Ok(Step::Skip(FILE_HEADER as u64));
        };
        let Some(header) = bytes.first_chunk::<PACKET_HEADER>() else {
            return Ok(Step::NeedMore);
        };
        let (words, _) = header.as_chunks::<4>();
        let &[seconds, fraction, captured, wire_bytes] = words else {
            return Err(CaptureError::FileMalformed { at });
        };
        let number = |word| self.flavour.number(word);
        let captured = number(captured);
        if captured as usize > PACKET_MAX {
            return Err(CaptureError::FileOversized { at, length: captured });
        }
        let length = PACKET_HEADER + captured as usize;
        if bytes.len() < length {
            return Ok(Step::NeedMore);
        }
        let us = u64::from(number(fraction)) / if self.flavour.is_nanoseconds { 1000 } else { 1 };
        let found = Found {
            interface: 0,
            at: CaptureTime(u64::from(number(seconds)) * 1_000_000).plus_us(us),
            link,
            wire_bytes: number(wire_bytes),
            fcs_bytes,
            bytes: PACKET_HEADER..length,
        };
        Ok(Step::Packet { found, length })
    }
}

/// The last field of the header: link type, and how long check sequences are if it says so.
fn link_and_fcs(field: u32) -> (Link, Option<u8>) {
    const TELLS_FCS: u32 = 1 << 26;
    let fcs_bytes = (field & TELLS_FCS != 0).then_some((field >> 28) as u8 * 2);
    (Link::from_number(field as u16), fcs_bytes)
}
