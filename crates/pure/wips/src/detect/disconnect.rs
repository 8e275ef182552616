//! Deauthentications and disassociations that their names did not send.
//!
//! Honest ones are few, follow from something, and have an effect: an access point that restarts says so
//! once and falls silent; one that is sent data by a stranger answers each frame once; a station that
//! leaves is gone. An attacker's come in bursts, or contradict the radio that they name: its signal, its
//! going on as if nothing had been said, its protection of management frames.
//!
//! | what | is an attack when |
//! |---|---|
//! | pair | many in seconds that answer nothing |
//! | broadcast | some in a minute while the access point stays on the air |
//! | low rate | two that stray from the radio they name and throw the station off, or four that throw off a station that was connected |
//!
//! What is encrypted was sent by whoever has the key, and is left alone.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::eapol::Message;
use crate::dot11::header::Kind as FrameKind;
use crate::dot11::management::{Management, Reason};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::profile::Threshold;
use crate::table::Table;

/// Pairs that are followed at once.
const PAIRS_MAX: usize = 4_096;
/// A station that is thrown off begins again within that time.
const RETURN_US: u64 = 2_000_000;
/// Data so soon after a disconnection shows that it meant nothing to whoever sends it: an access point
/// needs no longer to forget a station.
const STAY_US: u64 = 200_000;
/// A handshake so soon after a flood was forced by it: stations come back within three seconds.
const HARVEST_US: u64 = 3_000_000;
/// An access point answers a frame of a stranger within that time.
const ANSWER_US: u64 = 1_000_000;
/// A connection that was served so lately needs no answer of class 2 or 3.
const SERVED_US: u64 = 1_000_000;
/// Low rate with a stray signal: so many suffice, in the seconds of the threshold. Ours: one can be a
/// reflection, two of two cannot.
const STRAYS_MIN: u32 = 2;

/// ESP32 deauthers write this number into each of their frames (the template that Marauder and its kin share).
const ESP32_NUMBER: u16 = 4_095;
/// One in 4,096 honest frames has it, and the next one does not.
const ESP32_FRAMES: u8 = 3;

/// Watches disconnections.
#[derive(Debug)]
pub(crate) struct Disconnects {
    pairs: Table<(Mac, Mac), Pair>,
    /// When somebody acknowledged a frame of a station, which the sensor may not have heard itself.
    acknowledged: Table<Mac, CaptureTime>,
}

/// A network and one of its stations, or the broadcast address.
#[derive(Debug, Default)]
struct Pair {
    meter: Meter,
    low: Meter,
    strays: Meter,
    last: CaptureTime,
    /// Whether a frame of the station could have provoked an answer since the last disconnection.
    provoked: Option<CaptureTime>,
    /// The station began again since the last disconnection.
    has_returned: bool,
    /// Frames in a row with the number of ESP32 deauthers.
    of_esp32: u8,
    /// Some of the frames name the access point.
    names_ap: bool,
    /// The last disconnection, until the station came back.
    pending: Option<Pending>,
    evidence: EvidenceSet,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    at: CaptureTime,
    is_stray: bool,
    /// No signal tells where it came from.
    is_unplaced: bool,
    /// It names the access point, and the station was connected to it.
    was_connected: bool,
    transmitter: Mac,
}

