//! What is no attack but not as the owner wants it, and what is only seen where a card tells more.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end at what it did not expect"
)]

mod kit;

use std::collections::{BTreeMap, BTreeSet};

use kit::frames::{self, ALL, Ap, Protection, Way};
use model::Mac;
use wips::profile::Managed;
use wips::profile::lists::Lists;
use wips::{CaptureTime, Change, Incident, Kind, Link, Packet, Profile, SensorId, Severity, Wips};

const AP: frames::Mac = [0x00, 0x11, 0x22, 0, 0, 1];
const OTHER_AP: frames::Mac = [0x00, 0x11, 0x22, 0, 0, 9];
const STATION: frames::Mac = [0x00, 0x33, 0x44, 0, 0, 2];
const OTHER: frames::Mac = [0x00, 0x33, 0x44, 0, 0, 3];
const GATEWAY: frames::Mac = [0x00, 0x1b, 0x21, 0, 0, 1];
const INSIDE: [[u8; 4]; 2] = [frames::GUEST, frames::RESOLVER];

/// A machine, the time, and what was said.
struct Air {
    wips: Wips,
    at_us: u64,
    sequence: u16,
    incidents: BTreeMap<u64, Incident>,
}

impl Air {
    fn new(profile: Profile) -> Self {
        let incidents = BTreeMap::new();
        Self { wips: Wips::new(profile), at_us: kit::BEGIN_US, sequence: 0, incidents }
    }

    /// Waits, and hears a frame on channel 6.
    fn hear(&mut self, after_us: u64, frame: &[u8]) {
        self.hear_in(after_us, -95, frame);
    }

    /// The same in so much noise.
    fn hear_in(&mut self, after_us: u64, noise_dbm: i8, frame: &[u8]) {
        self.at_us += after_us;
        self.sequence = (self.sequence + 1) & 0x0fff;
        let mut frame = frame.to_vec();
        frame[22..24].copy_from_slice(&(self.sequence << 4).to_le_bytes());
        // Radiotap with channel, signal and noise: radiotap.org, fields 3, 5 and 6.
        let [low, high] = 2437_u16.to_le_bytes();
        let noise = noise_dbm.cast_unsigned();
        let mut bytes = vec![0, 0, 14, 0, 0x68, 0, 0, 0, low, high, 0xa0, 0, 0xd8, noise];
        bytes.extend(frame);
        let at = CaptureTime(self.at_us);
        self.wips.handle(&Packet::new(at, SensorId(0), Link::Radiotap, &bytes));
        while let Some(change) = self.wips.poll() {
            let (Change::Opened(it) | Change::Updated(it) | Change::Closed(it)) = change;
            self.incidents.insert(it.id, it);
        }
    }

    fn beacons(&mut self, ap: &Ap, count: usize, extra: &[u8]) {
        for _ in 0..count {
            let frame = frames::beacon(ap, self.at_us, extra);
            self.hear(102_400, &frame);
        }
    }

    fn joins(&mut self, ap: &Ap, station: frames::Mac) {
        self.hear(5_000, &frames::association_request(ap, station, None));
        self.hear(5_000, &frames::association_response(ap, station, false, 0));
    }

    fn said(&self, kind: Kind) -> Vec<&Incident> {
        self.incidents.values().filter(|it| it.kind == kind).collect()
    }

    #[track_caller]
    fn check(&self, kind: Kind, is_said: bool) {
        let kinds: Vec<_> = self.incidents.values().map(|it| it.kind).collect();
        assert_eq!(self.said(kind).len(), usize::from(is_said), "{kind:?} of {kinds:?}");
    }
}

fn network(mac: frames::Mac, ssid: &str, protection: Protection) -> Ap {
    Ap {
        mac,
        ssid: ssid.as_bytes().to_vec(),
        channel: 6,
        dbm: -40.0,
        protection,
        is_hidden: false,
        has_wps: false,
        vendor: Vec::new(),
    }
}

/// Who owns `Corp` at one address, with lists.
fn owner(change: impl FnOnce(&mut Lists)) -> Profile {
    let mut lists = Lists::default();
    change(&mut lists);
    let managed = Managed {
        ssids: BTreeSet::from(["Corp".to_owned()]),
        bssids: BTreeSet::from([Mac(AP)]),
        stations: BTreeSet::new(),
    };
    Profile { managed, lists, ..Profile::default() }
}

