//! What looks like an attack and is none, and the attack that it looks like.
//!
//! Every case is made of frames that are written here, so that the difference between the two is on the
//! screen.

use std::collections::BTreeSet;

use wips::{CaptureTime, Change, Kind, Link, Packet, Profile, SensorId, Severity, Wips};

const AP: [u8; 6] = [0x00, 0x11, 0x22, 0, 0, 1];
const STATION: [u8; 6] = [0x00, 0x33, 0x44, 0, 0, 2];
const ALL: [u8; 6] = [0xff; 6];

/// A machine, and the time.
struct Air {
    wips: Wips,
    at_us: u64,
    sequence: u16,
}

impl Air {
    fn new() -> Self {
        Self { wips: Wips::new(Profile::default()), at_us: 1_800_000_000_000_000, sequence: 0 }
    }

    /// Waits, and then hears a frame on channel 6.
    fn hear(&mut self, after_us: u64, dbm: i8, frame: &[u8]) {
        self.hear_at(2437, after_us, dbm, frame);
    }

    /// Waits, and then hears a frame at a frequency.
    fn hear_at(&mut self, mhz: u16, after_us: u64, dbm: i8, frame: &[u8]) {
        self.at_us += after_us;
        let [low, high] = mhz.to_le_bytes();
        // Radiotap with a channel and a signal: radiotap.org, fields 3 and 5.
        let mut bytes = vec![0, 0, 13, 0, 0x28, 0, 0, 0, low, high, 0xa0, 0, dbm.cast_unsigned()];
        bytes.extend_from_slice(frame);
        let at = CaptureTime(self.at_us);
        self.wips.handle(&Packet::new(at, SensorId(0), Link::Radiotap, &bytes));
    }

