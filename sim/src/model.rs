//! The model check: every order in which a pair may live through a few rounds, writes and faults.
//!
//! It drives the real [`ha::Replica`] and [`ha::Witness`], two and one of them, through every
//! interleaving that the bounds of a [`Run`] allow. There is no time: anybody may try anything at
//! any moment. The network loses, repeats and reorders; disks lag behind; nodes crash, witnesses
//! forget. After every step it asks whether the pair still keeps its promises (`flaw`).
//!
//! What it deliberately does not do: timers and leases (the simulator's part), snapshots, corrupt
//! disks, and more than a handful of rounds. Appendix A of `shared/design/ha.md` tells what the
//! reference model found with the same bounds.
//!
//! The checker is stateright's breadth-first search. States are small: parts that did not change
//! are shared, hashed once (`shared`), and the outcome of an input at a node is remembered, because
//! the same node meets the same input in very many states.

mod bounds;
mod check;
mod coverage;
mod flaw;
mod moves;
mod net;
mod node;
mod shared;
mod walk;
mod world;

pub use bounds::{Depth, RUNS, Run};
pub use check::{Verdict, check};
pub use coverage::Coverage;
