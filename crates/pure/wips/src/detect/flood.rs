//! Floods: too many frames, or too many transmitters, at one access point or on one channel.
//!
//! Frames from the access point to stations are its answers, and never counted here: who blames the
//! storm of refusals blames the victim. What they show is that the frames before were not wanted.

use model::Mac;

use super::meter::Crowd;
use super::{Found, Scene};
use crate::dot11::Channel;
use crate::dot11::authentication::Algorithm;
use crate::dot11::data::{LooksLike, Security};
use crate::dot11::eapol::Packet;
use crate::dot11::header::Kind as FrameKind;
use crate::dot11::management::{Management, Reason, Status};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;
use crate::window::scattered;

/// Access points and channels whose floods are counted at once. Each takes 350 bytes.
const CROWDS_MAX: usize = 1_024;

/// Where a flood is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// At one access point.
    Network(Mac),
    /// On one channel, for frames that name no access point.
    Channel(Option<Channel>),
}

/// Counts floods.
#[derive(Debug)]
pub(crate) struct Floods {
    crowds: Table<(Kind, Place), Crowd>,
    /// When a station polled last, to see whether the access point served it since.
    polls: Table<Mac, CaptureTime>,
}

impl Floods {
    pub(crate) fn new() -> Self {
        Self { crowds: Table::new(CROWDS_MAX), polls: Table::new(CROWDS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        if heard.is_retry() || !heard.has_time() {
            return;
        }
        match heard.management() {
            Some(Management::Authentication(it)) if heard.is_to_ap() => match it.algorithm {
                Algorithm::SAE if it.sequence == 1 => {
                    self.count(scene, Kind::SaeCommitFlood, found);
                }
                Algorithm::OPEN | Algorithm::SHARED_KEY | Algorithm::FAST_TRANSITION
                    if it.sequence <= 1 =>
                {
                    self.count(scene, Kind::AuthenticationFlood, found);
                }
                _ => {}
            },
            Some(Management::Authentication(it)) if it.status == Status::ANTI_CLOGGING => {
                self.answered(scene, Kind::SaeCommitFlood, found);
            }
            Some(Management::AssociationRequest(_)) => {
                self.count(scene, Kind::AssociationFlood, found);
            }
            Some(Management::ReassociationRequest(_)) => {
                self.count(scene, Kind::ReassociationFlood, found);
            }
            Some(Management::AssociationResponse(it)) if it.status == Status::NO_MORE_STATIONS => {
                self.answered(scene, Kind::AssociationFlood, found);
            }
            Some(Management::Deauthentication(reason) | Management::Disassociation(reason)) => {
                self.refused(scene, *reason, found);
            }
            Some(Management::ProbeRequest) => self.probe(scene, found),
            _ => {}
        }
        self.complete(scene);
        if heard.is_protected() && heard.is_to_ap() && heard.is_data() {
            self.stranger(scene, found);
        }
        if heard.kind() == FrameKind::PsPoll {
            self.poll(scene, found);
        }
        if heard.eapol().is_some_and(|it| it.packet == Packet::Start) && heard.is_to_ap() {
            self.count(scene, Kind::EapolStartFlood, found);
        }
    }

    /// A frame to an access point.
    fn count(&mut self, scene: Scene<'_>, kind: Kind, found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), Some(bssid)) = (heard.transmitter(), heard.bssid()) else { return };
        let crowd = self.crowds.entry((kind, Place::Network(bssid)), Crowd::default);
        let Some(it) = crowd.add(heard, scene.rules.threshold(kind), from, from.to_u64()) else {
            return;
        };
        let is_stray = scene.is_stray(from);
        // A station that is connected has no reason to flood its own access point.
        let is_named =
            |address| is_stray || scene.air.joined(address).is_some_and(|it| it.bssid == bssid);
        let transmitter = match it.transmitter {
            Transmitter::Own { address } if is_named(address) => Transmitter::Spoofed { address },
            other => other,
        };
        let evidence = it.evidence.with_if(is_stray, Evidence::SignalMismatch);
        found
            .add(scene, kind, evidence)
            .by(transmitter)
            .against(Some(bssid))
            .about(Some(bssid))
            .named(scene.air.ssid(bssid))
            .frames(it.reached.since, it.reached.frames);
    }

    /// What only a real station does after the first step: it proves that it knows the password, is let in,
    /// answers.
    fn complete(&mut self, scene: Scene<'_>) {
        let heard = scene.heard;
        let kinds: &[Kind] =
            match heard.management() {
                Some(Management::Authentication(it))
                    if it.algorithm == Algorithm::SAE && it.sequence == 2 && heard.is_to_ap() =>
                {
                    &[Kind::SaeCommitFlood]
                }
                Some(
                    Management::AssociationResponse(it) | Management::ReassociationResponse(it),
                ) if it.status == Status::SUCCESS => &[Kind::AuthenticationFlood],
                None if heard.eapol().is_some_and(|it| it.packet != Packet::Start)
                    && heard.is_to_ap() =>
                {
                    &[Kind::AssociationFlood, Kind::ReassociationFlood, Kind::EapolStartFlood]
                }
                None if heard.is_from_ap() && heard.has_payload() && heard.eapol().is_none() => {
                    &[Kind::AssociationFlood, Kind::ReassociationFlood]
                }
                _ => return,
            };
        let Some((bssid, station)) = heard.pair() else { return };
        for kind in kinds {
            if let Some(crowd) = self.crowds.get_mut(&(*kind, Place::Network(bssid))) {
                crowd.complete(heard, scene.rules.threshold(*kind), station.to_u64());
            }
        }
    }

    /// The access point shows that a flood hurts; only a flood that is known is told of.
    fn answered(&mut self, scene: Scene<'_>, kind: Kind, found: &mut Found) {
        let Some(bssid) = scene.heard.bssid() else { return };
        if let Some(crowd) = self.crowds.get_mut(&(kind, Place::Network(bssid)))
            && let Some(transmitter) = crowd.reached_by()
        {
            let evidence = EvidenceSet::of(&[Evidence::Refused]);
            found
                .add(scene, kind, evidence)
                .by(transmitter)
                .against(Some(bssid))
                .about(Some(bssid))
                .frames(scene.heard.at, 0)
                .by_reaction();
        }
    }

    /// An access point turns a stranger away. Many strangers in a row are somebody's invention.
    fn refused(&mut self, scene: Scene<'_>, reason: Reason, found: &mut Found) {
        let heard = scene.heard;
        let is_answer =
            matches!(reason, Reason::CLASS2 | Reason::CLASS3 | Reason::NOT_AUTHENTICATED);
        let (Some(ap), Some(station)) = (heard.transmitter(), heard.receiver()) else { return };
        let is_ours = heard.bssid() == Some(ap) && !station.is_multicast();
        let is_stranger = scene.air.joined(station).is_none_or(|it| it.bssid != ap);
        if !is_answer || !is_ours || !is_stranger || scene.is_stray(ap) {
            return;
        }
        let kind = Kind::UnauthenticatedAssociation;
        // One telephone that wakes up is refused once or twice; strangers are counted, not refusals.
        let crowd = self.crowds.entry((kind, Place::Network(ap)), Crowd::default);
        if !crowd.is_new(station.to_u64()) {
            return;
        }
        if let Some(it) = crowd.add(heard, scene.rules.threshold(kind), station, station.to_u64()) {
            found
                .add(scene, kind, it.evidence.with(Evidence::Refused))
                .by(Transmitter::Invented { example: station })
                .against(Some(ap))
                .about(Some(ap))
                .named(scene.air.ssid(ap))
                .frames(it.reached.since, it.reached.frames)
                .by_reaction();
        }
    }

    /// Probe requests are counted on a channel, since they name no access point.
    fn probe(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(from) = heard.transmitter() else { return };
        let channel = Place::Channel(heard.channel);
        let kind = Kind::ProbeRequestFlood;
        let crowd = self.crowds.entry((kind, channel), Crowd::default);
        let threshold = scene.rules.threshold(kind);
        if let Some(it) = crowd.add(heard, threshold, from, from.to_u64())
            && it.is_one_radio
        {
            found
                .add(scene, kind, it.evidence)
                .by(it.transmitter)
                .frames(it.reached.since, it.reached.frames);
        }
        let Some(ssid) = heard.probed().filter(|it| !it.is_empty()) else { return };
        let kind = Kind::SsidBruteForce;
        let name = ssid.iter().fold(0, |key, byte| scattered(key ^ u64::from(*byte)));
        let threshold = scene.rules.threshold(kind);
        let crowd = self.crowds.entry((kind, channel), Crowd::default);
        if crowd.is_new(name)
            && let Some(it) = crowd.add(heard, threshold, from, name)
            && (it.is_one_radio || it.is_led)
        {
            found
                .add(scene, kind, it.evidence)
                .by(it.transmitter)
                .frames(it.reached.since, it.reached.frames);
        }
    }

    /// Encrypted data that is no CCMP, from many addresses that no access point ever answered: replayed to
    /// provoke failures of the message check of TKIP.
    fn stranger(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), Some(bssid)) = (heard.transmitter(), heard.bssid()) else { return };
        let Some(Security::Extended(iv)) = heard.data().and_then(|it| it.security) else { return };
        let is_ccmp = matches!(iv.cipher(), LooksLike::Ccmp | LooksLike::Either);
        if is_ccmp || scene.air.joined(from).is_some() {
            return;
        }
        let kind = Kind::MichaelAttack;
        let threshold = scene.rules.threshold(kind);
        let crowd = self.crowds.entry((kind, Place::Network(bssid)), Crowd::default);
        if let Some(it) = crowd.add(heard, threshold, from, from.to_u64())
            // Where the access point is too far to be heard, all of its stations are strangers.
            && it.is_one_radio
        {
            found
                .add(scene, kind, it.evidence)
                .by(it.transmitter)
                .against(Some(bssid))
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(it.reached.since, it.reached.frames);
        }
    }

    /// A poll that the access point did not answer since the one before.
    fn poll(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(station) = heard.transmitter() else { return };
        let before = *self.polls.entry(station, Default::default);
        *self.polls.entry(station, Default::default) = heard.at;
        let is_served = scene.air.joined(station).is_some_and(|it| it.served > before);
        if !is_served {
            self.count(scene, Kind::PsPollFlood, found);
        }
    }
}
