//! Records as they are read: what measurement, information, statistics, AP info and attachment
//! messages carry; what those of wIPS carry is in [`crate::wips`]. The writing side is [`crate::batch`].
//!
//! [`Records`] exists only for a body that was checked from end to end, so reading it cannot fail.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::map::Radio;
use model::{
    Association, Band, Battery, Category, CivicAddress, CivicPart, Dbm, Emergency, Encounter, Mac,
    Reading, SwitchPort, TagReport, Telemetry, Time,
};
use serde::{Deserialize, Serialize};

use crate::codec::{Field, Fields, Reader, field};
use crate::error::DecodeError;
use crate::limits::{IP_ADDRESSES_MAX, RADIOS_MAX, READINGS_MAX, TELEMETRY_MAX};
use crate::message::MessageId;
use crate::wips::{Captured, Sensor, read_sensor};

/// Bytes of one reading: AP 6, band 1, reserved 1, signal 2, age 4.
pub(crate) const READING_BYTES: usize = 14;

/// What is known about an element besides its signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Information {
    /// What kind of element.
    pub category: Category,
    /// Which one.
    pub mac: Mac,
    /// What is known; traffic counters travel as statistics.
    pub association: Association,
}

/// One access point of the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessPointInfo {
    /// Base radio address.
    pub mac: Mac,
    /// Its name on the controller.
    pub name: String,
    /// Its radios.
    pub radios: Vec<Radio>,
}

/// A station on a switch port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Address of the station.
    pub mac: Mac,
    /// Whether it is there ("new") or left ("delete").
    pub attached: bool,
    /// Switch port, `Gi1/0/7`.
    pub port: String,
    /// 802.1X user, empty when there is none.
    pub username: String,
    /// Addresses.
    pub ip_addresses: Vec<IpAddr>,
}

/// The controller no longer hears or serves an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// What kind of element.
    pub category: Category,
    /// Which one.
    pub mac: Mac,
}

/// What a tag says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagInformation {
    /// Which tag.
    pub mac: Mac,
    /// All that it said last.
    pub report: TagReport,
}

/// Records of one message, checked.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    message: u16,
    body: &'a [u8],
}

/// One measured element inside a message; nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// What kind of element.
    pub category: Category,
    /// Which one.
    pub mac: Mac,
    sent_at: Time,
    readings: &'a [u8],
}

impl<'a> Records<'a> {
    /// Checks a body.
    pub(crate) fn check(id: MessageId, body: &'a [u8]) -> Result<Self, DecodeError> {
        let message = id.to_wire();
        for next in Fields::new(message, body) {
            let Field { kind, value, at } = next?;
            let sound = match kind {
                field::TIME => value.len() == 8,
                field::MEASURED => Measured::read(value, Time(0)).is_some(),
                field::INFORMATION => read_information(value).is_some(),
                field::ACCESS_POINT => read_access_point(value).is_some(),
                field::ATTACHMENT => read_attachment(value).is_some(),
                field::DEPARTURE => read_departure(value).is_some(),
                field::TAG_REPORT => read_tag_report(value).is_some(),
                field::SENSOR => read_sensor(value).is_some(),
                field::CAPTURED => Captured::read(value).is_some(),
                field::SWITCH_PORT => read_switch_port(value).is_some(),
                _ => true,
            };
            if !sound {
                return Err(DecodeError::PeerMalformed { message, at });
            }
        }
        Ok(Self { message, body })
    }

    /// A body that [`Records::check`] has accepted before.
    pub(crate) fn checked(id: MessageId, body: &'a [u8]) -> Self {
        Self { message: id.to_wire(), body }
    }

