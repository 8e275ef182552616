//! A captured packet, as a sensor or a file hands it over.

use std::fmt;

use model::Time;
use serde::{Deserialize, Serialize};

/// When a packet was captured: microseconds since 1970-01-01T00:00:00Z, by the sensor's clock.
///
/// Frames follow each other in tens of microseconds, so [`model::Time`] is too coarse for them.
/// A file may hold any value, also zero everywhere.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CaptureTime(pub u64);

impl CaptureTime {
    /// Microseconds from `earlier` to `self`; zero when `earlier` is not earlier.
    pub fn since_us(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time `us` microseconds later.
    #[must_use]
    pub fn plus_us(self, us: u64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// The same point in time in milliseconds, rounded down.
    pub fn to_time(self) -> Time {
        Time(self.0 / 1000)
    }
}

/// Which sensor heard a packet. Whoever drives the sensors gives the numbers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SensorId(pub u32);

/// What stands in front of a frame: a link type of the tcpdump registry.
///
/// Source: <https://www.tcpdump.org/linktypes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Link {
    /// Nothing (105, `IEEE802_11`).
    Bare,
    /// A Prism header, or an AVS header under its number (119, `IEEE802_11_PRISM`).
    Prism,
    /// A radiotap header (127, `IEEE802_11_RADIOTAP`).
    Radiotap,
    /// An AVS header (163, `IEEE802_11_AVS`).
    Avs,
    /// A per-packet information header (192, `PPI`).
    Ppi,
    /// Not a link type of 802.11 frames.
    Other(u16),
}

impl Link {
    /// The link type of a number of the registry.
    pub fn from_number(number: u16) -> Self {
        match number {
            105 => Self::Bare,
            119 => Self::Prism,
            127 => Self::Radiotap,
            163 => Self::Avs,
            192 => Self::Ppi,
            other => Self::Other(other),
        }
    }

    /// Its number in the registry.
    pub fn number(self) -> u16 {
        match self {
            Self::Bare => 105,
            Self::Prism => 119,
            Self::Radiotap => 127,
            Self::Avs => 163,
            Self::Ppi => 192,
            Self::Other(number) => number,
        }
    }
}

/// One captured packet: a link header, a frame, and perhaps its frame check sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When it was captured.
    pub at: CaptureTime,
    /// Who captured it.
    pub sensor: SensorId,
    /// What stands in front of the frame.
    pub link: Link,
    /// Bytes of the packet before the capture cut it; never less than `bytes.len()`.
    pub wire_bytes: usize,
    /// Bytes of frame check sequence at its end, where the file says so. A radiotap or PPI header
    /// that speaks of it wins.
    pub fcs_bytes: Option<u8>,
    /// The packet, as far as it was captured.
    pub bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// A packet that was captured whole, by someone who does not know of a check sequence.
    pub fn new(at: CaptureTime, sensor: SensorId, link: Link, bytes: &'a [u8]) -> Self {
        Self { at, sensor, link, wire_bytes: bytes.len(), fcs_bytes: None, bytes }
    }

    /// Bytes at its end that were sent but not captured.
    pub fn missing_bytes(&self) -> usize {
        self.wire_bytes.saturating_sub(self.bytes.len())
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("at", &self.at)
            .field("sensor", &self.sensor)
            .field("link", &self.link)
            .field("wire_bytes", &self.wire_bytes)
            .field("fcs_bytes", &self.fcs_bytes)
            .field("bytes", &format_args!("{} bytes", self.bytes.len()))
            .finish()
    }
}
