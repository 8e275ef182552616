//! One entry in a segment: 48 bytes, the payload, zeros up to a multiple of 8.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | length of the payload |
//! | 4 | 4 | CRC-32C of the length and of everything from offset 8 to the end, padding included |
//! | 8 | 8 | the last index that was durable on this disk when the record was written |
//! | 16 | 8 | chain: XXH3-64 of the bytes from offset 24 to the payload's end, seeded with the chain before |
//! | 24 | 8 | index |
//! | 32 | 12 | epoch: generation, round, run |
//! | 44 | 1 | epoch: seat, 0 primary, 1 secondary |
//! | 45 | 1 | version |
//! | 46 | 2 | kind |
//! | 48 | | payload |

use model::pair::{Ballot, ENTRY_BYTES_MAX, Entry, Epoch, Position};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::bytes::{Fields, seat, seat_number};

/// Bytes before the payload.
pub(crate) const HEAD_BYTES: usize = 48;
/// What the chain hashes begins here: everything that both nodes of a pair have alike.
const CHAINED_FROM: usize = 24;
/// Records begin at multiples of this, so that a search after damage has few places to look.
pub(crate) const ALIGNMENT: usize = 8;

/// The fields before the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) payload_bytes: usize,
    pub(crate) durable: u64,
    pub(crate) chain: u64,
    pub(crate) position: Position,
    pub(crate) kind: u16,
    pub(crate) version: u8,
}

/// A record whose CRC is right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) head: Head,
    bytes: &'a [u8],
}

/// Bytes of a record with a payload of this length, a multiple of [`ALIGNMENT`].
pub(crate) const fn framed_bytes(payload_bytes: usize) -> usize {
    (HEAD_BYTES + payload_bytes).next_multiple_of(ALIGNMENT)
}

/// Appends the record of `entry` and returns its chain.
pub(crate) fn encode(out: &mut Vec<u8>, entry: &Entry, chain_before: u64, durable: u64) -> u64 {
    let start = out.len();
    let Position { epoch, index } = entry.position;
    let mut head = [0; HEAD_BYTES];
    let mut put = |offset: usize, bytes: &[u8]| {
        head[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    put(0, &(entry.payload.len() as u32).to_le_bytes());
    put(8, &durable.to_le_bytes());
    put(24, &index.to_le_bytes());
    put(32, &epoch.ballot.generation.to_le_bytes());
    put(36, &epoch.ballot.round.to_le_bytes());
    put(40, &epoch.run.to_le_bytes());
    put(44, &[seat_number(epoch.ballot.by), entry.version]);
    put(46, &entry.kind.to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(&entry.payload);
    let chain = xxh3_64_with_seed(&out[start + CHAINED_FROM..], chain_before);
    out[start + 16..start + 24].copy_from_slice(&chain.to_le_bytes());
    out.resize(start + framed_bytes(entry.payload.len()), 0);
    let crc = crc(&out[start..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    chain
}

/// Reads the fields, without a word about whether they are right.
pub(crate) fn parse_head(bytes: &[u8]) -> Option<Head> {
    let mut fields = Fields(bytes);
    let payload_bytes = fields.u32()? as usize;
    fields.u32()?;
    let (durable, chain, index) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let (generation, round, run) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let by = seat(fields.u8()?)?;
    let (version, kind) = (fields.u8()?, fields.u16()?);
    let epoch = Epoch { ballot: Ballot { generation, round, by }, run };
    let position = Position { epoch, index };
    let is_bounded = payload_bytes <= ENTRY_BYTES_MAX;
    is_bounded.then_some(Head { payload_bytes, durable, chain, position, kind, version })
}

impl<'a> Record<'a> {
    /// The record that `bytes` are, if its CRC is right; `head` was read from them.
    pub(crate) fn new(head: Head, bytes: &'a [u8]) -> Option<Self> {
        let stored = bytes.get(4..8)?;
        (crc(bytes).to_le_bytes() == stored).then_some(Self { head, bytes })
    }

    /// Whether it is the next one after a record with this chain.
    pub(crate) fn follows(&self, chain_before: u64) -> bool {
        let chained = &self.bytes[CHAINED_FROM..HEAD_BYTES + self.head.payload_bytes];
        xxh3_64_with_seed(chained, chain_before) == self.head.chain
    }

    pub(crate) fn payload(&self) -> &'a [u8] {
        &self.bytes[HEAD_BYTES..HEAD_BYTES + self.head.payload_bytes]
    }

    pub(crate) fn entry(&self) -> Entry {
        let Head { position, kind, version, .. } = self.head;
        Entry { position, kind, version, payload: self.payload().to_vec() }
    }
}

/// Of a whole record but the CRC itself.
fn crc(record: &[u8]) -> u32 {
    let (length, rest) = (record.get(..4), record.get(8..));
    crc32c::crc32c_append(crc32c::crc32c(length.unwrap_or_default()), rest.unwrap_or_default())
}
