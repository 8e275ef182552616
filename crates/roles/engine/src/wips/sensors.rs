//! The sensors of all controllers, under numbers of the engine.
//!
//! A controller numbers its sensors from anew when it starts. The engine's number of a sensor is made of
//! the controller's address and the sensor's number there, so it is the same after a restart and on both
//! nodes of a pair, and incidents of the past still say who heard them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use model::{Mac, Time};
use nmsp::{SensorMode, SensorState};
use wips::SensorId;

/// Sensors of one engine; the machine tells as many apart.
pub const SENSORS_MAX: usize = 4_096;
/// Places that are tried for a number when another sensor has it. Ours: with 4,096 of 2^31 numbers in
/// use, the second one is free.
const TRIES: u32 = 8;

/// One sensor, as its controller told it last.
#[derive(Debug, Clone)]
pub struct Known {
    /// Address of its controller.
    pub controller: Arc<str>,
    /// What the controller says of it. Without its word, what is heard says that it is there.
    pub sensor: nmsp::Sensor,
    /// When the controller spoke of it, or handed over what it captured.
    pub heard: Time,
}

/// Every sensor that is known; shared by the links, which write it, and by whoever asks.
#[derive(Debug, Clone, Default)]
pub struct Sensors(Arc<RwLock<BTreeMap<SensorId, Known>>>);

/// How many there are, by state and by mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// That capture.
    pub capturing: usize,
    /// That nothing comes from.
    pub silent: usize,
    /// That cannot capture.
    pub failed: usize,
    /// That have come to their end.
    pub ended: usize,
    /// Distinct access points that do nothing else.
    pub monitor_mode_aps: usize,
    /// Distinct access points that serve clients besides.
    pub local_mode_aps: usize,
}

impl Sensors {
    /// Reads the table. Hold it briefly: links wait meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, BTreeMap<SensorId, Known>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A controller speaks of its sensors.
    pub fn tell(
        &self,
        controller: &Arc<str>,
        told: impl IntoIterator<Item = nmsp::Sensor>,
        now: Time,
    ) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for sensor in told {
            let Some(id) = number(&known, controller, sensor.number) else { continue };
            known.insert(id, Known { controller: Arc::clone(controller), sensor, heard: now });
        }
    }

    /// The number of a sensor whose packets arrive, known or not; nothing when there are too many.
    pub fn hear(&self, controller: &Arc<str>, sensor: u32, now: Time) -> Option<SensorId> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let id = number(&known, controller, sensor)?;
        known.entry(id).or_insert_with(|| unannounced(controller, sensor, now)).heard = now;
        Some(id)
    }

    /// A controller begins anew: its sensors are those that it tells from now on.
    pub fn forget(&self, controller: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, it| &*it.controller != controller);
    }

    /// What a sensor is called, and the access point that it is.
    pub fn name(&self, id: SensorId) -> Option<(String, Option<Mac>)> {
        self.read().get(&id).map(|it| (it.sensor.name.clone(), it.sensor.ap))
    }

    /// How many there are; `is_up` says whether a controller is connected.
    pub fn tally(&self, is_up: impl Fn(&str) -> bool) -> Tally {
        let mut tally = Tally::default();
        let (mut monitor, mut local) = (BTreeSet::new(), BTreeSet::new());
        for (id, known) in self.read().iter() {
            match known.state(is_up(&known.controller)) {
                SensorState::Capturing => tally.capturing += 1,
                SensorState::Silent => tally.silent += 1,
                SensorState::Failed => tally.failed += 1,
                SensorState::Ended => tally.ended += 1,
            }
            // A sensor beside no access point counts as one itself.
            let ap = known.sensor.ap.map_or(u64::from(id.0), |ap| ap.to_u64() | 1 << 48);
            match known.sensor.mode {
                SensorMode::Monitor => monitor.insert(ap),
                SensorMode::Local => local.insert(ap),
            };
        }
        tally.monitor_mode_aps = monitor.len();
        tally.local_mode_aps = local.len();
        tally
    }
}

