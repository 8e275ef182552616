//! What may happen next.

use ha::{Change, Standing, Value, Verb};
use model::pair::{Epoch, Position, Seat};

use super::bounds::Run;
use super::world::World;

/// Effects that are carried out before a crash tears an input apart. Ours: no input has more that
/// change the disk.
const TORN_EFFECTS_MAX: u8 = 4;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Move {
    /// The message at this place of the set arrives.
    Deliver(u16),
    /// The same, and the receiver crashes after so many effects.
    DeliverTorn(u16, u8),
    /// A node proposes a change.
    Attempt(Seat, Change),
    /// The same, and it crashes after so many effects.
    AttemptTorn(Seat, Change, u8),
    /// A client writes.
    Write(Seat),
    /// The journal is on disk.
    Durable(Seat),
    /// What is safe is acknowledged.
    Advance(Seat),
    /// A node drains.
    Freeze(Seat),
    /// It goes on after all.
    Thaw(Seat),
    /// An operator forces it.
    Force(Seat),
    /// An operator has the group dissolved.
    Dissolve(Seat),
    /// Nobody has answered since it started: it acts alone if it may.
    ActAlone(Seat),
    /// A holder takes a snapshot for its backup.
    Snapshot(Seat),
    /// The snapshot has arrived at this node.
    Install(Seat),
    /// It notes how far its log is.
    Note(Seat),
    /// It crashes and starts again; with `true` its applied state is at the beginning.
    Crash(Seat, bool),
    /// It starts on an empty disk.
    Replace(Seat),
    /// The witness forgets everything.
    WitnessForgets,
}

/// What sort of thing a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Proposal,
    /// Clients and operators.
    Work,
    /// Disks and acknowledgements catch up.
    Progress,
    Fault,
}

impl Move {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Deliver(_) => Kind::Message,
            Self::Attempt(..) => Kind::Proposal,
            Self::Write(_)
            | Self::Freeze(_)
            | Self::Thaw(_)
            | Self::Snapshot(_)
            | Self::Install(_) => Kind::Work,
            Self::Durable(_) | Self::Advance(_) | Self::Note(_) | Self::ActAlone(_) => {
                Kind::Progress
            }
            Self::DeliverTorn(..)
            | Self::AttemptTorn(..)
            | Self::Force(_)
            | Self::Dissolve(_)
            | Self::Crash(..)
            | Self::Replace(_)
            | Self::WitnessForgets => Kind::Fault,
        }
    }

    /// The same with the message at another place.
    pub(super) fn at(self, place: u16) -> Option<Self> {
        match self {
            Self::Deliver(_) => Some(Self::Deliver(place)),
            Self::DeliverTorn(_, effects) => Some(Self::DeliverTorn(place, effects)),
            _ => None,
        }
    }
}

/// Everything that may happen in `world` within the bounds of `run`.
pub(super) fn moves(run: &Run, world: &World, out: &mut Vec<Move>) {
    for seat in Seat::ALL {
        of_node(run, world, seat, out);
    }
    if run.has_witness && world.spent.amnesias < run.amnesias && world.is_memory_whole(run) {
        out.push(Move::WitnessForgets);
    }
    let may_tear = run.tears && world.spent.crashes < run.crashes;
    for place in 0..world.net.len() as u16 {
        out.push(Move::Deliver(place));
        if may_tear {
            out.extend((1..=TORN_EFFECTS_MAX).map(|effects| Move::DeliverTorn(place, effects)));
        }
    }
}

fn of_node(run: &Run, world: &World, seat: Seat, out: &mut Vec<Move>) {
    let node = world.node(seat);
    let standing = node.standing();
    let may_crash = world.spent.crashes < run.crashes;
    let may_hand_over = world.spent.handovers < run.handovers;
    for change in run.changes {
        let is_listed = ha::rule(standing, ha::Trigger::Attempt(*change)).verb == Verb::Act;
        let is_free = run.overlaps || !node.replica.is_proposing();
        if is_listed && is_free && (*change != Change::Handover || may_hand_over) {
            out.push(Move::Attempt(seat, *change));
            if run.tears && may_crash {
                let torn = |effects| Move::AttemptTorn(seat, *change, effects);
                out.extend((1..=TORN_EFFECTS_MAX).map(torn));
            }
        }
    }
    let takes_writes = matches!(standing, Standing::PairHolder | Standing::SoleHolder);
    if takes_writes && node.end().index < run.entries {
        out.push(Move::Write(seat));
    }
    if run.slow_disk && node.replica.log().durable() < node.end().index {
        out.push(Move::Durable(seat));
    }
    if run.slow_clients && standing.serves() {
        out.push(Move::Advance(seat));
    }
    if may_hand_over && run.changes.contains(&Change::Handover) {
        out.extend(takes_writes.then_some(Move::Freeze(seat)));
        out.extend((standing == Standing::Frozen).then_some(Move::Thaw(seat)));
    }
    // A blank node does not know which generations there were.
    if world.spent.forces < run.forces && standing != Standing::Blank {
        out.push(Move::Force(seat));
    }
    if standing == Standing::SoleHolder && world.spent.forces < run.forces && run.dissolves {
        out.push(Move::Dissolve(seat));
    }
    let is_sole = node.replica.record().value == Value::Sole(seat);
    if standing == Standing::Arriving && is_sole {
        out.push(Move::ActAlone(seat));
    }
    if run.snapshots {
        out.extend((takes_writes && node.replica.commit() > 0).then_some(Move::Snapshot(seat)));
        let is_for = |(to, _, _): &(Seat, Epoch, Vec<Position>)| *to == seat;
        out.extend(world.snapshot.as_deref().is_some_and(is_for).then_some(Move::Install(seat)));
    }
    if run.hints {
        out.push(Move::Note(seat));
    }
    if may_crash {
        out.push(Move::Crash(seat, false));
        out.extend(run.applied_lags.then_some(Move::Crash(seat, true)));
    }
    // The pair promises nothing when two of the three are without memory at a time.
    if world.spent.blanks < run.blanks && world.is_memory_whole(run) {
        out.push(Move::Replace(seat));
    }
}
