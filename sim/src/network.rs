//! The network: what is sent may be late, lost, doubled, overtaken or damaged.
//!
//! Links join machines, in one direction each; a cut one swallows everything. A damaged frame fails
//! its check at the receiver and is dropped there.

use ha::{From, Incarnation, Message};
use model::pair::Seat;

use crate::process::Inbound;
use crate::queue::{Event, MS, Micros, SECOND, Slab};
use crate::rng::Rng;
use crate::snapshot::Push;
use crate::world::{MACHINES, World, process_of, seat_of};

/// Who sends or receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// A data node's process.
    Data(u8),
    /// A running witness, for that group.
    Witness(u8, u8),
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum Load {
    /// A message of a data node.
    Pair(Message),
    /// A message of a witness in that life.
    Vote(Incarnation, Message),
    /// A part of a snapshot.
    Push(Box<Push>),
}

/// What is on its way.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    from: Address,
    to: Address,
    load: Load,
    is_damaged: bool,
}

/// How well the network works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    /// Shortest time on the way.
    pub(crate) delay: Micros,
    /// Added at random.
    pub(crate) jitter: Micros,
    /// Lost parcels of a million.
    pub(crate) loss_ppm: u32,
    /// Doubled parcels of a million.
    pub(crate) double_ppm: u32,
    /// Damaged parcels of a million.
    pub(crate) damage_ppm: u32,
    /// Parcels of a million that are late by up to [`Self::late`].
    pub(crate) late_ppm: u32,
    /// How late.
    pub(crate) late: Micros,
    /// Parcels of a million that come once more, long after they were sent.
    pub(crate) echo_ppm: u32,
}

/// The latest echo. Ours: long enough for its receiver to have died, lost its disk and started.
const ECHO_MAX: Micros = 15 * SECOND;

/// The links of the world and what is on its way.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) parcels: Slab<Parcel>,
    cut: [[u8; MACHINES]; MACHINES],
    pub(crate) usual: Quality,
    pub(crate) now: Quality,
    pub(crate) rng: Rng,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) damaged: u64,
    pub(crate) late: u64,
    pub(crate) echoed: u64,
}

impl Quality {
    /// A quiet LAN.
    pub(crate) const LAN: Self = Self {
        delay: 100,
        jitter: 300,
        loss_ppm: 0,
        double_ppm: 0,
        damage_ppm: 0,
        late_ppm: 0,
        late: 0,
        echo_ppm: 0,
    };
}

impl Network {
    pub(crate) fn new(usual: Quality, rng: Rng) -> Self {
        Self {
            parcels: Slab::default(),
            cut: [[0; MACHINES]; MACHINES],
            usual,
            now: usual,
            rng,
            lost: 0,
            doubled: 0,
            damaged: 0,
            late: 0,
            echoed: 0,
        }
    }

    /// Cuts one direction; cuts add up.
    pub(crate) fn cut(&mut self, from: usize, to: usize) {
        self.cut[from][to] = self.cut[from][to].saturating_add(1);
    }

    /// Takes one cut back.
    pub(crate) fn mend(&mut self, from: usize, to: usize) {
        self.cut[from][to] = self.cut[from][to].saturating_sub(1);
    }

    /// Takes all cuts back.
    pub(crate) fn mend_all(&mut self) {
        self.cut = [[0; MACHINES]; MACHINES];
    }

    /// Whether anything passes.
    pub(crate) fn passes(&self, from: usize, to: usize) -> bool {
        self.cut[from][to] == 0
    }

    fn delay(&mut self) -> Micros {
        let Quality { delay, jitter, late_ppm, late, .. } = self.now;
        let mut total = delay + self.rng.below(jitter + 1);
        if self.rng.ppm(late_ppm) {
            self.late += 1;
            total += self.rng.below(late + 1);
        }
        total
    }
}

impl World {
    /// Sends something from one voter to another.
    pub(crate) fn send(&mut self, from: Address, to: Address, load: Load) {
        let passes = self.network.passes(self.machine_of(from), self.machine_of(to));
        let Quality { loss_ppm, double_ppm, damage_ppm, echo_ppm, .. } = self.network.now;
        if !passes || self.network.rng.ppm(loss_ppm) {
            self.network.lost += 1;
            return;
        }
        let is_damaged = self.network.rng.ppm(damage_ppm);
        let parcel = Parcel { from, to, load, is_damaged };
        if self.network.rng.ppm(double_ppm) {
            self.network.doubled += 1;
            self.dispatch(parcel.clone());
        }
        if self.network.rng.ppm(echo_ppm) {
            self.network.echoed += 1;
            let at = self.now + self.network.rng.below(ECHO_MAX);
            self.dispatch_at(at, parcel.clone());
        }
        self.dispatch(parcel);
    }

    fn dispatch(&mut self, parcel: Parcel) {
        let at = self.now + self.network.delay();
        self.dispatch_at(at, parcel);
    }

    fn dispatch_at(&mut self, at: Micros, parcel: Parcel) {
        let slot = self.network.parcels.put(parcel);
        self.queue.plan(at, Event::Parcel(slot));
    }

    /// A parcel arrives, unless the link was cut meanwhile.
    pub(crate) fn parcel(&mut self, slot: u32) {
        let Some(parcel) = self.network.parcels.take(slot) else { return };
        let Parcel { from, to, load, is_damaged } = parcel;
        if is_damaged {
            self.network.damaged += 1;
            return;
        }
        if !self.network.passes(self.machine_of(from), self.machine_of(to)) {
            self.network.lost += 1;
            return;
        }
        match (to, load) {
            (Address::Data(process), Load::Pair(message)) => {
                self.deliver(process as usize, Inbound::Message(From::Peer, message));
            }
            (Address::Data(process), Load::Vote(incarnation, message)) => {
                let from = From::Witness(incarnation);
                self.deliver(process as usize, Inbound::Message(from, message));
            }
            (Address::Data(process), Load::Push(push)) => {
                self.deliver(process as usize, Inbound::Push(push));
            }
            (Address::Witness(witness, group), Load::Pair(message)) => {
                if let Address::Data(process) = from {
                    let seat = seat_of(process as usize);
                    self.witness_hears(witness as usize, group as usize, seat, &message);
                }
            }
            (Address::Witness(..), _) => {}
        }
    }

    /// The others notice at once that a process is gone: its kernel closes the connections.
    pub(crate) fn close_connections(&mut self, gone: Address) {
        let machine = self.machine_of(gone);
        let told: Vec<(usize, ha::To)> = match gone {
            Address::Data(process) => {
                let process = process as usize;
                let peer = process_of(process / 2, seat_of(process).peer());
                vec![(peer, ha::To::Peer)]
            }
            Address::Witness(..) => (0..self.processes.len())
                .filter(|process| self.options.settings[process / 2].has_witness)
                .map(|process| (process, ha::To::Witness))
                .collect(),
        };
        for (process, whom) in told {
            let to = self.processes[process].machine;
            if self.network.passes(machine, to) && self.network.passes(to, machine) {
                let at = self.now + self.network.delay().min(20 * MS);
                let input = Inbound::Input(ha::Input::Disconnected(whom));
                self.plan_local(at, process, input);
            }
        }
    }

    pub(crate) fn machine_of(&self, address: Address) -> usize {
        match address {
            Address::Data(process) => self.processes[process as usize].machine,
            Address::Witness(..) => MACHINES - 1,
        }
    }
}

/// The address of a group's data node.
pub(crate) fn data(group: usize, seat: Seat) -> Address {
    Address::Data(process_of(group, seat) as u8)
}
