//! Frames that contradict the standard.
//!
//! Some devices write an odd element all their lives. That is a defect, and it is the same in every
//! frame. Who looks for a driver's weakness varies: what counts is each *new* way in which a transmitter
//! is wrong.

use super::meter::Crowd;
use super::{Found, Scene};
use crate::dot11::header::{FrameType, Kind as FrameKind};
use crate::dot11::{Anomalies, Anomaly, Channel};
use crate::incident::{Evidence, EvidenceSet, Kind};
use crate::table::Table;
use crate::window::scattered;

/// Ways of transmitters that are remembered.
const WAYS_MAX: usize = 4_096;
/// Channels that are followed at once.
const CHANNELS_MAX: usize = 64;
/// What damage on the air leaves as well, where sensors do not check.
const DAMAGE: Anomalies = Anomalies::of(&[Anomaly::GroupTransmitter, Anomaly::SecurityHeader]);

/// Watches for malformed frames.
#[derive(Debug)]
pub(crate) struct Malformed {
    ways: Table<u64, ()>,
    channels: Table<Option<Channel>, Crowd>,
}

impl Malformed {
    pub(crate) fn new() -> Self {
        Self { ways: Table::new(WAYS_MAX), channels: Table::new(CHANNELS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let anomalies = heard.parsed.anomalies;
        let wrong = anomalies.of_sender().without(DAMAGE);
        let is_management = heard.kind() != FrameKind::Empty
            && heard.header().control.frame_type() == FrameType::Management;
        let is_cut = !anomalies.without(anomalies.of_sender()).is_empty();
        if wrong.is_empty() || is_cut || !heard.has_time() || heard.eapol().is_some() {
            return;
        }
        if !is_management && !wrong.contains(Anomaly::Version) {
            return;
        }
        let from = heard.transmitter().unwrap_or_default();
        let name = wrong.iter().fold(from.to_u64(), |name, it| scattered(name ^ (it as u64 + 1)));
        if self.ways.get(&name).is_some() {
            self.ways.entry(name, || ());
            return;
        }
        self.ways.entry(name, || ());
        let kind = Kind::MalformedFrames;
        let crowd = self.channels.entry(heard.channel, Crowd::default);
        let Some(it) = crowd.add(heard, scene.rules.threshold(kind), from, from.to_u64()) else {
            return;
        };
        // Damage takes frames of many radios, fuzzing is one radio's.
        if !it.is_one_radio && heard.signal_dbm.is_some() {
            return;
        }
        let what = wrong.iter().next().map_or("", Anomaly::text);
        let evidence = EvidenceSet::of(&[Evidence::Rate, Evidence::Forbidden])
            .with_if(it.is_one_radio, Evidence::OneRadio);
        found
            .add(scene, kind, evidence)
            .by(it.transmitter)
            // A receiver that nobody knows is as much an invention as the rest.
            .against(heard.receiver().filter(|it| scene.air.radio(*it).is_some()))
            .frames(it.reached.since, it.reached.frames)
            .detail(what);
    }
}
