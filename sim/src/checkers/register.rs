//! The register of one group, as the disks of its data nodes tell it.
//!
//! Ballots only rise; one ballot has one value; what is decided changes by the six functions only;
//! nobody takes over from a sole holder; two nodes are never sole holders of one generation.

use ha::{Known, Memory, Record, Value};
use model::pair::{Ballot, Seat};

use crate::coverage::Seen;
use crate::world::{World, seat_of};

/// Ballots that are remembered.
const KEPT: usize = 64;

/// What was accepted and decided in one group.
#[derive(Debug, Default)]
pub(crate) struct Register {
    /// By ballot, oldest first.
    accepted: Vec<(Ballot, Value)>,
    decided: Vec<(Ballot, Value)>,
}

impl Register {
    /// The value that was decided last, as far as any data node knows.
    pub(crate) fn decided(&self) -> Option<(Ballot, Value)> {
        self.decided.last().copied()
    }

    /// Notes that a value was accepted; the value that the ballot has already, if it is another.
    fn accept(&mut self, ballot: Ballot, value: Value) -> Result<(), Value> {
        note(&mut self.accepted, ballot, value)
    }

    /// Whether a data node that proposes itself as sole holder at `ballot` takes over from a sole
    /// holder.
    fn robs(&self, ballot: Ballot, seat: Seat) -> bool {
        let before = self.decided.partition_point(|(decided, _)| *decided < ballot);
        let Some((last, Value::Sole(holder))) = before.checked_sub(1).map(|at| self.decided[at])
        else {
            return false;
        };
        holder != seat
            && !self.accepted.iter().any(|(accepted, value)| {
                *accepted > last && *accepted < ballot && *value != Value::Sole(holder)
            })
    }
}

fn note(list: &mut Vec<(Ballot, Value)>, ballot: Ballot, value: Value) -> Result<(), Value> {
    match list.binary_search_by_key(&ballot, |(known, _)| *known) {
        Ok(at) if list[at].1 == value => Ok(()),
        Ok(at) => Err(list[at].1),
        Err(at) => {
            list.insert(at, (ballot, value));
            if list.len() > KEPT {
                list.remove(0);
            }
            Ok(())
        }
    }
}

impl World {
    /// A record is on disk.
    pub(crate) fn persisted(&mut self, process: usize, record: &Record) {
        let before = self.processes[process].record.replace(record.clone());
        let generation = record.promised.generation;
        let is_higher =
            before.as_ref().is_some_and(|before| before.promised.generation < generation);
        let founds = is_higher && Ballot::founding(generation).by == seat_of(process);
        self.trace.fold(u64::from(record.promised.round) << 20 ^ u64::from(record.accepted.round));
        if let Some(before) = before {
            self.check_monotone(process, &before, record);
            let is_new = record.accepted != before.accepted || record.decided != before.decided;
            if is_new && record.memory != Memory::Lost {
                self.check_value(process, &before, record);
            }
        }
        if record.memory == Memory::Lost {
            self.processes[process].is_amnesiac = true;
        }
        self.begin_volume(process, founds);
    }

    fn check_monotone(&mut self, process: usize, before: &Record, record: &Record) {
        let fell = |name: &str, was: Ballot, is: Ballot| {
            (is < was).then(|| format!("{name} fell from {was} to {is}"))
        };
        let fall = fell("promised", before.promised, record.promised)
            .or_else(|| fell("accepted", before.accepted, record.accepted))
            .or_else(|| fell("decided", before.decided, record.decided))
            .or_else(|| {
                (record.run < before.run)
                    .then(|| format!("run fell from {} to {}", before.run, record.run))
            });
        if let Some(fall) = fall {
            self.violate(process, fall);
        }
        if record.decided > record.accepted {
            let what = format!("decided {} is above accepted {}", record.decided, record.accepted);
            self.violate(process, what);
        }
    }

