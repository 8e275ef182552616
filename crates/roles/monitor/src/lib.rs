//! The health monitor: what keeps one node's services available.
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | the node's configuration file, as the set-up wizard writes it |
//! | [`peers`] | with whom this node is paired, and how; written by pairing, not by hand |
//! | [`operators`] | who may pair this node from another one |
//! | [`address`] | the virtual address |
//! | [`group`] | one group on this node: what drives the pair |
//! | [`monitor`](mod@monitor), [`api`] | the node's groups, and what operators ask of them |
//! | [`pairing`], [`listener`] | how nodes come to know each other, and port 8082 |
//! | [`witness`] | the third voter, on a machine of its own |
//! | [`wire`], [`links`], [`datagrams`], [`machines`] | what travels between nodes, on which connections, and from which machines |
//! | [`info`] | what `gethainfo` tells |
//! | [`process`] | which process the monitor is |
//! | [`specification`] | what a machine can carry |
//!
//! It is a small process of its own, so that a service that dies is not a host that dies: the pair,
//! its journal and the virtual address go on, and the peer takes over at once. It does not know
//! what a service does: it moves committed entries, directories and signals.

pub mod address;
pub mod api;
pub mod config;
pub mod datagrams;
pub mod group;
pub mod info;
pub mod links;
pub mod listener;
pub mod machines;
pub mod monitor;
pub mod operators;
pub mod pairing;
pub mod peers;
pub mod process;
pub mod specification;
pub mod wire;
pub mod witness;

pub use monitor::{Monitor, StartError};
