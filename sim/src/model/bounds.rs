//! The runs: what may happen in each, and how often.

use ha::Change;

/// When a run belongs to the set that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// With every change.
    Quick,
    /// Now and then; takes long.
    Deep,
}

/// How the pair stands when a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Just founded: the primary alone, the secondary has never been in the group.
    Founded,
    /// The primary alone, the secondary follows and has everything.
    Sole,
    /// PAIR(primary).
    Pair,
}

/// The bounds of one exhaustive search.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// By which it is asked for.
    pub name: &'static str,
    /// What it is there to show.
    pub about: &'static str,
    /// Whether it takes long.
    pub depth: Depth,
    /// Random walks for so long, instead of every order.
    pub(super) walk_s: u64,
    pub(super) start: Start,
    pub(super) has_witness: bool,
    /// Which changes are tried.
    pub(super) changes: &'static [Change],
    /// Rounds after the start: any node may use each of them.
    pub(super) rounds: u32,
    /// Length of the log.
    pub(super) entries: u64,
    /// A crash loses everything volatile and the end of the journal that is not on disk.
    pub(super) crashes: u8,
    /// A crash may set the applied state back to the beginning.
    pub(super) applied_lags: bool,
    /// A crash may fall between any two effects of one input, too.
    pub(super) tears: bool,
    /// How often the witness forgets everything.
    pub(super) amnesias: u8,
    /// How often a data node comes back on an empty disk.
    pub(super) blanks: u8,
    /// How often a node freezes and hands over.
    pub(super) handovers: u8,
    /// A backup may be given a snapshot of its holder instead of entries.
    pub(super) snapshots: bool,
    /// One of the operator's orders may be to dissolve the group.
    pub(super) dissolves: bool,
    /// How often an operator forces a node.
    pub(super) forces: u8,
    /// Entries are on disk only when the disk says so; otherwise at once.
    pub(super) slow_disk: bool,
    /// What is safe is acknowledged some time; otherwise at once.
    pub(super) slow_clients: bool,
    /// A running proposal may be overtaken by the next one of the same node.
    pub(super) overlaps: bool,
    /// The witness is told what was decided; it could do without.
    pub(super) witness_learns: bool,
    /// Refusals travel; the pair could do without, since whoever gives up may try again.
    pub(super) refusals: bool,
    /// Nodes note on disk how far their log is.
    pub(super) hints: bool,
    /// Messages of the journal are delivered even when they should mean nothing any more.
    pub(super) hoards: bool,
}

/// Nothing but rounds and writes.
const PLAIN: Run = Run {
    name: "",
    about: "",
    depth: Depth::Quick,
    walk_s: 0,
    start: Start::Pair,
    has_witness: true,
    changes: &[Change::Shrink, Change::Takeover, Change::Readmit, Change::Confirm],
    rounds: 2,
    entries: 1,
    crashes: 0,
    applied_lags: false,
    tears: false,
    amnesias: 0,
    blanks: 0,
    handovers: 0,
    snapshots: false,
    dissolves: false,
    forces: 0,
    slow_disk: false,
    slow_clients: false,
    overlaps: false,
    witness_learns: false,
    refusals: false,
    hints: false,
    hoards: false,
};

