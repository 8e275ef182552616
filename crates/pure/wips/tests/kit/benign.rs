//! A building without an attacker: networks of several owners, and people with their devices.

use super::frames::{self, ALL, Ap, Mac, Protection, Way};
use super::{BEGIN_US, Ether, Random, SECOND};

const VENDORS: [[u8; 3]; 6] = [
    [0x00, 0x11, 0x22],
    [0x00, 0x26, 0xcb],
    [0x3c, 0x84, 0x6a],
    [0xa4, 0x2b, 0xb0],
    [0xf8, 0x1a, 0x67],
    [0x64, 0x70, 0x02],
];

/// A device of somebody.
#[derive(Debug, Clone)]
pub(crate) struct Station {
    pub(crate) mac: Mac,
    pub(crate) dbm: f32,
    /// The network it is in at the end: an index into the access points.
    pub(crate) ap: usize,
    pub(crate) number: u64,
}

/// An air of `seconds` without an attack. The target of attacks is access point 0, on channel 6.
pub(crate) fn air(seed: u64, seconds: u64) -> Ether {
    let mut random = Random::new(seed);
    let aps = access_points(&mut random);
    let end_us = BEGIN_US + seconds * SECOND;
    let mut ether =
        Ether { random, sent: Vec::new(), aps, stations: Vec::new(), target: 0, end_us };
    let restarts = ether.random.range(1, ether.aps.len() as u64) as usize;
    for index in 0..ether.aps.len() {
        // One of them restarts in the middle, in half of the worlds.
        let restart =
            (index == restarts && seed.is_multiple_of(2)).then(|| BEGIN_US + seconds * SECOND / 2);
        beacons(&mut ether, index, restart);
    }
    let stations = ether.random.range(8, 16);
    for number in 0..stations {
        station(&mut ether, number);
    }
    passers_by(&mut ether);
    match seed % 5 {
        1 => class(&mut ether),
        2 => moves(&mut ether),
        3 => guessers(&mut ether),
        _ => {}
    }
    super::clear::add(&mut ether, seed);
    ether
}

/// Forty people come in, and all join at once.
fn class(ether: &mut Ether) {
    let begin = BEGIN_US + 12 * SECOND;
    for number in 0..40 {
        let mac = ether.random.made_up();
        let dbm = -40.0 - ether.random.range(0, 40) as f32;
        let ap = ether.random.range(0, 2) as usize;
        let mut life = Life { mac, dbm, ap, number: 0, counter: 1 };
        let at = begin + number * 250_000 + ether.random.range(0, SECOND);
        let at = life.join(ether, at, None);
        let end = ether.end_us.min(at + 4 * SECOND);
        life.work(ether, at, end);
    }
}

/// A radar is seen: an access point announces another channel, goes there, and its stations with it.
fn moves(ether: &mut Ether) {
    let index = ether.aps.iter().position(|it| it.ssid == b"Modern").unwrap_or(5);
    let ap = ether.aps[index].clone();
    let at = BEGIN_US + 25 * SECOND;
    ether.sent.retain(|it| it.at_us < at || it.bytes.get(10..16) != Some(&ap.mac[..]));
    for count in (0..5_u8).rev() {
        let then = at + u64::from(5 - count) * 102_400;
        let bytes = frames::beacon(&ap, then, &[37, 3, 1, 11, count]);
        ether.send(then, ap.channel, ap.dbm, ap.mac, bytes);
    }
    let there = Ap { channel: 11, ..ap };
    for number in 0..100 {
        let then = at + 700_000 + number * 102_400;
        ether.send(then, 11, there.dbm, there.mac, frames::beacon(&there, then, &[]));
    }
}

/// People with wrong passwords, and one whom the access point does not want.
fn guessers(ether: &mut Ether) {
    let mut at = BEGIN_US + 10 * SECOND;
    for _ in 0..3 {
        let mac = ether.random.made_up();
        let dbm = -50.0 - ether.random.range(0, 25) as f32;
        let ap = ether.aps.iter().position(|it| it.ssid == b"Home").unwrap_or(5);
        let mut life = Life { mac, dbm, ap, number: 0, counter: 1 };
        life.forgets_password(ether, at);
        at += 3 * SECOND;
    }
    let (mac, ap) = (ether.random.made_up(), ether.aps[0].clone());
    for number in 0..12 {
        let then = at + number * 700_000;
        let ask = frames::authentication(ap.mac, mac, ap.mac, [0, 1, 0]);
        ether.exchange(then, 6, (-66.0, ap.dbm), mac, ask);
        let refusal = frames::authentication(mac, ap.mac, ap.mac, [0, 2, 17]);
        ether.exchange(then + 2_000, 6, (ap.dbm, -66.0), ap.mac, refusal);
    }
}

