//! PINs of Wi-Fi Protected Setup that are tried one after the other.
//!
//! Counting third messages fails as soon as the access point locks its setup and refuses earlier. What
//! every attempt has is its end: a NACK.

use model::Mac;

use super::meter::{Meter, Reached};
use super::{Found, Scene};
use crate::dot11::eap::{Eap, WscOp};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;

/// Networks that are followed at once.
const NETWORKS_MAX: usize = 1_024;

/// No session is shorter: it takes eight messages, each of which the access point computes a while for.
const SESSION_US: u64 = 100_000;

/// Counts refused sessions.
#[derive(Debug)]
pub(crate) struct Setups {
    networks: Table<Mac, (Meter, CaptureTime)>,
}

impl Setups {
    pub(crate) fn new() -> Self {
        Self { networks: Table::new(NETWORKS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(wsc) = heard.eapol().and_then(|it| it.eap()).and_then(Eap::wsc) else {
            return;
        };
        let Some((bssid, station)) = heard.pair() else { return };
        if wsc.op != WscOp::Nack || heard.is_retry() {
            return;
        }
        let kind = Kind::WpsBruteForce;
        let (meter, last) = self.networks.entry(bssid, Default::default);
        // Both sides may say it; that is one session.
        let is_same = heard.at.since_us(std::mem::replace(last, heard.at)) <= SESSION_US;
        let reached = if is_same {
            meter.is_reached().then_some(Reached { since: heard.at, frames: 0 })
        } else {
            meter.add(heard, scene.rules.threshold(kind))
        };
        let Some(it) = reached else { return };
        let is_locked = scene.air.network(bssid).is_some_and(|it| it.is_wps_locked);
        let evidence = EvidenceSet::of(&[Evidence::Rate, Evidence::Signature])
            .with_if(is_locked, Evidence::Refused);
        found
            .add(scene, kind, evidence)
            .by(Transmitter::Own { address: station })
            .against(Some(bssid))
            .about(Some(bssid))
            .named(scene.air.ssid(bssid))
            .frames(it.since, it.frames)
            .by_reaction_if(heard.is_from_ap());
    }
}
