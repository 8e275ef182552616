//! Frames of the tests: beacons and deauthentications, as sensors of a controller capture them.

use model::Mac;
use nmsp::{Batch, CapturedPacket, Sensor, SensorMode, SensorState};

/// Radiotap, by the number of the tcpdump registry.
const RADIOTAP: u16 = 127;
/// What WPA2 with a key has: CCMP, CCMP, PSK.
const RSN: [u8; 22] =
    [48, 20, 1, 0, 0, 0x0f, 0xac, 4, 1, 0, 0, 0x0f, 0xac, 4, 1, 0, 0, 0x0f, 0xac, 2, 0, 0];
const EVERYBODY: Mac = Mac([0xff; 6]);

/// The infrastructure's access point: the first of the ground floor.
pub(crate) const AP: Mac = Mac([0x70, 0xdf, 0x2f, 0xb5, 0x38, 0x10]);
/// Somebody else's access point.
pub(crate) const TWIN: Mac = Mac([0x00, 0xd0, 0xef, 0x00, 0x00, 0x66]);
/// The name of the network.
pub(crate) const SSID: &str = "corp";

/// A sensor beside an access point of the maps, by its number on the ground floor.
pub(crate) fn sensor(number: u32, state: SensorState) -> Sensor {
    Sensor {
        number,
        ap: Some(Mac([0x70, 0xdf, 0x2f, 0xb5, 0x38, 0x10 + number as u8])),
        name: format!("sensor-{number}"),
        mode: if number == 0 { SensorMode::Local } else { SensorMode::Monitor },
        state,
        text: String::new(),
        last: None,
        packets: 0,
        dropped: 0,
    }
}

/// Who heard a frame, and how strongly.
pub(crate) type Ear = (u32, i8);

/// A frame, as a sensor captures it on channel 6.
pub(crate) fn captured((sensor, rssi_dbm): Ear, at_us: u64, frame: &[u8]) -> CapturedPacket {
    let [low, high] = 2_437_u16.to_le_bytes();
    let header = [0, 0, 13, 0, 0x28, 0, 0, 0, low, high, 0, 0, rssi_dbm.cast_unsigned()];
    let bytes: Box<[u8]> = header.iter().chain(frame).copied().collect();
    let wire_bytes = bytes.len() as u32;
    CapturedPacket { sensor, at_us, link: RADIOTAP, fcs_bytes: None, wire_bytes, bytes }
}

/// A beacon of an access point; `number` is its sequence number and the beat of its clock.
pub(crate) fn beacon(bssid: Mac, ssid: &str, is_open: bool, number: u16) -> Vec<u8> {
    let mut frame = management(0x80, EVERYBODY, bssid, bssid, number);
    frame.extend((u64::from(number) * 102_400).to_le_bytes());
    frame.extend([100, 0, if is_open { 0x01 } else { 0x11 }, 0]);
    frame.extend([0, ssid.len() as u8]);
    frame.extend(ssid.as_bytes());
    frame.extend([1, 4, 0x82, 0x84, 0x8b, 0x96, 3, 1, 6]);
    if !is_open {
        frame.extend(RSN);
    }
    frame
}

/// A deauthentication of everybody in the name of an access point.
pub(crate) fn deauthentication(bssid: Mac, number: u16) -> Vec<u8> {
    let mut frame = management(0xc0, EVERYBODY, bssid, bssid, number);
    frame.extend([7, 0]);
    frame
}

fn management(kind: u8, to: Mac, from: Mac, bssid: Mac, number: u16) -> Vec<u8> {
    let mut frame = vec![kind, 0, 0, 0];
    for mac in [to, from, bssid] {
        frame.extend(mac.0);
    }
    frame.extend((number << 4).to_le_bytes());
    frame
}

/// The access point beacons for three seconds, then somebody else throws everybody off for one, heard by
/// one sensor. It ends at `until_us`.
pub(crate) fn flood(until_us: u64) -> Batch {
    let start = until_us - 4_000_000;
    let beacons = (0..30).map(|nth| {
        captured((1, -40), start + u64::from(nth) * 100_000, &beacon(AP, SSID, false, nth))
    });
    let deauthentications = (0..20).map(|nth| {
        let at = start + 3_000_000 + u64::from(nth) * 50_000;
        captured((1, -75), at, &deauthentication(AP, 2_000 + nth))
    });
    Batch::Captured(beacons.chain(deauthentications).collect())
}

/// The access point and one that takes its name beacon side by side for three seconds; `ears` hear both.
pub(crate) fn twins(until_us: u64, ears: &[Ear]) -> Vec<Batch> {
    let start = until_us - 3_000_000;
    let beat = |nth: u16| {
        let at = start + u64::from(nth) * 100_000;
        let ours = beacon(AP, SSID, false, nth);
        let theirs = beacon(TWIN, SSID, true, nth);
        let heard = ears.iter().flat_map(move |(sensor, rssi_dbm)| {
            let delay = u64::from(*sensor) * 100;
            [
                captured((*sensor, -50), at + delay, &ours),
                captured((*sensor, *rssi_dbm), at + 30_000 + delay, &theirs),
            ]
        });
        Batch::Captured(heard.collect())
    };
    (0..30).map(beat).collect()
}
