//! What must hold after every event.
//!
//! ```text
//! ledger     what was committed, in the world's own memory: every serving holder has it
//! register   ballots only rise, values change by the rules, one value for each ballot
//! service    who holds the address; progress
//! ```
//!
//! Each looks only at what the event could have changed. A [`Violation`] ends the run.

pub(crate) mod ledger;
pub(crate) mod register;
pub(crate) mod service;

use ha::{Member, Standing, Step, Trigger, Value, Verb};

use crate::coverage::Seen;
use crate::process::name;
use crate::queue::Micros;
use crate::world::World;
use ledger::Ledger;
use register::Register;
use service::Progress;

/// A promise that was broken.
#[derive(Debug, Clone)]
pub struct Violation {
    /// When, in microseconds of the world.
    pub at: Micros,
    /// What.
    pub what: String,
}

/// What a node was before an input.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    served: bool,
    commit: u64,
    run: u32,
    cuts: u32,
}

/// What the checkers remember of one group.
#[derive(Debug, Default)]
pub(crate) struct GroupCheck {
    pub(crate) ledger: Ledger,
    pub(crate) register: Register,
    progress: [Progress; 2],
    /// The last change that a node has tried, and from where.
    attempts: [Option<(Standing, ha::Change)>; 2],
    was_disarmed: bool,
    /// An operator has acted against the rules; addresses may be doubled from then on.
    pub(crate) is_careless: bool,
}

impl World {
    /// A promise was broken.
    pub(crate) fn violate(&mut self, process: usize, what: impl Into<String>) {
        let what = format!("{}: {}", name(process), what.into());
        self.trace.say(|| format!("VIOLATION {what}"));
        self.violation.get_or_insert(Violation { at: self.now, what });
    }

    pub(crate) fn before(&self, process: usize) -> Before {
        let Some(member) = &self.processes[process].member else { return Before::default() };
        let replica = member.replica();
        Before {
            served: replica.standing().serves(),
            commit: replica.commit(),
            run: replica.record().run,
            cuts: replica.record().cuts,
        }
    }

    /// Checks a node after an input, before its outputs are carried out.
    pub(crate) fn check(&mut self, process: usize, before: Before) {
        let Some(member) = &self.processes[process].member else { return };
        let (standing, commit) = (member.replica().standing(), member.replica().commit());
        let (run, cuts) = (member.replica().record().run, member.replica().record().cuts);
        for at in 0..member.steps().len() {
            let steps = self.processes[process].member.as_ref().map(Member::steps);
            if let Some(step) = steps.and_then(|steps| steps.get(at)).copied() {
                self.stepped(process, step);
            }
        }
        self.trace.fold((standing as u64) << 48 ^ commit);
        if (run, cuts) == (before.run, before.cuts) && commit < before.commit {
            self.violate(process, format!("commit fell from {} to {commit}", before.commit));
        }
        self.check_ledger(process, before.served, standing);
        self.check_progress(process);
    }

