//! What clients and operators see: one address, and progress that does not run backwards.

use ha::Memory;
use model::pair::Epoch;

use crate::queue::SECOND;
use crate::world::World;

/// How far a synchronisation had come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    session: Option<Epoch>,
    percent: u8,
}

impl World {
    /// A node has taken the address: nobody else has it.
    pub(crate) fn address_taken(&mut self, process: usize) {
        self.trace.fold(process as u64);
        let group = process / 2;
        let hold = |process: usize| self.processes[process].hold.map(|hold| hold.generation);
        let (mine, theirs) = (hold(process), hold(process ^ 1));
        // An operator who forces a node answers for the address of the other one.
        if mine != theirs || self.groups[group].is_careless {
            return;
        }
        // A hypervisor that stops a machine stops its clock: its address outlives its lease.
        let settings = &self.options.settings[group];
        let shadow = (settings.lease_ms + settings.address_life_ms) * 1_000 + SECOND;
        let is_excused = [process, process ^ 1].into_iter().any(|process| {
            let host = &self.hosts[self.processes[process].machine];
            host.is_paused() || host.unpaused_at.is_some_and(|at| self.now < at + shadow)
        });
        if !is_excused {
            self.violate(process, "takes the address while the other node has it");
        }
    }

    /// Progress of one synchronisation never runs backwards.
    pub(crate) fn check_progress(&mut self, process: usize) {
        let Some(member) = &self.processes[process].member else { return };
        let replica = member.replica();
        if replica.record().memory == Memory::Lost {
            return;
        }
        // Both sides count in sessions: the holder's own, or the one that is followed.
        let session = replica.session().or(replica.followed());
        let percent = member.status(self.processes[process].handled_at).sync_percent;
        let known = &mut self.groups[process / 2].progress[process % 2];
        if known.session == session && session.is_some() && percent < known.percent {
            let what = format!("progress fell from {} to {percent}", known.percent);
            self.violate(process, what);
            return;
        }
        *known = Progress { session, percent };
    }
}
