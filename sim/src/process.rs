//! A data node's process: drives the real [`ha::Member`] as the real node does.
//!
//! Outputs are carried out one by one; a crash may fall between any two. While its disk stalls, or
//! while it is frozen, nothing happens and everything that comes waits in its sockets.

use std::collections::VecDeque;

use ha::{Draft, From, Identity, Input, Member, Message, Output, Record, SHIP_ENTRIES_MAX, To};
use journal::Journal;
use model::Time;
use model::pair::{Entry, Position};

use crate::checkers::Before;
use crate::clients::{Outcome, Waiting};
use crate::coverage::Seen;
use crate::network::{Address, Load, data};
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
    is_sync_planned: bool,
    /// When the input came that is being carried out.
    pub(crate) handled_at: Time,
    /// Dies after so many outputs.
    pub(crate) dies_after: Option<u32>,
    /// Serves clients.
    pub(crate) is_active: bool,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) hold: Option<Hold>,
    holds: u32,
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
/// Group commit. Source: ha.md section 5.1, fdatasync of 0.2 ms, window 2-5 ms; a narrower one
/// here, so that more commits happen in a simulated second.
const SYNC_PAUSE: (Micros, Micros) = (200, 3 * MS);
/// The state is hashed for comparison every so many entries. Ours; ha.md says 10,000, but runs
/// here have some hundreds.
const HASH_EVERY: u64 = 16;
/// The state is synced every so many entries.
const CHECKPOINT_EVERY: u64 = 32;
/// The kernel removes an address that was given up or has expired. Source: ha.md section 4.6.
const REMOVAL: (Micros, Micros) = (100, 2 * MS);

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

    /// Asks the peer for what this disk has lost.
    fn fetch_holes(&mut self, process: usize) {
        let Ok(journal) = self.processes[process].storage.journal() else { return };
        let Some((first, last)) = journal.holes().first().map(|hole| (hole.first, hole.last))
        else {
            return;
        };
        let message = Message::Fetch { first, last };
        self.speak(process, To::Peer, message);
        // Asked again while the hole is there.
        let at = self.now + SECOND;
        self.plan_local(at, process, Inbound::Holes);
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
    fn abort(&mut self, process: usize, why: &str) {
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

    fn tell(&mut self, process: usize, input: Input) {
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

    fn sync(&mut self, process: usize) -> Result<(), String> {
        let node = &mut self.processes[process];
        let position = node.storage.sync()?;
        let stall = node.storage.files.take_stall();
        let input = Inbound::Input(Input::Durable(position));
        if stall > 0 {
            self.block(process, stall);
            self.processes[process].inbox.push_front(input);
        } else if self.rng.percent(5) {
            // Its word comes late: a thread of its own has synced.
            let at = self.now + self.rng.between(1, 20) * MS;
            self.plan_local(at, process, input);
        } else {
            self.tell(process, Input::Durable(position));
        }
        Ok(())
    }

    /// The disk does not answer for a while.
    fn block(&mut self, process: usize, duration: Micros) {
        let node = &mut self.processes[process];
        node.is_blocked = true;
        let life = node.life;
        self.queue.plan(self.now + duration, Event::Unblock { process: process as u8, life });
    }

    /// Carries out outputs until there are none. Says whether the process lives and is not
    /// stopped.
    fn carry_out(&mut self, process: usize) -> bool {
        loop {
            let node = &mut self.processes[process];
            let Some(member) = &mut node.member else { return false };
            if node.is_blocked {
                return false;
            }
            let Some(output) = member.poll() else { return true };
            if let Some(left) = &mut node.dies_after {
                if *left == 0 {
                    self.coverage.see(Seen::CrashBetweenOutputs);
                    self.die(process, false);
                    return false;
                }
                *left -= 1;
            }
            if let Err(why) = self.act(process, output) {
                self.abort(process, &why);
                return false;
            }
        }
    }

    fn act(&mut self, process: usize, output: Output) -> Result<(), String> {
        self.trace.output(&output, || format!("{} -> {}", name(process), words::output(&output)));
        let node = &mut self.processes[process];
        match output {
            Output::Persist(record) => {
                node.storage.persist(&record)?;
                let stall = node.storage.files.take_stall();
                self.persisted(process, &record);
                if stall > 0 {
                    self.block(process, stall);
                }
            }
            Output::Send(to, message) => self.speak(process, to, message),
            Output::Append(entries) => self.append(process, &entries)?,
            Output::Truncate { after } => {
                node.storage.truncate(after)?;
                self.coverage.see(Seen::Truncated);
            }
            Output::Wipe => {
                node.storage.wipe()?;
                node.receiving = None;
                self.wiped(process);
                self.processes[process].inbox.push_back(Inbound::Input(Input::Retained(1)));
            }
            Output::Ship { first } => self.ship(process, first)?,
            Output::Snapshot => self.offer_snapshot(process)?,
            Output::Commit(index) => self.commit(process, index)?,
            // The write path sees that nothing was appended.
            Output::RefuseWrite(_) => {}
            Output::Fetch { first, last } => self.answer_fetch(process, first, last)?,
            Output::Fetched(entries) => self.repair(process, &entries)?,
            Output::Activate => {
                node.is_active = true;
                self.admit(process);
            }
            Output::Deactivate => {
                // Clients are left in the dark, as by a closed connection.
                node.is_active = false;
                node.waiting.clear();
                self.admit(process);
            }
            Output::HoldAddress { until } => self.hold_address(process, until),
            Output::Install => self.install(process)?,
            Output::ReleaseAddress => {
                let at = self.now + self.rng.between(REMOVAL.0, REMOVAL.1);
                node.hold = None;
                self.plan_local(at, process, Inbound::Input(Input::AddressGone));
            }
            Output::Rebuild => {
                self.violate(process, "its state differs from its peer's");
            }
            Output::Event(event) => self.told(process, event),
            Output::RefuseCommand(command, reason) => {
                self.coverage.see(Seen::CommandRefused);
                self.trace.say(|| format!("{} refuses {command}: {reason}", name(process)));
            }
            Output::Stopped => {
                self.coverage.see(Seen::Stopped);
                self.die(process, false);
            }
        }
        Ok(())
    }

    pub(crate) fn speak(&mut self, process: usize, to: To, message: Message) {
        let group = process / 2;
        let address = match to {
            To::Peer => data(group, seat_of(process).peer()),
            To::Witness => match self.reachable_witness() {
                Some(witness) => Address::Witness(witness as u8, group as u8),
                None => return,
            },
        };
        self.send(Address::Data(process as u8), address, Load::Pair(message));
    }

    fn append(&mut self, process: usize, entries: &[Entry]) -> Result<(), String> {
        let pause = self.rng.between(SYNC_PAUSE.0, SYNC_PAUSE.1);
        let node = &mut self.processes[process];
        node.storage.append(entries)?;
        if !node.is_sync_planned {
            node.is_sync_planned = true;
            let life = node.life;
            self.queue.plan(self.now + pause, Event::Sync { process: process as u8, life });
        }
        Ok(())
    }

    fn ship(&mut self, process: usize, first: u64) -> Result<(), String> {
        let node = &mut self.processes[process];
        let journal = node.storage.journal()?;
        if first > journal.end().index || first < journal.first_index() {
            return Ok(());
        }
        let mut entries = node.storage.read(first)?;
        entries.truncate(SHIP_ENTRIES_MAX as usize);
        let now = node.handled_at;
        let message = node.member.as_mut().and_then(|member| member.ship(now, entries));
        if let Some(message) = message {
            self.speak(process, To::Peer, message);
        }
        Ok(())
    }

    /// Applies entries, answers clients, and checks what was applied.
    fn commit(&mut self, process: usize, index: u64) -> Result<(), String> {
        while self.processes[process].storage.state.applied.index < index {
            let node = &mut self.processes[process];
            let next = node.storage.state.applied.index + 1;
            let entries = node.storage.read(next)?;
            if entries.is_empty() {
                let why = format!("entry {next} is committed and not in its journal");
                self.violate(process, why);
                return Ok(());
            }
            for entry in entries.iter().take_while(|entry| entry.position.index <= index) {
                let node = &mut self.processes[process];
                node.storage.state.apply(entry);
                self.applied(process, entry.position);
                self.hash_due(process, entry.position);
            }
        }
        let node = &mut self.processes[process];
        node.storage.checkpoint.written = node.storage.state;
        self.acknowledge(process, index);
        let state = &self.processes[process].storage;
        if state.state.applied.index >= state.checkpoint.durable.applied.index + CHECKPOINT_EVERY {
            let keep = self.options.keep_entries;
            let node = &mut self.processes[process];
            let first = node.storage.checkpoint(keep)?;
            node.inbox.push_back(Inbound::Input(Input::Retained(first)));
        }
        Ok(())
    }

    fn hash_due(&mut self, process: usize, position: Position) {
        if position.index.is_multiple_of(HASH_EVERY) {
            let node = &mut self.processes[process];
            let hash = node.storage.state.hash;
            let input = Input::StateHash { index: position.index, hash };
            node.inbox.push_back(Inbound::Input(input));
        }
    }

    fn acknowledge(&mut self, process: usize, index: u64) {
        loop {
            let node = &mut self.processes[process];
            let is_due = node.waiting.front().is_some_and(|waiting| waiting.index <= index);
            if !is_due || !node.is_active {
                return;
            }
            if let Some(Waiting { index, client, operation }) = node.waiting.pop_front() {
                let counts = self.acknowledged(process, index);
                self.reply(client, operation, Outcome::Acknowledged { index, counts });
            }
        }
    }

    fn answer_fetch(&mut self, process: usize, first: u64, last: u64) -> Result<(), String> {
        let journal = self.processes[process].storage.journal()?;
        if first < journal.first_index()
            || last > journal.end().index
            || !journal.holes().is_empty()
        {
            return Ok(());
        }
        let mut entries: Vec<Entry> = Vec::new();
        while (entries.len() as u64) < last - first + 1 {
            let next = first + entries.len() as u64;
            entries.extend(self.processes[process].storage.read(next)?);
        }
        entries.truncate((last - first + 1) as usize);
        self.speak(process, To::Peer, Message::Fetched { entries });
        Ok(())
    }

    fn repair(&mut self, process: usize, entries: &[Entry]) -> Result<(), String> {
        let storage = &mut self.processes[process].storage;
        let before = storage.journal()?.holes().len();
        let fits = entries.first().zip(entries.last()).is_some_and(|(first, last)| {
            storage.journal.as_ref().is_some_and(|journal| {
                journal.holes().iter().any(|hole| {
                    hole.first == first.position.index && hole.last == last.position.index
                })
            })
        });
        if !fits {
            return Ok(());
        }
        // What the peer sends is refused by the journal's chain if it is not what was here.
        if let Err(error) = storage.journal()?.repair(entries) {
            self.trace.say(|| format!("{} cannot repair: {error}", name(process)));
            return Ok(());
        }
        let is_whole = storage.journal()?.holes().is_empty();
        if before > 0 && is_whole {
            self.coverage.see(Seen::HoleRepaired);
            self.processes[process].inbox.push_back(Inbound::Input(Input::Repaired));
        } else {
            self.fetch_holes(process);
        }
        Ok(())
    }

    /// The kernel keeps the address until then, however late the process comes to say so.
    fn hold_address(&mut self, process: usize, until: Time) {
        let node = &mut self.processes[process];
        let host = &self.hosts[node.machine];
        let left_ms = until.since_ms(host.clock(self.now));
        if left_ms == 0 {
            return;
        }
        let removal = self.rng.between(0, self.options.removal_max[process / 2]);
        node.holds += 1;
        let until = self.now + host.real(left_ms) + removal;
        let hold = Hold { until, number: node.holds };
        let is_new = node.hold.replace(hold).is_none();
        let event = Event::AddressExpires { process: process as u8, hold: hold.number };
        self.queue.plan(until, event);
        if is_new {
            self.address_taken(process);
        }
    }

    /// The kernel drops an address that was not refreshed.
    pub(crate) fn address_expires(&mut self, process: usize, number: u32) {
        let node = &mut self.processes[process];
        let Some(hold) = node.hold else { return };
        if self.hosts[node.machine].is_paused() {
            return;
        }
        if hold.number == number && hold.until <= self.now {
            node.hold = None;
        }
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
