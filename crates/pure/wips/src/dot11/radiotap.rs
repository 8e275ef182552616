//! The radiotap header.
//!
//! Source: <https://www.radiotap.org>, and its reference parser `radiotap.c`. Fields are aligned from
//! the start of the header. Bit 29 of a presence word says that the next one begins the radiotap
//! namespace anew, bit 30 that it is a vendor's, whose fields are skipped by the length that it gives;
//! bit 31 says that there is a next one. A field of unknown size ends the reading, because nobody knows
//! where the one after it is.

use model::Dbm;

use super::anomaly::{Anomalies, Anomaly};
use super::cursor::Cursor;
use super::radio::{Ampdu, Chain, Fcs, Radio, Rate};

/// Bits of the last presence word are read as fields up to here.
const FIELD_BITS: u32 = 29;
const NAMESPACE: u32 = 1 << 29;
const VENDOR: u32 = 1 << 30;
const MORE: u32 = 1 << 31;

/// Alignment and size of each field; the names are those of <https://www.radiotap.org/fields/defined>.
/// `None` is not defined.
const FIELDS: [Option<(usize, usize)>; FIELD_BITS as usize] = [
    Some((8, 8)),  // 0 TSFT
    Some((1, 1)),  // 1 flags
    Some((1, 1)),  // 2 rate
    Some((2, 4)),  // 3 channel
    Some((2, 2)),  // 4 FHSS
    Some((1, 1)),  // 5 antenna signal
    Some((1, 1)),  // 6 antenna noise
    Some((2, 2)),  // 7 lock quality
    Some((2, 2)),  // 8 TX attenuation
    Some((2, 2)),  // 9 dB TX attenuation
    Some((1, 1)),  // 10 TX power
    Some((1, 1)),  // 11 antenna
    Some((1, 1)),  // 12 dB antenna signal
    Some((1, 1)),  // 13 dB antenna noise
    Some((2, 2)),  // 14 RX flags
    Some((2, 2)),  // 15 TX flags
    Some((1, 1)),  // 16 RTS retries
    Some((1, 1)),  // 17 data retries
    Some((4, 8)),  // 18 XChannel
    Some((1, 3)),  // 19 MCS
    Some((4, 8)),  // 20 A-MPDU status
    Some((2, 12)), // 21 VHT
    Some((8, 12)), // 22 timestamp
    Some((2, 12)), // 23 HE
    Some((2, 12)), // 24 HE-MU
    Some((2, 6)),  // 25 HE-MU-other-user
    Some((1, 1)),  // 26 0-length PSDU
    Some((2, 4)),  // 27 L-SIG
    None,          // 28 TLVs follow, of 802.11be
];

/// A radiotap header has at most so many presence words (ours). Real ones have up to six.
const WORDS_MAX: usize = 32;

/// Reads the header; returns what it says, and the bytes from the frame on.
pub(crate) fn read<'a>(bytes: &'a [u8], anomalies: &mut Anomalies) -> (Radio, &'a [u8]) {
    let mut radio = Radio::default();
    let Some((head, frame)) = split(bytes) else {
        anomalies.add(Anomaly::LinkHeader);
        return (radio, &[]);
    };
    let mut section = Section::default();
    let is_whole = fields(head, &mut section, &mut radio).is_some();
    section.close(&mut radio);
    anomalies.add_if(!is_whole, Anomaly::LinkHeader);
    (radio, frame)
}

/// Cuts header and frame apart. Only version 0 is known.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [version, _, low, high, ..] = bytes.first_chunk::<8>()?;
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    (*version == 0 && length >= 8).then(|| bytes.split_at_checked(length)).flatten()
}

/// Which fields a presence word speaks of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Those of [`FIELDS`]: the first word of the radiotap namespace.
    Fields,
    /// Fields from number 32, of which none is defined.
    Undefined,
    /// Those of a vendor, which are skipped as a whole.
    Vendor,
}

