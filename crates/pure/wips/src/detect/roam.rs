//! Stations that move from access point to access point again and again.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::table::Table;

/// Stations that are followed at once.
const STATIONS_MAX: usize = 2_048;

/// Watches who joins whom.
#[derive(Debug)]
pub(crate) struct Roams {
    stations: Table<Mac, Roam>,
}

#[derive(Debug, Clone, Copy)]
struct Roam {
    /// Where it was heard first; the incident is told of there, wherever it goes.
    home: Mac,
    now: Mac,
    meter: Meter,
}

impl Roams {
    pub(crate) fn new() -> Self {
        Self { stations: Table::new(STATIONS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        if !heard.takes_in() || heard.is_retry() || !heard.has_time() || !heard.is_from_ap() {
            return;
        }
        let Some((bssid, station)) = heard.pair() else { return };
        let make = || Roam { home: bssid, now: bssid, meter: Meter::default() };
        let roam = self.stations.entry(station, make);
        if std::mem::replace(&mut roam.now, bssid) == bssid {
            return;
        }
        let kind = Kind::ExcessiveRoaming;
        if let Some(it) = roam.meter.add(heard, scene.rules.threshold(kind)) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Rate]))
                .by(Transmitter::Own { address: station })
                .against(Some(station))
                .about(Some(roam.home))
                .named(scene.air.ssid(roam.home))
                .frames(it.since, it.frames)
                .by_reaction();
        }
    }
}
