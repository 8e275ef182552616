//! Headers that stand in front of frames: Prism, AVS and PPI here, radiotap in its own module.
//!
//! Sources: the description of `LINKTYPE_IEEE802_11_PRISM` and `_AVS` in the tcpdump registry,
//! "PPI Packet Header Format" 1.0.10 (CACE), linux-wlan-ng `p80211hdr.h` and `p80211msg.h`.

use model::Dbm;

use super::anomaly::{Anomalies, Anomaly};
use super::cursor::Cursor;
use super::radio::{Ampdu, Chain, Channel, Fcs, Radio, Rate};
use super::radiotap;
use crate::packet::{Link, Packet};

/// Reads the header of a packet; returns what it says, and the bytes from the frame on.
///
/// A frame whose beginning cannot be found is empty.
pub(crate) fn read<'a>(packet: &Packet<'a>, anomalies: &mut Anomalies) -> (Radio, &'a [u8]) {
    read_link(packet.link, packet.bytes, anomalies)
}

fn read_link<'a>(link: Link, bytes: &'a [u8], anomalies: &mut Anomalies) -> (Radio, &'a [u8]) {
    let mut radio = Radio::default();
    let frame = match link {
        Link::Bare => Some(bytes),
        Link::Radiotap => return radiotap::read(bytes, anomalies),
        Link::Prism if avs_length(bytes).is_some() => avs(bytes, &mut radio),
        Link::Prism => prism(bytes, &mut radio),
        Link::Avs => avs(bytes, &mut radio),
        Link::Ppi => return ppi(bytes, anomalies),
        Link::Other(_) => {
            anomalies.add(Anomaly::UnknownLink);
            return (radio, &[]);
        }
    };
    anomalies.add_if(frame.is_none(), Anomaly::LinkHeader);
    (radio, frame.unwrap_or_default())
}

/// Prism: a message of 144 bytes, little-endian, as the drivers of that time wrote it.
fn prism<'a>(bytes: &'a [u8], radio: &mut Radio) -> Option<&'a [u8]> {
    const ITEMS_AT: usize = 24;
    const ITEM: usize = 12;
    let mut cursor = Cursor(bytes);
    cursor.u32()?; // code
    let length = cursor.u32()? as usize;
    let (head, frame) = bytes.split_at_checked(length)?;
    let (items, _) = head.get(ITEMS_AT..)?.as_chunks::<ITEM>();
    for item in items {
        let mut item = Cursor(item);
        let (Some(did), Some(status), Some(_), Some(value)) =
            (item.u32(), item.u16(), item.u16(), item.u32())
        else {
            break;
        };
        // 0 says that there is a value.
        if status == 0 {
            prism_item(did, value, radio);
        }
    }
    Some(frame)
}

fn prism_item(did: u32, value: u32, radio: &mut Radio) {
    // Drivers agree on the number of an item, and not on the rest of its identifier.
    match did >> 12 & 0xf {
        3 => radio.channel = Channel::from_number(value),
        6 => radio.signal = dbm(value),
        7 => radio.noise = dbm(value),
        8 => radio.rate = u8::try_from(value).ok().filter(|rate| *rate != 0).map(Rate::Legacy),
        9 => radio.is_transmission = value != 0,
        _ => {}
    }
}

/// A strength that a driver of that time wrote, when it is one in dBm.
fn dbm(value: u32) -> Option<Dbm> {
    let value = value.cast_signed();
    (-128..0).contains(&value).then_some(Dbm(value as f32))
}

/// Length of an AVS header, if it is one: they share link type 119 with Prism.
fn avs_length(bytes: &[u8]) -> Option<usize> {
    const MAGIC: u32 = 0x8021_1000;
    let mut cursor = Cursor(bytes);
    (cursor.u32_be()? & 0xffff_f000 == MAGIC).then_some(())?;
    Some(cursor.u32_be()? as usize)
}

/// AVS: 64 bytes or more, big-endian.
fn avs<'a>(bytes: &'a [u8], radio: &mut Radio) -> Option<&'a [u8]> {
    /// Strength in dBm, among the ways to tell it.
    const IN_DBM: u32 = 2;
    let (head, frame) = bytes.split_at_checked(avs_length(bytes)?)?;
    let mut cursor = Cursor(head);
    cursor.bytes(8)?; // magic and length
    radio.tsft = Some(cursor.u64_be()?);
    cursor.bytes(8 + 4)?; // time of the host, modulation
    radio.channel = Channel::from_number(cursor.u32_be()?);
    // In units of 100 kb/s, of which we have a fifth.
    let rate = cursor.u32_be()? / 5;
    radio.rate = u8::try_from(rate).ok().filter(|rate| *rate != 0).map(Rate::Legacy);
    radio.antenna = u8::try_from(cursor.u32_be()?).ok();
    cursor.bytes(4)?; // priority
    let unit = cursor.u32_be()?;
    let (signal, noise) = (cursor.u32_be()?, cursor.u32_be()?);
    if unit == IN_DBM {
        (radio.signal, radio.noise) = (dbm(signal), dbm(noise));
    }
    Some(frame)
}

