//! What stands around the records of a segment: names, the header in two copies, the footer.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0, 4096 | 4096 each | the header, twice: damage to one sector is healed from the other copy |
//! | 8192 | | records; zeros after the last |
//! | size − 512 | 512 | the footer; zeros until the segment is sealed |

use model::pair::Position;

use crate::bytes::{Fields, POSITION_BYTES, put_position};
use crate::disk::{Disk, DiskError};
use crate::epochs::{EPOCHS_MAX, Epochs};
use crate::scan::Place;
use crate::{Base, Error};

/// Bytes of one copy of the header. Ours: [`EPOCHS_MAX`] epochs fit, and a page is a page.
pub(crate) const HEADER_BYTES: usize = 4096;
/// Where records begin.
pub(crate) const RECORDS_FROM: u64 = 2 * HEADER_BYTES as u64;
/// Bytes of the footer: one sector, which is written whole or not at all.
pub(crate) const FOOTER_BYTES: u64 = 512;
/// Largest segment that is believed. Ours: one record of 16 MiB fits many times.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

const HEADER_MAGIC: [u8; 8] = *b"MSEJRNAL";
const FOOTER_MAGIC: [u8; 8] = *b"MSEJSEAL";
const FORMAT: u16 = 1;
const HEADER_FIXED_BYTES: usize = 56;
const _: () = assert!(HEADER_FIXED_BYTES + EPOCHS_MAX * POSITION_BYTES <= HEADER_BYTES);

/// Who a segment is and what came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) group: u64,
    pub(crate) era: u32,
    pub(crate) bytes: u64,
    pub(crate) first: u64,
    pub(crate) base: Base,
}

/// Says that a segment is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Its last entry.
    pub(crate) position: Position,
    /// The chain after it.
    pub(crate) chain: u64,
    /// Where its records end.
    pub(crate) end: u64,
    /// BLAKE3 of its records.
    pub(crate) digest: [u8; 32],
}

/// `0000001a-00000000000000004711.log`: the era in hexadecimal, the first index in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) era: u32,
    pub(crate) first: u64,
}

impl SegmentName {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (era, first) = name.strip_suffix(".log")?.split_once('-')?;
        let parsed = Self { era: u32::from_str_radix(era, 16).ok()?, first: first.parse().ok()? };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}-{:020}.log", self.era, self.first)
    }
}

impl Header {
    /// Both copies.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RECORDS_FROM as usize);
        out.extend_from_slice(&HEADER_MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&(self.base.epochs.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.group.to_le_bytes());
        out.extend_from_slice(&u64::from(self.era).to_le_bytes());
        for number in [self.first, self.base.chain, self.bytes] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for end in &self.base.epochs {
            put_position(&mut out, *end);
        }
        out.resize(HEADER_BYTES, 0);
        seal(&mut out);
        out.extend_from_within(..);
        out
    }

    /// One copy. A format that this program does not know is an error, damage is `None`.
    pub(crate) fn decode(copy: &[u8]) -> Result<Option<Self>, u16> {
        let Some(mut fields) = unseal(copy, HEADER_MAGIC) else { return Ok(None) };
        match fields.u16() {
            Some(FORMAT) => Ok(Self::decode_fields(&mut fields)),
            Some(other) => Err(other),
            None => Ok(None),
        }
    }

    fn decode_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let count = usize::from(fields.u16()?);
        let (group, era) = (fields.u64()?, u32::try_from(fields.u64()?).ok()?);
        let (first, chain, bytes) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let is_bounded = count <= EPOCHS_MAX && bytes <= SEGMENT_BYTES_MAX;
        let epochs: Option<Vec<Position>> = (0..count).map(|_| fields.position()).collect();
        let epochs = epochs.filter(|_| is_bounded)?;
        let position = epochs.last().copied().unwrap_or_default();
        let is_placed = position.index.checked_add(1) == Some(first);
        is_placed.then_some(Self {
            group,
            era,
            bytes,
            first,
            base: Base { position, chain, epochs },
        })
    }

    /// Where records must end.
    pub(crate) fn limit(&self) -> u64 {
        self.bytes.saturating_sub(FOOTER_BYTES)
    }

    /// Before the first record.
    pub(crate) fn start(&self) -> Place {
        let Base { position, chain, .. } = self.base;
        Place { offset: RECORDS_FROM, position, chain: Some(chain) }
    }

    /// What came before, as a list to go on with.
    pub(crate) fn epochs(&self) -> Epochs {
        Epochs::from_ends(&self.base.epochs)
    }
}

