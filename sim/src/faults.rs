//! What goes wrong: each kind of fault, its target and how long it lasts.

use ha::{Command, Input, Service};

use crate::coverage::Seen;
use crate::disk::Flip;
use crate::network::Quality;
use crate::options::LEVEL_MAX;
use crate::process::{Inbound, name};
use crate::queue::{Event, MS, SECOND};
use crate::storage::Copy;
use crate::world::{MACHINES, WITNESS, World, seat_of};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    CutBoth,
    CutOneWay,
    Storm,
    Crash,
    CrashInDoubt,
    Kill,
    PowerLoss,
    Freeze,
    Pause,
    ServiceFailure,
    Stall,
    SyncError,
    DiskFull,
    BitFlip,
    DiskReplaced,
    DiskReverted,
    WitnessRestart,
    WitnessTwin,
    Switchover,
    PauseOrder,
    ResumeOrder,
    Shutdown,
    CarefulForce,
    CarelessForce,
    Upgrade,
    Unpair,
}

impl Fault {
    /// All, in the order of their numbers, with their names.
    pub(crate) const ALL: [(Self, &'static str); 26] = [
        (Self::CutBoth, "two-way partition"),
        (Self::CutOneWay, "one-way partition"),
        (Self::Storm, "network storm"),
        (Self::Crash, "crash between outputs"),
        (Self::CrashInDoubt, "crash in doubt"),
        (Self::Kill, "process killed"),
        (Self::PowerLoss, "power loss"),
        (Self::Freeze, "process frozen"),
        (Self::Pause, "machine paused"),
        (Self::ServiceFailure, "service failed"),
        (Self::Stall, "disk stall"),
        (Self::SyncError, "sync error"),
        (Self::DiskFull, "disk full"),
        (Self::BitFlip, "bit flip"),
        (Self::DiskReplaced, "disk replaced"),
        (Self::DiskReverted, "disk reverted"),
        (Self::WitnessRestart, "witness restarted"),
        (Self::WitnessTwin, "witness duplicated"),
        (Self::Switchover, "switchover"),
        (Self::PauseOrder, "pause"),
        (Self::ResumeOrder, "resume"),
        (Self::Shutdown, "shutdown"),
        (Self::CarefulForce, "careful force"),
        (Self::CarelessForce, "careless force"),
        (Self::Upgrade, "upgrade"),
        (Self::Unpair, "unpair"),
    ];
}

/// A copy of a disk that may come back.
#[derive(Debug)]
pub(crate) struct OldImage {
    pub(crate) process: usize,
    pub(crate) copy: Copy,
    pub(crate) record: ha::Record,
}

impl World {
    /// Every kind of fault gets its first turn.
    pub(crate) fn plan_faults(&mut self) {
        for at in 0..self.options.faults.len() {
            let (fault, mean) = self.options.faults[at];
            let pause = self.rng.exponential(mean);
            self.queue.plan(self.now + pause, Event::Fault { kind: fault as u8 });
        }
    }

    /// A fault's turn has come.
    pub(crate) fn fault(&mut self, kind: u8) {
        if self.is_healing {
            return;
        }
        let (fault, _) = Fault::ALL[kind as usize];
        let mean = self.options.faults.iter().find(|(known, _)| *known == fault);
        if let Some((_, mean)) = mean.copied() {
            let pause = self.rng.exponential(mean).max(10 * MS);
            self.queue.plan(self.now + pause, Event::Fault { kind });
        }
        if self.inflict(fault) {
            self.trace.say(|| format!("FAULT {}", Fault::ALL[kind as usize].1));
            self.injected[kind as usize] += 1;
        }
    }

