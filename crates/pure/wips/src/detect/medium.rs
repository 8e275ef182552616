//! The medium: claims on the channel that nobody uses.
//!
//! RTS and CTS are most of the control frames of a busy campus, so a rate alone says nothing. What
//! counts are requests that get no answer, and answers to which there was no request, when nobody sends
//! afterwards either. Stations in a mixed network clear themselves hundreds of times a second, but they
//! send then.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::Channel;
use crate::dot11::header::Kind as FrameKind;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::profile::Threshold;
use crate::table::Table;

/// Receivers that are followed at once.
const RECEIVERS_MAX: usize = 1_024;
/// A CTS follows its RTS within SIFS and its own length, 314 us at 1 Mb/s; sensors add some of their own.
const ANSWER_US: u64 = 2_000;
/// Who is cleared has sent, and was acknowledged, within the longest TXOP.
const USE_US: u64 = 8_160;
/// The longest TXOP is 8,160 us (IEEE 802.11-2020, 9.4.2.28), but stations that listen elsewhere for a
/// while clear themselves for up to 30,000 us (measured on a campus). A duration can say 32,767.
const CLAIM_US_MIN: u16 = 32_000;
/// Weight of a frame in a share.
const WEIGHT: f32 = 0.02;
/// Of clearances that no honest station sends, this part of the threshold suffices. Ours: of 5,400 on two
/// campuses and in homes none is to a group or for no time, and one in 50 is for longer than a TXOP.
const ODD_PART: u32 = 5;
/// A smaller share of answered requests, or of requested answers, is an attack: monitors miss frames, but
/// not four in five.
const SHARE_MIN: f32 = 0.2;

/// A receiver on a channel.
type Place = (Option<Channel>, Mac);

/// Watches claims on the channel.
#[derive(Debug)]
pub(crate) struct Medium {
    receivers: Table<Place, Receiver>,
    last_request: Option<Request>,
    last_claim: Option<Claim>,
}

/// The newest RTS or CTS, until somebody uses it.
#[derive(Debug, Clone, Copy)]
struct Claim {
    at: CaptureTime,
    /// Who may send now.
    sender: Mac,
    /// Whose counts it is in.
    receiver: Place,
}

/// The newest RTS.
#[derive(Debug, Clone, Copy)]
struct Request {
    at: CaptureTime,
    asker: Mac,
    asked: Place,
}

/// One address that is asked, or is cleared to send.
#[derive(Debug, Default)]
struct Receiver {
    rts: Meter,
    cts: Meter,
    odd: Meter,
    claims: Meter,
    /// Which share of the requests to it were answered lately.
    answered: f32,
    /// Which share of its clearances had been asked for lately.
    requested: f32,
    /// Which share of the claims was used lately.
    used: f32,
    first_asker: Option<Mac>,
    has_many_askers: bool,
}

impl Medium {
    pub(crate) fn new() -> Self {
        Self { receivers: Table::new(RECEIVERS_MAX), last_request: None, last_claim: None }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(receiver) = heard.receiver().filter(|_| heard.has_time()) else { return };
        let key = (heard.channel, receiver);
        self.note_use(scene);
        match heard.kind() {
            FrameKind::Rts => self.request(scene, key, found),
            FrameKind::Cts => self.clear(scene, key, found),
            _ => {}
        }
        self.claim(scene, key, found);
    }

    fn request(&mut self, scene: Scene<'_>, key: Place, found: &mut Found) {
        let heard = scene.heard;
        let Some(asker) = heard.transmitter() else { return };
        self.last_request = Some(Request { at: heard.at, asker, asked: key });
        let receiver = self.receivers.entry(key, Receiver::default);
        receiver.answered -= WEIGHT * receiver.answered;
        receiver.used -= WEIGHT * receiver.used;
        self.last_claim = Some(Claim { at: heard.at, sender: asker, receiver: key });
        receiver.met(asker);
        let reached = receiver.rts.add(heard, scene.rules.threshold(Kind::RtsFlood));
        if let Some(it) = reached
            && receiver.answered < SHARE_MIN
            && receiver.used < SHARE_MIN
        {
            let evidence = EvidenceSet::of(&[Evidence::Rate, Evidence::Unanswered])
                .with_if(receiver.has_many_askers, Evidence::ManyTransmitters);
            found
                .add(scene, Kind::RtsFlood, evidence)
                .by(receiver.transmitter())
                .at_receiver(key.1, scene.air.is_network(key.1))
                .frames(it.since, it.frames);
        }
    }