/// Reads every field; `None` when one of them reaches past the end of the header.
fn fields(head: &[u8], section: &mut Section, radio: &mut Radio) -> Option<()> {
    const FIRST_WORD_AT: usize = 4;
    let (words, _) = head.get(FIRST_WORD_AT..)?.as_chunks::<4>();
    let words = words.iter().map(|word| u32::from_le_bytes(*word));
    let count = 1 + words.clone().take(WORDS_MAX).take_while(|word| word & MORE != 0).count();
    if count > WORDS_MAX || count > words.len() {
        return None;
    }
    let mut at = FIRST_WORD_AT + count * 4;
    let mut meaning = Meaning::Fields;
    for word in words.take(count) {
        if meaning == Meaning::Undefined && word & !(NAMESPACE | VENDOR | MORE) != 0 {
            // What follows a field of unknown size cannot be found; the frame still can.
            return Some(());
        }
        if meaning == Meaning::Fields {
            for bit in (0..FIELD_BITS).filter(|bit| word >> bit & 1 != 0) {
                let Some(&Some((alignment, size))) = FIELDS.get(bit as usize) else {
                    return Some(());
                };
                at = at.next_multiple_of(alignment);
                let field = head.get(at..at + size)?;
                section.field(bit, field, radio);
                at += size;
            }
            meaning = Meaning::Undefined;
        }
        if word & VENDOR != 0 {
            // Vendor, subspace, and how many bytes to skip.
            at = at.next_multiple_of(2);
            let [_, _, _, _, low, high] = *head.get(at..)?.first_chunk::<6>()?;
            at += 6 + usize::from(u16::from_le_bytes([low, high]));
            head.get(..at)?;
            meaning = Meaning::Vendor;
        }
        if word & NAMESPACE != 0 {
            meaning = Meaning::Fields;
        }
        if word & (NAMESPACE | VENDOR) != 0 {
            section.close(radio);
        }
    }
    Some(())
}

/// Values of one namespace: radios with several antennas write the first section for all of them, and
/// one more for each.
#[derive(Default)]
struct Section {
    signal: Option<i8>,
    antenna: Option<u8>,
}

impl Section {
    /// Takes one field, whose size is that of [`FIELDS`].
    fn field(&mut self, bit: u32, field: &[u8], radio: &mut Radio) {
        let mut cursor = Cursor(field);
        // The size is right, so that nothing is ever too short.
        let _ = self.read(bit, &mut cursor, radio);
    }

    fn read(&mut self, bit: u32, cursor: &mut Cursor<'_>, radio: &mut Radio) -> Option<()> {
        match bit {
            0 => radio.tsft = radio.tsft.or(cursor.u64()),
            1 => flags(cursor.u8()?, radio),
            2 => radio.rate = radio.rate.or(Some(Rate::Legacy(cursor.u8()?))),
            3 => radio.set_frequency(cursor.u16()?),
            5 => self.signal = Some(cursor.u8()?.cast_signed()),
            6 => {
                let noise = Dbm(f32::from(cursor.u8()?.cast_signed()));
                radio.noise = radio.noise.or(Some(noise));
            }
            11 => self.antenna = Some(cursor.u8()?),
            // Bit 1: the check sequence of the signal field was wrong.
            14 => radio.bad_fcs |= cursor.u16()? & 0x0002 != 0,
            15 => radio.is_transmission = true,
            18 => {
                cursor.u32()?; // flags
                radio.set_frequency(cursor.u16()?);
            }
            19 => {
                const MCS_KNOWN: u8 = 0x02;
                let [known, _, mcs] = *cursor.array()?;
                if known & MCS_KNOWN != 0 {
                    radio.rate = Some(Rate::Ht(mcs));
                }
            }
            20 => {
                let (reference, flags) = (cursor.u32()?, cursor.u16()?);
                radio.ampdu = Some(Ampdu { reference, flags });
            }
            21 => {
                cursor.bytes(4)?; // known, flags, bandwidth
                let first_user = cursor.u8()?;
                radio.rate = Some(Rate::Vht { mcs: first_user >> 4, streams: first_user & 0xf });
            }
            23 => radio.rate = Some(high_efficiency(cursor)?),
            _ => {}
        }
        Some(())
    }

    /// Ends the section: the first signal is that of the frame, an antenna's own is one of the chains.
    fn close(&mut self, radio: &mut Radio) {
        let Self { signal, antenna } = std::mem::take(self);
        if let Some(signal_dbm) = signal {
            if radio.signal.is_none() {
                radio.signal = Some(Dbm(f32::from(signal_dbm)));
                radio.antenna = antenna;
            }
            if antenna.is_some() {
                radio.add_chain(Chain { antenna, signal_dbm });
            }
        }
    }
}

/// The flags field.
fn flags(flags: u8, radio: &mut Radio) {
    const FCS: u8 = 0x10;
    const DATA_PAD: u8 = 0x20;
    const BAD_FCS: u8 = 0x40;
    radio.fcs = if flags & FCS != 0 { Fcs::Present } else { Fcs::Absent };
    radio.data_pad = flags & DATA_PAD != 0;
    radio.bad_fcs |= flags & BAD_FCS != 0;
}

/// The HE field: six words, of which the first tells what is known.
fn high_efficiency(cursor: &mut Cursor<'_>) -> Option<Rate> {
    const MCS_KNOWN: u16 = 0x0020;
    let mut word = || cursor.u16();
    let [known, _, third, _, _, sixth] = [word()?, word()?, word()?, word()?, word()?, word()?];
    let mcs = (known & MCS_KNOWN != 0).then_some((third >> 8 & 0xf) as u8);
    // Zero is "unknown".
    let streams = Some((sixth & 0xf) as u8).filter(|streams| *streams != 0);
    Some(Rate::He { mcs, streams })
}
