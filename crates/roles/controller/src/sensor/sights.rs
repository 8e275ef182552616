//! Who was heard how strongly, for location: the same frames, counted up per interval.
//!
//! A station is heard when it transmits: its data to an access point, its probes, its requests. An access
//! point that is not one's own is a rogue until somebody knows better. What names no transmitter, or one
//! that cannot be told (an acknowledgement, a relay), says nothing here.
//!
//! Addresses on the air are free to invent, so the table has limits, and an invented address must be heard
//! twice in an interval: a flood of them sends one frame from each.
//!
//! Pure: it is told the time.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use model::{Band, Category, Dbm, Mac, Observation, Reading, Time};
use wips::Parsed;
use wips::dot11::{Body, FrameType, Kind};

/// Readings of one interval in all. Ours: a full stadium, at a hundred bytes each.
const READINGS_MAX: usize = 50_000;
/// Of them one place hears at most so many elements: a flood beside one sensor takes no room from the
/// others. Ours: a lecture hall with two devices for each of a thousand people.
const ELEMENTS_PER_PLACE_MAX: usize = 2_000;

/// What was heard since the last report.
#[derive(Debug, Default)]
pub(super) struct Sights {
    /// One's own access points, without the last four bits: those count the networks of one radio.
    own: BTreeSet<u64>,
    reports_rogues: bool,
    heard: BTreeMap<(Category, Mac), BTreeMap<(Mac, Band), Sum>>,
    readings: usize,
    /// Elements heard at each place.
    elements: BTreeMap<Mac, usize>,
    /// Readings that found no room since the start.
    left_out: u64,
}

/// Strengths of one element at one place in one band.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    dbm: f32,
    frames: u16,
    newest: Time,
}

impl Sights {
    /// Nothing heard yet. `own` are addresses of access points that are no rogues.
    pub(super) fn new(own: impl IntoIterator<Item = Mac>, reports_rogues: bool) -> Self {
        let own = own.into_iter().map(radio).collect();
        Self { own, reports_rogues, ..Self::default() }
    }

    /// A frame was heard at the place of `ap`.
    pub(super) fn note(&mut self, ap: Mac, at: Time, parsed: &Parsed<'_>) {
        let (Some(signal), Some(channel)) = (parsed.radio.signal, parsed.radio.channel) else {
            return;
        };
        let Some(element) = self.element(parsed) else { return };
        if parsed.radio.is_transmission || !Reading::STRENGTHS.contains(&signal.0) {
            return;
        }
        let is_full = self.readings >= READINGS_MAX;
        let here = self.elements.entry(ap).or_default();
        let places = match self.heard.entry(element) {
            Entry::Vacant(_) if is_full || *here >= ELEMENTS_PER_PLACE_MAX => {
                self.left_out += 1;
                return;
            }
            Entry::Vacant(vacant) => vacant.insert(BTreeMap::new()),
            Entry::Occupied(known) => known.into_mut(),
        };
        let sum = match places.entry((ap, channel.band)) {
            Entry::Vacant(_) if is_full || *here >= ELEMENTS_PER_PLACE_MAX => {
                self.left_out += 1;
                return;
            }
            Entry::Vacant(vacant) => {
                self.readings += 1;
                *here += 1;
                vacant.insert(Sum::default())
            }
            Entry::Occupied(known) => known.into_mut(),
        };
        sum.dbm += signal.0;
        sum.frames = sum.frames.saturating_add(1);
        sum.newest = sum.newest.max(at);
    }

    /// What was heard since the last report, in the order of category and address.
    pub(super) fn report(&mut self) -> Vec<Observation> {
        self.readings = 0;
        self.elements.clear();
        let heard = std::mem::take(&mut self.heard);
        let observation = |((category, mac), places): ((Category, Mac), BTreeMap<_, Sum>)| {
            let most = places.values().map(|it| it.frames).max().unwrap_or_default();
            let is_believed = most > 1 || !mac.is_locally_administered();
            let reading = |((ap, band), sum): ((Mac, Band), Sum)| {
                let rssi = Dbm(sum.dbm / f32::from(sum.frames.max(1)));
                Reading { ap, band, rssi, at: sum.newest }
            };
            is_believed.then(|| Observation {
                category,
                mac,
                readings: places.into_iter().map(reading).collect(),
            })
        };
        heard.into_iter().filter_map(observation).collect()
    }

    /// Readings that found no room since the start.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Who sent a frame, when that can be told, and what kind of element it is.
    fn element(&self, parsed: &Parsed<'_>) -> Option<(Category, Mac)> {
        let header = &parsed.header;
        if matches!(parsed.body, Body::Unread(_)) {
            return None;
        }
        let mac = header.transmitter.filter(|it| !it.is_multicast() && *it != Mac::default())?;
        let is_access_point = match (header.control.frame_type(), header.kind) {
            (FrameType::Management, Kind::Beacon | Kind::ProbeResponse) => {
                // In an ad-hoc network the beacon of a station names a network of no radio.
                (header.bssid() == Some(mac)).then_some(true)?
            }
            (FrameType::Management, _) => header.bssid() == Some(mac),
            (FrameType::Data, _) => match (header.control.to_ds(), header.control.from_ds()) {
                (true | false, false) => false,
                (false, true) => true,
                // Between access points.
                (true, true) => return None,
            },
            (_, Kind::PsPoll) => false,
            _ => return None,
        };
        if !is_access_point {
            return Some((Category::WirelessClient, mac));
        }
        let is_rogue = self.reports_rogues && !self.own.contains(&radio(mac));
        is_rogue.then_some((Category::RogueAp, mac))
    }
}