#[test]
fn one_beacon_does_not_make_an_open_network() {
    for (count, is_said) in [(1, false), (3, false), (4, true)] {
        let mut air = Air::new(Profile::default());
        air.beacons(&network(AP, "Cafe", Protection::Open), count, &[]);
        air.check(Kind::OpenNetwork, is_said);
    }
    // One beacon that leaves the protection out, of a network that has it.
    let mut air = Air::new(Profile::default());
    air.beacons(&network(AP, "Home", Protection::Wpa2), 10, &[]);
    air.beacons(&network(AP, "Home", Protection::Open), 1, &[]);
    air.beacons(&network(AP, "Home", Protection::Wpa2), 10, &[]);
    air.check(Kind::OpenNetwork, false);
}

#[test]
fn a_mesh_is_told_and_is_no_open_network() {
    let mesh = Ap { is_hidden: true, ..network(AP, "", Protection::Open) };
    for is_access_point in [false, true] {
        let mut air = Air::new(Profile::default());
        for _ in 0..10 {
            let mut frame = frames::beacon(&mesh, air.at_us, b"\x72\x04mesh");
            // The bit of infrastructure: tools copy the element from stations that ask for a mesh.
            frame[34] = u8::from(is_access_point);
            air.hear(102_400, &frame);
        }
        air.check(Kind::Mesh, !is_access_point);
        air.check(Kind::OpenNetwork, is_access_point);
    }
}

#[test]
fn clear_data_is_told_where_data_should_be_encrypted() {
    let clear =
        frames::clear(Way::up(AP, STATION), GATEWAY, 0x0800, &frames::ip(6, INSIDE, &[7; 60]));
    let run = |protection, profile| {
        let mut air = Air::new(profile);
        air.beacons(&network(AP, "Home", protection), 5, &[]);
        for _ in 0..10 {
            air.hear(100_000, &clear);
        }
        air
    };
    run(Protection::Wpa2, Profile::default()).check(Kind::UnencryptedData, true);
    run(Protection::Open, Profile::default()).check(Kind::UnencryptedData, false);
    let mut managed = Profile::default();
    managed.managed.stations.insert(Mac(STATION));
    run(Protection::Open, managed).check(Kind::UnencryptedData, true);
    // A handshake is in clear everywhere.
    let mut air = Air::new(Profile::default());
    air.beacons(&network(AP, "Home", Protection::Wpa2), 5, &[]);
    for number in 0..10 {
        air.hear(100_000, &frames::key(AP, STATION, 1, number, 77, &[]));
    }
    air.check(Kind::UnencryptedData, false);
}

#[test]
fn a_station_that_does_not_take_protected_management_frames_is_told() {
    let mut air = Air::new(Profile::default());
    let can = network(AP, "Modern", Protection::Wpa2Pmf);
    air.beacons(&can, 5, &[]);
    air.joins(&can, OTHER);
    air.check(Kind::UnprotectedStation, false);
    air.joins(&network(AP, "Modern", Protection::Wpa2), STATION);
    air.check(Kind::UnprotectedStation, true);
    assert_eq!(air.said(Kind::UnprotectedStation)[0].victim, Some(Mac(STATION)));
    // Where the network offers none, nobody can take it.
    let mut air = Air::new(Profile::default());
    let old = network(AP, "Old", Protection::Wpa2);
    air.beacons(&old, 5, &[]);
    air.joins(&old, STATION);
    air.check(Kind::UnprotectedStation, false);
}

#[test]
fn weak_vectors_of_wep_are_counted() {
    // The kit writes the number as the first two bytes of the vector.
    for (number, is_said) in [(0xff05, true), (0xfe05, false), (0xff55, false)] {
        let mut air = Air::new(Profile::default());
        air.beacons(&network(AP, "Ancient", Protection::Wep), 3, &[]);
        for _ in 0..4 {
            let frame = frames::data(Way::up(AP, STATION), Protection::Wep, number, 60);
            air.hear(500_000, &frame);
        }
        air.check(Kind::WeakWepIv, is_said);
    }
}

#[test]
fn noise_that_stays_is_told_and_a_burst_is_not() {
    let run = |bursts: &[(usize, i8)]| {
        let mut air = Air::new(Profile::default());
        let ap = network(AP, "Home", Protection::Wpa2);
        for (frames, noise) in bursts {
            for _ in 0..*frames {
                let frame = frames::beacon(&ap, air.at_us, &[]);
                air.hear_in(50_000, *noise, &frame);
            }
        }
        air
    };
    run(&[(400, -95), (200, -70)]).check(Kind::NoiseRaised, true);
    // A microwave oven for half a second now and then; a channel that always was noisy; a busy evening.
    run(&[(400, -95), (10, -70), (200, -95), (10, -70), (200, -95)])
        .check(Kind::NoiseRaised, false);
    run(&[(800, -70)]).check(Kind::NoiseRaised, false);
    run(&[(400, -95), (400, -85)]).check(Kind::NoiseRaised, false);
    // What a card writes that does not measure.
    run(&[(400, -95), (400, 0)]).check(Kind::NoiseRaised, false);
}

