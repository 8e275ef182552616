//! What data in clear says: answers that two give, servers that are none, addresses that two claim, and one
//! station that asks for the addresses of many.
//!
//! Only open networks show it. A sender that repeats itself repeats every byte, so two answers with one
//! number and different bytes are of two senders.

use std::net::Ipv4Addr;

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::Payload;
use crate::dot11::data::{Content, Msdu, ethertype};
use crate::dot11::net::{Arp, Segment};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;
use crate::window::{Distinct, scattered};

/// Answers, and internet addresses, that are remembered.
const ANSWERS_MAX: usize = 2_048;
const OWNERS_MAX: usize = 2_048;
/// Stations that ask for the addresses of others. Each takes 400 bytes.
const ASKERS_MAX: usize = 512;
/// The right answer comes so soon after the wrong one: what is farther away than 2 s times out.
const RACE_US: u64 = 2_000_000;
/// Bytes that are compared. Ours: fewer than 8 are probes of a connection that sleeps, more cost memory.
const HEAD_BYTES: usize = 16;
const HEAD_BYTES_MIN: usize = 8;
/// Who claimed an address so long ago may have given it back.
const OWNED_US: u64 = 60_000_000;

/// Watches data in clear.
#[derive(Debug)]
pub(crate) struct Clear {
    answers: Table<u64, Answer>,
    owners: Table<(Mac, Ipv4Addr), Owner>,
    meters: Table<(Kind, Mac), Meter>,
    askers: Table<Mac, Asker>,
}

/// For how many devices a station asks.
#[derive(Debug, Default)]
struct Asker {
    devices: Distinct,
    meter: Meter,
}

/// The beginning of an answer.
#[derive(Debug, Clone, Copy, Default)]
struct Answer {
    at: CaptureTime,
    head: [u8; HEAD_BYTES],
    bytes: usize,
}

/// Who has an internet address.
#[derive(Debug, Clone, Copy)]
struct Owner {
    first: Mac,
    first_at: CaptureTime,
    newest: Mac,
}

impl Clear {
    pub(crate) fn new() -> Self {
        Self {
            answers: Table::new(ANSWERS_MAX),
            owners: Table::new(OWNERS_MAX),
            meters: Table::new(OWNERS_MAX),
            askers: Table::new(ASKERS_MAX),
        }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(Payload::Msdu(msdu)) = heard.data().map(|it| &it.payload) else { return };
        if heard.is_retry() {
            return;
        }
        match &msdu.content {
            Content::Dhcp(it) if it.is_from_server && heard.is_to_ap() => {
                self.server(scene, found);
            }
            Content::Dhcp(it) if heard.is_to_ap() => self.asks(scene, it.client, found),
            Content::Arp(it) => self.claim(scene, *it, found),
            Content::Other if msdu.ethertype == Some(ethertype::IPV4) && heard.is_from_ap() => {
                self.answer(scene, msdu, found);
            }
            _ => {}
        }
    }

    /// Two answers to one question, of which one is injected (`AirPwn`).
    fn answer(&mut self, scene: Scene<'_>, msdu: &Msdu<'_>, found: &mut Found) {
        /// LLC and SNAP headers, with the ethertype.
        const HEAD: usize = 8;
        let heard = scene.heard;
        let Some(segment) = msdu.bytes.get(HEAD..).and_then(Segment::read) else { return };
        let Some((bssid, station)) = heard.pair() else { return };
        let bytes = segment.payload.len().min(HEAD_BYTES);
        let Some(payload) = segment.payload.get(..bytes).filter(|_| bytes >= HEAD_BYTES_MIN) else {
            return;
        };
        let name = [segment.from_ip, segment.to_ip]
            .map(|it| u64::from(it.to_bits()))
            .into_iter()
            .chain([u64::from(segment.ports), u64::from(segment.number)])
            .fold(station.to_u64(), |name, part| scattered(name ^ part));
        let answer = self.answers.entry(name, Answer::default);
        let common = bytes.min(answer.bytes);
        let is_other = answer.head.get(..common) != payload.get(..common);
        let is_race = answer.bytes > 0 && heard.at.since_us(answer.at) <= RACE_US;
        if is_race && is_other {
            found
                .add(scene, Kind::InjectedData, EvidenceSet::of(&[Evidence::Contradiction]))
                .by(Transmitter::Spoofed { address: bssid })
                .against(Some(station))
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(answer.at, 2);
            return;
        }
        *answer = Answer { at: heard.at, bytes, ..Answer::default() };
        for (to, from) in answer.head.iter_mut().zip(payload) {
            *to = *from;
        }
    }

    /// A station gives out addresses.
    fn server(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), Some(bssid)) = (heard.transmitter(), heard.bssid()) else { return };
        let kind = Kind::FakeDhcpServer;
        let meter = self.meters.entry((kind, from), Meter::default);
        if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Forbidden]))
                .by(Transmitter::Own { address: from })
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(it.since, it.frames);
        }
    }

    /// A station asks for the address of another device: a repeater does so for a few.
    fn asks(&mut self, scene: Scene<'_>, device: Mac, found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), Some(bssid)) = (heard.transmitter(), heard.bssid()) else { return };
        if device == from {
            return;
        }
        let kind = Kind::DhcpStarvation;
        let threshold = scene.rules.threshold(kind);
        let asker = self.askers.entry(from, Asker::default);
        if !asker.devices.add(heard.dwell_us, threshold.span_us(), device.to_u64()) {
            return;
        }
        if let Some(it) = asker.meter.add(heard, threshold) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Rate, Evidence::Contradiction]))
                .by(Transmitter::Own { address: from })
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(it.since, it.frames);
        }
    }

    /// Somebody says which internet address is its own. One that moves is claimed by the next; one that two
    /// claim in turns is taken from the first.
    fn claim(&mut self, scene: Scene<'_>, arp: Arp, found: &mut Found) {
        let heard = scene.heard;
        let Some(bssid) = heard.bssid() else { return };
        if arp.sender_ip.is_unspecified() || arp.sender.is_multicast() {
            return;
        }
        let make = || Owner { first: arp.sender, first_at: heard.at, newest: arp.sender };
        let owner = self.owners.entry((bssid, arp.sender_ip), make);
        let is_first = arp.sender == owner.first;
        if heard.at.since_us(owner.first_at) > OWNED_US {
            *owner = make();
            return;
        }
        let changed = std::mem::replace(&mut owner.newest, arp.sender) != arp.sender;
        if is_first {
            owner.first_at = heard.at;
            return;
        }
        let victim = owner.first;
        // Every claim counts that the first owner contradicted in between.
        if !changed {
            return;
        }
        let kind = Kind::ArpPoisoning;
        let meter = self.meters.entry((kind, arp.sender), Meter::default);
        if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Contradiction]))
                .by(Transmitter::Own { address: arp.sender })
                .against(Some(victim))
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(it.since, it.frames);
        }
    }
}
