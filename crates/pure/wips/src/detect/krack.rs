//! Key reinstallation: a message of a handshake is repeated, and packet numbers begin again.
//!
//! A repeated message alone is what losses on the radio do, so it only informs. An access point waits
//! 100 ms at least before it repeats a message; who is quicker is not it.

use model::Mac;

use super::{Found, Scene};
use crate::dot11::data::Security;
use crate::dot11::eapol::Message;
use crate::dot11::management::Management;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;

/// Pairs that are followed at once.
const PAIRS_MAX: usize = 4_096;
/// No access point repeats a message of a handshake sooner: hostapd waits 100 ms, others a second.
const REPEAT_US: u64 = 50_000;
/// A packet number that has gone so far is not reached again by reordering.
const RESTART_MAX: u64 = 4;

/// Watches handshakes and packet numbers.
#[derive(Debug)]
pub(crate) struct Keys {
    pairs: Table<(Mac, Mac), Handshake>,
}

/// What a network and one of its stations agreed on.
#[derive(Debug, Clone, Copy, Default)]
struct Handshake {
    /// When the newest third message was sent, with which replay counter.
    third: Option<(CaptureTime, u64)>,
    thirds: u32,
    /// A first message came between third ones.
    is_disordered: bool,
    /// Reassociations since the station authenticated.
    reassociations: u32,
    /// The newest packet number from the access point to the station.
    packet_number: u64,
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
                self.pairs.entry(pair, Handshake::default).reassociations += 1;
            }
            Some(_) => {}
            None => match heard.eapol().and_then(|it| it.key()).map(|key| (key.message(), key)) {
                Some((message, key)) => {
                    self.message(scene, pair, message, key.replay_counter, found);
                }
                None => self.data(scene, pair, found),
            },
        }
    }

    fn message(
        &mut self,
        scene: Scene<'_>,
        pair: (Mac, Mac),
        message: Message,
        replay_counter: u64,
        found: &mut Found,
    ) {
        let heard = scene.heard;
        let handshake = self.pairs.entry(pair, Handshake::default);
        match (message, handshake.third) {
            (Message::M1, Some((at, counter)))
                if heard.at.since_us(at) < REPEAT_US && replay_counter > counter =>
            {
                handshake.is_disordered = true;
            }
            (Message::M1, _) => {
                let reassociations = handshake.reassociations;
                *handshake = Handshake { reassociations, ..Handshake::default() };
            }
            (Message::M3, before) => {
                // Some captures hold a frame twice; a message that is repeated has a new counter.
                if before.is_some_and(|(_, counter)| counter == replay_counter) {
                    return;
                }
                handshake.thirds += 1;
                handshake.third = Some((heard.at, replay_counter));
                let is_quick = before.is_some_and(|(at, counter)| {
                    heard.at.since_us(at) < REPEAT_US && replay_counter > counter
                });
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
            _ => {}
        }
    }

    /// Packet numbers that begin again although no new key was agreed on.
    fn data(&mut self, scene: Scene<'_>, pair: (Mac, Mac), found: &mut Found) {
        let heard = scene.heard;
        let is_unicast = heard.receiver().is_some_and(|it| !it.is_multicast());
        let Some(Security::Extended(iv)) = heard.data().and_then(|it| it.security) else { return };
        if !heard.is_from_ap() || !is_unicast {
            return;
        }
        let Some(handshake) = self.pairs.get_mut(&pair) else { return };
        let number = iv.packet_number();
        let is_restart = handshake.packet_number > 0
            && number <= RESTART_MAX
            && number <= handshake.packet_number
            && (handshake.reassociations > 1 || handshake.thirds > 1);
        handshake.packet_number = number;
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
