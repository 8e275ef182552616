//! Which node of a pair a command is about.

use std::path::PathBuf;

use clap::Args;
use monitor::config::Config;

use crate::output::Failure;

/// Where a node's configuration is. Ours, next to `engine.toml`.
pub(crate) const CONFIG: &str = "/etc/mse/node.toml";
/// Where a node keeps its things when nothing says otherwise.
pub(crate) const DATA: &str = "/var/lib/mse";

/// Which node.
#[derive(Debug, Args)]
pub(crate) struct Node {
    /// Data directory; the one that the node's configuration names, or /var/lib/mse.
    #[arg(long, global = true, env = "MSE_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The node's configuration file, as `mse setup` writes it.
    #[arg(
        long,
        global = true,
        env = "MSE_NODE_CONFIG",
        default_value = CONFIG,
        value_name = "FILE"
    )]
    pub(crate) config: PathBuf,
}

/// Where a node is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) data: PathBuf,
    /// Whether a health monitor belongs to the directory; a stand-alone engine has none.
    pub(crate) has_monitor: bool,
    /// The configuration of that directory.
    pub(crate) config: Option<Config>,
}

impl Node {
    /// Where the node is.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        let config = self.config.exists().then(|| crate::commands::load::<Config>(&self.config));
        let Some(data) = &self.data else {
            let config = config.transpose()?;
            let data = config.as_ref().map_or_else(|| PathBuf::from(DATA), |it| it.data.clone());
            return Ok(Place { data, has_monitor: config.is_some(), config });
        };
        // A file that belongs to another directory, or is damaged, says nothing about this one.
        let config = config.and_then(Result::ok).filter(|config| config.data == *data);
        let has_traces = [monitor::info::SOCKET_NAME, "node/last-info.json"]
            .iter()
            .any(|name| data.join(name).exists());
        Ok(Place { data: data.clone(), has_monitor: config.is_some() || has_traces, config })
    }
}
