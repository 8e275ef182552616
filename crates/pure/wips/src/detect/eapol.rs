//! EAPOL out of place: logoffs, successes and failures without an exchange, handshakes that are only
//! collected, and key messages that no honest side sends.

use model::Mac;

use super::meter::{Meter, Reached};
use super::{Found, Scene};
use crate::dot11::Anomaly;
use crate::dot11::data::{Content, Msdu, Payload, ethertype};
use crate::dot11::eap::{Code, Eap, Method};
use crate::dot11::eapol::{Key, Message, Packet};
use crate::dot11::management::{Management, Reason, Status};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::profile::Threshold;
use crate::table::Table;
use crate::window::{Distinct, scattered};

/// Pairs that are followed at once.
const PAIRS_MAX: usize = 4_096;
/// Nonces that are remembered, to see one come from two networks.
const NONCES_MAX: usize = 1_024;
/// Stations whose identities are counted at once. Each takes 400 bytes.
const IDENTITIES_MAX: usize = 512;
/// An exchange is over when nothing was said for so long (RFC 3748: 60 s for a person to type).
const EXCHANGE_US: u64 = 60_000_000;
/// What ended an exchange may be said again so soon: some captures hold a frame twice.
const AGAIN_US: u64 = 1_000_000;

/// So many times the threshold, where each frame is to another station. Ours: a sensor that comes in the
/// middle of a morning hears the ends of some exchanges.
const MANY: u32 = 5;

/// Watches EAPOL.
#[derive(Debug)]
pub(crate) struct Exchanges {
    pairs: Table<(Mac, Mac), Exchange>,
    /// Which network used a nonce.
    nonces: Table<u64, (Mac, CaptureTime)>,
    meters: Table<(Kind, Mac), Meter>,
    /// Which identities a station tried.
    identities: Table<Mac, Identities>,
    /// Where a station got a PMKID last, and when.
    collectors: Table<Mac, (Mac, CaptureTime)>,
}

/// Identities of one station.
#[derive(Debug, Default)]
struct Identities {
    tried: Distinct,
    meter: Meter,
}

/// What a network and one of its stations said lately.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each was said, or was not")]
struct Exchange {
    /// When a method was spoken last, until the exchange ended.
    method: CaptureTime,
    /// When it ended.
    ended: CaptureTime,
    /// The method is Wi-Fi Protected Setup, which ends every session with a failure.
    is_setup: bool,
    /// The station associated, and no message of a handshake came since.
    is_fresh: bool,
    /// The replay counter of the newest first message, until the third one.
    first: Option<u64>,
    has_second: bool,
    has_pmkid: bool,
}

impl Exchanges {
    pub(crate) fn new() -> Self {
        Self {
            pairs: Table::new(PAIRS_MAX),
            nonces: Table::new(NONCES_MAX),
            meters: Table::new(PAIRS_MAX),
            identities: Table::new(IDENTITIES_MAX),
            collectors: Table::new(NONCES_MAX),
        }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        if let Some(Management::Deauthentication(Reason::HANDSHAKE_TIMEOUT)) = heard.management() {
            self.refused(scene, found);
        }
        if let Some(Management::AssociationResponse(it)) = heard.management()
            && it.status == Status::SUCCESS
            && let Some(pair) = heard.pair()
        {
            let exchange = self.pairs.entry(pair, Exchange::default);
            let before = *exchange;
            *exchange = Exchange { is_fresh: true, ..Exchange::default() };
            if before.is_unanswered() && !is_served(scene, pair) {
                // It begins again, and has not answered before.
                let from = Transmitter::Own { address: pair.1 };
                let evidence = EvidenceSet::of(&[Evidence::Unanswered]);
                self.count(scene, Kind::PmkidHarvest, pair, evidence, from, found);
            }
        }
        let Some(eapol) = heard.eapol() else { return };
        let Some((bssid, station)) = heard.pair() else { return };
        match &eapol.packet {
            Packet::Logoff => {
                let is_stray = scene.is_stray(station);
                let evidence = EvidenceSet::of(&[Evidence::Unasked])
                    .with_if(is_stray, Evidence::SignalMismatch);
                let from = Transmitter::Spoofed { address: station };
                self.count(scene, Kind::EapolLogoff, (bssid, station), evidence, from, found);
            }
            Packet::Eap(eap) => {
                self.eap(scene, (bssid, station), eap, found);
                self.broken_tls(scene, (bssid, station), eap, found);
                if let Some(identity) = eap.identity().filter(|_| heard.is_to_ap()) {
                    self.identity(scene, (bssid, station), identity, found);
                }
            }
            Packet::Key(key) => self.key(scene, (bssid, station), key, found),
            Packet::Start | Packet::Other { .. } => {}
        }
    }

