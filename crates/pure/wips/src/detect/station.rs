//! Frames in the name of a station, or that harm one.
//!
//! A station that polls, sleeps or opens block acknowledgement often is not an attack by itself: what
//! makes it one is that the frames do not come from where the station is.

use model::Mac;

use super::meter::{Crowd, Meter};
use super::{Found, Scene};
use crate::dot11::action::Details;
use crate::dot11::authentication::{Algorithm, Authentication};
use crate::dot11::header::Kind as FrameKind;
use crate::dot11::management::{Management, Status};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::profile::Threshold;
use crate::table::Table;

/// Stations that are followed at once.
const STATIONS_MAX: usize = 4_096;
/// Stations that are answered unasked at once. Each takes 700 bytes.
const ANSWERED_MAX: usize = 256;
/// An answer comes within that time of its request. Ours: two attempts of a slow station.
const ANSWER_US: u64 = 1_000_000;
/// A probe is answered within that time; stations listen 10 to 100 ms (`MaxChannelTime`).
const PROBE_US: u64 = 100_000;

/// So many times the threshold, where no signal tells who sends. Ours: a station that is refused asks a
/// handful of times for each of eight kinds of traffic.
const UNSIGNED: u32 = 8;
/// Weight of a frame in the share that strays.
const SHARE_WEIGHT: f32 = 0.1;
/// Fewer stray when the station itself sends them.
const STRAYS_MIN: f32 = 0.5;

/// Watches what is said in the name of stations.
#[derive(Debug)]
pub(crate) struct Stations {
    meters: Table<(Kind, Mac), Meter>,
    /// Which share of the frames in the name of a station strays from it.
    strays: Table<(Kind, Mac), f32>,
    /// When a station asked for authentication, and for networks.
    asked: Table<Mac, Asked>,
    /// Answers to a station that did not ask.
    answers: Table<(Kind, Mac), Crowd>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    authentication: CaptureTime,
    probe: CaptureTime,
}

impl Stations {
    pub(crate) fn new() -> Self {
        Self {
            meters: Table::new(STATIONS_MAX),
            strays: Table::new(STATIONS_MAX),
            asked: Table::new(STATIONS_MAX),
            answers: Table::new(ANSWERED_MAX),
        }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        if heard.is_retry() || !heard.has_time() {
            return;
        }
        match heard.management() {
            Some(Management::Authentication(it)) => self.authentication(scene, it, found),
            Some(Management::ProbeRequest) => {
                if let Some(station) = heard.transmitter() {
                    self.asked.entry(station, Asked::default).probe = heard.at;
                }
            }
            Some(Management::ProbeResponse(_)) => self.probe_response(scene, found),
            Some(Management::Action(it)) => match it.details {
                Details::AddBlockAckRequest { .. } => {
                    self.in_name_of(scene, Kind::AddbaSpoof, EvidenceSet::default(), found);
                }
                Details::DeleteBlockAck { .. } => {
                    self.in_name_of(scene, Kind::DelbaSpoof, EvidenceSet::default(), found);
                }
                _ => {}
            },
            None if matches!(heard.kind(), FrameKind::Null | FrameKind::QosNull) => {
                self.in_name_of(scene, Kind::PowerSaveAttack, EvidenceSet::default(), found);
            }
            _ => {}
        }
    }

    /// A frame that only counts when it strays from the station that it names, or leaves out the
    /// protection that the station has.
    fn in_name_of(
        &mut self,
        scene: Scene<'_>,
        kind: Kind,
        evidence: EvidenceSet,
        found: &mut Found,
    ) {
        let heard = scene.heard;
        let Some(from) = heard.transmitter() else { return };
        let has_pmf = scene.air.joined(from).is_some_and(|it| it.has_pmf);
        let is_bare_action = has_pmf && heard.management().is_some();
        let evidence = evidence
            .with_if(scene.is_stray(from), Evidence::SignalMismatch)
            .with_if(scene.is_injected(from), Evidence::Injected)
            .with_if(is_bare_action, Evidence::Unprotected);
        // A station that moves strays now and then; an attacker's frames do all the time.
        let is_odd = evidence != EvidenceSet::default();
        if !is_odd && heard.signal_dbm.is_none() && heard.management().is_some() {
            self.by_rate(scene, kind, from, found);
            return;
        }
        let share = self.strays.entry((kind, from), || 0.5);
        *share += SHARE_WEIGHT * (if is_odd { 1.0 } else { 0.0 } - *share);
        if !is_odd || *share < STRAYS_MIN {
            return;
        }
        self.count(scene, kind, from, evidence, found);
    }

