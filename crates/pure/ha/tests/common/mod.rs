//! Two members and a witness on a perfect network whose links can be cut, with logs in memory.
//!
//! For the member's timers only: `sim` is where disks fail, messages get lost and processes die at
//! any step.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::collections::{BTreeMap, VecDeque};

use ha::{
    Command, Disk, Draft, Event, From, History, Identity, Incarnation, Input, Log, Member, Message,
    Output, Record, SHIP_ENTRIES_MAX, Settings, Standing, State, To, Witness,
};
use model::Time;
use model::pair::{Entry, Seat};

/// One way, in milliseconds.
const LATENCY_MS: u64 = 1;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Voter {
    Data(Seat),
    Witness,
}

pub struct Node {
    pub member: Member,
    pub entries: Vec<Entry>,
    pub record: Record,
    pub address_until: Option<Time>,
    pub is_active: bool,
    pub committed: u64,
    pub events: Vec<Event>,
    pub refused: Vec<(Command, &'static str)>,
    pub has_stopped: bool,
}

pub struct World {
    pub now: Time,
    pub settings: Settings,
    pub nodes: BTreeMap<Seat, Option<Node>>,
    pub witness: Option<Witness>,
    disks: BTreeMap<Seat, (Record, Vec<Entry>)>,
    births: u64,
    cut: Vec<(Voter, Voter)>,
    /// Whose cable is slow, and how much longer every message takes on it.
    slow: Option<(Voter, u64)>,
    wire: VecDeque<(Time, Voter, Voter, Message)>,
}

impl World {
    pub fn new(settings: Settings) -> Self {
        let mut world = Self {
            now: Time(1_000_000),
            witness: settings.has_witness.then(|| Witness::start(Incarnation(7))),
            settings,
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            births: 0,
            cut: Vec::new(),
            slow: None,
            wire: VecDeque::new(),
        };
        world.disks.insert(Seat::Primary, (Record::founder(1, 1), Vec::new()));
        world.disks.insert(Seat::Secondary, (Record::member(1, 1), Vec::new()));
        world.start(Seat::Primary);
        world.start(Seat::Secondary);
        world
    }

    /// A pair that has formed.
    pub fn formed(settings: Settings) -> Self {
        let mut world = Self::new(settings);
        world.run_ms(3_000);
        world
    }

    pub fn start(&mut self, seat: Seat) {
        let (record, entries) = self.disks[&seat].clone();
        self.births += 1;
        let identity =
            Identity { seat, has_witness: self.settings.has_witness, level: 1, birth: self.births };
        let ends = entries.iter().fold(Vec::new(), |mut ends: Vec<_>, entry| {
            if ends
                .last()
                .is_some_and(|end: &model::pair::Position| end.epoch == entry.position.epoch)
            {
                ends.pop();
            }
            ends.push(entry.position);
            ends
        });
        let disk = Disk {
            record: record.clone(),
            log: Log::recovered(History::new(ends)),
            applied: 0,
            has_holes: false,
        };
        let member = Member::start(
            self.settings.clone().checked().unwrap(),
            identity,
            disk,
            self.now,
            self.births,
        );
        let node = Node {
            member,
            entries,
            record,
            address_until: None,
            is_active: false,
            committed: 0,
            events: Vec::new(),
            refused: Vec::new(),
            has_stopped: false,
        };
        self.nodes.insert(seat, Some(node));
        self.drain(seat);
    }

    /// The process dies; what was written stays.
    pub fn kill(&mut self, seat: Seat) {
        if let Some(node) = self.nodes.insert(seat, None).flatten() {
            self.disks.insert(seat, (node.record, node.entries));
        }
    }

    /// Puts back an earlier disk, or a new and empty one.
    pub fn replace_disk(&mut self, seat: Seat, disk: (Record, Vec<Entry>)) {
        self.kill(seat);
        self.disks.insert(seat, disk);
    }

    /// The disk as it is now.
    pub fn image(&self, seat: Seat) -> (Record, Vec<Entry>) {
        (self.node(seat).record.clone(), self.node(seat).entries.clone())
    }

    pub fn kill_witness(&mut self) {
        self.witness = None;
    }

    pub fn start_witness(&mut self, incarnation: u128) {
        self.witness = Some(Witness::start(Incarnation(incarnation)));
    }

    pub fn cut(&mut self, one: Voter, other: Voter) {
        self.cut.extend([(one, other), (other, one)]);
    }

    pub fn cut_one_way(&mut self, from: Voter, to: Voter) {
        self.cut.push((from, to));
    }

    /// Everything on this cable takes so much longer, in either direction.
    pub fn slow_down(&mut self, voter: Voter, ms: u64) {
        self.slow = Some((voter, ms));
    }

    fn latency_ms(&self, from: Voter, to: Voter) -> u64 {
        let slow = self.slow.filter(|(slow, _)| [from, to].contains(slow));
        LATENCY_MS + slow.map_or(0, |(_, ms)| ms)
    }

    fn put(&mut self, from: Voter, to: Voter, message: Message) {
        let at = self.now.plus_ms(self.latency_ms(from, to));
        let behind = self.wire.partition_point(|(other, ..)| *other <= at);
        self.wire.insert(behind, (at, from, to, message));
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }

    pub fn node(&self, seat: Seat) -> &Node {
        self.nodes[&seat].as_ref().unwrap()
    }

    pub fn standing(&self, seat: Seat) -> Standing {
        self.node(seat).member.replica().standing()
    }

