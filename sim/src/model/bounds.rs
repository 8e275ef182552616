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
#[expect(clippy::struct_excessive_bools, reason = "each allows something of its own")]
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

/// Every run. The sizes are those of Appendix A in `shared/design/ha.md`, cut to what two cores
/// search in three minutes; the deep ones are as large as its own.
pub const RUNS: &[Run] = &[
    Run { name: "rounds", about: "three rounds; only the network fails", rounds: 3, ..PLAIN },
    Run {
        name: "slow",
        about: "disk and clients lag behind",
        slow_disk: true,
        slow_clients: true,
        overlaps: true,
        witness_learns: true,
        ..PLAIN
    },
    Run {
        name: "tail",
        about: "a crash loses what is not on disk, between any two effects",
        rounds: 1,
        crashes: 1,
        tears: true,
        slow_disk: true,
        hints: true,
        ..PLAIN
    },
    Run {
        name: "lag",
        about: "a crash sets the applied state of a sole holder back",
        start: Start::Sole,
        changes: &[Change::Takeover, Change::Readmit],
        crashes: 1,
        applied_lags: true,
        slow_clients: true,
        ..PLAIN
    },
    Run { name: "crashes", about: "two crashes", rounds: 1, crashes: 2, ..PLAIN },
    Run {
        name: "refusals",
        about: "refusals travel",
        rounds: 1,
        crashes: 1,
        refusals: true,
        ..PLAIN
    },
    Run {
        name: "stale",
        about: "messages of the journal come back when their session is long over",
        rounds: 1,
        crashes: 1,
        slow_disk: true,
        hoards: true,
        ..PLAIN
    },
    Run {
        name: "handover",
        about: "frozen, drained, handed over",
        changes: WITH_HANDOVER,
        handovers: 1,
        ..PLAIN
    },
    Run {
        name: "handover-crash",
        about: "a crash during a handover",
        rounds: 1,
        changes: WITH_HANDOVER,
        handovers: 1,
        crashes: 1,
        ..PLAIN
    },
    Run {
        name: "no-witness",
        about: "two nodes alone, handed over to and fro",
        start: Start::Sole,
        has_witness: false,
        changes: &[Change::Confirm, Change::Handover],
        rounds: 3,
        crashes: 1,
        handovers: 2,
        ..PLAIN
    },
    Run { name: "amnesia", about: "the witness forgets", rounds: 1, amnesias: 1, ..PLAIN },
    Run { name: "blank", about: "a data node loses its disk", rounds: 1, blanks: 1, ..PLAIN },
    Run {
        name: "force",
        about: "an operator forces a node, or dissolves the group",
        rounds: 1,
        forces: 1,
        dissolves: true,
        changes: &[Change::Shrink, Change::Takeover, Change::Confirm],
        ..PLAIN
    },
    Run {
        name: "snapshot",
        about: "a backup is given a snapshot instead of entries",
        rounds: 1,
        entries: 2,
        snapshots: true,
        ..PLAIN
    },
    Run {
        name: "founded",
        about: "from the founding on",
        start: Start::Founded,
        rounds: 1,
        entries: 0,
        ..PLAIN
    },
    Run { name: "walk", about: "long lives with every fault", ..WILD },
    Run {
        name: "walk-forced",
        about: "the same, and operators who force and dissolve",
        forces: 4,
        dissolves: true,
        ..WILD
    },
    Run {
        name: "walk-calm",
        about: "long lives without loss of memory",
        amnesias: 0,
        blanks: 0,
        ..WILD
    },
    Run {
        name: "walk-alone",
        about: "long lives without a witness",
        start: Start::Sole,
        has_witness: false,
        ..WILD
    },
    Run { name: "deep-crash", about: "a crash within two rounds", crashes: 1, ..DEEP },
    Run {
        name: "deep-tail",
        about: "two entries, two rounds, lagging disk and clients",
        entries: 2,
        slow_disk: true,
        slow_clients: true,
        ..DEEP
    },
    Run {
        name: "deep-torn",
        about: "two entries; a crash between any two effects",
        rounds: 1,
        entries: 2,
        crashes: 1,
        tears: true,
        slow_disk: true,
        ..DEEP
    },
    Run {
        name: "deep-handover",
        about: "a crash during a handover, two rounds",
        changes: WITH_HANDOVER,
        handovers: 1,
        crashes: 1,
        ..DEEP
    },
    Run { name: "deep-amnesia", about: "the witness forgets, two rounds", amnesias: 1, ..DEEP },
    Run {
        name: "amnesia-crash",
        about: "the witness forgets, and a node crashes",
        rounds: 1,
        amnesias: 1,
        crashes: 1,
        ..DEEP
    },
    Run {
        name: "blank-crash",
        about: "a data node loses its disk, and one crashes",
        rounds: 1,
        blanks: 1,
        crashes: 1,
        applied_lags: true,
        changes: &[Change::Shrink, Change::Takeover],
        ..DEEP
    },
    Run {
        name: "deep-snapshot",
        about: "a data node loses its disk, and may be given a snapshot",
        rounds: 1,
        snapshots: true,
        blanks: 1,
        ..DEEP
    },
    Run {
        name: "deep-founded",
        about: "from the founding on, with an entry",
        start: Start::Founded,
        rounds: 1,
        ..DEEP
    },
    Run { name: "deep-walk", about: "many long lives", walk_s: 300, depth: Depth::Deep, ..WILD },
];

/// Rounds and writes, in a run that takes long.
const DEEP: Run = Run { depth: Depth::Deep, ..PLAIN };

/// Everything, any number of times.
const WILD: Run = Run {
    walk_s: 8,
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
