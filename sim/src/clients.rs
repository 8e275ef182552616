//! Clients that follow the virtual address, and remember what they were told.
//!
//! Writers send a new value each time; readers read a register. Whoever holds the address gets the
//! request. What was acknowledged before a read began must be in what the read returns; what a
//! client has read once it never reads older again; an outcome that stays unknown may show later.

use crate::coverage::Seen;
use crate::process::Inbound;
use crate::queue::{Event, MS, Micros};
use crate::rng::Rng;
use crate::state::{KEYS, Operation};
use crate::world::World;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The write is safe; it counts unless an operator has ended the holder's generation.
    Acknowledged { index: u64, counts: bool },
    /// It was not done, and will not be.
    Refused,
    /// What the register holds, by which entry, and how far the state was.
    Value { value: u64, written: u64, applied: u64 },
}

/// A write that waits until it is safe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) index: u64,
    pub(crate) client: u8,
    pub(crate) operation: u32,
}

/// A client of one group.
#[derive(Debug)]
pub(crate) struct Client {
    group: usize,
    writes: bool,
    operation: u32,
    /// What it is waiting for.
    asked: Option<Asked>,
    /// How far the state was that it has read.
    read_up_to: u64,
    rng: Rng,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    key: u8,
    value: u64,
    /// The last write of that register that had been acknowledged when it asked.
    floor: u64,
    volume: u32,
}

/// What all clients of one group know together.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// For each register, the entry of the last write that was acknowledged or read.
    known: [u64; KEYS],
    /// Values whose outcome nobody knows.
    unknown: Vec<u64>,
    /// When the last request was served.
    pub(crate) served_at: Micros,
    /// When the last write was acknowledged.
    pub(crate) written_at: Micros,
    /// The longest pause between two acknowledgements since somebody watches.
    pause: Micros,
}

impl Oracle {
    fn written(&mut self, now: Micros) {
        self.pause = self.longest_pause(now);
        self.written_at = now;
    }

    /// Measures pauses from now on.
    pub(crate) fn watch(&mut self, now: Micros) {
        self.pause = 0;
        self.written_at = now;
    }

    /// The longest pause, the one that lasts included.
    pub(crate) fn longest_pause(&self, now: Micros) -> Micros {
        self.pause.max(now - self.written_at)
    }
}

/// A client's request or answer is on its way for so long.
const WAY: (Micros, Micros) = (100, 400);
/// It gives up after so long.
const PATIENCE: Micros = 1_500 * MS;
/// It asks again after so long when nobody answers.
const RETRY: Micros = 100 * MS;
/// Values of unknown outcome that are remembered.
const UNKNOWN_MAX: usize = 64;

impl World {
    /// Writers and readers of every group begin.
    pub(crate) fn add_clients(&mut self) {
        for group in 0..self.options.groups {
            for number in 0..self.options.writers + self.options.readers {
                let client = self.clients.len();
                let rng = Rng::new(self.options.seed, 1_000 + client as u64);
                self.clients.push(Client {
                    group,
                    writes: number < self.options.writers,
                    operation: 0,
                    asked: None,
                    read_up_to: 0,
                    rng,
                });
                let at = self.now + self.rng.below(500) * MS;
                self.queue.plan(at, Event::Client { client: client as u8 });
            }
        }
    }

    /// A client does something new.
    pub(crate) fn client(&mut self, number: u8) {
        let client = &mut self.clients[number as usize];
        if client.asked.is_some() || self.is_quiet {
            return;
        }
        client.operation += 1;
        let operation = client.operation;
        let key = client.rng.below(KEYS as u64) as u8;
        let value = u64::from(number) << 32 | u64::from(operation);
        let group = client.group;
        let volume = self.groups[group].ledger.volume;
        let floor = self.oracles[group].known[key as usize];
        client.asked = Some(Asked { key, value, floor, volume });
        let at = self.now + client.rng.between(WAY.0, WAY.1);
        self.queue.plan(at, Event::Request { client: number, operation });
        self.queue.plan(self.now + PATIENCE, Event::Timeout { client: number, operation });
    }

    /// A request arrives at whoever holds the address.
    pub(crate) fn request(&mut self, number: u8, operation: u32) {
        let client = &mut self.clients[number as usize];
        let Some(asked) = client.asked else { return };
        if client.operation != operation {
            return;
        }
        let (group, writes) = (client.group, client.writes);
        let holds = |process: &usize| {
            let node = &self.processes[*process];
            let host = &self.hosts[node.machine];
            node.hold.is_some() && host.is_up && !host.is_paused()
        };
        let mut holders = [group * 2, group * 2 + 1].into_iter().filter(holds);
        let (first, second) = (holders.next(), holders.next());
        let target = match (first, second) {
            (Some(first), Some(second)) => {
                // Neighbours disagree about who has it.
                Some(if client.rng.percent(50) { first } else { second })
            }
            (first, _) => first,
        };
        // Nobody has it, or its process is gone: the connection fails at once.
        let Some(process) = target.filter(|process| self.processes[*process].is_up()) else {
            return self.reply(number, operation, Outcome::Refused);
        };
        let inbound = if writes {
            let set = Operation { key: asked.key, value: asked.value };
            Inbound::Write { client: number, operation, set }
        } else {
            Inbound::Read { client: number, operation, key: asked.key }
        };
        self.deliver(process, inbound);
    }