    /// A transition: allowed by the table, and counted.
    fn stepped(&mut self, process: usize, step: Step) {
        let Step { from, trigger, to } = step;
        let row = ha::rule(from, trigger);
        let is_allowed = to == from || row.verb == Verb::Act && row.next.contains(&to);
        if !is_allowed {
            let what = format!("{from} went to {to} by {trigger}, which the table does not know");
            self.violate(process, what);
        }
        self.coverage.step(step);
        self.trace.fold((from as u64) << 8 ^ to as u64);
        if from != to {
            self.trace.say(|| format!("{} {from} => {to} by {trigger}", name(process)));
        }
        let is_in_doubt = matches!(to, Standing::Claimant | Standing::Doubtful) && from != to;
        if is_in_doubt && std::mem::take(&mut self.processes[process].dies_in_doubt) {
            self.processes[process].dies_after = Some(self.rng.below(4) as u32);
            self.restart_later(process);
        }
        let (group, place) = (process / 2, process % 2);
        match trigger {
            Trigger::Attempt(change) if row.verb == Verb::Act => {
                self.groups[group].attempts[place] = Some((from, change));
            }
            Trigger::Chosen if row.verb == Verb::Act => self.chosen(process, to),
            Trigger::Forgotten | Trigger::Restart if to == Standing::Blank && from != to => {
                let node = &mut self.processes[process];
                let has_forgotten = node.is_amnesiac || node.storage.is_damaged;
                node.is_amnesiac = true;
                self.coverage.see(Seen::BlankFound);
                if !has_forgotten {
                    self.violate(process, "counts as without memory, and has all of it");
                }
            }
            Trigger::Recalled if from == Standing::Blank && to != from => {
                self.coverage.see(Seen::BlankRecalled);
            }
            Trigger::Complete if from == Standing::Rebuilding && to != from => {
                self.processes[process].is_amnesiac = false;
            }
            Trigger::Force if to == Standing::SoleHolder => self.coverage.see(Seen::Force),
            Trigger::Dissolve if to == Standing::Alone => self.coverage.see(Seen::Unpair),
            _ => {}
        }
    }

    fn chosen(&mut self, process: usize, to: Standing) {
        let (group, place) = (process / 2, process % 2);
        let Some((from, change)) = self.groups[group].attempts[place].take() else { return };
        let Some(member) = &self.processes[process].member else { return };
        let value = member.replica().record().value;
        let is_own = value.holder() == member.replica().seat();
        let seen = match change {
            ha::Change::Takeover if to == Standing::SoleHolder => {
                self.failovers += 1;
                if from == Standing::Doubtful {
                    self.coverage.see(Seen::TakeoverAfterDoubt);
                }
                if self.processes[process ^ 1].is_service_failed {
                    self.coverage.see(Seen::TakeoverAfterAbdication);
                }
                Seen::Takeover
            }
            ha::Change::Handover if !is_own => {
                self.handovers += 1;
                if matches!(value, Value::Sole(_)) {
                    self.coverage.see(Seen::HandoverOfSole);
                }
                Seen::Handover
            }
            ha::Change::Shrink if to == Standing::SoleHolder => Seen::Shrink,
            ha::Change::Disarm if to == Standing::SoleHolder => {
                self.groups[group].was_disarmed = true;
                Seen::Disarm
            }
            ha::Change::Readmit if to == Standing::PairHolder => {
                if std::mem::take(&mut self.groups[group].was_disarmed) {
                    self.coverage.see(Seen::Rearm);
                }
                Seen::Readmit
            }
            ha::Change::Confirm => Seen::Confirm,
            _ => return,
        };
        self.coverage.see(seen);
    }

    /// A process has started.
    pub(crate) fn started(&mut self, process: usize) {
        self.groups[process / 2].progress[process % 2] = Progress::default();
        self.groups[process / 2].attempts[process % 2] = None;
    }

    /// A process is gone.
    pub(crate) fn stopped(&mut self, process: usize) {
        self.groups[process / 2].progress[process % 2] = Progress::default();
    }

    /// What an operator was told.
    pub(crate) fn told(&mut self, process: usize, event: ha::Event) {
        self.trace.fold(7);
        let seen = match event {
            ha::Event::HandoverAborted => Seen::HandoverAborted,
            ha::Event::ServiceFailed => {
                let serves = self.before(process).served;
                if !serves {
                    return;
                }
                Seen::Abdication
            }
            ha::Event::Flapping { .. } => Seen::FlapStop,
            ha::Event::Suspended => Seen::Suspended,
            ha::Event::Incompatible { .. } => Seen::Incompatible,
            ha::Event::BackupLost { why: ha::Loss::Slow } => Seen::SlowBackup,
            ha::Event::WitnessLost => Seen::WitnessLost,
            ha::Event::StateDiffers { index } => {
                return self.violate(process, format!("the states differ after entry {index}"));
            }
            _ => return,
        };
        self.coverage.see(seen);
    }
}
