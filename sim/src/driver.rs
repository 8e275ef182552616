//! What a process does with the member's outputs: the driver, as the real node has one.
//!
//! In order, one by one; what must be durable is, before the next one is looked at.

use ha::{Input, Memory, Message, Output, SHIP_ENTRIES_MAX, To};
use model::Time;
use model::pair::{Entry, Position};

use crate::clients::{Outcome, Waiting};
use crate::coverage::Seen;
use crate::network::{Address, Load, data};
use crate::process::{Hold, Inbound, name};
use crate::queue::{Event, MS, Micros, SECOND};
use crate::words;
use crate::world::{World, seat_of};

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

impl World {
    /// Asks the peer for what this disk has lost.
    pub(crate) fn fetch_holes(&mut self, process: usize) {
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

    pub(crate) fn sync(&mut self, process: usize) -> Result<(), String> {
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
    pub(crate) fn carry_out(&mut self, process: usize) -> bool {
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
            Output::Truncate { after } => self.truncate(process, after)?,
            Output::Wipe => {
                node.storage.wipe()?;
                node.receiving = None;
                self.wiped(process);
                self.processes[process].inbox.push_back(Inbound::Input(Input::Retained(1)));
                self.holes_are_cut(process)?;
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
            To::Witness => match self.reachable_witness(process) {
                Some(witness) => Address::Witness(witness as u8, group as u8),
                None => return,
            },
        };
        self.send(Address::Data(process as u8), address, Load::Pair(message));
    }

    fn truncate(&mut self, process: usize, after: u64) -> Result<(), String> {
        let node = &mut self.processes[process];
        let Err(why) = node.storage.truncate(after) else {
            self.coverage.see(Seen::Truncated);
            return self.holes_are_cut(process);
        };
        // No log can go on right behind a hole. What is before it is not all that was durable:
        // that is lost memory, and the next start has to know.
        let hole = node.storage.journal()?.holes().iter().find(|hole| hole.last >= after).copied();
        if let (Some(hole), Some(mut record)) = (hole, node.record.clone()) {
            record.memory = Memory::Lost;
            node.storage.persist(&record)?;
            self.persisted(process, &record);
            self.processes[process].storage.truncate(hole.first.saturating_sub(1))?;
        }
        Err(why)
    }

    /// What was cut off may have been all that could not be read.
    fn holes_are_cut(&mut self, process: usize) -> Result<(), String> {
        let node = &mut self.processes[process];
        if node.has_holes && node.storage.journal()?.holes().is_empty() {
            node.has_holes = false;
            node.inbox.push_back(Inbound::Input(Input::Repaired));
        }
        Ok(())
    }

    fn append(&mut self, process: usize, entries: &[Entry]) -> Result<(), String> {
        let pause = self.rng.between(SYNC_PAUSE.0, SYNC_PAUSE.1);
        let node = &mut self.processes[process];
        node.storage.append(entries)?;
        if std::mem::take(&mut node.fails_at_append) {
            let machine = node.machine as u8;
            let at = self.now + self.rng.below(pause);
            self.queue.plan(at, Event::PowerLoss { machine });
        }
        let node = &mut self.processes[process];
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
        let entries = node.storage.read(first, SHIP_ENTRIES_MAX as usize)?;
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
            // A hole that recovery has reported: the state goes on when it is mended.
            let holes = node.storage.journal()?.holes();
            if holes.iter().any(|hole| (hole.first..=hole.last).contains(&next)) {
                return Ok(());
            }
            let entries = node.storage.read(next, usize::MAX)?;
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
            // What could not be read may have been among what is not kept any more.
            self.holes_are_cut(process)?;
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
        let count = (last - first + 1) as usize;
        let mut entries: Vec<Entry> = Vec::new();
        while entries.len() < count {
            let next = first + entries.len() as u64;
            let missing = count - entries.len();
            entries.extend(self.processes[process].storage.read(next, missing)?);
        }
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
            self.processes[process].storage.is_damaged = false;
            self.processes[process].has_holes = false;
            self.processes[process].inbox.push_back(Inbound::Input(Input::Repaired));
            let member = self.processes[process].member.as_ref();
            let commit = member.map_or(0, |member| member.replica().commit());
            self.commit(process, commit)?;
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
        let record = node.member.as_ref().map(|member| member.replica().record());
        let generation = record.map_or(0, |record| record.promised.generation);
        let until = self.now + host.real(left_ms) + removal;
        let hold = Hold { until, number: node.holds, generation };
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
