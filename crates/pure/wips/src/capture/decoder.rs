//! Bytes in, packets out.

use std::ops::Range;

use super::{CaptureError, Captured, pcap, pcapng};
use crate::packet::{CaptureTime, Link, Packet, SensorId};

/// Bytes that are asked for at a time.
const READ: usize = 64 * 1024;

/// Reads one capture. See the module for how it is driven.
#[derive(Debug)]
pub struct Decoder {
    sensor: SensorId,
    format: Format,
    buffer: Vec<u8>,
    /// What is not read yet.
    start: usize,
    end: usize,
    /// Where in the capture begins what is read now.
    at: u64,
    /// Bytes of a block that is done with, and those of them that are still to come.
    block: u64,
    skip: u64,
    /// Told once; then nothing comes any more.
    failed: bool,
}

#[derive(Debug)]
enum Format {
    Unknown,
    Pcap(pcap::File),
    PcapNg(pcapng::Section),
}

/// What a format makes of the bytes in front of it.
pub(super) enum Step {
    /// It needs more than are there: at most a header, or a packet or block of the longest kind.
    NeedMore,
    /// So many bytes are done with, and need not be there yet.
    Skip(u64),
    /// A packet. Its bytes stand there, and so many are done with.
    Packet { found: Found, length: usize },
}

/// A packet, described by the format.
pub(super) struct Found {
    pub(super) interface: u32,
    pub(super) at: CaptureTime,
    pub(super) link: Link,
    pub(super) wire_bytes: u32,
    pub(super) fcs_bytes: Option<u8>,
    pub(super) bytes: Range<usize>,
}

impl Decoder {
    /// A decoder at the beginning of a capture. Packets are those of `sensor`.
    pub fn new(sensor: SensorId) -> Self {
        Self {
            sensor,
            format: Format::Unknown,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            at: 0,
            block: 0,
            skip: 0,
            failed: false,
        }
    }

    /// Where the next bytes of the capture shall be put; never empty. Then [`Decoder::filled`] is told
    /// how many they are.
    pub fn space(&mut self) -> &mut [u8] {
        if self.buffer.len() - self.end < READ {
            // What was read makes room; the rest is short, or the packet is long.
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let wanted = self.end + READ;
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// So many bytes of [`Decoder::space`] are filled, from its start.
    pub fn filled(&mut self, count: usize) {
        self.end = self.buffer.len().min(self.end + count);
    }

    /// The next packet; `None` when more bytes are needed.
    pub fn poll(&mut self) -> Result<Option<Captured<'_>>, CaptureError> {
        if self.failed {
            return Ok(None);
        }
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some(found)) => {
                let bytes = self.buffer.get(found.bytes).unwrap_or_default();
                let packet = Packet {
                    at: found.at,
                    sensor: self.sensor,
                    link: found.link,
                    wire_bytes: bytes.len().max(found.wire_bytes as usize),
                    fcs_bytes: found.fcs_bytes,
                    bytes,
                };
                Ok(Some(Captured { interface: found.interface, packet }))
            }
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }

    /// The capture ends here: whether that is between two packets. Nothing is wrong with an empty one.
    pub fn end(self) -> Result<(), CaptureError> {
        if self.failed || (self.start == self.end && self.skip == 0) {
            return Ok(());
        }
        Err(CaptureError::FileTruncated { at: self.at })
    }

    /// Goes on to the next packet; its bytes are a range of the buffer.
    fn advance(&mut self) -> Result<Option<Found>, CaptureError> {
        loop {
            if !self.skipped() {
                return Ok(None);
            }
            let bytes = self.buffer.get(self.start..self.end).unwrap_or_default();
            let step = match &mut self.format {
                Format::Unknown => {
                    let Some(format) = Format::of(bytes)? else { return Ok(None) };
                    self.format = format;
                    continue;
                }
                Format::Pcap(file) => file.step(bytes, self.at)?,
                Format::PcapNg(section) => section.step(bytes, self.at)?,
            };
            match step {
                Step::NeedMore => return Ok(None),
                Step::Skip(count) => (self.block, self.skip) = (count, count),
                Step::Packet { mut found, length } => {
                    found.bytes = found.bytes.start + self.start..found.bytes.end + self.start;
                    self.start += length;
                    self.at += length as u64;
                    return Ok(Some(found));
                }
            }
        }
    }

    /// Drops what shall be skipped; false when more of it is to come.
    fn skipped(&mut self) -> bool {
        let here = self.skip.min((self.end - self.start) as u64);
        self.start += here as usize;
        self.skip -= here;
        if self.skip == 0 {
            self.at += std::mem::take(&mut self.block);
        }
        self.skip == 0
    }
}

impl Format {
    /// The format of a file that begins with `bytes`; `None` when they are too few.
    fn of(bytes: &[u8]) -> Result<Option<Self>, CaptureError> {
        let Some(&found) = bytes.first_chunk::<4>() else { return Ok(None) };
        if found == pcapng::SECTION {
            return Ok(Some(Self::PcapNg(pcapng::Section::default())));
        }
        match pcap::Flavour::of(found) {
            Some(flavour) => Ok(Some(Self::Pcap(pcap::File::new(flavour)))),
            None => Err(CaptureError::FileUnknown { found }),
        }
    }
}
