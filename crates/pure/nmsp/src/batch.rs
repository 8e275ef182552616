//! Records as they are written: what a controller hands over to be sent.

use std::net::IpAddr;

use model::{Observation, SwitchPort, TagReport, Telemetry, Time};
use serde::{Deserialize, Serialize};

use crate::codec::{FrameWriter, field, write_text};
use crate::limits::{IP_ADDRESSES_MAX, RADIOS_MAX, READINGS_MAX};
use crate::message::MessageId;
use crate::record::{
    AccessPointInfo, Attachment, Departure, EMERGENCIES, Information, NO_BATTERY, READING_BYTES,
    TagInformation, flag, telemetry,
};
use crate::wips::{CapturedPacket, Sensor, write_captured, write_sensor};

/// Bytes of a measured element before its readings: address 6, category 1, count 1.
const MEASURED_HEADER_BYTES: usize = 8;

/// Records to send, as a controller hands them over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Batch {
    /// Readings, with the controller's clock at the time of sending.
    Measurements {
        /// The controller's clock.
        at: Time,
        /// The elements that were heard.
        observations: Vec<Observation>,
    },
    /// What is known about elements, as information.
    Informations(Vec<Information>),
    /// The same records, as traffic statistics.
    Statistics(Vec<Information>),
    /// The access points.
    AccessPoints(Vec<AccessPointInfo>),
    /// Stations on switch ports.
    Attachments(Vec<Attachment>),
    /// Elements that left.
    Departures(Vec<Departure>),
    /// What tags say about themselves, as information.
    TagReports(Vec<TagInformation>),
    /// Sensors, and how they are.
    Sensors(Vec<Sensor>),
    /// What sensors captured.
    Captured(Vec<CapturedPacket>),
    /// Addresses of switches and of their ports.
    SwitchPorts(Vec<SwitchPort>),
}

impl Batch {
    /// The message that carries the batch: a response to a request, else a notification.
    pub fn message(&self, is_response: bool) -> MessageId {
        match (self, is_response) {
            (Self::Measurements { .. }, true) => MessageId::MeasurementResponse,
            (Self::Measurements { .. }, false) => MessageId::MeasurementNotification,
            (Self::Informations(_) | Self::TagReports(_), true) => MessageId::InformationResponse,
            (Self::Informations(_) | Self::TagReports(_) | Self::Departures(_), _) => {
                MessageId::InformationNotification
            }
            (Self::Statistics(_), true) => MessageId::StatisticsResponse,
            (Self::Statistics(_), false) => MessageId::StatisticsNotification,
            (Self::AccessPoints(_), _) => MessageId::ApInfoNotification,
            (Self::Attachments(_), _) => MessageId::AttachmentNotification,
            (Self::Sensors(_), _) => MessageId::SensorNotification,
            (Self::Captured(_), _) => MessageId::CaptureNotification,
            (Self::SwitchPorts(_), _) => MessageId::LocationNotification,
        }
    }

    /// Appends the batch as one or more frames; `sent` is told the size of each.
    ///
    /// A response is at least one frame, so that the peer learns that there is nothing.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        transaction: Option<u32>,
        sent: impl FnMut(usize),
    ) {
        let id = self.message(transaction.is_some());
        let mut frames = Frames { out, id, transaction, sent, time: None };
        match self {
            Self::Measurements { at, observations } => {
                frames.time = Some(*at);
                frames.write(observations, field::MEASURED, |out, it| {
                    write_observation(out, it, *at);
                });
            }
            Self::Informations(records) | Self::Statistics(records) => {
                frames.write(records, field::INFORMATION, write_information);
            }
            Self::AccessPoints(records) => {
                frames.write(records, field::ACCESS_POINT, write_access_point);
            }
            Self::Attachments(records) => {
                frames.write(records, field::ATTACHMENT, write_attachment);
            }
            Self::Departures(records) => frames.write(records, field::DEPARTURE, write_departure),
            Self::TagReports(records) => {
                frames.write(records, field::TAG_REPORT, write_tag_report);
            }
            Self::Sensors(records) => frames.write(records, field::SENSOR, write_sensor),
            Self::Captured(records) => frames.write(records, field::CAPTURED, write_captured),
            Self::SwitchPorts(records) => {
                frames.write(records, field::SWITCH_PORT, write_switch_port);
            }
        }
    }
}

/// Spreads records over as many frames as they need.
struct Frames<'a, S> {
    out: &'a mut Vec<u8>,
    id: MessageId,
    transaction: Option<u32>,
    sent: S,
    /// Repeated at the beginning of each frame.
    time: Option<Time>,
}

impl<S: FnMut(usize)> Frames<'_, S> {
    fn write<R>(&mut self, records: &[R], kind: u16, write: impl Fn(&mut Vec<u8>, &R)) {
        let mut rest = records;
        loop {
            let mut frame = FrameWriter::new(self.out, self.id, self.transaction.unwrap_or(0));
            if let Some(time) = self.time {
                frame.field(field::TIME, |out| {
                    out.extend_from_slice(&time.0.to_be_bytes());
                });
            }
            // Each record is far smaller than a frame, so every frame takes at least one.
            let written = rest
                .iter()
                .take_while(|record| frame.field(kind, |out| write(out, record)))
                .count();
            (self.sent)(frame.finish());
            rest = rest.get(written.max(1)..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
        }
    }
}

