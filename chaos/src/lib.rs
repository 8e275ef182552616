//! Chaos: real pairs of the real program, in network namespaces, broken on purpose.
//!
//! The simulator (`sim`) proves the protocol in worlds without a clock. Here is the rest: the
//! program as it is shipped, its sockets, its disk and the kernel's own timers. A run sets up two
//! nodes, a witness and clients on one switch, pairs them as an operator would, breaks something
//! while clients write and ask, mends it, and then compares what clients were told with what is
//! there.
//!
//! It is a crate of its own beside `sim` rather than a part of `xtask`, because the service that it
//! has the pair replicate implements [`node::service::Replicated`], and `xtask` uses none of our
//! crates. It deliberately does not know the monitor or the protocol's state: it sees what an
//! operator and a client see.

#![expect(clippy::missing_errors_doc, reason = "test tooling: an error is for who reads the run")]

pub mod ledger;
