//! The world: its time, its parts, and what happens next.
//!
//! Two groups at most: primaries on machines 0 and 1, their standby instances on machine 2, the
//! witness on machine 3. Nothing here reads a clock, a thread or a hash map's order; the seed alone
//! decides.

use journal::Scan;
use model::pair::Seat;

use crate::checkers::{GroupCheck, Violation};
use crate::clients::{Client, Oracle};
use crate::coverage::Coverage;
use crate::faults::{Fault, OldImage};
use crate::host::Host;
use crate::liveness::Expected;
use crate::network::Network;
use crate::options::Options;
use crate::process::{Inbound, Process};
use crate::queue::{Event, Micros, Queue, SECOND, Slab};
use crate::rng::Rng;
use crate::storage::Storage;
use crate::trace::Trace;
use crate::witness::WitnessProcess;

/// Machines of the world.
pub(crate) const MACHINES: usize = 4;
/// The machine of the standby instances.
pub(crate) const SECONDARY: usize = 2;
/// The machine of the witness.
pub(crate) const WITNESS: usize = 3;

/// A whole world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) now: Micros,
    pub(crate) queue: Queue,
    pub(crate) rng: Rng,
    pub(crate) hosts: Vec<Host>,
    pub(crate) is_away: [bool; MACHINES],
    pub(crate) processes: Vec<Process>,
    pub(crate) witnesses: [WitnessProcess; 2],
    pub(crate) network: Network,
    pub(crate) locals: Slab<(usize, u32, Inbound)>,
    pub(crate) clients: Vec<Client>,
    pub(crate) oracles: Vec<Oracle>,
    /// Clients ask no more.
    pub(crate) is_quiet: bool,
    pub(crate) groups: Vec<GroupCheck>,
    pub(crate) images: Vec<OldImage>,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<Violation>,
    pub(crate) events: u64,
    pub(crate) injected: [u64; Fault::ALL.len()],
    pub(crate) failovers: u64,
    pub(crate) handovers: u64,
    pub(crate) is_healing: bool,
    pub(crate) healed_at: Micros,
    pub(crate) expected: Vec<Expected>,
    pub(crate) is_over: bool,
}

/// The process of a group's data node.
pub(crate) fn process_of(group: usize, seat: Seat) -> usize {
    group * 2 + usize::from(seat == Seat::Secondary)
}

/// Which data node a process is.
pub(crate) fn seat_of(process: usize) -> Seat {
    if process.is_multiple_of(2) { Seat::Primary } else { Seat::Secondary }
}

impl World {
    /// A world at its beginning: new groups on empty disks, everybody about to start.
    pub(crate) fn new(options: Options, trace: Trace) -> Self {
        let seed = options.seed;
        let mut rng = Rng::new(seed, 2);
        let hosts = options.drifts_ppm.iter().map(|drift| Host::new(*drift, rng.below(1 << 40)));
        let hosts: Vec<Host> = hosts.collect();
        let scan = || if options.full_scan { Scan::Full } else { Scan::Tail };
        let processes: Vec<Process> = (0..options.groups * 2)
            .map(|process| {
                let seat = seat_of(process);
                let machine = if seat == Seat::Secondary { SECONDARY } else { process / 2 };
                let storage = Storage::new(process as u64 / 2, options.segment_bytes, scan());
                let level = options.levels[process % 2];
                Process::new(machine, storage, level)
            })
            .collect();
        let mut world = Self {
            now: 0,
            queue: Queue::default(),
            hosts,
            is_away: [false; MACHINES],
            processes,
            witnesses: [WitnessProcess::stopped(), WitnessProcess::stopped()],
            network: Network::new(options.quality, Rng::new(seed, 3)),
            locals: Slab::default(),
            clients: Vec::new(),
            oracles: (0..options.groups).map(|_| Oracle::default()).collect(),
            groups: (0..options.groups).map(|_| GroupCheck::default()).collect(),
            is_quiet: false,
            images: Vec::new(),
            coverage: Coverage::default(),
            trace,
            violation: None,
            events: 0,
            injected: [0; Fault::ALL.len()],
            failovers: 0,
            handovers: 0,
            is_healing: false,
            healed_at: 0,
            expected: Vec::new(),
            is_over: false,
            rng,
            options,
        };
        world.found_groups();
        world
    }

