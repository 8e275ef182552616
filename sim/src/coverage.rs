//! What the seeds have met: a fault mix that never leads to a takeover proves nothing about one.

use ha::{Standing, Step, Trigger, Verb};

/// Something that must come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Seen {
    /// A backup took over.
    Takeover,
    /// It took over from a readmission that was still in doubt.
    TakeoverAfterDoubt,
    /// A backup took over because its holder's service had failed.
    TakeoverAfterAbdication,
    /// A planned change of the holder.
    Handover,
    /// A sole holder handed over.
    HandoverOfSole,
    /// A handover that was given up.
    HandoverAborted,
    /// A holder went on alone.
    Shrink,
    /// Both went on without the witness.
    Disarm,
    /// A backup was taken back in.
    Readmit,
    /// A disarmed pair was armed again.
    Rearm,
    /// A doubt was settled.
    Confirm,
    /// A holder's service failed and it asked its backup to take over.
    Abdication,
    /// An operator forced a node.
    Force,
    /// An operator forced a node although the other one might live.
    CarelessForce,
    /// A node that was forced out threw its log away.
    DivergenceWiped,
    /// An operator dissolved a group.
    Unpair,
    /// An operator enrolled a node without memory.
    Enrol,
    /// A snapshot was installed.
    SnapshotInstalled,
    /// A snapshot that was cut off went on where it was.
    SnapshotResumed,
    /// Recovery found entries that cannot be read.
    HoleFound,
    /// They came from the peer.
    HoleRepaired,
    /// Recovery cut a torn tail off.
    TornTailCut,
    /// Recovery found less than was promised.
    LogLost,
    /// A log was cut to follow its holder.
    Truncated,
    /// A node found that it had lost its memory.
    BlankFound,
    /// It learnt again what it had promised.
    BlankRecalled,
    /// A witness came back without memory, and was made valid again.
    WitnessForgot,
    /// A vote of a witness that had been left was not counted.
    LeftWitnessRefused,
    /// The holder changed too often.
    FlapStop,
    /// A holder served nobody for lack of a quorum.
    Suspended,
    /// A process died between two outputs.
    CrashBetweenOutputs,
    /// A process ended itself because of its disk.
    Abort,
    /// A process stopped as it was told to.
    Stopped,
    /// A command was refused.
    CommandRefused,
    /// Programs too far apart refused each other.
    Incompatible,
    /// A backup was lost because it was slow.
    SlowBackup,
    /// The witness was lost while the pair served on.
    WitnessLost,
    /// A write was acknowledged in a generation that an operator had ended elsewhere.
    StaleGeneration,
    /// A client's outcome was unknown.
    UnknownOutcome,
    /// What was unknown was read later.
    UnknownAppeared,
    /// A read was served.
    Read,
    /// A write was acknowledged.
    Write,
    /// Liveness was expected with everything healed, and held.
    LiveAll,
    /// Liveness was expected with one node away, and held.
    LivePart,
    /// No service was promised with one node away.
    NotPromised,
}

