//! A data node's process: drives the real [`ha::Member`] as the real node does.
//!
//! Outputs are carried out one by one; a crash may fall between any two. While its disk stalls, or
//! while it is frozen, nothing happens and everything that comes waits in its sockets.

use std::collections::VecDeque;

use ha::{Draft, From, Identity, Input, Member, Message, Record};
use journal::Journal;
use model::Time;

use crate::checkers::Before;
use crate::clients::{Outcome, Waiting};
use crate::coverage::Seen;
use crate::network::Address;
use crate::queue::{Event, MS, Micros, SECOND};
use crate::rng::mix;
use crate::snapshot::{Push, Receiving, Sending};
use crate::state::{KIND_SET, Operation};
use crate::storage::{Storage, Trouble};
use crate::words;
use crate::world::{World, seat_of};

/// What comes to a process.
#[derive(Debug, Clone)]
pub(crate) enum Inbound {
    /// From another voter.
    Message(From, Message),
    /// From its own machine.
    Input(Input),
    /// A part of a snapshot.
    Push(Box<Push>),
    /// A client writes.
    Write { client: u8, operation: u32, set: Operation },
    /// A client reads.
    Read { client: u8, operation: u32, key: u8 },
    /// The group commit is due.
    Sync,
    /// What the disk has lost is asked for again.
    Holes,
}

/// What holds the virtual address, in the kernel of a process's machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) until: Micros,
    pub(crate) number: u32,
    /// In which it was taken or refreshed.
    pub(crate) generation: u32,
}

/// One data node's process and its disk.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) machine: usize,
    pub(crate) member: Option<Member>,
    /// Counts starts and ends.
    pub(crate) life: u32,
    pub(crate) storage: Storage,
    pub(crate) inbox: VecDeque<Inbound>,
    pub(crate) is_frozen: bool,
    /// The disk does not answer.
    pub(crate) is_blocked: bool,
    /// The world is inside this process.
    is_running: bool,
    tick_at: Option<Micros>,
    pub(crate) is_sync_planned: bool,
    /// When the input came that is being carried out.
    pub(crate) handled_at: Time,
    /// Dies after so many outputs.
    pub(crate) dies_after: Option<u32>,
    /// Recovery has reported entries that cannot be read.
    pub(crate) has_holes: bool,
    /// Dies soon after it has accepted a change that is not decided.
    pub(crate) dies_in_doubt: bool,
    /// Its machine loses power when it writes next.
    pub(crate) fails_at_append: bool,
    /// Serves clients.
    pub(crate) is_active: bool,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) hold: Option<Hold>,
    pub(crate) holds: u32,
    pub(crate) sending: Option<Sending>,
    pub(crate) receiving: Option<Receiving>,
    /// The program's feature level.
    pub(crate) level: u16,
    /// An operator stopped it, or takes care of it: it is not started by itself.
    pub(crate) is_kept_down: bool,
    pub(crate) is_service_failed: bool,
    /// The record that is on disk.
    pub(crate) record: Option<Record>,
    /// Has lost memory, and has not been complete since.
    pub(crate) is_amnesiac: bool,
}

/// Waiting inputs of a stopped process; beyond that its sockets are full.
const INBOX_MAX: usize = 2_000;

