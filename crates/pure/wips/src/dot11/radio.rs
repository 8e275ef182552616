//! What the capturing radio says about a frame, whichever header it wrote.

use model::{Band, Dbm};
use serde::{Deserialize, Serialize};

/// A channel: numbers repeat from band to band, so the band belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Channel {
    /// The band.
    pub band: Band,
    /// The number in the band.
    pub number: u8,
}

impl Channel {
    /// The channel whose centre is at `mhz`, for channels of 20 MHz.
    ///
    /// Source: IEEE 802.11-2020, 15.4.4.3 (2.4 GHz), 17.3.8.4 (5 GHz); 802.11ax-2021, 27.3.23.2 (6 GHz).
    pub fn from_mhz(mhz: u16) -> Option<Self> {
        let (band, base) = match mhz {
            2484 => return Some(Self { band: Band::Ghz2_4, number: 14 }),
            2412..=2472 => (Band::Ghz2_4, 2407),
            5005..=5895 => (Band::Ghz5, 5000),
            5935 => return Some(Self { band: Band::Ghz6, number: 2 }),
            5955..=7115 => (Band::Ghz6, 5950),
            _ => return None,
        };
        let offset = mhz - base;
        let number = u8::try_from(offset / 5).ok()?;
        offset.is_multiple_of(5).then_some(Self { band, number })
    }

    /// The channel of an old header that gives the number alone; they know no 6 GHz.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        let number = u8::try_from(number).ok().filter(|number| *number != 0)?;
        let band = if number <= 14 { Band::Ghz2_4 } else { Band::Ghz5 };
        Some(Self { band, number })
    }
}

/// How fast a frame was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    /// DSSS, CCK or OFDM, in units of 500 kb/s.
    Legacy(u8),
    /// High throughput (802.11n): the modulation and coding scheme, streams included.
    Ht(u8),
    /// Very high throughput (802.11ac), for the first user.
    Vht {
        /// Modulation and coding scheme.
        mcs: u8,
        /// Spatial streams.
        streams: u8,
    },
    /// High efficiency (802.11ax).
    He {
        /// Modulation and coding scheme, where it is known.
        mcs: Option<u8>,
        /// Spatial streams, where they are known.
        streams: Option<u8>,
    },
}

/// A part of an aggregate: frames with the same reference were sent as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ampdu {
    /// Number of the aggregate, by the radio.
    pub reference: u32,
    /// Flags as the radio wrote them.
    pub flags: u16,
}

/// Signals of single antennas that are kept. Access points have up to eight chains.
pub const CHAINS_MAX: usize = 8;

/// The signal at one antenna.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Number of the antenna, where it is given.
    pub antenna: Option<u8>,
    /// Strength in dBm.
    pub signal_dbm: i8,
}

/// Whether a frame ends with a check sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Fcs {
    /// Nobody says.
    #[default]
    Unknown,
    /// It was taken off, or was never there.
    Absent,
    /// It is there.
    Present,
}

/// What the capturing radio says. `None` is what it does not say, as for injected frames.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Radio {
    /// Its microsecond clock at the first bit of the frame.
    pub tsft: Option<u64>,
    /// Centre of the channel that it listened on. Frames of the neighbour channel are heard too.
    pub frequency_mhz: Option<u16>,
    /// The same as a channel.
    pub channel: Option<Channel>,
    /// How fast the frame was sent.
    pub rate: Option<Rate>,
    /// Strength of the frame over all antennas.
    pub signal: Option<Dbm>,
    /// Strength of the noise.
    pub noise: Option<Dbm>,
    /// The antenna, when it is one.
    pub antenna: Option<u8>,
    /// Strength at single antennas.
    pub(crate) chains: [Option<Chain>; CHAINS_MAX],
    /// The aggregate that the frame was part of.
    pub ampdu: Option<Ampdu>,
    /// Whether the frame ended with a check sequence. In a [`crate::Parsed`] it is taken off.
    pub fcs: Fcs,
    /// The radio says that the check sequence was wrong.
    pub bad_fcs: bool,
    /// The header of the frame is padded to four bytes.
    pub data_pad: bool,
    /// The header is one of a transmission: this machine sent the frame.
    pub is_transmission: bool,
}

impl Radio {
    /// Strength at single antennas, in the order of the header.
    pub fn chains(&self) -> impl Iterator<Item = Chain> {
        self.chains.iter().map_while(|chain| *chain)
    }

    /// Adds an antenna; those past [`CHAINS_MAX`] are left out.
    pub(crate) fn add_chain(&mut self, chain: Chain) {
        if let Some(free) = self.chains.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(chain);
        }
    }

    pub(crate) fn set_frequency(&mut self, mhz: u16) {
        if mhz != 0 {
            self.frequency_mhz = Some(mhz);
            self.channel = Channel::from_mhz(mhz);
        }
    }
}
