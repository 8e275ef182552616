//! Key reinstallation: a message of a handshake is repeated, and packet numbers begin again.
//!
//! A repeated message alone is what losses on the radio do, so it only informs. An access point waits
//! 100 ms at least before it repeats a message; who is quicker is not it.
//!
//! A sensor misses messages too: a handshake of which only the third message was heard makes packet
//! numbers begin again as well. So a message counts as repeated when it has the nonce of the one before,
//! and numbers that begin again count soon after it: a victim sends as soon as it has its key again.

use model::Mac;

use super::{Found, Scene};
use crate::dot11::ElementId;
use crate::dot11::data::Security;
use crate::dot11::eapol::{Key, Message};
use crate::dot11::header::Kind as FrameKind;
use crate::dot11::management::Management;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;
use crate::window::scattered;

/// Pairs that are followed at once.
const PAIRS_MAX: usize = 4_096;
/// No access point repeats a message of a handshake sooner: hostapd waits 100 ms, others a second.
const REPEAT_US: u64 = 50_000;
/// A packet number that has gone so far is not reached again by reordering.
const RESTART_MAX: u64 = 4;
/// Packet numbers that begin again so long after the message are of a handshake that nobody heard. Ours:
/// stations that work send several times a second.
const RESTART_US: u64 = 10_000_000;
/// A frame that is told late comes so soon after the next one: 5 ms measured, between what a card says that
/// it sent and what it says that it heard.
const LATE_US: u64 = 20_000;

/// Watches handshakes and packet numbers.
#[derive(Debug)]
pub(crate) struct Keys {
    pairs: Table<(Mac, Mac), Handshake>,
}

/// What a network and one of its stations agreed on.
#[derive(Debug, Clone, Copy, Default)]
struct Handshake {
    /// The newest third message.
    third: Option<Third>,
    /// How often it was sent.
    thirds: u32,
    /// A first message came between third ones.
    is_disordered: bool,
    /// The newest request to move here fast, by its elements, and how often it was sent.
    reassociation: u64,
    reassociations: u32,
    /// When a message was repeated.
    repeated: CaptureTime,
    /// The newest packet numbers: from the access point to the station, and back.
    down: Sent,
    up: Sent,
}

#[derive(Debug, Clone, Copy)]
struct Third {
    at: CaptureTime,
    replay_counter: u64,
    nonce: u64,
}

