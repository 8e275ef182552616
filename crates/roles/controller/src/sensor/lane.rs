//! One sensor's way to the engines.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nmsp::CapturedPacket;
use nmsp::limits::CAPTURED_BYTES_MAX;
use node::clock::Steady;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use wips::{CaptureTime, Packet, SensorId};

use super::register::Entry;
use super::sights::Sights;
use super::{QUEUE_PACKETS, cut};
use crate::feed::Feed;

/// Packets of one sensor that wait to be sent: a flood on one channel, or a hostile sensor, leaves room for
/// the others.
const SHARE_PACKETS: usize = QUEUE_PACKETS / 4;
/// A live sensor waits no longer for room: what it hears next is worth more. Ours.
const SETTLE_MAX: Duration = Duration::from_millis(200);
/// A file waits for slow engines in steps of this.
const ROOM_STEP: Duration = Duration::from_millis(20);
/// And no longer than this: an engine that stands still is not worth more. Ours.
const ROOM_STEPS_MAX: usize = 50;

/// A packet in the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) packet: CapturedPacket,
    /// Its place in the sensor's share, given back when the packet is taken out.
    _place: OwnedSemaphorePermit,
}

/// One sensor's way to the engines.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) entry: Arc<Entry>,
    queue: mpsc::Sender<Waiting>,
    share: Arc<Semaphore>,
    sights: Arc<Mutex<Sights>>,
    feed: Feed,
    pub(super) clock: Steady,
}

impl Lane {
    pub(super) fn new(
        entry: Arc<Entry>,
        queue: mpsc::Sender<Waiting>,
        sights: Arc<Mutex<Sights>>,
        feed: Feed,
        clock: Steady,
    ) -> Self {
        let share = Arc::new(Semaphore::new(SHARE_PACKETS));
        Self { entry, queue, share, sights, feed, clock }
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
        let place = Arc::clone(&self.share).try_acquire_owned().ok();
        let sent = place.map(|place| self.queue.try_send(Waiting { packet, _place: place }));
        if !matches!(sent, Some(Ok(()))) {
            self.entry.dropped(1);
        }
    }

    /// Hands a packet on as soon as there is room: for what has time.
    pub(super) async fn hand(&self, packet: CapturedPacket) {
        let sent = match Arc::clone(&self.share).acquire_owned().await {
            Ok(place) => self.queue.send(Waiting { packet, _place: place }).await.is_ok(),
            Err(_) => false,
        };
        if !sent {
            self.entry.dropped(1);
        }
    }

    /// Waits a moment until half of the sensor's share is free: a burst of what comes through a pipe or a
    /// connection, which hold it back meanwhile, is not lost to a busy machine.
    pub(super) async fn settle(&self) {
        let half = self.share.acquire_many(SHARE_PACKETS as u32 / 2);
        let _ = tokio::time::timeout(SETTLE_MAX, half).await;
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

#[cfg(test)]
mod tests {
    use model::Time;
    use wips::Link;

    use super::*;
    use crate::source::Nothing;

    #[tokio::test]
    async fn a_flood_leaves_room_for_the_other_sensors() {
        let (queue, mut waiting) = mpsc::channel(QUEUE_PACKETS);
        let lane = |number| {
            let text = "name = 'x'\nkind = 'file'\npath = 'x'";
            let entry = Arc::new(Entry::new(number, &toml::from_str(text).unwrap(), Time(0)));
            let feed = Feed::new(&Nothing::default());
            Lane::new(entry, queue.clone(), Arc::default(), feed, Steady::new())
        };
        let (flood, quiet) = (lane(0), lane(1));
        let packet = Packet::new(CaptureTime(1), SensorId(0), Link::Bare, &[0xd4, 0]);
        let offer = |lane: &Lane| lane.offer(lane.take(&packet, CaptureTime(1)));
        (0..2 * QUEUE_PACKETS).for_each(|_| offer(&flood));
        offer(&quiet);
        let dropped = |lane: &Lane| lane.entry.shown(Time(0)).dropped as usize;
        assert_eq!(dropped(&flood), 2 * QUEUE_PACKETS - SHARE_PACKETS);
        assert_eq!(dropped(&quiet), 0);
        // What is taken out makes room.
        drop(waiting.recv().await.unwrap());
        offer(&flood);
        assert_eq!(dropped(&flood), 2 * QUEUE_PACKETS - SHARE_PACKETS);
    }
}
