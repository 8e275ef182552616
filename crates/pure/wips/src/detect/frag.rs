//! Fragments and aggregates that no honest station sends.
//!
//! | pattern | CVE |
//! |---|---|
//! | a fragment or an aggregate in clear between two that encrypt | 2020-26140, 26143, 26144, 26147 |
//! | an aggregate that begins as a packet does | 2020-24588 |
//! | packet numbers of fragments that do not follow each other, or a new key between them | 2020-24587, 26146 |
//! | a later fragment or an aggregate out of the order of packet numbers | 2020-24588, 26142 |
//! | a key message that the access point passes on before anybody has proven anything | 2020-26139 |

use model::Mac;

use super::eapol::is_forwarded;
use super::{Finding, Found, Scene};
use crate::dot11::Anomaly;
use crate::dot11::data::{Payload, Security};
use crate::dot11::eapol::{Key, Message};
use crate::dot11::header::{QosControl, Sequence};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;

/// Pairs that are followed at once.
const LINKS_MAX: usize = 4_096;
/// Reordering between queues and lost frames move packet numbers by less. Ours: one block
/// acknowledgement window is 64 frames.
const ORDER: u64 = 64;

/// Who heard no number for longer may have missed a handshake, after which they begin again. Ours.
const HERE_US: u64 = 1_500_000;

/// Watches fragments and packet numbers.
#[derive(Debug)]
pub(crate) struct Fragments {
    links: Table<(Mac, Mac), Link>,
}

/// From one radio to another.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    is_encrypted: bool,
    /// By TKIP, whose numbers stand elsewhere.
    is_tkip: bool,
    /// The newest packet number that was in order, and when it was sent.
    packet_number: u64,
    at: CaptureTime,
    /// A fragment or an aggregate far ahead of that, which waits for the next frame to say who is right.
    suspect: Option<Suspect>,
    /// The newest fragment.
    fragment: Option<Fragment>,
    /// Handshakes between the two.
    keys: u32,
}

#[derive(Debug, Clone, Copy)]
struct Suspect {
    number: u64,
    detail: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct Fragment {
    sequence: Sequence,
    packet_number: Option<u64>,
    keys: u32,
}

impl Fragments {
    pub(crate) fn new() -> Self {
        Self { links: Table::new(LINKS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(data), Some(from), Some(to)) =
            (heard.data(), heard.transmitter(), heard.receiver())
        else {
            return;
        };
        if heard.is_retry() || to.is_multicast() || data.payload == Payload::None {
            return;
        }
        if is_forwarded(scene) {
            tell(scene, found, "key message passed on");
        }
        if let Some(Message::M4) = heard.eapol().and_then(|it| it.key()).map(Key::message) {
            for link in [(from, to), (to, from)] {
                let link = self.links.entry(link, Link::default);
                (link.keys, link.packet_number, link.suspect) = (link.keys + 1, 0, None);
            }
        }
        let link = self.links.entry((from, to), Link::default);
        match data.security {
            Some(Security::Extended(iv)) => {
                let (number, is_tkip) = iv.number(link.is_tkip);
                if is_tkip != link.is_tkip {
                    // What was read as the other cipher says nothing.
                    *link = Link { is_tkip, keys: link.keys, ..Link::default() };
                }
                link.encrypted(scene, number, found);
            }
            Some(Security::Wep { .. }) => {}
            None => link.clear(scene, data.payload, found),
        }
    }
}

impl Link {
    /// A frame in clear.
    fn clear(&mut self, scene: Scene<'_>, payload: Payload<'_>, found: &mut Found) {
        let heard = scene.heard;
        let is_aggregate = matches!(payload, Payload::Amsdu(_));
        let sequence = heard.header().sequence;
        let is_fragment =
            sequence.is_some_and(|it| it.fragment > 0) || heard.header().control.more_fragments();
        if heard.parsed.anomalies.contains(Anomaly::AmsduFromMsdu) {
            tell(scene, found, "aggregate made of a packet");
        } else if is_aggregate && (self.is_encrypted || is_protected(scene)) {
            tell(scene, found, "aggregate in clear");
        } else if is_fragment && self.is_encrypted {
            tell(scene, found, "fragment in clear");
        }
    }

    /// An encrypted frame.
    fn encrypted(&mut self, scene: Scene<'_>, number: u64, found: &mut Found) {
        let heard = scene.heard;
        self.is_encrypted = true;
        let Some(sequence) = heard.header().sequence else { return };
        let is_part = sequence.fragment > 0 || heard.header().control.more_fragments();
        let is_aggregate = heard.header().qos.is_some_and(QosControl::is_amsdu);
        let is_here = heard.at.since_us(self.at) <= HERE_US;
        if let Some(suspect) = self.suspect.take_if(|it| number < it.number)
            && number.abs_diff(self.packet_number) <= ORDER
            && is_here
        {
            // The numbers go on where they were: the frame in between was somebody else's.
            tell(scene, found, suspect.detail).by_reaction();
        }
        let before = self.fragment.filter(|it| it.sequence.number == sequence.number);
        let follows = before.filter(|it| it.sequence.fragment + 1 == sequence.fragment);
        let is_odd = |it: &Fragment| {
            it.keys != self.keys || it.packet_number.is_some_and(|before| number != before + 1)
        };
        if follows.as_ref().is_some_and(is_odd) {
            tell(scene, found, "fragments under different keys or numbers");
        }
        let is_ahead = self.packet_number > 0 && number > self.packet_number + ORDER;
        let is_orphan = sequence.fragment > 0 && before.is_none();
        if is_ahead && (is_orphan || is_aggregate || is_part) {
            let detail =
                if is_aggregate { "aggregate out of order" } else { "fragment out of order" };
            self.suspect = Some(Suspect { number, detail });
        } else {
            (self.packet_number, self.at) = (number, heard.at);
        }
        if is_part {
            let keys = self.keys;
            self.fragment = Some(Fragment { sequence, packet_number: Some(number), keys });
        }
    }
}

/// Whether the network of the frame encrypts.
fn is_protected(scene: Scene<'_>) -> bool {
    let network = scene.heard.bssid().and_then(|it| scene.air.network(it));
    network.is_some_and(|it| it.protection > crate::advert::Protection::Wep)
}

fn tell<'a>(scene: Scene<'_>, found: &'a mut Found, detail: &'static str) -> Finding<'a> {
    let heard = scene.heard;
    let from = heard.transmitter().unwrap_or_default();
    let bssid = heard.bssid();
    found
        .add(scene, Kind::FragAttack, EvidenceSet::of(&[Evidence::Forbidden]))
        .by(Transmitter::Spoofed { address: from })
        .against(heard.receiver())
        .about(bssid)
        .named(bssid.and_then(|it| scene.air.ssid(it)))
        .detail(detail)
}
