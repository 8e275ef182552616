//! The same frame heard by several sensors is one frame.
//!
//! Two packets are one transmission when they have the same bytes, other sensors, and times that differ by
//! no more than the clocks of sensors do. The first one is shown to detectors; of the others only the
//! signal is kept.

use std::collections::VecDeque;

use crate::dot11::FrameKey;
use crate::packet::{CaptureTime, SensorId};

/// Clocks of sensors differ by no more, when they are set over the network (section 3.5 of the
/// reference).
const WINDOW_US: u64 = 5_000;
/// Frames that are remembered: a busy channel has 20 in 5 ms, a thousand sensors hear some of them.
const FRAMES_MAX: usize = 4_096;

/// Frames of the last milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    frames: VecDeque<Frame>,
    /// The first sensor, until there is a second one: alone it hears no copies.
    only: Option<SensorId>,
    has_several: bool,
}

#[derive(Debug)]
struct Frame {
    key: FrameKey,
    at: CaptureTime,
    heard_by: Vec<SensorId>,
    /// Incidents that the frame is part of.
    incidents: Vec<u64>,
}

impl Copies {
    /// Whether frames need a key: more than one sensor is there.
    pub(crate) fn has_several(&mut self, sensor: SensorId) -> bool {
        let only = *self.only.get_or_insert(sensor);
        self.has_several |= only != sensor;
        self.has_several
    }

    /// The incidents of a frame that another sensor heard before; nothing when it is new.
    pub(crate) fn find(
        &mut self,
        key: FrameKey,
        at: CaptureTime,
        sensor: SensorId,
    ) -> Option<&[u64]> {
        while self.frames.front().is_some_and(|it| at.since_us(it.at) > WINDOW_US) {
            self.frames.pop_front();
        }
        let frame =
            self.frames.iter_mut().find(|it| it.key == key && !it.heard_by.contains(&sensor))?;
        frame.heard_by.push(sensor);
        Some(&frame.incidents)
    }

    /// Remembers a frame.
    pub(crate) fn note(
        &mut self,
        key: FrameKey,
        at: CaptureTime,
        sensor: SensorId,
        incidents: &[u64],
    ) {
        if self.frames.len() >= FRAMES_MAX {
            self.frames.pop_front();
        }
        self.frames.push_back(Frame {
            key,
            at,
            heard_by: vec![sensor],
            incidents: incidents.to_vec(),
        });
    }
}
