//! One sensor's way to the engines.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nmsp::CapturedPacket;
use nmsp::limits::CAPTURED_BYTES_MAX;
use node::clock::Steady;
use tokio::sync::mpsc;
use wips::{CaptureTime, Packet, SensorId};

use super::cut;
use super::register::Entry;
use super::sights::Sights;
use crate::feed::Feed;

/// A file waits for slow engines in steps of this.
const ROOM_STEP: Duration = Duration::from_millis(20);
/// And no longer than this: an engine that stands still is not worth more. Ours.
const ROOM_STEPS_MAX: usize = 50;

/// One sensor's way to the engines.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) entry: Arc<Entry>,
    queue: mpsc::Sender<CapturedPacket>,
    sights: Arc<Mutex<Sights>>,
    feed: Feed,
    pub(super) clock: Steady,
}

impl Lane {
    pub(super) fn new(
        entry: Arc<Entry>,
        queue: mpsc::Sender<CapturedPacket>,
        sights: Arc<Mutex<Sights>>,
        feed: Feed,
        clock: Steady,
    ) -> Self {
        Self { entry, queue, sights, feed, clock }
    }

    /// The sensor's number.
    pub(super) fn sensor(&self) -> SensorId {
        SensorId(self.entry.number())
    }

    /// Counts and reads a packet that was captured at `at`, and returns what engines shall have of it.
    pub(super) fn take(&self, packet: &Packet<'_>, at: CaptureTime) -> CapturedPacket {
        self.entry.heard(at, self.clock.now());
        let parsed = wips::parse(packet);
        if let Some(ap) = self.entry.ap {
            let mut sights = self.sights.lock().unwrap_or_else(PoisonError::into_inner);
            sights.note(ap, at.to_time(), &parsed);
        }
        let bytes = cut::wanted_bytes(packet, &parsed).min(CAPTURED_BYTES_MAX);
        CapturedPacket {
            sensor: self.entry.number(),
            at_us: at.0,
            link: packet.link.number(),
            fcs_bytes: packet.fcs_bytes,
            wire_bytes: u32::try_from(packet.wire_bytes).unwrap_or(u32::MAX),
            bytes: packet.bytes.get(..bytes).unwrap_or(packet.bytes).into(),
        }
    }

    /// Hands a packet on, if there is room.
    pub(super) fn offer(&self, packet: CapturedPacket) {
        if self.queue.try_send(packet).is_err() {
            self.entry.dropped(1);
        }
    }

    /// Hands a packet on as soon as there is room: for what has time.
    pub(super) async fn hand(&self, packet: CapturedPacket) {
        if self.queue.send(packet).await.is_err() {
            self.entry.dropped(1);
        }
    }

    /// Waits a moment for engines that are slow.
    pub(super) async fn room(&self) {
        for _ in 0..ROOM_STEPS_MAX {
            if self.feed.has_room() {
                return;
            }
            tokio::time::sleep(ROOM_STEP).await;
        }
    }
}