    /// Does it. Says whether there was anything to do it to.
    fn inflict(&mut self, fault: Fault) -> bool {
        let process = self.rng.below(self.processes.len() as u64) as usize;
        let machine = self.processes[process].machine;
        match fault {
            Fault::CutBoth => self.cut(true),
            Fault::CutOneWay => self.cut(false),
            Fault::Storm => self.storm(),
            Fault::Crash => {
                let after = self.rng.below(30) as u32;
                self.processes[process].dies_after = Some(after);
                self.restart_later(process);
                self.processes[process].is_up()
            }
            Fault::CrashInDoubt => {
                self.processes[process].dies_in_doubt = true;
                self.processes[process].is_up()
            }
            Fault::Kill => {
                let is_up = self.processes[process].is_up();
                self.die(process, false);
                self.restart_later(process);
                is_up
            }
            Fault::PowerLoss if self.rng.percent(50) => {
                // With entries on their way to the platter.
                self.processes[process].fails_at_append = true;
                self.processes[process].is_up()
            }
            Fault::PowerLoss => self.power_loss(machine),
            Fault::Freeze => self.freeze(process),
            Fault::Pause => self.pause(machine),
            Fault::ServiceFailure => self.fail_service(process),
            Fault::Stall => {
                let duration = self.rng.between(100, 2_000) * MS;
                self.processes[process].storage.files.stall(duration);
                true
            }
            Fault::SyncError => {
                self.processes[process].storage.files.fail_sync();
                true
            }
            Fault::DiskFull => self.fill_disk(process),
            Fault::BitFlip => self.flip(process),
            Fault::DiskReplaced => self.replace_disk(process),
            Fault::DiskReverted => self.revert_disk(process),
            Fault::WitnessRestart => self.restart_witness(),
            Fault::WitnessTwin => self.double_witness(),
            Fault::Switchover => self.order_holder(process, Command::Switchover),
            Fault::PauseOrder => self.order_both(process, Command::Pause),
            Fault::ResumeOrder => self.order_both(process, Command::Resume),
            Fault::Shutdown => self.shut_down(process),
            Fault::CarefulForce => self.force_carefully(process),
            Fault::CarelessForce => self.force_carelessly(process),
            Fault::Upgrade => self.upgrade(process),
            Fault::Unpair => self.unpair(process),
        }
    }

