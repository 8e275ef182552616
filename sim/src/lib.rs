//! A deterministic world in which the pair protocol is proven.
//!
//! ```text
//! world, queue, rng     time, order, dice: the seed decides everything
//! host, process, driver   machines; a data node's process drives the real ha::Member
//! disk, storage         a disk that forgets; the real journal on it; the state
//! network, witness      links that lose, double, delay; the real ha::Witness
//! snapshot, state       what is replicated, and how a backup gets all of it
//! clients, operators    who uses a pair, and who orders it about
//! options, faults       what a seed enables, and how it goes wrong
//! checkers, liveness    what must hold after every event, and at the end
//! coverage, trace, words   what was met, and what happened
//! seed, command         one run, and the command line of many
//! scenario              worlds without dice, for tests
//! model                 the other proof: every order within small bounds
//! ```

mod checkers;
mod clients;
pub mod command;
mod coverage;
mod disk;
mod driver;
mod faults;
mod host;
mod liveness;
pub mod model;
mod network;
mod operators;
mod options;
mod process;
mod queue;
mod regressions;
mod rng;
pub mod scenario;
pub mod seed;
mod snapshot;
mod state;
mod storage;
mod trace;
mod witness;
mod words;
mod world;

pub use checkers::Violation;
pub use coverage::Coverage;