    fn clear(&mut self, scene: Scene<'_>, key: Place, found: &mut Found) {
        let heard = scene.heard;
        let request = self.last_request.filter(|it| {
            it.asker == key.1 && it.asked.0 == key.0 && heard.at.since_us(it.at) <= ANSWER_US
        });
        if let Some(request) = request {
            self.last_request = None;
            let asked = self.receivers.entry(request.asked, Receiver::default);
            asked.answered += WEIGHT * (1.0 - asked.answered);
        }
        let receiver = self.receivers.entry(key, Receiver::default);
        let was_requested = if request.is_some() { 1.0 } else { 0.0 };
        receiver.requested += WEIGHT * (was_requested - receiver.requested);
        receiver.used -= WEIGHT * receiver.used;
        self.last_claim = Some(Claim { at: heard.at, sender: key.1, receiver: key });
        let threshold = scene.rules.threshold(Kind::CtsFlood);
        let is_odd = key.1.is_multicast()
            || heard.header().duration.is_some_and(|it| it == 0 || u64::from(it) > USE_US);
        let few = Threshold { frames: threshold.frames / ODD_PART, ..threshold };
        let by_odd = if is_odd { receiver.odd.add(heard, few) } else { None };
        let reached = receiver.cts.add(heard, threshold).or(by_odd);
        if let Some(it) = reached
            && receiver.requested < SHARE_MIN
            && receiver.used < SHARE_MIN
        {
            // A station clears itself to protect others from old neighbours, but never a group.
            let evidence = EvidenceSet::of(&[Evidence::Rate])
                .with_if(key.1.is_multicast() || by_odd.is_some(), Evidence::Forbidden);
            found
                .add(scene, Kind::CtsFlood, evidence)
                .at_receiver(key.1, scene.air.is_network(key.1))
                .frames(it.since, it.frames);
        }
    }

    /// A frame from whoever was cleared, or its acknowledgement where the frame itself was not heard.
    fn note_use(&mut self, scene: Scene<'_>) {
        let heard = scene.heard;
        let Some(claim) = self.last_claim else { return };
        let is_answer = matches!(heard.kind(), FrameKind::Ack | FrameKind::BlockAck)
            && heard.receiver() == Some(claim.sender);
        let is_claim = matches!(heard.kind(), FrameKind::Rts | FrameKind::Cts);
        let is_frame = !is_claim && heard.transmitter() == Some(claim.sender);
        if heard.at.since_us(claim.at) > USE_US || !(is_answer || is_frame) {
            return;
        }
        self.last_claim = None;
        if let Some(receiver) = self.receivers.get_mut(&claim.receiver) {
            receiver.used += WEIGHT * (1.0 - receiver.used);
        }
    }

    /// A frame that claims the channel for longer than any exchange lasts.
    fn claim(&mut self, scene: Scene<'_>, key: Place, found: &mut Found) {
        let heard = scene.heard;
        let Some(duration) = heard.header().duration else { return };
        if duration < CLAIM_US_MIN {
            return;
        }
        let receiver = self.receivers.entry(key, Receiver::default);
        if let Some(asker) = heard.transmitter() {
            receiver.met(asker);
        }
        if let Some(it) = receiver.claims.add(heard, scene.rules.threshold(Kind::VirtualCarrier)) {
            let evidence = EvidenceSet::of(&[Evidence::Rate, Evidence::Forbidden]);
            found
                .add(scene, Kind::VirtualCarrier, evidence)
                .by(receiver.transmitter())
                .at_receiver(key.1, scene.air.is_network(key.1))
                .frames(it.since, it.frames);
        }
    }
}

impl Receiver {
    fn met(&mut self, asker: Mac) {
        let first = *self.first_asker.get_or_insert(asker);
        self.has_many_askers |= first != asker;
    }

    fn transmitter(&self) -> Transmitter {
        match self.first_asker {
            None => Transmitter::Unnamed,
            Some(example) if self.has_many_askers => Transmitter::Invented { example },
            Some(address) => Transmitter::Own { address },
        }
    }
}
