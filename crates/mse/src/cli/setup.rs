//! Arguments of the set-up wizard.

use std::path::PathBuf;

use clap::Args;

use super::node::Node;

/// What the wizard is told.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    #[command(flatten)]
    pub(crate) node: Node,
    /// Take the answers from this TOML file and ask nothing.
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,
    /// Write the answers to standard output at the end, as a file for --answers. Passwords are not
    /// in it, but their hashes are.
    #[arg(long)]
    pub(crate) print_answers: bool,
    /// Also write the host's network, name, time zone and NTP configuration. Without it they are
    /// never touched.
    #[arg(long)]
    pub(crate) apply_network: bool,
    /// The host's file system: its names and addresses are the defaults, and the files of
    /// --apply-network go there.
    #[arg(long, default_value = "/", value_name = "DIR")]
    pub(crate) root: PathBuf,
}
