//! From a link to the thread: packets of one message, copied once, with the times of this engine.
//!
//! A sensor whose clock is wrong would have its frames called late, and nothing can be said about the
//! rate of what is late. So what is off by more than a delay can explain is moved: all of a controller
//! by the same span, so that what two of its sensors heard at one time stays at one time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};

use model::Time;
use nmsp::{Captured, MessageId, Records};
use wips::{CaptureTime, Link, Packet, SensorId};

use super::sensors::Sensors;

/// A packet whose time differs that much from ours was captured by a wrong clock. Ours: half of what the
/// machine calls late.
const CLOCK_OFF_US: u64 = 5_000_000;
/// Spans that one controller is moved by, at once. Ours: sensors that play recordings of several days.
const SPANS_MAX: usize = 8;

/// The packets of one message.
#[derive(Debug, Default)]
pub(super) struct Batch {
    heads: Vec<Head>,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    at: CaptureTime,
    sensor: SensorId,
    link: u16,
    fcs_bytes: Option<u8>,
    wire_bytes: u32,
    end: usize,
}

impl Batch {
    /// How many packets.
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Bytes of all packets.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// When each packet was captured, by our clock.
    pub(super) fn times(&self) -> impl Iterator<Item = CaptureTime> {
        self.heads.iter().map(|head| head.at)
    }

    /// One packet.
    pub(super) fn packet(&self, nth: usize) -> Option<Packet<'_>> {
        let Head { at, sensor, link, fcs_bytes, wire_bytes, end } = *self.heads.get(nth)?;
        let start = nth.checked_sub(1).and_then(|it| self.heads.get(it)).map_or(0, |it| it.end);
        let bytes = self.bytes.get(start..end)?;
        let (link, wire_bytes) = (Link::from_number(link), wire_bytes as usize);
        Some(Packet { at, sensor, link, wire_bytes, fcs_bytes, bytes })
    }

    fn push(&mut self, sensor: SensorId, at: CaptureTime, captured: &Captured<'_>) {
        self.bytes.extend_from_slice(captured.bytes);
        let Captured { link, fcs_bytes, wire_bytes, .. } = *captured;
        let end = self.bytes.len();
        self.heads.push(Head { at, sensor, link, fcs_bytes, wire_bytes, end });
    }
}

/// The end of the service that a link holds.
#[derive(Debug)]
pub struct Feed {
    sensors: Sensors,
    queue: SyncSender<Batch>,
    /// Packets that the queue had no room for.
    dropped: Arc<AtomicU64>,
    clocks: Clocks,
}

impl Feed {
    pub(super) fn new(sensors: Sensors, queue: SyncSender<Batch>, dropped: Arc<AtomicU64>) -> Self {
        Self { sensors, queue, dropped, clocks: Clocks::default() }
    }

    /// A new session with the controller.
    pub fn begin(&mut self, controller: &str) {
        self.sensors.forget(controller);
        self.clocks = Clocks::default();
    }

    /// Takes a message, if it is about sensors; it never waits.
    pub fn take(&mut self, controller: &Arc<str>, id: MessageId, records: Records<'_>, now: Time) {
        match id {
            MessageId::SensorNotification => {
                self.sensors.tell(controller, records.sensors(), now);
            }
            MessageId::CaptureNotification => self.captured(controller, records, now),
            _ => {}
        }
    }

    fn captured(&mut self, controller: &Arc<str>, records: Records<'_>, now: Time) {
        let mut batch = Batch::default();
        // Most messages are of one sensor.
        let mut known: Option<(u32, Option<SensorId>)> = None;
        for captured in records.captured() {
            let id = match known {
                Some((number, id)) if number == captured.sensor => id,
                _ => self.sensors.hear(controller, captured.sensor, now),
            };
            known = Some((captured.sensor, id));
            match id {
                Some(id) => batch.push(id, self.clocks.moved(captured.at_us, now), &captured),
                None => _ = self.dropped.fetch_add(1, Ordering::Relaxed),
            }
        }
        if batch.len() == 0 {
            return;
        }
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) =
            self.queue.try_send(batch)
        {
            self.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
    }
}

/// How far the clocks of a controller's sensors are off.
#[derive(Debug, Default)]
struct Clocks {
    /// What is added to a time, in microseconds; the newest first.
    spans: Vec<i64>,
}

impl Clocks {
    /// A time of a sensor, by our clock.
    fn moved(&mut self, at_us: u64, now: Time) -> CaptureTime {
        let now_us = now.0.saturating_mul(1_000);
        let is_near = |us: u64| us.abs_diff(now_us) <= CLOCK_OFF_US;
        if is_near(at_us) {
            return CaptureTime(at_us);
        }
        let mut moved = self.spans.iter().map(|span| at_us.saturating_add_signed(*span));
        if let Some(us) = moved.find(|us| is_near(*us)) {
            return CaptureTime(us);
        }
        self.spans.truncate(SPANS_MAX - 1);
        self.spans.insert(0, now_us.wrapping_sub(at_us).cast_signed());
        CaptureTime(now_us)
    }
}

#[cfg(test)]
impl Batch {
    /// Empty packets, captured at these times.
    pub(super) fn of_times(times: &[u64]) -> Self {
        let mut batch = Self::default();
        for at_us in times.iter().copied() {
            let captured = Captured {
                sensor: 0,
                at_us,
                link: 105,
                fcs_bytes: None,
                wire_bytes: 0,
                bytes: &[],
            };
            batch.push(SensorId(0), CaptureTime(at_us), &captured);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(clocks: &mut Clocks, at_us: u64, now_ms: u64, expected_us: u64) {
        assert_eq!(clocks.moved(at_us, Time(now_ms)), CaptureTime(expected_us), "{at_us}");
    }

    #[test]
    fn a_clock_that_is_right_is_believed() {
        let mut clocks = Clocks::default();
        check(&mut clocks, 9_000_000, 10_000, 9_000_000);
        check(&mut clocks, 12_000_000, 10_000, 12_000_000);
        assert!(clocks.spans.is_empty());
    }

    #[test]
    fn what_two_sensors_heard_at_one_time_stays_so() {
        let mut clocks = Clocks::default();
        // A recording of long ago is played: what arrives later was captured later.
        check(&mut clocks, 1_000, 50_000, 50_000_000);
        check(&mut clocks, 1_002, 50_001, 50_000_002);
        check(&mut clocks, 1_001_000, 51_100, 51_000_000);
        // Another day beside it, then the first one again.
        check(&mut clocks, 900_000_000, 52_000, 52_000_000);
        check(&mut clocks, 2_501_000, 52_600, 52_500_000);
    }

    #[test]
    fn a_clock_that_leaps_again_and_again_costs_nothing() {
        let mut clocks = Clocks::default();
        for leap in 1..1_000 {
            check(&mut clocks, leap * 1_000_000_000, 10_000_000_000, 10_000_000_000_000);
        }
        assert_eq!(clocks.spans.len(), SPANS_MAX);
    }
}
