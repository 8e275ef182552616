//! What was committed, in the world's own memory.
//!
//! A holder commits an entry when it is safe; from then on every serving holder has it, at the same
//! place, for ever, until an operator forces a node: then that node's log is the ledger. The
//! ledger looks at the simulated disks, not at what nodes believe: a holder that counts an entry as
//! safe has it on its platter, and under PAIR its backup has it, too.

use ha::{Standing, Value};
use model::pair::{Ballot, Position};

use crate::coverage::Seen;
use crate::storage::Chain;
use crate::world::World;

/// The ledger of one group.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) chain: Chain,
    pub(crate) generation: u32,
    /// The configuration under which it grew last: whoever committed knew it to be decided, even
    /// if nobody has it on disk yet.
    ballot: Ballot,
    /// Counts ledgers: what clients know of one means nothing in the next.
    pub(crate) volume: u32,
}

impl World {
    /// After an input: what was committed is on the disks it must be on, and a node that serves
    /// has all of it.
    pub(crate) fn check_ledger(&mut self, process: usize, served: bool, standing: Standing) {
        let Some(member) = &self.processes[process].member else { return };
        let replica = member.replica();
        let (commit, generation) = (replica.commit(), replica.record().promised.generation);
        let accepted = replica.record().accepted;
        let is_pair = replica.record().value == Value::Pair(replica.seat());
        let group = process / 2;
        if generation > self.groups[group].ledger.generation {
            return self.begin_volume(process, false);
        }
        let on_disk = self.processes[process].record.as_ref();
        if on_disk.is_none_or(|record| record.promised.generation < generation) {
            return;
        }
        let ledger = &self.groups[group].ledger;
        // Who was forced out keeps what it had until its log follows the new one.
        if generation != ledger.generation || replica.record().diverged {
            return;
        }
        let end = ledger.chain.end();
        let truth = &self.processes[process].storage.truth;
        // A holder under PAIR that was replaced does not know it, and cannot acknowledge.
        let decided = self.groups[group].register.decided();
        let is_latest =
            accepted >= ledger.ballot && decided.is_none_or(|(ballot, _)| accepted >= ballot);
        let must_have = standing.serves() && (is_latest || !is_pair);
        if must_have && truth.end() < end {
            let what = format!("serves with {} entries of {end} that were committed", truth.end());
            return self.violate(process, what);
        }
        if must_have && truth.hash(end) != ledger.chain.hash(end) {
            let what = format!("serves with another entry at {end} than was committed");
            return self.violate(process, what);
        }
        if commit > end {
            if !served && !standing.serves() {
                return self.violate(process, format!("commits {commit}, a holder only {end}"));
            }
            self.extend_ledger(process, commit, is_pair && standing.serves());
        }
    }

    fn extend_ledger(&mut self, process: usize, commit: u64, needs_backup: bool) {
        let storage = &self.processes[process].storage;
        if storage.durable < commit {
            let what = format!("commits {commit} with {} on its disk", storage.durable);
            return self.violate(process, what);
        }
        let peer = &self.processes[process ^ 1];
        let generation = |process: usize| {
            let record = self.processes[process].record.as_ref();
            record.map_or(0, |record| record.promised.generation)
        };
        let is_comparable = !peer.is_amnesiac && generation(process ^ 1) == generation(process);
        let has_it = peer.storage.durable >= commit
            && peer.storage.truth.hash(commit) == storage.truth.hash(commit);
        if needs_backup && is_comparable && !has_it {
            let what = format!("commits {commit} under PAIR, its backup has not got it on disk");
            return self.violate(process, what);
        }
        let member = self.processes[process].member.as_ref();
        let ballot = member.map_or(Ballot::default(), |member| member.replica().record().accepted);
        let ledger = &mut self.groups[process / 2].ledger;
        ledger.ballot = ledger.ballot.max(ballot);
        ledger.chain.follow(&self.processes[process].storage.truth, commit);
        self.trace.fold(commit);
    }

    /// An operator made this node holder by decree: what it has is what there is. A decree that is
    /// not on disk yet is forgotten with the process, and nobody has heard of it. One that `founds`
    /// begins anew even if there was another of that number: its disk was lost since.
    pub(crate) fn begin_volume(&mut self, process: usize, founds: bool) {
        let node = &self.processes[process];
        let Some((member, on_disk)) = node.member.as_ref().zip(node.record.as_ref()) else {
            return;
        };
        let replica = member.replica();
        let (commit, generation) = (replica.commit(), on_disk.promised.generation);
        let is_new = generation > self.groups[process / 2].ledger.generation;
        if !(is_new || founds) || !replica.standing().serves() {
            return;
        }
        let mut chain = self.processes[process].storage.truth.clone();
        chain.cut(commit);
        let ledger = &mut self.groups[process / 2].ledger;
        ledger.chain = chain;
        ledger.generation = generation;
        ledger.volume += 1;
        self.forget_reads(process / 2);
    }

    /// A client is told that its write is safe. Says whether by a node of the newest generation.
    pub(crate) fn acknowledged(&mut self, process: usize, index: u64) -> bool {
        let Some(member) = &self.processes[process].member else { return false };
        let record = member.replica().record();
        let ledger = &self.groups[process / 2].ledger;
        if record.promised.generation < ledger.generation {
            self.coverage.see(Seen::StaleGeneration);
            return false;
        }
        if ledger.chain.end() < index {
            self.violate(process, format!("acknowledges {index}, which is not committed"));
        }
        true
    }

    /// An entry was applied: it was committed, and the state is what everybody else's is.
    pub(crate) fn applied(&mut self, process: usize, position: Position) {
        let Some(member) = &self.processes[process].member else { return };
        let record = member.replica().record();
        let ledger = &self.groups[process / 2].ledger;
        if record.promised.generation != ledger.generation || record.dissolved || record.diverged {
            return;
        }
        let index = position.index;
        let hash = self.processes[process].storage.state.hash;
        if index > ledger.chain.end() {
            self.violate(process, format!("applies {position}, which nobody has committed"));
        } else if ledger.chain.hash(index).is_some_and(|committed| committed != hash) {
            self.violate(process, format!("applies {position}, and another was committed"));
        }
    }

    /// A node threw its log away.
    pub(crate) fn wiped(&mut self, process: usize) {
        self.coverage.see(Seen::DivergenceWiped);
        self.trace.fold(process as u64);
    }
}
