//! Who has the virtual address: as the network says, and as each machine knows.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Claim, Seen, Shared};
use crate::lab::Host;
use crate::packets::Packets;

/// Between two questions to the network. Ours: two owners for a blink are seen.
pub(crate) const EVERY: Duration = Duration::from_millis(20);
/// Between two looks at a machine. Ours.
const LOOK: Duration = Duration::from_millis(10);
/// Longest frame that is looked at: an ARP frame has 42 bytes.
const FRAME_BYTES: usize = 64;

/// Asks everybody whose the address is, and listens to all who claim it.
pub(super) fn ask(shared: &Shared) -> Result<Seen> {
    let address: Ipv4Addr = shared.address.parse()?;
    let own: Ipv4Addr = Host::O.address().parse()?;
    let packets = Packets::open("eth0")?;
    // A request as of RFC 826: Ethernet, IPv4, addresses of 6 and 4.
    let mut question = vec![0xff; 6];
    question.extend(Host::O.mac());
    question.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    question.extend(Host::O.mac());
    question.extend(own.octets());
    question.extend([0; 6]);
    question.extend(address.octets());
    let mut seen = Seen::default();
    let mut next = Instant::now();
    let mut frame = [0; FRAME_BYTES];
    while !shared.is_over() {
        if Instant::now() >= next {
            next = Instant::now() + EVERY;
            packets.send(&question);
        }
        let Some(length) = packets.receive(&mut frame)? else { continue };
        let is_claim = length >= 42 && frame[12..14] == [8, 6] && frame[28..32] == address.octets();
        if is_claim && let Ok(by) = frame[22..28].try_into() {
            seen.claims.push(Claim { at: shared.now(), by });
        }
    }
    Ok(seen)
}

/// Looks whether a machine has the address: only then a socket can be bound to it.
pub(super) fn look(shared: &Shared, host: Host) -> Result<Seen> {
    let address: IpAddr = shared.address.parse()?;
    let mut spells: Vec<(Duration, Duration)> = Vec::new();
    let mut was_held = false;
    while !shared.is_over() {
        let is_held = UdpSocket::bind((address, 0)).is_ok();
        let now = shared.now();
        match spells.last_mut() {
            Some(spell) if is_held && was_held => spell.1 = now,
            _ if is_held => spells.push((now, now)),
            _ => {}
        }
        was_held = is_held;
        sleep(LOOK);
    }
    Ok(Seen { held: vec![(host, spells)], ..Seen::default() })
}
