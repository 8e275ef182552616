//! What happens next: events ordered by time, and by the order in which they were planned.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::clients::Outcome;

/// Microseconds of the world since it began. No node can read it; each has a clock of its own.
pub(crate) type Micros = u64;

/// One millisecond.
pub(crate) const MS: Micros = 1_000;
/// One second.
pub(crate) const SECOND: Micros = 1_000_000;

/// What happens. Everything that belongs to a process names its life, so that what was planned
/// for an earlier life means nothing to a later one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// A parcel arrives; it waits in the network under that number.
    Parcel(u32),
    /// Something that the machine itself tells the process; it waits under that number.
    Local(u32),
    /// The member's deadline may have passed.
    Tick { process: u8, life: u32 },
    /// The group commit of the journal is due.
    Sync { process: u8, life: u32 },
    /// A snapshot needs a push.
    Transfer { process: u8, life: u32 },
    /// The disk answers again.
    Unblock { process: u8, life: u32 },
    /// The kernel drops the virtual address.
    AddressExpires { process: u8, hold: u32 },
    /// A stopped process is started.
    Start { process: u8 },
    /// A machine loses power.
    PowerLoss { machine: u8 },
    /// A stopped machine is started.
    Boot { machine: u8 },
    /// A frozen process goes on.
    Thaw { process: u8 },
    /// A paused machine goes on.
    Unpause { machine: u8 },
    /// The supervised service was restarted.
    ServiceWell { process: u8 },
    /// The witness asks for reports.
    Ask { witness: u8, life: u32 },
    /// The witness is started.
    WitnessStart { witness: u8 },
    /// A client does something.
    Client { client: u8 },
    /// A client's request arrives at whoever holds the address.
    Request { client: u8, operation: u32 },
    /// A client's answer arrives.
    Reply { client: u8, operation: u32, outcome: Outcome },
    /// A client has waited long enough.
    Timeout { client: u8, operation: u32 },
    /// The next fault of that kind.
    Fault { kind: u8 },
    /// A disk whose process has just started again is set back.
    Revert { process: u8 },
    /// A cut link is mended.
    Mend { link: u8 },
    /// The network is as usual again.
    Calm,
    /// A careful operator looks after the groups.
    Operator,
    /// The next phase of the run.
    Phase(u8),
}

#[derive(Debug)]
struct Planned {
    at: Micros,
    sequence: u64,
    event: Event,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Planned>>,
    sequence: u64,
}

impl Queue {
    /// Plans an event.
    pub(crate) fn plan(&mut self, at: Micros, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse(Planned { at, sequence: self.sequence, event }));
    }

    /// The next event that is due by `until`.
    pub(crate) fn next(&mut self, until: Micros) -> Option<(Micros, Event)> {
        if self.heap.peek()?.0.at > until {
            return None;
        }
        self.heap.pop().map(|Reverse(planned)| (planned.at, planned.event))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// Things that wait for their event, under numbers that are used again.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Keeps it, and says under which number.
    pub(crate) fn put(&mut self, item: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(item);
            return slot;
        }
        self.slots.push(Some(item));
        self.slots.len() as u32 - 1
    }

    /// Hands it out, once.
    pub(crate) fn take(&mut self, slot: u32) -> Option<T> {
        let item = self.slots.get_mut(slot as usize)?.take();
        if item.is_some() {
            self.free.push(slot);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_moment_keep_their_order() {
        let mut queue = Queue::default();
        for (at, number) in [(5, 0), (3, 1), (5, 2), (3, 3)] {
            queue.plan(at, Event::Phase(number));
        }
        let mut order = Vec::new();
        while let Some((_, Event::Phase(number))) = queue.next(10) {
            order.push(number);
        }
        assert_eq!(order, [1, 3, 0, 2]);
    }

    #[test]
    fn nothing_comes_before_its_time_and_nothing_twice() {
        let mut queue = Queue::default();
        queue.plan(7, Event::Calm);
        assert!(queue.next(6).is_none());
        assert!(queue.next(7).is_some());
        assert!(queue.next(7).is_none());
        let mut slab = Slab::default();
        let slot = slab.put("once");
        assert_eq!(slab.take(slot), Some("once"));
        assert_eq!(slab.take(slot), None);
        assert_eq!(slab.put("again"), slot);
    }
}