    /// Every group gets its records, everybody is started, clients come.
    fn found_groups(&mut self) {
        for process in 0..self.processes.len() {
            let level = self.options.levels.iter().copied().min().unwrap_or(1);
            let record = match seat_of(process) {
                Seat::Primary => ha::Record::founder(1, level),
                Seat::Secondary => ha::Record::member(1, level),
            };
            self.processes[process].storage.format(&record);
            self.groups[process / 2].ledger.generation = 1;
            let at = self.rng.below(SECOND);
            self.queue.plan(at, Event::Start { process: process as u8 });
        }
        let at = self.rng.below(SECOND);
        self.queue.plan(at, Event::WitnessStart { witness: 0 });
        self.queue.plan(5 * SECOND, Event::Operator);
        self.add_clients();
    }

    /// Lets faults happen, heals, and looks whether it ends well.
    pub(crate) fn run_swarm(&mut self) {
        self.queue.plan(10 * SECOND, Event::Phase(3));
        self.queue.plan(10 * SECOND + self.options.duration, Event::Phase(0));
        self.run_until(Micros::MAX);
    }

    /// Lets time pass.
    pub(crate) fn run_until(&mut self, until: Micros) {
        while self.violation.is_none() && !self.is_over {
            let Some((at, event)) = self.queue.next(until) else { break };
            self.now = at;
            self.events += 1;
            self.trace.event(at, &event, self.events);
            self.happen(event);
        }
        if until != Micros::MAX {
            self.now = until;
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Parcel(slot) => self.parcel(slot),
            Event::Local(slot) => self.local(slot),
            Event::Tick { process, life } => {
                if self.is_life(process, life) {
                    self.tick(process as usize);
                }
            }
            Event::Sync { process, life } => {
                if self.is_life(process, life) {
                    self.sync_due(process as usize);
                }
            }
            Event::Transfer { process, life } => {
                if self.is_life(process, life) {
                    self.transfer(process as usize);
                }
            }
            Event::Unblock { process, life } => self.unblock(process as usize, life),
            Event::AddressExpires { process, hold } => {
                self.address_expires(process as usize, hold);
            }
            Event::Start { process } => {
                if !self.is_away[self.processes[process as usize].machine] {
                    self.start(process as usize);
                }
            }
            Event::PowerLoss { machine } => {
                self.power_loss(machine as usize);
            }
            Event::Boot { machine } => self.boot(machine as usize),
            Event::Thaw { process } => self.thaw(process as usize),
            Event::Unpause { machine } => self.unpause(machine as usize),
            Event::ServiceWell { process } => self.service_well(process as usize),
            Event::Ask { witness, life } => self.witness_asks(witness as usize, life),
            Event::WitnessStart { witness } => {
                if !self.is_away[WITNESS] && (witness == 0 || !self.is_healing) {
                    self.witness_start(witness as usize);
                }
            }
            Event::Client { client } => self.client(client),
            Event::Request { client, operation } => self.request(client, operation),
            Event::Reply { client, operation, outcome } => {
                self.replied(client, operation, outcome);
            }
            Event::Timeout { client, operation } => self.timed_out(client, operation),
            Event::Fault { kind } => self.fault(kind),
            Event::Revert { process } => self.revert_now(process as usize),
            Event::Mend { link } => self.mend(link),
            Event::Calm => self.calm(),
            Event::Operator => self.operator(),
            Event::Phase(0) => self.heal(),
            Event::Phase(1) => self.resume_all(),
            Event::Phase(2) => self.look(),
            Event::Phase(_) => self.plan_faults(),
        }
    }

    fn is_life(&self, process: u8, life: u32) -> bool {
        self.processes[process as usize].life == life
    }
}