#[test]
fn who_moves_all_the_time_is_told_and_who_moves_sometimes_is_not() {
    let run = |times: u64, every_us: u64| {
        let mut air = Air::new(Profile::default());
        let both = [AP, OTHER_AP].map(|it| network(it, "Home", Protection::Wpa2));
        for number in 0..times {
            let ap = &both[(number % 2) as usize];
            air.beacons(ap, 1, &[]);
            air.joins(ap, STATION);
            air.at_us += every_us;
        }
        air
    };
    let air = run(20, 2_000_000);
    air.check(Kind::ExcessiveRoaming, true);
    assert_eq!(air.said(Kind::ExcessiveRoaming)[0].victim, Some(Mac(STATION)));
    run(20, 20_000_000).check(Kind::ExcessiveRoaming, false);
    run(5, 2_000_000).check(Kind::ExcessiveRoaming, false);
}

#[test]
fn vendors_are_compared_with_the_lists() {
    let listed = |vendors: &str| BTreeSet::from([vendors.parse().unwrap()]);
    let of_ap = |vendor: &str, mac| {
        let mut air = Air::new(owner(|it| it.access_point_vendors = listed(vendor)));
        air.beacons(&network(mac, "Corp", Protection::Wpa2), 8, &[]);
        air.beacons(&network(OTHER_AP, "Neighbour", Protection::Wpa2), 8, &[]);
        air
    };
    let air = of_ap("00:99:99", AP);
    air.check(Kind::VendorNotListed, true);
    assert_eq!(air.said(Kind::VendorNotListed)[0].bssid, Some(Mac(AP)), "neighbours are free");
    assert_eq!(air.said(Kind::VendorNotListed)[0].severity, Severity::Minor);
    of_ap("00:11:22", AP).check(Kind::VendorNotListed, false);
    // A second network of the same access point.
    of_ap("00:11:22", [2, 0x11, 0x22, 0, 0, 1]).check(Kind::VendorNotListed, false);

    let of_station = |refuse_made_up, station, bssid| {
        let mut air = Air::new(owner(|it| {
            it.station_vendors = listed("00:33:44");
            it.refuse_made_up = refuse_made_up;
        }));
        let ap = network(bssid, "Corp", Protection::Wpa2);
        air.beacons(&ap, 5, &[]);
        air.joins(&ap, station);
        air
    };
    let stranger = [0x00, 0x55, 0x66, 0, 0, 2];
    of_station(false, stranger, AP).check(Kind::VendorNotListed, true);
    of_station(false, STATION, AP).check(Kind::VendorNotListed, false);
    of_station(false, stranger, OTHER_AP).check(Kind::VendorNotListed, false);
    let made_up = [0x02, 0x55, 0x66, 0, 0, 2];
    of_station(false, made_up, AP).check(Kind::VendorNotListed, false);
    of_station(true, made_up, AP).check(Kind::VendorNotListed, true);
}

#[test]
fn countries_and_channels_of_managed_networks_are_compared_with_the_lists() {
    let run = |country: &[u8], channel, mac| {
        let mut air = Air::new(owner(|it| {
            it.countries = BTreeSet::from(["DE".to_owned()]);
            it.channels = BTreeSet::from([1, 6, 11]);
        }));
        let ap = Ap { channel, ..network(mac, "Corp", Protection::Wpa2) };
        let extra = [&[7, 6][..], country, &[1, 13, 20]].concat();
        air.beacons(&ap, 8, &extra);
        air
    };
    let air = run(b"US ", 3, AP);
    air.check(Kind::CountryNotListed, true);
    air.check(Kind::ChannelNotListed, true);
    let air = run(b"de ", 6, AP);
    air.check(Kind::CountryNotListed, false);
    air.check(Kind::ChannelNotListed, false);
    // Somebody else's.
    let air = run(b"US ", 3, OTHER_AP);
    air.check(Kind::CountryNotListed, false);
    air.check(Kind::ChannelNotListed, false);
}

#[test]
fn a_word_that_is_forbidden_is_found_in_any_name() {
    let run = |name: &str| {
        let mut air =
            Air::new(owner(|it| it.forbidden_words = BTreeSet::from(["Free".to_owned()])));
        air.beacons(&network(OTHER_AP, name, Protection::Wpa2), 8, &[]);
        air
    };
    let air = run("Airport FREE Wi-Fi");
    air.check(Kind::ForbiddenSsid, true);
    assert_eq!(air.said(Kind::ForbiddenSsid)[0].severity, Severity::Minor);
    run("Airport").check(Kind::ForbiddenSsid, false);
}