fn ap(mac: Mac, ssid: &str, channel: u8, dbm: f32, protection: Protection) -> Ap {
    Ap {
        mac,
        ssid: ssid.as_bytes().to_vec(),
        channel,
        dbm,
        protection,
        is_hidden: false,
        has_wps: false,
        vendor: Vec::new(),
    }
}

fn access_points(random: &mut Random) -> Vec<Ap> {
    let mut aps = Vec::new();
    let vendor = random.pick(&VENDORS);
    let tail = |number: u8| vec![221, 6, 0x00, 0x10, 0x18, number, 0, 0];
    let protection = random.pick(&[Protection::Wpa2, Protection::Wpa2, Protection::Enterprise]);
    for (index, channel) in [6, 6, 1, 11].into_iter().enumerate() {
        let mac = random.mac(vendor);
        let dbm = -45.0 - random.range(0, 25) as f32;
        let corporate = Ap { vendor: tail(1), ..ap(mac, "CorpNet", channel, dbm, protection) };
        // The same radio has a second network for guests, one address on.
        let guest = [mac[0], mac[1], mac[2], mac[3], mac[4], mac[5].wrapping_add(1)];
        aps.push(corporate);
        if index == 0 {
            aps.push(Ap {
                vendor: tail(1),
                ..ap(guest, "CorpGuest", channel, dbm, Protection::Open)
            });
        }
    }
    let others = [
        ("Home", Protection::Wpa2, 6),
        ("Cafe", Protection::Open, 6),
        ("Modern", Protection::Wpa3, 6),
        ("Sensors", Protection::Wpa2Pmf, 11),
        ("Old", Protection::Tkip, 6),
        ("Printer", Protection::Wpa2, 1),
    ];
    for (number, (name, protection, channel)) in (0..).zip(others) {
        let vendor = random.pick(&VENDORS);
        let dbm = -50.0 - random.range(0, 35) as f32;
        aps.push(Ap {
            has_wps: number % 3 == 0,
            is_hidden: number == 3,
            vendor: tail(10 + number),
            ..ap(random.mac(vendor), name, channel, dbm, protection)
        });
    }
    // A repeater of the home network: other vendor, other elements, same name and password.
    let vendor = random.pick(&VENDORS);
    let mac = random.mac(vendor);
    aps.push(Ap { vendor: tail(99), ..ap(mac, "Home", 6, -70.0, Protection::Wpa2) });
    aps
}

fn beacons(ether: &mut Ether, index: usize, restart: Option<u64>) {
    let ap = ether.aps[index].clone();
    let mut at = BEGIN_US + ether.random.range(0, 102_400);
    let mut clock = ether.random.range(1, 1 << 40);
    while at < ether.end_us {
        if restart.is_some_and(|it| (it..it + 102_400).contains(&at)) {
            for _ in 0..2 {
                let bytes = frames::leave(ALL, ap.mac, ap.mac, 3, false);
                ether.send(at, ap.channel, ap.dbm, ap.mac, bytes);
                at += 3_000;
            }
            at += 4 * SECOND;
            clock = 0;
        }
        // Beacons wait for a free channel.
        let late = ether.random.range(0, 1_500);
        let bytes = frames::beacon(&ap, clock + late, &[]);
        ether.send(at + late, ap.channel, ap.dbm, ap.mac, bytes);
        (at, clock) = (at + 102_400, clock + 102_400);
    }
}

