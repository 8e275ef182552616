//! The end of a run: everything is healed, or everything but one machine, and the pair must serve.
//!
//! What is expected follows from the registers at that moment, by the rules of `ha.md` sections
//! 4.5 and 4.7; how long it may take follows from the settings.

use ha::{Command, Input, Memory, Mode, Standing, Value};
use model::pair::Seat;

use crate::coverage::Seen;
use crate::options::{Ending, LEVEL_MAX};
use crate::process::Inbound;
use crate::queue::{Event, Micros, SECOND};
use crate::world::{MACHINES, SECONDARY, WITNESS, World, seat_of};

/// Everything must be well again so long after everything was healed. Source: ha.md section 6.3.
const HEALED: Micros = 60 * SECOND;
/// An operator ends pauses, flap stops and back-offs so long after that.
const RESUME: Micros = 3 * SECOND;
/// A write counts as served now when it is not older than this.
const FRESH: Micros = 4 * SECOND;
/// Failbacks that would take longer are not waited for.
const STABLE_MAX_MS: u64 = 30_000;

/// What one group must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// One holder, the backup complete, the register as the mode wants it.
    Whole,
    /// Somebody serves.
    Served,
    /// Nothing.
    Nothing,
}

impl World {
    /// Faults end. Everybody who is to be there is started.
    pub(crate) fn heal(&mut self) {
        self.is_healing = true;
        self.healed_at = self.now;
        self.trace.say(|| "everything is healed".to_owned());
        let away = match self.options.ending {
            Ending::All => [false; MACHINES],
            Ending::WithoutSecondary => [false, false, true, false],
            Ending::WithoutPrimaries => [true, true, false, false],
            Ending::WithoutWitness => [false, false, false, true],
        };
        self.is_away = away;
        self.network.mend_all();
        self.network.usual = crate::network::Quality::LAN;
        self.calm();
        for machine in 0..MACHINES {
            self.unpause(machine);
        }
        if self.witnesses[1].is_up() {
            self.witness_stop(1);
        }
        for machine in (0..WITNESS).filter(|machine| away[*machine]) {
            self.power_off(machine);
        }
        if away[WITNESS] {
            self.witness_stop(0);
        } else {
            self.witness_start(0);
        }
        self.expected = (0..self.options.groups).map(|group| self.expect(group)).collect();
        for process in 0..self.processes.len() {
            self.mend_process(process, LEVEL_MAX);
        }
        self.queue.plan(self.now + RESUME, Event::Phase(1));
        self.queue.plan(self.now + SECOND, Event::Phase(2));
    }

    fn mend_process(&mut self, process: usize, level: u16) {
        let machine = self.processes[process].machine;
        self.processes[process].storage.files.set_full(false);
        self.processes[process].dies_after = None;
        self.processes[process].dies_in_doubt = false;
        self.processes[process].fails_at_append = false;
        self.processes[process].is_kept_down = false;
        if self.is_away[machine] {
            return;
        }
        self.thaw(process);
        self.service_well(process);
        if self.processes[process].level != level {
            self.processes[process].level = level;
            self.die(process, false);
        }
        self.hosts[machine].is_up = true;
        self.start(process);
    }

    /// An operator ends pauses, flap stops and back-offs.
    pub(crate) fn resume_all(&mut self) {
        for process in 0..self.processes.len() {
            self.order(process, Command::Resume);
        }
    }

    /// Whether it has come to what was expected; again in a second, until it is too late.
    pub(crate) fn look(&mut self) {
        let waited = self.now - self.healed_at;
        let mut missing = None;
        for group in 0..self.options.groups {
            missing = missing.or_else(|| self.is_missing(group).map(|what| (group, what)));
        }
        match missing {
            None if waited > 2 * RESUME => {
                for expected in self.expected.clone() {
                    self.coverage.see(match expected {
                        Expected::Whole => Seen::LiveAll,
                        Expected::Served => Seen::LivePart,
                        Expected::Nothing => Seen::NotPromised,
                    });
                }
                self.is_over = true;
            }
            Some((group, what)) if waited > self.patience(group) => {
                self.say_states();
                self.violate(group * 2, format!("{} s after healing {what}", waited / SECOND));
            }
            _ => self.queue.plan(self.now + SECOND, Event::Phase(2)),
        }
    }