    fn check_value(&mut self, process: usize, before: &Record, record: &Record) {
        let (ballot, value) = (record.accepted, record.value);
        let register = &mut self.groups[process / 2].register;
        if let Err(other) = register.accept(ballot, value) {
            return self
                .violate(process, format!("{ballot} is {value} here and {other} elsewhere"));
        }
        let seat = seat_of(process);
        let proposes = ballot.by == seat && ballot.round > 0 && ballot > before.accepted;
        if proposes && value == Value::Sole(seat) && register.robs(ballot, seat) {
            return self.violate(process, format!("takes over from a sole holder at {ballot}"));
        }
        if !record.is_decided() {
            return;
        }
        if let Err(other) = note(&mut register.decided, ballot, value) {
            let what = format!("{value} and {other} are both decided at {ballot}");
            return self.violate(process, what);
        }
        if let Ok(at) = register.decided.binary_search_by_key(&ballot, |(known, _)| *known) {
            let next = register.decided.get(at + 1).copied();
            let last = at.checked_sub(1).map(|at| register.decided[at]);
            let chain = [last, Some((ballot, value)), next];
            for pair in chain.windows(2) {
                if let [Some((from, old)), Some((to, new))] = *pair
                    && from.generation == to.generation
                    && !old.may_become(new)
                {
                    let what = format!("{old} at {from} became {new} at {to}");
                    return self.violate(process, what);
                }
            }
        }
        self.check_sole(process, record);
    }

    /// Two nodes never have sole rights in one generation.
    fn check_sole(&mut self, process: usize, record: &Record) {
        let is_sole = |record: &Record, seat: Seat| {
            record.value == Value::Sole(seat)
                && record.is_decided()
                && !record.dissolved
                && record.memory == Memory::Whole
        };
        let peer = process ^ 1;
        let Some(other) = &self.processes[peer].record else { return };
        let both = is_sole(record, seat_of(process)) && is_sole(other, seat_of(peer));
        let is_one_generation = record.accepted.generation == other.accepted.generation;
        if both && is_one_generation && !self.processes[peer].is_amnesiac {
            let what =
                format!("sole holder at {}, the other at {}", record.accepted, other.accepted);
            self.violate(process, what);
        }
    }

    /// A witness starts without memory.
    pub(crate) fn register_witness_starts(&mut self, witness: usize) {
        self.trace.fold(witness as u64);
    }

    /// A witness may vote, and did something about it.
    pub(crate) fn register_witness(
        &mut self,
        witness: usize,
        group: usize,
        before: Option<Known>,
        after: Known,
    ) {
        let Some(before) = before else {
            if self.now > 0 && self.witnesses[witness].life > 1 {
                self.coverage.see(Seen::WitnessForgot);
            }
            return;
        };
        if after.promised < before.promised || after.accepted < before.accepted {
            let what = format!("the witness fell from {} to {}", before.promised, after.promised);
            self.violate(group * 2, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Seat::{Primary, Secondary};
    use Value::{Pair, Sole};

    fn at(round: u32, by: Seat) -> Ballot {
        Ballot { generation: 1, round, by }
    }

    #[test]
    fn a_takeover_needs_a_pair_since_the_last_sole_holder() {
        let mut register = Register::default();
        for (round, value) in [(1, Pair(Primary)), (2, Sole(Primary))] {
            register.accept(at(round, Primary), value).unwrap();
            note(&mut register.decided, at(round, Primary), value).unwrap();
        }
        assert!(register.robs(at(3, Secondary), Secondary));
        assert!(!register.robs(at(3, Primary), Primary));
        register.accept(at(3, Primary), Pair(Primary)).unwrap();
        assert!(!register.robs(at(4, Secondary), Secondary));
    }

    #[test]
    fn one_ballot_has_one_value() {
        let mut register = Register::default();
        register.accept(at(1, Primary), Pair(Primary)).unwrap();
        assert_eq!(register.accept(at(1, Primary), Sole(Primary)), Err(Pair(Primary)));
    }
}