    pub fn state(&self, seat: Seat) -> State {
        self.node(seat).member.status(self.now).state
    }

    pub fn owner(&self) -> Option<Seat> {
        let holds = |seat: &Seat| {
            let node = self.nodes[seat].as_ref();
            node.is_some_and(|node| node.address_until.is_some_and(|until| self.now < until))
        };
        let owners: Vec<Seat> = Seat::ALL.into_iter().filter(holds).collect();
        assert!(owners.len() <= 1, "two nodes hold the address at {:?}", self.now);
        owners.first().copied()
    }

    pub fn handle(&mut self, seat: Seat, input: Input) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(&seat).and_then(Option::as_mut) {
            node.member.handle(now, input);
            self.drain(seat);
        }
    }

    pub fn command(&mut self, seat: Seat, command: Command) {
        self.handle(seat, Input::Command(command));
    }

    pub fn write(&mut self, seat: Seat) {
        let draft = Draft { kind: 1, version: 1, payload: self.now.0.to_le_bytes().to_vec() };
        self.handle(seat, Input::Write(vec![draft]));
    }

    /// Runs until the condition holds; the milliseconds that it took.
    pub fn until(&mut self, limit_ms: u64, is_so: impl Fn(&Self) -> bool) -> u64 {
        let start = self.now;
        while !is_so(self) {
            assert!(self.now.since_ms(start) < limit_ms, "not within {limit_ms} ms");
            self.run_ms(1);
        }
        self.now.since_ms(start)
    }

    pub fn run_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        while self.now < end {
            self.now = self.now.plus_ms(1);
            while self.wire.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, from, to, message) = self.wire.pop_front().unwrap();
                self.deliver(from, to, message);
            }
            for seat in Seat::ALL {
                let node = self.nodes[&seat].as_ref();
                let deadline = node.and_then(|node| node.member.deadline());
                if deadline.is_some_and(|deadline| deadline <= self.now) {
                    self.handle(seat, Input::Tick);
                }
            }
            if self.now.0.is_multiple_of(1_000)
                && let Some(witness) = &mut self.witness
            {
                witness.ask();
            }
            self.drain_witness();
            self.owner();
        }
    }

    fn deliver(&mut self, from: Voter, to: Voter, message: Message) {
        if self.cut.contains(&(from, to)) {
            return;
        }
        match (from, to) {
            (Voter::Data(seat), Voter::Witness) => {
                if let Some(witness) = &mut self.witness {
                    witness.handle(seat, &message);
                }
            }
            (Voter::Data(_), Voter::Data(seat)) => {
                self.handle(seat, Input::Message(From::Peer, message));
            }
            (Voter::Witness, Voter::Data(seat)) => {
                let Some(witness) = &self.witness else { return };
                let from = From::Witness(witness.incarnation());
                self.handle(seat, Input::Message(from, message));
            }
            (Voter::Witness, Voter::Witness) => unreachable!(),
        }
    }

    fn drain_witness(&mut self) {
        while let Some((seat, message)) = self.witness.as_mut().and_then(Witness::poll) {
            self.put(Voter::Witness, Voter::Data(seat), message);
        }
    }

    fn drain(&mut self, seat: Seat) {
        let now = self.now;
        let mut sent = Vec::new();
        let Some(node) = self.nodes.get_mut(&seat).and_then(Option::as_mut) else { return };
        while let Some(output) = node.member.poll() {
            let mut send = |to: To, message| {
                let to = match to {
                    To::Peer => Voter::Data(seat.peer()),
                    To::Witness => Voter::Witness,
                };
                sent.push((to, message));
            };
            match output {
                Output::Persist(record) => node.record = record,
                Output::Send(to, message) => send(to, message),
                Output::Append(entries) => {
                    node.entries.extend(entries);
                    let position = node.entries.last().unwrap().position;
                    node.member.handle(now, Input::Durable(position));
                }
                Output::Truncate { after } => node.entries.truncate(after as usize),
                Output::Wipe => node.entries.clear(),
                Output::Ship { first } => {
                    let entries: Vec<Entry> = node
                        .entries
                        .iter()
                        .skip(first as usize - 1)
                        .take(SHIP_ENTRIES_MAX as usize)
                        .cloned()
                        .collect();
                    if let Some(message) = node.member.ship(now, entries) {
                        send(To::Peer, message);
                    }
                }
                Output::Commit(index) => node.committed = index,
                Output::Activate => node.is_active = true,
                Output::Deactivate => node.is_active = false,
                Output::HoldAddress { until } => node.address_until = Some(until),
                Output::ReleaseAddress => {
                    node.address_until = None;
                    node.member.handle(now, Input::AddressGone);
                }
                Output::Event(event) => node.events.push(event),
                Output::RefuseCommand(command, reason) => node.refused.push((command, reason)),
                Output::Stopped => node.has_stopped = true,
                Output::RefuseWrite(_)
                | Output::Snapshot
                | Output::Install
                | Output::Fetch { .. }
                | Output::Fetched(_)
                | Output::Rebuild => {}
            }
        }
        for step in node.member.steps() {
            let rule = ha::rule(step.from, step.trigger);
            let is_allowed = step.from == step.to || rule.next.contains(&step.to);
            assert!(is_allowed, "no row for {step:?}");
        }
        for (to, message) in sent {
            self.put(Voter::Data(seat), to, message);
        }
    }
}