    fn fields(self) -> impl Iterator<Item = Field<'a>> {
        Fields::new(self.message, self.body).map_while(Result::ok)
    }

    /// The measured elements.
    pub fn measured(self) -> impl Iterator<Item = Measured<'a>> {
        let mut sent_at = Time(0);
        self.fields().filter_map(move |Field { kind, value, .. }| match kind {
            field::TIME => {
                sent_at = Time(Reader(value).u64()?);
                None
            }
            field::MEASURED => Measured::read(value, sent_at),
            _ => None,
        })
    }

    /// What is known about elements.
    pub fn informations(self) -> impl Iterator<Item = Information> {
        self.fields()
            .filter(|it| it.kind == field::INFORMATION)
            .filter_map(|it| read_information(it.value))
    }

    /// The access points.
    pub fn access_points(self) -> impl Iterator<Item = AccessPointInfo> {
        self.fields()
            .filter(|it| it.kind == field::ACCESS_POINT)
            .filter_map(|it| read_access_point(it.value))
    }

    /// The stations on switch ports.
    pub fn attachments(self) -> impl Iterator<Item = Attachment> {
        self.fields()
            .filter(|it| it.kind == field::ATTACHMENT)
            .filter_map(|it| read_attachment(it.value))
    }

    /// Addresses of switches, of those without a port, and of their ports.
    pub fn switch_ports(self) -> impl Iterator<Item = SwitchPort> {
        self.fields()
            .filter(|it| it.kind == field::SWITCH_PORT)
            .filter_map(|it| read_switch_port(it.value))
    }

    /// The elements that left.
    pub fn departures(self) -> impl Iterator<Item = Departure> {
        self.fields()
            .filter(|it| it.kind == field::DEPARTURE)
            .filter_map(|it| read_departure(it.value))
    }

    /// What tags say about themselves.
    pub fn tag_reports(self) -> impl Iterator<Item = TagInformation> {
        self.fields()
            .filter(|it| it.kind == field::TAG_REPORT)
            .filter_map(|it| read_tag_report(it.value))
    }

    /// The sensors.
    pub fn sensors(self) -> impl Iterator<Item = Sensor> {
        self.fields().filter(|it| it.kind == field::SENSOR).filter_map(|it| read_sensor(it.value))
    }

    /// What sensors captured.
    pub fn captured(self) -> impl Iterator<Item = Captured<'a>> {
        self.fields()
            .filter(|it| it.kind == field::CAPTURED)
            .filter_map(|it| Captured::read(it.value))
    }
}

impl<'a> Measured<'a> {
    fn read(value: &'a [u8], sent_at: Time) -> Option<Self> {
        let mut reader = Reader(value);
        let mac = Mac(reader.array()?);
        let category = category_from_wire(reader.u8()?)?;
        let count = usize::from(reader.u8()?);
        let readings = reader.0;
        let bands_known = readings
            .as_chunks::<READING_BYTES>()
            .0
            .iter()
            .all(|reading| usize::from(reading[6]) < Band::ALL.len());
        let whole = count <= READINGS_MAX && readings.len() == count * READING_BYTES;
        (whole && bands_known).then_some(Self { category, mac, sent_at, readings })
    }

    /// The readings, in the order of the controller.
    pub fn readings(&self) -> impl ExactSizeIterator<Item = Reading> + use<'a> {
        let sent_at = self.sent_at;
        let (chunks, _) = self.readings.as_chunks::<READING_BYTES>();
        chunks.iter().map(move |chunk| {
            let [a, b, c, d, e, f, band, _, r0, r1, age @ ..] = *chunk;
            Reading {
                ap: Mac([a, b, c, d, e, f]),
                band: band_from_wire(band).unwrap_or(Band::Ghz2_4),
                rssi: Dbm(f32::from(i16::from_be_bytes([r0, r1])) / 100.0),
                at: sent_at.minus_ms(u64::from(u32::from_be_bytes(age))),
            }
        })
    }
}

fn category_from_wire(number: u8) -> Option<Category> {
    Category::ALL.get(usize::from(number)).copied()
}

fn band_from_wire(number: u8) -> Option<Band> {
    Band::ALL.get(usize::from(number)).copied()
}

fn read_information(value: &[u8]) -> Option<Information> {
    let mut reader = Reader(value);
    let mac = Mac(reader.array()?);
    let category = category_from_wire(reader.u8()?)?;
    let flags = reader.u8()?;
    let ap = Mac(reader.array()?);
    let bytes_sent = reader.u64()?;
    let bytes_received = reader.u64()?;
    let ssid = reader.text()?;
    let username = reader.text()?;
    let ip_addresses = read_ip_addresses(&mut reader)?;
    let association = Association {
        associated: flags & flag::ASSOCIATED != 0,
        ap: (flags & flag::HAS_AP != 0).then_some(ap),
        ssid: (!ssid.is_empty()).then(|| ssid.into()),
        username: (!username.is_empty()).then(|| username.into()),
        ip_addresses,
        bytes_sent,
        bytes_received,
    };
    Some(Information { category, mac, association })
}

/// Flags of an information record. Ours.
pub(crate) mod flag {
    pub(crate) const ASSOCIATED: u8 = 1;
    pub(crate) const HAS_AP: u8 = 2;
}

