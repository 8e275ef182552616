//! Captures in files and pipes: pcap and pcapng.
//!
//! [`Decoder`] is sans-IO: somebody else reads the file, the pipe or the socket and puts bytes into
//! [`Decoder::space`]; the decoder gives packets. So it never waits, and the same code serves a file, a
//! FIFO and a remote sensor:
//!
//! ```
//! # use std::io::Read;
//! # fn read(mut file: impl Read) -> Result<(), Box<dyn std::error::Error>> {
//! let mut decoder = wips::capture::Decoder::new(wips::SensorId(1));
//! loop {
//!     while let Some(captured) = decoder.poll()? {
//!         let parsed = wips::parse(&captured.packet);
//!     }
//!     match file.read(decoder.space())? {
//!         0 => break Ok(decoder.end()?),
//!         count => decoder.filled(count),
//!     }
//! }
//! # }
//! ```
//!
//! [`Writer`] makes pcapng files with comments. Writing pcap is left out: it has no place for them.
//!
//! `pcap-file` and `pcap-parser` are not used: both own the `io::Read`, the stable release of the first
//! never ends on a malformed packet, and the second tells no offset of what is wrong.
//!
//! # Limits
//!
//! A packet has at most [`PACKET_MAX`] bytes, a section at most [`INTERFACES_MAX`] interfaces; more is
//! refused. Blocks that are not read are skipped without being kept, however long they are.

mod decoder;
mod pcap;
mod pcapng;
mod writer;

pub use decoder::Decoder;
pub use writer::{COMMENT_MAX, Writer};

use crate::packet::Packet;

/// Most bytes of one packet: what tcpdump captures at most.
pub const PACKET_MAX: usize = 256 * 1024;

/// Most bytes of one block of pcapng that is read: a packet, and as much again as the largest option.
pub const BLOCK_MAX: usize = PACKET_MAX + 64 * 1024;

/// Most interfaces of one section (ours).
pub const INTERFACES_MAX: usize = 1024;

/// A packet, and where it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured<'a> {
    /// Number of the interface in its section: a file may hold what several radios heard.
    pub interface: u32,
    /// The packet.
    pub packet: Packet<'a>,
}

/// Why a capture ends before its end. All packets before it were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// The file is no capture.
    #[error("not a pcap or pcapng capture: it begins with {found:02x?}")]
    FileUnknown {
        /// Its first four bytes.
        found: [u8; 4],
    },
    /// The file ends inside a packet or a block.
    #[error("the capture ends inside what begins at byte {at}")]
    FileTruncated {
        /// Where that begins.
        at: u64,
    },
    /// A packet or a block is longer than we read.
    #[error("at byte {at} a packet or block of {length} bytes begins, which is too long")]
    FileOversized {
        /// Where it begins.
        at: u64,
        /// How long it says that it is.
        length: u32,
    },
    /// A block contradicts itself.
    #[error("what begins at byte {at} is no sound block")]
    FileMalformed {
        /// Where it begins.
        at: u64,
    },
    /// A section has more interfaces than we read.
    #[error("at byte {at} an interface too many begins")]
    FileInterfaces {
        /// Where it begins.
        at: u64,
    },
}