/// One device: it looks around, joins, works, roams perhaps, and leaves perhaps.
fn station(ether: &mut Ether, number: u64) {
    let mac = if ether.random.chance(0.5) {
        ether.random.made_up()
    } else {
        let vendor = ether.random.pick(&VENDORS);
        ether.random.mac(vendor)
    };
    let dbm = -40.0 - ether.random.range(0, 35) as f32;
    // The first three are at the target.
    let ap = if number < 3 { 0 } else { ether.random.range(0, ether.aps.len() as u64) as usize };
    let mut life = Life { mac, dbm, ap, number: 0, counter: 1 };
    let mut at = BEGIN_US + ether.random.range(0, 3 * SECOND);
    // Some were there before anybody listened.
    if number % 4 != 1 {
        at = life.join(ether, at, None);
    }
    let stays = ether.end_us - BEGIN_US;
    let half = at + ether.random.range(stays / 4, stays / 2);
    at = life.work(ether, at, half);
    if number >= 3 && life.is_corporate(ether) && ether.random.chance(0.5) {
        let old = life.ap;
        let others: Vec<usize> = (0..ether.aps.len())
            .filter(|it| *it != old && ether.aps[*it].ssid == ether.aps[old].ssid)
            .collect();
        life.ap = ether.random.pick(&others);
        at = life.join(ether, at, Some(old));
        // The old access point hears of it from the new one, and says so.
        let ap = ether.aps[old].clone();
        if !ap.protection.has_pmf() {
            let bytes = frames::leave(mac, ap.mac, ap.mac, 8, true);
            ether.exchange(at, ap.channel, (ap.dbm, dbm), ap.mac, bytes);
        }
    } else if number >= 3 && ether.random.chance(0.3) {
        life.leave(ether, at);
        at += ether.random.range(SECOND, 4 * SECOND);
        at = life.join(ether, at, None);
    } else if number == 4 {
        life.forgets_password(ether, at + 100_000);
        at += 9 * SECOND;
    }
    let end = ether.end_us;
    life.work(ether, at, end);
    ether.stations.push(Station { mac, dbm, ap: life.ap, number: life.number });
}

/// Telephones that look for networks and join none.
fn passers_by(ether: &mut Ether) {
    for _ in 0..ether.random.range(5, 25) {
        let dbm = -45.0 - ether.random.range(0, 45) as f32;
        let at = ether.random.range(BEGIN_US, ether.end_us);
        let asked = ether.random.range(0, 3);
        for burst in 0..3 {
            let mac = ether.random.made_up();
            for name in 0..=asked {
                let ssid = if name == 0 { String::new() } else { format!("Net{}", mac[5]) };
                probe(ether, at + burst * 400_000 + name * 20_000, 6, mac, dbm, ssid.as_bytes());
            }
        }
    }
}

/// A probe, and the answers of those that hear it.
pub(crate) fn probe(ether: &mut Ether, at: u64, channel: u8, mac: Mac, dbm: f32, ssid: &[u8]) {
    ether.send(at, channel, dbm, mac, frames::probe_request(mac, ssid));
    let mut then = at + 1_000;
    for ap in ether.aps.clone() {
        let is_meant = ap.ssid == ssid || (ssid.is_empty() && !ap.is_hidden);
        if ap.channel == channel && is_meant {
            let bytes = frames::probe_response(&ap, then, mac);
            then = ether.exchange(then, channel, (ap.dbm, dbm), ap.mac, bytes) + 900;
        }
    }
}

/// What a station did so far.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) mac: Mac,
    pub(crate) dbm: f32,
    pub(crate) ap: usize,
    /// Packet numbers, of both ways.
    pub(crate) number: u64,
    pub(crate) counter: u64,
}

impl Life {
    fn is_corporate(&self, ether: &Ether) -> bool {
        ether.aps[self.ap].ssid == b"CorpNet"
    }

    fn up(&self, ether: &mut Ether, at: u64, bytes: Vec<u8>) -> u64 {
        let ap = ether.aps[self.ap].clone();
        ether.exchange(at, ap.channel, (self.dbm, ap.dbm), self.mac, bytes)
    }

    fn down(&self, ether: &mut Ether, at: u64, bytes: Vec<u8>) -> u64 {
        let ap = ether.aps[self.ap].clone();
        ether.exchange(at, ap.channel, (ap.dbm, self.dbm), ap.mac, bytes)
    }