    fn header(&mut self, control: u16, to: [u8; 6], from: [u8; 6], third: [u8; 6]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1) & 0x0fff;
        let mut frame = control.to_le_bytes().to_vec();
        frame.extend([0, 0]);
        for address in [to, from, third] {
            frame.extend(address);
        }
        frame.extend((self.sequence << 4).to_le_bytes());
        frame
    }

    fn beacon(&mut self, dbm: i8, channel: u8, extra: &[u8]) {
        let mut frame = self.header(0x0080, ALL, AP, AP);
        frame.extend((self.at_us + 102_400).to_le_bytes());
        frame.extend([100, 0, 0x11, 0]);
        frame.extend(b"\x00\x04Home\x01\x04\x82\x84\x8b\x96");
        frame.extend([3, 1, channel]);
        frame.extend(RSN);
        frame.extend(extra);
        self.hear(102_400, dbm, &frame);
    }

    fn beacons(&mut self, count: usize, channel: u8) {
        for _ in 0..count {
            self.beacon(-40, channel, &[]);
        }
    }

    fn deauthentication(&mut self, after_us: u64, dbm: i8, to: [u8; 6], from: [u8; 6], reason: u8) {
        let mut frame = self.header(0x00c0, to, from, AP);
        frame.extend([reason, 0]);
        self.hear(after_us, dbm, &frame);
    }

    fn authentication(&mut self, after_us: u64, dbm: i8, station: [u8; 6]) {
        let mut frame = self.header(0x00b0, AP, station, AP);
        frame.extend([0, 0, 1, 0, 0, 0]);
        self.hear(after_us, dbm, &frame);
    }

    fn association_response(&mut self, station: [u8; 6]) {
        let mut frame = self.header(0x0010, station, AP, AP);
        frame.extend([0x11, 0, 0, 0, 1, 0xc0]);
        self.hear(2_000, -40, &frame);
    }

    fn probe(&mut self, after_us: u64, dbm: i8, station: [u8; 6]) {
        let mut frame = self.header(0x0040, ALL, station, ALL);
        frame.extend(b"\x00\x00\x01\x04\x02\x04\x0b\x16");
        self.hear(after_us, dbm, &frame);
    }

    fn clear_to_send(&mut self, after_us: u64, to: [u8; 6]) {
        let mut frame = vec![0xc4, 0, 200, 0];
        frame.extend(to);
        self.hear(after_us, -50, &frame);
    }

    /// Encrypted data of a station.
    fn data(&mut self, after_us: u64, dbm: i8, number: u8) {
        let mut frame = self.header(0x4108, AP, STATION, AP);
        frame.extend([number, 0, 0, 0x20, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        self.hear(after_us, dbm, &frame);
    }

    /// What matters of what was seen.
    fn told(mut self) -> BTreeSet<Kind> {
        let mut told = BTreeSet::new();
        while let Some(change) = self.wips.poll() {
            let (Change::Opened(it) | Change::Updated(it) | Change::Closed(it)) = change;
            if it.severity >= Severity::Minor {
                told.extend(it.parts.iter().map(|part| part.kind));
            }
        }
        told
    }
}

/// WPA2 with a password and CCMP.
const RSN: &[u8] =
    &[48, 20, 1, 0, 0, 0x0f, 0xac, 4, 1, 0, 0, 0x0f, 0xac, 4, 1, 0, 0, 0x0f, 0xac, 2, 0, 0];

fn station(number: u16) -> [u8; 6] {
    let [a, b] = number.to_be_bytes();
    [0x02, 0x55, a, b, a ^ 0x5a, b ^ 0xa5]
}

#[track_caller]
fn check(air: Air, expected: &[Kind]) {
    assert_eq!(air.told(), expected.iter().copied().collect());
}

#[test]
fn an_access_point_that_moves_is_not_two() {
    let mut air = Air::new();
    air.beacons(30, 6);
    air.beacons(30, 11);
    check(air, &[]);

    let mut air = Air::new();
    air.beacons(30, 6);
    for _ in 0..10 {
        air.beacon(-70, 11, &[]);
        air.beacons(1, 6);
    }
    check(air, &[Kind::BssidSpoof]);
}

#[test]
fn an_announced_switch_is_followed_or_spoofed() {
    let mut air = Air::new();
    air.beacons(30, 6);
    for count in [4, 3, 2, 1] {
        air.beacon(-40, 6, &[37, 3, 0, 11, count]);
    }
    air.beacons(30, 11);
    check(air, &[]);

    let mut air = Air::new();
    air.beacons(30, 6);
    for _ in 0..4 {
        air.beacon(-70, 6, &[37, 3, 0, 11, 1]);
        air.beacons(2, 6);
    }
    check(air, &[Kind::ChannelSwitchSpoof]);
}

#[test]
fn an_access_point_that_restarts_says_good_bye_each_time() {
    let mut air = Air::new();
    for _ in 0..6 {
        air.beacons(50, 6);
        air.deauthentication(10_000, -40, ALL, AP, 3);
        air.at_us += 5_000_000;
    }
    check(air, &[]);

    let mut air = Air::new();
    for _ in 0..6 {
        air.beacons(50, 6);
        air.deauthentication(10_000, -40, ALL, AP, 3);
    }
    check(air, &[Kind::DeauthenticationBroadcast]);
}

#[test]
fn a_class_that_comes_back_is_let_in() {
    let mut air = Air::new();
    air.beacons(30, 6);
    for number in 0..60 {
        air.authentication(100_000, -40 - (number % 30) as i8, station(number));
        air.association_response(station(number));
    }
    check(air, &[]);

    let mut air = Air::new();
    air.beacons(30, 6);
    for number in 0..60 {
        air.authentication(100_000, -60, station(number));
    }
    check(air, &[Kind::AuthenticationFlood]);
}

#[test]
fn a_crowd_of_telephones_is_at_many_places() {
    let mut air = Air::new();
    for number in 0..600_u16 {
        // Each counts its frames by itself.
        air.sequence = number.wrapping_mul(1_361);
        air.probe(20_000, -35 - (number * 7 % 45) as i8, station(number));
    }
    check(air, &[]);

    let mut air = Air::new();
    for number in 0..600 {
        air.probe(20_000, -50, station(number));
    }
    check(air, &[Kind::ProbeRequestFlood]);
}

#[test]
fn who_clears_itself_sends_then() {
    let mut air = Air::new();
    for number in 0..2_000 {
        air.clear_to_send(2_000, STATION);
        air.data(500, -50, number as u8);
    }
    check(air, &[]);

    let mut air = Air::new();
    for _ in 0..2_000 {
        air.clear_to_send(2_500, STATION);
    }
    check(air, &[Kind::CtsFlood]);
}

#[test]
fn a_station_that_leaves_says_so_once() {
    let mut air = Air::new();
    for number in 0..40 {
        air.beacons(5, 6);
        air.authentication(10_000, -55, station(number % 4));
        air.association_response(station(number % 4));
        air.deauthentication(500_000, -55, AP, station(number % 4), 3);
    }
    check(air, &[]);

    let mut air = Air::new();
    air.beacons(30, 6);
    for _ in 0..64 {
        air.deauthentication(3_000, -40, STATION, AP, 7);
    }
    check(air, &[Kind::DeauthenticationFlood]);
}

#[test]
fn a_sensor_that_hops_is_as_good_as_one_that_stays() {
    // One deauthentication a second, which is no flood to who hears every one of them.
    let mut air = Air::new();
    air.beacons(30, 6);
    for _ in 0..30 {
        air.beacons(9, 6);
        air.deauthentication(78_400, -40, STATION, AP, 7);
    }
    check(air, &[]);

    // One for each tenth of a second that the sensor is here is ten a second.
    let mut air = Air::new();
    air.beacons(30, 6);
    for _ in 0..30 {
        air.beacons(1, 6);
        air.deauthentication(5_000, -40, STATION, AP, 7);
        air.hear_at(2412, 900_000, -60, &[0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 9]);
    }
    check(air, &[Kind::DeauthenticationFlood]);
}

#[test]
fn strangers_are_turned_away_by_whoever_they_ask() {
    let mut air = Air::new();
    air.beacons(30, 6);
    for number in 0..40 {
        let stranger = station(number);
        let mut data = air.header(0x4108, AP, stranger, AP);
        data.extend([1, 0, 0, 0x20, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        air.hear(20_000, -70, &data);
        air.deauthentication(1_000, -40, stranger, AP, 7);
    }
    check(air, &[Kind::UnauthenticatedAssociation]);
}

#[test]
fn a_sensor_without_a_clock_sees_no_floods() {
    let mut air = Air::new();
    for _ in 0..500 {
        air.at_us -= 102_400;
        air.beacon(-40, 6, &[]);
        air.deauthentication(0, -40, STATION, AP, 7);
    }
    check(air, &[]);
}

#[test]
fn an_incident_ends_when_it_is_quiet_and_is_told_again_when_it_comes_back() {
    let mut air = Air::new();
    let mut opened = 0;
    let mut closed = 0;
    for _ in 0..3 {
        air.beacons(20, 6);
        for _ in 0..64 {
            air.deauthentication(3_000, -40, STATION, AP, 7);
        }
        air.at_us += 120_000_000;
        air.wips.tick(CaptureTime(air.at_us));
        while let Some(change) = air.wips.poll() {
            match change {
                Change::Opened(it) if it.severity >= Severity::Minor => opened += 1,
                Change::Closed(it) if it.severity >= Severity::Minor => closed += 1,
                _ => {}
            }
        }
    }
    assert_eq!((opened, closed), (3, 3));
}

#[test]
fn what_somebody_cleared_is_over() {
    let mut air = Air::new();
    air.beacons(20, 6);
    for _ in 0..64 {
        air.deauthentication(3_000, -40, STATION, AP, 7);
    }
    let matters = |it: &&wips::Incident| it.severity >= Severity::Minor;
    let id = air.wips.open().find(matters).unwrap().id;
    assert!(air.wips.acknowledge(id) && air.wips.clear(id));
    assert!(!air.wips.clear(id) && !air.wips.acknowledge(id));
    assert_eq!(air.wips.open().filter(matters).count(), 0);
}
