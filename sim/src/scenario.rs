//! Worlds without dice: one group on a quiet LAN, and somebody who does things to it.
//!
//! Every checker watches, as it does over seeds. A scenario fails by itself when one finds
//! something; what else it expects it says.

use ha::{Command, Input, Message, Record, Service, Settings, Standing, Value};

use crate::network::{Address, Load, data};
use crate::options::Options;
use crate::process::Inbound;
use crate::queue::{Event, MS, Micros};
use crate::storage::Copy;
use crate::trace::Trace;
use crate::world::{SECONDARY, WITNESS, World, seat_of};

/// Lines that a failed scenario shows.
const LINES: usize = 60;
/// Words of lines that it does not show.
const DULL: [&str; 6] = ["Append", "Ack", "Commit(", "Ship", "Durable", "StateHash"];

/// Who is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// The primary.
    A,
    /// The secondary.
    B,
    /// The witness.
    W,
}

/// A copy of a data node's disk.
#[derive(Debug)]
pub struct Image(Option<(Copy, Option<Record>)>);

/// A world that does what it is told.
#[derive(Debug)]
pub struct Scenario {
    world: World,
}

impl Node {
    fn machine(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => SECONDARY,
            Self::W => WITNESS,
        }
    }

    /// The process of a data node; the witness has none.
    fn process(self) -> Option<usize> {
        match self {
            Self::A => Some(0),
            Self::B => Some(1),
            Self::W => None,
        }
    }
}

impl Scenario {
    /// A new group that has come to rest: everybody runs, the pair is complete if it may be.
    pub fn new(settings: Settings) -> Self {
        let mut scenario = Self::fresh(settings);
        scenario.run_ms(20_000);
        scenario
    }

    /// A new group, before anybody has started.
    pub fn fresh(settings: Settings) -> Self {
        let options = Options::calm(1, settings);
        Self { world: World::new(options, Trace::new(true, false)) }
    }

    /// The same with a journal that keeps few entries, so that snapshots are needed.
    pub fn forgetful(settings: Settings) -> Self {
        let options = Options { keep_entries: 0, ..Options::calm(1, settings) };
        let mut scenario = Self { world: World::new(options, Trace::new(true, false)) };
        scenario.run_ms(20_000);
        scenario
    }

    /// Lets time pass.
    pub fn run_ms(&mut self, ms: u64) {
        let until = self.world.now + ms * MS;
        self.world.run_until(until);
    }

    /// Lets time pass until something holds. Says after how many milliseconds; nothing when it
    /// did not within `limit_ms`.
    pub fn until(&mut self, limit_ms: u64, holds: impl Fn(&Self) -> bool) -> Option<u64> {
        for ms in 0..=limit_ms {
            if holds(self) {
                return Some(ms);
            }
            self.run_ms(1);
        }
        None
    }

    /// Cuts the link between two machines, both ways.
    pub fn cut(&mut self, one: Node, other: Node) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// What `from` sends to `to` is lost.
    pub fn cut_one_way(&mut self, from: Node, to: Node) {
        self.world.network.cut(from.machine(), to.machine());
    }

    /// Takes all cuts back.
    pub fn mend(&mut self) {
        self.world.network.mend_all();
    }

    /// The process dies; nobody starts it again.
    pub fn kill(&mut self, node: Node) {
        match node.process() {
            Some(process) => self.world.die(process, false),
            None => self.world.witness_stop(0),
        }
    }

    /// The machine loses power.
    pub fn power_off(&mut self, node: Node) {
        match node {
            Node::W => self.world.witness_stop(0),
            _ => self.world.power_off(node.machine()),
        }
    }

    /// It starts again, with its machine if that is off. A witness has forgotten everything.
    pub fn start(&mut self, node: Node) {
        match node.process() {
            Some(process) => {
                self.world.boot(node.machine());
                self.world.start(process);
            }
            None => self.world.witness_start(0),
        }
    }

    /// A second witness of the same name starts.
    pub fn double_witness(&mut self) {
        self.world.witness_start(1);
    }

    /// The first witness dies, its twin stays.
    pub fn kill_first_witness(&mut self) {
        self.world.witness_stop(0);
    }

    /// The process stands still; its machine's kernel does not.
    pub fn freeze(&mut self, node: Node) {
        if let Some(process) = node.process() {
            self.world.processes[process].is_frozen = true;
        }
    }

    /// It goes on.
    pub fn thaw(&mut self, node: Node) {
        if let Some(process) = node.process() {
            self.world.thaw(process);
        }
    }

    /// The disk does not answer for so long, from the next sync on.
    pub fn stall_disk(&mut self, node: Node, ms: u64) {
        if let Some(process) = node.process() {
            self.world.processes[process].storage.files.stall(ms * MS);
        }
    }

    /// The next sync of its disk fails.
    pub fn fail_sync(&mut self, node: Node) {
        if let Some(process) = node.process() {
            self.world.processes[process].storage.files.fail_sync();
        }
    }

    /// The process dies and finds a new, empty disk when it starts.
    pub fn replace_disk(&mut self, node: Node) {
        if let Some(process) = node.process() {
            self.world.die(process, false);
            let node = &mut self.world.processes[process];
            node.storage.replace();
            node.record = None;
            node.is_amnesiac = true;
        }
    }

