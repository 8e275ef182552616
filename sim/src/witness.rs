//! The witness machine: one real [`ha::Witness`] for each group, in one or, by mistake, two lives.

use ha::{Incarnation, Message, Witness};
use model::pair::Seat;

use crate::coverage::Seen;
use crate::network::{Address, Load, data};
use crate::queue::{Event, SECOND};
use crate::rng::mix;
use crate::words;
use crate::world::World;

/// One running program of the witness.
#[derive(Debug)]
pub(crate) struct WitnessProcess {
    /// One for each group, when it runs; each in a life of its own.
    pub(crate) groups: Vec<Witness>,
    pub(crate) life: u32,
}

/// It asks so often until everybody has reported. Source: notes of the `ha` crate, one second.
const ASK: u64 = SECOND;

/// How long a node's connection leads to the same one of two witnesses.
const CONNECTION: u64 = 8 * SECOND;

/// One that was left starts anew after about ten seconds: notes of the `ha` crate.
const RENEW: u32 = 10;

impl WitnessProcess {
    pub(crate) fn stopped() -> Self {
        Self { groups: Vec::new(), life: 0 }
    }

    /// Whether it runs.
    pub(crate) fn is_up(&self) -> bool {
        !self.groups.is_empty()
    }
}

impl World {
    /// A witness starts without memory.
    pub(crate) fn witness_start(&mut self, witness: usize) {
        if self.witnesses[witness].is_up() {
            return;
        }
        let groups = (0..self.options.groups).map(|_| self.new_witness()).collect();
        let process = &mut self.witnesses[witness];
        process.life += 1;
        process.groups = groups;
        let life = process.life;
        self.trace.say(|| format!("witness {witness} starts"));
        self.register_witness_starts(witness);
        self.queue.plan(self.now + ASK, Event::Ask { witness: witness as u8, life });
        for group in 0..self.options.groups {
            self.witness_speaks(witness, group);
        }
    }

    /// A witness dies.
    pub(crate) fn witness_stop(&mut self, witness: usize) {
        if !self.witnesses[witness].is_up() {
            return;
        }
        self.witnesses[witness].groups.clear();
        self.witnesses[witness].life += 1;
        self.trace.say(|| format!("witness {witness} dies"));
        self.close_connections(Address::Witness(witness as u8, 0));
    }

    /// It asks those that have not reported.
    pub(crate) fn witness_asks(&mut self, witness: usize, life: u32) {
        let process = &mut self.witnesses[witness];
        if process.life != life || !process.is_up() {
            return;
        }
        for group in 0..self.options.groups {
            if self.witnesses[witness].groups[group].is_left() && self.rng.percent(RENEW) {
                // Its nodes have left it for a twin: it starts anew, as another.
                self.coverage.see(Seen::LeftWitnessRefused);
                self.witnesses[witness].groups[group] = self.new_witness();
            }
            self.witnesses[witness].groups[group].ask();
            self.witness_speaks(witness, group);
        }
        self.queue.plan(self.now + ASK, Event::Ask { witness: witness as u8, life });
    }

    fn new_witness(&mut self) -> Witness {
        let (high, low) = (self.rng.next(), self.rng.next());
        Witness::start(Incarnation(u128::from(high) << 64 | u128::from(low)))
    }

    /// A message of a data node arrives.
    pub(crate) fn witness_hears(
        &mut self,
        witness: usize,
        group: usize,
        from: Seat,
        message: &Message,
    ) {
        let Some(voter) = self.witnesses[witness].groups.get_mut(group) else { return };
        let before = voter.known();
        voter.handle(from, message);
        let after = voter.known();
        self.events += 1;
        if let Some(after) = after {
            self.register_witness(witness, group, before, after);
        }
        self.witness_speaks(witness, group);
    }

    fn witness_speaks(&mut self, witness: usize, group: usize) {
        while let Some((seat, message)) = self.witnesses[witness].groups[group].poll() {
            self.trace.message(&message, || {
                format!("W{witness} -> g{group} {seat}: {}", words::message(&message))
            });
            let from = Address::Witness(witness as u8, group as u8);
            let incarnation = self.witnesses[witness].groups[group].incarnation();
            self.send(from, data(group, seat), Load::Vote(incarnation, message));
        }
    }

    /// The witness that a data node's connection leads to: one of those that run.
    pub(crate) fn reachable_witness(&mut self, process: usize) -> Option<usize> {
        let up: [bool; 2] = [self.witnesses[0].is_up(), self.witnesses[1].is_up()];
        match up {
            [true, false] => Some(0),
            [false, true] => Some(1),
            [false, false] => None,
            [true, true] => {
                // A connection stays where it is for a while, each node's for itself: the two
                // nodes of a group may talk to different lives of their witness.
                let seed = mix(self.options.seed, process as u64);
                let slot = mix(seed, self.now / CONNECTION);
                Some((slot & 1) as usize ^ usize::from(self.network.rng.percent(10)))
            }
        }
    }
}
