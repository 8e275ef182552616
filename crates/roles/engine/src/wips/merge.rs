//! Packets of several controllers, in the order of their times.
//!
//! A frame that two sensors heard is one frame only when the two come after each other, so packets wait
//! for those of other controllers that are still on their way.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use model::Time;
use wips::CaptureTime;

use super::feed::Batch;

/// A packet waits so long for older ones of others. Ours: controllers on one campus deliver within it.
pub(super) const HOLD_MS: u64 = 200;
/// Packets that wait at most; more are let go before their time. Ours: 200 ms of 300,000 a second.
const HELD_MAX: usize = 65_536;
/// Bytes of packets that wait at most. Ours.
const HELD_BYTES_MAX: usize = 64 << 20;

/// Puts packets in order.
#[derive(Debug, Default)]
pub(super) struct Merge {
    held: BinaryHeap<Reverse<Held>>,
    held_bytes: usize,
    /// When each batch came, and the newest time in it.
    arrived: VecDeque<(Time, CaptureTime)>,
    /// What is as old as that goes.
    due: CaptureTime,
    gone: CaptureTime,
    count: u64,
    late: u64,
}

/// A packet in its batch. Order: capture time, then arrival.
#[derive(Debug)]
struct Held {
    at: CaptureTime,
    number: u64,
    batch: Arc<Batch>,
    nth: usize,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Merge {
    /// Takes the packets of one message.
    pub(super) fn push(&mut self, batch: Batch, now: Time) {
        let batch = Arc::new(batch);
        self.held_bytes += batch.bytes();
        if let Some(newest) = batch.times().max() {
            self.arrived.push_back((now, newest));
        }
        for (nth, at) in batch.times().enumerate() {
            self.count += 1;
            let (number, batch) = (self.count, Arc::clone(&batch));
            self.held.push(Reverse(Held { at, number, batch, nth }));
        }
    }

    /// The next packet whose time has come: its batch, and its place there.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Arc<Batch>, usize)> {
        while let Some((arrived, newest)) = self.arrived.front().copied() {
            // A clock that was set back keeps nobody waiting.
            if arrived <= now && now.since_ms(arrived) < HOLD_MS {
                break;
            }
            self.due = self.due.max(newest);
            self.arrived.pop_front();
        }
        let Reverse(next) = self.held.peek()?;
        let has_room = self.held.len() <= HELD_MAX && self.held_bytes <= HELD_BYTES_MAX;
        if next.at > self.due && has_room {
            return None;
        }
        let Reverse(Held { at, batch, nth, .. }) = self.held.pop()?;
        let bytes = batch.packet(nth).map_or(0, |packet| packet.bytes.len());
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
        self.late += u64::from(at < self.gone);
        self.gone = self.gone.max(at);
        Some((batch, nth))
    }

    /// Packets that came when younger ones had gone.
    pub(super) fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(merge: &mut Merge, times: &[u64], now: u64) {
        merge.push(Batch::of_times(times), Time(now));
    }

    fn check(merge: &mut Merge, now: u64, expected: &[u64]) {
        let mut found = Vec::new();
        while let Some((batch, nth)) = merge.pop(Time(now)) {
            found.push(batch.packet(nth).unwrap().at.0);
        }
        assert_eq!(found, expected, "at {now} ms");
    }

    #[test]
    fn packets_of_two_controllers_come_in_order() {
        let mut merge = Merge::default();
        pushed(&mut merge, &[100, 200, 300], 1_000);
        check(&mut merge, 1_000, &[]);
        pushed(&mut merge, &[150, 250, 350], 1_100);
        check(&mut merge, 1_200, &[100, 150, 200, 250, 300]);
        check(&mut merge, 1_300, &[350]);
        assert_eq!(merge.late(), 0);
    }

    #[test]
    fn who_is_late_is_counted_and_not_lost() {
        let mut merge = Merge::default();
        pushed(&mut merge, &[500], 1_000);
        check(&mut merge, 1_200, &[500]);
        pushed(&mut merge, &[400], 1_201);
        check(&mut merge, 1_201, &[400]);
        assert_eq!(merge.late(), 1);
    }

    #[test]
    fn a_full_house_lets_the_oldest_go() {
        let mut merge = Merge::default();
        let times: Vec<u64> = (1..=HELD_MAX as u64 + 10).collect();
        pushed(&mut merge, &times, 1_000);
        check(&mut merge, 1_000, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_waiting() {
        let mut merge = Merge::default();
        pushed(&mut merge, &[500], 100_000);
        check(&mut merge, 50_000, &[500]);
    }
}