impl Disconnects {
    pub(crate) fn new() -> Self {
        Self { pairs: Table::new(PAIRS_MAX), acknowledged: Table::new(PAIRS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        match heard.management() {
            Some(Management::Deauthentication(reason) | Management::Disassociation(reason))
                if !heard.is_retry() && heard.has_time() =>
            {
                self.disconnect(scene, *reason, found);
            }
            Some(Management::Authentication(_)) => self.comes_back(scene, found),
            Some(Management::AssociationRequest(_) | Management::ReassociationRequest(_)) => {
                self.provoke(scene);
                self.comes_back(scene, found);
            }
            None if heard.kind() == FrameKind::Ack => {
                if let Some(station) = heard.receiver() {
                    *self.acknowledged.entry(station, CaptureTime::default) = heard.at;
                }
            }
            None if heard.is_data() || heard.kind() == FrameKind::PsPoll => {
                self.stays(scene);
                self.provoke(scene);
                self.harvests(scene, found);
            }
            _ => {}
        }
    }

    fn disconnect(&mut self, scene: Scene<'_>, reason: Reason, found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), Some(to)) = (heard.transmitter(), heard.receiver()) else { return };
        let Some(bssid) = network_of(scene, from, to) else { return };
        let is_from_ap = from == bssid;
        let station = if is_from_ap { to } else { from };
        let is_broadcast = is_from_ap && to.is_multicast();
        let joined = scene.air.joined(station).filter(|it| it.bssid == bssid);
        let pair = self.pairs.entry((bssid, station), Pair::default);
        let acknowledged = self.acknowledged.get(&station).copied();
        let is_answer =
            is_from_ap && !is_broadcast && pair.is_answer(scene, reason, station, acknowledged);
        let is_stray = scene.is_stray(from);
        let evidence = EvidenceSet::default()
            .with_if(is_stray, Evidence::SignalMismatch)
            .with_if(scene.is_injected(from), Evidence::Injected)
            .with_if(joined.is_some_and(|it| it.has_pmf), Evidence::Unprotected);
        pair.last = heard.at;
        pair.provoked = None;
        pair.names_ap |= is_from_ap;
        let number = heard.header().sequence.map(|it| it.number);
        let of_esp32 =
            if number == Some(ESP32_NUMBER) { pair.of_esp32.saturating_add(1) } else { 0 };
        pair.of_esp32 = of_esp32;
        // One disconnection for each connection is how connections end, and so is an answer.
        let is_first = std::mem::take(&mut pair.has_returned);
        let is_honest = is_answer || is_first;
        pair.pending = Some(Pending {
            at: heard.at,
            is_stray: is_stray || evidence.has(Evidence::Injected),
            is_unplaced: !scene.is_placed(from),
            was_connected: is_from_ap && joined.is_some_and(|it| it.is_encrypted),
            transmitter: from,
        });
        if is_honest && evidence == EvidenceSet::default() {
            return;
        }
        if is_broadcast && scene.air.restarted(bssid).is_some_and(|it| it > pair.last_told()) {
            pair.meter.reset();
        }
        if pair.strays.is_reached() || pair.low.is_reached() {
            // What follows is heard from where the attacker is.
            found
                .add(scene, Kind::SpoofedDisconnect, evidence)
                .by(Transmitter::Spoofed { address: from })
                .against(Some(station))
                .about(Some(bssid))
                .frames(heard.at, 0);
        }
        let kind = kind_of(heard.kind(), is_broadcast);
        let Some(it) = pair.meter.add(heard, scene.rules.threshold(kind)) else { return };
        let is_esp32 = pair.of_esp32 >= ESP32_FRAMES;
        let evidence =
            evidence.and(pair.evidence).with(Evidence::Rate).with_if(is_esp32, Evidence::Signature);
        pair.evidence = EvidenceSet::default();
        let name = if pair.names_ap { bssid } else { from };
        found
            .add(scene, kind, evidence)
            .by(Transmitter::Spoofed { address: name })
            .against(Some(station).filter(|it| !is_broadcast && *it != bssid))
            .about(Some(bssid))
            .named(scene.air.ssid(bssid))
            .frames(it.since, it.frames)
            .detail(if is_esp32 { "ESP32 deauther" } else { "" });
    }

    /// A station begins again after it was thrown off.
    fn comes_back(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(station), Some(bssid)) = (heard.transmitter(), heard.bssid()) else { return };
        if station == bssid {
            return;
        }
        let Some(pair) = self.pairs.get_mut(&(bssid, station)) else { return };
        pair.has_returned = true;
        let Some(pending) = pair.pending.take() else { return };
        if heard.at.since_us(pending.at) > RETURN_US {
            return;
        }
        pair.evidence = pair.evidence.with(Evidence::VictimLeft);
        let kind = Kind::SpoofedDisconnect;
        let threshold = scene.rules.threshold(kind);
        let few = Threshold { frames: STRAYS_MIN.min(threshold.frames), ..threshold };
        let by_stray = pending.is_stray.then(|| pair.strays.add(heard, few)).flatten();
        // What comes from where the access point is, the access point sent.
        let may_be_spoofed = pending.was_connected && pending.is_unplaced;
        let by_rate = may_be_spoofed.then(|| pair.low.add(heard, threshold)).flatten();
        let Some(it) = by_stray.or(by_rate) else { return };
        let evidence = EvidenceSet::of(&[Evidence::VictimLeft])
            .with_if(pending.is_stray, Evidence::SignalMismatch)
            .with_if(!pending.is_stray, Evidence::Rate);
        found
            .add(scene, kind, evidence)
            .by(Transmitter::Spoofed { address: pending.transmitter })
            .against(Some(station))
            .about(Some(bssid))
            .named(scene.air.ssid(bssid))
            .frames(it.since, it.frames)
            .by_reaction();
    }

    /// Data between the two after a disconnection that should have ended it.
    fn stays(&mut self, scene: Scene<'_>) {
        let heard = scene.heard;
        let Some((bssid, station)) = heard.pair() else { return };
        let Some(pair) = self.pairs.get_mut(&(bssid, station)) else { return };
        if let Some(pending) = pair.pending
            && heard.transmitter() == Some(pending.transmitter)
            && heard.at.since_us(pending.at) <= STAY_US
        {
            pair.evidence = pair.evidence.with(Evidence::VictimStayed);
        }
    }

    /// A handshake right after a flood that forced it: what the flood was for.
    fn harvests(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(key) = heard.eapol().and_then(|it| it.key()) else { return };
        let Some((bssid, station)) = heard.pair() else { return };
        if key.message() != Message::M2 {
            return;
        }
        let broadcast = (bssid, Mac([0xff; 6]));
        let is_forced = [(bssid, station), broadcast].iter().any(|it| {
            self.pairs.get(it).is_some_and(|pair| {
                pair.meter.is_reached() && heard.at.since_us(pair.last) <= HARVEST_US
            })
        });
        if is_forced {
            found
                .add(scene, Kind::HandshakeHarvest, EvidenceSet::of(&[Evidence::VictimLeft]))
                .by(Transmitter::Spoofed { address: bssid })
                .against(Some(station))
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .by_reaction()
                .detail("forced by disconnections");
        }
    }

    /// A frame of a station that an access point may answer with a disconnection.
    fn provoke(&mut self, scene: Scene<'_>) {
        let heard = scene.heard;
        let Some((bssid, station)) = heard.pair() else { return };
        if heard.transmitter() != Some(station) {
            return;
        }
        // Only a pair that was disconnected before is kept; the first answer needs no excuse.
        if let Some(pair) = self.pairs.get_mut(&(bssid, station)) {
            pair.provoked = Some(heard.at);
        }
    }
}

impl Pair {
    /// Whether the access point answers a frame that a stranger sent.
    fn is_answer(
        &self,
        scene: Scene<'_>,
        reason: Reason,
        station: Mac,
        acknowledged: Option<CaptureTime>,
    ) -> bool {
        let at = scene.heard.at;
        let says_so = matches!(reason, Reason::CLASS2 | Reason::CLASS3 | Reason::NOT_AUTHENTICATED);
        let is_provoked = self.provoked.is_some_and(|it| at.since_us(it) <= ANSWER_US)
            || acknowledged.is_some_and(|it| it > self.last && at.since_us(it) <= ANSWER_US)
            || self.last == CaptureTime(0);
        let is_served =
            scene.air.joined(station).is_some_and(|it| at.since_us(it.served) <= SERVED_US);
        says_so && is_provoked && !is_served
    }

    fn last_told(&self) -> CaptureTime {
        self.meter.since()
    }
}

/// The network that a disconnection is about. Tools that take stations from group traffic write a group in
/// its place.
fn network_of(scene: Scene<'_>, from: Mac, to: Mac) -> Option<Mac> {
    let bssid = scene.heard.bssid()?;
    if !bssid.is_multicast() {
        return Some(bssid);
    }
    let joined = scene.air.joined(from).or_else(|| scene.air.joined(to));
    Some(joined.map_or(bssid, |it| it.bssid))
}

fn kind_of(frame: FrameKind, is_broadcast: bool) -> Kind {
    match (frame, is_broadcast) {
        (FrameKind::Disassociation, true) => Kind::DisassociationBroadcast,
        (FrameKind::Disassociation, false) => Kind::DisassociationFlood,
        (_, true) => Kind::DeauthenticationBroadcast,
        (_, false) => Kind::DeauthenticationFlood,
    }
}