/// The newest frame of one way.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    at: CaptureTime,
    packet_number: u64,
    is_tkip: bool,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { pairs: Table::new(PAIRS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        if heard.is_retry() {
            return;
        }
        let Some(pair) = heard.pair() else { return };
        match heard.management() {
            Some(Management::Authentication(it)) if it.sequence == 1 => {
                *self.pairs.entry(pair, Handshake::default) = Handshake::default();
            }
            Some(Management::ReassociationRequest(_)) => {
                // Only a fast transition makes keys without a handshake after it.
                if heard.parsed.elements.find(ElementId::FAST_TRANSITION).is_some() {
                    let name = name_of(heard.parsed.elements.bytes());
                    self.pairs.entry(pair, Handshake::default).moves(heard.at, name);
                }
            }
            // Whoever begins again, or ends, makes new keys next.
            Some(
                Management::Authentication(_)
                | Management::AssociationRequest(_)
                | Management::AssociationResponse(_)
                | Management::Deauthentication(_)
                | Management::Disassociation(_),
            ) => self.forget(pair),
            Some(_) => {}
            None if heard.kind() == FrameKind::Deauthentication => self.forget(pair),
            None => match heard.eapol().and_then(|it| it.key()) {
                Some(key) => self.message(scene, pair, key, found),
                None => self.data(scene, pair, found),
            },
        }
    }

    fn message(&mut self, scene: Scene<'_>, pair: (Mac, Mac), key: &Key<'_>, found: &mut Found) {
        let heard = scene.heard;
        let replay_counter = key.replay_counter;
        let handshake = self.pairs.entry(pair, Handshake::default);
        match (key.message(), handshake.third) {
            (Message::M1, Some(third))
                if heard.at.since_us(third.at) < REPEAT_US
                    && replay_counter > third.replay_counter =>
            {
                handshake.is_disordered = true;
            }
            (Message::M1, _) => {
                let Handshake { reassociation, reassociations, .. } = *handshake;
                *handshake = Handshake { reassociation, reassociations, ..Handshake::default() };
            }
            (Message::M3, before) => {
                // Some captures hold a frame twice; a message that is repeated has a new counter.
                if before.is_some_and(|it| it.replay_counter == replay_counter) {
                    return;
                }
                let third = Third { at: heard.at, replay_counter, nonce: name_of(key.nonce) };
                let is_quick = before.is_some_and(|it| {
                    heard.at.since_us(it.at) < REPEAT_US && replay_counter > it.replay_counter
                });
                if before.is_none_or(|it| it.nonce != third.nonce) {
                    // The numbers so far are of another key.
                    handshake.thirds = 0;
                    (handshake.down, handshake.up) = Default::default();
                }
                handshake.thirds += 1;
                handshake.third = Some(third);
                if handshake.thirds > 1 {
                    handshake.repeated = heard.at;
                }
                if is_quick {
                    let evidence = EvidenceSet::of(&[Evidence::Signature])
                        .with_if(handshake.is_disordered, Evidence::Contradiction);
                    tell(
                        scene,
                        pair,
                        Kind::KeyReinstallation,
                        evidence,
                        found,
                        "message 3 repeated",
                    );
                } else if handshake.thirds == 3 {
                    let evidence = EvidenceSet::of(&[Evidence::Policy]);
                    tell(scene, pair, Kind::RepeatedKeyMessage, evidence, found, "");
                }
            }
            // A second message follows no third one: this is another handshake.
            (Message::M2, Some(_)) => self.forget(pair),
            _ => {}
        }
    }

    /// What was repeated before says nothing of what comes.
    fn forget(&mut self, pair: (Mac, Mac)) {
        if let Some(handshake) = self.pairs.get_mut(&pair) {
            (handshake.third, handshake.thirds) = (None, 0);
            handshake.repeated = CaptureTime(0);
        }
    }

    /// Packet numbers that begin again although no new key was agreed on.
    fn data(&mut self, scene: Scene<'_>, pair: (Mac, Mac), found: &mut Found) {
        let heard = scene.heard;
        let is_unicast = heard.receiver().is_some_and(|it| !it.is_multicast());
        let Some(Security::Extended(iv)) = heard.data().and_then(|it| it.security) else { return };
        let Some(handshake) = self.pairs.get_mut(&pair).filter(|_| is_unicast) else { return };
        let repeated = handshake.repeated;
        let way = if heard.is_from_ap() { &mut handshake.down } else { &mut handshake.up };
        let before = *way;
        let (number, is_tkip) = iv.number(before.is_tkip);
        // Some captures hold a frame twice, and what one sensor missed another one tells late.
        if number <= before.packet_number && heard.at.since_us(before.at) <= LATE_US {
            return;
        }
        *way = Sent { at: heard.at, packet_number: number, is_tkip };
        let is_restart = before.packet_number > 0
            && number <= RESTART_MAX
            && number <= before.packet_number
            // The first frame of TKIP may pass for one of CCMP with a large number.
            && is_tkip == before.is_tkip
            && repeated != CaptureTime(0)
            && heard.at.since_us(repeated) <= RESTART_US;
        if is_restart {
            let evidence = EvidenceSet::of(&[Evidence::Signature, Evidence::Contradiction]);
            tell(
                scene,
                pair,
                Kind::KeyReinstallation,
                evidence,
                found,
                "packet numbers begin again",
            );
        }
    }
}

impl Handshake {
    /// A station asks to move here fast. The same words twice are one request that was sent again.
    fn moves(&mut self, at: CaptureTime, name: u64) {
        if self.reassociation != name {
            (self.reassociation, self.reassociations) = (name, 0);
        }
        self.reassociations += 1;
        if self.reassociations > 1 {
            self.repeated = at;
        }
    }
}

fn name_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |name, byte| scattered(name ^ u64::from(*byte)))
}

fn tell(
    scene: Scene<'_>,
    (bssid, station): (Mac, Mac),
    kind: Kind,
    evidence: EvidenceSet,
    found: &mut Found,
    detail: &'static str,
) {
    let transmitter = match kind {
        Kind::KeyReinstallation => Transmitter::Spoofed { address: bssid },
        _ => Transmitter::Own { address: bssid },
    };
    found
        .add(scene, kind, evidence)
        .by(transmitter)
        .against(Some(station))
        .about(Some(bssid))
        .named(scene.air.ssid(bssid))
        .detail(detail);
}