    fn say_states(&mut self) {
        for process in 0..self.processes.len() {
            let node = &self.processes[process];
            let Some(member) = &node.member else { continue };
            let status = member.status(node.handled_at);
            let (left, bound) =
                (member.replica().record().left_witnesses.len(), member.replica().record().witness);
            self.trace.say(|| {
                format!(
                    "{} {status:?}, witness {bound}, left {left}",
                    crate::process::name(process)
                )
            });
        }
        for group in 0..self.options.groups {
            let voter = self.witnesses[0].groups.get(group);
            let known = voter.map(|voter| (voter.incarnation(), voter.known()));
            self.trace.say(|| format!("witness of group {group}: {known:?}"));
        }
    }

    /// How long a group may take.
    fn patience(&self, group: usize) -> Micros {
        let settings = &self.options.settings[group];
        let mut wait = HEALED + 2 * settings.failover_wait_ms * 1_000 + settings.rearm_ms * 1_000;
        wait += settings.readmit_ms * 1_000;
        if self.fails_back(group) {
            wait += 2 * settings.stable_ms * 1_000;
        }
        wait
    }

    fn fails_back(&self, group: usize) -> bool {
        let settings = &self.options.settings[group];
        settings.is_automatic()
            && settings.failback == Mode::Automatic
            && settings.stable_ms <= STABLE_MAX_MS
    }

    /// What the rules promise a group with those who are there.
    fn expect(&self, group: usize) -> Expected {
        let [primary, secondary] = [group * 2, group * 2 + 1];
        let is_dissolved = |process: usize| {
            self.processes[process].record.as_ref().is_some_and(|record| record.dissolved)
        };
        if is_dissolved(primary) || is_dissolved(secondary) {
            return Expected::Nothing;
        }
        match self.options.ending {
            Ending::All if self.is_recoverable(group) => Expected::Whole,
            Ending::WithoutSecondary => self.expect_alone(group, primary),
            Ending::WithoutPrimaries => self.expect_alone(group, secondary),
            Ending::WithoutWitness if self.are_both_whole(group) => Expected::Served,
            _ => Expected::Nothing,
        }
    }

    fn are_both_whole(&self, group: usize) -> bool {
        [group * 2, group * 2 + 1].into_iter().all(|process| {
            let node = &self.processes[process];
            let is_whole =
                node.record.as_ref().is_some_and(|record| record.memory == Memory::Whole);
            is_whole && !node.is_amnesiac && !node.storage.is_damaged
        })
    }

    /// Whether no operator has to give data up: the one whose log counts has not lost it.
    fn is_recoverable(&self, group: usize) -> bool {
        let Some((decided, value)) = self.groups[group].register.decided() else { return true };
        let both = [group * 2, group * 2 + 1];
        let has_lost = |process: usize| {
            let node = &self.processes[process];
            node.is_amnesiac
                || node.storage.is_damaged
                || node.record.as_ref().is_none_or(|record| record.memory != Memory::Whole)
        };
        // A complete backup replaces a pair's holder; nobody replaces a sole one.
        let is_lost = |value: Value| {
            let holder = group * 2 + usize::from(value.holder() == Seat::Secondary);
            has_lost(holder) || value.is_pair() && has_lost(holder ^ 1)
        };
        // What is in doubt may be found to be decided: a handover to a node that lost its disk since.
        let in_doubt = both.iter().filter_map(|process| self.processes[*process].record.as_ref());
        let mut in_doubt = in_doubt.filter(|record| record.accepted > decided);
        !is_lost(value)
            && !in_doubt.any(|record| is_lost(record.value))
            && !self.groups[group].is_careless
    }