fn write_observation(out: &mut Vec<u8>, observation: &Observation, sent_at: Time) {
    let readings = observation.readings.get(..READINGS_MAX).unwrap_or(&observation.readings);
    out.reserve(MEASURED_HEADER_BYTES + readings.len() * READING_BYTES);
    out.extend_from_slice(&observation.mac.0);
    out.push(observation.category.index() as u8);
    out.push(readings.len() as u8);
    for reading in readings {
        let age_ms = u32::try_from(sent_at.since_ms(reading.at)).unwrap_or(u32::MAX);
        out.extend_from_slice(&reading.ap.0);
        out.extend_from_slice(&[reading.band as u8, 0]);
        // A float cast saturates, and turns what is no number into 0 dBm.
        out.extend_from_slice(&((reading.rssi.0 * 100.0).round() as i16).to_be_bytes());
        out.extend_from_slice(&age_ms.to_be_bytes());
    }
}

fn write_information(out: &mut Vec<u8>, information: &Information) {
    let Information { category, mac, association } = information;
    let mut flags = 0;
    if association.associated {
        flags |= flag::ASSOCIATED;
    }
    if association.ap.is_some() {
        flags |= flag::HAS_AP;
    }
    out.extend_from_slice(&mac.0);
    out.extend_from_slice(&[category.index() as u8, flags]);
    out.extend_from_slice(&association.ap.unwrap_or_default().0);
    out.extend_from_slice(&association.bytes_sent.to_be_bytes());
    out.extend_from_slice(&association.bytes_received.to_be_bytes());
    write_text(out, association.ssid.as_deref().unwrap_or_default());
    write_text(out, association.username.as_deref().unwrap_or_default());
    write_ip_addresses(out, &association.ip_addresses);
}

fn write_access_point(out: &mut Vec<u8>, ap: &AccessPointInfo) {
    out.extend_from_slice(&ap.mac.0);
    write_text(out, &ap.name);
    let radios = ap.radios.get(..RADIOS_MAX).unwrap_or(&ap.radios);
    out.push(radios.len() as u8);
    for radio in radios {
        let [power] = (radio.tx_power.0 as i8).to_be_bytes();
        out.extend_from_slice(&[radio.band as u8, radio.channel, power]);
    }
}

fn write_attachment(out: &mut Vec<u8>, attachment: &Attachment) {
    out.extend_from_slice(&attachment.mac.0);
    out.push(u8::from(attachment.attached));
    write_text(out, &attachment.port);
    write_text(out, &attachment.username);
    write_ip_addresses(out, &attachment.ip_addresses);
}

fn write_switch_port(out: &mut Vec<u8>, place: &SwitchPort) {
    write_text(out, &place.switch);
    write_text(out, &place.port);
    out.push(place.civic.0.len() as u8);
    for (part, text) in &place.civic.0 {
        out.push(part.number());
        write_text(out, text);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "every record writer has one shape")]
fn write_departure(out: &mut Vec<u8>, departure: &Departure) {
    out.extend_from_slice(&departure.mac.0);
    out.push(departure.category.index() as u8);
}

fn write_tag_report(out: &mut Vec<u8>, tag: &TagInformation) {
    let TagInformation { mac, report } = tag;
    let TagReport { at, battery, emergency, encounter, telemetry } = report;
    out.extend_from_slice(&mac.0);
    out.extend_from_slice(&at.0.to_be_bytes());
    out.extend_from_slice(&match battery {
        Some(battery) => [battery.percent.min(100), battery.tolerance_percent.min(100)],
        None => [NO_BATTERY, 0],
    });
    let number = |reason| 1 + EMERGENCIES.iter().position(|it| it == reason).unwrap_or_default();
    out.push(emergency.as_ref().map_or(0, number) as u8);
    let (chokepoint, since, until) = encounter
        .as_ref()
        .map_or(("", Time(0), Time(0)), |it| (&it.chokepoint, it.since, it.until));
    write_text(out, chokepoint);
    out.extend_from_slice(&since.0.to_be_bytes());
    out.extend_from_slice(&until.0.to_be_bytes());
    write_telemetry(out, telemetry);
}

fn write_telemetry(out: &mut Vec<u8>, measured: &Telemetry) {
    let Telemetry { motion_percent, temperature_c, humidity_percent, pressure_hpa } = *measured;
    let values = [
        (telemetry::MOTION, motion_percent),
        (telemetry::TEMPERATURE, temperature_c),
        (telemetry::HUMIDITY, humidity_percent),
        (telemetry::PRESSURE, pressure_hpa),
    ];
    let known = || values.iter().filter_map(|(kind, value)| Some((*kind, (*value)?)));
    out.push(known().count() as u8);
    for (kind, value) in known() {
        out.push(kind);
        // A float cast saturates, and turns what is no number into 0.
        out.extend_from_slice(&((f64::from(value) * 100.0).round() as i32).to_be_bytes());
    }
}

fn write_ip_addresses(out: &mut Vec<u8>, addresses: &[IpAddr]) {
    let addresses = addresses.get(..IP_ADDRESSES_MAX).unwrap_or(addresses);
    out.push(addresses.len() as u8);
    for address in addresses {
        match address {
            IpAddr::V4(v4) => {
                out.push(4);
                out.extend_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                out.push(6);
                out.extend_from_slice(&v6.octets());
            }
        }
    }
}