    fn count(
        &mut self,
        scene: Scene<'_>,
        kind: Kind,
        pair: (Mac, Mac),
        evidence: EvidenceSet,
        transmitter: Transmitter,
        found: &mut Found,
    ) {
        let threshold = scene.rules.threshold(kind);
        if let Some(it) = self.counted(scene, (kind, pair.0), threshold) {
            tell(scene, kind, pair, evidence, transmitter, it, found);
        }
    }

    fn counted(
        &mut self,
        scene: Scene<'_>,
        key: (Kind, Mac),
        threshold: Threshold,
    ) -> Option<Reached> {
        let heard = scene.heard;
        let meter = self.meters.entry(key, Meter::default);
        if heard.is_retry() { None } else { meter.add(heard, threshold) }
    }

    fn eap(&mut self, scene: Scene<'_>, pair: (Mac, Mac), eap: &Eap<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (bssid, station) = pair;
        let exchange = self.pairs.entry(pair, Exchange::default);
        let is_running =
            exchange.method != CaptureTime(0) && heard.at.since_us(exchange.method) <= EXCHANGE_US;
        match eap.code {
            Code::Request | Code::Response => {
                exchange.method = heard.at;
                exchange.is_setup = eap.wsc().is_some();
                if matches!(eap.method, Some(Method::LEAP | Method::MD5)) {
                    let detail = if eap.method == Some(Method::LEAP) { "LEAP" } else { "MD5" };
                    found
                        .add(scene, Kind::WeakEap, EvidenceSet::of(&[Evidence::Policy]))
                        .by(Transmitter::Own { address: station })
                        .against(Some(station))
                        .about(Some(bssid))
                        .named(scene.air.ssid(bssid))
                        .detail(detail);
                }
            }
            Code::Success | Code::Failure
                if exchange.ended != CaptureTime(0)
                    && heard.at.since_us(exchange.ended) <= AGAIN_US =>
            {
                exchange.method = CaptureTime(0);
            }
            Code::Success | Code::Failure if !is_running && heard.is_from_ap() => {
                let kind = if eap.code == Code::Success {
                    Kind::PrematureEapSuccess
                } else {
                    Kind::PrematureEapFailure
                };
                let evidence = EvidenceSet::of(&[Evidence::Unasked])
                    .with_if(scene.is_stray(bssid), Evidence::SignalMismatch);
                let from = Transmitter::Spoofed { address: bssid };
                // A sensor misses exchanges of several stations, but not two in a row of one.
                let own = self.counted(scene, (kind, station), scene.rules.threshold(kind));
                let all = self.counted(scene, (kind, bssid), of_many(scene.rules.threshold(kind)));
                if let Some(it) = own.or(all) {
                    tell(scene, kind, pair, evidence, from, it, found);
                }
            }
            Code::Success if heard.is_from_ap() => {
                (exchange.method, exchange.ended) = (CaptureTime(0), heard.at);
            }
            Code::Failure if heard.is_from_ap() && exchange.is_setup => {
                (exchange.method, exchange.ended) = (CaptureTime(0), heard.at);
            }
            Code::Failure if heard.is_from_ap() => {
                (exchange.method, exchange.ended) = (CaptureTime(0), heard.at);
                let from = Transmitter::Own { address: station };
                let evidence = EvidenceSet::of(&[Evidence::Refused]);
                self.count(scene, Kind::EapBruteForce, pair, evidence, from, found);
            }
            _ => {}
        }
    }

