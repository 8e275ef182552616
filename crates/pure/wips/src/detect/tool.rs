//! Patterns of known tools.

use model::Mac;

use super::{Found, Scene};
use crate::dot11::element::ElementId;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};

/// Pwnagotchi advertises itself to others of its kind from this address (its source, `mesh/wifi.py`).
const PWNAGOTCHI: Mac = Mac([0xde, 0xad, 0xbe, 0xef, 0xde, 0xad]);
/// In an element of this number, as JSON.
const PWNAGOTCHI_ELEMENT: ElementId = ElementId(222);
/// The made-up vendor of the `WiFi` Pineapple (Kismet, `KARMAOUI`).
const PINEAPPLE: [u8; 3] = [0x00, 0x13, 0x37];
/// The network of a forgotten tool that drivers still carry (Kismet, `AIRJACKSSID`).
const AIRJACK: &[u8] = b"AirJack";

/// Says which tool sent a frame.
pub(crate) fn see(scene: Scene<'_>, found: &mut Found) {
    let heard = scene.heard;
    let (Some(advert), Some(from)) = (&heard.advert, heard.transmitter()) else { return };
    let Mac([a, b, c, ..]) = from;
    let says_json = || {
        let value = heard.parsed.elements.find(PWNAGOTCHI_ELEMENT);
        value.is_some_and(|it| it.starts_with(b"{"))
    };
    let detail = if from == PWNAGOTCHI && says_json() {
        "Pwnagotchi"
    } else if [a, b, c] == PINEAPPLE {
        "WiFi Pineapple"
    } else if advert.ssid == Some(AIRJACK) {
        "AirJack"
    } else {
        return;
    };
    found
        .add(scene, Kind::Tool, EvidenceSet::of(&[Evidence::Signature, Evidence::Forbidden]))
        .by(Transmitter::Own { address: from })
        .about(Some(from))
        .detail(detail);
}