impl Known {
    /// How it is, as far as anybody can tell: nothing comes from a controller that is not connected.
    pub fn state(&self, is_up: bool) -> SensorState {
        match self.sensor.state {
            SensorState::Capturing if !is_up => SensorState::Silent,
            state => state,
        }
    }

    /// Why it is so.
    pub fn text(&self, is_up: bool) -> String {
        match self.sensor.state {
            SensorState::Capturing if !is_up => {
                format!("the controller {} is not connected", self.controller)
            }
            _ => self.sensor.text.clone(),
        }
    }
}

/// The number of a sensor, whether it is known or not; nothing when there is no room for a new one.
fn number(known: &BTreeMap<SensorId, Known>, controller: &str, sensor: u32) -> Option<SensorId> {
    let first = hashed(controller, sensor);
    let mut tries = (0..TRIES).map(|nth| SensorId(first.wrapping_add(nth) & i32::MAX as u32));
    let id = tries.find(|id| {
        known.get(id).is_none_or(|it| &*it.controller == controller && it.sensor.number == sensor)
    })?;
    (known.contains_key(&id) || known.len() < SENSORS_MAX).then_some(id)
}

/// FNV-1a; the numbers are no secret, and 31 bits are read by everybody.
fn hashed(controller: &str, sensor: u32) -> u32 {
    let bytes = controller.bytes().chain(sensor.to_be_bytes());
    bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A sensor that sends what it captures before its controller spoke of it.
fn unannounced(controller: &Arc<str>, number: u32, now: Time) -> Known {
    let sensor = nmsp::Sensor {
        number,
        ap: None,
        name: format!("{controller} sensor {number}"),
        mode: SensorMode::Monitor,
        state: SensorState::Capturing,
        text: String::new(),
        last: Some(now),
        packets: 0,
        dropped: 0,
    };
    Known { controller: Arc::clone(controller), sensor, heard: now }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor(number: u32, ap: u8, mode: SensorMode) -> nmsp::Sensor {
        let mut known = unannounced(&"wlc:1".into(), number, Time(1)).sensor;
        (known.ap, known.mode) = (Some(Mac([0, 0, 0, 0, 0, ap])), mode);
        known
    }

    #[test]
    fn a_sensor_keeps_its_number_and_no_two_share_one() {
        let (sensors, one, two) = (Sensors::default(), "wlc:1".into(), "wlc:2".into());
        let id = sensors.hear(&one, 7, Time(1)).unwrap();
        assert_ne!(sensors.hear(&two, 7, Time(1)), Some(id));
        sensors.forget("wlc:1");
        assert_eq!(sensors.hear(&one, 7, Time(2)), Some(id), "the same after a restart");
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let (sensors, controller) = (Sensors::default(), "wlc:1".into());
        let ids: BTreeSet<_> =
            (0..5_000).filter_map(|it| sensors.hear(&controller, it, Time(1))).collect();
        assert_eq!(ids.len(), SENSORS_MAX);
        assert!(sensors.hear(&controller, 0, Time(2)).is_some(), "who is known stays");
    }

    #[test]
    fn licences_count_access_points_once() {
        let (sensors, controller) = (Sensors::default(), "wlc:1".into());
        let told = [
            sensor(1, 1, SensorMode::Monitor),
            sensor(2, 1, SensorMode::Monitor),
            sensor(3, 2, SensorMode::Local),
        ];
        sensors.tell(&controller, told, Time(1));
        let tally = sensors.tally(|_| true);
        assert_eq!((tally.monitor_mode_aps, tally.local_mode_aps), (1, 1));
        assert_eq!((tally.capturing, tally.silent), (3, 0));
        assert_eq!(sensors.tally(|_| false).silent, 3, "nothing comes over a link that is down");
    }
}
