//! What the wIPS sub-service carries: the sensors of a controller, and the packets that they capture.
//!
//! Never published; the layout is ours.

use model::{Mac, Time};
use serde::{Deserialize, Serialize};

use crate::codec::{Reader, write_text};
use crate::limits::CAPTURED_BYTES_MAX;

/// What a sensor does besides capturing; licences count access points by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SensorMode {
    /// Nothing else: it hops over all channels.
    Monitor,
    /// It serves clients, and captures on their channel.
    Local,
}

/// How a sensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SensorState {
    /// It captures.
    Capturing,
    /// Nothing has come from it for longer than it should be.
    Silent,
    /// It cannot capture; its text says why.
    Failed,
    /// It has come to its end: a file was read.
    Ended,
}

/// One sensor of a controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensor {
    /// Its number at this controller, for as long as the controller runs.
    pub number: u32,
    /// The access point that it is, or stands beside: where it is on the map.
    pub ap: Option<Mac>,
    /// Its name.
    pub name: String,
    /// What it does besides capturing.
    pub mode: SensorMode,
    /// How it is.
    pub state: SensorState,
    /// Why, when it cannot capture.
    pub text: String,
    /// When it captured last, by its own clock.
    pub last: Option<Time>,
    /// Packets captured since the controller started.
    pub packets: u64,
    /// Packets that were captured and did not find room on their way.
    pub dropped: u64,
}

/// One captured packet, as a controller hands it over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedPacket {
    /// Number of the sensor.
    pub sensor: u32,
    /// When, in microseconds since 1970-01-01T00:00:00Z, by the sensor's clock.
    pub at_us: u64,
    /// What stands in front of the frame: a number of the tcpdump registry of link types.
    pub link: u16,
    /// Bytes of check sequence at its end, where known.
    pub fcs_bytes: Option<u8>,
    /// Bytes before the capture cut it.
    pub wire_bytes: u32,
    /// The packet; no more than [`CAPTURED_BYTES_MAX`] of it are sent.
    pub bytes: Box<[u8]>,
}

/// One captured packet inside a message; nothing is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured<'a> {
    /// Number of the sensor.
    pub sensor: u32,
    /// When, in microseconds since 1970-01-01T00:00:00Z, by the sensor's clock.
    pub at_us: u64,
    /// What stands in front of the frame: a number of the tcpdump registry of link types.
    pub link: u16,
    /// Bytes of check sequence at its end, where known.
    pub fcs_bytes: Option<u8>,
    /// Bytes before the capture cut it.
    pub wire_bytes: u32,
    /// The packet, as far as it came.
    pub bytes: &'a [u8],
}

/// Stands for a count of check bytes that nobody knows. Ours.
const NO_FCS: u8 = 255;
const MODES: [SensorMode; 2] = [SensorMode::Monitor, SensorMode::Local];
const STATES: [SensorState; 4] =
    [SensorState::Capturing, SensorState::Silent, SensorState::Failed, SensorState::Ended];

impl<'a> Captured<'a> {
    pub(crate) fn read(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(value);
        let sensor = reader.u32()?;
        let at_us = reader.u64()?;
        let link = reader.u16()?;
        let fcs_bytes = match reader.u8()? {
            NO_FCS => None,
            bytes @ 0..=4 => Some(bytes),
            _ => return None,
        };
        let wire_bytes = reader.u32()?;
        let bytes = reader.0;
        let is_sound = bytes.len() <= CAPTURED_BYTES_MAX && bytes.len() <= wire_bytes as usize;
        is_sound.then_some(Self { sensor, at_us, link, fcs_bytes, wire_bytes, bytes })
    }
}

pub(crate) fn write_captured(out: &mut Vec<u8>, packet: &CapturedPacket) {
    let bytes = packet.bytes.get(..CAPTURED_BYTES_MAX).unwrap_or(&packet.bytes);
    out.extend_from_slice(&packet.sensor.to_be_bytes());
    out.extend_from_slice(&packet.at_us.to_be_bytes());
    out.extend_from_slice(&packet.link.to_be_bytes());
    out.push(packet.fcs_bytes.map_or(NO_FCS, |it| it.min(4)));
    out.extend_from_slice(&packet.wire_bytes.max(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

pub(crate) fn read_sensor(value: &[u8]) -> Option<Sensor> {
    let mut reader = Reader(value);
    let number = reader.u32()?;
    let ap = Mac(reader.array()?);
    let mode = *MODES.get(usize::from(reader.u8()?))?;
    let state = *STATES.get(usize::from(reader.u8()?))?;
    let last = reader.u64()?;
    let packets = reader.u64()?;
    let dropped = reader.u64()?;
    let name = reader.text()?.to_owned();
    let text = reader.text()?.to_owned();
    let ap = (ap != Mac::default()).then_some(ap);
    let last = (last != 0).then_some(Time(last));
    Some(Sensor { number, ap, name, mode, state, text, last, packets, dropped })
}

pub(crate) fn write_sensor(out: &mut Vec<u8>, sensor: &Sensor) {
    out.extend_from_slice(&sensor.number.to_be_bytes());
    out.extend_from_slice(&sensor.ap.unwrap_or_default().0);
    out.push(match sensor.mode {
        SensorMode::Monitor => 0,
        SensorMode::Local => 1,
    });
    out.push(match sensor.state {
        SensorState::Capturing => 0,
        SensorState::Silent => 1,
        SensorState::Failed => 2,
        SensorState::Ended => 3,
    });
    out.extend_from_slice(&sensor.last.unwrap_or_default().0.to_be_bytes());
    out.extend_from_slice(&sensor.packets.to_be_bytes());
    out.extend_from_slice(&sensor.dropped.to_be_bytes());
    write_text(out, &sensor.name);
    write_text(out, &sensor.text);
}