fn radio(mac: Mac) -> u64 {
    mac.to_u64() >> 4
}

#[cfg(test)]
mod tests {
    use wips::{CaptureTime, Link, Packet, SensorId, parse};

    use super::*;

    const PLACE: Mac = Mac([0, 0x1b, 0x0d, 0, 0, 0x10]);
    const OWN: Mac = Mac([0, 0x1b, 0x0d, 0, 0, 0x1e]);
    const FOREIGN: Mac = Mac([0, 0x50, 0x56, 0, 0, 1]);
    const PHONE: Mac = Mac([0x00, 0x11, 0x22, 0, 0, 7]);
    const BEACON: [u8; 2] = [0x80, 0];
    const PROBE: [u8; 2] = [0x40, 0];
    const TO_DS: [u8; 2] = [0x48, 0x01];
    const FROM_DS: [u8; 2] = [0x48, 0x02];

    /// A frame with three addresses, heard on channel 6 (radiotap with channel and signal).
    fn frame(control: [u8; 2], addresses: [Mac; 3], signal: i8) -> Vec<u8> {
        let mut bytes = vec![0, 0, 13, 0, 0x28, 0, 0, 0, 0x85, 0x09, 0xa0, 0];
        bytes.push(signal.cast_unsigned());
        bytes.extend(control);
        bytes.extend([0, 0]);
        bytes.extend(addresses.iter().flat_map(|it| it.0));
        bytes.extend([0, 0]);
        bytes.extend([0; 12]);
        bytes
    }

    fn hear(sights: &mut Sights, place: Mac, bytes: &[u8], at: u64) {
        let packet = Packet::new(CaptureTime(at * 1_000), SensorId(1), Link::Radiotap, bytes);
        sights.note(place, Time(at), &parse(&packet));
    }

    fn told(bytes: &[u8]) -> Vec<(Category, Mac)> {
        let mut sights = Sights::new([PLACE], true);
        hear(&mut sights, PLACE, bytes, 5);
        sights.report().iter().map(|it| (it.category, it.mac)).collect()
    }

    #[test]
    fn stations_are_heard_when_they_transmit_and_rogues_when_they_are_not_ours() {
        let all = Mac([0xff; 6]);
        let cases = [
            (TO_DS, [OWN, PHONE, all], vec![(Category::WirelessClient, PHONE)]),
            (PROBE, [all, PHONE, all], vec![(Category::WirelessClient, PHONE)]),
            (BEACON, [all, FOREIGN, FOREIGN], vec![(Category::RogueAp, FOREIGN)]),
            (FROM_DS, [PHONE, FOREIGN, FOREIGN], vec![(Category::RogueAp, FOREIGN)]),
            (BEACON, [all, OWN, OWN], vec![]),
            // The beacon of a station of an ad-hoc network, and a frame from a group.
            (BEACON, [all, PHONE, FOREIGN], vec![]),
            (PROBE, [all, all, all], vec![]),
        ];
        for (control, addresses, expected) in cases {
            assert_eq!(
                told(&frame(control, addresses, -50)),
                expected,
                "{control:?} {addresses:?}"
            );
        }
    }

    #[test]
    fn strengths_are_averaged_per_place_and_reported_once() {
        let mut sights = Sights::new([], true);
        for (place, signal, at) in [(PLACE, -50, 10), (PLACE, -60, 30), (OWN, -71, 20)] {
            hear(&mut sights, place, &frame(PROBE, [FOREIGN, PHONE, FOREIGN], signal), at);
        }
        let reading =
            |ap, dbm, at| Reading { ap, band: Band::Ghz2_4, rssi: Dbm(dbm), at: Time(at) };
        let readings = vec![reading(PLACE, -55.0, 30), reading(OWN, -71.0, 20)];
        let expected = Observation { category: Category::WirelessClient, mac: PHONE, readings };
        assert_eq!(sights.report(), [expected]);
        assert_eq!(sights.report(), []);
    }

    #[test]
    fn a_flood_of_invented_addresses_is_bounded_and_not_reported() {
        let mut sights = Sights::new([], true);
        let invented = |number: u64| Mac::from_u64(0x0200_0000_0000 + number);
        for number in 0..3_000 {
            hear(&mut sights, PLACE, &frame(PROBE, [FOREIGN, invented(number), FOREIGN], -40), 1);
        }
        assert_eq!(sights.left_out(), 1_000, "at one place");
        // Another place still hears, and who speaks twice is somebody.
        for _ in 0..2 {
            hear(&mut sights, OWN, &frame(PROBE, [FOREIGN, invented(9_999), FOREIGN], -40), 1);
        }
        let told: Vec<_> = sights.report().iter().map(|it| it.mac).collect();
        assert_eq!(told, [invented(9_999)]);
    }

    #[test]
    fn what_has_no_strength_or_no_channel_says_nothing() {
        let bytes = frame(PROBE, [FOREIGN, PHONE, FOREIGN], -50);
        let packet = Packet::new(CaptureTime(1), SensorId(1), Link::Bare, &bytes[13..]);
        let mut sights = Sights::new([], true);
        sights.note(PLACE, Time(1), &parse(&packet));
        assert_eq!(sights.report(), []);
    }
}
