//! Runs a search and says what came of it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::bounds::Run;
use super::coverage::Coverage;
use super::moves::{self, Move};
use super::walk::walk;
use super::world::World;

/// Threads of a search. Ours: the cores of the machines that check changes.
pub(super) const THREADS: usize = 2;
/// The one property: every promise is a [`super::flaw::Flaw`] when it is broken.
const SOUND: &str = "no promise is broken";

/// What came of a run.
#[derive(Debug)]
pub struct Verdict {
    /// Distinct states.
    pub states: usize,
    /// Transitions.
    pub transitions: usize,
    /// Longest shortest way to a state.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Whether every state was seen.
    pub is_finished: bool,
    /// The way to a broken promise, one step a line, with the promise last; nothing when all hold.
    pub counterexample: Option<String>,
}

struct Search {
    run: &'static Run,
    coverage: Arc<Coverage>,
}

/// Searches all states of a run, or as many as there is time for.
pub fn check(run: &'static Run, coverage: &Arc<Coverage>, limit: Option<Duration>) -> Verdict {
    if run.walk_s > 0 {
        return walk(run, coverage, limit.unwrap_or(Duration::from_secs(run.walk_s)));
    }
    let begun = Instant::now();
    let search = Search { run, coverage: Arc::clone(coverage) };
    let mut builder = search.checker().threads(THREADS).finish_when(HasDiscoveries::AnyFailures);
    if let Some(limit) = limit {
        builder = builder.timeout(limit);
    }
    let checker = builder.spawn_bfs().join();
    let took = begun.elapsed();
    Verdict {
        states: checker.unique_state_count(),
        transitions: checker.state_count(),
        depth: checker.max_depth(),
        took,
        is_finished: limit.is_none_or(|limit| took < limit),
        counterexample: checker.discovery(SOUND).map(|path| story(&path.into_vec())),
    }
}

pub(super) fn story(path: &[(World, Option<Move>)]) -> String {
    let mut story = String::new();
    for (number, (world, step)) in path.iter().enumerate() {
        let _ = writeln!(story, "      {}", world.line());
        if let Some(step) = step {
            let _ = writeln!(story, "{:>4}. {}", number + 1, world.describe(*step));
        }
        if let Some(flaw) = &world.flaw {
            let _ = writeln!(story, "      => {flaw}");
        }
    }
    story
}

impl Model for Search {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin(self.run, &self.coverage)]
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        if world.flaw.is_none() {
            moves::moves(self.run, world, moves);
        }
    }

    fn next_state(&self, world: &World, step: Move) -> Option<World> {
        world.step(self.run, &self.coverage, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(SOUND, |_, world: &World| world.flaw.is_none())]
    }
}