/// What reading the header of a file gives.
pub(crate) struct HeaderCopies {
    /// One of the copies that can be read.
    pub(crate) header: Option<Header>,
    /// Both can, and say the same.
    pub(crate) is_whole: bool,
}

/// Reads both copies. Only a segment of this group will do; `None` takes any.
pub(crate) fn read_header(
    disk: &impl Disk,
    name: &str,
    group: Option<u64>,
) -> Result<HeaderCopies, Error> {
    let mut bytes = vec![0; RECORDS_FROM as usize];
    disk.read_at(name, 0, &mut bytes)?;
    let mut copies = [None, None];
    for (copy, bytes) in copies.iter_mut().zip(bytes.chunks_exact(HEADER_BYTES)) {
        *copy = Header::decode(bytes).map_err(|found| Error::ConfigFormat {
            name: name.to_owned(),
            found,
            known: FORMAT,
        })?;
    }
    let is_whole = copies[0].is_some() && copies[0] == copies[1];
    let [first, second] = copies;
    // What is in the header but not in the name is in the wrong file.
    let header = first
        .or(second)
        .filter(|header| SegmentName { era: header.era, first: header.first }.to_string() == name);
    if let (Some(Header { group: found, .. }), Some(configured)) = (&header, group)
        && *found != configured
    {
        return Err(Error::ConfigGroup { name: name.to_owned(), found: *found, configured });
    }
    Ok(HeaderCopies { header, is_whole })
}

impl Footer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_BYTES as usize);
        out.extend_from_slice(&FOOTER_MAGIC);
        out.extend_from_slice(&[0; 4]);
        put_position(&mut out, self.position);
        for number in [self.chain, self.end] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.digest);
        out.resize(FOOTER_BYTES as usize, 0);
        seal(&mut out);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = unseal(bytes, FOOTER_MAGIC)?;
        let (position, chain, end) = (fields.position()?, fields.u64()?, fields.u64()?);
        Some(Self { position, chain, end, digest: fields.array()? })
    }

    /// The end of the records.
    pub(crate) fn place(&self) -> Place {
        Place { offset: self.end, position: self.position, chain: Some(self.chain) }
    }

    /// The footer of a segment, if there is one that can be read.
    pub(crate) fn read(
        disk: &impl Disk,
        name: &str,
        header: &Header,
    ) -> Result<Option<Self>, DiskError> {
        let mut bytes = [0; FOOTER_BYTES as usize];
        disk.read_at(name, header.limit(), &mut bytes)?;
        let is_placed = |footer: &Self| {
            footer.end >= RECORDS_FROM
                && footer.end <= header.limit()
                && footer.position.index >= header.base.position.index
        };
        Ok(Self::decode(&bytes).filter(is_placed))
    }
}

/// Puts the CRC-32C of everything after it at offset 8.
pub(crate) fn seal(block: &mut [u8]) {
    let crc = crc32c::crc32c(block.get(12..).unwrap_or_default());
    if let Some(place) = block.get_mut(8..12) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

/// What stands after magic and CRC, if both are right.
pub(crate) fn unseal(block: &[u8], magic: [u8; 8]) -> Option<Fields<'_>> {
    let mut fields = Fields(block);
    let is_right = fields.array() == Some(magic) && fields.u32()? == crc32c::crc32c(fields.0);
    is_right.then_some(fields)
}