impl Seen {
    /// All, in the order of their numbers, with their names.
    pub(crate) const ALL: [(Self, &'static str); 45] = [
        (Self::Takeover, "takeover"),
        (Self::TakeoverAfterDoubt, "takeover after in-doubt readmit"),
        (Self::TakeoverAfterAbdication, "takeover after abdication"),
        (Self::Handover, "handover"),
        (Self::HandoverOfSole, "handover of a sole holder"),
        (Self::HandoverAborted, "handover aborted"),
        (Self::Shrink, "shrink"),
        (Self::Disarm, "disarm"),
        (Self::Readmit, "readmit"),
        (Self::Rearm, "rearm"),
        (Self::Confirm, "confirm"),
        (Self::Abdication, "abdication"),
        (Self::Force, "force"),
        (Self::CarelessForce, "careless force"),
        (Self::DivergenceWiped, "divergence wiped"),
        (Self::Unpair, "unpair"),
        (Self::Enrol, "enrol"),
        (Self::SnapshotInstalled, "snapshot installed"),
        (Self::SnapshotResumed, "snapshot resumed"),
        (Self::HoleFound, "hole found"),
        (Self::HoleRepaired, "hole repaired"),
        (Self::TornTailCut, "torn tail cut"),
        (Self::LogLost, "log lost"),
        (Self::Truncated, "truncated"),
        (Self::BlankFound, "blank found"),
        (Self::BlankRecalled, "blank recalled"),
        (Self::WitnessForgot, "witness forgot"),
        (Self::LeftWitnessRefused, "left witness refused"),
        (Self::FlapStop, "flap stop"),
        (Self::Suspended, "suspended"),
        (Self::CrashBetweenOutputs, "crash between outputs"),
        (Self::Abort, "abort"),
        (Self::Stopped, "stopped"),
        (Self::CommandRefused, "command refused"),
        (Self::Incompatible, "incompatible"),
        (Self::SlowBackup, "slow backup"),
        (Self::WitnessLost, "witness lost"),
        (Self::StaleGeneration, "stale generation"),
        (Self::UnknownOutcome, "unknown outcome"),
        (Self::UnknownAppeared, "unknown appeared"),
        (Self::Read, "read"),
        (Self::Write, "write"),
        (Self::LiveAll, "live when all is healed"),
        (Self::LivePart, "live with one node away"),
        (Self::NotPromised, "not promised with one node away"),
    ];
}

const STANDINGS: usize = Standing::ALL.len();
const TRIGGERS: usize = Trigger::ALL.len();

/// Counters over seeds.
#[derive(Debug, Clone)]
pub struct Coverage {
    seen: [u64; Seen::ALL.len()],
    steps: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { seen: [0; Seen::ALL.len()], steps: vec![0; STANDINGS * TRIGGERS * STANDINGS] }
    }
}

impl Coverage {
    /// Counts it.
    pub(crate) fn see(&mut self, what: Seen) {
        self.seen[what as usize] += 1;
    }

    /// How often it was seen.
    pub(crate) fn count(&self, what: Seen) -> u64 {
        self.seen[what as usize]
    }

    /// Counts a transition. Unknown triggers do not exist: the table is closed.
    pub(crate) fn step(&mut self, step: Step) {
        let trigger = Trigger::ALL.iter().position(|trigger| *trigger == step.trigger);
        let from = Standing::ALL.iter().position(|standing| *standing == step.from);
        let to = Standing::ALL.iter().position(|standing| *standing == step.to);
        if let (Some(from), Some(trigger), Some(to)) = (from, trigger, to) {
            self.steps[(from * TRIGGERS + trigger) * STANDINGS + to] += 1;
        }
    }

    /// Adds the counts of another world.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.seen.iter_mut().zip(&other.seen) {
            *mine += theirs;
        }
        for (mine, theirs) in self.steps.iter_mut().zip(&other.steps) {
            *mine += theirs;
        }
    }

    /// Every named counter.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Seen::ALL.iter().map(|(what, name)| (*name, self.count(*what)))
    }

    /// Rows of the table that were met, of those that there are.
    pub fn rows(&self) -> (usize, usize) {
        let rows = STANDINGS * TRIGGERS;
        let met = self.steps.chunks(STANDINGS).filter(|row| row.iter().any(|count| *count > 0));
        (met.count(), rows)
    }

    /// Moves that the table allows and no seed has made: from, trigger, to.
    pub fn unseen_moves(&self) -> Vec<(Standing, Trigger, Standing)> {
        let mut unseen = Vec::new();
        for (from_at, from) in Standing::ALL.into_iter().enumerate() {
            for (trigger_at, trigger) in Trigger::ALL.into_iter().enumerate() {
                let row = ha::rule(from, trigger);
                for (to_at, to) in Standing::ALL.into_iter().enumerate() {
                    let at = (from_at * TRIGGERS + trigger_at) * STANDINGS + to_at;
                    let is_move = to != from && row.verb == Verb::Act && row.next.contains(&to);
                    if is_move && self.steps[at] == 0 {
                        unseen.push((from, trigger, to));
                    }
                }
            }
        }
        unseen
    }

    /// Moves that the table allows.
    pub fn moves(&self) -> usize {
        let mut moves = 0;
        for from in Standing::ALL {
            for trigger in Trigger::ALL {
                let row = ha::rule(from, trigger);
                if row.verb == Verb::Act {
                    moves += row.next.iter().filter(|to| **to != from).count();
                }
            }
        }
        moves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_number_and_name() {
        for (at, (what, _)) in Seen::ALL.iter().enumerate() {
            assert_eq!(*what as usize, at);
        }
    }
}