fn read_access_point(value: &[u8]) -> Option<AccessPointInfo> {
    let mut reader = Reader(value);
    let mac = Mac(reader.array()?);
    let name = reader.text()?.to_owned();
    let count = usize::from(reader.u8()?);
    if count > RADIOS_MAX {
        return None;
    }
    let radios = (0..count)
        .map(|_| {
            let [band, channel, power] = reader.array()?;
            let tx_power = Dbm(f32::from(i8::from_be_bytes([power])));
            Some(Radio { band: band_from_wire(band)?, channel, tx_power, antenna: None })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(AccessPointInfo { mac, name, radios })
}

fn read_attachment(value: &[u8]) -> Option<Attachment> {
    let mut reader = Reader(value);
    let mac = Mac(reader.array()?);
    let attached = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let port = reader.text()?.to_owned();
    let username = reader.text()?.to_owned();
    let ip_addresses = read_ip_addresses(&mut reader)?;
    Some(Attachment { mac, attached, port, username, ip_addresses })
}

fn read_switch_port(value: &[u8]) -> Option<SwitchPort> {
    let mut reader = Reader(value);
    let switch = reader.text()?.into();
    let port = reader.text()?.into();
    let mut civic = CivicAddress::default();
    for _ in 0..reader.u8()? {
        let (number, text) = (reader.u8()?, reader.text()?);
        // A part of another kind is skipped, as RFC 4776 wants it.
        if let Some(part) = CivicPart::from_number(number) {
            civic.0.insert(part, text.into());
        }
    }
    Some(SwitchPort { switch, port, civic })
}

fn read_departure(value: &[u8]) -> Option<Departure> {
    let mut reader = Reader(value);
    let mac = Mac(reader.array()?);
    Some(Departure { mac, category: category_from_wire(reader.u8()?)? })
}

fn read_tag_report(value: &[u8]) -> Option<TagInformation> {
    let mut reader = Reader(value);
    let mac = Mac(reader.array()?);
    let at = Time(reader.u64()?);
    let battery = match reader.array()? {
        [NO_BATTERY, _] => None,
        [percent @ 0..=100, tolerance_percent @ 0..=100] => {
            Some(Battery { percent, tolerance_percent })
        }
        _ => return None,
    };
    let emergency = match reader.u8()? {
        0 => None,
        number => Some(*EMERGENCIES.get(usize::from(number) - 1)?),
    };
    let chokepoint = reader.text()?;
    let (since, until) = (Time(reader.u64()?), Time(reader.u64()?));
    let encounter =
        (!chokepoint.is_empty()).then(|| Encounter { chokepoint: chokepoint.into(), since, until });
    let telemetry = read_telemetry(&mut reader)?;
    Some(TagInformation { mac, report: TagReport { at, battery, emergency, encounter, telemetry } })
}

/// Stands for the percent of a battery that nothing is known of. Ours.
pub(crate) const NO_BATTERY: u8 = 255;
/// The reasons of emergencies, by their number on the wire less one. Ours.
pub(crate) const EMERGENCIES: [Emergency; 3] =
    [Emergency::PanicButton, Emergency::Tampered, Emergency::Detached];

/// Kinds of telemetry. Ours.
pub(crate) mod telemetry {
    pub(crate) const MOTION: u8 = 0;
    pub(crate) const TEMPERATURE: u8 = 1;
    pub(crate) const HUMIDITY: u8 = 2;
    pub(crate) const PRESSURE: u8 = 3;
}

fn read_telemetry(reader: &mut Reader<'_>) -> Option<Telemetry> {
    let count = usize::from(reader.u8()?);
    if count > TELEMETRY_MAX {
        return None;
    }
    let mut read = Telemetry::default();
    for _ in 0..count {
        let kind = reader.u8()?;
        let value = Some((f64::from(reader.i32()?) / 100.0) as f32);
        match kind {
            telemetry::MOTION => read.motion_percent = value,
            telemetry::TEMPERATURE => read.temperature_c = value,
            telemetry::HUMIDITY => read.humidity_percent = value,
            telemetry::PRESSURE => read.pressure_hpa = value,
            // A later sensor.
            _ => {}
        }
    }
    Some(read)
}

fn read_ip_addresses(reader: &mut Reader<'_>) -> Option<Vec<IpAddr>> {
    let count = usize::from(reader.u8()?);
    if count > IP_ADDRESSES_MAX {
        return None;
    }
    (0..count)
        .map(|_| match reader.u8()? {
            4 => Some(IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?))),
            6 => Some(IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?))),
            _ => None,
        })
        .collect()
}
