//! What people do in an open network, and what access points say to everybody: what looks like a tunnel, a
//! starving server or a frame that comes again, and is none.
//!
//! Its numbers do not come from those of the air, so that airs stay what they were.

use super::frames::{self, ALL, Ap, Mac, Way};
use super::{BEGIN_US, Ether, Numbering, Random, SECOND, Sent};

const GATEWAY: Mac = [0x00, 0x1b, 0x21, 0, 0, 1];

/// Adds it to an air.
pub(crate) fn add(ether: &mut Ether, seed: u64) {
    let mut random = Random::new(seed ^ 0xc1ea);
    for ap in ether.aps.clone() {
        if ap.protection.has_keys() {
            announces(ether, &mut random, &ap);
        }
    }
    let Some(cafe) = ether.aps.iter().find(|it| it.ssid == b"Cafe").cloned() else { return };
    repeater(ether, &mut random, &cafe);
    for number in 0..3 {
        guest(ether, &mut random, &cafe, number);
    }
}

/// Group frames with the keys of two VLANs, which count by themselves; now and then keys change, and an
/// access point that repeats its group frames keeps their numbers.
fn announces(ether: &mut Ether, random: &mut Random, ap: &Ap) {
    let repeats = random.chance(0.3);
    let mut counters = [random.range(1, 5_000), random.range(1, 5_000)];
    let mut at = BEGIN_US + random.range(0, SECOND);
    while at < ether.end_us {
        if random.chance(0.02) {
            counters = [0, 0];
        }
        let vlan = random.range(0, 2) as usize;
        counters[vlan] += 1;
        let source = random.made_up();
        let mut frame = frames::group_data(ap.mac, source, counters[vlan], 60);
        // Ciphertext of another key.
        let key = random.next().to_le_bytes();
        for (byte, key) in frame.iter_mut().skip(32).zip(key.iter().cycle()) {
            *byte ^= key;
        }
        ether.send(at, ap.channel, ap.dbm, ap.mac, frame.clone());
        if repeats {
            frame[1] |= 0x08;
            let numbering = Numbering::Counter(ap.mac);
            let (channel, dbm) = (ap.channel, ap.dbm);
            let at_us = at + 30_000;
            ether.sent.push(Sent { at_us, channel, dbm, numbering, is_repeat: true, bytes: frame });
            // Nothing else of it comes in between.
            at += 31_000;
        }
        at += random.range(200_000, 2 * SECOND);
    }
}

/// A repeater that asks for addresses in the name of the devices behind it.
fn repeater(ether: &mut Ether, random: &mut Random, cafe: &Ap) {
    let mac = random.mac([0x64, 0x70, 0x02]);
    let mut at = BEGIN_US + 8 * SECOND;
    for _ in 0..8 {
        let device = random.made_up();
        for _ in 0..2 {
            let body = frames::dhcp_request(device);
            let frame = frames::clear(Way::up(cafe.mac, mac), ALL, 0x0800, &body);
            ether.send(at, cafe.channel, -62.0, mac, frame);
            at += random.range(300_000, SECOND);
        }
    }
}

/// One guest: names of content networks, reverse names, keys of mail servers, pings, and another guest.
fn guest(ether: &mut Ether, random: &mut Random, cafe: &Ap, number: u64) {
    let mac = random.made_up();
    let dbm = -48.0 - random.range(0, 30) as f32;
    let (up, down) = (Way::up(cafe.mac, mac), Way::down(cafe.mac, mac));
    let mut at = BEGIN_US + (3 + number) * SECOND;
    let mut ping = 0_u64;
    while at < ether.end_us {
        for _ in 0..random.range(5, 40) {
            let name = match random.range(0, 8) {
                0 => {
                    let nibbles: Vec<String> =
                        (0..32).map(|_| format!("{:x}", random.range(0, 16))).collect();
                    format!("{}.ip6.arpa", nibbles.join("."))
                }
                1 => format!("selector{}._domainkey.mail.example.com", random.range(0, 9)),
                2 => format!(
                    "r{}---sn-{:016x}.{:012x}.content.delivery.example.net",
                    random.range(0, 9),
                    random.next(),
                    random.next() >> 16
                ),
                _ => format!("www{}.example.com", random.range(0, 50)),
            };
            let is_key = name.contains("_domainkey");
            let record = if is_key { 16 } else { 1 };
            let ask = frames::dns(&name, record, None);
            ether.send(at, cafe.channel, dbm, mac, frames::clear(up, GATEWAY, 0x0800, &ask));
            let answer = frames::dns(&name, record, Some(if is_key { 400 } else { 80 }));
            let frame = frames::clear(down, GATEWAY, 0x0800, &answer);
            ether.send(at + 12_000, cafe.channel, cafe.dbm, cafe.mac, frame);
            at += random.range(15_000, 60_000);
        }
        // Two programs ping at once, ten times a second.
        for round in 0..random.range(10, 60) {
            ping += 1;
            let mut payload = (BEGIN_US + ping).to_le_bytes().to_vec();
            payload.extend((ping * 7_919).to_le_bytes());
            payload.extend((0x10_u8..0x38).map(|byte| if round % 2 == 0 { byte } else { 0x61 }));
            for is_answer in [false, true] {
                let body = frames::echo([192, 0, 2, 1], is_answer, &payload);
                let (way, from, dbm) =
                    if is_answer { (down, cafe.mac, cafe.dbm) } else { (up, mac, dbm) };
                let frame = frames::clear(way, GATEWAY, 0x0800, &body);
                ether.send(at + u64::from(is_answer) * 9_000, cafe.channel, dbm, from, frame);
            }
            at += 50_000;
        }
        at += random.range(SECOND, 4 * SECOND);
    }
}