/// PPI: a list of fields, little-endian, in front of any link type.
fn ppi<'a>(bytes: &'a [u8], anomalies: &mut Anomalies) -> (Radio, &'a [u8]) {
    let mut radio = Radio::default();
    let Some((link, fields, frame)) = ppi_head(bytes) else {
        anomalies.add(Anomaly::LinkHeader);
        return (radio, &[]);
    };
    let mut cursor = Cursor(fields);
    while let (Some(kind), Some(length)) = (cursor.u16(), cursor.u16()) {
        let Some(field) = cursor.bytes(usize::from(length)) else {
            anomalies.add(Anomaly::LinkHeader);
            break;
        };
        // A field that is too short says nothing.
        let _ = ppi_field(kind, field, &mut radio);
    }
    if link == Link::Bare {
        return (radio, frame);
    }
    // Another header may stand in between. It is the nearer one, so it wins; there is no PPI in PPI.
    match link {
        Link::Ppi => {
            anomalies.add(Anomaly::LinkHeader);
            (radio, &[])
        }
        other => read_link(other, frame, anomalies),
    }
}

/// The link type of what follows, the fields, and what follows.
fn ppi_head(bytes: &[u8]) -> Option<(Link, &[u8], &[u8])> {
    const HEAD: usize = 8;
    let mut cursor = Cursor(bytes);
    cursor.bytes(2)?; // version and flags
    let length = usize::from(cursor.u16()?);
    let link = cursor.u32()?;
    let (head, frame) = bytes.split_at_checked(length)?;
    let link = u16::try_from(link).map_or(Link::Other(u16::MAX), Link::from_number);
    Some((link, head.get(HEAD..)?, frame))
}

/// Reads one field into `radio`; `None` when it is too short.
fn ppi_field(kind: u16, field: &[u8], radio: &mut Radio) -> Option<()> {
    const COMMON: u16 = 2;
    const MAC_EXTENSIONS: u16 = 3;
    const MAC_PHY_EXTENSIONS: u16 = 4;
    let mut cursor = Cursor(field);
    match kind {
        COMMON => {
            radio.tsft = Some(cursor.u64()?);
            let flags = cursor.u16()?;
            radio.fcs = if flags & 1 == 0 { Fcs::Absent } else { Fcs::Present };
            radio.bad_fcs = flags & 0b1100 != 0;
            let rate = cursor.u16()?;
            radio.rate = u8::try_from(rate).ok().filter(|rate| *rate != 0).map(Rate::Legacy);
            radio.set_frequency(cursor.u16()?);
            cursor.bytes(4)?; // flags of the channel, hopping
            radio.signal = ppi_dbm(cursor.u8()?);
            radio.noise = ppi_dbm(cursor.u8()?);
        }
        MAC_EXTENSIONS => ppi_aggregate(&mut cursor, radio)?,
        MAC_PHY_EXTENSIONS => {
            ppi_aggregate(&mut cursor, radio)?;
            cursor.bytes(3)?; // delimiters, in this field
            radio.rate = Some(Rate::Ht(cursor.u8()?));
            cursor.bytes(3 + 4)?; // streams, strengths over all antennas
            for antenna in 0..4 {
                let signal_dbm = cursor.u8()?.cast_signed();
                if signal_dbm < 0 {
                    radio.add_chain(Chain { antenna: Some(antenna), signal_dbm });
                }
            }
        }
        _ => {}
    }
    Some(())
}

/// Flags and the number of the aggregate, as both extensions have them.
fn ppi_aggregate(cursor: &mut Cursor<'_>, radio: &mut Radio) -> Option<()> {
    /// The frame is part of an aggregate.
    const IS_AGGREGATE: u32 = 0x20;
    let flags = cursor.u32()?;
    let reference = cursor.u32()?;
    cursor.bytes(1)?; // delimiters
    if flags & IS_AGGREGATE != 0 {
        radio.ampdu = Some(Ampdu { reference, flags: flags as u16 });
    }
    Some(())
}

/// -128 says that there is none.
fn ppi_dbm(value: u8) -> Option<Dbm> {
    let value = value.cast_signed();
    (value != i8::MIN && value != 0).then_some(Dbm(f32::from(value)))
}