    /// One data node and the witness.
    fn expect_alone(&self, group: usize, process: usize) -> Expected {
        let seat = seat_of(process);
        let node = &self.processes[process];
        let Some(record) = &node.record else { return Expected::Nothing };
        if node.is_amnesiac || node.storage.is_damaged || record.memory != Memory::Whole {
            return Expected::Nothing;
        }
        // An operator has made the other node holder since; the witness knows.
        let generation = |record: &ha::Record| record.promised.generation;
        let peer = self.processes[process ^ 1].record.as_ref();
        if peer.map_or(0, generation) > generation(record) {
            return Expected::Nothing;
        }
        if record.value == Value::Sole(seat) && record.is_decided() {
            // Who hands over at the moment in which the other one dies has given away what only an
            // operator can take back.
            return if self.hands_over(process) { Expected::Nothing } else { Expected::Served };
        }
        let settings = &self.options.settings[group];
        if !settings.has_witness {
            // Whatever is in doubt needs both.
            return Expected::Nothing;
        }
        let witness = &self.witnesses[0];
        let voter = witness.groups.get(group);
        // One that the other node has left for a twin starts anew, and then needs both.
        let binds = |process: usize| {
            let record = self.processes[process].record.as_ref();
            record.zip(voter).is_some_and(|(record, voter)| record.witness == voter.incarnation())
        };
        let is_bound =
            binds(process) && binds(process ^ 1) && voter.is_some_and(|voter| !voter.is_left());
        let known = voter.and_then(ha::Witness::known).filter(|_| is_bound);
        let Some(known) = known else { return Expected::Nothing };
        let value = if known.accepted > record.accepted { known.value } else { record.value };
        // What the other one has proposed at last may still be on its way to the witness.
        let last_words = self.processes[process ^ 1]
            .record
            .as_ref()
            .filter(|other| other.accepted > known.accepted && other.accepted > record.accepted);
        let has_room = self.options.max_active >= self.options.groups || seat == Seat::Primary;
        let serves = |value: Value| {
            value.holder() == seat || value.is_pair() && settings.is_automatic() && has_room
        };
        // Or it was lost with its sender: the promise holds if it does either way.
        if serves(value) && last_words.is_none_or(|other| serves(other.value)) {
            Expected::Served
        } else {
            Expected::Nothing
        }
    }

    /// Whether a handover runs, or is ordered.
    fn hands_over(&self, process: usize) -> bool {
        let is_order = |inbound: &Inbound| {
            matches!(
                inbound,
                Inbound::Input(Input::Command(Command::Switchover | Command::Shutdown))
            )
        };
        self.standing(process) == Some(Standing::Frozen)
            || self.processes[process].inbox.iter().any(is_order)
    }

    /// What is still missing to what was expected.
    fn is_missing(&self, group: usize) -> Option<String> {
        let expected = *self.expected.get(group)?;
        if expected == Expected::Nothing {
            return None;
        }
        let both = [group * 2, group * 2 + 1];
        let serving: Vec<usize> = both
            .into_iter()
            .filter(|process| {
                let node = &self.processes[*process];
                self.serves(*process) && node.is_active && node.hold.is_some()
            })
            .collect();
        let [holder] = serving[..] else {
            return Some(format!("{} nodes serve", serving.len()));
        };
        if self.oracles[group].written_at + FRESH < self.now {
            return Some("no write is acknowledged".to_owned());
        }
        if expected == Expected::Served {
            return None;
        }
        let settings = &self.options.settings[group];
        let record = |process: usize| {
            let member = self.processes[process].member.as_ref()?;
            Some(member.replica().record().clone())
        };
        let (Some(mine), Some(theirs)) = (record(holder), record(holder ^ 1)) else {
            return Some("a node is down".to_owned());
        };
        if (mine.accepted, mine.value) != (theirs.accepted, theirs.value) {
            return Some(format!("one has {mine}, the other {theirs}"));
        }
        // A machine that has no room for another active instance would not take over.
        let other = (group ^ 1) * 2 + 1;
        let is_full = self.options.groups > self.options.max_active
            && self.processes[other].is_active
            && seat_of(holder) == Seat::Primary;
        if is_full && !mine.value.is_pair() {
            return None;
        }
        if mine.value.is_pair() != settings.is_automatic() {
            return Some(format!("the register holds {}", mine.value));
        }
        let end = |process: usize| self.processes[process].storage.durable;
        if end(holder ^ 1) + 10 < end(holder) || theirs.memory != Memory::Whole {
            return Some(format!("the backup has {} of {}", end(holder ^ 1), end(holder)));
        }
        if self.fails_back(group) && seat_of(holder) == Seat::Secondary {
            return Some("the secondary still serves".to_owned());
        }
        None
    }

    /// Whether the machine of the standby instances is there.
    pub(crate) fn admit(&mut self, process: usize) {
        let machine = self.processes[process].machine;
        if machine != SECONDARY || self.options.groups < 2 {
            return;
        }
        for of in [1, 3] {
            let others =
                [1, 3].into_iter().filter(|other| *other != of && self.processes[*other].is_active);
            let has_room = others.count() < self.options.max_active;
            let input = crate::process::Inbound::Input(ha::Input::Admission(has_room));
            self.plan_local(self.now, of, input);
        }
    }
}