    /// Finds the network, authenticates, associates and makes keys; returns when that is done.
    pub(crate) fn join(&mut self, ether: &mut Ether, at: u64, old: Option<usize>) -> u64 {
        let ap = ether.aps[self.ap].clone();
        let (bssid, mac) = (ap.mac, self.mac);
        probe(ether, at, ap.channel, mac, self.dbm, &ap.ssid);
        let mut at = at + 30_000;
        let steps: &[[u16; 2]] =
            if ap.protection == Protection::Wpa3 { &[[3, 1], [3, 2]] } else { &[[0, 1]] };
        for [algorithm, step] in steps {
            let request = frames::authentication(bssid, mac, bssid, [*algorithm, *step, 0]);
            at = self.up(ether, at, request) + 2_000;
            let answer = if *algorithm == 3 { *step } else { 2 };
            let response = frames::authentication(mac, bssid, bssid, [*algorithm, answer, 0]);
            at = self.down(ether, at, response) + 2_000;
        }
        let old = old.map(|it| ether.aps[it].mac);
        at = self.up(ether, at, frames::association_request(&ap, mac, old)) + 2_000;
        at = self.down(ether, at, frames::association_response(&ap, mac, old.is_some(), 0)) + 3_000;
        if ap.protection == Protection::Enterprise {
            at = self.identify(ether, at);
        }
        self.number = 1;
        if ap.protection.has_keys() {
            at = self.keys(ether, at, 4);
        }
        if !ap.protection.has_pmf() && ether.random.chance(0.7) {
            let ask = [3, 0, 1, 2, 0x10, 0, 0, 0, 0];
            at = self.up(ether, at, frames::action(bssid, mac, bssid, &ask)) + 1_000;
            let answer = [3, 1, 1, 0, 0, 2, 0x10, 0, 0];
            at = self.down(ether, at, frames::action(mac, bssid, bssid, &answer)) + 1_000;
        }
        at + 5_000
    }

    fn identify(&mut self, ether: &mut Ether, mut at: u64) -> u64 {
        let bssid = ether.aps[self.ap].mac;
        let (up, down) = (Way::up(bssid, self.mac), Way::down(bssid, self.mac));
        if ether.random.chance(0.5) {
            at = self.up(ether, at, frames::eapol(up, 1, &[])) + 1_000;
        }
        at = self.down(ether, at, frames::eap(down, 1, 1, &[1])) + 3_000;
        at = self.up(ether, at, frames::eap(up, 2, 1, b"\x01somebody")) + 20_000;
        for id in 2..6 {
            let tls = [25, 0, 22, 3, 3, 0, 40, id, 2, 3, 4, 5, 6];
            at = self.down(ether, at, frames::eap(down, 1, id, &tls)) + 3_000;
            at = self.up(ether, at, frames::eap(up, 2, id, &tls)) + 20_000;
        }
        self.down(ether, at, frames::eap(down, 3, 6, &[])) + 1_000
    }

    /// The first `messages` of the four-way handshake; some are sent again, as lost frames are.
    pub(crate) fn keys(&mut self, ether: &mut Ether, mut at: u64, messages: u8) -> u64 {
        let ap = ether.aps[self.ap].clone();
        let nonce = ether.random.next() | 2;
        let again = if ether.random.chance(0.15) { ether.random.range(1, 5) as u8 } else { 0 };
        let data = ap.protection.element();
        for message in 1..=messages {
            for round in 0..=u64::from(message == again && message % 2 == 1) {
                let (counter, round_at) = (self.counter, at + round * SECOND);
                let key_data: &[u8] = match message {
                    2 => &data,
                    3 => &[0x5a; 56],
                    _ => &[],
                };
                let bytes = frames::key(ap.mac, self.mac, message, counter, nonce, key_data);
                at = if message % 2 == 1 {
                    self.down(ether, round_at, bytes)
                } else {
                    self.up(ether, round_at, bytes)
                } + 2_000;
                if message == again && message % 2 == 1 && round == 0 {
                    self.counter += 1;
                }
            }
            self.counter += u64::from(message % 2 == 0);
        }
        at
    }

    /// Data both ways, sleep, and what goes with them, until `end`.
    pub(crate) fn work(&mut self, ether: &mut Ether, mut at: u64, end: u64) -> u64 {
        let ap = ether.aps[self.ap].clone();
        let (up, down) = (Way::up(ap.mac, self.mac), Way::down(ap.mac, self.mac));
        while at < end {
            let burst = ether.random.range(1, 12);
            for _ in 0..burst {
                self.number += 1;
                let bytes = 40 + ether.random.range(0, 200) as usize;
                let is_up = ether.random.chance(0.5);
                let way = if is_up { up } else { down };
                if ether.random.chance(0.2) {
                    at = self.reserve(ether, at, is_up, &ap);
                }
                let mut frame = frames::data(way, ap.protection, self.number, bytes);
                if ether.random.chance(0.05) && ap.protection.has_keys() {
                    // Several packets in one frame.
                    frame[24] |= 0x80;
                } else if ether.random.chance(0.04) && ap.protection.has_keys() {
                    at = self.fragment(ether, at, way, &frame);
                    self.number += 1;
                    frame = frames::data(way, ap.protection, self.number, bytes);
                }
                at = if is_up { self.up(ether, at, frame) } else { self.down(ether, at, frame) };
                at += ether.random.range(200, 3_000);
            }
            at = self.rest(ether, at, &ap);
            at += ether.random.range(50_000, 900_000);
        }
        at
    }