    /// An answer is sent.
    pub(crate) fn reply(&mut self, client: u8, operation: u32, outcome: Outcome) {
        let way = self.clients[client as usize].rng.between(WAY.0, WAY.1);
        self.queue.plan(self.now + way, Event::Reply { client, operation, outcome });
    }

    /// An answer arrives.
    pub(crate) fn replied(&mut self, number: u8, operation: u32, outcome: Outcome) {
        let client = &mut self.clients[number as usize];
        if client.operation != operation {
            return;
        }
        let Some(asked) = client.asked.take() else { return };
        let group = client.group;
        let pause = match outcome {
            Outcome::Refused => RETRY,
            Outcome::Acknowledged { .. } | Outcome::Value { .. } => {
                let served = self.now;
                self.oracles[group].served_at = served;
                client.rng.exponential(self.options.think).max(MS)
            }
        };
        self.queue.plan(self.now + pause, Event::Client { client: number });
        if let Outcome::Acknowledged { index, counts } = outcome {
            self.coverage.see(Seen::Write);
            self.oracles[group].written(self.now);
            if counts && asked.volume == self.groups[group].ledger.volume {
                let known = &mut self.oracles[group].known[asked.key as usize];
                *known = (*known).max(index);
            }
        }
    }

    /// A client has waited long enough: it does not know.
    pub(crate) fn timed_out(&mut self, number: u8, operation: u32) {
        let client = &mut self.clients[number as usize];
        if client.operation != operation || client.asked.is_none() {
            return;
        }
        if let Some(asked) = client.asked.take()
            && client.writes
        {
            self.coverage.see(Seen::UnknownOutcome);
            let unknown = &mut self.oracles[client.group].unknown;
            if unknown.len() < UNKNOWN_MAX {
                unknown.push(asked.value);
            }
        }
        self.queue.plan(self.now + RETRY, Event::Client { client: number });
    }

    /// A node answers a read: it must have everything that was acknowledged before the read began,
    /// and nothing that is older than what this client has read.
    pub(crate) fn read_served(
        &mut self,
        process: usize,
        number: u8,
        operation: u32,
        key: u8,
        outcome: Outcome,
    ) {
        let Outcome::Value { value, written, applied } = outcome else { return };
        self.coverage.see(Seen::Read);
        let client = &self.clients[number as usize];
        let Some(asked) = client.asked.filter(|_| client.operation == operation) else { return };
        let group = client.group;
        let is_current = asked.volume == self.groups[group].ledger.volume
            && self.is_of_ledger(process)
            && !self.reads_are_excused(process);
        if !is_current {
            return;
        }
        let read_up_to = client.read_up_to;
        if written < asked.floor {
            let what = format!(
                "a read of register {key} returns entry {written}, {} was acknowledged before",
                asked.floor
            );
            return self.violate(process, what);
        }
        if applied < read_up_to {
            let what = format!("a client has read at {read_up_to}, and now reads at {applied}");
            return self.violate(process, what);
        }
        self.clients[number as usize].read_up_to = applied;
        let oracle = &mut self.oracles[group];
        oracle.known[key as usize] = oracle.known[key as usize].max(written);
        if let Some(at) = oracle.unknown.iter().position(|unknown| *unknown == value) {
            // Once seen it stays: from here on it counts as acknowledged.
            oracle.unknown.swap_remove(at);
            self.coverage.see(Seen::UnknownAppeared);
        }
        if self.groups[group].ledger.chain.end() < applied {
            self.violate(process, format!("serves a read at {applied}, which is not committed"));
        }
    }

    fn is_of_ledger(&self, process: usize) -> bool {
        let record = self.processes[process].record.as_ref();
        record.is_some_and(|record| {
            record.promised.generation == self.groups[process / 2].ledger.generation
        })
    }

    /// A machine whose clock stood still may serve old reads for one lease.
    fn reads_are_excused(&self, process: usize) -> bool {
        let settings = &self.options.settings[process / 2];
        let host = &self.hosts[self.processes[process].machine];
        host.unpaused_at.is_some_and(|at| self.now < at + settings.lease_ms * 1_100)
    }

    /// The ledger begins anew: what clients know of the old one means nothing.
    pub(crate) fn forget_reads(&mut self, group: usize) {
        self.oracles[group].known = [0; KEYS];
        for client in self.clients.iter_mut().filter(|client| client.group == group) {
            client.read_up_to = 0;
        }
    }
}