    /// A packet of TLS that contradicts itself.
    fn broken_tls(
        &mut self,
        scene: Scene<'_>,
        (bssid, station): (Mac, Mac),
        eap: &Eap<'_>,
        found: &mut Found,
    ) {
        let heard = scene.heard;
        let anomalies = heard.parsed.anomalies;
        let is_whole = !anomalies.contains(Anomaly::Cut) && !anomalies.contains(Anomaly::Eap);
        if !is_whole || !eap.has_broken_tls() {
            return;
        }
        let kind = Kind::MalformedEapTls;
        let from = heard.transmitter().unwrap_or_default();
        if let Some(it) = self.counted(scene, (kind, from), scene.rules.threshold(kind)) {
            let transmitter = if heard.is_from_ap() {
                Transmitter::Spoofed { address: bssid }
            } else {
                Transmitter::Own { address: station }
            };
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Forbidden]))
                .by(transmitter)
                .against(heard.receiver())
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(it.since, it.frames);
        }
    }

    /// A station that says each time that it is somebody else looks for names that exist.
    fn identity(&mut self, scene: Scene<'_>, pair: (Mac, Mac), identity: &[u8], found: &mut Found) {
        let heard = scene.heard;
        let kind = Kind::EapBruteForce;
        let threshold = scene.rules.threshold(kind);
        let name = identity.iter().fold(0, |hash, byte| scattered(hash ^ u64::from(*byte)));
        let identities = self.identities.entry(pair.1, Identities::default);
        if !identities.tried.add(heard.dwell_us, threshold.span_us(), name) {
            return;
        }
        if let Some(it) = identities.meter.add(heard, threshold) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Rate]))
                .by(Transmitter::Own { address: pair.1 })
                .against(Some(pair.1))
                .about(Some(pair.0))
                .named(scene.air.ssid(pair.0))
                .frames(it.since, it.frames)
                .detail("one identity after the other");
        }
    }

    fn key(&mut self, scene: Scene<'_>, pair: (Mac, Mac), key: &Key<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (bssid, station) = pair;
        let anomalies = heard.parsed.anomalies;
        let broken = [Anomaly::KeyData, Anomaly::EapolKey, Anomaly::Eapol];
        let is_broken = broken.iter().any(|it| anomalies.contains(*it));
        if is_broken && !anomalies.contains(Anomaly::Cut) {
            let from = heard.transmitter().unwrap_or_default();
            found
                .add(scene, Kind::MalformedKey, EvidenceSet::of(&[Evidence::Forbidden]))
                .by(Transmitter::Spoofed { address: from })
                .against(heard.receiver())
                .about(Some(bssid))
                .named(scene.air.ssid(bssid));
            return;
        }
        let exchange = self.pairs.entry(pair, Exchange::default);
        let before = *exchange;
        match key.message() {
            Message::M1 => {
                *exchange = Exchange {
                    is_fresh: false,
                    first: Some(key.replay_counter),
                    has_pmkid: before.has_pmkid || key.pmkid().is_some(),
                    ..before
                };
                if !before.has_pmkid && key.pmkid().is_some() {
                    found
                        .add(scene, Kind::PmkidExposed, EvidenceSet::of(&[Evidence::Policy]))
                        .by(Transmitter::Own { address: bssid })
                        .about(Some(bssid))
                        .named(scene.air.ssid(bssid));
                }
                self.nonce(scene, pair, key, found);
                if key.pmkid().is_some() {
                    self.collects(scene, pair, found);
                }
            }
            Message::M2 => (exchange.has_second, exchange.is_fresh) = (true, false),
            Message::M3 => {
                let Exchange { method, ended, .. } = before;
                *exchange = Exchange { method, ended, ..Exchange::default() };
            }
            // A station reports frames whose check failed; the access point closes after two.
            Message::Request if key.info.error() => {
                let from = Transmitter::Unnamed;
                let evidence = EvidenceSet::of(&[Evidence::Refused]);
                let kind = Kind::MichaelFailure;
                self.count(scene, kind, pair, evidence, from, found);
            }
            // A group key for a station that has no pairwise key yet: some stations took it, and spoke to
            // whoever had sent it (Vanhoef, Black Hat 2017, on OpenBSD).
            Message::Group1 if before.is_fresh => {
                found
                    .add(scene, Kind::HandshakeSkipped, EvidenceSet::of(&[Evidence::Forbidden]))
                    .by(Transmitter::Spoofed { address: bssid })
                    .against(Some(station))
                    .about(Some(bssid))
                    .named(scene.air.ssid(bssid))
                    .detail("group key without a pairwise key");
            }
            _ => {}
        }
    }

    /// A random number of one network that another one sends is nobody's random number: somebody without
    /// a network of his own asks stations for second messages.
    fn nonce(&mut self, scene: Scene<'_>, pair: (Mac, Mac), key: &Key<'_>, found: &mut Found) {
        let (bssid, station) = pair;
        if key.has_zero_nonce() {
            return;
        }
        let name = key.nonce.iter().fold(0, |hash, byte| scattered(hash ^ u64::from(*byte)));
        let (first, since) = *self.nonces.entry(name, || (bssid, scene.heard.at));
        if first != bssid {
            let evidence = EvidenceSet::of(&[Evidence::Signature])
                .with_if(scene.heard.is_bare, Evidence::Injected);
            found
                .add(scene, Kind::HandshakeHarvest, evidence)
                .by(Transmitter::Spoofed { address: bssid })
                .against(Some(station))
                .frames(since, 1)
                .detail("one nonce under several networks");
        }
    }

    /// A station that gets one PMKID after the other, from several networks, and answers none.
    fn collects(&mut self, scene: Scene<'_>, pair: (Mac, Mac), found: &mut Found) {
        let heard = scene.heard;
        let (bssid, station) = pair;
        let at = heard.at;
        let last = self.collectors.entry(station, || (bssid, at));
        let (other, since) = std::mem::replace(last, (bssid, at));
        let kind = Kind::PmkidHarvest;
        let threshold = scene.rules.threshold(kind);
        let before = self.pairs.get(&(other, station));
        let is_left = before.is_some_and(Exchange::is_unanswered);
        if other == bssid || !is_left || is_served(scene, (other, station)) {
            return;
        }
        let meter = self.meters.entry((kind, station), Meter::default);
        if let Some(it) = meter.add(heard, threshold) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Unanswered, Evidence::Rate]))
                .by(Transmitter::Own { address: station })
                .frames(it.since.min(since), it.frames)
                .detail("from several networks");
        }
    }

    /// The access point gives up a handshake.
    fn refused(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(pair) = heard.pair().filter(|_| heard.is_from_ap()) else { return };
        let Some(exchange) = self.pairs.get(&pair).copied() else { return };
        let (bssid, station) = pair;
        let from = Transmitter::Own { address: station };
        let evidence = EvidenceSet::of(&[Evidence::Refused]);
        if exchange.has_second {
            let kind = Kind::RepeatedAuthenticationFailure;
            self.count(scene, kind, pair, evidence, from, found);
        } else if exchange.has_pmkid && exchange.first.is_some() {
            self.count(scene, Kind::PmkidHarvest, (bssid, station), evidence, from, found);
        }
    }
}

