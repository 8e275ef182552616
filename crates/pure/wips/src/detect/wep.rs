//! WEP: one frame sent again and again, frames that change by a byte, many short fragments, weak
//! initialisation vectors.
//!
//! Replayed to an access point, a frame comes back from it. Who pretends to be the access point sends to a
//! station what no station had sent, and the station answers (Caffe Latte, Hirte).

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::data::{Payload, Security};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::table::Table;

/// Sources that are followed at once.
const SOURCES_MAX: usize = 1_024;
/// A fragment so short carries no more than the 8 bytes that fragmentation attacks know in advance,
/// with check value (aircrack-ng, `aireplay-ng -5`).
const SHORT_BYTES: usize = 12;

/// Watches WEP traffic.
#[derive(Debug)]
pub(crate) struct Wep {
    sources: Table<Mac, Source>,
}

#[derive(Debug, Default)]
struct Source {
    bytes: usize,
    same: Meter,
    grows: Meter,
    short: Meter,
    weak: Meter,
    /// It sent to an access point itself.
    is_up: bool,
}

impl Wep {
    pub(crate) fn new() -> Self {
        Self { sources: Table::new(SOURCES_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(data) = heard.data().filter(|_| heard.has_time() && !heard.is_retry()) else {
            return;
        };
        let (Some(Security::Wep { iv, .. }), Payload::Encrypted(bytes)) =
            (data.security, data.payload)
        else {
            return;
        };
        let Some(from) = heard.header().source() else { return };
        let source = self.sources.entry(from, Source::default);
        let is_short = bytes.len() <= SHORT_BYTES && heard.header().control.more_fragments();
        let is_to_all = heard.header().destination().is_some_and(Mac::is_multicast);
        source.is_up |= heard.is_to_ap();
        let detail = if source.is_up { "" } else { "Caffe Latte or Hirte" };
        let differs = bytes.len().abs_diff(source.bytes);
        source.bytes = bytes.len();
        let threshold = |kind| scene.rules.threshold(kind);
        if is_short && let Some(it) = source.short.add(heard, threshold(Kind::WepCracking)) {
            tell(scene, from, Kind::WepCracking, it, "short fragments", found);
        }
        if is_weak(iv)
            && let Some(it) = source.weak.add(heard, threshold(Kind::WeakWepIv))
        {
            let bssid = heard.bssid();
            found
                .add(scene, Kind::WeakWepIv, EvidenceSet::of(&[Evidence::Policy]))
                .by(Transmitter::Own { address: from })
                .about(bssid)
                .named(bssid.and_then(|it| scene.air.ssid(it)))
                .frames(it.since, it.frames);
        }
        if is_to_all && differs == 0 {
            if let Some(it) = source.same.add(heard, threshold(Kind::WepReplay)) {
                tell(scene, from, Kind::WepReplay, it, detail, found);
            }
        } else if is_to_all
            && differs == 1
            && let Some(it) = source.grows.add(heard, threshold(Kind::WepCracking))
        {
            tell(scene, from, Kind::WepCracking, it, "chop-chop", found);
        }
    }
}

/// Whether a vector betrays a byte of the key: 3 and so on for each byte of a key of 104 bits, and 255
/// (Fluhrer, Mantin and Shamir, 2001, 7.1).
fn is_weak([first, second, _]: [u8; 3]) -> bool {
    (3..16).contains(&first) && second == 255
}

fn tell(
    scene: Scene<'_>,
    from: Mac,
    kind: Kind,
    it: super::meter::Reached,
    detail: &'static str,
    found: &mut Found,
) {
    let bssid = scene.heard.bssid();
    found
        .add(scene, kind, EvidenceSet::of(&[Evidence::Rate, Evidence::Signature]))
        .by(Transmitter::Own { address: from })
        .against(bssid)
        .about(bssid)
        .named(bssid.and_then(|it| scene.air.ssid(it)))
        .frames(it.since, it.frames)
        .detail(detail);
}
