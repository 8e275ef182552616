//! Arguments of the operators' commands of a pair.

use std::net::{IpAddr, SocketAddr};

use clap::{Args, Subcommand, ValueEnum};
use node::key_hash::KeyHash;

use super::node::Node;

/// A group of this node.
#[derive(Debug, Args)]
pub(crate) struct Group {
    /// Which one, when this node is in several: the number in `mseos3`.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) instance: Option<u32>,
    #[command(flatten)]
    pub(crate) node: Node,
}

/// A group, for what cannot be taken back.
#[derive(Debug, Args)]
pub(crate) struct Confirmed {
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) group: Group,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HaCommand {
    /// How each pair of this node is: state, heartbeats, replication.
    Status {
        #[command(flatten)]
        node: Node,
    },
    /// The latest events, newest first.
    Events {
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "COUNT")]
        limit: usize,
        #[command(flatten)]
        node: Node,
    },
    /// Every event that is kept, oldest first, with its number and group.
    History {
        /// Only those after this number.
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        after: u64,
        #[command(flatten)]
        node: Node,
    },
    /// Hand the service to the secondary, without losing anything.
    Switchover(Group),
    /// Hand the service back to the primary, without losing anything.
    Failback(Group),
    /// No automatic failover until `resume`.
    Pause(Group),
    /// Automatic failover again.
    Resume(Group),
    /// Let a node that has lost its memory back in.
    Enrol(Group),
    /// Make this node serve by decree, when the other one is known to be dead.
    Force(Confirmed),
    /// Dissolve the pair; also when the other node is dead.
    Unpair(Confirmed),
    /// Set the password of an operator who may pair this node, or have this witness vote. It is typed
    /// unseen, or read from standard input when that is a pipe.
    Passwd {
        /// The operator's name.
        #[arg(default_value = "admin")]
        name: String,
        #[command(flatten)]
        node: Node,
    },
    /// Pair this primary with a secondary. The password of the secondary's operator is typed unseen,
    /// or read from standard input when that is a pipe.
    Pair(Box<Pair>),
}

/// What pairing is told.
#[derive(Debug, Args)]
pub(crate) struct Pair {
    /// Health monitor address of the secondary.
    pub(crate) address: IpAddr,
    /// Its port.
    #[arg(long, default_value_t = monitor::config::PORT)]
    pub(crate) port: u16,
    /// SHA-2 key hash of the secondary, as `mse cmdshell show server-auth-info` prints it there.
    #[arg(long, value_name = "HASH")]
    pub(crate) key_hash: KeyHash,
    /// Operator of the secondary, as `mse setup` made it there.
    #[arg(long, default_value = crate::setup::OPERATOR)]
    pub(crate) user: String,
    /// Who starts a failover; automatic needs a witness.
    #[arg(long, value_enum, default_value_t = Mode::Manual)]
    pub(crate) failover: Mode,
    /// Who starts a failback.
    #[arg(long, value_enum, default_value_t = Mode::Manual)]
    pub(crate) failback: Mode,
    /// Failover wait time in seconds.
    #[arg(long, default_value_t = 2.5, value_name = "SECONDS")]
    pub(crate) failover_wait: f64,
    /// Address and port of the witness.
    #[arg(long, requires = "witness_key_hash", value_name = "ADDRESS:PORT")]
    pub(crate) witness: Option<SocketAddr>,
    /// Key hash of the witness.
    #[arg(long, requires = "witness", value_name = "HASH")]
    pub(crate) witness_key_hash: Option<KeyHash>,
    /// Use the direct connect interfaces of both nodes too.
    #[arg(long)]
    pub(crate) direct_connect: bool,
    /// Pair even if the secondary has fewer cores or less memory than this primary.
    #[arg(long)]
    pub(crate) allow_smaller: bool,
    #[command(flatten)]
    pub(crate) node: Node,
}

/// Who starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The pair itself.
    Automatic,
    /// An operator.
    Manual,
}

impl From<Mode> for ha::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Automatic => Self::Automatic,
            Mode::Manual => Self::Manual,
        }
    }
}