/// Every run.
pub const RUNS: &[Run] = &[
    Run { name: "rounds", about: "only the network fails", rounds: 3, ..PLAIN },
    Run {
        name: "slow",
        about: "disks and clients lag behind; two entries",
        entries: 2,
        slow_disk: true,
        slow_clients: true,
        ..PLAIN
    },
    Run { name: "overlaps", overlaps: true, witness_learns: true, ..PLAIN },
    Run {
        name: "crash",
        crashes: 1,
        applied_lags: true,
        tears: true,
        slow_disk: true,
        hints: true,
        ..PLAIN
    },
    Run { name: "crash-a", crashes: 1, applied_lags: true, slow_disk: true, ..PLAIN },
    Run { name: "crash-b", crashes: 1, slow_disk: true, hints: true, ..PLAIN },
    Run {
        name: "crash-lag",
        rounds: 1,
        crashes: 1,
        applied_lags: true,
        slow_disk: true,
        slow_clients: true,
        ..PLAIN
    },
    Run { name: "crash-2", rounds: 1, crashes: 2, applied_lags: true, slow_disk: true, ..PLAIN },
    Run { name: "crash-long", rounds: 1, entries: 2, crashes: 1, slow_disk: true, ..PLAIN },
    Run {
        name: "refusals",
        rounds: 1,
        crashes: 1,
        refusals: true,
        hoards: true,
        witness_learns: true,
        ..PLAIN
    },
    Run {
        name: "refusals-slow",
        rounds: 1,
        crashes: 1,
        slow_disk: true,
        refusals: true,
        hoards: true,
        ..PLAIN
    },
    Run { name: "handover", changes: WITH_HANDOVER, handovers: 1, ..PLAIN },
    Run {
        name: "handover-crash1",
        rounds: 1,
        changes: WITH_HANDOVER,
        handovers: 1,
        crashes: 1,
        ..PLAIN
    },
    Run { name: "handover-crash", changes: WITH_HANDOVER, handovers: 1, crashes: 1, ..PLAIN },
    Run {
        name: "nowitness",
        start: Start::Sole,
        has_witness: false,
        changes: &[Change::Confirm, Change::Handover],
        rounds: 4,
        entries: 2,
        crashes: 1,
        handovers: 2,
        ..PLAIN
    },
    Run {
        name: "nowitness-all",
        has_witness: false,
        changes: &Change::ALL,
        rounds: 2,
        entries: 2,
        crashes: 1,
        handovers: 1,
        ..PLAIN
    },
    Run { name: "amnesia", rounds: 1, amnesias: 1, ..PLAIN },
    Run { name: "amnesia-crash", rounds: 1, amnesias: 1, crashes: 1, ..PLAIN },
    Run { name: "amnesia-2", rounds: 1, amnesias: 2, ..PLAIN },
    Run { name: "blank", rounds: 1, blanks: 1, ..PLAIN },
    Run { name: "blank-crash", rounds: 1, blanks: 1, crashes: 1, ..PLAIN },
    Run { name: "force", rounds: 1, forces: 1, ..PLAIN },
    Run { name: "force2", rounds: 1, forces: 2, ..PLAIN },
    Run { name: "force-crash", rounds: 1, forces: 1, crashes: 1, ..PLAIN },
    Run { name: "snapshot", rounds: 1, snapshots: true, entries: 2, ..PLAIN },
    Run { name: "dissolve", rounds: 1, forces: 1, dissolves: true, ..PLAIN },
    Run { name: "founded", start: Start::Founded, rounds: 1, ..PLAIN },
    Run { name: "walk", ..WILD },
    Run { name: "walkcalm", blanks: 0, amnesias: 0, ..WILD },
    Run { name: "walkforce", forces: 3, ..WILD },
    Run { name: "walknowit", has_witness: false, start: Start::Sole, ..WILD },
];

/// Everything, any number of times.
const WILD: Run = Run {
    walk_s: 10,
    changes: &Change::ALL,
    rounds: u32::MAX / 2,
    entries: 40,
    crashes: u8::MAX,
    applied_lags: true,
    tears: true,
    amnesias: u8::MAX,
    blanks: u8::MAX,
    handovers: u8::MAX,
    snapshots: true,
    slow_disk: true,
    slow_clients: true,
    overlaps: true,
    witness_learns: true,
    refusals: true,
    hints: true,
    hoards: true,
    ..PLAIN
};

const WITH_HANDOVER: &[Change] =
    &[Change::Shrink, Change::Takeover, Change::Readmit, Change::Confirm, Change::Handover];

impl Run {
    /// The run of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        RUNS.iter().find(|run| run.name == name)
    }
}