/// Of many stations, so many times as many.
fn of_many(threshold: Threshold) -> Threshold {
    Threshold { frames: threshold.frames.saturating_mul(MANY), ..threshold }
}

fn tell(
    scene: Scene<'_>,
    kind: Kind,
    (bssid, station): (Mac, Mac),
    evidence: EvidenceSet,
    transmitter: Transmitter,
    it: Reached,
    found: &mut Found,
) {
    found
        .add(scene, kind, evidence.with(Evidence::Rate))
        .by(transmitter)
        .against(Some(station))
        .about(Some(bssid))
        .named(scene.air.ssid(bssid))
        .frames(it.since, it.frames)
        .by_reaction_if(evidence.has(Evidence::Refused));
}

impl Exchange {
    /// A PMKID was sent, and no second message came.
    fn is_unanswered(&self) -> bool {
        self.has_pmkid && self.first.is_some() && !self.has_second
    }
}

/// Whether an access point sends a station what only one that has its key can read: then the sensor has
/// missed the handshake.
fn is_served(scene: Scene<'_>, (bssid, station): (Mac, Mac)) -> bool {
    scene.air.joined(station).is_some_and(|it| it.bssid == bssid && it.is_encrypted)
}

/// The group of port access entities is for the access point too (IEEE 802.1X, 11.1.1).
const PAE_GROUP: Mac = Mac([0x01, 0x80, 0xc2, 0x00, 0x00, 0x03]);

/// A key message that the access point passes on for a station, or to one from a stranger, before
/// either has proven anything.
pub(crate) fn is_forwarded(scene: Scene<'_>) -> bool {
    let heard = scene.heard;
    let is_eapol = matches!(
        heard.data().map(|it| &it.payload),
        Some(Payload::Msdu(Msdu {
            ethertype: Some(ethertype::EAPOL),
            content: Content::Eapol(_),
            ..
        }))
    );
    let Some(bssid) = heard.bssid().filter(|_| is_eapol) else { return false };
    let (source, destination) = (heard.header().source(), heard.header().destination());
    if heard.is_from_ap() {
        source.is_some_and(|it| it != bssid)
    } else {
        heard.is_to_ap() && destination.is_some_and(|it| it != bssid && it != PAE_GROUP)
    }
}
