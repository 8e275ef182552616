//! Where a radio is, by the access points whose sensors hear it.
//!
//! Nothing new is computed here: it is located as a rogue access point is, whose power nobody knows.

use ::wips::incident::{Hearing, Transmitter};
use ::wips::profile::rogue::Rogue;
use locate::{Power, Scratch};
use model::map::MapId;
use model::{Band, Category, Dbm, Mac, Metres, Position, Reading, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::records::{Heard, Record};
use super::sensors::Sensors;
use crate::site::Site;
use crate::tracker::SharedElements;

/// Access points that make a position. With fewer, only which of them is near can be told.
const LOCATED_BY: usize = 3;
/// Without a signal, a radio is this far from a sensor at most, in metres. Ours: what is heard indoors.
const HEARD_M: f32 = 50.0;
/// The signal one metre from a usual transmitter, in dBm, and what ten times the distance costs, in dB.
/// Ours, as `locate` has it without walls; used for the radius of a presence only.
const AT_ONE_METRE_DBM: f32 = -35.0;
const DECADE_DB: f32 = 30.0;
/// Nearer than that nothing can be told, in metres.
const NEAR_M: f32 = 5.0;

/// What an address that sends may be tracked as.
const SENDERS: [Category; 3] = [Category::RogueAp, Category::RogueClient, Category::WirelessClient];

/// Where a radio is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RadioPlace)]
pub struct Place {
    /// Id of the floor.
    #[schema(value_type = String)]
    pub floor: MapId,
    /// Campus, building and floor.
    pub path: Vec<String>,
    /// Metres from the left edge of the floor.
    pub x: f32,
    /// Metres from its upper edge.
    pub y: f32,
    /// It is inside of this 95 times in 100, in metres.
    pub radius_m: f32,
    /// Too few hear it: the place is that of the sensor's access point that hears it best.
    pub is_presence: bool,
}

impl Place {
    /// A position on these maps.
    pub fn of(position: &Position, is_presence: bool, site: &Site) -> Option<Self> {
        let floor = site.floor(position.floor)?;
        let names = [&floor.campus.name, &floor.building.name, &floor.floor.name];
        let Position { point, confidence, .. } = *position;
        Some(Self {
            floor: position.floor,
            path: names.into_iter().map(ToString::to_string).collect(),
            x: point.x,
            y: point.y,
            radius_m: confidence.0,
            is_presence,
        })
    }
}

/// Where the radio is that these sensors hear; nothing when none of them is on a map.
pub fn of_heard(
    heard: &[Heard],
    band: Option<Band>,
    site: &Site,
    scratch: &mut Scratch,
) -> Option<Place> {
    // A recording has the times of its own day; all hearings of one radio are of one time.
    let at = Time(1);
    let band = band.unwrap_or(Band::Ghz2_4);
    let placed = heard.iter().filter_map(|it| it.ap.filter(|ap| site.has_access_point(*ap)));
    let mut aps: Vec<Mac> = placed.collect();
    aps.sort_unstable();
    aps.dedup();
    if aps.len() >= LOCATED_BY {
        let reading =
            |it: &Heard| Some(Reading { ap: it.ap?, band, rssi: Dbm(it.rssi_dbm?.into()), at });
        let readings: Vec<Reading> = heard.iter().filter_map(reading).collect();
        if let Some(found) = site.locator.estimate(scratch, readings, Power::Unknown, None) {
            let is_presence = found.access_points < LOCATED_BY;
            return Place::of(&site.locator.snapped(found.position), is_presence, site);
        }
    }
    let is_placed = |it: &&Heard| it.ap.is_some_and(|ap| site.has_access_point(ap));
    let nearest = heard.iter().filter(is_placed).max_by_key(|it| (it.rssi_dbm, it.frames))?;
    let (floor, point) = site.access_point(nearest.ap?)?;
    let confidence = Metres(nearest.rssi_dbm.map_or(HEARD_M, reach_m));
    Place::of(&Position { floor, point, confidence, at }, true, site)
}

/// Where the attacker of an incident is: as sensors hear it, or as the tracker has it under its own
/// address.
pub fn of_record(
    record: &Record,
    elements: &SharedElements,
    site: &Site,
    scratch: &mut Scratch,
) -> Option<Place> {
    let band = record.incident.channel.map(|it| it.band);
    let sender = match record.incident.transmitter {
        Transmitter::Own { address } => Some(address),
        // The address is not the attacker's.
        Transmitter::Spoofed { .. } | Transmitter::Invented { .. } | Transmitter::Unnamed => None,
    };
    let tracked = || of_element(sender?, &SENDERS, elements, site);
    match of_heard(&record.sensors, band, site, scratch) {
        Some(place) if !place.is_presence => Some(place),
        place => tracked().or(place),
    }
}

/// Where an access point of others is: as sensors hear its beacons, or as the tracker has it.
pub fn of_rogue(
    rogue: &Rogue,
    sensors: &Sensors,
    elements: &SharedElements,
    site: &Site,
    scratch: &mut Scratch,
) -> Option<Place> {
    let heard = |it: &Hearing| {
        let (name, ap) = sensors.name(it.sensor)?;
        let Hearing { sensor, rssi_dbm, frames } = *it;
        Some(Heard { sensor, name, ap, rssi_dbm, frames })
    };
    let heard: Vec<Heard> = rogue.heard_by.iter().filter_map(heard).collect();
    match of_heard(&heard, rogue.channel.map(|it| it.band), site, scratch) {
        Some(place) if !place.is_presence => Some(place),
        place => of_element(rogue.bssid, &[Category::RogueAp], elements, site).or(place),
    }
}

/// Where an access point of the maps was drawn.
pub fn of_access_point(mac: Mac, site: &Site) -> Option<Place> {
    let (floor, point) = site.access_point(mac)?;
    let confidence = Metres(0.0);
    Place::of(&Position { floor, point, confidence, at: Time(0) }, false, site)
}

/// Where the tracker has an address, whatever it is taken for.
pub fn of_element(
    mac: Mac,
    categories: &[Category],
    elements: &SharedElements,
    site: &Site,
) -> Option<Place> {
    let elements = elements.read();
    let mut tracked = categories.iter().filter_map(|category| elements.find(*category, mac));
    let position = tracked.find_map(|it| it.position)?;
    Place::of(&position, false, site)
}

fn reach_m(rssi_dbm: i8) -> f32 {
    10_f32.powf((AT_ONE_METRE_DBM - f32::from(rssi_dbm)) / DECADE_DB).clamp(NEAR_M, HEARD_M)
}