    fn cut(&mut self, both: bool) -> bool {
        // Primaries do not talk to each other.
        let links = [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
        let (one, other) = self.rng.pick(&links);
        let (from, to) = if self.rng.percent(50) { (one, other) } else { (other, one) };
        self.network.cut(from, to);
        if both {
            self.network.cut(to, from);
        }
        let duration = self.rng.exponential(self.options.cut);
        let link = (from * MACHINES + to) as u8 | if both { 128 } else { 0 };
        self.trace.say(|| format!("cut {from} > {to}, both ways: {both}"));
        self.queue.plan(self.now + duration, Event::Mend { link });
        true
    }

    /// A link is mended.
    pub(crate) fn mend(&mut self, link: u8) {
        let (from, to) = (usize::from(link & 127) / MACHINES, usize::from(link & 127) % MACHINES);
        self.network.mend(from, to);
        if link & 128 != 0 {
            self.network.mend(to, from);
        }
    }

    fn storm(&mut self) -> bool {
        self.network.now = Quality {
            loss_ppm: self.rng.pick(&[0, 100_000, 300_000]),
            double_ppm: self.rng.pick(&[0, 100_000]),
            damage_ppm: self.rng.pick(&[0, 50_000]),
            late_ppm: self.rng.pick(&[0, 100_000, 1_000_000]),
            late: self.rng.pick(&[200, 700, 2_000]) * MS,
            ..self.network.usual
        };
        let duration = self.rng.exponential(10 * SECOND);
        self.queue.plan(self.now + duration, Event::Calm);
        true
    }

    /// The network is as usual again.
    pub(crate) fn calm(&mut self) {
        self.network.now = self.network.usual;
    }

    pub(crate) fn restart_later(&mut self, process: usize) {
        let pause = self.rng.below(self.options.restart_max);
        self.queue.plan(self.now + pause, Event::Start { process: process as u8 });
    }

    pub(crate) fn power_loss(&mut self, machine: usize) -> bool {
        if machine == WITNESS || !self.hosts[machine].is_up {
            return false;
        }
        self.power_off(machine);
        let pause = self.rng.below(self.options.restart_max).max(SECOND);
        self.queue.plan(self.now + pause, Event::Boot { machine: machine as u8 });
        true
    }

    /// A machine loses power.
    pub(crate) fn power_off(&mut self, machine: usize) {
        let paused = self.hosts[machine].unpause(self.now);
        self.hosts[machine].is_up = false;
        self.trace.say(|| format!("machine {machine} loses power, paused {paused}"));
        for process in 0..self.processes.len() {
            if self.processes[process].machine == machine {
                self.die(process, true);
            }
        }
    }

    /// A machine has power again.
    pub(crate) fn boot(&mut self, machine: usize) {
        if self.hosts[machine].is_up || self.is_away[machine] {
            return;
        }
        self.hosts[machine].is_up = true;
        for process in 0..self.processes.len() {
            if self.processes[process].machine == machine && !self.processes[process].is_kept_down {
                self.start(process);
            }
        }
    }

    fn freeze(&mut self, process: usize) -> bool {
        let node = &mut self.processes[process];
        if !node.is_up() || node.is_frozen {
            return false;
        }
        node.is_frozen = true;
        let duration = self.rng.below(self.options.freeze_max);
        self.queue.plan(self.now + duration, Event::Thaw { process: process as u8 });
        true
    }

    /// A frozen process goes on.
    pub(crate) fn thaw(&mut self, process: usize) {
        if std::mem::take(&mut self.processes[process].is_frozen) {
            self.wake(process);
        }
    }

    /// A stopped process looks at the clock, then at what waited.
    fn wake(&mut self, process: usize) {
        if self.processes[process].is_up() {
            self.processes[process].inbox.push_back(Inbound::Input(Input::Tick));
            self.go_on(process);
        }
    }

    fn pause(&mut self, machine: usize) -> bool {
        if !self.hosts[machine].is_up || self.hosts[machine].is_paused() {
            return false;
        }
        self.hosts[machine].pause(self.now);
        let duration = self.rng.below(self.options.freeze_max);
        self.trace.say(|| format!("machine {machine} is paused for {duration} us"));
        self.queue.plan(self.now + duration, Event::Unpause { machine: machine as u8 });
        true
    }

    /// A paused machine goes on: its kernel's timers, too, have stood still.
    pub(crate) fn unpause(&mut self, machine: usize) {
        let paused = self.hosts[machine].unpause(self.now);
        if paused == 0 {
            return;
        }
        for process in 0..self.processes.len() {
            let node = &mut self.processes[process];
            if node.machine != machine {
                continue;
            }
            if let Some(hold) = &mut node.hold {
                hold.until += paused;
                let event = Event::AddressExpires { process: process as u8, hold: hold.number };
                self.queue.plan(hold.until, event);
            }
            self.wake(process);
        }
    }

    /// The disk answers again.
    pub(crate) fn unblock(&mut self, process: usize, life: u32) {
        let node = &mut self.processes[process];
        if node.life == life && std::mem::take(&mut node.is_blocked) {
            self.wake(process);
        }
    }

    fn fail_service(&mut self, process: usize) -> bool {
        if self.processes[process].is_service_failed {
            return false;
        }
        self.processes[process].is_service_failed = true;
        self.deliver(process, Inbound::Input(Input::Service(Service::Failed)));
        let duration = self.rng.exponential(8 * SECOND);
        self.queue.plan(self.now + duration, Event::ServiceWell { process: process as u8 });
        true
    }

    /// The supervised service was restarted.
    pub(crate) fn service_well(&mut self, process: usize) {
        if std::mem::take(&mut self.processes[process].is_service_failed) {
            self.deliver(process, Inbound::Input(Input::Service(Service::Well)));
        }
    }

    fn fill_disk(&mut self, process: usize) -> bool {
        let is_full = !self.rng.percent(50);
        self.processes[process].storage.files.set_full(is_full);
        is_full
    }

    fn flip(&mut self, process: usize) -> bool {
        // A hole needs a peer that has what is lost.
        let is_pair = |process: usize| {
            let node = &self.processes[process];
            node.is_up()
                && !node.is_amnesiac
                && !node.storage.is_damaged
                && node.record.as_ref().is_some_and(|record| record.value.is_pair())
        };
        let may_forget = self.memory_may_be_lost(process / 2);
        if !may_forget || !is_pair(process) || !is_pair(process ^ 1) {
            return false;
        }
        let flip = self.processes[process].storage.files.flip(&mut self.rng);
        let has_flipped = flip != Flip::Nothing;
        self.processes[process].storage.is_damaged |= has_flipped;
        if flip == Flip::Fresh {
            // Found out before anything else has noted how far the log went.
            self.die(process, false);
            let start = self.now + self.rng.between(10, 500) * MS;
            self.queue.plan(start, Event::Start { process: process as u8 });
        }
        has_flipped
    }

    /// One of three may be without memory at a time: section 4.4.
    pub(crate) fn memory_may_be_lost(&self, group: usize) -> bool {
        let everybody_remembers = [group * 2, group * 2 + 1].into_iter().all(|process| {
            let node = &self.processes[process];
            let is_whole =
                node.record.as_ref().is_none_or(|record| record.memory == ha::Memory::Whole);
            is_whole && !node.is_amnesiac && !node.storage.is_damaged
        });
        let witness_remembers = !self.options.settings[group].has_witness
            || self.witnesses[0].groups.get(group).is_some_and(ha::Witness::is_valid)
                && !self.witnesses[1].is_up();
        everybody_remembers && witness_remembers
    }

    fn replace_disk(&mut self, process: usize) -> bool {
        if !self.memory_may_be_lost(process / 2) {
            return false;
        }
        self.die(process, false);
        let node = &mut self.processes[process];
        node.storage.replace();
        node.record = None;
        node.receiving = None;
        node.is_amnesiac = true;
        node.storage.is_damaged = false;
        self.images.retain(|image| image.process != process);
        self.restart_later(process);
        true
    }

    /// A copy of a disk is taken; at the fault's next turn the process starts once more, and soon
    /// after that the disk is set back. Answers to that start may still be on their way then, and
    /// the start that follows counts the same run.
    fn revert_disk(&mut self, process: usize) -> bool {
        let Some(process) = self.images.first().map(|image| image.process) else {
            let node = &self.processes[process];
            // What is durable of a process that is down, only its start finds out; and a copy with a
            // flipped bit would come back as one without.
            if let Some(record) = node.record.clone()
                && node.is_up()
                && !node.is_amnesiac
                && !node.storage.is_damaged
            {
                let copy = node.storage.copy();
                self.images.push(OldImage { process, copy, record });
            }
            return false;
        };
        self.die(process, false);
        let start = self.now + self.rng.between(10, 500) * MS;
        self.queue.plan(start, Event::Start { process: process as u8 });
        let revert = start + self.rng.between(500, 8_000) * MS;
        self.queue.plan(revert, Event::Revert { process: process as u8 });
        false
    }

    /// The disk is set back.
    pub(crate) fn revert_now(&mut self, process: usize) {
        let Some(at) = self.images.iter().position(|image| image.process == process) else {
            return;
        };
        let OldImage { copy, record, .. } = self.images.swap_remove(at);
        // A sole holder of long ago serves at once, alone: no clock and no disk can tell it that
        // time has passed. Whoever sets such a machine back is a careless operator.
        let is_sole = record.value == ha::Value::Sole(seat_of(process));
        let node = &self.processes[process];
        let has_moved = node.record.as_ref().is_some_and(|now| now.run > record.run);
        let may_be_lost = self.memory_may_be_lost(process / 2) && self.others_know_life(process);
        if self.is_healing || is_sole || !has_moved || !may_be_lost {
            return;
        }
        self.injected[Fault::DiskReverted as usize] += 1;
        self.trace.say(|| format!("the disk of {} is set back", name(process)));
        self.die(process, true);
        let node = &mut self.processes[process];
        node.storage.revert(&copy);
        node.record = Some(record);
        node.receiving = None;
        node.is_amnesiac = true;
        let start = self.now + self.rng.between(10, 500) * MS;
        self.queue.plan(start, Event::Start { process: process as u8 });
        self.mute(process);
    }

    /// Whoever recognises a node knows of the life that it lives now. Somebody who does not cannot tell
    /// that the disk was set back behind it: to the pair, that memory is lost twice.
    fn others_know_life(&self, process: usize) -> bool {
        let (node, peer) = (&self.processes[process], &self.processes[process ^ 1]);
        let Some(member) = &node.member else { return false };
        let mine = member.replica().life();
        let on_disk = peer.record.as_ref().map(|record| record.peer);
        let in_memory = peer.member.as_ref().map(|member| member.replica().peer());
        let witness = self.witnesses[0].groups.get(process / 2);
        let witness = witness.filter(|_| self.options.settings[process / 2].has_witness);
        let known = [in_memory.or(on_disk), witness.map(|witness| witness.life(seat_of(process)))];
        known.into_iter().flatten().all(|known| (known.run, known.birth) == (mine.run, mine.birth))
    }

    /// What a process says is lost for a while, what it is told is not: nobody judges it, and old
    /// answers still come.
    fn mute(&mut self, process: usize) {
        let from = self.processes[process].machine;
        let peer = self.processes[process ^ 1].machine;
        let until = self.now + self.rng.between(2_000, 8_000) * MS;
        for to in [peer, WITNESS] {
            self.network.cut(from, to);
            let link = (from * MACHINES + to) as u8;
            self.queue.plan(until, Event::Mend { link });
        }
    }

    fn restart_witness(&mut self) -> bool {
        if !self.witnesses[0].is_up() {
            return false;
        }
        let is_whole = (0..self.options.groups).all(|group| self.memory_may_be_lost(group));
        if !is_whole {
            return false;
        }
        self.witness_stop(0);
        let pause = self.rng.below(self.options.restart_max);
        self.queue.plan(self.now + pause, Event::WitnessStart { witness: 0 });
        true
    }

    /// A second witness of the same name runs for a while; then one of both ends.
    fn double_witness(&mut self) -> bool {
        if self.witnesses[1].is_up() {
            let gone = self.rng.below(2) as usize;
            self.witness_stop(gone);
            if gone == 0 {
                self.witnesses.swap(0, 1);
                let life = self.witnesses[0].life;
                self.queue.plan(self.now, Event::Ask { witness: 0, life });
            }
            return false;
        }
        let is_whole = (0..self.options.groups).all(|group| self.memory_may_be_lost(group));
        if self.witnesses[0].is_up() && is_whole {
            self.witness_start(1);
            return true;
        }
        false
    }

    fn upgrade(&mut self, process: usize) -> bool {
        let node = &mut self.processes[process];
        if !node.is_up() {
            return false;
        }
        let is_back = node.level == LEVEL_MAX && self.rng.percent(20);
        node.level = if is_back { LEVEL_MAX - 1 } else { LEVEL_MAX };
        self.die(process, false);
        let pause = self.rng.below(5 * SECOND);
        self.queue.plan(self.now + pause, Event::Start { process: process as u8 });
        self.coverage.see(Seen::Stopped);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_own_number_and_name() {
        for (at, (fault, _)) in Fault::ALL.iter().enumerate() {
            assert_eq!(*fault as usize, at);
        }
    }
}
