//! The peers: how each is set up, and what can be asked of all of them.

mod auto_failover;
mod keepalived;
mod pacemaker;
mod patroni;

use anyhow::Result;

use super::machine::Field;
use crate::lab::{Host, VIRTUAL};

/// What a peer keeps available, and so what its clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An address; clients ask who answers.
    Address,
    /// A database; clients insert rows.
    Rows,
}

/// A system under comparison, on machines A, B and W.
pub(super) trait Peer: std::fmt::Debug {
    /// As its authors write it.
    fn name(&self) -> &'static str;

    fn kind(&self) -> Kind;

    /// On return it is complete and serves.
    fn set_up(&self, field: &Field) -> Result<()>;

    /// Whether a process of this name is a part of what makes it available, rather than of what is
    /// kept available.
    fn is_ha(&self, process: &str) -> bool;

    /// Has the other node serve, as an operator would.
    fn switch(&self, field: &Field, from: Host) -> Result<()>;
}

/// All of them, in the order of the table.
pub(super) const ALL: [&dyn Peer; 4] = [
    &keepalived::Keepalived,
    &pacemaker::Pacemaker,
    &patroni::Patroni,
    &auto_failover::AutoFailover,
];

/// Whether a machine has the virtual address.
fn holds_virtual(field: &Field, host: Host) -> bool {
    let shown = field.lab.ip(host.name(), "-o addr show dev eth0").unwrap_or_default();
    shown.contains(&format!(" {VIRTUAL}/"))
}

/// Who serves.
pub(super) fn active(peer: &dyn Peer, field: &Field) -> Option<Host> {
    [Host::A, Host::B].into_iter().find(|host| match peer.kind() {
        Kind::Address => holds_virtual(field, *host),
        Kind::Rows => super::rows::is_primary(field, *host),
    })
}
