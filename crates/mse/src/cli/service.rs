//! `mse service ..`: arguments.

use clap::{Args, Subcommand};

use super::node::Node;

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Start the health monitor, which starts the node's service. Does nothing when it runs.
    ///
    /// With systemd and an installed mse-monitor unit this is `systemctl start mse-monitor`.
    /// Otherwise `mse monitor` is started in the background, with its log in the log directory;
    /// it runs until `mse service stop`, and does not come back after a restart of the machine.
    Start(Which),
    /// Stop the health monitor in order: a node that serves hands over first, and its last state is
    /// `GRACEFUL_SHUTDOWN`. Says what happens meanwhile. Does nothing when it does not run.
    ///
    /// Finds the process however it was started; with systemd this is `systemctl stop mse-monitor`.
    Stop(Which),
    /// Whether the node runs, and its role and state; the last state when it does not.
    ///
    /// Exits with 0 when it runs, with 3 when it does not, with 4 when there is no node here, and
    /// with 1 when it runs and does not answer.
    Status(Which),
}

/// Which node.
#[derive(Debug, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    pub(crate) node: Node,
}
