//! What a session counts, for `mse nmsp status` and `show nmsp statistics`.

use std::collections::BTreeMap;

use model::Time;
use serde::{Deserialize, Serialize};

use crate::message::MessageId;

/// Which way a message went, seen from the side that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// Count of one message in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Messages.
    pub messages: u64,
    /// Bytes, headers included.
    pub bytes: u64,
    /// When the last one went.
    pub last_activity: Time,
}

/// Counters of one session. Bounded: only known messages have a row.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    rows: BTreeMap<(MessageId, Direction), Count>,
    /// Received messages with an unknown number.
    pub unsupported: u64,
}

impl Counters {
    /// Counts one message.
    pub(crate) fn count(&mut self, id: MessageId, direction: Direction, bytes: usize, now: Time) {
        let row = self.rows.entry((id, direction)).or_default();
        row.messages += 1;
        row.bytes += bytes as u64;
        row.last_activity = now;
    }

    /// The counter of one message in one direction.
    pub fn of(&self, id: MessageId, direction: Direction) -> Count {
        self.rows.get(&(id, direction)).copied().unwrap_or_default()
    }

    /// Every counter that is not zero, by message number.
    pub fn rows(&self) -> impl Iterator<Item = (MessageId, Direction, Count)> + '_ {
        self.rows.iter().map(|((id, direction), count)| (*id, *direction, *count))
    }

    /// All messages in both directions.
    pub fn messages(&self) -> u64 {
        self.rows.values().map(|count| count.messages).sum::<u64>() + self.unsupported
    }

    /// Messages that carry records, in one direction: "Tx Data" and "Rx Data" of a controller.
    pub fn data(&self, direction: Direction) -> u64 {
        self.rows()
            .filter(|(id, way, _)| *way == direction && id.carries_records())
            .map(|(_, _, count)| count.messages)
            .sum()
    }

    /// When anything last went in either direction.
    pub fn last_activity(&self) -> Option<Time> {
        self.rows().map(|(_, _, count)| count.last_activity).max()
    }
}
