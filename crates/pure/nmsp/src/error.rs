//! What can be wrong with bytes, and why a session ends. Each says who is at fault.

use serde::{Deserialize, Serialize};

use crate::limits::{FRAME_BODY_MAX, VERSION};

/// The peer sent bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum DecodeError {
    /// The stream does not begin with a frame header.
    #[error("the peer does not speak NMSP: a frame begins with 0x{found:04x} instead of 0x4e4d")]
    PeerNotNmsp {
        /// What stood in place of the magic number.
        found: u16,
    },
    /// The frame layout is of another generation.
    #[error("the peer's frame layout is version {found}, this side reads version 1")]
    PeerFrameVersion {
        /// Version in the header.
        found: u8,
    },
    /// The announced body is larger than any message.
    #[error("the peer announced a body of {length} bytes, the limit is {FRAME_BODY_MAX}")]
    PeerOversized {
        /// Announced length.
        length: u32,
    },
    /// A field or record does not end where it says.
    #[error("the peer's message {message} is cut short or malformed at byte {at} of its body")]
    PeerMalformed {
        /// Message number.
        message: u16,
        /// Offset in the body.
        at: u32,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CloseReason {
    /// The peer sent something that cannot be read.
    #[error(transparent)]
    Decode(DecodeError),
    /// No protocol version is spoken by both sides.
    #[error("the peer speaks NMSP versions {lowest} to {highest}, this side speaks {}", VERSION)]
    PeerVersion {
        /// The peer's lowest version.
        lowest: u8,
        /// The peer's highest version.
        highest: u8,
    },
    /// The peer sent a message that does not fit the state.
    #[error("the peer sent message {message} while the session was {state}")]
    PeerOutOfOrder {
        /// Message number.
        message: u16,
        /// State of this side.
        state: crate::table::State,
    },
    /// The peer did not answer in time.
    #[error("the peer did not answer for {silent_ms} ms")]
    PeerDead {
        /// How long it was silent.
        silent_ms: u64,
    },
    /// The peer began a frame and did not finish it.
    #[error("the peer did not finish a frame within {waited_ms} ms")]
    PeerStalled {
        /// How long this side waited.
        waited_ms: u64,
    },
    /// The peer closed the connection in the middle of a frame.
    #[error("the peer closed the connection in the middle of a frame, after {bytes} bytes of it")]
    PeerCutOff {
        /// Bytes of the frame that had come.
        bytes: usize,
    },
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// This side was asked to stop.
    #[error("closed by this side")]
    LocalStop,
}