impl Process {
    pub(crate) fn new(machine: usize, storage: Storage, level: u16) -> Self {
        Self {
            machine,
            member: None,
            life: 0,
            storage,
            inbox: VecDeque::new(),
            is_frozen: false,
            is_blocked: false,
            is_running: false,
            tick_at: None,
            is_sync_planned: false,
            handled_at: Time(0),
            dies_after: None,
            has_holes: false,
            dies_in_doubt: false,
            fails_at_append: false,
            is_active: false,
            waiting: VecDeque::new(),
            hold: None,
            holds: 0,
            sending: None,
            receiving: None,
            level,
            is_kept_down: false,
            is_service_failed: false,
            record: None,
            is_amnesiac: false,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.member.is_some()
    }

    fn is_stopped(&self) -> bool {
        self.is_frozen || self.is_blocked
    }
}

impl World {
    /// The process starts on its disk. Its predecessor's address is removed first.
    pub(crate) fn start(&mut self, process: usize) {
        let machine = self.processes[process].machine;
        if self.processes[process].is_up() || !self.hosts[machine].is_up {
            return;
        }
        self.processes[process].hold = None;
        let (group, seat) = (process / 2, seat_of(process));
        let found = match self.processes[process].storage.open() {
            Ok(found) => found,
            Err(Trouble::Wrong(why)) => return self.violate(process, why),
            Err(Trouble::Disk(why)) => {
                self.trace.say(|| format!("{} cannot start: {why}", name(process)));
                self.processes[process].storage.close(None);
                let at = self.now + SECOND;
                self.queue.plan(at, Event::Start { process: process as u8 });
                return;
            }
        };
        if found.was_torn {
            self.coverage.see(Seen::TornTailCut);
        }
        if found.was_lost {
            self.coverage.see(Seen::LogLost);
        }
        let birth = self.rng.next() | 1;
        let seed = self.rng.next();
        let now = self.hosts[machine].clock(self.now);
        let node = &mut self.processes[process];
        let level = node.level;
        let record = found.record.unwrap_or_else(|| Record::blank(level));
        let has_holes = !found.holes.is_empty();
        let disk = node.storage.recovered(record.clone(), has_holes);
        node.record = Some(record);
        node.has_holes = has_holes;
        let settings = match self.options.settings[group].clone().checked() {
            Ok(settings) => settings,
            Err(error) => return self.violate(process, error.to_string()),
        };
        let node = &mut self.processes[process];
        let identity = Identity { seat, has_witness: settings.has_witness, level, birth };
        node.member = Some(Member::start(settings, identity, disk, now, seed));
        node.life += 1;
        node.handled_at = now;
        let first = node.storage.journal.as_ref().map_or(1, Journal::first_index);
        node.inbox.push_back(Inbound::Input(Input::Retained(first)));
        if node.is_service_failed {
            node.inbox.push_back(Inbound::Input(Input::Service(ha::Service::Failed)));
        }
        self.trace.say(|| format!("{} starts", name(process)));
        self.started(process);
        self.admit(process);
        if has_holes {
            self.coverage.see(Seen::HoleFound);
            self.fetch_holes(process);
        }
        self.check(process, Before::default());
        self.go_on(process);
    }

    /// The process is gone. With `power_loss` its machine is, too.
    pub(crate) fn die(&mut self, process: usize, power_loss: bool) {
        let node = &mut self.processes[process];
        if !node.is_up() && !power_loss {
            return;
        }
        node.member = None;
        node.life += 1;
        node.inbox.clear();
        node.waiting.clear();
        node.is_active = false;
        node.is_frozen = false;
        node.is_blocked = false;
        node.is_sync_planned = false;
        node.tick_at = None;
        node.dies_after = None;
        node.dies_in_doubt = false;
        node.fails_at_append = false;
        node.sending = None;
        if power_loss {
            node.hold = None;
            node.receiving = None;
            node.storage.close(Some(&mut self.rng));
        } else {
            node.storage.close(None);
        }
        self.trace.say(|| {
            format!("{} dies{}", name(process), if power_loss { " with its machine" } else { "" })
        });
        if !power_loss {
            self.close_connections(Address::Data(process as u8));
        }
        self.stopped(process);
    }

    /// It dies, and something starts it again.
    pub(crate) fn abort(&mut self, process: usize, why: &str) {
        self.trace.say(|| format!("{} aborts: {why}", name(process)));
        self.coverage.see(Seen::Abort);
        self.die(process, false);
        let at = self.now + self.rng.between(200, 3_000) * MS;
        self.queue.plan(at, Event::Start { process: process as u8 });
    }

    /// Something comes to a process.
    pub(crate) fn deliver(&mut self, process: usize, inbound: Inbound) {
        let node = &mut self.processes[process];
        if !node.is_up() || node.inbox.len() >= INBOX_MAX {
            return;
        }
        node.inbox.push_back(inbound);
        self.go_on(process);
    }

    /// Its machine tells a process something later.
    pub(crate) fn plan_local(&mut self, at: Micros, process: usize, inbound: Inbound) {
        let life = self.processes[process].life;
        let slot = self.locals.put((process, life, inbound));
        self.queue.plan(at, Event::Local(slot));
    }

    /// Something that its machine had planned comes to a process.
    pub(crate) fn local(&mut self, slot: u32) {
        let Some((process, life, inbound)) = self.locals.take(slot) else { return };
        if self.processes[process].life == life {
            self.deliver(process, inbound);
        }
    }

    /// The member's deadline may have passed.
    pub(crate) fn tick(&mut self, process: usize) {
        let node = &mut self.processes[process];
        if node.tick_at != Some(self.now) {
            return;
        }
        node.tick_at = None;
        if node.is_stopped() || self.hosts[node.machine].is_paused() {
            return;
        }
        self.deliver(process, Inbound::Input(Input::Tick));
    }

    /// The group commit is due.
    pub(crate) fn sync_due(&mut self, process: usize) {
        self.processes[process].is_sync_planned = false;
        self.deliver(process, Inbound::Sync);
    }

