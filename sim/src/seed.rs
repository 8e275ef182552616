//! One seed, from its beginning to its end; and many of them.

use crate::checkers::Violation;
use crate::coverage::Coverage;
use crate::faults::Fault;
use crate::options::Options;
use crate::trace::Trace;
use crate::world::World;

/// How a seed is run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Which one.
    pub seed: u64,
    /// Simulated minutes of faults.
    pub minutes: u64,
    /// Keep the words of what happens.
    pub is_traced: bool,
    /// Those of beacons and clocks, too.
    pub with_beacons: bool,
}

/// How it ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// The promise that was broken.
    pub violation: Option<Violation>,
    /// What was met.
    pub coverage: Coverage,
    /// Everything that happened, folded.
    pub hash: u64,
    /// Events.
    pub events: u64,
    /// Microseconds of the world.
    pub simulated: u64,
    /// Faults by kind, in the order of [`fault_names`].
    pub faults: Vec<u64>,
    /// Takeovers.
    pub failovers: u64,
    /// Handovers.
    pub handovers: u64,
    /// What the network lost, doubled, damaged, delayed and sent once more much later.
    pub network: [u64; 5],
    /// The last words, when they were kept.
    pub trace: Vec<String>,
}

/// Kinds of faults.
pub fn fault_names() -> impl Iterator<Item = &'static str> {
    Fault::ALL.iter().map(|(_, name)| *name)
}

/// Runs one seed.
pub fn run(run: Run) -> Report {
    let options = Options::swarm(run.seed, run.minutes);
    let mut trace = Trace::new(run.is_traced, run.with_beacons);
    trace.say(|| format!("{options:?}"));
    let mut world = World::new(options, trace);
    world.run_swarm();
    Report {
        violation: world.violation,
        coverage: world.coverage,
        hash: world.trace.hash(),
        events: world.events,
        simulated: world.now,
        faults: world.injected.to_vec(),
        failovers: world.failovers,
        handovers: world.handovers,
        network: [
            world.network.lost,
            world.network.doubled,
            world.network.damaged,
            world.network.late,
            world.network.echoed,
        ],
        trace: world.trace.lines().map(str::to_owned).collect(),
    }
}