#[test]
fn what_is_listed_is_told_again_while_it_goes_on() {
    let mut air = Air::new(owner(|it| it.channels = BTreeSet::from([1])));
    // Ten minutes: longer than an incident is quiet.
    air.beacons(&network(AP, "Corp", Protection::Wpa2), 6_000, &[]);
    air.check(Kind::ChannelNotListed, true);
    assert!(air.said(Kind::ChannelNotListed)[0].frames >= 9);
}

#[test]
fn stations_of_an_isolated_network_do_not_reach_each_other() {
    let run = |isolated: &str, protection, source: frames::Mac, count| {
        let mut air = Air::new(owner(|it| {
            it.isolated_ssids = BTreeSet::from([isolated.to_owned()]);
        }));
        let ap = network(AP, "Corp", protection);
        air.beacons(&ap, 5, &[]);
        air.joins(&ap, STATION);
        air.joins(&ap, OTHER);
        for number in 0..count {
            let mut frame = frames::data(Way::down(AP, OTHER), protection, number, 60);
            frame[16..22].copy_from_slice(&source);
            air.hear(100_000, &frame);
        }
        air
    };
    for protection in [Protection::Open, Protection::Wpa2] {
        let air = run("Corp", protection, STATION, 10);
        air.check(Kind::ClientToClient, true);
        assert_eq!(air.said(Kind::ClientToClient)[0].victim, Some(Mac(OTHER)));
        run("Corp", protection, GATEWAY, 10).check(Kind::ClientToClient, false);
        run("Other", protection, STATION, 10).check(Kind::ClientToClient, false);
        run("Corp", protection, STATION, 2).check(Kind::ClientToClient, false);
    }
}

/// A frame to everybody that comes again is told when it has another number, and not when it was heard
/// twice, repeated on purpose, or is of another key.
#[test]
fn a_group_frame_that_comes_again_is_told_apart_from_one_that_was_heard_twice() {
    let run = |change: fn(&mut Air, &[u8])| {
        let mut air = Air::new(Profile::default());
        air.beacons(&network(AP, "Home", Protection::Wpa2), 5, &[]);
        for number in 0..10 {
            let frame = frames::group_data(AP, GATEWAY, 100 + number, 60);
            air.hear(100_000, &frame);
            change(&mut air, &frame);
        }
        air
    };
    run(|air, frame| air.hear(100_000, frame)).check(Kind::GroupKeyReinstallation, true);
    run(|air, frame| air.hear(5_000, frame)).check(Kind::GroupKeyReinstallation, false);
    let heard_twice = |air: &mut Air, frame: &[u8]| {
        air.sequence -= 1;
        air.hear(100_000, frame);
    };
    run(heard_twice).check(Kind::GroupKeyReinstallation, false);
    let on_purpose = |air: &mut Air, frame: &[u8]| {
        let mut again = frame.to_vec();
        again[1] |= 0x08;
        air.hear(100_000, &again);
    };
    run(on_purpose).check(Kind::GroupKeyReinstallation, false);
    let of_another_key = |air: &mut Air, frame: &[u8]| {
        let mut other = frame.to_vec();
        other.iter_mut().skip(32).for_each(|it| *it ^= 0x5a);
        air.hear(100_000, &other);
    };
    run(of_another_key).check(Kind::GroupKeyReinstallation, false);
    // A beacon to everybody is no data.
    let mut air = Air::new(Profile::default());
    for _ in 0..10 {
        air.hear(100_000, &frames::leave(ALL, AP, AP, 3, false));
    }
    air.check(Kind::GroupKeyReinstallation, false);
}

/// What the numbers of an ESP32 deauther give away, and what those of other tools do not.
#[test]
fn the_tool_of_a_flood_is_named_where_its_frames_tell_it() {
    let details = |number: Option<u16>| {
        let mut air = Air::new(Profile::default());
        let ap = network(AP, "Home", Protection::Wpa2);
        air.beacons(&ap, 20, &[]);
        air.joins(&ap, STATION);
        for _ in 0..40 {
            // The air counts one on before it writes the number.
            air.sequence = number.map_or(air.sequence, |it| it - 1);
            air.hear(50_000, &frames::leave(STATION, AP, AP, 2, false));
        }
        let flood = air.said(Kind::DeauthenticationFlood)[0];
        flood.parts.iter().map(|it| it.detail.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(details(Some(4_095)), ["ESP32 deauther"]);
    assert_eq!(details(None), [""]);
    assert_eq!(details(Some(4_094)), [""]);
}