    /// Carries out what waits, unless the process is stopped.
    pub(crate) fn go_on(&mut self, process: usize) {
        if std::mem::replace(&mut self.processes[process].is_running, true) {
            return;
        }
        loop {
            let node = &self.processes[process];
            let is_paused = self.hosts[node.machine].is_paused();
            if !node.is_up() || node.is_stopped() || is_paused || self.violation.is_some() {
                break;
            }
            if !self.carry_out(process) {
                break;
            }
            let Some(inbound) = self.processes[process].inbox.pop_front() else { break };
            self.events += 1;
            let before = self.before(process);
            self.handle(process, inbound);
            // What was decided counts from here on, even if the process dies before it acts on it.
            self.check(process, before);
        }
        self.processes[process].is_running = false;
        self.rearm(process);
    }

    /// Plans the next tick.
    fn rearm(&mut self, process: usize) {
        let node = &mut self.processes[process];
        let host = &self.hosts[node.machine];
        if node.is_stopped() || host.is_paused() {
            return;
        }
        let Some(deadline) = node.member.as_ref().and_then(Member::deadline) else { return };
        let at = host.when(deadline).max(self.now);
        if node.tick_at.is_none_or(|planned| at < planned || planned < self.now) {
            node.tick_at = Some(at);
            let life = node.life;
            self.queue.plan(at, Event::Tick { process: process as u8, life });
        }
    }

    fn handle(&mut self, process: usize, inbound: Inbound) {
        let now = self.hosts[self.processes[process].machine].clock(self.now);
        self.processes[process].handled_at = now;
        let result = match inbound {
            Inbound::Message(from, message) => {
                self.trace.message(&message, || {
                    format!("{} <- {}: {}", name(process), who(from), words::message(&message))
                });
                self.tell(process, Input::Message(from, message));
                Ok(())
            }
            Inbound::Input(input) => {
                self.trace
                    .tick(&input, || format!("{} <- {}", name(process), words::input(&input)));
                self.tell(process, input);
                Ok(())
            }
            Inbound::Push(push) => self.pushed(process, *push),
            Inbound::Write { client, operation, set } => {
                self.write(process, client, operation, set);
                Ok(())
            }
            Inbound::Read { client, operation, key } => {
                self.read(process, client, operation, key);
                Ok(())
            }
            Inbound::Sync => self.sync(process),
            Inbound::Holes => {
                self.fetch_holes(process);
                Ok(())
            }
        };
        if let Err(why) = result {
            self.abort(process, &why);
        }
    }

    pub(crate) fn tell(&mut self, process: usize, input: Input) {
        let node = &mut self.processes[process];
        let now = node.handled_at;
        if let Some(member) = &mut node.member {
            member.handle(now, input);
        }
    }

    fn write(&mut self, process: usize, client: u8, operation: u32, set: Operation) {
        let node = &mut self.processes[process];
        let Some(member) = &mut node.member else { return };
        if !node.is_active {
            return self.reply(client, operation, Outcome::Refused);
        }
        let bytes = (mix(9, set.value) % u64::from(self.options.payload_max)) as usize;
        let draft = Draft { kind: KIND_SET, version: 1, payload: set.encode(bytes) };
        let end = member.replica().log().end().index;
        member.handle(node.handled_at, Input::Write(vec![draft]));
        let last = member.replica().log().end();
        if last.index > end {
            node.waiting.push_back(Waiting { index: last.index, client, operation });
        } else {
            self.reply(client, operation, Outcome::Refused);
        }
    }

    fn read(&mut self, process: usize, client: u8, operation: u32, key: u8) {
        let node = &self.processes[process];
        let Some(member) = &node.member else { return };
        if !node.is_active || !member.may_read(node.handled_at) {
            return self.reply(client, operation, Outcome::Refused);
        }
        let standing = member.replica().standing();
        if !standing.serves() {
            self.violate(process, format!("reads are served by a node that is {standing}"));
        }
        let state = &self.processes[process].storage.state;
        let register = state.registers[key as usize];
        let outcome = Outcome::Value {
            value: register.value,
            written: register.index,
            applied: state.applied.index,
        };
        self.read_served(process, client, operation, key, outcome);
        self.reply(client, operation, outcome);
    }
}

/// How a process is called in traces.
pub(crate) fn name(process: usize) -> &'static str {
    ["A1", "B1", "A2", "B2"][process]
}

fn who(from: From) -> String {
    match from {
        From::Peer => "peer".to_owned(),
        From::Witness(incarnation) => format!("witness {incarnation}"),
    }
}
