//! Frames and fields: the bytes of ONMSP/1.
//!
//! A frame is a 16-byte header and a body; a body is a list of fields; a field is a type, a length
//! and a value. All numbers are big-endian. Fields of unknown type are skipped, so that a later
//! version can add some. See `docs/protocol.md`.

use crate::error::DecodeError;
use crate::limits::FRAME_BODY_MAX;
use crate::message::MessageId;

/// First two bytes of every frame, "NM". Ours.
pub const MAGIC: u16 = 0x4E4D;
/// Version of the frame layout. Ours; it changes only when a peer could not even read capability.
pub const FRAME_VERSION: u8 = 1;
/// Bytes of a frame header.
pub const HEADER_BYTES: usize = 16;

/// Types of fields. Ours.
pub(crate) mod field {
    pub(crate) const VERSIONS: u16 = 1;
    pub(crate) const SUBSERVICES: u16 = 2;
    pub(crate) const NAME: u16 = 3;
    pub(crate) const TIME: u16 = 4;
    pub(crate) const ECHO_INTERVAL: u16 = 5;
    pub(crate) const MEASURED: u16 = 16;
    pub(crate) const INFORMATION: u16 = 17;
    pub(crate) const ACCESS_POINT: u16 = 18;
    pub(crate) const ATTACHMENT: u16 = 19;
    pub(crate) const DEPARTURE: u16 = 20;
    pub(crate) const TAG_REPORT: u16 = 21;
    pub(crate) const SENSOR: u16 = 22;
    pub(crate) const CAPTURED: u16 = 23;
    pub(crate) const SWITCH_PORT: u16 = 24;
}

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Message number; may be unknown.
    pub message: u16,
    /// Number of the request; a response repeats it, a notification has 0.
    pub transaction: u32,
    /// Bytes of the body.
    pub body_bytes: u32,
}

impl Header {
    /// Reads the header at the beginning of `bytes`; `None` when more bytes are needed.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        // A wrong beginning is refused as soon as it is seen, not after sixteen bytes.
        if let Some(found) = u16_at(bytes, 0)
            && found != MAGIC
        {
            return Err(DecodeError::PeerNotNmsp { found });
        }
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let [_, _, version, _, m0, m1, _, _, t0, t1, t2, t3, l0, l1, l2, l3] = *header;
        if version != FRAME_VERSION {
            return Err(DecodeError::PeerFrameVersion { found: version });
        }
        let body_bytes = u32::from_be_bytes([l0, l1, l2, l3]);
        if body_bytes as usize > FRAME_BODY_MAX {
            return Err(DecodeError::PeerOversized { length: body_bytes });
        }
        let message = u16::from_be_bytes([m0, m1]);
        let transaction = u32::from_be_bytes([t0, t1, t2, t3]);
        Ok(Some(Self { message, transaction, body_bytes }))
    }
}

/// Writes one frame at the end of a buffer; the length is filled in by [`FrameWriter::finish`].
#[derive(Debug)]
pub struct FrameWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> FrameWriter<'a> {
    /// Begins a frame.
    pub fn new(out: &'a mut Vec<u8>, message: MessageId, transaction: u32) -> Self {
        let start = out.len();
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&[FRAME_VERSION, 0]);
        out.extend_from_slice(&message.to_wire().to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&transaction.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        Self { out, start }
    }

    /// Adds a field whose value `write` appends. Returns false, and adds nothing, when the value
    /// would not fit the frame.
    pub fn field(&mut self, kind: u16, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let at = self.out.len();
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&[0, 0]);
        write(self.out);
        let value_bytes = self.out.len() - at - 4;
        let body_bytes = self.out.len() - self.start - HEADER_BYTES;
        match u16::try_from(value_bytes) {
            Ok(length) if body_bytes <= FRAME_BODY_MAX => {
                if let Some(slot) = self.out.get_mut(at + 2..at + 4) {
                    slot.copy_from_slice(&length.to_be_bytes());
                }
                true
            }
            _ => {
                self.out.truncate(at);
                false
            }
        }
    }

    /// Ends the frame; returns its size in bytes.
    pub fn finish(self) -> usize {
        let frame_bytes = self.out.len() - self.start;
        let body_bytes = (frame_bytes - HEADER_BYTES) as u32;
        if let Some(slot) = self.out.get_mut(self.start + 12..self.start + 16) {
            slot.copy_from_slice(&body_bytes.to_be_bytes());
        }
        frame_bytes
    }
}

/// A field of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) kind: u16,
    pub(crate) value: &'a [u8],
    /// Offset of the value in the body, for error messages.
    pub(crate) at: u32,
}

/// The fields of a body. The iterator ends after the first error.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    at: u32,
    message: u16,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: u16, body: &'a [u8]) -> Self {
        Self { rest: body, at: 0, message }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let malformed = DecodeError::PeerMalformed { message: self.message, at: self.at };
        let split = self.rest.split_first_chunk::<4>().and_then(|([k0, k1, l0, l1], rest)| {
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            let (value, rest) = rest.split_at_checked(length)?;
            Some((u16::from_be_bytes([*k0, *k1]), value, rest))
        });
        let Some((kind, value, rest)) = split else {
            self.rest = &[];
            return Some(Err(malformed));
        };
        let at = self.at + 4;
        self.rest = rest;
        self.at = at + value.len() as u32;
        Some(Ok(Field { kind, value, at }))
    }
}

/// Takes values off the front of a field; `None` when it is too short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A text with a length byte in front; must be UTF-8.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::from(self.u8()?);
        std::str::from_utf8(self.bytes(length)?).ok()
    }
}

/// Appends a text with a length byte, cut at 255 bytes on a character boundary.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    let cut = text.floor_char_boundary(usize::from(u8::MAX));
    let text = text.get(..cut).unwrap_or_default();
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*pair))
}
