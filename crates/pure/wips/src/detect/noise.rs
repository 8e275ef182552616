//! Noise that rises and stays, as far as frames tell it.
//!
//! A jammer sends no frames. Some cards tell the noise beside each frame that they still hear; where it
//! rises by far and stays, something sends without 802.11. A jammer that drowns every frame cannot be told
//! from a quiet night or a card that stopped, so silence alone says nothing.

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::Channel;
use crate::incident::{Evidence, EvidenceSet, Kind};
use crate::packet::SensorId;
use crate::table::Table;

/// Sensors and channels that are followed at once.
const PLACES_MAX: usize = 4_096;
/// Frames that make a floor. Ours: some seconds of a home.
const LEARNED: u32 = 200;
/// Weight of a frame in the floor, once learnt, and in the noise now.
const FLOOR_WEIGHT: f32 = 0.001;
const NOW_WEIGHT: f32 = 0.05;
/// So far above the floor is no weather, in dB. Ours: floors that cards tell differ by 10 dB from second to
/// second on a busy channel.
const RAISED_DB: f32 = 15.0;
/// What cards tell that do not measure it.
const LEAST_DBM: f32 = -120.0;
const MOST_DBM: f32 = -20.0;

/// Watches the noise of each channel at each sensor.
#[derive(Debug)]
pub(crate) struct Noises {
    places: Table<(SensorId, Option<Channel>), Place>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    floor: f32,
    now: f32,
    frames: u32,
    meter: Meter,
}

impl Noises {
    pub(crate) fn new() -> Self {
        Self { places: Table::new(PLACES_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let Some(noise) = heard.parsed.radio.noise.map(|it| it.0) else { return };
        if !(LEAST_DBM..=MOST_DBM).contains(&noise) || !heard.has_time() {
            return;
        }
        let place = self.places.entry((heard.sensor, heard.channel), Place::default);
        place.frames = place.frames.saturating_add(1);
        let few = 1.0 / place.frames as f32;
        place.now += NOW_WEIGHT.max(few) * (noise - place.now);
        let is_raised = place.frames > LEARNED && place.now - place.floor >= RAISED_DB;
        if !is_raised {
            place.floor += FLOOR_WEIGHT.max(few) * (noise - place.floor);
            return;
        }
        let kind = Kind::NoiseRaised;
        if let Some(it) = place.meter.add(heard, scene.rules.threshold(kind)) {
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Rate]))
                .frames(it.since, it.frames)
                .by_reaction();
        }
    }
}