    /// A copy of what is on its disk.
    pub fn copy_disk(&self, node: Node) -> Image {
        let process = node.process().map(|process| &self.world.processes[process]);
        Image(process.map(|process| (process.storage.copy(), process.record.clone())))
    }

    /// The machine loses power and finds its disk as it once was.
    pub fn revert_disk(&mut self, node: Node, image: &Image) {
        if let (Some(process), Some((copy, record))) = (node.process(), &image.0) {
            self.world.power_off(node.machine());
            let process = &mut self.world.processes[process];
            process.storage.revert(copy);
            process.record.clone_from(record);
            process.is_amnesiac = true;
        }
    }

    /// The supervised service fails.
    pub fn fail_service(&mut self, node: Node) {
        if let Some(process) = node.process() {
            self.world.processes[process].is_service_failed = true;
            self.world.deliver(process, Inbound::Input(Input::Service(Service::Failed)));
        }
    }

    /// It was restarted.
    pub fn restart_service(&mut self, node: Node) {
        if let Some(process) = node.process() {
            self.world.service_well(process);
        }
    }

    /// An operator orders something.
    pub fn order(&mut self, node: Node, command: Command) {
        if let Some(process) = node.process() {
            if command == Command::Force && self.world.processes[process ^ 1].is_up() {
                self.world.groups[0].is_careless = true;
            }
            self.world.order(process, command);
        }
    }

    /// A copy of something that `from` once said arrives at `to`, late.
    pub fn replay(&mut self, to: Node, message: Message) {
        if let Some(process) = to.process() {
            let at = self.world.now;
            let from = Inbound::Message(ha::From::Peer, message);
            self.world.plan_local(at, process, from);
        }
    }

    /// A data node says something to its peer over the network.
    pub fn say(&mut self, from: Node, message: Message) {
        if let Some(process) = from.process() {
            let to = data(0, seat_of(process).peer());
            self.world.send(Address::Data(process as u8), to, Load::Pair(message));
        }
    }

    /// What is on its disk.
    pub fn record(&self, node: Node) -> Record {
        let record =
            node.process().and_then(|process| self.world.processes[process].record.clone());
        record.unwrap_or_else(|| Record::blank(0))
    }

    /// What its register holds; nothing while that is in doubt.
    pub fn value(&self, node: Node) -> Option<Value> {
        let record = self.record(node);
        record.is_decided().then_some(record.value)
    }

    /// Where it stands; nothing when it does not run.
    pub fn standing(&self, node: Node) -> Option<Standing> {
        node.process().and_then(|process| self.world.standing(process))
    }

    /// Whether clients are served by it: it is active, has the address and may answer reads.
    pub fn serves(&self, node: Node) -> bool {
        node.process().is_some_and(|process| {
            let host = &self.world.hosts[node.machine()];
            let now = host.clock(self.world.now);
            let process = &self.world.processes[process];
            let may_read = process.member.as_ref().is_some_and(|member| member.may_read(now));
            process.is_active && process.hold.is_some() && may_read && !process.is_frozen
        })
    }

    /// Whether its machine's kernel has the address.
    pub fn has_address(&self, node: Node) -> bool {
        node.process().is_some_and(|process| self.world.processes[process].hold.is_some())
    }

    /// Entries that were committed so far.
    pub fn committed(&self) -> u64 {
        self.world.groups[0].ledger.chain.end()
    }

    /// Entries that are on its disk.
    pub fn durable(&self, node: Node) -> u64 {
        node.process().map_or(0, |process| self.world.processes[process].storage.durable)
    }

    /// Whether the witness may vote.
    pub fn witness_is_valid(&self) -> bool {
        self.world.witnesses[0].groups.first().is_some_and(ha::Witness::is_valid)
    }

    /// From now on the longest pause between two acknowledgements is measured.
    pub fn watch_pause(&mut self) {
        let now = self.world.now;
        self.world.oracles[0].watch(now);
    }

    /// The longest pause between two acknowledgements, in milliseconds.
    pub fn longest_pause_ms(&self) -> u64 {
        self.world.oracles[0].longest_pause(self.world.now) / MS
    }

    /// How often something was met, by its name among the counters.
    pub fn met(&self, name: &str) -> u64 {
        let mut counters = self.world.coverage.counters();
        counters.find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
    }

    /// Clients ask no more.
    pub fn dismiss_clients(&mut self) {
        self.world.is_quiet = true;
    }

    /// The promise that was broken.
    pub fn violation(&self) -> Option<&str> {
        self.world.violation.as_ref().map(|violation| violation.what.as_str())
    }

    /// What happened last, without the daily work of replication.
    pub fn trace(&self) -> String {
        let is_dull = |line: &&str| DULL.iter().any(|word| line.contains(word));
        let lines: Vec<&str> = self.world.trace.lines().filter(|line| !is_dull(line)).collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Plans a start, as an init system would.
    pub fn start_later(&mut self, node: Node, ms: Micros) {
        let at = self.world.now + ms * MS;
        let event = match node.process() {
            Some(process) => Event::Start { process: process as u8 },
            None => Event::WitnessStart { witness: 0 },
        };
        self.world.queue.plan(at, event);
    }
}
