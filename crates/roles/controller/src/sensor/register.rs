//! The sensors of a controller and how each of them is.
//!
//! Whoever drives a sensor counts and says what went wrong; whether it is silent is found here, so that it
//! means the same for all of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Mac, Time};
use nmsp::{Sensor, SensorMode, SensorState};
use wips::CaptureTime;

use super::config::SensorConfig;

/// Longest text about a sensor: what NMSP carries of a text.
const TEXT_BYTES_MAX: usize = 255;

/// One sensor. Counters are those since the start.
#[derive(Debug)]
pub(super) struct Entry {
    number: u32,
    name: String,
    pub(super) ap: Option<Mac>,
    mode: SensorMode,
    silent_ms: u64,
    packets: AtomicU64,
    dropped: AtomicU64,
    /// When the newest packet was captured, in microseconds; zero before the first.
    last_us: AtomicU64,
    /// When something came, by our steady clock.
    heard: AtomicU64,
    health: Mutex<Health>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Health {
    state: SensorState,
    text: String,
}

impl Entry {
    pub(super) fn new(number: u32, config: &SensorConfig, now: Time) -> Self {
        Self {
            number,
            name: config.name.clone(),
            ap: config.ap,
            mode: config.mode,
            silent_ms: u64::from(config.silent_s) * 1_000,
            packets: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
            heard: AtomicU64::new(now.0),
            health: Mutex::new(Health { state: SensorState::Capturing, text: String::new() }),
        }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// A packet came.
    pub(super) fn heard(&self, captured: CaptureTime, now: Time) {
        self.packets.fetch_add(1, Ordering::Relaxed);
        self.last_us.fetch_max(captured.0, Ordering::Relaxed);
        self.heard.store(now.0, Ordering::Relaxed);
    }

    /// Packets found no room.
    pub(super) fn dropped(&self, packets: u64) {
        self.dropped.fetch_add(packets, Ordering::Relaxed);
    }

    /// Packets so far.
    pub(super) fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }

    /// It captures, from now on, or still. The text is what a person shall know all the same.
    pub(super) fn captures(&self, text: Option<String>, now: Time) {
        if self.health().state != SensorState::Capturing {
            self.heard.store(now.0, Ordering::Relaxed);
        }
        self.is(SensorState::Capturing, text.unwrap_or_default());
    }

    /// It cannot capture.
    pub(super) fn fails(&self, text: &impl ToString) {
        self.is(SensorState::Failed, text.to_string());
    }

    /// It has come to its end.
    pub(super) fn ends(&self, text: Option<String>) {
        self.is(SensorState::Ended, text.unwrap_or_default());
    }

    fn is(&self, state: SensorState, mut text: String) {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        *self.health() = Health { state, text };
    }

    /// How it is at `now`.
    pub(super) fn shown(&self, now: Time) -> Sensor {
        let Health { state, mut text } = self.health().clone();
        let quiet_ms = now.since_ms(Time(self.heard.load(Ordering::Relaxed)));
        let is_silent = state == SensorState::Capturing && quiet_ms >= self.silent_ms;
        if is_silent && text.is_empty() {
            "nothing has come from it for too long".clone_into(&mut text);
        }
        let last = Some(self.last_us.load(Ordering::Relaxed)).filter(|us| *us != 0);
        Sensor {
            number: self.number,
            ap: self.ap,
            name: self.name.clone(),
            mode: self.mode,
            state: if is_silent { SensorState::Silent } else { state },
            text,
            last: last.map(|us| CaptureTime(us).to_time()),
            packets: self.packets(),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All sensors, in the order of the configuration, which is that of their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Register(Arc<[Arc<Entry>]>);

impl Register {
    pub(super) fn new(configs: &[SensorConfig], now: Time) -> Self {
        Self((0..).zip(configs).map(|(number, it)| Arc::new(Entry::new(number, it, now))).collect())
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.0.iter()
    }

    pub(super) fn shown(&self, now: Time) -> Vec<Sensor> {
        self.0.iter().map(|it| it.shown(now)).collect()
    }

    /// Packets of a sensor found no room.
    pub(super) fn dropped(&self, number: u32, packets: u64) {
        if let Some(entry) = self.0.get(number as usize) {
            entry.dropped(packets);
        }
    }
}

/// Says what changed between two looks at all sensors, and returns those that did.
#[derive(Debug, Default)]
pub(super) struct Watch(Vec<(SensorState, String)>);

impl Watch {
    pub(super) fn look(&mut self, sensors: &[Sensor]) -> Vec<Sensor> {
        self.0.resize(sensors.len(), (SensorState::Capturing, String::new()));
        let mut changed = Vec::new();
        for (sensor, (state, text)) in sensors.iter().zip(&mut self.0) {
            if (*state, text.as_str()) == (sensor.state, sensor.text.as_str()) {
                continue;
            }
            tell(sensor, *state);
            (*state, *text) = (sensor.state, sensor.text.clone());
            changed.push(sensor.clone());
        }
        changed
    }
}

fn tell(sensor: &Sensor, before: SensorState) {
    let Sensor { name, state, text, packets, .. } = sensor;
    match state {
        SensorState::Silent => tracing::warn!(sensor = name, packets, text, "sensor is silent"),
        SensorState::Failed => tracing::warn!(sensor = name, text, "sensor cannot capture"),
        SensorState::Ended => tracing::info!(sensor = name, packets, text, "sensor has ended"),
        SensorState::Capturing if text.is_empty() || *state != before => {
            tracing::info!(sensor = name, text, "sensor captures");
        }
        // It went on regardless of what the text says.
        SensorState::Capturing => tracing::warn!(sensor = name, text, "sensor needs a look"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let text = "name = 'lobby'\nkind = 'file'\npath = 'x'\nsilent_s = 5";
        Entry::new(3, &toml::from_str(text).unwrap(), Time(1_000))
    }

    #[test]
    fn a_sensor_is_silent_until_something_comes() {
        let entry = entry();
        let state = |at| entry.shown(Time(at)).state;
        assert_eq!((state(5_999), state(6_000)), (SensorState::Capturing, SensorState::Silent));
        entry.heard(CaptureTime(77_000), Time(6_500));
        assert_eq!(state(7_000), SensorState::Capturing);
        let shown = entry.shown(Time(7_000));
        assert_eq!((shown.number, shown.packets, shown.last), (3, 1, Some(Time(77))));
    }

    #[test]
    fn what_failed_or_ended_is_not_silent() {
        let entry = entry();
        entry.fails(&"x".repeat(300));
        let shown = entry.shown(Time(90_000));
        assert_eq!((shown.state, shown.text.len()), (SensorState::Failed, TEXT_BYTES_MAX));
        entry.captures(None, Time(90_000));
        assert_eq!(entry.shown(Time(94_999)).state, SensorState::Capturing, "it has its time");
        entry.ends(None);
        assert_eq!(entry.shown(Time(900_000)).state, SensorState::Ended);
    }

    #[test]
    fn a_change_is_told_once() {
        let entry = entry();
        let mut watch = Watch::default();
        let mut states = |at| {
            let changed = watch.look(&[entry.shown(Time(at))]);
            changed.into_iter().map(|it| it.state).collect::<Vec<_>>()
        };
        assert_eq!(states(2_000), []);
        assert_eq!(states(7_000), [SensorState::Silent]);
        assert_eq!(states(8_000), []);
        entry.heard(CaptureTime(1), Time(8_500));
        assert_eq!(states(9_000), [SensorState::Capturing]);
    }
}