    /// A packet in three parts.
    fn fragment(&mut self, ether: &mut Ether, mut at: u64, way: Way, first: &[u8]) -> u64 {
        let ap = ether.aps[self.ap].clone();
        for part in 0..3_u8 {
            let mut frame = if part == 0 {
                first.to_vec()
            } else {
                self.number += 1;
                frames::data(way, ap.protection, self.number, 60)
            };
            frame[1] |= if part < 2 { 0x04 } else { 0 };
            frame[22] = part;
            at = if way.is_up { self.up(ether, at, frame) } else { self.down(ether, at, frame) };
            if part > 0 {
                share_number(ether);
            }
        }
        at + 500
    }

    fn reserve(&self, ether: &mut Ether, at: u64, is_up: bool, ap: &Ap) -> u64 {
        let (from, to) = if is_up { (self.mac, ap.mac) } else { (ap.mac, self.mac) };
        let (dbm, other) = if is_up { (self.dbm, ap.dbm) } else { (ap.dbm, self.dbm) };
        if ether.random.chance(0.5) {
            ether.send_raw(at, ap.channel, dbm, frames::rts(to, from, 300));
            ether.send_raw(at + 60, ap.channel, other, frames::cts(from, 250));
        } else {
            ether.send_raw(at, ap.channel, dbm, frames::cts(from, 250));
        }
        at + 120
    }

    /// A station sleeps, and asks for what was kept.
    fn rest(&mut self, ether: &mut Ether, at: u64, ap: &Ap) -> u64 {
        if !ether.random.chance(0.4) {
            return at;
        }
        let up = Way::up(ap.mac, self.mac);
        let mut at = self.up(ether, at, frames::null(up, true)) + 40_000;
        if ether.random.chance(0.3) {
            ether.send_raw(at, ap.channel, self.dbm, frames::ps_poll(ap.mac, self.mac));
            self.number += 1;
            let frame = frames::data(Way::down(ap.mac, self.mac), ap.protection, self.number, 60);
            at = self.down(ether, at + 300, frame);
        }
        self.up(ether, at + 20_000, frames::null(up, false))
    }

    pub(crate) fn leave(&self, ether: &mut Ether, at: u64) {
        let ap = ether.aps[self.ap].clone();
        let bytes = if ap.protection.has_pmf() {
            frames::protected(0x00c0, ap.mac, self.mac, ap.mac, self.number + 1)
        } else {
            frames::leave(ap.mac, self.mac, ap.mac, 3, false)
        };
        self.up(ether, at, bytes);
    }

    /// Joins with a wrong password, three times, and then with the right one.
    fn forgets_password(&mut self, ether: &mut Ether, mut at: u64) {
        let ap = ether.aps[self.ap].clone();
        if !matches!(ap.protection, Protection::Wpa2 | Protection::Tkip) {
            return;
        }
        for _ in 0..3 {
            at = self.associate(ether, at);
            at = self.keys(ether, at, 2) + SECOND;
            let bytes = frames::leave(self.mac, ap.mac, ap.mac, 15, false);
            at = self.down(ether, at, bytes) + SECOND / 2;
        }
        self.join(ether, at, None);
    }

    pub(crate) fn associate(&self, ether: &mut Ether, at: u64) -> u64 {
        let ap = ether.aps[self.ap].clone();
        let (bssid, mac) = (ap.mac, self.mac);
        let at = self.up(ether, at, frames::authentication(bssid, mac, bssid, [0, 1, 0])) + 2_000;
        let response = frames::authentication(mac, bssid, bssid, [0, 2, 0]);
        let at = self.down(ether, at, response) + 2_000;
        let at = self.up(ether, at, frames::association_request(&ap, mac, None)) + 2_000;
        self.down(ether, at, frames::association_response(&ap, mac, false, 0)) + 3_000
    }
}

/// The newest frame has the number of the one before it, as parts of one packet have.
fn share_number(ether: &mut Ether) {
    // Behind it is its acknowledgement, and before it perhaps its first attempt.
    for sent in ether.sent.iter_mut().rev().take(3).filter(|it| it.bytes.len() > 24) {
        if sent.bytes[22] & 0x0f > 0 {
            sent.is_repeat = true;
        }
    }
}
