//! What a controller reported, on its way from the link to the tracker.

use std::sync::Arc;

use model::{Category, Mac, Reading, SwitchPort, Time};
use nmsp::{
    AccessPointInfo, Attachment, Departure, Information, MessageId, Records, TagInformation,
};

/// One message of one controller, decoded. Readings lie in one list, so that a message costs three
/// allocations however many elements it measures.
#[derive(Debug, Default)]
pub struct Report {
    /// Address of the controller.
    pub controller: Arc<str>,
    /// Measured elements and how many of `readings` are theirs, in order.
    pub measured: Vec<(Category, Mac, u8)>,
    /// All readings.
    pub readings: Vec<Reading>,
    /// Readings that were left out: no radio hears anything so strongly, or so weakly.
    pub impossible: Vec<Reading>,
    /// What is known about elements.
    pub informations: Vec<Information>,
    /// Traffic counters of elements.
    pub statistics: Vec<Information>,
    /// Stations on switch ports.
    pub attachments: Vec<Attachment>,
    /// Addresses of switches and of their ports.
    pub switch_ports: Vec<SwitchPort>,
    /// Access points of the controller.
    pub access_points: Vec<AccessPointInfo>,
    /// Elements that left.
    pub departures: Vec<Departure>,
    /// What tags say about themselves.
    pub tags: Vec<TagInformation>,
}

impl Report {
    /// Copies the records of one message. What is of the future is of now: the controller's clock is
    /// ahead, and what comes later must not look old beside it.
    pub fn new(controller: &Arc<str>, id: MessageId, records: Records<'_>, now: Time) -> Self {
        let mut report = Self { controller: Arc::clone(controller), ..Self::default() };
        match id {
            MessageId::MeasurementNotification | MessageId::MeasurementResponse => {
                for measured in records.measured() {
                    let before = report.readings.len();
                    for reading in measured.readings() {
                        let reading = Reading { at: reading.at.min(now), ..reading };
                        if Reading::STRENGTHS.contains(&reading.rssi.0) {
                            report.readings.push(reading);
                        } else {
                            report.impossible.push(reading);
                        }
                    }
                    let count = (report.readings.len() - before) as u8;
                    report.measured.push((measured.category, measured.mac, count));
                }
            }
            MessageId::InformationNotification | MessageId::InformationResponse => {
                report.informations.extend(records.informations());
                report.departures.extend(records.departures());
                report.tags.extend(records.tag_reports().map(|tag| not_of_the_future(tag, now)));
            }
            MessageId::StatisticsNotification | MessageId::StatisticsResponse => {
                report.statistics.extend(records.informations());
            }
            MessageId::AttachmentNotification => report.attachments.extend(records.attachments()),
            MessageId::LocationNotification => report.switch_ports.extend(records.switch_ports()),
            MessageId::ApInfoNotification => report.access_points.extend(records.access_points()),
            _ => {}
        }
        report
    }
}

fn not_of_the_future(mut tag: TagInformation, now: Time) -> TagInformation {
    tag.report.at = tag.report.at.min(now);
    if let Some(encounter) = &mut tag.report.encounter {
        encounter.until = encounter.until.min(now);
    }
    tag
}