    /// Without signals, only a rate that no station needs speaks against an action.
    fn by_rate(&mut self, scene: Scene<'_>, kind: Kind, from: Mac, found: &mut Found) {
        let heard = scene.heard;
        let threshold = scene.rules.threshold(kind);
        let many = Threshold { frames: threshold.frames * UNSIGNED, ..threshold };
        let meter = self.meters.entry((kind, from), Meter::default);
        if let Some(it) = meter.add(heard, many) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Rate]))
                .by(Transmitter::Spoofed { address: from })
                .against(Some(from))
                .about(heard.bssid())
                .named(heard.bssid().and_then(|it| scene.air.ssid(it)))
                .frames(it.since, it.frames);
        }
    }

    fn count(
        &mut self,
        scene: Scene<'_>,
        kind: Kind,
        from: Mac,
        evidence: EvidenceSet,
        found: &mut Found,
    ) {
        let heard = scene.heard;
        let meter = self.meters.entry((kind, from), Meter::default);
        if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
            let is_from_ap = heard.is_from_ap();
            let victim = if is_from_ap { heard.receiver() } else { Some(from) };
            found
                .add(scene, kind, evidence.with(Evidence::Rate))
                .by(Transmitter::Spoofed { address: from })
                .against(victim)
                .about(heard.bssid())
                .named(heard.bssid().and_then(|it| scene.air.ssid(it)))
                .frames(it.since, it.frames);
        }
    }

    fn authentication(&mut self, scene: Scene<'_>, step: &Authentication<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), Some(to)) = (heard.transmitter(), heard.receiver()) else { return };
        if heard.is_to_ap() {
            self.asked.entry(from, Asked::default).authentication = heard.at;
            if is_impossible(step) {
                let evidence = EvidenceSet::of(&[Evidence::Forbidden])
                    .with_if(scene.is_stray(from), Evidence::SignalMismatch);
                self.count(scene, Kind::FataJack, from, evidence, found);
            }
            return;
        }
        // SAE says by its status which way of hashing it has, and that it wants a token.
        let is_failure = step.status != Status::SUCCESS && step.algorithm != Algorithm::SAE;
        if !is_failure || !heard.is_from_ap() {
            return;
        }
        let asked = self.asked.get(&to).map_or(CaptureTime(0), |it| it.authentication);
        let is_answer = heard.at.since_us(asked) <= ANSWER_US;
        if is_answer {
            let kind = Kind::AuthenticationFailureFlood;
            let meter = self.meters.entry((kind, from), Meter::default);
            if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
                found
                    .add(scene, kind, EvidenceSet::of(&[Evidence::Refused, Evidence::Rate]))
                    .by(Transmitter::Own { address: to })
                    .against(Some(from))
                    .about(Some(from))
                    .named(scene.air.ssid(from))
                    .frames(it.since, it.frames)
                    .by_reaction();
            }
        } else {
            let evidence = EvidenceSet::default()
                .with_if(scene.air.joined(to).is_some(), Evidence::Contradiction)
                .with_if(scene.is_stray(from), Evidence::SignalMismatch)
                .with_if(scene.is_injected(from), Evidence::Injected);
            // The sensor may hear an access point and not the stranger that it answers.
            if evidence != EvidenceSet::default() {
                let evidence = evidence.with(Evidence::Unasked);
                self.count(scene, Kind::AuthenticationFailureSpoof, from, evidence, found);
            }
        }
    }

    fn probe_response(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), Some(to)) = (heard.transmitter(), heard.receiver()) else { return };
        let asked = self.asked.get(&to).map_or(CaptureTime(0), |it| it.probe);
        if to.is_multicast() || heard.at.since_us(asked) <= PROBE_US {
            return;
        }
        let is_null = heard.advert.is_some_and(|it| it.ssid_bytes == Some(0));
        let kind = if is_null { Kind::NullProbeResponse } else { Kind::ProbeResponseFlood };
        let crowd = self.answers.entry((kind, to), Crowd::default);
        let threshold = scene.rules.threshold(kind);
        let Some(it) = crowd.add(heard, threshold, from, from.to_u64()) else { return };
        // Access points that beacon answer late; who floods in the name of one is heard from elsewhere.
        let transmitter = match it.transmitter {
            Transmitter::Own { address } if scene.is_stray(address) => {
                Transmitter::Spoofed { address }
            }
            other => other,
        };
        found
            .add(scene, kind, it.evidence.with(Evidence::Unasked))
            .by(transmitter)
            .against(Some(to))
            .frames(it.reached.since, it.reached.frames);
    }
}

/// A step that no algorithm has: FATA-Jack writes 65,535.
fn is_impossible(step: &Authentication<'_>) -> bool {
    let is_known =
        step.algorithm <= Algorithm::FILS_PUBLIC_KEY || step.algorithm == Algorithm::LEAP;
    // Shared key and fast transition have four steps. Number 7 is that of 802.11az.
    let is_reserved = !is_known && step.algorithm.0 > 7;
    is_reserved || step.sequence > 4
}
